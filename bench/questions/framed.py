"""Messages of 64 B, with a length in front, echoed by servers that cut them: what does one cost?"""

from harness.servers import OURS, framed_servers

MEASURE = "load"
SERVERS = framed_servers("length-prefixed")
CELLS = {
    "50 connections": {"protocol": "length-prefixed", "connections": 50, "size": 64},
    "50 connections, 16 in flight": {"protocol": "length-prefixed", "connections": 50, "size": 64,
                                     "pipeline": 16, "batch": True},
}
TARGETS = {OURS: {"50 connections": {"ratio": 1.05},
                  "50 connections, 16 in flight": {"ratio": 1.15}}}
CAUSES = {
    "50 connections, 16 in flight":
        "437 instructions a message to 78, and to 135 of asio's, whose server cuts and answers in one loop over "
        "one buffer: here a frame is checked, told of by a callback that may do anything, its answer's header "
        "built for any format (90), and gathered by itself",
}
