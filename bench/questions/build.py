"""The echo server as a program: how long does its source compile, how large is it?"""

from harness.servers import LIMIT, OURS

MEASURE = "build"
SERVERS = (LIMIT, OURS, "libuv", "asio", "libevent", "libev", "io_uring")
CELLS = {"one file, optimised": {}}
CAUSES = {
    cell: "The headers bring chrono, functional and vector, the C libraries' bring none of that; and the library "
          "is in the program, theirs are shared objects beside it"
    for cell in CELLS
}
