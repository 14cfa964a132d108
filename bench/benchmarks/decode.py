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
SMALL = ("netstring", "json_header", "cobs", "slip", "length_prefixed")
TARGETS = {OURS: {"length_prefixed, 256 B in 64 KiB": {"ratio": 1.1},
                  "length_prefixed, 64 KiB in 1460 B": {"ratio": 1.2},
                  "lines, 16 B in 64 KiB": {"ratio": 1.2},
                  "fixed, 16 B in 64 KiB": {"frame": 2.0},
                  **{f"{protocol}, 16 B in 64 KiB": {"ratio": 1.5} for protocol in SMALL}}}
CAUSES = {
    "json_header, 16 B in 64 KiB": "Each header is passed to a function of the program, which reads "
                                   "the JSON; the loop by hand has its two digits inlined",
    "length_prefixed, 64 KiB in 1460 B": "For each chunk the buffer finds out where it continues; "
                                         "its memory may be released meanwhile",
}
