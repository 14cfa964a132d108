"""HTTP "Hello, world!": what do requests, fields and answers cost beyond looking for empty lines?"""

from harness.servers import HTTP_SERVERS, OURS

MEASURE = "load"
SERVERS = HTTP_SERVERS
CELLS = {
    "1 connection": {"protocol": "http", "connections": 1},
    "100 connections": {"protocol": "http", "connections": 100},
}
TARGETS = {OURS: {cell: {"ratio": 1.06} for cell in CELLS}}
CAUSES = {
    "1 connection": "1,864 instructions a request to 190, by which the limit looks for an empty line; each "
                    "request is a turn that begins asleep, and brings them back from outer caches",
}
