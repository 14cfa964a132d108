"""The built frame_inspector on all conformance cases in several chunkings; its command line."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("UVREACTOR_BUILD", ROOT / "build"))
PROGRAM = BUILD / "samples/frame_inspector"
CASES = ROOT / "tests/data/conformance"
# conformance_tests makes every cut of every case. Here a process runs for each case whole, and for
# one of these chunkings.
CHUNKINGS = [["--chunk", "1"], ["--chunk", "7"], ["--chunk", "random:1"]]
ONLY_FOR_SHORT_INPUT = ["--chunk", "1"]
SHORT = 20_000
EXIT_CODES = {"clean": 0, "close": 0, "tunnel": 0, "ok": 0, "incomplete": 3, "error": 4}


def inspect(*arguments, stream=b""):
    return subprocess.run([PROGRAM, *arguments], input=stream, capture_output=True, check=False)


def peak_memory(arguments, chunk, times):
    """The peak memory, in KiB, of the program while it reads `chunk` `times` times."""
    program = subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL)
    with program.stdin as pipe:
        for _ in range(times):
            pipe.write(chunk)
    _, _, usage = os.wait4(program.pid, 0)
    program.returncode = 0
    return usage.ru_maxrss


def printed(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def input_of(case):
    if "input_b64" in case:
        return base64.b64decode(case["input_b64"])
    return b"".join(base64.b64decode(part["b64"]) * part["times"] for part in case["input_parts"])


def outcome(lines):
    """The printed lines in the shape of a case's `expect`."""
    frames, end = lines[:-1], lines[-1]
    shown = {"end": end["end"], "rest_b64": end.get("rest_b64"),
             "frames_b64": [frame.get("frame_b64") for frame in frames]}
    contents = [{key: value for key, value in frame.items() if key not in ("offset", "size")}
                for frame in frames]
    shown["messages"] = shown["events"] = shown["replies"] = contents
    return shown


def fits(expected, shown):
    """Whether `shown` has all that is expected. It may have more, and "(any)" fits anything."""
    if expected == "(any)":
        return True
    if isinstance(expected, dict) and isinstance(shown, dict):
        return all(key in shown and fits(value, shown[key]) for key, value in expected.items())
    if isinstance(expected, list) and isinstance(shown, list):
        return len(expected) == len(shown) and all(map(fits, expected, shown))
    return expected == shown


def comparable(outcome):
    """HTTP fields to compare: names in lower case, runs of blanks in values as one space."""
    messages = [{key: [[name.lower(), " ".join(value.split())] for name, value in member]
                 if key in ("headers", "trailers") else member for key, member in message.items()}
                for message in outcome.get("messages", [])]
    end = {"closed": "close"}.get(outcome["end"], outcome["end"])
    return {**outcome, "end": end, **({"messages": messages} if "messages" in outcome else {})}


def passes(expect, shown):
    outcomes = [expect, *expect.get("tolerated", [])]
    told = ("end", "rest_b64", "frames_b64", "messages", "events", "replies")
    return any(fits(comparable({key: each[key] for key in told if key in each}), comparable(shown))
               for each in outcomes)


class Conformance(unittest.TestCase):
    def test_every_case_whole_and_in_chunks(self):
        files = sorted(CASES.glob("*.jsonl"))
        self.assertTrue(files)
        for file in files:
            for number, line in enumerate(file.read_text().splitlines()):
                self.check(file.stem, json.loads(line), CHUNKINGS[number % len(CHUNKINGS)])

    def check(self, protocol, case, chunks):
        stream = input_of(case)
        config = json.dumps(case.get("config", {}))
        first = None
        for chunking in ([], chunks):
            if chunking == ONLY_FOR_SHORT_INPUT and len(stream) > SHORT:
                continue
            with self.subTest(case=case["id"], chunking=chunking):
                done = inspect("--protocol", protocol, "--config", config, *chunking, stream=stream)
                lines = printed(done)
                self.assertTrue(passes(case["expect"], outcome(lines)), lines)
                self.assertEqual(done.returncode, EXIT_CODES[lines[-1]["end"]])
                self.assertEqual(done.stderr, b"")
                first = first or done.stdout
                self.assertEqual(done.stdout, first)
                self.check_extents(lines, stream)

    def check_extents(self, lines, stream):
        reached = 0
        for frame in lines[:-1]:
            self.assertGreaterEqual(frame["offset"], reached)
            reached = frame["offset"] + frame["size"]
        end = lines[-1]
        self.assertGreaterEqual(end["offset"], reached)
        if end["end"] == "clean":
            self.assertEqual(end["offset"], len(stream))
        if end["end"] == "incomplete":
            self.assertEqual(base64.b64decode(end["rest_b64"]), stream[end["offset"]:])
        if end["end"] == "error":
            self.assertLess(end["offset"], len(stream))
            self.assertLessEqual({"class", "text"}, set(end["error"]))


class CommandLine(unittest.TestCase):
    def test_shows_each_line_with_its_place_and_what_is_unfinished(self):
        done = inspect("--protocol", "delimiter", "--option", "mode=line", stream=b"hello\nworld\nun")
        self.assertEqual(done.stdout.decode(), "\n".join([
            '{"offset":0,"size":6,"frame_b64":"aGVsbG8="}',
            '{"offset":6,"size":6,"frame_b64":"d29ybGQ="}',
            '{"end":"incomplete","offset":12,"rest_b64":"dW4="}', ""]))
        self.assertEqual(done.returncode, 3)

    def test_reads_a_file(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"3:abc,")
            file.flush()
            done = inspect("--protocol", "netstring", file.name)
        self.assertEqual(printed(done)[0]["frame_b64"], "YWJj")
        self.assertEqual(done.returncode, 0)

    def test_shows_a_header_as_it_was_written(self):
        header = b'{\n "data_size": 1,\r\n "large": 123456789012345678901234567890 }'
        stream = len(header).to_bytes(4, "little") + header + b"x"
        message = printed(inspect("--protocol", "json_header", stream=stream))[0]
        self.assertEqual(message["header"], json.loads(header))
        self.assertEqual(message["payload_b64"], "eA==")

    def test_refuses_headers_that_are_not_strict_json(self):
        for header, reason in [(b'\xef\xbb\xbf{"data_size":1}', "bad-header"),
                               (b'{"data_size":1,"x":NaN}', "bad-header"),
                               (b'{"data_size":1,}', "bad-header"),
                               (b'{"data_size":1}//', "bad-header"),
                               (b'{"data_size":1}\0', "bad-header"),
                               (b'{"data_size":1}\0{', "bad-header"),
                               (b'{"data_size":1\0}', "bad-header"),
                               (b'{"data_size":1,"x":"\xff"}', "bad-header"),
                               (b'{"data_size":1.0}', "bad-size"),
                               (b'{"data_size":1e0}', "bad-size"),
                               (b'{"x":{"data_size":1}}', "bad-size"),
                               (b'{"data_size":[1]}', "bad-size"),
                               (b'{"data_size":99999999999999999999}', "too-large")]:
            with self.subTest(header=header):
                stream = len(header).to_bytes(4, "little") + header
                end = printed(inspect("--protocol", "json_header", stream=stream))[-1]
                self.assertEqual(end["error"]["class"], reason)
                self.assertEqual(end["offset"], len(stream) - 1)

    def test_a_request_is_shown_with_its_fields_and_an_error_with_its_status(self):
        done = inspect("--protocol", "http_request", stream=b"POST /a HTTP/1.1\r\nHost: h\r\n"
                       b"Content-Length: 2\r\n\r\nhiGET /b HTTP/9.9\r\n")
        self.assertEqual(done.stdout.decode(), "\n".join([
            '{"offset":0,"size":50,"method":"POST","target":"/a","version":"1.1",'
            '"headers":[["Host","h"],["Content-Length","2"]],"chunked":false,"keep_alive":true,'
            '"body_b64":"aGk=","trailers":[]}',
            '{"end":"error","offset":62,"error":{"class":"unsupported-version",'
            '"text":"HTTP version is not 1.x","status":505}}', ""]))

    def test_an_unfinished_message_is_shown_as_far_as_it_came(self):
        end = printed(inspect("--protocol", "http_response", stream=b"HTTP/1.1 200 OK\r\n\r\nhi"))[0]
        self.assertEqual(end, {"end": "incomplete", "offset": 0, "head_complete": True,
                               "body_so_far_b64": "aGk=", "rest_b64": "SFRUUC8xLjEgMjAwIE9LDQoNCmhp"})

    def test_options_come_on_top_of_the_configuration(self):
        done = inspect("--protocol", "delimiter", "--config", '{"mode":"delims","strip":false}',
                       "--option", 'delims_b64=["Ow=="]', "--option", "strip=true", stream=b"a;")
        self.assertEqual(printed(done)[0]["frame_b64"], "YQ==")

    def test_an_option_that_is_base64_may_look_like_a_number(self):
        done = inspect("--protocol", "delimiter", "--option", "mode=delims", "--option",
                       "delims_b64=1234", stream=b"a\xd7\x6d\xf8")
        self.assertEqual(printed(done)[0]["frame_b64"], "YQ==")

    def test_a_line_of_output_is_one_to_every_reader(self):
        field = bytes(range(0x80, 0x100))
        done = inspect("--protocol", "http_request",
                       stream=b"GET / HTTP/1.1\r\nHost: h\r\nX: " + field + b"\r\n\r\n")
        lines = done.stdout.decode().splitlines()
        self.assertEqual(len(lines), 2)
        self.assertEqual(json.loads(lines[0])["headers"][1], ["X", field.decode("latin-1")])

    def test_a_header_is_one_line_to_every_reader(self):
        header = '{\r\n"data_size":1,"\u540d\u0085":"\u2028 \U0001f600\u2029"}'.encode()
        done = inspect("--protocol", "json_header",
                       stream=len(header).to_bytes(4, "little") + header + b"x")
        lines = done.stdout.decode().splitlines()
        self.assertEqual(len(lines), 2)
        self.assertEqual(json.loads(lines[0])["header"], json.loads(header))

    def test_many_requests_in_one_piece_take_time_in_proportion_to_their_bytes(self):
        stream = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 100_000
        whole = inspect("--protocol", "http_request", "--chunk", str(len(stream)), stream=stream)
        self.assertEqual(printed(whole)[-1], {"end": "clean", "offset": len(stream)})

    def test_what_follows_an_error_takes_no_memory(self):
        few, many = (peak_memory(["--protocol", "http_request"], bytes(1 << 16), times)
                     for times in (1, 1000))
        self.assertLess(many - few, 4096, "KiB")

    def test_an_empty_stream_is_clean(self):
        for protocol in ("netstring", "slip", "cobs", "json_header", "length_field", "delimiter"):
            done = inspect("--protocol", protocol)
            self.assertEqual(printed(done), [{"end": "clean", "offset": 0}])

    def test_lists_each_protocol_with_its_defaults(self):
        listed = dict(line.split(maxsplit=1) for line in inspect("--list").stdout.decode().splitlines())
        for file in CASES.glob("*.jsonl"):
            self.assertIn(file.stem, listed)
        self.assertEqual(json.loads(listed["netstring"]), {"max": 1048576})

    def test_a_wrong_setting_is_reported_with_exit_code_2(self):
        for arguments in [
            [], ["--protocol", "nonesuch"], ["--nonesuch"],
            ["--protocol", "fixed"],
            ["--protocol", "fixed", "--option", "size=0"],
            ["--protocol", "netstring", "--option", "max=-1"],
            ["--protocol", "netstring", "--option", "max"],
            ["--protocol", "netstring", "--option", "nonesuch=1"],
            ["--protocol", "netstring", "--config", "[]"],
            ["--protocol", "netstring", "--chunk", "0"],
            ["--protocol", "netstring", "--chunk", "random:x"],
            ["--protocol", "length_field", "--option", "length_bytes=5"],
            ["--protocol", "length_field", "--option", "endian=middle"],
            ["--protocol", "length_field", "--option", "offset=18446744073709551615"],
            ["--protocol", "netstring", "--option", b"max=\xff"],
            ["--protocol", "http_request", "--option", "layer=nonesuch"],
            ["--protocol", "http_limits", "--option", "default_limits=false"],
            ["--protocol", "delimiter", "--option", "mode=delims"],
            ["--protocol", "delimiter", "--config", '{"mode":"delims","delims_b64":["!"]}'],
        ]:
            with self.subTest(arguments=arguments):
                done = inspect(*arguments)
                self.assertEqual((done.returncode, done.stdout), (2, b""))
                self.assertTrue(done.stderr)

    def test_a_file_that_is_not_there_ends_with_1(self):
        done = inspect("--protocol", "netstring", "/nonesuch")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, b"error: open /nonesuch: no such file or directory\n")

    def test_what_cannot_be_read_or_written_ends_with_1(self):
        done = inspect("--protocol", "netstring", "/")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, b"error: read /: is a directory\n")
        with open("/dev/full", "wb") as full:
            for arguments in (["--list"], ["--protocol", "netstring"]):
                done = subprocess.run([PROGRAM, *arguments], input=b"1:a,", stdout=full,
                                      stderr=subprocess.PIPE, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertEqual(done.stderr, b"error: write: no space left on device\n")


if __name__ == "__main__":
    sys.exit(unittest.main())
