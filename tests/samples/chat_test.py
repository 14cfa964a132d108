"""The chat room, seen by its users and by clients that know only its line protocol."""

import os
import pty
import resource
import selectors
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import TIMEOUT_SECONDS, Server, program, run  # noqa: E402


class Guest:
    """A client of lines on a plain socket."""

    def __init__(self, server, *says):
        host, port = server.endpoint.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=TIMEOUT_SECONDS)
        self.received = b""
        self.say(*says)

    def say(self, *lines):
        self.socket.sendall(b"".join(
            (line.encode() if isinstance(line, str) else line) + b"\n" for line in lines))

    def line(self):
        """The next line; None at the end."""
        while b"\n" not in self.received:
            piece = self.socket.recv(65536)
            if not piece:
                return None
            self.received += piece
        line, self.received = self.received.split(b"\n", 1)
        return line.decode()

    def hears(self, *lines):
        for expected in lines:
            line = self.line()
            if line != expected:
                raise AssertionError(f"{line!r}, where {expected!r} was expected")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Crowd:
    """Many guests at the same time, served by one thread."""

    def __init__(self, server, size):
        self.guests = [Guest(server, f"/nick c{number}") for number in range(size)]
        self.selector = selectors.DefaultSelector()
        for guest in self.guests:
            guest.socket.setblocking(False)
            guest.heard = bytearray()
            self.selector.register(guest.socket, selectors.EVENT_READ, guest)

    def run_until(self, condition):
        end = time.monotonic() + TIMEOUT_SECONDS
        waiting = set(self.guests)
        while waiting:
            for key, _ in self.selector.select(timeout=1):
                piece = key.fileobj.recv(1 << 20)
                if not piece:
                    raise AssertionError("a client was disconnected")
                key.data.heard += piece
                if key.data in waiting and condition(key.data):
                    waiting.discard(key.data)
            if time.monotonic() > end:
                raise AssertionError(f"{len(waiting)} clients still wait")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.selector.close()
        for guest in self.guests:
            guest.socket.close()


class ChatServer(unittest.TestCase):
    def test_a_line_reaches_all_members_and_its_sender(self):
        with Server("chat_server") as server, Guest(server, "/nick ann") as ann:
            ann.hears("* ann joined")
            with Guest(server, "/nick bob") as bob:
                ann.hears("* bob joined")
                bob.hears("* bob joined")
                bob.say("hello", "Grüße, 你好 😀")
                ann.say("to all")
                for guest in (ann, bob):
                    heard = sorted([guest.line(), guest.line(), guest.line()])
                    self.assertEqual(heard, ["ann: to all", "bob: Grüße, 你好 😀", "bob: hello"])

    def test_joins_changes_of_name_and_leaves_are_announced(self):
        with Server("chat_server") as server, Guest(server, "/nick ann") as ann:
            ann.hears("* ann joined")
            with Guest(server, "hello") as guest:
                ann.hears("* guest-2 joined", "guest-2: hello")
                guest.say("/nick bob", "/nick bob2")
                ann.hears("* guest-2 is now bob", "* bob is now bob2")
                guest.say("bye", "/quit", "this is not said")
                ann.hears("bob2: bye", "* bob2 left")
                guest.hears("* guest-2 joined", "guest-2: hello", "* guest-2 is now bob",
                            "* bob is now bob2", "bob2: bye", None)
            with Guest(server, "/nick bob") as bob:
                bob.hears("* bob joined")
            ann.hears("* bob joined", "* bob left")

    def test_names_are_listed_after_earlier_lines(self):
        with Server("chat_server") as server, Guest(server, "/nick bob") as bob:
            bob.hears("* bob joined")
            with Guest(server, "/nick ann", "hello", "/who") as ann:
                ann.hears("* ann joined", "ann: hello", "* 2 here:", "*   ann", "*   bob")

    def test_names_that_are_taken_or_could_be_taken_for_something_else_are_refused(self):
        unfit = "! a name has 1 to 32 bytes, no space and no colon"
        with Server("chat_server") as server, Guest(server, "/nick ann") as ann:
            ann.hears("* ann joined")
            with Guest(server, "/nick ann") as other:
                other.hears("! that name is taken")
                for name in ("", "a b", "ann:", "*", "*ann", "!", "x" * 33, "a\x1b[1m", "a\u202eb",
                             "a\tb", b"\xff"):
                    other.say(b"/nick " + (name if isinstance(name, bytes) else name.encode()))
                    other.hears(unfit)
                other.say("/nick Zoë", "/nick Zoë", "/nick ann")
                other.hears("* Zoë joined", "* Zoë is now Zoë", "! that name is taken")

    def test_names_that_are_invisible_or_look_like_one_in_use_are_refused(self):
        with Server("chat_server") as server, Guest(server, "/nick ann") as ann:
            ann.hears("* ann joined")
            with Guest(server) as other:
                for name in ("Ann", "\u0430nn", "a\u0301nn", "\u00e1nn", "A\u039dN"):
                    other.say("/nick " + name)
                    other.hears("! that name is taken, by one that looks like it")
                for name in ("a\u200bnn", "\u3164", "a\u00a0b", "\u2800", "\ufeffann", "a\u00adnn", "\u0301"):
                    other.say("/nick " + name)
                    other.hears("! a name has no invisible characters")
                other.say("/nick \uff41nn", "/nick \u4f60\u597d")
                other.hears("! a name has no stylistic variants of letters", "* \u4f60\u597d joined")

    def test_an_unknown_command_or_a_long_line_is_refused_and_the_client_stays(self):
        with Server("chat_server") as server, Guest(server, "/nick ann", "/kick bob") as ann:
            ann.hears("* ann joined", "! commands are /nick NAME, /who, /quit")
            ann.say("x" * 4096, "x" * 4097, "")
            ann.hears("ann: " + "x" * 4096, "! that line is too long")
            ann.say("still here")
            ann.hears("ann: still here")

    def test_a_line_without_end_that_is_too_long_ends_only_its_own_connection(self):
        with Server("chat_server") as server, Guest(server, "/nick ann") as ann:
            ann.hears("* ann joined")
            with Guest(server, "/nick bob") as bob:
                bob.hears("* bob joined")
                bob.socket.sendall(b"x" * 100000)
                bob.socket.shutdown(socket.SHUT_WR)
                bob.hears("! that line is too long", None)
            ann.hears("* bob joined", "* bob left")
            ann.say("still here")
            ann.hears("ann: still here")
        self.assertEqual(server.errors().count("decode data from 127.0.0.1:"), 1)

    def test_the_last_line_needs_no_end(self):
        with Server("chat_server") as server, Guest(server, "/nick ann") as ann:
            ann.hears("* ann joined")
            with Guest(server, "/nick bob") as bob:
                bob.hears("* bob joined")
                bob.socket.sendall(b"hello\nthe last")
                bob.socket.shutdown(socket.SHUT_WR)
                bob.hears("bob: hello", "bob: the last", None)
            ann.hears("* bob joined", "bob: hello", "bob: the last", "* bob left")
        self.assertEqual(server.errors(), "")

    def test_a_line_without_newline_is_delivered_after_a_pause(self):
        with Server("chat_server") as server, Guest(server, "/nick ann") as ann:
            ann.hears("* ann joined")
            with Guest(server) as raw:
                for sent, heard in ((b"/nick bob", "* bob joined"), (b"hello", "bob: hello"),
                                    (b"hello again", "bob: hello again")):
                    raw.socket.sendall(sent)
                    raw.hears(heard)
                    ann.hears(heard)
                raw.socket.sendall(b"/quit")
                raw.hears(None)
            ann.hears("* bob left")

    def test_a_line_of_a_client_that_ends_its_lines_may_come_in_pieces(self):
        with Server("chat_server") as server, Guest(server, "/nick ann") as ann:
            ann.hears("* ann joined")
            ann.socket.sendall(b"in pie")
            with Guest(server) as raw:  # Its pause would end after the other's.
                raw.socket.sendall(b"hello")
                raw.hears("* guest-2 joined", "guest-2: hello")
                ann.socket.sendall(b"ces\n")
                ann.hears("* guest-2 joined", "guest-2: hello", "ann: in pieces")

    def test_control_characters_are_not_forwarded_and_utf8_stays_whole_in_every_cut(self):
        with Server("chat_server") as server, Guest(server, "/nick ann") as ann:
            ann.hears("* ann joined")
            ann.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in "\x1b]0;owned\a\x9b31m€😀\r\r\n".encode() + b"\xe2\x82\n\x9b1m\n":
                ann.socket.sendall(bytes([byte]))
            ann.hears("ann: ]0;owned31m€😀", "ann: \ufffd", "ann: \ufffd1m")

    def test_a_slow_reader_is_disconnected_at_its_limit_and_delays_no_other(self):
        with Server("chat_server", "--max-unread", "100000") as server:
            with Guest(server, "/nick slow") as slow, Guest(server, "/nick ann") as ann:
                slow.hears("* slow joined")
                heard, line = 0, "x" * 4000
                while True:
                    ann.say(line)
                    while (answer := ann.line()).startswith("*"):
                        if answer == "* slow left":
                            break
                    if answer == "* slow left":
                        break
                    heard += 1
                    self.assertEqual(answer, "ann: " + line)
                    self.assertLess(heard, 10000)
                ann.say("/who")
                while ann.line() != "* 1 here:":
                    pass
                ann.hears("*   ann")
        self.assertIn("the peer does not read, and more than 100000 bytes wait for it",
                      server.errors())

    def test_a_signal_ends_it_in_order_while_guests_are_there(self):
        with Server("chat_server") as server, Guest(server, "/nick ann") as ann:
            ann.hears("* ann joined")
            server.process.terminate()
            ann.hears(None)
            ann.socket.close()
            self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)


class ManyClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        cls.addClassCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(limits[1], 4096), limits[1]))

    def converse(self, clients, lines):
        """Every client sends `lines` lines at the same time. Each line reaches all, once, in
        order."""
        with Server("chat_server") as server, Crowd(server, clients) as crowd:
            crowd.run_until(lambda guest: b"* c%d joined\n" % (clients - 1) in guest.heard)
            # A client that joins early sees the others join. After the last join all see the same.
            for guest in crowd.guests:
                guest.heard = guest.heard[guest.heard.index(b"* c%d joined\n" % (clients - 1)):]
                guest.heard = guest.heard[guest.heard.index(b"\n") + 1:]
                self.assertEqual(guest.heard, b"")
            size = sum(len(f"c{number}: line {line}\n")
                       for number in range(clients) for line in range(lines))
            for guest in crowd.guests:
                guest.say(*(f"line {line}" for line in range(lines)))
            crowd.run_until(lambda guest: len(guest.heard) >= size)
            first = crowd.guests[0].heard
            for guest in crowd.guests[1:]:
                self.assertTrue(guest.heard == first, "not all heard the same, in the same order")
            by_sender = {}
            for line in first.decode().splitlines():
                name, _, text = line.partition(": ")
                by_sender.setdefault(name, []).append(text)
            said = [f"line {line}" for line in range(lines)]
            self.assertEqual(by_sender, {f"c{number}": said for number in range(clients)})

    def test_each_of_a_thousand_clients_gets_all_lines(self):
        self.converse(1000, 1)

    def test_every_line_is_delivered_once_in_the_order_of_its_sender(self):
        self.converse(500, 100)


class ChatClient(unittest.TestCase):
    def test_prints_all_lines_up_to_its_own_last_line(self):
        with Server("chat_server") as server:
            done = run("chat_client", server.endpoint, "--name", "ann", input="one\ntwo\n/who\nend")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout, "* ann joined\nann: one\nann: two\n* 1 here:\n*   ann\n"
                             "ann: end\n")

    def test_without_a_name_it_is_a_guest(self):
        with Server("chat_server") as server:
            done = run("chat_client", server.endpoint, input="hello\n")
            self.assertEqual((done.returncode, done.stdout),
                             (0, "* guest-1 joined\nguest-1: hello\n"))

    def test_a_name_that_is_refused_is_a_clear_error(self):
        with Server("chat_server") as server, Guest(server, "/nick ann") as ann:
            ann.hears("* ann joined")
            done = run("chat_client", server.endpoint, "--name", "ann", input="hello\n")
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (1, "", "error: --name: that name is taken\n"))
            ann.say("alone")
            ann.hears("ann: alone")

    def test_a_name_that_would_be_another_line_is_a_wrong_command_line(self):
        for name in ("ann\n/nick bob", "ann\r", "\x1b[31m"):
            done = run("chat_client", "127.0.0.1:9", "--name", name)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("--name: a name has no control characters", done.stderr)

    def test_prints_no_control_characters_whatever_the_server_sends(self):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            client = subprocess.Popen(
                [program("chat_client"), "127.0.0.1:%d" % listening.getsockname()[1]],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            connection, _ = listening.accept()
            with connection:
                connection.sendall("mallory: \x1b[2Jhi\x9b €\n".encode())
                connection.shutdown(socket.SHUT_WR)
                self.assertEqual(client.communicate(timeout=TIMEOUT_SECONDS)[0].decode(),
                                 "mallory: [2Jhi €\n")

    def test_leaves_on_quit_though_its_input_goes_on(self):
        with Server("chat_server") as server:
            ours, theirs = pty.openpty()
            client = subprocess.Popen([program("chat_client"), server.endpoint, "--name", "ann"],
                                      stdin=theirs, stdout=subprocess.PIPE)
            os.close(theirs)
            self.addCleanup(os.close, ours)
            self.addCleanup(client.stdout.close)
            os.write(ours, b"hello\n/quit\n")
            self.assertEqual(client.wait(TIMEOUT_SECONDS), 0)
            self.assertIn(b"ann: hello\n", client.stdout.read())

    def test_a_server_that_goes_away_is_a_clear_error(self):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            with subprocess.Popen(
                    [program("chat_client"), "127.0.0.1:%d" % listening.getsockname()[1]],
                    stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
                listening.accept()[0].close()
                self.assertEqual(client.stderr.read(), "error: the server closed the connection\n")
                self.assertEqual(client.wait(TIMEOUT_SECONDS), 1)


if __name__ == "__main__":
    unittest.main()
