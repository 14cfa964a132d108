"""The chat without a server."""

import random
import socket
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from build_options import options  # noqa: E402
from programs import BUILD, Server, run  # noqa: E402

TIMEOUT_SECONDS = 20


class Friend:
    """A chat partner: a plain socket."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(TIMEOUT_SECONDS)
        self.endpoint = "127.0.0.1:%d" % self.socket.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def chat(*options):
    return Server("udp_chat", *options, stdin=subprocess.PIPE)


def say(server, *lines):
    server.process.stdin.write("".join(f"{line}\n" for line in lines))
    server.process.stdin.flush()


class UdpChat(unittest.TestCase):
    def test_each_line_goes_to_the_peer_it_names(self):
        with Friend() as ann, Friend() as bob:
            with chat("--peer", f"ann={ann.endpoint}", "--peer", f"bob={bob.endpoint}") as server:
                say(server, "bob: hello", "ann: at 10:30", "bob:", "bob:  two blanks")
                self.assertEqual([bob.socket.recv(100) for _ in range(3)],
                                 [b"hello", b"", b" two blanks"])
                self.assertEqual(ann.socket.recv(100), b"at 10:30")

    def test_what_comes_is_printed_under_its_senders_name(self):
        with Friend() as ann, Friend() as stranger:
            with chat("--peer", f"ann={ann.endpoint}") as server:
                for friend, text in ((ann, b"hello"), (stranger, b"a\nann: b"), (ann, b"")):
                    friend.socket.sendto(text, ("127.0.0.1", server.port))
                self.assertEqual([server.line() for _ in range(3)],
                                 ["ann: hello", rf"{stranger.endpoint}: a\x0aann: b", "ann: "])

    def test_two_of_them_talk(self):
        with chat() as ann, chat("--peer", f"ann={ann.endpoint}") as bob:
            say(bob, "ann: hello")
            self.assertEqual(ann.line(), f"{bob.endpoint}: hello")

    def test_a_sender_that_is_not_listed_is_answered_by_address(self):
        with Friend() as stranger, Friend() as silent, chat() as server:
            stranger.socket.sendto(b"hello", ("127.0.0.1", server.port))
            self.assertEqual(server.line(), f"{stranger.endpoint}: hello")
            say(server, f"@{silent.endpoint}: no", f"@{stranger.endpoint}: at 10:30")
            self.assertEqual(stranger.socket.recv(100), b"at 10:30")
        nobody = "error: no friend is known: add one by --peer NAME=HOST:PORT"
        self.assertEqual(server.errors(), f"{nobody}; `@HOST:PORT: text` replies to a "
                         f"sender, as @{stranger.endpoint}\n")

    def test_an_empty_list_of_friends_says_how_to_add_one(self):
        done = run("udp_chat", "--listen", "127.0.0.1:0", input="hello\n")
        self.assertEqual(done.stderr,
                         "error: no friend is known: add one by --peer NAME=HOST:PORT\n")

    def test_a_line_without_recipient_is_reported(self):
        with Friend() as ann:
            with chat("--peer", f"ann={ann.endpoint}") as server:
                say(server, "bob: hello", "hello", "ann: still there")
                self.assertEqual(ann.socket.recv(100), b"still there")
        told = "error: a line is `NAME: text`, to one of: ann\n"
        self.assertEqual(server.errors(), told * 2)

    def test_an_absent_peer_is_reported_by_name_and_the_others_still_receive(self):
        if options(BUILD)["platform"] == "portable":
            self.skipTest("the portable platform reports no errors of sockets without a peer")
        with Friend() as gone:
            bob = gone.endpoint
        with Friend() as ann:
            lines = "bob: hello\nann: one\nbob: hello?\nann: two\nbob: bye"
            for listen in ("127.0.0.1:0", "[::]:0"):
                done = run("udp_chat", "--listen", listen, "--peer", f"ann={ann.endpoint}",
                           "--peer", f"bob={bob}", input=lines)
                self.assertEqual(done.returncode, 0)
                self.assertRegex(done.stderr, r"^(error: bob: connection refused\n)+$")
                self.assertEqual([ann.socket.recv(100) for _ in range(2)], [b"one", b"two"])

    def test_ends_with_its_input_when_all_is_sent(self):
        with Friend() as ann:
            lines = [f"line {number}" for number in range(100)]
            done = run("udp_chat", "--listen", "127.0.0.1:0", "--peer", f"ann={ann.endpoint}",
                       input="".join(f"ann: {line}\n" for line in lines) + "ann: the end")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for line in (*lines, "the end"):
                self.assertEqual(ann.socket.recv(100).decode(), line)

    def test_survives_whatever_comes(self):
        chance = random.Random(7)
        with Friend() as ann, chat() as server:
            for size in (0, 1, 65507, *(chance.randrange(3000) for _ in range(50))):
                ann.socket.sendto(chance.randbytes(size), ("127.0.0.1", server.port))
                self.assertTrue(server.line().startswith(f"{ann.endpoint}: "))

    def test_a_line_that_is_too_long_and_a_broadcast_address_are_reported(self):
        with Friend() as ann:
            with chat("--peer", f"ann={ann.endpoint}", "--peer", "all=127.255.255.255:9",
                      "--listen", "0.0.0.0:0") as server:
                say(server, "ann: " + "x" * 70000)
                say(server, "ann: short")
                self.assertEqual(ann.socket.recv(100), b"short")
                say(server, "all: hello")
                say(server, "ann: short")
                self.assertEqual(ann.socket.recv(100), b"short")
                self.assertEqual(server.stop(), 0)
            self.assertIn("error: ann: message too long", server.errors())
            self.assertIn("error: all: permission denied (a broadcast address needs the broadcast "
                          "option)", server.errors())

    def test_a_wrong_command_line(self):
        done = run("udp_chat", "--listen", "127.0.0.1:0", "--peer", "ann=nonsense")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertTrue(done.stderr.startswith("error: "), done.stderr)
        for peer in ("ann", "=127.0.0.1:9"):
            done = run("udp_chat", "--listen", "127.0.0.1:0", "--peer", peer)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(f"{peer}: not NAME=HOST:PORT", done.stderr)
        self.assertEqual(run("udp_chat", "x").returncode, 2)


if __name__ == "__main__":
    unittest.main()
