"""Echo, one message in flight on each connection: what does the server spend on it?"""

from harness.servers import ALL, OURS

MEASURE = "load"
SERVERS = ALL
CELLS = {
    "64 B, 1 connection": {"connections": 1, "size": 64},
    "64 B, 10 connections": {"connections": 10, "size": 64},
    "64 B, 100 connections": {"connections": 100, "size": 64},
    "64 B, 1000 connections": {"connections": 1000, "size": 64},
    "4 KiB, 100 connections": {"connections": 100, "size": 4 << 10},
    "64 KiB, 10 connections": {"connections": 10, "size": 64 << 10},
}
TARGETS = {OURS: {cell: {"ratio": 1.00} for cell in CELLS}}
