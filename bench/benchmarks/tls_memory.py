"""How much memory does a connection with TLS keep resident while it is idle?"""

from harness.servers import TLS_SERVERS

MEASURE = "memory"
SERVERS = TLS_SERVERS
CASES = {
    "1,000 after a message each": {"tls": True, "connections": 1000, "messages": 1000, "size": 64},
    "1,000 after 16 KiB each": {"tls": True, "connections": 1000, "messages": 1000,
                                "size": 16 << 10},
}
