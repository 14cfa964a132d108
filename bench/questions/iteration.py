"""An iteration of the loop with nothing, one or a thousand descriptors ready: what does it cost?"""

from harness.measure import Column
from harness.servers import OURS, Server

MEASURE = "program"
SECONDS = 0.8
SERVERS = {
    "epoll": Server("micro/turn_epoll"),
    OURS: Server("micro/turn_reactor"),
    "libuv": Server("micro/turn_uv"),
    "libevent": Server("micro/turn_libevent", package="libevent-dev"),
}
COLUMNS = [Column("ready_1", "one ready", "ns"), Column("ready_0", "none", "ns"),
           Column("ready_1000", "each of a thousand", "ns")]
CELLS = {"without waiting": {}}
CAUSES = {
    "without waiting": "When there is nothing to wait for, both return without a system call. The "
                       "library looks for posted tasks",
}
