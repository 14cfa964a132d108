"""How much memory does a connection that sends nothing keep resident?"""

from harness.servers import ALL, OURS

MEASURE = "memory"
SERVERS = ALL
CASES = {
    "10,000 that never spoke": {"connections": 0, "idle": 10_000},
    "10,000 after a message each": {"connections": 10_000, "messages": 10_000, "size": 64},
}
QUICK = ("10,000 after a message each",)
TARGETS = {OURS: {case: {"bytes": 256} for case in CASES}}
CAUSES = {
    case: "A connection is a Stream, with callbacks, limits, a deadline and the ends of two queues, and its "
          "session; where a server holds a descriptor and a watcher there is nothing to leave out"
    for case in CASES
}
