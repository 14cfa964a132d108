"""Accept, one message, close: what does a connection cost?"""

from harness.servers import ALL, OURS

MEASURE = "load"
SERVERS = ALL
CASES = {"50 at a time": {"connections": 50, "size": 64, "churn": True}}
TARGETS = {OURS: {case: {"ratio": 1.03} for case in CASES}}
