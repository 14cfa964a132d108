"""Timers and idle deadlines with a million of them live: what does each operation cost?"""

from harness.measure import Column
from harness.servers import OURS, Server

MEASURE = "program"
SECONDS = 2.5
BASELINE = "libuv"
SERVERS = {
    BASELINE: Server("micro/timers_uv"),
    OURS: Server("micro/timers_reactor"),
    "asio": Server("micro/timers_asio", package="libasio-dev"),
    "libevent": Server("micro/timers_libevent", package="libevent-dev"),
}
COLUMNS = [
    Column("touch", "touch a deadline", "ns"), Column("touch_cold", "a cold one", "ns"),
    Column("arm", "arm one", "ns"), Column("start", "start a timer", "ns"),
    Column("restart_hot", "restart", "ns"), Column("restart", "a cold one", "ns"),
    Column("cancel", "cancel, cold", "ns"),
]
CASES = {"1,000,000 live": {}}
TARGETS = {OURS: {"1,000,000 live": {"touch": 2, "arm": 10}}}
