"""Work handed to a loop by other threads: how much, how soon, at how many wake-ups?"""

from harness.measure import Column
from harness.servers import OURS, Server

MEASURE = "program"
SECONDS = 1.2
LIMIT = "eventfd"
SERVERS = {
    LIMIT: Server("micro/post_eventfd"),
    OURS: Server("micro/post_reactor"),
    "libuv": Server("micro/post_uv"),
    "asio": Server("micro/post_asio", package="libasio-dev"),
}
COLUMNS = [
    Column("latency", "idle loop wakes in", "ns"), Column("one_producer", "a post", "ns"),
    Column("two_producers", "of two threads", "ns"), Column("turns_a_post", "turns a post", "calls"),
]
CELLS = {"one and two producers": {}}
# 15 million per second are 66.7 ns each.
TARGETS = {OURS: {"one and two producers": {"ratio": 1.1, "one_producer": 66.7,
                                            "two_producers": 66.7}}}
CAUSES = {
    "one and two producers":
        "A post is two cache lines' way from one processor to the other, and that way is as long as the machine's "
        "neighbours make it: 60 in a quieter run, and the queue by hand with its eventfd is off by as much in these "
        "turns. Asio, whose post takes 550, gets through many in each of few turns",
}
