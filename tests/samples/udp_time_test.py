"""The time server and its client, each also with programs of other origin."""

import errno
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from namespaces import Network  # noqa: E402
from programs import Server, program, run  # noqa: E402

FROM_1900 = 2208988800
TIMEOUT_SECONDS = 20


def time_server(*options, zone="UTC", endpoints=1, **process):
    return Server("udp_time_server", *options, endpoints=endpoints,
                  env={**os.environ, "TZ": zone}, **process)


def address(endpoint):
    host, port = endpoint.rsplit(":", 1)
    return host.strip("[]"), int(port)


class Asker:
    """A UDP socket that is connected to a server."""

    def __init__(self, endpoint):
        where = address(endpoint)
        self.socket = socket.socket(socket.AF_INET6 if ":" in where[0] else socket.AF_INET,
                                    socket.SOCK_DGRAM)
        self.socket.settimeout(TIMEOUT_SECONDS)
        self.socket.connect(where)

    def send(self, data):
        self.socket.send(data)

    def ask(self, data):
        self.socket.send(data)
        return self.socket.recv(65536)

    def answers_to(self, data, probe):
        """All replies to `data`: the server replies in order, and has replied to a later probe."""
        with Asker("%s:%d" % self.socket.getpeername()[:2]) as other:
            self.socket.send(data)
            other.ask(probe)
        answers = []
        self.socket.setblocking(False)
        try:
            while True:
                answers.append(self.socket.recv(65536))
        except BlockingIOError:
            self.socket.settimeout(TIMEOUT_SECONDS)
            return answers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def closest(measure, good_seconds, attempts=10):
    """The least result of `measure`: a busy machine delays a packet now and then."""
    offsets = []
    for _ in range(attempts):
        offsets.append(abs(measure()))
        if offsets[-1] < good_seconds:
            break
    return min(offsets)


def sntp_request(version=4, mode=3, transmit=0x0123456789ABCDEF):
    return struct.pack("!BBbb11I", version << 3 | mode, 0, 6, -20, *[0] * 9,
                       transmit >> 32, transmit & 0xFFFFFFFF)


class Text(unittest.TestCase):
    def test_a_format_is_answered_with_the_time(self):
        with time_server() as server, Asker(server.endpoint) as asker:
            before = int(time.time())
            told = int(asker.ask(b"%s"))
            self.assertTrue(before <= told <= time.time())
            self.assertRegex(asker.ask(b""), rb"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
            self.assertEqual(asker.ask(b"1700000000"), b"2023-11-14 22:13:20")
            self.assertEqual(asker.ask(b"1536197188.25"), b"2018-09-06 01:26:28")
            now = time.time()
            self.assertEqual(asker.ask(str(now).encode()).decode(),
                             datetime.fromtimestamp(int(now), timezone.utc).strftime("%F %T"))
            self.assertEqual(asker.ask(b"100%%"), b"100%")

    def test_the_time_zone_is_the_servers(self):
        for zone, expected in (("Europe/Berlin", b"2024-10-27 02:30:00"),
                               ("XYZ-3", b"2024-10-27 04:30:00")):
            with time_server(zone=zone) as server, Asker(server.endpoint) as asker:
                self.assertEqual(asker.ask(b"1729992600"), expected)

    def test_over_ipv6(self):
        with time_server("--listen", "[::1]:0") as server, Asker(server.endpoint) as asker:
            self.assertEqual(asker.ask(b"0"), b"1970-01-01 00:00:00")

    def test_bad_input_is_a_line_of_error_and_never_more_than_64_bytes_longer(self):
        with time_server() as server, Asker(server.endpoint) as asker:
            for bad in (b"%", b"%Q", b"%9999999d", b"\0", b"%Y\0", b"%A" * 200, b"x" * 513,
                        b"x" * 65507, b"\xff%", b"99999999999999999999"):
                answer = asker.ask(bad)
                self.assertRegex(answer, rb"^error: [ -~]+$")
                self.assertLessEqual(len(answer), min(512, len(bad) + 64))

    def test_random_datagrams_are_answered_within_the_bound(self):
        chance = random.Random(5)
        with time_server("--sntp", "127.0.0.1:0", "--time", "127.0.0.1:0", "--daytime",
                         "127.0.0.1:0", endpoints=4) as server:
            for endpoint, probe, growth in zip(
                    server.endpoints, (b"", sntp_request(), b"", b""), (64, 0, 4, 64)):
                with Asker(endpoint) as asker:
                    for _ in range(300):
                        size = chance.choice((0, 1, 3, 12, 47, 48, 68, 500, 2000, 65507))
                        data = chance.randbytes(size)
                        answers = asker.answers_to(data, probe)
                        self.assertLessEqual(len(answers), 1)
                        for answer in answers:
                            self.assertLessEqual(len(answer), min(512, len(data) + growth))

    def test_an_error_is_not_answered(self):
        with time_server() as server, Asker(server.endpoint) as asker:
            self.assertEqual(asker.answers_to(b"error: whatever", b""), [])

    def test_what_comes_back_within_a_second_is_not_answered(self):
        with time_server() as server, Asker(server.endpoint) as asker:
            while True:  # Again if this process did not run for a second.
                asked = time.monotonic()
                self.assertEqual(asker.ask(b"hello"), b"hello")
                answers = asker.answers_to(b"hello", b"")
                took = time.monotonic() - asked
                self.assertEqual(asker.ask(b"%%"), b"%")
                if took < 1:
                    break
            self.assertEqual(answers, [])
            self.assertEqual(asker.ask(b"hello"), b"hello")

    def test_two_servers_do_not_talk_in_circles(self):
        # This test forwards between two servers, each of which takes the other one for its client.
        with time_server() as left, time_server() as right:
            with Asker(left.endpoint) as to_left, Asker(right.endpoint) as to_right:
                for text in (b"%%%%%%%%Y", b"%Y", b"hello", b"%Q", b"1700000000", b"%n"):
                    rounds = 0
                    for asker in (to_left, to_right) * 5:
                        answers = asker.answers_to(text, b"")
                        if not answers:
                            break
                        text, rounds = answers[0], rounds + 1
                    self.assertLess(rounds, 8, text)

    def unanswered(self, server, from_port):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as twin:
            twin.bind(("127.0.0.2", from_port))
            twin.setblocking(False)
            twin.sendto(b"%Y", ("127.0.0.1", server.port))
            with Asker(server.endpoint) as asker:
                asker.ask(b"")
            with self.assertRaises(BlockingIOError):
                twin.recv(100)

    def test_its_own_port_elsewhere_is_not_answered(self):
        with time_server() as server:
            self.unanswered(server, server.port)

    @unittest.skipIf(os.geteuid() != 0, "ports below 1024 need root")
    def test_other_servers_are_not_answered(self):
        with time_server() as server:
            for port in range(1023, 600, -1):
                try:
                    return self.unanswered(server, port)
                except OSError as problem:
                    self.assertEqual(problem.errno, errno.EADDRINUSE)


class Sntp(unittest.TestCase):
    def ask(self, request, *options):
        with time_server("--sntp", "127.0.0.1:0", *options, endpoints=2) as server:
            with Asker(server.endpoints[1]) as asker:
                return asker.ask(request)

    def test_an_answer_is_what_rfc_5905_says(self):
        before = time.time()
        answer = self.ask(sntp_request(transmit=0xDEADBEEFCAFEF00D))
        fields = struct.unpack("!BBbbII4s4Q", answer)
        self.assertEqual(len(answer), 48)
        self.assertEqual((fields[0] & 0x3F, fields[1], fields[2]), (0x24, 10, 6))
        self.assertEqual(fields[8], 0xDEADBEEFCAFEF00D)
        received, transmitted = (stamp / 2**32 - FROM_1900 for stamp in fields[9:])
        self.assertTrue(before - 0.001 <= received <= transmitted <= time.time() + 0.001)

    def test_the_response_has_the_version_of_the_request(self):
        for version in (1, 2, 3, 4):
            self.assertEqual(self.ask(sntp_request(version))[0] >> 3 & 7, version)

    def test_stratum_and_leap_are_honest(self):
        self.assertEqual(self.ask(sntp_request(), "--stratum", "3")[1], 3)
        unsynchronised = self.ask(sntp_request(), "--stratum", "16")
        self.assertEqual((unsynchronised[0] >> 6, unsynchronised[1]), (3, 0))

    def test_what_is_no_request_is_not_answered(self):
        with time_server("--sntp", "127.0.0.1:0", endpoints=2) as server:
            with Asker(server.endpoints[1]) as asker:
                for bad in (b"", b"\x23", sntp_request()[:47], sntp_request(version=0),
                            sntp_request(version=5), *(sntp_request(mode=mode)
                                                       for mode in (0, 1, 2, 4, 5, 6, 7)),
                            b"\x17\x00\x03\x2a" + bytes(188)):
                    asker.send(bad)
                answer = asker.ask(sntp_request(transmit=77) + b"extension" * 10)
                self.assertEqual(len(answer), 48)
                self.assertEqual(struct.unpack("!Q", answer[24:32]), (77,))


class OldProtocols(unittest.TestCase):
    def test_time_over_udp_and_tcp(self):
        with time_server("--time", "127.0.0.1:0", endpoints=2) as server:
            with Asker(server.endpoints[1]) as asker:
                over_udp = struct.unpack("!I", asker.ask(b""))[0] - FROM_1900
            with socket.create_connection(address(server.endpoints[1]), TIMEOUT_SECONDS) as connection:
                over_tcp = struct.unpack("!I", connection.recv(100))[0] - FROM_1900
                self.assertEqual(connection.recv(100), b"")
            self.assertTrue(0 <= time.time() - over_udp < TIMEOUT_SECONDS)
            self.assertTrue(0 <= time.time() - over_tcp < TIMEOUT_SECONDS)

    def test_daytime_over_udp_and_tcp(self):
        with time_server("--daytime", "[::1]:0", zone="XYZ-3", endpoints=2) as server:
            line = rb"^[A-Z][a-z]+day, [A-Z][a-z]+ \d\d, \d{4} \d\d:\d\d:\d\d-XYZ\r\n$"
            with Asker(server.endpoints[1]) as asker:
                self.assertRegex(asker.ask(b"x"), line)
            with socket.create_connection(address(server.endpoints[1]), TIMEOUT_SECONDS) as connection:
                self.assertRegex(connection.recv(100), line)
                self.assertEqual(connection.recv(100), b"")

    def test_what_is_as_long_as_the_answer_is_not_answered(self):
        with time_server("--time", "127.0.0.1:0", "--daytime", "127.0.0.1:0",
                         endpoints=3) as server:
            for endpoint, sizes in zip(server.endpoints[1:], ((4, 5, 100), (60, 1000))):
                with Asker(endpoint) as asker:
                    for size in sizes:
                        self.assertEqual(asker.answers_to(b"x" * size, b""), [])
                    self.assertEqual(len(asker.answers_to(b"xxx", b"")), 1)


class Client(unittest.TestCase):
    def test_asks_in_every_way(self):
        with time_server("--sntp", "127.0.0.1:0", "--time", "127.0.0.1:0", "--daytime",
                         "127.0.0.1:0", endpoints=4) as server:
            text, sntp, seconds, daytime = server.endpoints
            now = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n$"
            for arguments, expected in (
                    ((text,), now),
                    ((text, "1700000000"), r"^2023-11-14 22:13:20\n$"),
                    ((text, "%%%H"), r"^%\d\d\n$"),
                    ((text, "--send-timestamp"), now),
                    ((text, "%%x", "--count", 2, "--interval", 0.01), r"^%x\n%x\n$"),
                    ((seconds, "--time"), now),
                    ((seconds, "--time", "--tcp"), now),
                    ((daytime, "--daytime"), r"^\w+day, .* \d{4} .*\n$"),
                    ((daytime, "--daytime", "--tcp"), r"^\w+day, .* \d{4} .*\n$"),
                    ((sntp, "--sntp"), r"^offset [+-]0\.\d{9} s, delay 0\.\d{9} s, stratum 10\n$")):
                with self.subTest(arguments=arguments[1:]):
                    done = run("udp_time_client", *arguments)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertRegex(done.stdout, expected)

    def test_asks_over_a_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            endpoint = f"unix:{folder}/time"
            with time_server("--listen", endpoint):
                done = run("udp_time_client", endpoint, "0")
                self.assertEqual((done.returncode, done.stdout, done.stderr),
                                 (0, "1970-01-01 00:00:00\n", ""))

    def test_failures_are_reported(self):
        with time_server("--sntp", "127.0.0.1:0", "--stratum", "16", endpoints=2) as server:
            text, sntp = server.endpoints
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
                silent.bind(("127.0.0.1", 0))
                nobody = "127.0.0.1:%d" % silent.getsockname()[1]
                for *code, arguments, why in (
                        ((text, "%Q"), f"{text}: no conversion of strftime at byte 0"),
                        ((sntp, "--sntp"), f"{sntp}: Kiss-o'-Death INIT: the server's clock has not "
                         "been synchronized yet"),
                        ((nobody, "--timeout", 0.05), f"no answer from {nobody}"),
                        ((nobody, "--sntp", "--timeout", 0.05), f"no answer from {nobody}"),
                        (2, ("nonsense",), "nonsense")):
                    done = run("udp_time_client", *arguments)
                    self.assertEqual((done.returncode, done.stdout), (*(code or [1]), ""))
                    self.assertIn(f"error: {why}" if ":" in why else why, done.stderr)
            done = run("udp_time_client", nobody, "--timeout", TIMEOUT_SECONDS)
            self.assertEqual(done.stderr, f"error: ask {nobody}: connection refused\n")
            self.assertEqual(done.returncode, 1)

    def test_what_a_server_says_does_not_command_the_terminal(self):
        for said, shown in ((b"\x1b[2Ja\tb\nc\x9b\xc3\xa9", "\\x1b[2Ja\tb\nc\\x9b\u00e9\n"),
                            (b"error: \x1b[2J", "")):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as liar:
                liar.bind(("127.0.0.1", 0))
                liar.settimeout(TIMEOUT_SECONDS)
                client = subprocess.Popen(
                    [program("udp_time_client"), "127.0.0.1:%d" % liar.getsockname()[1]],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                liar.sendto(said, liar.recvfrom(100)[1])
                out, errors = client.communicate(timeout=TIMEOUT_SECONDS)
                self.assertEqual(out, shown)
                self.assertNotIn("\x1b", errors)

    def test_a_forged_answer_is_not_believed(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger:
            forger.bind(("127.0.0.1", 0))
            forger.settimeout(TIMEOUT_SECONDS)
            client = subprocess.Popen(
                [Path(os.environ["UVREACTOR_BUILD"]) / "samples/udp_time_client",
                 "127.0.0.1:%d" % forger.getsockname()[1], "--sntp"],
                stdout=subprocess.PIPE, text=True)
            request, sender = forger.recvfrom(100)
            now = int((time.time() + FROM_1900 + 3600) * 2**32)

            def answer(origin):
                return struct.pack("!BBbbII4sQ8sQQ", 0x24, 1, 0, -20, 0, 0, b"GPS", now, origin,
                                   now, now)

            forger.sendto(b"short", sender)
            forger.sendto(answer(bytes(8)), sender)
            forger.sendto(request, sender)
            forger.sendto(answer(request[40:]), sender)
            told = client.communicate(timeout=TIMEOUT_SECONDS)[0]
            self.assertEqual(client.returncode, 0)
            self.assertRegex(told, r"^offset \+3(600|599)\.\d{9} s, .* stratum 1\n$")

    def test_a_wrong_command_line(self):
        for arguments in ([], ["127.0.0.1:0", "--count", "0"], ["127.0.0.1:0", "--interval", "x"],
                          ["127.0.0.1:0", "--sntp", "--time"], ["127.0.0.1:0", "%Y", "--sntp"],
                          ["127.0.0.1:0", "--tcp", "--sntp"], ["127.0.0.1:0", "--tcp"],
                          ["127.0.0.1:0", "--tcp", "--interval", "1"]):
            done = run("udp_time_client", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertNotEqual(done.stderr, "")
        for arguments in (["--stratum", "0"], ["--stratum", "17"], ["x"]):
            self.assertEqual(run("udp_time_server", *arguments).returncode, 2)


class KissOfDeath(unittest.TestCase):
    """A server that answers each request with the next of several replies."""

    @staticmethod
    def packet(request, code, stratum=0, mode=4, poll=0, origin=None):
        now = int((time.time() + FROM_1900) * 2**32)
        return struct.pack("!BBbbII4sQ8sQQ", 4 << 3 | mode, stratum, poll, -20, 0, 0, code, now,
                           origin or request[40:48], now, now)

    def ask(self, *answers, count=1, interval=0.01):
        """Exit code, standard error, and when each request arrived. The last reply is repeated."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.settimeout(TIMEOUT_SECONDS)
            self.endpoint = "127.0.0.1:%d" % server.getsockname()[1]
            client = subprocess.Popen(
                [program("udp_time_client"), self.endpoint, "--sntp", "--count", str(count),
                 "--interval", str(interval)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            came = []
            ended = threading.Event()

            def serve():
                while True:
                    request, sender = server.recvfrom(100)
                    if ended.is_set():
                        return
                    came.append(time.monotonic())
                    answer = answers[min(len(came), len(answers)) - 1]
                    for packet in answer(request) if callable(answer) else [
                            self.packet(request, answer)]:
                        server.sendto(packet, sender)

            serving = threading.Thread(target=serve)
            serving.start()
            self.out, errors = client.communicate(timeout=TIMEOUT_SECONDS)
            ended.set()
            server.sendto(b"", server.getsockname())
            serving.join()
            return client.returncode, errors, came

    def good(self, request):
        return [self.packet(request, b"GPS", stratum=1)]

    def test_deny_and_rstr_stop_the_client_at_once(self):
        for code, meaning in ((b"DENY", "the server denies access"),
                              (b"RSTR", "the server denies access by a local policy")):
            returned, errors, came = self.ask(code, count=10)
            self.assertEqual((returned, len(came)), (1, 1))
            self.assertEqual(errors, f"error: {self.endpoint}: Kiss-o'-Death {code.decode()}: "
                             f"{meaning}; no further request is sent\n")

    def test_each_rate_doubles_the_interval_and_five_in_a_row_stop_the_client(self):
        returned, errors, came = self.ask(b"RATE", count=100, interval=0.02)
        self.assertEqual((returned, len(came)), (1, 5))
        said = f"error: {self.endpoint}: Kiss-o'-Death RATE: the server gets too many requests"
        self.assertEqual(errors.splitlines(), [
            *(f"{said}; from now on a request is sent every {seconds} s"
              for seconds in (0.04, 0.08, 0.16, 0.32)), f"{said}; no further request is sent"])
        self.assertGreater(came[-1] - came[0], 0.3)  # 0.6 s; 0.08 s without slowing down.

    def test_a_server_may_serve_again_after_fewer_requests(self):
        returned, errors, came = self.ask(b"RATE", b"RATE", self.good, b"RATE", self.good, count=6)
        self.assertEqual((returned, len(came)), (1, 6))
        self.assertEqual(self.out.count("offset"), 3)
        self.assertEqual([line.rpartition("every ")[2] for line in errors.splitlines()],
                         ["0.02 s", "0.04 s", "0.08 s"])

    def test_the_interval_that_the_server_asks_for_is_kept(self):
        def once(request):
            return [self.packet(request, b"RATE", poll=1)]
        returned, errors, came = self.ask(once, self.good, count=2)
        self.assertEqual((returned, len(came)), (1, 2))
        self.assertIn("; from now on a request is sent every 2 s\n", errors)
        self.assertGreater(came[1] - came[0], 1.9)

    def test_other_codes_are_shown_and_change_nothing(self):
        for code, said in ((b"STEP", "STEP: the server's clock was set and has not been "
                            "synchronized since"), (b"XABC", "XABC"), (b"NT\0\0", "NT")):
            returned, errors, came = self.ask(code, count=2)
            self.assertEqual((returned, len(came)), (1, 2))
            self.assertEqual(errors, f"error: {self.endpoint}: Kiss-o'-Death {said}\n" * 2)

    def test_what_is_no_code_is_not_shown(self):
        for code in (b"\0\0\0\0", b"\33[2J", b"A\0BC"):
            returned, errors, came = self.ask(code)
            self.assertEqual((returned, len(came)), (1, 1))
            self.assertEqual(errors, f"error: {self.endpoint}: the server has no time to give\n")

    def test_a_forged_kiss_of_death_is_ignored(self):
        def forged_then_good(request):
            return [self.packet(request, b"DENY", origin=bytes(range(8))),
                    self.packet(request, b"DENY", origin=bytes(8)), b"DENY",
                    *self.good(request)]
        returned, errors, came = self.ask(forged_then_good, count=3)
        self.assertEqual((returned, errors, len(came)), (0, "", 3))


class OtherPrograms(unittest.TestCase):
    @unittest.skipUnless(shutil.which("chronyd"), "there is no chronyd")
    def test_chronyd_finds_our_clock_to_be_its_own(self):
        with time_server("--sntp", "127.0.0.1:0", endpoints=2) as server:
            port = server.endpoints[1].rpartition(":")[2]

            def measure():
                done = subprocess.run(
                    ["chronyd", "-Q", "-t", "30",
                     f"server 127.0.0.1 port {port} iburst maxsamples 1"],
                    capture_output=True, text=True, timeout=60, check=False)
                wrong = re.search(r"System clock wrong by (-?[\d.]+) seconds", done.stderr)
                self.assertTrue(wrong, done.stderr)
                return float(wrong[1])

            self.assertLess(closest(measure, 0.001), 0.001)

    @unittest.skipUnless(shutil.which("busybox"), "there is no busybox")
    def test_busybox_rdate_reads_the_time(self):
        with time_server("--time", "127.0.0.1:0", endpoints=2) as server:
            done = subprocess.run(["busybox", "rdate", "-p", server.endpoints[1]], text=True,
                                  capture_output=True, timeout=60, check=False,
                                  env={**os.environ, "TZ": "UTC"})
        if "applet not found" in done.stderr:
            self.skipTest("this busybox has no rdate")
        told = datetime.strptime(done.stdout.strip(), "%a %b %d %H:%M:%S %Y")
        self.assertLess(abs(told.replace(tzinfo=timezone.utc).timestamp() - time.time()), TIMEOUT_SECONDS)


class NtpSec(Network):
    """These programs use only port 123, so each test has a host of its own."""

    def setUp(self):
        self.clock = self.host("clock")
        port = "127.0.0.1:123"
        self.server = time_server("--sntp", port, endpoints=2, **self.clock.process_options())
        self.addCleanup(self.server.kill)

    def ours(self):
        """Offset and delay, as udp_time_client finds them."""
        done = self.clock.run(Path(os.environ["UVREACTOR_BUILD"]) / "samples/udp_time_client",
                              "127.0.0.1:123", "--sntp")
        offset, delay = re.match(r"offset (\S+) s, delay (\S+) s", done.stdout).groups()
        return float(offset), float(delay)

    def theirs(self, *command):
        """Offset and half of the delay, as it finds them: 2026-11-21 12:14:22 (+0000) +0.1 +/- 0.2"""
        told = self.clock.run(*command, "127.0.0.1").stdout
        found = re.search(r"([+-]\d+\.\d+) \+/- (\d+\.\d+) 127\.0\.0\.1 s10 no-leap", told)
        self.assertTrue(found, told)
        return float(found[1]), float(found[2])

    @unittest.skipUnless(shutil.which("ntpdate"), "there is no ntpdate")
    def test_ntpdate_finds_our_clock_to_be_its_own(self):
        self.assertLess(closest(lambda: self.theirs("ntpdate", "-q")[0], 0.001), 0.001)

    @unittest.skipUnless(shutil.which("ntpdig"), "there is no ntpdig")
    def test_ntpdig_and_our_client_agree(self):
        def measure():
            offset, delay = self.ours()
            their_offset, their_half_delay = self.theirs("ntpdig", "--samples=4")
            return max(abs(offset - their_offset), abs(delay / 2 - their_half_delay))

        self.assertLess(closest(measure, 0.001), 0.001)


if __name__ == "__main__":
    unittest.main()
