"""Which system calls does a server make for a 64-byte message, and how many?"""

from harness.servers import COMPILED, OURS

MEASURE = "system calls"
SERVERS = COMPILED
CASES = {"64 B, 50 connections": {"connections": 50, "size": 64}}
TARGETS = {OURS: {case: {"epoll_ctl": 0} for case in CASES}}
CAUSES = {case: "Its requests and their results lie in memory that it shares with the kernel"
          for case in CASES}
