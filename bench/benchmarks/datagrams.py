"""Echoed datagrams: what does the server spend on one?"""

from harness.servers import OURS, Server

MEASURE = "load"
BASELINE = "recvmmsg"
SERVERS = {
    BASELINE: Server("peers/epoll_datagrams"),
    BASELINE + " again": Server("peers/epoll_datagrams"),
    OURS: Server("datagram_server"),
    OURS + " one by one": Server("datagram_server", ("--no-offload",)),
    "libuv": Server("peers/uv_datagrams"),
    "asio": Server("peers/asio_datagrams", package="libasio-dev"),
    "asio wait": Server("peers/asio_datagrams", ("--idiom", "wait"), package="libasio-dev"),
    "libevent": Server("peers/libevent_datagrams", package="libevent-dev"),
    "recvfrom": Server("peers/epoll_datagrams", ("--idiom", "drain")),
    "recvfrom once": Server("peers/epoll_datagrams", ("--idiom", "single")),
}
CASES = {
    "64 B, 1 in flight": {"protocol": "udp", "connections": 1, "size": 64},
    "64 B, 64 in flight": {"protocol": "udp", "connections": 1, "pipeline": 64, "size": 64},
    "64 B, 100 clients": {"protocol": "udp", "connections": 100, "size": 64},
    "1200 B, 64 in flight": {"protocol": "udp", "connections": 1, "pipeline": 64, "size": 1200},
    "1200 B, 100 clients": {"protocol": "udp", "connections": 100, "size": 1200},
}
TARGETS = {OURS: {case: {"ratio": 1.10 if case == "64 B, 1 in flight" else 1.02}
                  for case in CASES}}
CAUSES = {
    "64 B, 1 in flight": "For one datagram the kernel does more in recvmmsg, with room for 64 and for their "
                         "control messages, than in a recvfrom",
}
