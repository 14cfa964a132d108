"""The broadcast sender and receivers, on this host alone: 127.255.255.255 is lo's broadcast address."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import Server, program, run  # noqa: E402

TIMEOUT_SECONDS = 20
EVERYBODY = "127.255.255.255"


def receiver(*options, **more):
    return Server("broadcast_receiver", "--listen", "0.0.0.0:0", *options, **more)


def sender_socket():
    asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asker.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    asker.bind(("127.0.0.1", 0))
    asker.settimeout(TIMEOUT_SECONDS)
    return asker


class Receiver(unittest.TestCase):
    def test_prints_what_comes_and_answers_its_sender(self):
        with receiver() as server, sender_socket() as asker:
            name = "127.0.0.1:%d" % asker.getsockname()[1]
            for text, shown in ((b"hello, you", "hello, you"), ("größer €😀".encode(), "größer €😀"),
                                (b"..\xc0\x80\xed\xa0\x80\xff\xc3", r"..\xc0\x80\xed\xa0\x80\xff\xc3"),
                                (b"......\xc2\x9b\x7f", r"......\xc2\x9b\x7f"),
                                (b"a\nfrom 1.2.3.4:5: b\x1b[2J", r"a\x0afrom 1.2.3.4:5: b\x1b[2J")):
                asker.sendto(text, (EVERYBODY, server.port))
                self.assertEqual(server.line(), f"from {name}: {shown}")
                self.assertEqual(asker.recv(100), b"I am here")

    def test_what_is_shorter_than_the_answer_is_answered_only_with_a_reply_of_its_own(self):
        with receiver() as server, sender_socket() as asker:
            for size in (*range(9), *range(8)):
                asker.sendto(bytes(size), ("127.0.0.1", server.port))
                self.assertTrue(server.line().endswith(": " + size * r"\x00"))
            asker.sendto(b"nine byte", ("127.0.0.1", server.port))
            self.assertEqual(asker.recv(100), b"I am here")
            asker.setblocking(False)
            with self.assertRaises(BlockingIOError):
                asker.recv(100)
            self.assertEqual(server.stop(), 0)
            self.assertEqual(server.errors(),
                             "datagrams of less than 9 bytes are not answered without --reply\n")
        with receiver("--reply", "I am here") as server, sender_socket() as asker:
            asker.sendto(b"", ("127.0.0.1", server.port))
            self.assertEqual(asker.recv(100), b"I am here")

    def test_several_receivers_on_one_host_get_the_same(self):
        with receiver("--reply", "kitchen") as first, sender_socket() as asker:
            endpoint = f"0.0.0.0:{first.port}"
            with Server("broadcast_receiver", "--listen", endpoint, "--reply", "garden") as second:
                asker.sendto(b"hello", (EVERYBODY, first.port))
                self.assertEqual({asker.recv(100), asker.recv(100)}, {b"kitchen", b"garden"})
                self.assertEqual(first.line(), second.line())

    def test_an_answer_is_not_answered(self):
        with receiver() as server, sender_socket() as asker:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as twin:
                # Stands for another receiver, whose replies have the same port.
                twin.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                twin.bind(("127.0.0.2", server.port))
                twin.sendto(b"hello, twin", ("127.0.0.1", server.port))
                asker.sendto(b"I am here", ("127.0.0.1", server.port))
                asker.sendto(b"the last one", ("127.0.0.1", server.port))
                self.assertEqual(asker.recv(100), b"I am here")
                for expected in ("hello, twin", "I am here", "the last one"):
                    self.assertTrue(server.line().endswith(": " + expected))
                for one in (asker, twin):
                    one.setblocking(False)
                    with self.assertRaises(BlockingIOError):
                        one.recv(100)

    def test_sends_no_response_with_the_option_for_it(self):
        with receiver("--no-reply") as server, sender_socket() as asker:
            asker.sendto(b"hello, you", ("127.0.0.1", server.port))
            self.assertTrue(server.line().endswith(": hello, you"))
            self.assertEqual(server.stop(), 0)
            asker.setblocking(False)
            with self.assertRaises(BlockingIOError):
                asker.recv(100)

    def test_one_sender_gets_no_more_answers_than_the_limit(self):
        with receiver() as server, sender_socket() as asker:
            for _ in range(200):
                asker.sendto(b"hello, you", ("127.0.0.1", server.port))
                server.line()
            self.assertEqual(server.stop(), 0)
            asker.setblocking(False)
            answers = 0
            with self.assertRaises(BlockingIOError):
                while asker.recv(100):
                    answers += 1
            self.assertGreaterEqual(answers, 20)
            self.assertLess(answers, 200)

    def test_survives_whatever_comes(self):
        chance = random.Random(3)
        with receiver() as server, sender_socket() as asker:
            for size in (0, 1, 9, 65507, *(chance.randrange(3000) for _ in range(50))):
                asker.sendto(chance.randbytes(size), ("127.0.0.1", server.port))
                self.assertRegex(server.line(), r"^from 127\.0\.0\.1:\d+: ")

    def test_a_group_that_cannot_be_joined_is_reported(self):
        for options, why in ((("--join", "127.0.0.1"), "127.0.0.1"),
                             (("--join", "239.1.2.3", "--interface", "nope"),
                              "nope: no interface (")):
            done = run("broadcast_receiver", "--listen", "0.0.0.0:0", *options)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertTrue(done.stderr.startswith("error: "), done.stderr)
            self.assertIn(why, done.stderr)


class Sender(unittest.TestCase):
    def sender(self, port, *options):
        sender = subprocess.Popen(
            [program("broadcast_sender"), "--to", f"{EVERYBODY}:{port}", *map(str, options)],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(sender.stdout.close)
        self.addCleanup(sender.wait)
        self.addCleanup(sender.kill)
        return sender

    def milliseconds(self, sender, port, text):
        line = sender.stdout.readline()
        found = re.fullmatch(rf"reply from 127\.0\.0\.1:{port}: {text} \((\d+\.\d{{3}}) ms\)\n", line)
        self.assertTrue(found, line)
        return float(found[1])

    def test_lists_each_reply_with_its_sender_and_the_time_it_took(self):
        with receiver("--reply", "kitchen\n") as server:
            began = time.monotonic()
            sender = self.sender(server.port, "--interval", 0.1, "--message", "who?")
            for _ in range(3):
                took = self.milliseconds(sender, server.port, r"kitchen\\x0a")
                self.assertLess(took, 1000 * (time.monotonic() - began))
                self.assertTrue(server.line().endswith(": who?"))
            sender.send_signal(signal.SIGINT)
            self.assertEqual(sender.wait(TIMEOUT_SECONDS), 0)

    def test_the_time_is_that_since_the_message_that_was_answered(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lazy:
            lazy.bind(("0.0.0.0", 0))
            lazy.settimeout(TIMEOUT_SECONDS)
            port = lazy.getsockname()[1]
            began = time.monotonic()
            sender = self.sender(port, "--interval", 0.2)
            asked = []
            for _ in range(4):
                asked.append((lazy.recvfrom(100)[1], time.monotonic()))
            for number, at in ((2, asked[2]), (0, asked[0]), (3, asked[3]), (1, asked[1])):
                lazy.sendto(b"%d" % number, at[0])
                took = self.milliseconds(sender, port, number)
                self.assertGreaterEqual(took, 200 * (3 - number) * 0.9)
                self.assertLess(took, 1000 * (time.monotonic() - began))

    def test_sends_the_given_number_and_ends(self):
        with receiver() as server:
            done = run("broadcast_sender", "--to", f"{EVERYBODY}:{server.port}", "--count", 3,
                       "--interval", 0.1)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for _ in range(3):
                self.assertTrue(server.line().endswith(": Who is there?"))
            self.assertEqual(server.stop(), 0)
            self.assertIsNone(server.line())

    def test_goes_on_when_more_messages_are_out_than_are_waited_for(self):
        with receiver() as server:
            sender = self.sender(server.port, "--interval", 0.1)
            for _ in range(20):
                self.assertIn("I am here", sender.stdout.readline())
            sender.send_signal(signal.SIGINT)
            self.assertEqual(sender.wait(TIMEOUT_SECONDS), 0)

    def test_a_failed_send_is_reported_with_a_hint(self):
        done = run("broadcast_sender", "--interface", "nope", "--count", 1)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^error: nope: no interface that can broadcast \(.*\)\n$")
        # broadcast_sender sets the option. A program that does not set it reports an error.
        done = run("udp_time_client", f"{EVERYBODY}:9")
        self.assertEqual(done.stderr, f"error: connect {EVERYBODY}:9: permission denied "
                         "(a broadcast address needs the broadcast option)\n")
        self.assertEqual(done.returncode, 1)

    def test_a_wrong_command_line(self):
        for arguments in (["--interval", "0.01"], ["--count", "0"], ["x"]):
            self.assertEqual(run("broadcast_sender", *arguments).returncode, 2)


if __name__ == "__main__":
    unittest.main()
