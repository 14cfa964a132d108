"""64 KiB messages, sixteen in flight on each of 10 connections: what does a byte cost?"""

from harness.servers import ALL, OURS

MEASURE = "load"
SERVERS = ALL + ("epoll 512 KiB",)
CASES = {"64 KiB x 16, 10 connections": {"connections": 10, "size": 64 << 10, "pipeline": 16}}
TARGETS = {OURS: {case: {"ratio": 0.80} for case in CASES}}
