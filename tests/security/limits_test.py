"""Strangers who use all the connections that they can get, and users who continue to work."""

import contextlib
import errno
import os
import resource
import select
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "samples"))
from challenge import prove_as_client, receive  # noqa: E402
from file_transfer_test import FileTransferTest  # noqa: E402
from file_transfer_test import Remote as FileUser  # noqa: E402
from programs import TIMEOUT_SECONDS, Server  # noqa: E402
from remote_command_test import RemoteCommandTest  # noqa: E402
from remote_command_test import Remote as CommandUser  # noqa: E402

DESCRIPTORS = 160  # What a server under attack may open.


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


def descriptors_of(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def eventually(condition, what):
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(what)
        select.select([], [], [], 0.01)


class Strangers:
    """Connections of clients that send nothing useful, from several addresses of 127/8."""

    def __init__(self, server, addresses=8, first=b""):
        self.port = server.port
        self.addresses = [f"127.0.0.{2 + number}" for number in range(addresses)]
        self.first = first
        self.sockets = []
        self.made = 0

    def connect(self, count):
        for _ in range(count):
            connection = socket.socket()
            connection.setblocking(False)
            connection.bind((self.addresses[self.made % len(self.addresses)], 0))
            connection.connect_ex(("127.0.0.1", self.port))
            self.sockets.append(connection)
            self.made += 1
        if self.first:
            self.send(self.first)

    def send(self, data):
        for connection in self.sockets:
            with contextlib.suppress(OSError):
                connection.send(data)

    def forget_those_that_were_reset(self):
        self.sockets = [one for one in self.sockets if not self.is_over(one) or one.close()]

    @staticmethod
    def is_over(connection):
        try:
            while data := connection.recv(65536):
                pass
            return data == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def count_open(self):
        self.forget_those_that_were_reset()
        return len(self.sockets)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self.sockets:
            connection.close()


class Users(contextlib.ExitStack):
    """The checks that all programs with a login share."""

    def check(self, test, server, log_in, use):
        user = self.enter_context(log_in())
        use(user)
        with Strangers(server) as strangers:
            for _ in range(4):
                strangers.connect(150)
                use(user)
                strangers.send(b"\0")  # The kernel counts this as progress.
                use(user)
            for _ in range(3):  # Others can still log in.
                strangers.connect(20)
                with log_in() as newcomer:
                    strangers.connect(20)
                    use(newcomer)
            test.assertLessEqual(descriptors_of(server), DESCRIPTORS)
            use(user)
        eventually(lambda: descriptors_of(server) < 40, "descriptors are left open")
        use(user)


class FileServer(FileTransferTest):
    def test_a_user_stores_and_reads_files_while_unauthenticated_clients_hold_all_connections(self):
        def use(user):
            self.assertEqual(user.put("file", b"content")["type"], "stored")
            self.assertEqual(user.get("file")["data"], b"content")
            self.assertEqual(user.ask("ls", path="")["type"], "listing")
        with self.server(preexec_fn=few_descriptors) as server, Users() as users:
            users.check(self, server, lambda: FileUser(server, source="127.0.0.99"), use)
            log = server.errors()
        self.assertNotIn("too many open files", log)
        self.assertIn("turned away until now", log)
        self.assertLess(log.count("\n"), 300)  # No flood of log lines, either.

    def test_an_unauthenticated_client_that_trickles_bytes_is_reset(self):
        with self.server("--patience", "0.2") as server, Strangers(server) as strangers:
            strangers.connect(20)
            eventually(lambda: strangers.send(b"\0") or strangers.count_open() == 0,
                       "somebody holds on to a connection")

    def test_an_address_has_no_more_connections_than_it_may(self):
        with self.server("--max-per-address", "3") as server, contextlib.ExitStack() as users:
            for number in range(3):
                user = FileUser(server, source="127.0.0.2")
                self.assertEqual(users.enter_context(user).greeting["type"], "welcome")
            with self.assertRaises(OSError):
                self.assertEqual(FileUser(server, source="127.0.0.2").greeting, {})
            other = users.enter_context(FileUser(server, source="127.0.0.3"))
            self.assertEqual(other.greeting["type"], "welcome")
        self.assertIn("too many connections from this network", server.errors())


class RemoteCommands(RemoteCommandTest):
    def test_a_user_runs_commands_while_unauthenticated_clients_hold_all_connections(self):
        def use(user):
            out, _, end = user.run("echo", "hello")
            self.assertEqual((out, end.get("exit_status")), (b"hello\n", 0), end)
        with self.server(preexec_fn=few_descriptors) as server, Users() as users:
            users.check(self, server, lambda: CommandUser(server), use)
            log = server.errors()
        self.assertNotIn("too many open files", log)
        self.assertLess(log.count("\n"), 300)


class EchoServer(RemoteCommandTest):
    """With a secret, on one thread and on several that share the process's descriptors."""

    def log_in(self, server):
        connection = socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS)
        self.assertTrue(prove_as_client(connection, b"open sesame", "tcp_echo"))
        return connection

    def use(self, user):
        user.sendall(b"hello")
        self.assertEqual(receive(user, 5), b"hello")

    def test_a_user_is_served_while_unauthenticated_clients_hold_all_connections(self):
        for threads in (1, 2):
            with self.subTest(threads=threads), Server(
                    "tcp_echo_server", "--secret-file", self.secret, "--threads", threads,
                    preexec_fn=few_descriptors) as server, Users() as users:
                users.check(self, server, lambda: self.log_in(server), self.use)
                self.assertNotIn("too many open files", server.errors())

    def test_it_stops_in_order_with_unauthenticated_clients_connected(self):
        with Server("tcp_echo_server", "--secret-file", self.secret) as server:
            with self.log_in(server) as user, Strangers(server) as strangers:
                strangers.connect(50)
                self.use(user)
                server.process.terminate()
                self.assertEqual(receive(user, 1), b"")
                user.close()
                for connection in strangers.sockets:
                    connection.shutdown(socket.SHUT_WR)
                self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)


class HttpResponder(unittest.TestCase):
    def get(self, server, path="/index.html"):
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            return b"".join(iter(lambda: client.recv(65536), b""))

    def test_files_are_served_while_silent_clients_hold_connections(self):
        root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (root / "index.html").write_bytes(b"x" * 100_000)
        for first in (b"", b"GET / HTT"):
            with self.subTest(first=first), Server(
                    "http_responder", "--root", root, "--list",
                    preexec_fn=few_descriptors) as server, Strangers(
                        server, first=first) as strangers:
                for _ in range(3):
                    strangers.connect(150)
                    self.assertTrue(self.get(server).startswith(b"HTTP/1.1 200 "))
                    (root / "folder").mkdir(exist_ok=True)
                    self.assertTrue(self.get(server, "/folder/").startswith(b"HTTP/1.1 200 "))
                self.assertNotIn("too many open files", server.errors())

    def test_a_client_that_asks_for_many_files_and_reads_none_holds_two_of_them_open(self):
        root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (root / "index.html").write_bytes(b"x" * 16_500)
        requests = b"GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n" * 1000
        with Server("http_responder", "--root", root,
                    preexec_fn=few_descriptors) as server, Strangers(
                        server, first=requests) as strangers:
            before = descriptors_of(server)
            strangers.connect(20)
            eventually(lambda: descriptors_of(server) >= before + 20 * 2, "no file is open")
            for _ in range(20):
                self.assertTrue(self.get(server).startswith(b"HTTP/1.1 200 "))
                self.assertLessEqual(descriptors_of(server), before + 20 * 3 + 2)

    def test_a_head_or_a_body_that_comes_byte_by_byte_has_a_deadline(self):
        for first in (b"GET / HTTP/1.1\r\nX: ",
                      b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"):
            with self.subTest(first=first), Server(
                    "http_responder", "--head-timeout", 0.3, "--stall-timeout", 0.3,
                    "--idle-timeout", 0.3) as server, Strangers(server, first=first) as strangers:
                strangers.connect(10)
                eventually(lambda: strangers.send(b"x") or strangers.count_open() == 0,
                           "a slow request holds on to its connection")


class ChatServer(unittest.TestCase):
    def test_members_talk_while_silent_clients_hold_all_connections(self):
        def hear(user, text):
            heard = b""
            while text not in heard:
                heard += (piece := user.recv(65536))
                self.assertTrue(piece, heard)
        with Server("chat_server", preexec_fn=few_descriptors) as server:
            with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as ann:
                ann.sendall(b"/nick ann\n")
                hear(ann, b"ann joined")
                with Strangers(server) as strangers:
                    for number in range(3):
                        strangers.connect(150)
                        with socket.create_connection(("127.0.0.1", server.port)) as other:
                            other.settimeout(TIMEOUT_SECONDS)
                            other.sendall(b"/nick bob%d\nhello %d\n" % (number, number))
                            hear(ann, b"bob%d: hello %d\n" % (number, number))
                self.assertNotIn("too many open files", server.errors())


class TcpRelay(unittest.TestCase):
    def test_it_reaches_its_server_for_as_many_clients_as_it_takes(self):
        with Server("tcp_echo_server") as upstream, Server(
                "tcp_relay", "--to", upstream.endpoint,
                preexec_fn=few_descriptors) as relay, Strangers(relay) as strangers:
            for _ in range(3):
                strangers.connect(100)
                served = 0
                for connection in strangers.sockets[:30]:
                    connection.setblocking(True)
                    connection.settimeout(TIMEOUT_SECONDS)
                    connection.sendall(b"x")
                    served += connection.recv(1) == b"x"
                    connection.setblocking(False)
                self.assertEqual(served, 30)
            self.assertEqual(relay.errors(), "")
            for connection in strangers.sockets:
                connection.close()
            strangers.sockets = []
            eventually(lambda: descriptors_of(relay) < 20, "descriptors are left open")

    def test_an_idle_relay_ends_both_sides_even_if_it_is_half_open(self):
        for half_open in (False, True):
            with self.subTest(half_open=half_open), socket.create_server(("127.0.0.1", 0)) as back:
                back.settimeout(TIMEOUT_SECONDS)
                with Server("tcp_relay", "--to", "127.0.0.1:%d" % back.getsockname()[1],
                            "--idle-timeout", 0.3) as relay:
                    client = socket.create_connection(("127.0.0.1", relay.port), TIMEOUT_SECONDS)
                    server, _ = back.accept()
                    server.settimeout(TIMEOUT_SECONDS)
                    client.sendall(b"x")
                    self.assertEqual(server.recv(1), b"x")
                    if half_open:
                        client.shutdown(socket.SHUT_WR)
                        self.assertEqual(server.recv(1), b"")
                        self.assertIn(self.error_of(server), (errno.ECONNRESET, errno.EPIPE))
                    else:
                        with self.assertRaises(ConnectionResetError):
                            server.recv(1)
                    with self.assertRaises(ConnectionResetError):
                        client.recv(1)
                    client.close()
                    server.close()
                self.assertIn("idle for too long", relay.errors())

    def error_of(self, connection):
        """The pending error of the connection, as soon as there is one."""
        waiting = select.poll()
        waiting.register(connection, 0)
        self.assertTrue(waiting.poll(TIMEOUT_SECONDS * 1000))
        return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


class Dialog(unittest.TestCase):
    def test_a_client_that_says_nothing_does_not_keep_the_next_one_waiting_for_ever(self):
        with Server("dialog", "--idle-timeout", 0.3) as server:
            with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as silent:
                with socket.create_connection(("127.0.0.1", server.port)) as talking:
                    talking.sendall(b"hello\nbye\n")
                    self.assertEqual(server.line(), "hello")
                self.assertEqual(silent.recv(1), b"")
        self.assertIn("idle for too long", server.errors())


if __name__ == "__main__":
    unittest.main()
