"""The load generator against servers that do right and servers that do not, and every peer."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = Path(os.environ["UVREACTOR_BUILD"]) / "bench"
LOAD = BENCH / "load" / "load"

sys.path.insert(0, str(ROOT / "bench"))
from harness.process import serving  # noqa: E402
from harness.benchmark import all_benchmarks  # noqa: E402
from harness.servers import SERVERS, framed_servers  # noqa: E402
from harness import stats  # noqa: E402


def load(address, *options):
    """Exit status and report of the load generator."""
    done = subprocess.run([str(LOAD), address, "--json", *map(str, options)], timeout=60,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


class Answering:
    """A server of one thread: `serve(socket)` handles one connection, or all datagrams."""

    def __init__(self, serve, kind=socket.SOCK_STREAM):
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.kind, self.serve = kind, serve
        if kind == socket.SOCK_STREAM:
            self.socket.listen()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            if self.kind == socket.SOCK_DGRAM:
                return self.serve(self.socket)
            connection, _ = self.socket.accept()
            with connection:
                self.serve(connection)
        except OSError:
            pass  # The load generator closed the connection, or the test has ended.

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR) if self.kind == socket.SOCK_STREAM else None
        self.socket.close()


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


@unittest.skipUnless(LOAD.exists(), "bench/ is not built here")
class EveryPeer(unittest.TestCase):
    def test_echoes_every_byte_in_every_shape(self):
        for name, server in SERVERS.items():
            why_not = server.why_not(BENCH.parent)
            if why_not:
                print(f"without {name}: {why_not}")
                continue
            shapes = {"": ((64, 1), (4096, 3), (200_000, 2))}
            if server.can_answer_each:
                shapes["--message 64"] = ((64, 16),)
            for options, loads in shapes.items():
                with serving(server.command(BENCH.parent, options.split())) as running:
                    for size, pipeline in loads:
                        with self.subTest(server=name, options=options, size=size):
                            status, report = load(running.address, "--verify", "--size", size,
                                                  "--pipeline", pipeline, "--messages", 300,
                                                  "--connections", 7)
                            self.assertEqual((status, report["messages"], report["errors"]),
                                             (0, 300, {}))

    def test_outlives_clients_that_leave_in_the_middle(self):
        for name, server in SERVERS.items():
            if server.why_not(BENCH.parent):
                continue
            options = ["--message", "64"] if server.can_answer_each else []
            with self.subTest(server=name), \
                    serving(server.command(BENCH.parent, options)) as running:
                for _ in range(3):
                    status, report = load(running.address, "--pipeline", 16, "--warm-up", 0,
                                          "--duration", 0.02)
                    self.assertEqual((status, report["errors"]), (0, {}))

    def test_accepts_connection_after_connection(self):
        for name, server in SERVERS.items():
            if server.why_not(BENCH.parent):
                continue
            with self.subTest(server=name), serving(server.command(BENCH.parent)) as running:
                status, report = load(running.address, "--churn", "--messages", 200, "--verify")
                self.assertEqual((status, report["messages"]), (0, 200), report)


    def test_cuts_the_stream_into_messages(self):
        for framing in ("lines", "length-prefixed"):
            for name, server in framed_servers(framing).items():
                if server.why_not(BENCH.parent):
                    continue
                with serving(server.command(BENCH.parent)) as running:
                    for size, pipeline in ((1, 16), (64, 3), (30_000, 2)):
                        with self.subTest(server=name, framing=framing, size=size):
                            status, report = load(running.address, "--protocol", framing, "--verify",
                                                  "--size", size, "--pipeline", pipeline,
                                                  "--messages", 300, "--connections", 7)
                            self.assertEqual((status, report["messages"], report["errors"]),
                                             (0, 300, {}))

    def test_sends_to_all_what_comes_from_one(self):
        for name, server in all_benchmarks()["broadcast"].servers.items():
            if server.why_not(BENCH.parent):
                continue
            with self.subTest(server=name), serving(server.command(BENCH.parent)) as running:
                for pipeline in (1, 4):
                    status, report = load(running.address, "--broadcast", "--verify",
                                          "--connections", 30, "--pipeline", pipeline,
                                          "--messages", 1200)
                    self.assertEqual((status, report["messages"], report["errors"]),
                                     (0, 1200, {}))


@unittest.skipUnless(LOAD.exists(), "bench/ is not built here")
class TheLoad(unittest.TestCase):
    def test_counts_what_a_broadcast_is_answered_on_each_connection(self):
        # An echo server replies only to the sender.
        with serving(SERVERS["epoll"].command(BENCH.parent)) as running:
            status, report = load(running.address, "--broadcast", "--connections", 5,
                                  "--warm-up", 0, "--duration", 0.1)
        self.assertEqual((status, report["messages"]), (0, 1))

    def test_opens_connections_over_the_time_of_a_ramp(self):
        with serving(SERVERS["epoll"].command(BENCH.parent)) as running:
            began = time.monotonic()
            status, _ = load(running.address, "--ramp", 0.4, "--connections", 8, "--messages", 8)
            self.assertEqual(status, 0)
            self.assertGreater(time.monotonic() - began, 0.3)  # The last begins at 7/8 of it.

    def test_speaks_over_unix_sockets(self):
        with tempfile.TemporaryDirectory() as folder:
            address = f"unix:{folder}/echo"
            command = [*SERVERS["epoll"].command(BENCH.parent), "--listen", address]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
                server.stdout.readline()
                status, report = load(address, "--verify", "--messages", 500, "--size", 5000)
                server.terminate()
        self.assertEqual((status, report["messages"], report["errors"]), (0, 500, {}))

    def test_reports_that_the_load_generator_was_the_bottleneck(self):
        for rate, saturated in ((20_000_000, True), (10, False)):
            with serving(SERVERS["epoll"].command(BENCH.parent)) as running:
                _, report = load(running.address, "--connections", 2, "--rate", rate,
                                 "--warm-up", 0, "--duration", 0.3)
            self.assertEqual(report["load"]["saturated"], saturated, report["load"])

    def test_shows_figures_at_a_terminal(self):
        terminal, shown_on = os.openpty()
        with Answering(echo) as server:
            with subprocess.Popen([str(LOAD), server.address, "--connections", "1", "--duration",
                                   "0.8"], stdout=subprocess.DEVNULL, stderr=shown_on) as running:
                os.close(shown_on)
                shown = b""
                with contextlib.suppress(OSError):  # The end of a terminal.
                    while more := os.read(terminal, 4096):
                        shown += more
        os.close(terminal)
        self.assertEqual(running.returncode, 0)
        self.assertRegex(shown.decode(), r"\d+ messages/s  p50 .*  p99 .*  max ")

    def test_finds_a_changed_byte(self):
        def change(connection):
            for number in range(1000):
                data = bytearray(connection.recv(64))
                if number == 5:
                    data[-1] ^= 1
                connection.sendall(data)

        with Answering(change) as server:
            status, report = load(server.address, "--verify", "--connections", 1,
                                  "--messages", 100)
        self.assertEqual(status, 1)
        self.assertEqual(report["errors"], {"an answer differs from what was sent": 1})
        self.assertEqual(report["messages"], 5)

    def test_finds_an_answer_too_many(self):
        with Answering(lambda connection: connection.sendall(connection.recv(64) * 2)) as server:
            status, report = load(server.address, "--connections", 1, "--messages", 10)
        self.assertEqual((status, report["errors"]), (1, {"the server sent more than was requested": 1}))

    def test_reports_that_the_server_closed(self):
        with Answering(lambda connection: connection.recv(64)) as server:
            status, report = load(server.address, "--connections", 1, "--messages", 10)
        self.assertEqual((status, report["errors"]), (1, {"closed by the server": 1}))

    def test_reports_a_refused_connection(self):
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            status, report = load("127.0.0.1:%d" % bound.getsockname()[1], "--connections", 1)
        self.assertEqual((status, report["errors"]), (1, {"connect: Connection refused": 1}))

    def test_counts_latency_from_when_a_message_was_due(self):
        # 1000 messages a second are due. The server replies only once 300 of them have arrived.
        def stall(connection):
            while len(connection.recv(300 * 64, socket.MSG_PEEK)) < 300 * 64:
                pass
            echo(connection)

        with Answering(stall) as server:
            status, report = load(server.address, "--connections", 1, "--rate", 1000,
                                  "--warm-up", 0, "--duration", 1)
        self.assertEqual(status, 0)
        latency = report["latency_ns"]
        self.assertGreater(latency["max"], 295e6)
        # The later ones of those 300 waited less: half of them waited less than half as long.
        self.assertGreater(latency["p90"], 100e6)
        self.assertLess(latency["p50"], 295e6)

    def test_keeps_the_given_rate(self):
        with Answering(echo) as server:
            status, report = load(server.address, "--connections", 1, "--rate", 2000,
                                  "--warm-up", 0, "--duration", 1)
        self.assertEqual(status, 0)
        self.assertAlmostEqual(report["messages"], 2000, delta=200)

    def test_counts_datagrams_that_do_not_come_back(self):
        def drop_every_tenth(bound):
            number = 0
            while True:
                data, sender = bound.recvfrom(2048)
                number += 1
                if number % 10:
                    bound.sendto(data, sender)

        with Answering(drop_every_tenth, socket.SOCK_DGRAM) as server:
            status, report = load(server.address, "--protocol", "udp", "--connections", 1,
                                  "--pipeline", 4, "--messages", 95, "--verify")
        self.assertEqual(status, 0, report)
        self.assertEqual((report["messages"], report["lost"]), (86, 9))

    def test_knows_a_time_when_it_sees_one(self):
        def tell(answer):
            def serve(bound):
                while True:
                    data, sender = bound.recvfrom(2048)
                    bound.sendto(answer(data.decode()), sender)
            return serve

        for answer, errors in ((lambda form: time.strftime(form).encode(), {}),
                               (lambda form: b"now", {"answered no time": 50})):
            with Answering(tell(answer), socket.SOCK_DGRAM) as server:
                status, report = load(server.address, "--protocol", "time", "--verify",
                                      "--connections", 2, "--messages", 50)
            self.assertEqual((status, report["errors"]), (1 if errors else 0, errors))

    def test_speaks_http(self):
        def serve(connection):
            while request := connection.recv(65536):
                for _ in range(request.count(b"\r\n\r\n")):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-")
                    connection.sendall(b"Length: 3\r\n\r\nyes")

        with Answering(serve) as server:
            status, report = load(server.address, "--protocol", "http", "--connections", 1,
                                  "--messages", 40, "--pipeline", 4)
        self.assertEqual((status, report["messages"]), (0, 40))

    def test_verifies_that_all_http_answers_are_alike(self):
        def serve(bodies):
            def answer(connection):
                while request := connection.recv(65536):
                    for _ in range(request.count(b"\r\n\r\n")):
                        body = next(bodies)
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                                           % (len(body), body))
            return answer

        for other, errors in (
                (b"yes", {}), (b"yet", {"an answer differs from the first": 1}),
                (b"", {"an answer is of another size than the first": 1})):
            bodies = (other if number == 20 else b"yes" for number in range(40))
            with self.subTest(other), Answering(serve(bodies)) as server:
                status, report = load(server.address, "--protocol", "http", "--verify",
                                      "--connections", 1, "--messages", 40)
            self.assertEqual((status, report["errors"]), (1 if errors else 0, errors))

    def test_is_hostile_and_leaves_the_others_alone(self):
        with serving(SERVERS["epoll"].command(BENCH.parent)) as running:
            status, report = load(running.address, "--connections", 5, "--verify", "--idle", 20,
                                  "--slow-readers", 2, "--one-byte", 2, "--resets", 3,
                                  "--duration", 0.3)
        self.assertEqual((status, report["errors"]), (0, {}))
        hostile = report["hostile"]
        self.assertEqual((hostile["held_open"], hostile["refused"]), (20, 0))
        self.assertGreater(hostile["bytes_taken"], 100_000)
        self.assertLess(hostile["bytes_read"], 2000)
        self.assertGreater(hostile["single_bytes"], 50)
        self.assertGreater(hostile["resets"], 50)

    def test_refuses_what_contradicts_itself(self):
        for wrong in (("--broadcast", "--rate", 5), ("--broadcast", "--messages", 3),
                      ("--churn", "--rate", 5), ("--churn", "--protocol", "udp"),
                      ("--protocol", "morse"), ("--size", 0)):
            status, _ = load("127.0.0.1:1", *wrong)
            self.assertEqual(status, 2, wrong)


class Statistics(unittest.TestCase):
    def test_a_ratio_is_taken_between_neighbours_in_time(self):
        # The machine slows down to half its speed. The library is always 10 % faster.
        samples = {"epoll": [{"cpu_ns": 10}, {"cpu_ns": 10}, {"cpu_ns": 20}],
                   "uvreactor": [{"cpu_ns": 9}, {"cpu_ns": 9}, {"cpu_ns": 18}]}
        summary = stats.summary(samples, "epoll", "cpu_ns")
        self.assertAlmostEqual(summary["uvreactor"]["ratio"]["median"], 0.9)
        self.assertAlmostEqual(summary["uvreactor"]["ratio"]["spread"], 0)

    def test_a_failed_turn_is_left_out_with_the_one_compared_to_it(self):
        samples = {"epoll": [{"cpu_ns": 10}, {"failed": "why"}, {"cpu_ns": 20}],
                   "uvreactor": [{"cpu_ns": 9}, {"cpu_ns": 1}, {"cpu_ns": 18}]}
        summary = stats.summary(samples, "epoll", "cpu_ns")
        self.assertAlmostEqual(summary["uvreactor"]["ratio"]["median"], 0.9)


if __name__ == "__main__":
    unittest.main()
