"""The echo server as a program: how long does its source compile, how large is it?"""

from harness.servers import LIMIT, OURS

MEASURE = "build"
SERVERS = (LIMIT, OURS, "libuv", "asio", "libevent", "libev", "io_uring")
CELLS = {"one file, optimised": {}}
