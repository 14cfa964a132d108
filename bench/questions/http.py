"""HTTP "Hello, world!": what do requests, fields and answers cost beyond looking for empty lines?"""

from harness.servers import HTTP_SERVERS, OURS

MEASURE = "load"
SERVERS = HTTP_SERVERS
CELLS = {
    "1 connection": {"protocol": "http", "connections": 1},
    "100 connections": {"protocol": "http", "connections": 100},
    "50 connections, 16 in flight": {"protocol": "http", "connections": 50, "pipeline": 16,
                                     "batch": True},
}
TARGETS = {OURS: {"1 connection": {"ratio": 1.06}, "100 connections": {"ratio": 1.06},
                  "50 connections, 16 in flight": {"ratio": 1.15}}}
