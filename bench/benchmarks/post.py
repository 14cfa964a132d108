"""Work handed to a loop by other threads: how much, how soon, at how many wake-ups?"""

from harness.measure import Column
from harness.servers import OURS, Server

MEASURE = "program"
SECONDS = 1.2
BASELINE = "eventfd"
SERVERS = {
    BASELINE: Server("micro/post_eventfd"),
    OURS: Server("micro/post_reactor"),
    "libuv": Server("micro/post_uv"),
    "asio": Server("micro/post_asio", package="libasio-dev"),
}
COLUMNS = [
    Column("latency", "idle loop wakes in", "ns"), Column("one_producer", "a post", "ns"),
    Column("two_producers", "of two threads", "ns"),
    Column("wakeups_a_post", "iterations a post", "calls"),
]
CASES = {"one and two producers": {}}
# 15 million per second are 66.7 ns each.
TARGETS = {OURS: {"one and two producers": {"ratio": 1.1, "one_producer": 66.7,
                                            "two_producers": 66.7}}}
CAUSES = {
    "one and two producers":
        "A post moves two cache lines from one processor to the other, and other programs on the "
        "machine make that slower: it took 60 ns in a quieter run, and the queue by hand with its "
        "eventfd varies as much. Asio, whose post takes 550 ns, runs many posts in each of few "
        "iterations",
}
