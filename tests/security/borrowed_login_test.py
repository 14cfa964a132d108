"""A rogue host relays the login of its client to the right server. It must not get in with that."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "samples"))
from challenge import prove_as_client, receive  # noqa: E402
from file_transfer_test import PASSWORD, FileTransferTest, Remote  # noqa: E402
from programs import TIMEOUT_SECONDS, Server, program, run, write_private  # noqa: E402
from remote_command_test import message  # noqa: E402

SECRET = "open sesame"


def connect(endpoint):
    """Connects to `HOST:PORT`, `[::1]:PORT` or `unix:PATH`."""
    if endpoint.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(TIMEOUT_SECONDS)
        connection.connect(endpoint.removeprefix("unix:"))
        return connection
    host, _, port = endpoint.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), TIMEOUT_SECONDS)


class Rogue:
    """Listens on a socket, and relays what its clients send to another server and back. After
    `login_bytes` of a client it inserts a message of its own."""

    def __init__(self, listening, target, login_bytes=None, own=b""):
        self.listening, self.target = listening, target
        self.login_bytes, self.own = login_bytes, own
        self.answers = b""  # Everything that the server sends.
        self.listening.settimeout(TIMEOUT_SECONDS)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thread.join()
        self.listening.close()

    @property
    def endpoint(self):
        return "127.0.0.1:%d" % self.listening.getsockname()[1]

    def serve(self):
        with self.listening.accept()[0] as client, connect(self.target) as server:
            client.settimeout(TIMEOUT_SECONDS)
            back = threading.Thread(target=self.relay_back, args=(server, client))
            back.start()
            with contextlib.suppress(OSError):
                if self.login_bytes is None:
                    while piece := client.recv(4096):
                        server.sendall(piece)
                else:
                    server.sendall(receive(client, self.login_bytes))
                    server.sendall(self.own)
                server.shutdown(socket.SHUT_WR)
            back.join()

    def relay_back(self, server, client):
        with contextlib.suppress(OSError):
            while piece := server.recv(4096):
                self.answers += piece
                client.sendall(piece)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


class Challenges(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.secret = write_private(self.folder / "secret", SECRET + "\n")
        done = run("remote_command_client", "127.0.0.1:0", "--secret-file", self.secret)
        if "without OpenSSL" in done.stderr:
            self.skipTest("built without OpenSSL")

    def server(self, *options, name="remote_command_server", **process_options):
        return Server(name, "--secret-file", self.secret, *options, **process_options)

    def client(self, endpoint, *command, **options):
        return subprocess.run(
            [program("remote_command_client"), endpoint, "--secret-file", self.secret, *command],
            text=True, check=False, capture_output=True, timeout=TIMEOUT_SECONDS, **options)

    def marking(self):
        """A command that makes a file, and its request."""
        mark = self.folder / "ran"
        return mark, message({"program": "touch", "arguments": [str(mark)], "data_size": 0})

    def assert_borrows_nothing(self, server, rogue, client, mark):
        with rogue:
            done = client()
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(len(rogue.answers), 32)  # The nonce of the server, and no proof.
        self.assertFalse(mark.exists())
        self.assertNotIn(" runs ", server.errors())

    def test_a_rogue_host_that_relays_a_proof_runs_nothing(self):
        mark, request = self.marking()
        for listening in ("127.0.0.1:0", "[::]:0"):
            with self.subTest(listening), self.server("--listen", listening) as server:
                target = server.endpoint.replace("[::]", "[::1]")
                rogue = Rogue(socket.create_server(("127.0.0.1", 0)), target, 64, request)
                self.assert_borrows_nothing(
                    server, rogue, lambda: self.client(rogue.endpoint, "echo", "x"), mark)
            self.assertIn("authenticate ", server.errors())
            self.assertIn("is connected to another address than "
                          f"{target}; --reached-as names further addresses", server.errors())

    def test_a_server_configured_with_the_address_of_a_rogue_host_accepts_its_login(self):
        # This shows that only the address makes the previous attack fail.
        mark, request = self.marking()
        listening = socket.create_server(("127.0.0.1", 0))
        own = "127.0.0.1:%d" % listening.getsockname()[1]
        with self.server("--reached-as", own) as server:
            with Rogue(listening, server.endpoint, 64, request):
                self.client(own, "echo", "x")
            deadline = time.monotonic() + TIMEOUT_SECONDS
            while " runs " not in server.errors() and time.monotonic() < deadline:
                pass
            self.assertIn(" runs ", server.errors())

    def test_a_client_of_another_service_with_the_same_secret_opens_nothing(self):
        mark, request = self.marking()
        # The proof is even for the right address: the server is given the address of the rogue
        # host.
        listening = socket.create_server(("127.0.0.1", 0))
        own = "127.0.0.1:%d" % listening.getsockname()[1]
        with self.server("--reached-as", own) as server:
            rogue = Rogue(listening, server.endpoint, 64, request)
            self.assert_borrows_nothing(
                server, rogue, lambda: run("tcp_echo_client", own, "--secret-file", self.secret),
                mark)

    def test_a_rogue_unix_socket_of_the_same_name_elsewhere_opens_nothing(self):
        mark, request = self.marking()
        here, there = self.folder / "here", self.folder / "there"
        here.mkdir()
        there.mkdir()
        # The kernel gives the client the path that was bound: both sockets have the same one.
        with self.server("--listen", "unix:socket", cwd=here) as server:
            listening = socket.socket(socket.AF_UNIX)
            before = os.open(".", os.O_RDONLY)
            try:
                os.chdir(there)
                listening.bind("socket")
            finally:
                os.fchdir(before)
                os.close(before)
            listening.listen()
            rogue = Rogue(listening, f"unix:{here}/socket", 64, request)
            self.assert_borrows_nothing(
                server, rogue, lambda: self.client("unix:socket", "echo", "x", cwd=there), mark)
            (there / "link").symlink_to(here / "socket")
            self.assertEqual(self.client(f"unix:{there}/link", "echo", "x").returncode, 1)
            done = self.client("unix:socket", "echo", "x", cwd=here)
            self.assertEqual((done.returncode, done.stdout), (0, "x\n"), done.stderr)
            done = self.client(f"unix:{here}/./socket", "echo", "x")
            self.assertEqual((done.returncode, done.stdout), (0, "x\n"), done.stderr)

    def test_a_relay_in_front_works_once_configured_and_the_errors_explain_how(self):
        with self.server() as server, Server("tcp_relay", "--to", server.endpoint) as relay:
            done = self.client(relay.endpoint, "echo", "x")
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertEqual(
                done.stderr, "error: the server does not accept the proof of the secret: it has another "
                f"secret, or does not know that it is reached as {relay.endpoint} (its option "
                "--reached-as)\n")
            port = server.port
        self.assertIn("--reached-as names further addresses", server.errors())
        for given in (relay.endpoint, f"[::ffff:127.0.0.1]:{relay.port}", f"localhost:{relay.port}"):
            with self.server("--listen", f"127.0.0.1:{port}", "--reached-as", "192.0.2.1:1",
                             "--reached-as", given) as server, \
                    Server("tcp_relay", "--listen", relay.endpoint, "--to", server.endpoint) as again:
                for endpoint in (again.endpoint, server.endpoint):
                    done = self.client(endpoint, "echo", "x")
                    self.assertEqual((done.returncode, done.stdout), (0, "x\n"), done.stderr)
                with connect(server.endpoint) as connection:
                    self.assertTrue(prove_as_client(connection, SECRET.encode(), "remote_command",
                                                    "192.0.2.1:1"))
                with connect(server.endpoint) as connection:
                    self.assertFalse(prove_as_client(connection, SECRET.encode(), "remote_command",
                                                     "192.0.2.1:2"))

    def test_every_address_by_which_a_host_is_connected_to_is_its_own(self):
        with self.server("--listen", "[::]:0") as server:
            for host in ("127.0.0.1", "[::1]", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]",
                         "127.0.0.2"):
                done = self.client(f"{host}:{server.port}", "echo", host)
                self.assertEqual((done.returncode, done.stdout), (0, f"{host}\n"), done.stderr)

    def test_an_address_that_no_client_can_be_connected_to_is_a_wrong_command_line(self):
        for name, *required in (("remote_command_server", "--secret-file", self.secret),
                                ("tcp_echo_server", "--secret-file", self.secret),
                                ("file_server", "--accounts", self.folder / "accounts")):
            for text in ("127.0.0.1", "127.0.0.1:0", "0.0.0.0:80", "[::]:80", "224.0.0.1:80", "",
                         "unix:"):
                with self.subTest(name=name, text=text):
                    done = run(name, *required, "--listen", "127.0.0.1:0", f"--reached-as={text}")
                    self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)


class Passwords(FileTransferTest):
    def test_a_rogue_host_that_relays_the_login_of_our_client_does_not_get_in(self):
        with self.server() as server, \
                Rogue(socket.create_server(("127.0.0.1", 0)), server.endpoint) as rogue:
            server.relayed = rogue.endpoint
            server.done = subprocess.run(
                [program("file_client"), rogue.endpoint, "--user", "ann", "--password-file",
                 self.password, "ls"], text=True, check=False, capture_output=True,
                timeout=TIMEOUT_SECONDS)
        self.assertEqual((server.done.returncode, server.done.stdout), (1, ""))
        self.assertEqual(
            server.done.stderr, "error: login: channel-bindings-dont-match (the server does not know "
            f"that it is reached as {server.relayed}; its option --reached-as is for that)\n")
        self.assertIn(f"is connected to another address than {server.endpoint}; --reached-as names "
                      "further addresses", server.errors())
        self.assertNotIn(b'"welcome"', rogue.answers)

    def test_a_relay_in_front_works_once_the_server_is_configured(self):
        with self.server() as server, Server("tcp_relay", "--to", server.endpoint) as relay:
            self.assertEqual(self.client(relay, "ls").returncode, 1)
            self.assertEqual(self.client(server, "ls").returncode, 0)
            port = server.port
        with self.server("--listen", f"127.0.0.1:{port}", "--reached-as", relay.endpoint) as server, \
                Server("tcp_relay", "--listen", relay.endpoint, "--to", server.endpoint) as relay:
            done = self.client(relay, "ls")
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_bound_login_cannot_be_stripped_and_an_unbound_one_passes(self):
        bound = "p=uvreactor-endpoint,,"
        with self.server() as server:
            for header, data, answer in (
                    ("n,,", "", "welcome"), (bound, server.endpoint, "welcome"),
                    (bound, "127.0.0.1:1", "channel-bindings-dont-match"),
                    (bound, "", "channel-bindings-dont-match"),
                    ("n,,", server.endpoint, "channel-bindings-dont-match"),
                    ("y,,", "", "server-does-support-channel-binding"),
                    ("p=tls-exporter,,", "", "unsupported-channel-binding-type"),
                    ("p=,,", "", "other-error")):
                with self.subTest(header=header, data=data), Remote(server, None) as remote:
                    greeting = remote.log_in("ann", PASSWORD.encode(), header, data)
                    if answer == "welcome":
                        self.assertEqual(greeting["type"], "welcome")
                    else:
                        self.assert_refused(greeting, "login: " + answer)


if __name__ == "__main__":
    unittest.main()
