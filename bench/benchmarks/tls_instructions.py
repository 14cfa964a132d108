"""How many instructions of its own does a server of TLS spend on a message?"""

from harness.servers import OURS, TLS_SERVERS

MEASURE = "instructions"
SERVERS = TLS_SERVERS
CASES = {
    "64 B, 10 connections": {"tls": True, "connections": 10, "size": 64},
    "16 KiB, 10 connections": {"tls": True, "connections": 10, "size": 16 << 10},
}
TARGETS = {OURS: {case: {"ratio": 1.05} for case in CASES}}
