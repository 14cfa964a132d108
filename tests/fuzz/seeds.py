"""The inputs that a fuzz target starts from.

They come from two places. tests/fuzz/corpus/NAME.txt has an input in each line, with the escapes of
C; the suite replays these. The wires of the conformance cases are added to the targets of their
decoders, behind the bytes that such a target reads its options from.
"""

import base64
import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
CASES = HERE.parent / "data/conformance"

# Target: the file of its cases, and the options. They are those of the decoders by default, or
# limits that no case reaches.
CONFORMANCE = {
    "cobs": ("cobs", b"\2\0"),
    "content_length_block": ("content_length_block", b"\0"),
    "fixed": ("fixed", b"\0\7"),
    "http_request": ("http_request", b"\0"),
    "http_response": ("http_response", b"\0\0"),
    "http_server": ("http_request", b"\0"),
    "json_header": ("json_header", b"\x1e\0"),
    "length_prefixed": ("length_field", b"\4\0\0\x10\0\0"),
    "lines": ("delimiter", b"\3\x28"),
    "netstring": ("netstring", b"\0"),
    "proxy_header": ("proxy", b""),
    "resp": ("resp", b"\0"),
    "slip": ("slip", b"\1\0"),
    "websocket": ("websocket", b"\0"),
}


def committed(name):
    path = HERE / "corpus" / f"{name}.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.encode().decode("unicode_escape").encode("latin-1") for line in lines]


def of_conformance_cases(name):
    if name not in CONFORMANCE:
        return []
    file, options = CONFORMANCE[name]
    cases = map(json.loads, (CASES / f"{file}.jsonl").read_text().splitlines())
    return [options + base64.b64decode(case["input_b64"]) for case in cases if "input_b64" in case]


def write_seeds(name, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(committed(name) + of_conformance_cases(name)):
        (folder / f"seed-{number:03}").write_bytes(data)
