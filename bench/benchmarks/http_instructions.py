"""The same in user instructions a request."""

from harness.servers import BASELINE, OURS, Server

MEASURE = "instructions"
SERVERS = {BASELINE: Server("peers/epoll_http"), OURS: Server("http_server")}
CASES = {
    "1 connection": {"protocol": "http", "connections": 1},
    "50 connections, 16 in flight": {"protocol": "http", "connections": 50, "pipeline": 16,
                                     "batch": True},
}
