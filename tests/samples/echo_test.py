"""The echo programs and the relay, used like their users use them."""

import contextlib
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from challenge import prove_as_client, prove_as_server, receive  # noqa: E402
from programs import BUILD, TIMEOUT_SECONDS, Server, program, run, write_private  # noqa: E402

PATTERN = bytes(range(256)) * 16384  # 4 MiB


def address_of(server):
    host, port = server.endpoint.rsplit(":", 1)
    return host, int(port)


def exchange(address, data):
    """Sends all of `data`, ends its side, and returns what arrives until the other side ends."""
    with socket.create_connection(address, timeout=TIMEOUT_SECONDS) as connection:
        def send():
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        received = bytearray()
        while piece := connection.recv(1 << 16):
            received += piece
        sender.join()
    return bytes(received)


class EchoServer(unittest.TestCase):
    def test_every_byte_comes_back_also_after_the_client_has_ended_its_side(self):
        with Server("tcp_echo_server") as server:
            self.assertEqual(exchange(address_of(server), PATTERN), PATTERN)

    def test_answers_in_upper_case(self):
        with Server("tcp_echo_server", "--upper") as server:
            self.assertEqual(exchange(address_of(server), b"Hello, 9!\n"), b"HELLO, 9!\n")

    def test_listens_on_several_endpoints_and_says_so_for_each(self):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/echo"
            process = subprocess.Popen(
                [BUILD / "samples/tcp_echo_server", "--listen", "127.0.0.1:0",
                 "--listen", "[::1]:0", "--listen", f"unix:{path}"], stdout=subprocess.PIPE, text=True)
            lines = [process.stdout.readline() for _ in range(3)]
            self.assertRegex(lines[0], r"^listening on 127\.0\.0\.1:\d+\n$")
            self.assertRegex(lines[1], r"^listening on \[::1\]:\d+\n$")
            self.assertEqual(lines[2], f"listening on unix:{path}\n")
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(path)
                connection.sendall(b"hello")
                self.assertEqual(connection.recv(100), b"hello")
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(TIMEOUT_SECONDS), 0)
            process.stdout.close()
            self.assertFalse(os.path.exists(path))

    def test_serves_on_several_threads(self):
        with Server("tcp_echo_server", "--threads", "2") as server:
            for _ in range(8):
                self.assertEqual(exchange(address_of(server), b"hello"), b"hello")

    def test_disconnects_a_silent_client_after_the_idle_timeout(self):
        with Server("tcp_echo_server", "--idle-timeout", "0.2") as server:
            with socket.create_connection(address_of(server), timeout=TIMEOUT_SECONDS) as connection:
                self.assertEqual(connection.recv(1), b"")

    def test_stops_on_a_signal_also_while_a_client_is_connected(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with Server("tcp_echo_server") as server:
                with socket.create_connection(address_of(server), timeout=TIMEOUT_SECONDS) as connection:
                    connection.sendall(b"hello")
                    self.assertEqual(connection.recv(100), b"hello")
                    server.process.send_signal(number)
                    self.assertEqual(connection.recv(100), b"")
                self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)

    def test_a_thousand_stop_signals_end_it_once_in_order(self):
        for _ in range(5):
            with Server("tcp_echo_server", "--threads", "2") as server:
                for _ in range(1000):
                    server.process.send_signal(signal.SIGTERM)
                    if server.process.poll() is not None:
                        break
                self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)

    def test_a_command_line_or_an_address_that_is_wrong_is_a_clear_error(self):
        cases = [
            (["--listen", "127.0.0.1"], 2, "127.0.0.1"),
            (["--listen", "host.invalid:0"], 1, "error: resolve host.invalid"),
            (["--listen", "unix:" + "x" * 200], 2, "error: "),
            (["--listen", "192.0.2.1:0"], 1, "error: bind 192.0.2.1:0: cannot assign requested address"),
            (["--no-such-option"], 2, "--no-such-option"),
            (["--threads", "many"], 2, "--threads"),
        ]
        for arguments, code, text in cases:
            with self.subTest(arguments=arguments[-1][:20]):
                done = run("tcp_echo_server", *arguments)
                self.assertEqual((done.returncode, done.stdout), (code, ""))
                self.assertIn(text, done.stderr)

    def test_a_port_in_use_is_a_clear_error(self):
        with Server("tcp_echo_server") as server:
            for threads in (1, 3):
                done = run("tcp_echo_server", "--listen", server.endpoint, "--threads", threads)
                self.assertEqual(done.returncode, 1)
                self.assertEqual(done.stderr, f"error: bind {server.endpoint}: address already in use "
                                 "(another program listens there)\n")


class EchoClient(unittest.TestCase):
    def test_prints_the_answers_to_all_lines_of_its_input_and_ends(self):
        lines = "".join(f"line {number}\n" for number in range(5000))
        with Server("tcp_echo_server") as server:
            done = run("tcp_echo_client", server.endpoint, input=lines)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, lines, ""))

    def test_reads_a_file_as_it_reads_a_pipe_with_or_without_a_last_line_end(self):
        with Server("tcp_echo_server") as server, tempfile.TemporaryFile() as file:
            file.write(b"one\ntwo")
            file.seek(0)
            done = subprocess.run([BUILD / "samples/tcp_echo_client", server.endpoint], stdin=file,
                                  capture_output=True, timeout=TIMEOUT_SECONDS)
            self.assertEqual((done.returncode, done.stdout), (0, b"one\ntwo\n"))

    def test_finds_the_address_of_a_name_that_answers(self):
        with Server("tcp_echo_server") as server:
            port = address_of(server)[1]
            done = run("tcp_echo_client", f"localhost:{port}", input="hello\n")
            self.assertEqual((done.returncode, done.stdout), (0, "hello\n"))

    def test_a_server_that_is_not_there_is_a_clear_error(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            endpoint = "127.0.0.1:%d" % unused.getsockname()[1]
            done = run("tcp_echo_client", endpoint, input="hello\n")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, f"error: connect {endpoint}: connection refused\n")


REFUSAL = ("error: the server does not accept the proof of the secret: it has another secret, or does "
           "not know that it is reached as %s (its option --reached-as)\n")


class Secret(unittest.TestCase):
    """--secret-file of the echo programs, against each other and the documented wire format."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.file = self.secret_file("secret", "correct horse battery staple\n")
        if "without OpenSSL" in run("tcp_echo_client", "127.0.0.1:0", "--secret-file",
                                    self.file).stderr:
            self.skipTest("built without OpenSSL")

    def secret_file(self, name, content):
        return write_private(Path(self.folder.name) / name, content)

    def test_a_client_with_the_secret_is_served(self):
        same = self.secret_file("same", "correct horse battery staple\r\n\n")
        with Server("tcp_echo_server", "--upper", "--secret-file", self.file) as server:
            done = run("tcp_echo_client", server.endpoint, "--secret-file", same, input="hello\n")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "HELLO\n", ""))
            with socket.create_connection(address_of(server), timeout=TIMEOUT_SECONDS) as connection:
                self.assertTrue(prove_as_client(connection, b"correct horse battery staple", "tcp_echo"))
                connection.sendall(b"hello")
                self.assertEqual(receive(connection, 5), b"HELLO")
            self.assertEqual(server.errors(), "")

    def test_a_client_without_the_secret_gets_an_error_and_disturbs_no_other(self):
        wrong = self.secret_file("wrong", "correct horse battery stapler\n")
        with Server("tcp_echo_server", "--secret-file", self.file) as server:
            with socket.create_connection(address_of(server), timeout=TIMEOUT_SECONDS) as waiting:
                done = run("tcp_echo_client", server.endpoint, "--secret-file", wrong, input="x\n")
                self.assertEqual((done.returncode, done.stdout, done.stderr),
                                 (1, "", REFUSAL % server.endpoint))
                with socket.create_connection(address_of(server), timeout=TIMEOUT_SECONDS) as connection:
                    self.assertFalse(prove_as_client(connection, b"guessed", "tcp_echo"))
                self.assertTrue(prove_as_client(waiting, b"correct horse battery staple", "tcp_echo"))
        self.assertEqual(server.errors().count(
            "(it does not know the secret, or is connected to another address than "
            f"{server.endpoint}; --reached-as names further addresses)"), 2)

    def test_a_recorded_or_reflected_answer_or_one_that_ends_early_opens_nothing(self):
        with Server("tcp_echo_server", "--secret-file", self.file) as server:
            for answer in (lambda nonce: recorded, lambda nonce: nonce * 2, lambda nonce: nonce,
                           lambda nonce: b"hello\n" * 100):
                with socket.create_server(("127.0.0.1", 0)) as listening:
                    client = subprocess.Popen(
                        [program("tcp_echo_client"), "127.0.0.1:%d" % listening.getsockname()[1],
                         "--secret-file", self.file], stdin=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL)
                    connection, _ = listening.accept()
                    with connection:
                        connection.sendall(bytes(32))
                        recorded = receive(connection, 64)
                    self.assertEqual(client.wait(TIMEOUT_SECONDS), 1)
                with socket.create_connection(address_of(server), timeout=TIMEOUT_SECONDS) as connection:
                    connection.sendall(answer(receive(connection, 32)))
                    connection.shutdown(socket.SHUT_WR)
                    self.assertEqual(receive(connection, 100), b"")

    def test_a_client_does_not_speak_to_a_server_without_the_secret(self):
        for impostor in (lambda connection: prove_as_server(connection, b"guessed", "tcp_echo"),
                         lambda connection: connection.sendall(bytes(32)) or connection.sendall(
                             receive(connection, 64)[32:])):
            with socket.create_server(("127.0.0.1", 0)) as listening:
                endpoint = "127.0.0.1:%d" % listening.getsockname()[1]
                client = subprocess.Popen(
                    [program("tcp_echo_client"), endpoint, "--secret-file", self.file],
                    stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                client.stdin.write("confidential\n")
                client.stdin.close()
                connection, _ = listening.accept()
                with connection:
                    self.assertFalse(impostor(connection))
                    connection.shutdown(socket.SHUT_WR)
                    self.assertEqual(receive(connection, 100), b"")
                self.assertEqual(client.wait(TIMEOUT_SECONDS), 1)
                self.assertRegex(client.stderr.read(), "^error: (authenticate .*: permission denied "
                                 r"\(it does not know the secret\)|the server does not accept .*)\n$")
                client.stderr.close()

    def test_a_secret_file_that_is_missing_or_empty_is_a_clear_error(self):
        empty = self.secret_file("empty", "\n")
        for path, text in ((empty, f"error: read secret file {empty}: it is empty\n"),
                           ("/no/such/file", "error: read secret file /no/such/file: "
                            "no such file or directory\n")):
            for name, *arguments in (("tcp_echo_server", "--listen", "127.0.0.1:0"),
                                     ("tcp_echo_client", "127.0.0.1:0")):
                done = run(name, *arguments, "--secret-file", path)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "", text))


STYLES = ("select", "poll", "epoll", "epoll-edge")


def filled(connection):
    """Sends without reading until the kernels of both sides and the server hold no more."""
    connection.settimeout(0.5)
    sent = 0
    try:
        while True:
            sent += connection.send(PATTERN)
    except TimeoutError:
        connection.settimeout(TIMEOUT_SECONDS)
        return sent


def received(connection):
    """Everything that arrives until the other side ends."""
    pieces = []
    while piece := connection.recv(1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class ReadinessEchoServer(unittest.TestCase):
    def server(self, style, *options, **process_options):
        try:
            return Server("readiness_echo_server", "--style", style, *options, **process_options)
        except AssertionError as failure:
            if style == "epoll-edge" and "operation not supported" in str(failure):
                self.skipTest("built on a poller without edges")
            raise

    def test_every_byte_comes_back_in_every_style_for_several_clients_at_once(self):
        for style in STYLES:
            with self.subTest(style=style), self.server(style) as server:
                results = []
                clients = [threading.Thread(
                    target=lambda: results.append(exchange(address_of(server), PATTERN) == PATTERN))
                    for _ in range(3)]
                for client in clients:
                    client.start()
                for client in clients:
                    client.join()
                self.assertEqual(results, [True] * 3)

    def test_without_free_descriptors_it_serves_the_accepted_clients_and_later_the_others(self):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        for style in STYLES:
            with self.subTest(style=style), self.server(style, preexec_fn=few) as server:
                clients = [socket.create_connection(address_of(server), TIMEOUT_SECONDS)
                           for _ in range(60)]
                for client in clients:
                    client.sendall(b"x")
                self.assertEqual(clients[0].recv(10), b"x")
                began, used = time.monotonic(), processor_seconds(server.process.pid)
                for client in clients:  # Each close makes room for another client.
                    if client is not clients[0]:
                        self.assertEqual(client.recv(10), b"x")
                    client.close()
                used = processor_seconds(server.process.pid) - used
                self.assertLess(used, (time.monotonic() - began) / 2 + 0.3)
                self.assertIn("accept on", server.errors())
                self.assertIn("too many open files", server.errors())
                self.assertEqual(exchange(address_of(server), b"hello"), b"hello")

    @unittest.skipUnless(shutil.which("strace"), "there is no strace")
    def test_an_accept_that_fails_costs_no_other_connection(self):
        for style in STYLES:
            with self.subTest(style=style):
                with self.server(style):  # Skips a style that is not built.
                    pass
                for error in ("ECONNABORTED", "EINTR", "EMFILE", "ENFILE", "ENOBUFS", "EPROTO"):
                    with self.subTest(style=style, error=error):
                        self.assert_serves_in_spite_of(error, style)

    def assert_serves_in_spite_of(self, error, style):
        process = subprocess.Popen(
            ["strace", "-f", "-o", "/dev/null", "-e", "trace=accept4", "-e",
             f"inject=accept4:error={error}:when=1", program("readiness_echo_server"),
             "--style", style, "--listen", "127.0.0.1:0"], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        try:
            line = process.stdout.readline()
            if not line:
                self.skipTest("it cannot be traced: " + process.stderr.read())
            port = int(line.rpartition(":")[2])
            self.assertEqual(exchange(("127.0.0.1", port), b"hello"), b"hello")
            children = f"/proc/{process.pid}/task/{process.pid}/children"
            os.kill(int(Path(children).read_text()), signal.SIGTERM)
            self.assertEqual(process.wait(TIMEOUT_SECONDS), 0)
        finally:
            # Ends the server too: it survives a tracer that is killed.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def test_after_a_stop_signal_it_sends_back_what_has_arrived_and_then_its_end(self):
        for style in STYLES:
            with self.subTest(style=style), self.server(style) as server:
                with socket.create_connection(address_of(server)) as connection:
                    sent = filled(connection)
                    server.process.terminate()
                    self.assertEqual(len(received(connection)), sent)
                    self.assertIsNone(server.process.poll())  # It waits for the client's end.
                self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)

    @unittest.skipIf(b"__tsan_init" in program("readiness_echo_server").read_bytes(),
                     "ThreadSanitizer may keep back a signal to a stopped process")
    def test_after_a_stop_signal_it_serves_connections_that_it_had_not_accepted(self):
        for style in STYLES:
            with self.subTest(style=style), self.server(style) as server:
                server.process.send_signal(signal.SIGSTOP)
                clients = [socket.create_connection(address_of(server), TIMEOUT_SECONDS)
                           for _ in range(100)]
                for client in clients:
                    client.sendall(b"hello")
                server.process.terminate()
                server.process.send_signal(signal.SIGCONT)
                self.assertEqual([received(client) for client in clients], [b"hello"] * 100)
                for client in clients:
                    client.close()
                self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)

    def test_after_two_stop_signals_a_client_that_does_not_read_is_reset_after_five_seconds(self):
        for style in ("select", "epoll"):
            with self.subTest(style=style), self.server(style) as server:
                with socket.create_connection(address_of(server)) as connection:
                    filled(connection)
                    began = time.monotonic()
                    server.process.terminate()
                    server.process.terminate()
                    self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)
                    self.assertGreater(time.monotonic() - began, 4.9)
                    with self.assertRaises(ConnectionResetError):  # The output is incomplete.
                        received(connection)

    def test_the_file_of_its_unix_socket_goes_with_it_but_no_other(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "echo"
            for replaced in (False, True):
                with self.server("epoll", "--listen", f"unix:{path}") as server:
                    with socket.socket(socket.AF_UNIX) as connection:
                        connection.connect(str(path))
                        connection.sendall(b"hello")
                        self.assertEqual(connection.recv(100), b"hello")
                    if replaced:
                        path.unlink()
                        path.write_text("of somebody else")
                    self.assertEqual(server.stop(), 0)
                    self.assertEqual(path.exists(), replaced)


class Relay(unittest.TestCase):
    def test_forwards_both_directions_and_the_end_of_each(self):
        with Server("tcp_echo_server") as server:
            with Server("tcp_relay", "--to", server.endpoint) as relay:
                self.assertEqual(exchange(address_of(relay), PATTERN), PATTERN)

    def test_a_fast_sender_waits_for_a_reader_that_pauses(self):
        with socket.create_server(("127.0.0.1", 0)) as upstream:
            endpoint = "127.0.0.1:%d" % upstream.getsockname()[1]
            with Server("tcp_relay", "--to", endpoint) as relay:
                with socket.create_connection(address_of(relay), timeout=TIMEOUT_SECONDS) as client:
                    resting, _ = upstream.accept()
                    client.settimeout(1)
                    sent = 0
                    with self.assertRaises(TimeoutError):
                        while sent < 1 << 30:
                            sent += client.send(PATTERN)
                    with resting:
                        received = 0
                        client.settimeout(20)
                        closer = threading.Thread(target=lambda: client.shutdown(socket.SHUT_WR))
                        closer.start()
                        while piece := resting.recv(1 << 20):
                            received += len(piece)
                        closer.join()
                    self.assertEqual(received, sent)

    def test_an_unreachable_server_closes_the_client_and_is_reported(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            endpoint = "127.0.0.1:%d" % unused.getsockname()[1]
            with Server("tcp_relay", "--to", endpoint) as relay:
                self.assertEqual(exchange(address_of(relay), b"hello"), b"")
            self.assertEqual(relay.errors(), f"connect {endpoint}: connection refused\n")

    def test_a_reset_passes_through_in_both_directions(self):
        with socket.create_server(("127.0.0.1", 0)) as upstream:
            upstream.settimeout(TIMEOUT_SECONDS)
            with Server("tcp_relay", "--to", "127.0.0.1:%d" % upstream.getsockname()[1]) as relay:
                for from_client in (True, False):
                    client = socket.create_connection(address_of(relay), TIMEOUT_SECONDS)
                    served, _ = upstream.accept()
                    served.settimeout(TIMEOUT_SECONDS)
                    one, other = (client, served) if from_client else (served, client)
                    one.sendall(b"half of it")
                    self.assertEqual(other.recv(10, socket.MSG_WAITALL), b"half of it")
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    one.close()
                    with self.assertRaises(ConnectionResetError):
                        other.recv(100)
                    other.close()


if __name__ == "__main__":
    unittest.main()
