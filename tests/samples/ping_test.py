"""ping, against this host and against a host with made-up replies."""

import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from namespaces import Network  # noqa: E402
from programs import TIMEOUT_SECONDS, program, run  # noqa: E402

NEEDS_ROOT = unittest.skipIf(os.geteuid() != 0, "raw sockets need root")
RTT = r"rtt min/avg/max/mdev = \d+\.\d{3}/\d+\.\d{3}/\d+\.\d{3}/\d+\.\d{3} ms\n"


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def reply_to(request, kind=0, code=0, identifier=None, sequence=None, data=None, wrong=0):
    """An ICMP reply that repeats the fields of the request that are not given."""
    asked = struct.unpack("!HH", request[4:8])
    body = struct.pack("!HH", asked[0] if identifier is None else identifier,
                       asked[1] if sequence is None else sequence) + (data or request[8:])
    total = checksum(struct.pack("!BBH", kind, code, 0) + body)
    return struct.pack("!BBH", kind, code, total ^ wrong) + body


@NEEDS_ROOT
class Ping(unittest.TestCase):
    def test_prints_each_reply_and_the_statistics(self):
        done = run("ping", "127.0.0.1", "--count", 3, "--interval", 0.01)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(
            done.stdout,
            r"^PING 127\.0\.0\.1 \(127\.0\.0\.1\) 56 data bytes\n"
            + "".join(rf"64 bytes from 127\.0\.0\.1: icmp_seq={n} ttl=\d+ time=\d+\.\d{{3}} ms\n"
                      for n in (1, 2, 3))
            + r"\n--- 127\.0\.0\.1 ping statistics ---\n"
            r"3 packets transmitted, 3 received, 0% packet loss, time \d+ms\n" + RTT + "$")

    def test_pings_by_name_and_over_ipv6(self):
        for host in ("localhost", "::1", "[::1]"):
            done = run("ping", host, "-c", 2, "-i", 0.01)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("2 packets transmitted, 2 received, 0% packet loss", done.stdout)
            if host != "localhost":
                self.assertIn("64 bytes from ::1: icmp_seq=2 time=", done.stdout)

    def test_two_at_once_do_not_take_each_others_replies(self):
        pings = [subprocess.Popen([program("ping"), "127.0.0.1", "-c", "50", "-i", "0.01"],
                                  stdout=subprocess.PIPE, text=True) for _ in range(5)]
        for ping in pings:
            out, _ = ping.communicate(timeout=TIMEOUT_SECONDS)
            self.assertIn("50 packets transmitted, 50 received, 0% packet loss", out)

    def test_a_signal_ends_it_with_the_statistics(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            ping = subprocess.Popen([program("ping"), "127.0.0.1", "-i", "0.01"],
                                    stdout=subprocess.PIPE, text=True)
            while "icmp_seq=3 " not in ping.stdout.readline():
                pass
            ping.send_signal(number)
            out, _ = ping.communicate(timeout=TIMEOUT_SECONDS)
            self.assertEqual(ping.returncode, 0)
            self.assertRegex(out, r"\d+ packets transmitted, \d+ received")

    def test_without_the_right_it_says_what_helps(self):
        done = subprocess.run(
            [program("ping"), "127.0.0.1", "--count", "1"], capture_output=True, text=True,
            timeout=TIMEOUT_SECONDS, check=False, user=65534, group=65534, extra_groups=[])
        if done.returncode == 0:
            self.skipTest("here anybody may ping")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"^error: .*CAP_NET_RAW.*net\.ipv4\.ping_group_range.*\n$")


class CommandLine(unittest.TestCase):
    def test_a_wrong_command_line(self):
        for arguments in ([], ["localhost", "--count", "0"], ["localhost", "--interval", "0"],
                          ["localhost", "-4", "-6"], ["localhost", "--count", "x"]):
            self.assertEqual(run("ping", *arguments).returncode, 2)

    def test_a_host_that_is_none_is_a_failure(self):
        done = run("ping", "no-such-host.invalid", "--count", 1)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("error: ", done.stderr)


class MadeUpReplies(Network):
    """A host whose kernel does not reply, so that the test can."""

    def setUp(self):
        self.host_ = self.host("pinged")
        self.host_.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all")

    def ping(self, replies, *options):
        """Pings with a thread that sends replies(number, request) for each request."""
        ended = threading.Event()
        with self.host_.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as forger:
            def forge():
                number = 0
                while not ended.is_set():
                    if not select.select([forger], [], [], 0.1)[0]:
                        continue
                    message = forger.recv(65536)[20:]
                    if message[0] != 8:  # A raw socket also receives the replies.
                        continue
                    number += 1
                    for reply in replies(number, message):
                        forger.sendto(reply, ("127.0.0.1", 0))
            thread = threading.Thread(target=forge)
            thread.start()
            try:
                return subprocess.run(
                    [program("ping"), "127.0.0.1", *map(str, options)], text=True,
                    capture_output=True, timeout=TIMEOUT_SECONDS, check=False,
                    **self.host_.process_options())
            finally:
                ended.set()
                thread.join()

    def test_a_host_that_does_not_answer_is_a_failure(self):
        done = self.ping(lambda *_: [], "-c", 2, "-i", 0.01, "-W", 0.05)
        self.assertEqual(done.returncode, 1)
        self.assertIn("2 packets transmitted, 0 received, 100% packet loss", done.stdout)
        self.assertNotIn("rtt", done.stdout)
        self.assertEqual(done.stderr, "no answer: icmp_seq=1\nno answer: icmp_seq=2\n")

    def test_duplicates_are_counted_apart_and_end_nothing_early(self):
        done = self.ping(lambda _, request: [reply_to(request)] * 3, "-c", 4, "-i", 0.05)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"4 packets transmitted, 4 received, \+[68] duplicates, "
                         "0% packet loss")
        self.assertEqual(done.stdout.count("64 bytes"), 4)

    def test_a_late_reply_is_not_taken_for_one_to_the_next_request(self):
        kept = []

        def one_late(number, request):
            kept.append(request)
            return [reply_to(kept[number - 2])] if number > 1 else []

        done = self.ping(one_late, "-c", 3, "-i", 0.5, "-W", 0.2)
        self.assertEqual(done.returncode, 1)
        self.assertIn("3 packets transmitted, 0 received, +2 late, 100% packet loss", done.stdout)

    def test_replies_in_another_order_are_taken_for_what_they_are(self):
        kept = []

        def reverse(_, request):
            kept.append(request)
            return [reply_to(one) for one in reversed(kept)] if len(kept) == 3 else []

        done = self.ping(reverse, "-c", 3, "-i", 0.02, "-W", TIMEOUT_SECONDS)
        self.assertEqual(re.findall(r"icmp_seq=(\d)", done.stdout), ["3", "2", "1"])
        self.assertIn("3 packets transmitted, 3 received, 0% packet loss", done.stdout)

    def test_what_is_no_reply_to_us_is_ignored(self):
        def wrong_then_right(_, request):
            identifier, sequence = struct.unpack("!HH", request[4:8])
            return [reply_to(request, wrong=1),
                    reply_to(request, identifier=identifier ^ 1),
                    reply_to(request, sequence=sequence + 1),
                    reply_to(request, sequence=sequence ^ 0x8000),
                    reply_to(request, kind=3), reply_to(request, kind=14),
                    reply_to(request, code=1),
                    reply_to(request, data=bytes(56)),
                    reply_to(request, data=request[8:-2]),
                    reply_to(request)[:7],
                    reply_to(request)]

        done = self.ping(wrong_then_right, "-c", 3, "-i", 0.02, "-W", TIMEOUT_SECONDS)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.count("64 bytes"), 3)
        self.assertIn("3 packets transmitted, 3 received, 0% packet loss", done.stdout)

    def test_a_ping_socket_does_where_a_raw_one_is_not_allowed(self):
        self.host_.run("sh", "-c", "echo 0 > /proc/sys/net/ipv4/icmp_echo_ignore_all")
        self.needs(self.host_, "sh", "-c",
                   "echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range")
        for host in ("127.0.0.1", "::1"):
            for privilege in ({"user": 65534, "group": 65534, "extra_groups": []}, {}):
                options = [] if privilege else ["--unprivileged"]
                done = subprocess.run(
                    [program("ping"), host, "-c", "3", "-i", "0.01", *options], text=True,
                    capture_output=True, timeout=TIMEOUT_SECONDS, check=False,
                    **self.in_namespace(privilege))
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("3 packets transmitted, 3 received, 0% packet loss", done.stdout)

    def in_namespace(self, privilege):
        """Enters the namespace first, which needs root."""
        enter = self.host_.process_options()["preexec_fn"]

        def start():
            enter()
            if privilege:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
        return {"preexec_fn": start}


if __name__ == "__main__":
    unittest.main()
