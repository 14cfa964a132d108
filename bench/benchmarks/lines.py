"""Messages of 64 B, each a line, echoed by servers that cut them: what does one cost?"""

from harness.servers import OURS, framed_servers

MEASURE = "load"
SERVERS = framed_servers("lines")
CASES = {
    "50 connections": {"protocol": "lines", "connections": 50, "size": 64},
    "50 connections, 16 in flight": {"protocol": "lines", "connections": 50, "size": 64,
                                     "pipeline": 16, "batch": True},
}
TARGETS = {OURS: {"50 connections": {"ratio": 1.05},
                  "50 connections, 16 in flight": {"ratio": 1.15}}}
CAUSES = {
    "50 connections, 16 in flight": "397 instructions a message to 106: "
                                    "a frame is checked, its reply built, and gathered by itself",
}
