"""Sixteen 64-byte messages in flight, each echoed by a write of its own: are they gathered?"""

from harness.servers import ALL, OURS

MEASURE = "load"
SERVERS = ALL
MESSAGE_BYTES = 64
CASES = {
    "1 connection": {"connections": 1, "size": 64, "pipeline": 16},
    "50 connections": {"connections": 50, "size": 64, "pipeline": 16},
    "50 connections, in batches": {"connections": 50, "size": 64, "pipeline": 16, "batch": True},
}
# With one connection an iteration of the loop serves one read, and sleeping costs more than calls.
TARGETS = {OURS: {case: {"ratio": 0.11} for case in CASES if case.startswith("50")}}
