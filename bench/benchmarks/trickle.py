"""A mebibyte that arrives byte by byte: how much more does a frame cost than in one piece?"""

from harness.measure import Column
from harness.servers import Server
from benchmarks.decode import PROTOCOLS

MEASURE = "program"
SECONDS = 0.5
BASELINE = "whole"
SERVERS = {
    BASELINE: Server("micro/decode", ("--chunk", str(1 << 30))),
    "byte by byte": Server("micro/decode", ("--chunk", "1")),
}
COLUMNS = [Column("frame", "a frame", "ns"), Column("rate", "content", "GB/s")]
CASES = {f"{protocol}, {size}": {"protocol": protocol, "frame": frame}
         for protocol in PROTOCOLS
         for size, frame in (("256 B", 256), ("64 KiB", 65536))}
QUICK = [case for case in CASES if "256 B" in case]
