"""The UDP echo server and its client, each also with programs of other origin."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import TIMEOUT_SECONDS, Server, program, run  # noqa: E402


def connected(endpoint, family=socket.AF_INET):
    """A UDP socket that sends to this server."""
    host, port = endpoint.rsplit(":", 1)
    asker = socket.socket(family, socket.SOCK_DGRAM)
    asker.settimeout(TIMEOUT_SECONDS)
    asker.connect((host.strip("[]"), int(port)))
    return asker


class EchoServer(unittest.TestCase):
    def test_each_datagram_comes_back_whatever_its_size(self):
        with Server("udp_echo_server") as server, connected(server.endpoint) as asker:
            for size in (5, 0, 1, 1472, 1473, 9000, 65507):
                sent = os.urandom(size)
                asker.send(sent)
                self.assertEqual(asker.recv(65536), sent)

    def test_answers_in_upper_case(self):
        with Server("udp_echo_server", "--upper") as server, connected(server.endpoint) as asker:
            asker.send("Hello, 9! \u00e9\0\n".encode())
            self.assertEqual(asker.recv(100), "HELLO, 9! \u00e9\0\n".encode())

    def test_serves_several_endpoints_of_all_families_and_removes_its_unix_path(self):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/echo"
            with Server("udp_echo_server", "--listen", "127.0.0.1:0", "--listen", "[::1]:0",
                        "--listen", f"unix:{path}", endpoints=3) as server:
                for endpoint, family in zip(server.endpoints, (socket.AF_INET, socket.AF_INET6)):
                    with connected(endpoint, family) as asker:
                        asker.send(b"hello")
                        self.assertEqual(asker.recv(100), b"hello")
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asker:
                    asker.settimeout(TIMEOUT_SECONDS)
                    asker.bind(f"{folder}/asker")
                    asker.sendto(b"hello", path)
                    self.assertEqual(asker.recv(100), b"hello")
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nameless:
                    nameless.sendto(b"hello", path)  # No reply is possible.
                self.assertTrue(os.path.exists(path))
            self.assertFalse(os.path.exists(path))

    def test_its_own_port_elsewhere_is_not_answered(self):
        with Server("udp_echo_server") as server:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as twin:
                twin.bind(("127.0.0.2", server.port))
                twin.setblocking(False)
                twin.sendto(b"hello", ("127.0.0.1", server.port))
                with connected(server.endpoint) as asker:
                    asker.send(b"probe")
                    self.assertEqual(asker.recv(100), b"probe")
                with self.assertRaises(BlockingIOError):
                    twin.recv(100)

    def test_a_client_that_is_gone_when_its_answer_comes_stops_nothing(self):
        with Server("udp_echo_server") as server:
            for _ in range(50):
                with connected(server.endpoint) as gone:
                    gone.send(b"hello")
            with connected(server.endpoint) as asker:
                asker.send(b"still there")
                self.assertEqual(asker.recv(100), b"still there")

    # A process that waits in epoll_wait and is stopped, terminated and continued does not always
    # receive the signal there: a program with libuv alone hung in one of fifteen runs.
    @unittest.skipIf(b"__tsan_init" in program("udp_echo_server").read_bytes(),
                     "ThreadSanitizer may keep back a signal to a stopped process")
    def test_after_a_stop_signal_it_answers_what_has_arrived(self):
        with Server("udp_echo_server") as server, connected(server.endpoint) as asker:
            server.process.send_signal(signal.SIGSTOP)
            for number in range(100):
                asker.send(b"%d" % number)
            server.process.terminate()
            server.process.send_signal(signal.SIGCONT)
            self.assertEqual([asker.recv(100) for _ in range(100)],
                             [b"%d" % number for number in range(100)])
            self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)

    @unittest.skipUnless(shutil.which("socat"), "there is no socat")
    def test_socat_is_answered(self):
        with Server("udp_echo_server", "--upper") as server:
            done = subprocess.run(["socat", "-t", "2", "-", f"UDP:127.0.0.1:{server.port}"],
                                  input="hello\n", text=True, capture_output=True,
                                  timeout=TIMEOUT_SECONDS, check=False)
            self.assertEqual(done.stdout, "HELLO\n")


class EchoClient(unittest.TestCase):
    def test_prints_the_answer_to_each_line_in_order(self):
        with Server("udp_echo_server", "--upper") as server:
            done = run("udp_echo_client", server.endpoint, input="one\n\ntwo\nthree")
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (0, "ONE\n\nTWO\nTHREE\n", ""))

    def test_over_ipv6_and_a_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            with Server("udp_echo_server", "--listen", "[::1]:0", "--listen",
                        f"unix:{folder}/echo", endpoints=2) as server:
                for endpoint in server.endpoints:
                    done = run("udp_echo_client", endpoint, input="hello\n")
                    self.assertEqual((done.returncode, done.stdout), (0, "hello\n"))

    def test_a_thousand_lines_from_a_file(self):
        text = "".join(f"{number}\n" for number in range(1000))
        with Server("udp_echo_server") as server, tempfile.TemporaryFile("w+") as file:
            file.write(text)
            file.seek(0)
            done = subprocess.run([program("udp_echo_client"), server.endpoint], stdin=file,
                                  text=True, capture_output=True, timeout=TIMEOUT_SECONDS,
                                  check=False)
            self.assertEqual((done.returncode, done.stdout), (0, text))

    def test_a_late_answer_is_not_taken_for_that_to_the_next_line(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.settimeout(TIMEOUT_SECONDS)
            endpoint = "127.0.0.1:%d" % server.getsockname()[1]

            def serve():
                first, first_sender = server.recvfrom(100)
                second, second_sender = server.recvfrom(100)
                server.sendto(first, first_sender)
                server.sendto(second, second_sender)

            serving = threading.Thread(target=serve)
            serving.start()
            done = run("udp_echo_client", endpoint, "--timeout", 1, input="first\nsecond\n")
            serving.join()
            self.assertEqual((done.returncode, done.stdout), (1, "second\n"))
            self.assertEqual(done.stderr, f"error: no answer from {endpoint}\n")

    def test_a_server_that_starts_late_gets_the_next_line(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
            unused.bind(("127.0.0.1", 0))
            endpoint = "127.0.0.1:%d" % unused.getsockname()[1]
        client = subprocess.Popen([program("udp_echo_client"), endpoint], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        client.stdin.write("first\n")
        client.stdin.flush()
        self.assertEqual(client.stderr.readline(), f"error: ask {endpoint}: connection refused\n")
        with Server("udp_echo_server", "--listen", endpoint):
            out, errors = client.communicate("second\n", timeout=TIMEOUT_SECONDS)
        self.assertEqual((client.returncode, out, errors), (1, "second\n", ""))

    def test_a_line_that_no_datagram_holds_is_an_error_and_the_next_goes_on(self):
        with Server("udp_echo_server") as server:
            began = time.monotonic()
            done = run("udp_echo_client", server.endpoint, "--timeout", TIMEOUT_SECONDS,
                       input="x" * 65508 + "\n" + "y" * 65507 + "\n")
            self.assertEqual((done.returncode, done.stdout), (1, "y" * 65507 + "\n"))
            self.assertIn(f"error: ask {server.endpoint}: message too long", done.stderr)
            self.assertLess(time.monotonic() - began, TIMEOUT_SECONDS)

    def test_a_wrong_command_line(self):
        for arguments in ([], ["127.0.0.1:1", "--timeout", "0"], ["127.0.0.1:1", "x"]):
            self.assertEqual(run("udp_echo_client", *arguments).returncode, 2)


if __name__ == "__main__":
    unittest.main()
