"""Datagrams one way, as fast as they go, to a thread that may lose some: what does one take?"""

from harness.measure import Column
from harness.servers import OURS, Server

MEASURE = "program"
SECONDS = 0.3
BASELINE = "sendmmsg"
SERVERS = {
    BASELINE: Server("peers/sendmmsg_burst"),
    BASELINE + " again": Server("peers/sendmmsg_burst"),
    OURS: Server("datagram_burst"),
}
COLUMNS = [
    Column("time_ns", "a datagram", "ns"), Column("rate", "datagrams/s", "count"),
    Column("sender_ns", "sender's CPU", "ns"), Column("receiver_ns", "receiver's CPU", "ns"),
    Column("lost_share", "lost", "share"),
]
CASES = {"1200 B": {"size": 1200}, "64 B": {"size": 64}}
# Twice as many per second take half the time each.
TARGETS = {OURS: {"1200 B": {"ratio": 0.50}}}
