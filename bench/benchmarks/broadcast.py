"""One message of 64 B to each of 1,000 connections: what does one of these sends cost?"""

from harness.servers import OURS, Server

MEASURE = "load"
BASELINE = "epoll"
SERVERS = {
    BASELINE: Server("peers/epoll_broadcast"),
    BASELINE + " again": Server("peers/epoll_broadcast"),
    OURS: Server("broadcast_server"),
    "libuv": Server("peers/uv_broadcast"),
    "libuv uv_write": Server("peers/uv_broadcast", ("--idiom", "write")),
    "asio": Server("peers/asio_broadcast", package="libasio-dev"),
    "libevent": Server("peers/libevent_broadcast", package="libevent-dev"),
}
CASES = {"to 1,000 connections": {"connections": 1000, "size": 64, "broadcast": True}}
TARGETS = {OURS: {case: {"ratio": 1.05} for case in CASES}}
