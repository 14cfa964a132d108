"""The same with 16 requests in flight on each connection: what do they cost beyond system calls?"""

from harness.servers import HTTP_SERVERS, OURS

MEASURE = "load"
# cpp-httplib loses the bytes that one read returns behind a request.
SERVERS = {name: server for name, server in HTTP_SERVERS.items() if name != "cpp-httplib"}
CASES = {
    "50 connections, 16 in flight": {"protocol": "http", "connections": 50, "pipeline": 16,
                                     "batch": True},
}
TARGETS = {OURS: {case: {"ratio": 1.15} for case in CASES}}
CAUSES = {
    "50 connections, 16 in flight":
        "1,231 instructions a request; the baseline, which looks for an empty line and copies a "
        "finished response, needs 108. 510 read the head and check target, fields and framing, 330 "
        "keep the order of the connection, 350 write the head of the response",
}
