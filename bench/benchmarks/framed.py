"""Messages of 64 B, with a length in front, echoed by servers that cut them: what does one cost?"""

from harness.servers import OURS, framed_servers

MEASURE = "load"
SERVERS = framed_servers("length-prefixed")
CASES = {
    "50 connections": {"protocol": "length-prefixed", "connections": 50, "size": 64},
    "50 connections, 16 in flight": {"protocol": "length-prefixed", "connections": 50, "size": 64,
                                     "pipeline": 16, "batch": True},
}
TARGETS = {OURS: {"50 connections": {"ratio": 1.05},
                  "50 connections, 16 in flight": {"ratio": 0.98}}}
CAUSES = {
    "50 connections, 16 in flight":
        "273 instructions a message; by hand 78, by asio 135, whose server cuts and replies in one "
        "loop over one buffer. The library checks each frame, reports it to a callback that may do "
        "anything, and checks before the next one whether the stream is still to be read",
}
