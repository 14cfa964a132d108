"""How many instructions of its own does a server spend on a 64-byte message?"""

from harness.servers import COMPILED, OURS

MEASURE = "instructions"
# valgrind does not follow work that the kernel does by itself.
SERVERS = tuple(name for name in COMPILED if not name.startswith("io_uring"))
CASES = {"64 B, 50 connections": {"connections": 50, "size": 64}}
TARGETS = {OURS: {case: {"instructions": 150} for case in CASES}}
