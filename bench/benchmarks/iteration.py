"""An iteration of the loop with nothing, one or a thousand descriptors ready: what does it cost?"""

from harness.measure import Column
from harness.servers import OURS, Server

MEASURE = "program"
SECONDS = 0.8
SERVERS = {
    "epoll": Server("micro/iteration_epoll"),
    OURS: Server("micro/iteration_reactor"),
    "libuv": Server("micro/iteration_uv"),
    "libevent": Server("micro/iteration_libevent", package="libevent-dev"),
}
COLUMNS = [Column("ready_1", "one ready", "ns"), Column("ready_0", "none", "ns"),
           Column("ready_1000", "each of a thousand", "ns")]
CASES = {"without waiting": {}}
CAUSES = {
    "without waiting": "When there is nothing to wait for, both return without a system call. The "
                       "library looks for posted tasks",
}
