"""Two people type to each other, and one of them may use a program of another origin."""

import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import TIMEOUT_SECONDS, Server, program, run  # noqa: E402


class Person:
    """A person who types to `dialog`, as a client."""

    def __init__(self, endpoint):
        self.process = subprocess.Popen([program("dialog"), endpoint], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def say(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def hears(self):
        return self.process.stdout.readline()

    def end(self):
        """Ends the input. Returns the exit code and the rest of both outputs."""
        out, errors = self.process.communicate(timeout=TIMEOUT_SECONDS)
        return self.process.returncode, out, errors


class TypingServer(Server):
    def __init__(self, *options, **process_options):
        super().__init__("dialog", *options, stdin=subprocess.PIPE, **process_options)

    def say(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS)


class Dialog(unittest.TestCase):
    def test_each_reads_what_the_other_types_until_one_says_bye(self):
        for who in ("client", "server"):
            with self.subTest(who=who), TypingServer() as server:
                client = Person(server.endpoint)
                client.say("hello\n")
                self.assertEqual(server.line(), "hello")
                server.say("good morning\nhow are you?\n")
                self.assertEqual(client.hears(), "good morning\n")
                self.assertEqual(client.hears(), "how are you?\n")
                if who == "client":
                    client.say("bye\n")
                    self.assertEqual(server.line(), "bye")
                    self.assertEqual(client.end(), (0, "", ""))
                else:
                    server.say("bye\n")
                    self.assertEqual(client.end(), (0, "bye\n", ""))

    def test_only_a_line_of_its_own_is_a_bye(self):
        with TypingServer() as server:
            client = Person(server.endpoint)
            client.say("bye bye\ngoodbye\nbye.\n\n  bye \n")
            self.assertEqual([server.line() for _ in range(5)],
                             ["bye bye", "goodbye", "bye.", "", "  bye "])
            self.assertEqual(client.end(), (0, "", ""))

    def test_several_clients_are_served_one_after_the_other(self):
        served = set()
        with TypingServer() as server:
            clients = [Person(server.endpoint) for _ in range(3)]
            server.say("".join(f"turn {turn}\nbye\n" for turn in range(3)))
            for client in clients:
                code, out, errors = client.end()
                self.assertEqual((code, errors), (0, ""))
                self.assertRegex(out, r"^turn \d\nbye\n$")
                served.add(out)
            self.assertEqual(len(served), 3)

    def test_lines_that_the_next_client_sent_while_it_waited_are_read_when_it_is_served(self):
        with TypingServer() as server, connect(server) as first:
            first.sendall(b"first\n")
            self.assertEqual(server.line(), "first")
            with connect(server) as second:
                second.sendall(b"second\n")
                first.sendall(b"still first\n")
                self.assertEqual(server.line(), "still first")
                first.close()
                self.assertEqual(server.line(), "second")
                server.say("hello\n")
                self.assertEqual(second.recv(100), b"hello\n")

    def test_a_client_that_sends_no_newline_is_read_after_a_pause(self):
        with TypingServer() as server, connect(server) as client:
            client.sendall(b"hello")
            self.assertEqual(server.line(), "hello")
            server.say("good morning\n")
            self.assertEqual(client.recv(100), b"good morning\n")
            client.sendall(b"how are you?")
            self.assertEqual(server.line(), "how are you?")
            client.sendall(b"bye")
            self.assertEqual(server.line(), "bye")
            self.assertEqual(client.recv(100), b"")

    def test_a_server_of_others_that_sends_no_newline_is_read_after_a_pause(self):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            client = Person("127.0.0.1:%d" % listening.getsockname()[1])
            connection, _ = listening.accept()
            with connection:
                client.say("hello\n")
                self.assertEqual(connection.recv(1024), b"hello\n")
                connection.sendall(b"good morning")
                self.assertEqual(client.hears(), "good morning\n")
                client.say("bye\n")
                self.assertEqual(connection.recv(1024), b"bye\n")
            self.assertEqual(client.end(), (0, "", ""))

    def test_a_line_of_a_client_that_ends_its_lines_may_come_in_pieces(self):
        with TypingServer() as server, connect(server) as client:
            client.sendall(b"a line\nand a pie")
            self.assertEqual(server.line(), "a line")
            with self.assertRaises(AssertionError):
                server.line(seconds=1)
            client.sendall(b"ce\n")
            self.assertEqual(server.line(), "and a piece")
            client.sendall(b"the last")
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(server.line(), "the last")

    def test_works_with_input_from_files_on_both_sides(self):
        with tempfile.TemporaryFile() as lines:
            lines.write(b"server 1\nserver 2\n")
            lines.seek(0)
            with Server("dialog", stdin=lines) as server:
                done = run("dialog", server.endpoint, input="client 1\nclient 2")
                self.assertEqual((done.returncode, done.stdout, done.stderr),
                                 (0, "server 1\nserver 2\n", ""))
                self.assertEqual([server.line(), server.line()], ["client 1", "client 2"])
                with connect(server) as client:  # The terminal input has ended before.
                    client.sendall(b"hello\n")
                    self.assertEqual(server.line(), "hello")

    def test_over_ipv6_and_a_unix_socket_whose_file_goes_with_the_server(self):
        with tempfile.TemporaryDirectory() as folder:
            for endpoint in ("[::1]:0", f"unix:{folder}/dialog"):
                with TypingServer("--listen", endpoint) as server:
                    server.say("hello\nbye\n")
                    done = run("dialog", server.endpoint)
                    self.assertEqual((done.returncode, done.stdout), (0, "hello\nbye\n"))
            self.assertEqual(os.listdir(folder), [])

    def test_a_client_that_resets_its_connection_is_reported_and_the_next_is_served(self):
        with TypingServer() as server:
            with connect(server) as client:
                client.sendall(b"hello\n")
                self.assertEqual(server.line(), "hello")
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            with connect(server) as client:
                client.sendall(b"next\n")
                self.assertEqual(server.line(), "next")
            self.assertIn("connection reset", server.errors())

    def test_after_a_stop_signal_it_sends_what_was_typed_and_ends_the_conversation(self):
        with TypingServer() as server:
            client = Person(server.endpoint)
            client.say("hello\n")
            self.assertEqual(server.line(), "hello")
            server.say("good morning\n")
            self.assertEqual(client.hears(), "good morning\n")
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)
            self.assertEqual(client.end(), (0, "", ""))

    def test_what_the_other_says_does_not_command_the_terminal(self):
        with TypingServer() as server, connect(server) as client:
            client.sendall(b"\x1b[2Jhello\n")
            self.assertEqual(server.line(), "[2Jhello")

    def test_at_a_terminal_it_shows_a_prompt_and_ctrl_d_ends_the_server(self):
        ours, theirs = pty.openpty()
        server = subprocess.Popen([program("dialog"), "--listen", "127.0.0.1:0"], stdin=theirs,
                                  stdout=theirs, stderr=theirs,
                                  env={**os.environ, "TERM": "xterm"})
        os.close(theirs)
        screen = ""

        def until(text):
            nonlocal screen
            while text not in screen:
                screen += os.read(ours, 4096).decode()
            before, _, screen = screen.partition(text)
            return before

        until("listening on 127.0.0.1:")
        port = int(until("\r\n"))
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as client:
            until("> ")
            client.sendall(b"hello\n")
            until("hello\r\n")
            os.write(ours, b"good morning\r")
            self.assertEqual(client.recv(100), b"good morning\n")
            os.write(ours, b"\4")
            self.assertEqual(client.recv(100), b"")
        self.assertEqual(server.wait(TIMEOUT_SECONDS), 0)
        os.close(ours)

    def test_a_refused_connection_is_a_failure(self):
        done = run("dialog", "127.0.0.1:1", input="hello\n")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("error: connect 127.0.0.1:1: connection refused", done.stderr)

    def test_a_wrong_command_line(self):
        for arguments in ([], ["127.0.0.1:1", "--listen", "127.0.0.1:0"], ["--listen"]):
            self.assertEqual(run("dialog", *arguments).returncode, 2)


class OtherPrograms(unittest.TestCase):
    def talks(self, *command):
        with TypingServer() as server:
            client = subprocess.Popen([part.format(port=server.port) for part in command],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            client.stdin.write("hello\n")
            client.stdin.flush()
            self.assertEqual(server.line(), "hello")
            server.say("good morning\n")
            self.assertEqual(client.stdout.readline(), "good morning\n")
            client.stdin.write("bye\n")
            client.stdin.flush()
            self.assertEqual(server.line(), "bye")
            client.communicate(timeout=TIMEOUT_SECONDS)

    @unittest.skipUnless(shutil.which("nc"), "there is no nc")
    def test_nc(self):
        self.talks("nc", "127.0.0.1", "{port}")

    @unittest.skipUnless(shutil.which("socat"), "there is no socat")
    def test_socat(self):
        self.talks("socat", "-", "TCP:127.0.0.1:{port}")


if __name__ == "__main__":
    unittest.main()
