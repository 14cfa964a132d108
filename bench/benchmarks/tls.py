"""Echo over TLS, and the handshakes of new connections: what does the server spend on them?"""

from harness.servers import OURS, TLS_SERVERS

MEASURE = "load"
SERVERS = TLS_SERVERS
CASES = {
    "64 B, 10 connections": {"tls": True, "connections": 10, "size": 64},
    "64 B, 100 connections": {"tls": True, "connections": 100, "size": 64},
    "16 KiB, 10 connections": {"tls": True, "connections": 10, "size": 16 << 10},
    "full handshakes": {"tls": True, "connections": 20, "size": 64, "churn": True},
    "resumed handshakes": {"tls": True, "tls_resume": True, "connections": 20, "size": 64,
                           "churn": True},
}
TARGETS = {OURS: {case: {"ratio": 1.05} for case in CASES}}
