"""A browser's request of 700 bytes, read into a head with its fields: how long does it take?"""

from harness.measure import Column
from harness.servers import OURS, Server

MEASURE = "program"
BASELINE = "libhttp-parser"
SERVERS = {
    BASELINE: Server("micro/http_parse_http_parser", package="libhttp-parser-dev"),
    "libhttp-parser again": Server("micro/http_parse_http_parser", package="libhttp-parser-dev"),
    OURS: Server("micro/http_parse_uvreactor"),
}
COLUMNS = [Column("request", "a request", "ns"), Column("rate", "text", "GB/s")]
CASES = {"14 fields": {}}
TARGETS = {OURS: {"14 fields": {"ratio": 0.2}}}
