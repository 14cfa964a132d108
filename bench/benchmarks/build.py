"""The echo server as a program: how long does its source compile, how large is it?"""

from harness.servers import BASELINE, OURS

MEASURE = "build"
SERVERS = (BASELINE, OURS, "libuv", "asio", "libevent", "libev", "io_uring")
CASES = {"one file, optimised": {}}
CAUSES = {
    case: "The headers bring chrono, functional and vector, the C libraries' bring none of that; and the library "
          "is in the program, theirs are shared objects beside it"
    for case in CASES
}
