"""Servers and hostile clients: the other clients are served nevertheless."""

import contextlib
import json
import os
import resource
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
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "samples"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from chat_test import Guest  # noqa: E402
from programs import TIMEOUT_SECONDS, Server, program, run  # noqa: E402
from remote_command_test import SECRET, Remote, message  # noqa: E402


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def resident_bytes(server):
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def wait_until(condition, what):
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited for {TIMEOUT_SECONDS} s until {what()}")
        os.sched_yield()


class Flood:
    """Sends the same bytes again and again from a thread, and reads the replies."""

    def __init__(self, server, data, connection=None):
        self.data = data
        self.socket = connection or socket.create_connection(("127.0.0.1", server.port),
                                                             TIMEOUT_SECONDS)
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.send), threading.Thread(target=self.read)]

    def send(self):
        with contextlib.suppress(OSError):
            while not self.over.is_set():
                self.socket.sendall(self.data)

    def read(self):
        with contextlib.suppress(OSError):
            while self.socket.recv(1 << 16):
                pass

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.socket.close()


class ChatTest(unittest.TestCase):
    def test_a_member_that_floods_delays_no_other(self):
        for flood in (b"/who\n" * 10000, b"x\n" * 30000, b"/nick a\n/nick b\n" * 4000,
                      b"\n" * 60000, b"/nick :\n" * 8000):
            with self.subTest(flood=flood[:8]), Server("chat_server") as server:
                with contextlib.ExitStack() as stack:
                    for number in range(50):  # Their names make each reply to /who longer.
                        stack.enter_context(Guest(server, f"/nick member-{number}"))
                    stack.enter_context(Flood(server, flood))
                    ann = stack.enter_context(Guest(server, "/nick ann"))
                    for number in range(20):
                        ann.say(f"line {number}")
                        while ann.line() != f"ann: line {number}":
                            pass

    def test_what_one_read_of_a_flood_holds_is_not_worked_off_at_once(self):
        with Server("chat_server") as server, Guest(server, "/nick ann", "here") as ann, \
                Guest(server, "/nick bob", "here") as bob:
            while bob.line() != "bob: here":
                pass
            ann.hears("* ann joined", "ann: here", "* bob joined", "bob: here")
            # When the server reads, the flood has arrived first, and ann's line after it.
            server.process.send_signal(signal.SIGSTOP)
            bob.socket.sendall(b"/nick a\n/nick b\n" * 4000 + b"the end\n")
            ann.say("now")
            server.process.send_signal(signal.SIGCONT)
            while (line := ann.line()) != "ann: now":
                self.assertNotEqual(line, "b: the end")
            while ann.line() != "b: the end":
                pass

    def test_lines_that_have_no_end_take_little_memory(self):
        with Server("chat_server") as server:
            before = resident_bytes(server)
            guests = [Guest(server) for _ in range(100)]
            for guest in guests:
                with contextlib.suppress(OSError):
                    guest.socket.sendall(b"x" * 1_000_000)  # A line has at most 64 KiB.
            for guest in guests:
                while guest.line() is not None:
                    pass
            self.assertLess(resident_bytes(server) - before, 50 << 20)
            for guest in guests:
                guest.socket.close()


class RemoteCommandTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.secret = self.folder / "secret"
        self.secret.touch(0o600)
        self.secret.write_bytes(SECRET + b"\n")
        if "without OpenSSL" in run("remote_command_server", "--listen", "127.0.0.1:0",
                                    "--secret-file", self.secret, "--timeout", "-1").stderr:
            self.skipTest("built without OpenSSL")

    def server(self, *options):
        return Server("remote_command_server", "--secret-file", self.secret, *options)

    def test_a_word_with_a_nul_is_refused_and_not_cut_there(self):
        with self.server("--allow", "echo") as server, Remote(server) as remote:
            for words in (["echo\0x"], ["echo", "a\0b"], ["\0"], ["echo", "\0"]):
                with self.subTest(words=words):
                    remote.ask(*words)
                    header, _ = remote.answer()
                    self.assertEqual(header["type"], "refused")
            self.assertEqual(remote.run("echo", "on")[0], b"on\n")

    def test_a_program_by_another_path_is_not_the_one_that_is_allowed(self):
        with self.server("--allow", "echo") as server, Remote(server) as remote:
            for name in ("/bin/echo", "./echo", "echo ", " echo", "ECHO", "", "echo\n", "../bin/echo"):
                with self.subTest(name=name):
                    remote.ask(name, "x")
                    self.assertEqual(remote.answer()[0]["type"], "refused")

    def test_a_key_that_is_there_twice_or_a_number_beyond_all_bounds_runs_nothing_else(self):
        cases = [
            b'{"program":"echo","program":"touch","arguments":["%s"],"data_size":0}',
            b'{"program":"touch","program":"echo","arguments":["%s"],"data_size":0}',
            b'{"program":"touch","arguments":["%s"],"data_size":1e999}',
            b'{"program":"touch","arguments":["%s"],"data_size":99999999999999999999999}',
            b'{"program":"touch","arguments":["%s"],"data_size":0,"data_size":0}',
            b'{"program":"touch","arguments":["%s"],"data_size":0}{"program":"touch"}',
            b'{"program":"touch","arguments":["%s"],"data_size":-0.0}',
            b'\xef\xbb\xbf{"program":"touch","arguments":["%s"],"data_size":0}',
        ]
        target = self.folder / "touched"
        with self.server("--allow", "echo") as server:
            for case in cases:
                with self.subTest(case=case), Remote(server) as remote:
                    remote.socket.sendall(message(case % bytes(target)))
                    self.assertIsNotNone(remote.answer())
            self.assertFalse(target.exists())

    def test_a_request_of_the_largest_size_is_served_beside_others(self):
        words = ["x"] * 12000
        with self.server("--allow", "echo") as server, Remote(server) as other:
            request = message({"program": "no", "arguments": words, "data_size": 0})
            self.assertLess(len(request), 65536)
            with Remote(server) as remote, Flood(server, request, remote.socket):
                for _ in range(5):
                    self.assertEqual(other.run("echo", "on")[0], b"on\n")

    def test_output_that_is_not_read_is_not_kept_and_the_command_waits(self):
        with self.server("--max-output", str(1 << 40)) as server:
            before = resident_bytes(server)
            remotes = [Remote(server) for _ in range(20)]
            for remote in remotes:
                remote.ask("yes")
            with Remote(server) as other:
                for _ in range(10):
                    self.assertEqual(other.run("echo", "on")[0], b"on\n")
            self.assertLess(resident_bytes(server) - before, 100 << 20)
            for remote in remotes:
                remote.socket.close()

    def test_a_process_that_leaves_its_session_ends_no_connection_and_blocks_none(self):
        with self.server("--timeout", "0.5") as server:
            with Remote(server) as remote, Remote(server) as other:
                # The process keeps the output open, and SIGKILL to the group does not reach it.
                remote.ask("setsid", "sleep", "3")
                self.assertEqual(other.run("echo", "on")[0], b"on\n")
                self.assertIn(remote.outcome()[2].get("stopped_by"), (None, "timeout"))
                self.assertEqual(remote.run("echo", "on")[0], b"on\n")

    def test_standard_input_is_at_its_end(self):
        with self.server() as server, Remote(server) as remote:
            self.assertEqual(remote.run("cat")[2]["exit_status"], 0)

    def test_other_clients_are_served_while_one_starts_many_commands(self):
        with self.server() as server, contextlib.ExitStack() as stack:
            many = [stack.enter_context(Remote(server)) for _ in range(20)]
            other = stack.enter_context(Remote(server))
            for remote in many:
                remote.socket.sendall(60 * message(
                    {"program": "true", "arguments": [], "data_size": 0}))
            # 1,200 commands are queued: this one does not run after all of them.
            other.run("echo", "on")
            ended = 0
            for remote in many:
                remote.socket.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while piece := remote.socket.recv(1 << 16):
                        ended += piece.count(b'"end"')
            self.assertLess(ended, 1000)

    def test_connections_that_prove_nothing_leave_no_descriptor_behind(self):
        with self.server() as server:
            with Remote(server) as remote:
                remote.run("true")
                before = descriptors(server)
                for proof in (b"", b"x", bytes(63), bytes(64), bytes(1000)):
                    for _ in range(20):
                        with socket.create_connection(("127.0.0.1", server.port)) as stranger:
                            with contextlib.suppress(OSError):
                                stranger.sendall(proof)
                wait_until(lambda: descriptors(server) <= before,
                           lambda: f"{descriptors(server)} descriptors became {before}")
                self.assertEqual(remote.run("echo", "on")[0], b"on\n")


class HttpTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "root"
        self.root.mkdir()
        (self.root / "small").write_text("hello")
        with open(self.root / "large", "wb") as file:
            file.truncate(64 << 20)

    def server(self, *options):
        return Server("http_responder", "--root", self.root, "--list", *options)

    def get(self, connection, target, *fields):
        lines = [f"GET {target} HTTP/1.1", "Host: a", *fields, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = connection.recv(1)
            if not piece:
                raise AssertionError(f"the connection ended behind {head!r}")
            head += piece
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        size, body = int(fields.get(b"Content-Length", 0)), b""
        while len(body) < size:
            body += connection.recv(size - len(body))
        return int(head.split(b" ")[1]), body

    def test_pipelined_floods_delay_no_other_client(self):
        for flood in (b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n",
                      b"GET /large HTTP/1.1\r\nHost: a\r\nRange: bytes=5-9\r\n\r\n",
                      b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a/" * 2000),
                      b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"):
            with self.subTest(flood=flood[:20]), self.server() as server:
                with contextlib.ExitStack() as stack:
                    for _ in range(4):
                        stack.enter_context(Flood(server, flood * (200_000 // len(flood) + 1)))
                    with socket.create_connection(("127.0.0.1", server.port),
                                                  TIMEOUT_SECONDS) as other:
                        for _ in range(20):
                            self.assertEqual(self.get(other, "/small"), (200, b"hello"))

    def test_every_pipelined_request_is_answered_in_its_order_however_many_at_once(self):
        for number in range(50):
            (self.root / f"f{number}").write_text(str(number))
        requests = b"".join(b"GET /f%d HTTP/1.1\r\nHost: a\r\n\r\n" % (number % 50)
                            for number in range(5000))
        with self.server() as server, \
                socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as client:
            sender = threading.Thread(target=client.sendall, args=(requests,))
            sender.start()
            received = b""
            while received.count(b"HTTP/1.1 200") < 5000 or not received.endswith(b"\r\n\r\n49"):
                piece = client.recv(1 << 16)
                self.assertTrue(piece)
                received += piece
            sender.join()
            bodies = [part.split(b"\r\n\r\n", 1)[1] for part in received.split(b"HTTP/1.1 ")[1:]]
            self.assertEqual(bodies, [b"%d" % (number % 50) for number in range(5000)])

    def test_ranges_beyond_all_bounds_or_many_of_them_send_no_more_than_the_file(self):
        wrong = ["bytes=" + "0-," * 1000 + "0-", "bytes=" + ",".join(f"{i}-{i}" for i in range(2000)),
                 "bytes=0-99999999999999999999999999", "bytes=-99999999999999999999999999",
                 "bytes=18446744073709551615-18446744073709551616", "bytes=-18446744073709551616",
                 "bytes=99999999999999999999-", "bytes=5-1", "bytes=--1", "bytes=0x0-0x5",
                 "bytes=+0-1", "bytes= 0 - 1", "bytes=\u0660-\u0661".encode().decode("latin-1")]
        with self.server() as server:
            for text in wrong:
                with self.subTest(text=text[:40]), socket.create_connection(
                        ("127.0.0.1", server.port), TIMEOUT_SECONDS) as client:
                    status, body = self.get(client, "/small", "Range: " + text)
                    self.assertIn(status, (200, 206, 416, 400, 431))
                    if status in (200, 206):
                        self.assertIn(body, (b"hello", b"he", b"h"))

    def test_a_file_that_shrinks_while_it_is_sent_ends_the_connection(self):
        with self.server() as server, \
                socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as client, \
                socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as other:
            client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            received = len(client.recv(1000))
            os.truncate(self.root / "large", 1000)
            with contextlib.suppress(ConnectionResetError):
                while piece := client.recv(1 << 20):
                    received += len(piece)
            self.assertLess(received, 64 << 20)
            self.assertEqual(self.get(other, "/small"), (200, b"hello"))

    def test_devices_pipes_and_sockets_under_the_root_are_no_files(self):
        os.mkfifo(self.root / "fifo")
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(str(self.root / "socket"))
            for name, target in (("zero", "/dev/zero"), ("null", "/dev/null"), ("self", "."),
                                 ("loop", "loop"), ("mem", "/proc/self/mem"), ("up", "../..")):
                (self.root / name).symlink_to(target)
            with contextlib.suppress(PermissionError):
                os.mknod(self.root / "device", 0o20666, os.makedev(1, 5))
            with self.server() as server, socket.create_connection(
                    ("127.0.0.1", server.port), TIMEOUT_SECONDS) as client:
                for name in ("fifo", "socket", "zero", "null", "loop", "mem", "device", "up/",
                             "fifo/", "self/self/self/fifo"):
                    with self.subTest(name=name):
                        self.assertIn(self.get(client, f"/{name}")[0], (403, 404))
                self.assertEqual(self.get(client, "/self/self/small"), (200, b"hello"))


class RelayTest(unittest.TestCase):
    def test_clients_that_come_and_go_leave_no_descriptor_behind(self):
        with Server("tcp_echo_server") as echo, \
                Server("tcp_relay", "--to", echo.endpoint) as relay, \
                socket.create_connection(("127.0.0.1", relay.port), TIMEOUT_SECONDS) as other:
            def echoes():
                other.sendall(b"x")
                return other.recv(1) == b"x"
            self.assertTrue(echoes())
            before = descriptors(relay)
            for number in range(300):
                with socket.create_connection(("127.0.0.1", relay.port)) as client:
                    client.sendall(b"x" * (number % 3))
                    if number % 2:
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                          struct.pack("ii", 1, 0))
                if number % 50 == 0:
                    self.assertTrue(echoes())
            wait_until(lambda: descriptors(relay) == before,
                       lambda: f"{descriptors(relay)} descriptors became {before}")
            self.assertTrue(echoes())

    def test_clients_that_read_nothing_cost_little_memory_and_delay_no_other(self):
        with Server("tcp_echo_server") as echo, \
                Server("tcp_relay", "--to", echo.endpoint) as relay, contextlib.ExitStack() as stack:
            before = resident_bytes(relay)
            for _ in range(30):
                client = stack.enter_context(
                    socket.create_connection(("127.0.0.1", relay.port), TIMEOUT_SECONDS))
                client.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while client.send(bytes(1 << 20)):
                        pass
            other = stack.enter_context(
                socket.create_connection(("127.0.0.1", relay.port), TIMEOUT_SECONDS))
            for _ in range(20):
                other.sendall(b"x")
                self.assertEqual(other.recv(1), b"x")
            self.assertLess(resident_bytes(relay) - before, 30 * (2 << 20))


class DialogTest(unittest.TestCase):
    def test_a_line_that_never_ends_ends_the_conversation_and_the_next_is_served(self):
        with Server("dialog", stdin=subprocess.PIPE) as server:
            with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as client:
                with contextlib.suppress(OSError):
                    client.sendall(b"x" * 10_000_000)
                    while client.recv(1000):
                        pass
            self.assertLess(resident_bytes(server), 200 << 20)
            with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as client:
                client.sendall(b"hello\n")
                while server.line() != "hello":
                    pass


class FrameInspectorTest(unittest.TestCase):
    def inspect(self, protocol, data, *options):
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            return subprocess.run([program("frame_inspector"), "--protocol", protocol, *options],
                                  stdin=file, capture_output=True, timeout=TIMEOUT_SECONDS,
                                  check=False)

    def test_whatever_a_file_holds_is_an_end_with_a_code_and_printable_lines(self):
        cases = {
            "json_header": [b"\xff\xff\xff\x7f{", struct.pack("<i", 60000) + b"[" * 60000,
                            struct.pack("<i", 9) + b'{"a":"\x1b"', b"\0\0\0\0", b"\x80" * 1000],
            "length_field": [b"\xff" * 1000, b"\x7f\xff\xff\xff", bytes(3)],
            "netstring": [b"9" * 10000, b"99999999999999999999:x,", b"-1:x,", b"5:\x1b[31m,"],
            "resp": [b"*1\r\n" * 10000, b"$9" + b"9" * 10000, b"+" + b"x" * 100000, b"-\x1b[31m\r\n",
                     b"*1048576\r\n" * 100, b"=4\r\n\x1b[3:\r\n"],
            "proxy": [b"PROXY UNKNOWN " + b"x" * 10000, b"PROXY TCP4 \x1b[31m 1.2.3.4 1 2\r\n",
                      b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff" + bytes(65535)],
            "content_length_block": [b"Content-Length: " + b"9" * 10000, b"\x1b[31m: 1\r\n",
                                     b"Content-Type: \x80\r\nContent-Length: 0\r\n\r\n"],
            "slip": [b"\xdb" * 10000, b"\xc0" * 100000, b"\xdb\xdb\xdb"],
            "cobs": [b"\xff" * 10000, bytes(100000), b"\x01" * 10000],
            "http_request": [b"GET " + b"/" * 100000, b"\x1b[31m / HTTP/1.1\r\n\r\n",
                             b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 10000,
                             b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                             + b"f" * 1000],
            "http_response": [b"HTTP/1.1 200 \x1b[31m\r\n\r\n", b"HTTP/1.1 100 C\r\n\r\n" * 10000,
                              b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"],
        }
        for protocol, files in cases.items():
            for data in files:
                with self.subTest(protocol=protocol, data=data[:30]):
                    done = self.inspect(protocol, data)
                    self.assertIn(done.returncode, (0, 2, 3, 4), done.stderr)
                    last = json.loads(done.stdout.splitlines()[-1])
                    self.assertIn("end", last)
                    self.assertFalse([byte for byte in done.stdout if byte < 32 and byte != 10])


if __name__ == "__main__":
    unittest.main()
