"""Clients and hostile servers: no crash, no hang, and a failure if the response is not good."""

import concurrent.futures
import contextlib
import os
import pty
import re
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import tty
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "samples"))
from challenge import prove_as_server, receive  # noqa: E402
from programs import TIMEOUT_SECONDS, program, run  # noqa: E402
from remote_command_test import SECRET, message  # noqa: E402

COMMANDS_A_TERMINAL = "\x1b[31m \u009b2J \x07\x08 \u202e \u2028 \x7f".encode() + b" \x9b\xff \xe2\x82"


def limit_memory():
    """Limits the memory of a client, so that it fails if it uses more (except with sanitizers)."""
    import resource
    binary = program("tcp_echo_client").read_bytes()
    if b"__asan_init" not in binary and b"__tsan_init" not in binary:
        resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))


def run_client(name, *arguments, input=b"", seconds=TIMEOUT_SECONDS):
    return subprocess.run([program(name), *map(str, arguments)], input=input, capture_output=True,
                          timeout=seconds, check=False, preexec_fn=limit_memory)


def on_terminal(name, *arguments):
    """All that a client writes to a terminal, and its exit code. Its input ends immediately."""
    screen, terminal = pty.openpty()
    tty.setraw(terminal)
    process = subprocess.Popen([program(name), *map(str, arguments)], stdin=subprocess.PIPE,
                               stdout=terminal, stderr=terminal, env={**os.environ, "TERM": "xterm"})
    os.close(terminal)
    process.stdin.write(b"hello\n")
    process.stdin.close()
    shown = b""
    with contextlib.suppress(OSError):  # The last of its processes has ended.
        while piece := os.read(screen, 65536):
            shown += piece
    os.close(screen)
    return shown, process.wait(TIMEOUT_SECONDS)


class HostileServer:
    """Passes each connection to a function, one after the other."""

    def __init__(self, talk, connections=1):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.settimeout(TIMEOUT_SECONDS)
        self.talk = talk
        self.connections = connections
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        for _ in range(self.connections):
            with contextlib.suppress(OSError):
                connection, _ = self.listening.accept()
                with connection:
                    connection.settimeout(TIMEOUT_SECONDS)
                    self.talk(connection)

    @property
    def endpoint(self):
        return "127.0.0.1:%d" % self.listening.getsockname()[1]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        # If the client never connected, this ends the accept.
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listening.close()


def send_and_end(data):
    def talk(connection):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    return talk


def endless(piece, begun=b""):
    def talk(connection):
        connection.sendall(begun)
        while True:
            connection.sendall(piece)
    return talk


def after_a_request(talk):
    """HTTP: runs `talk` only after a request has arrived."""
    def answer(connection):
        request = b""
        while b"\r\n\r\n" not in request:
            piece = connection.recv(65536)
            if not piece:
                return
            request += piece
        talk(connection)
    return answer


class HostileServers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.secret = Path(folder.name) / "secret"
        self.secret.touch(0o600)
        self.secret.write_bytes(SECRET + b"\n")

    def assert_commands_nothing(self, shown):
        text = shown.decode()  # Must be well-formed: otherwise the terminal's state is unknown.
        for own in ("\x1b[K", "\r"):  # Sequences that the program itself uses.
            text = text.replace(own, "")
        self.assertIsNone(re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", text),
                          repr(text))

    def needs_openssl(self):
        if "without OpenSSL" in run("remote_command_client", "127.0.0.1:0", "--secret-file",
                                    self.secret, "ls").stderr:
            self.skipTest("built without OpenSSL")


class LineClients(HostileServers):
    def test_a_line_that_never_ends_is_an_error_and_takes_little_memory(self):
        def meet(name):
            with HostileServer(endless(b"x" * (1 << 20))) as server:
                return run_client(name, server.endpoint, input=b"hello\n")

        names = ("tcp_echo_client", "chat_client", "dialog")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for name, done in zip(names, pool.map(meet, names)):
                with self.subTest(name=name):
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.assertIn(b"error: ", done.stderr)

    def test_nothing_that_a_server_says_commands_the_terminal(self):
        for name in ("tcp_echo_client", "chat_client", "dialog"):
            for end in (b"\n", b""):
                with self.subTest(name=name, end=end), \
                        HostileServer(send_and_end(COMMANDS_A_TERMINAL + end)) as server:
                    shown, _ = on_terminal(name, server.endpoint)
                    self.assert_commands_nothing(shown)

    def test_a_server_that_sends_much_and_resets_is_an_error(self):
        def talk(connection):
            connection.sendall(b"line\n" * 100_000)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for name in ("tcp_echo_client", "chat_client", "dialog"):
            with self.subTest(name=name), HostileServer(talk) as server:
                done = run_client(name, server.endpoint, input=b"hello\n" * 1000)
                self.assertEqual(done.returncode, 1, done.stderr)

    def test_a_room_that_never_answers_the_name_is_left_when_it_ends(self):
        with HostileServer(send_and_end(b"* ann\n* joined\n! no\n" * 10)) as server:
            done = run_client("chat_client", server.endpoint, "--name", "ann", input=b"hello\n")
            self.assertEqual(done.returncode, 1, done)


class SecretClients(HostileServers):
    def clients(self):
        return (("tcp_echo_client", ()), ("remote_command_client", ("rm", "x")))

    def test_a_server_without_the_secret_gets_no_data_after_the_proof(self):
        self.needs_openssl()

        def reflect(connection):
            """Sends back everything that arrives, as if it were its own."""
            with contextlib.suppress(OSError):
                while piece := connection.recv(65536):
                    heard.extend(piece)
                    connection.sendall(piece)

        def reply(first):
            def talk(connection):
                connection.sendall(first)
                with contextlib.suppress(OSError):
                    while piece := connection.recv(65536):
                        heard.extend(piece)
            return talk

        def begin_and_reflect(connection):
            connection.sendall(os.urandom(32))
            reflect(connection)

        for name, words in self.clients():
            for talk in (begin_and_reflect, reply(bytes(1 << 20)), reply(b"\xff" * 64),
                         send_and_end(bytes(31)), send_and_end(b"")):
                heard = bytearray()
                with self.subTest(name=name, talk=talk), HostileServer(talk) as server:
                    done = run_client(name, server.endpoint, "--secret-file", self.secret, *words,
                                      input=b"hello\n")
                    self.assertEqual((done.returncode, done.stdout), (1, b""), done)
                for word in (b"hello", b"rm", SECRET):
                    self.assertNotIn(word, heard)

    def answered(self, *answers):
        """A server that knows the secret, and sends these replies to the first request."""
        def talk(connection):
            prove_as_server(connection, SECRET, "remote_command")
            length = receive(connection, 4)
            receive(connection, *struct.unpack("<i", length))
            for answer in answers:
                connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        return HostileServer(talk)

    def command(self, server):
        return run_client("remote_command_client", server.endpoint, "--secret-file", self.secret,
                          "ls")

    def test_a_status_that_is_no_status_is_no_success(self):
        self.needs_openssl()
        end = {"type": "end", "stdout_bytes": 0, "stderr_bytes": 0, "data_size": 0}
        cases = [("exit_status", status) for status in (1 << 32, 1 << 64, -1, 256, 0.0, 0.5, False,
                                                        None, "0", [0], 1e300)]
        for key, status in [*cases, ("signal", 1 << 32), ("signal", -0.5)]:
            with self.subTest(key=key, status=status), \
                    self.answered(message({**end, key: status})) as server:
                done = self.command(server)
                self.assertEqual(done.returncode, 1, done)
                self.assertIn(b"makes no sense", done.stderr)

    def test_sizes_that_are_not_those_of_the_output_are_no_success(self):
        self.needs_openssl()
        end = {"type": "end", "exit_status": 0, "stdout_bytes": 0, "stderr_bytes": 0, "data_size": 0}
        for wrong in ({"stdout_bytes": 1}, {"stdout_bytes": -1}, {"stderr_bytes": 1 << 64},
                      {"stdout_bytes": "0"}, {"stdout_bytes": None}, {"stderr_bytes": [0]}):
            with self.subTest(wrong=wrong), self.answered(message({**end, **wrong})) as server:
                self.assertEqual(self.command(server).returncode, 1)

    def test_headers_that_are_hostile_json_are_an_error(self):
        self.needs_openssl()
        for header in (b"[" * 60000, b'{"a":' * 10000, b'{"type":"end","data_size":0,"data_size":9}',
                       b'{"data_size":1e400}', b'{"data_size":00}', b"\0" * 10, b'{"data_size":NaN}',
                       b'{"type":"end","exit_status":0,"data_size":0}\0{}', b'{"type":{},"data_size":0}',
                       b'{"type":"stdout","data_size":99999999999999999999999999}'):
            with self.subTest(header=header[:30]), self.answered(message(header)) as server:
                done = self.command(server)
                self.assertEqual(done.returncode, 1, done)
                self.assertIn(b"error: ", done.stderr)

    def test_output_and_reasons_do_not_command_the_terminal(self):
        self.needs_openssl()
        text = COMMANDS_A_TERMINAL
        end = message({"type": "end", "exit_status": 0, "stdout_bytes": len(text),
                       "stderr_bytes": len(text), "data_size": 0})
        outputs = [message({"type": name, "data_size": len(text)}, text)
                   for name in ("stdout", "stderr")]
        refused = message({"type": "refused", "reason": "\x1b[31m\u009b\u202e", "data_size": 0})
        for answers in ([*outputs, end], [refused]):
            with self.subTest(answers=answers), self.answered(*answers) as server:
                shown, _ = on_terminal("remote_command_client", server.endpoint, "--secret-file",
                                       self.secret, "ls")
                self.assert_commands_nothing(shown)

    def test_output_that_goes_to_a_file_is_what_the_command_said(self):
        self.needs_openssl()
        text = COMMANDS_A_TERMINAL
        end = message({"type": "end", "exit_status": 0, "stdout_bytes": len(text),
                       "stderr_bytes": 0, "data_size": 0})
        with self.answered(message({"type": "stdout", "data_size": len(text)}, text), end) as server:
            done = self.command(server)
            self.assertEqual((done.returncode, done.stdout), (0, text))


class HttpGet(HostileServers):
    def fetch(self, talk, *options, connections=1, path="/"):
        with HostileServer(after_a_request(talk), connections) as server:
            return run_client("http_get", *options, f"http://{server.endpoint}{path}")

    def test_heads_and_trailers_without_end_are_an_error_and_take_little_memory(self):
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for begun, piece in ((b"HTTP/1.1 200 ", b"x" * 1000), (b"", b"x" * 1000),
                             (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
                             (b"HTTP/1.1 200 OK\r\na: ", b"x" * 1000),
                             (chunked, b"0" * 1000), (chunked + b"5;", b"x" * 1000),
                             (chunked + b"0\r\n", b"a: b\r\n"), (chunked + b"5\r\nhello", b"x")):
            with self.subTest(begun=begun, piece=piece[:10]):
                done = self.fetch(endless(piece * 100, begun))
                self.assertEqual(done.returncode, 1, done)

    def test_endless_informational_responses_are_abandoned(self):
        done = self.fetch(endless(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 10),
                          "--timeout", "1")
        self.assertEqual(done.returncode, 1, done)

    def test_framing_that_could_be_taken_in_two_ways_is_an_error(self):
        body = b"hello"
        for fields in (b"Content-Length: 5\r\nContent-Length: 6\r\n",
                       b"Content-Length: 5, 6\r\n", b"Content-Length: +5\r\n",
                       b"Content-Length: 0x5\r\n", b"Content-Length: 5\r\n 6\r\n",
                       b"Content-Length: 99999999999999999999\r\n",
                       b"Content-Length : 5\r\n", b"Content-Length: -5\r\n",
                       b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                       b"Transfer-Encoding: chunked, chunked\r\n"):
            with self.subTest(fields=fields):
                done = self.fetch(send_and_end(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n" + body))
                self.assertEqual(done.returncode, 1, done)

    def test_redirects_lead_to_http_urls_only_and_end(self):
        with tempfile.NamedTemporaryFile() as local:
            local.write(b"a secret of this machine")
            local.flush()
            for location in (f"file://{local.name}", f"unix:{local.name}", "ftp://127.0.0.1/",
                             "https://127.0.0.1/", "javascript:alert(1)", "http://", "http://:80/",
                             "http://a:99999/", "http://[::1/", "gopher://x", "http://\x1b[31m/",
                             "http:///x", "//", "http://127.0.0.1:0/", "http://a b/"):
                with self.subTest(location=location):
                    done = self.fetch(send_and_end(
                        f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
                        .encode()), "--timeout", "2", "--connect-timeout", "2", "--resolve",
                        "a=127.0.0.1")
                    self.assertEqual(done.returncode, 1, done)
                    self.assertNotIn(b"secret", done.stdout)
                    self.assertNotIn(b"\x1b", done.stderr)

    def test_what_comes_with_a_redirect_does_not_break_a_request_in_two(self):
        heard = []

        def talk(connection):
            request = b""
            while b"\r\n\r\n" not in request:
                piece = connection.recv(65536)
                if not piece:
                    return
                request += piece
            heard.append(request)
            connection.sendall(
                b"HTTP/1.1 302 Found\r\nLocation: /x\x0bGET /smuggled HTTP/1.1%0d%0aHost:%20b\r\n"
                b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        with HostileServer(talk, 2) as server:
            run_client("http_get", "--redirects", "1", f"http://{server.endpoint}/")
        for request in heard:
            self.assertEqual(request.count(b"\r\n\r\n"), 1)
            self.assertEqual(request.count(b"Host:"), 1, request)

    def test_neither_a_body_nor_an_error_commands_the_terminal(self):
        text = COMMANDS_A_TERMINAL
        answers = [
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text),
            b"HTTP/1.1 200 OK\r\n\r\n" + text,
            b"HTTP/1.1 404 \x1b[31m\xc2\x9b\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 302 Found\r\nLocation: ftp://\x1b[31m\xc2\x9b2J\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 302 Found\r\nLocation: http://\xe2\x80\xae/\r\nContent-Length: 0\r\n\r\n",
            b"\x1b[31m\r\n\r\n",
        ]
        for answer in answers:
            with self.subTest(answer=answer), \
                    HostileServer(after_a_request(send_and_end(answer))) as server:
                shown, _ = on_terminal("http_get", f"http://{server.endpoint}/")
                self.assert_commands_nothing(shown)

    def test_a_body_that_does_not_go_to_a_terminal_is_what_the_server_sent(self):
        text = COMMANDS_A_TERMINAL + bytes(range(256))
        done = self.fetch(send_and_end(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)))
        self.assertEqual((done.returncode, done.stdout), (0, text))


class DatagramServer:
    """Replies to each datagram with the result of a function, from its own or another port."""

    def __init__(self, answers, from_other_port=False):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.other.bind(("127.0.0.1", 0))
        self.answers = answers
        self.sender = self.other if from_other_port else self.socket
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        while not self.over.is_set():
            if not select.select([self.socket], [], [], 0.05)[0]:
                continue
            request, client = self.socket.recvfrom(65536)
            for answer in self.answers(request):
                with contextlib.suppress(OSError):
                    self.sender.sendto(answer, client)

    @property
    def endpoint(self):
        return "127.0.0.1:%d" % self.socket.getsockname()[1]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.socket.close()
        self.other.close()


class DatagramClients(HostileServers):
    def test_an_answer_from_another_port_is_none(self):
        for name, arguments in (("udp_echo_client", ["--timeout", "0.3"]),
                                ("udp_time_client", ["--timeout", "0.3"]),
                                ("udp_time_client", ["--timeout", "0.3", "--sntp"])):
            with self.subTest(name=name, arguments=arguments), \
                    DatagramServer(lambda request: [b"forged"] * 3, from_other_port=True) as server:
                done = run_client(name, server.endpoint, *arguments, input=b"hello\n")
                self.assertEqual(done.returncode, 1, done)
                self.assertNotIn(b"forged", done.stdout)
                self.assertIn(b"no answer", done.stderr)

    def test_answers_do_not_command_the_terminal(self):
        for name in ("udp_echo_client", "udp_time_client"):
            with self.subTest(name=name), \
                    DatagramServer(lambda request: [COMMANDS_A_TERMINAL]) as server:
                shown, _ = on_terminal(name, server.endpoint)
                self.assert_commands_nothing(shown)

    def test_floods_of_answers_are_one_answer(self):
        with DatagramServer(lambda request: [bytes(60000)] * 200) as server:
            done = run_client("udp_echo_client", server.endpoint, input=b"a\nb\nc\n")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout, (bytes(60000) + b"\n") * 3)

    def test_what_is_no_sntp_answer_to_this_question_is_ignored(self):
        good_until = 48

        def answers(request):
            copies = bytearray(request)
            copies[0] = 0x24  # Version 4, server.
            copies[1] = 1
            copies[24:32] = request[40:48]
            copies[32:40] = copies[40:48] = struct.pack(">II", int(time.time()) + 2208988800, 0)
            for size in (0, 1, 47):
                yield bytes(copies[:size])
            for place, bits in ((24, 0xff), (31, 0x01), (0, 0x07), (27, 0x80)):
                wrong = bytearray(copies)
                wrong[place] ^= bits
                yield bytes(wrong)
            yield request  # Reflected.
            yield bytes(good_until)
            yield b"\xff" * 48
        with DatagramServer(answers) as server:
            done = run_client("udp_time_client", server.endpoint, "--sntp", "--timeout", "0.5")
            self.assertEqual((done.returncode, done.stdout), (1, b""), done)

    def test_replies_to_a_broadcast_are_shown_escaped_however_many_there_are(self):
        with DatagramServer(lambda request: [COMMANDS_A_TERMINAL, b"", bytes(60000)] * 100) as server:
            done = run_client("broadcast_sender", "--to", server.endpoint, "--count", "3",
                              "--interval", "0.1", "--message", "x")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertFalse([byte for byte in done.stdout if byte < 32 and byte != 10])
            self.assertNotIn("\u009b".encode(), done.stdout)
            done.stdout.decode()


if __name__ == "__main__":
    unittest.main()
