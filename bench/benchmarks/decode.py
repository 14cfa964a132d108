"""Cutting a stream into frames: what does a decoder add to a loop written by hand?"""

from harness.measure import Column
from harness.servers import OURS, Server

MEASURE = "program"
SECONDS = 0.03
BASELINE = "by hand"
SERVERS = {
    BASELINE: Server("micro/decode", ("--by-hand",)),
    "by hand again": Server("micro/decode", ("--by-hand",)),
    OURS: Server("micro/decode"),
}
COLUMNS = [Column("frame", "a frame", "ns"), Column("rate", "content", "GB/s")]
PROTOCOLS = ("lines", "delimited", "fixed", "length_prefixed", "netstring", "json_header", "cobs",
             "slip")
CASES = {f"{protocol}, {size} in {chunk}": {"protocol": protocol, "frame": frame, "chunk": fed}
         for protocol in PROTOCOLS
         for size, frame in (("16 B", 16), ("256 B", 256), ("64 KiB", 65536))
         for chunk, fed in (("64 KiB", 65536), ("1460 B", 1460))}
QUICK = [case for case in CASES if "256 B" in case]
TARGETS = {OURS: {"length_prefixed, 256 B in 64 KiB": {"ratio": 1.3},
                  **{case: {"ratio": 1 / 0.7} for case in CASES if case.startswith("lines")}}}
CAUSES = {case: "next(), the size limit, a CR and the buffer cost 8 ns a line; by hand a line "
                "costs 10 ns, since one loop finds it and drops it"
          for case in CASES if case.startswith("lines, 16 B")}
