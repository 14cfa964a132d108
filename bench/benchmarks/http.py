"""HTTP "Hello, world!": what do requests, fields and responses cost besides finding empty lines?"""

from harness.servers import HTTP_SERVERS, OURS

MEASURE = "load"
SERVERS = HTTP_SERVERS
CASES = {
    "1 connection": {"protocol": "http", "connections": 1},
    "100 connections": {"protocol": "http", "connections": 100},
}
TARGETS = {OURS: {case: {"ratio": 1.06} for case in CASES}}
CAUSES = {
    "1 connection": "1,864 instructions a request; the baseline, which only looks for an empty "
                    "line, needs 190. Each request is an iteration after a sleep, and its code and "
                    "data come from outer caches",
}
