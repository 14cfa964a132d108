"""Cutting a stream into frames: what does a decoder add to a loop written by hand?"""

from harness.measure import Column
from harness.servers import OURS, Server

MEASURE = "program"
SECONDS = 0.03
LIMIT = "by hand"
SERVERS = {
    LIMIT: Server("micro/decode", ("--by-hand",)),
    "by hand again": Server("micro/decode", ("--by-hand",)),
    OURS: Server("micro/decode"),
}
COLUMNS = [Column("frame", "a frame", "ns"), Column("rate", "content", "GB/s")]
PROTOCOLS = ("lines", "delimited", "fixed", "length_prefixed", "netstring", "json_header", "cobs",
             "slip")
CELLS = {f"{protocol}, {size} in {chunk}": {"protocol": protocol, "frame": frame, "chunk": fed}
         for protocol in PROTOCOLS
         for size, frame in (("16 B", 16), ("256 B", 256), ("64 KiB", 65536))
         for chunk, fed in (("64 KiB", 65536), ("1460 B", 1460))}
QUICK = [cell for cell in CELLS if "256 B" in cell]
TARGETS = {OURS: {"length_prefixed, 256 B in 64 KiB": {"ratio": 1.3},
                  **{cell: {"ratio": 1 / 0.7} for cell in CELLS if cell.startswith("lines")}}}
CAUSES = {cell: "next(), the size limit, a CR and the buffer cost 8 ns a line; by hand a line "
                "costs 10 ns, since one loop finds it and drops it"
          for cell in CELLS if cell.startswith("lines, 16 B")}
