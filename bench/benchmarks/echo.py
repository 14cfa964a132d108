"""Echo, one message in flight on each connection: what does the server spend on it?"""

from harness.servers import ALL, OURS

MEASURE = "load"
SERVERS = ALL
CASES = {
    "64 B, 1 connection": {"connections": 1, "size": 64},
    "64 B, 10 connections": {"connections": 10, "size": 64},
    "64 B, 100 connections": {"connections": 100, "size": 64},
    "64 B, 1000 connections": {"connections": 1000, "size": 64},
    "4 KiB, 100 connections": {"connections": 100, "size": 4 << 10},
    "64 KiB, 10 connections": {"connections": 10, "size": 64 << 10},
}
TARGETS = {OURS: {case: {"ratio": 1.00} for case in CASES}}
CAUSES = {
    "64 B, 1 connection": "Each message is an iteration after a sleep: 349 instructions instead of "
                          "82, and all of their code and data come from outer caches",
    "64 B, 1000 connections": "A message misses the first cache 3.5 times in the library (the "
                              "engine's slot, two lines of the stream, the session), 1.3 times by hand",
}
