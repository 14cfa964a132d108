"""service_echo_server under a service manager: this test in its place, and systemd-socket-activate."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import TIMEOUT_SECONDS, Server, program  # noqa: E402


def echo_through(path):
    """Connects as soon as a program listens there, and returns the reply to "hello"."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(TIMEOUT_SECONDS)
        while True:
            try:
                client.connect(path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > deadline:
                    raise
        client.sendall(b"hello")
        return client.recv(100)


class Service(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.settimeout(TIMEOUT_SECONDS)
        self.manager.bind(f"{self.folder.name}/notify")
        self.environment = {**os.environ, "NOTIFY_SOCKET": f"{self.folder.name}/notify"}

    def report(self):
        return self.manager.recv(1000).decode()

    def test_it_reports_that_it_serves_and_that_it_ends(self):
        with Server("service_echo_server", env=self.environment) as server:
            self.assertEqual(self.report(), f"READY=1\nSTATUS=serving on 127.0.0.1:{server.port}")
        self.assertTrue(self.report().startswith("STOPPING=1\nSTATUS=waiting"))

    def test_it_serves_on_a_socket_that_systemd_passes(self):
        if not shutil.which("systemd-socket-activate"):
            self.skipTest("there is no systemd-socket-activate")
        path = f"{self.folder.name}/echo"
        # systemd-socket-activate starts the program for the first connection.
        with subprocess.Popen(
                ["systemd-socket-activate", f"--listen={path}", "--fdname=echo",
                 f"--setenv=NOTIFY_SOCKET={self.environment['NOTIFY_SOCKET']}",
                 program("service_echo_server")],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
            try:
                self.assertEqual(echo_through(path), b"hello")
                self.assertEqual(server.stdout.readline(), f"listening on unix:{path}\n")
                self.assertEqual(self.report(), f"READY=1\nSTATUS=serving on unix:{path}")
            finally:
                server.terminate()
            self.assertEqual(server.wait(TIMEOUT_SECONDS), 0)


class HandOver(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = f"{folder.name}/hand-over"
        probe = subprocess.run([program("service_echo_server"), "--listen", "127.0.0.1:0", "--hand-over",
                                f"{folder.name}/none/here"], capture_output=True, text=True)
        if "credentials" in probe.stderr:
            self.skipTest("this platform has no credentials")

    def start(self, *options):
        return Server("service_echo_server", "--hand-over", self.path, *options)

    def test_no_request_fails_while_processes_replace_each_other(self):
        served, failures, over = [], [], threading.Event()

        def load(address):
            while not over.is_set():
                try:
                    with socket.create_connection(address, timeout=TIMEOUT_SECONDS) as client:
                        client.sendall(b"hello")
                        self.assertEqual(client.recv(100), b"hello")
                    served.append(1)
                except (OSError, AssertionError) as error:
                    failures.append(error)

        with contextlib.ExitStack() as cleanup:
            server = cleanup.enter_context(self.start())
            address = "127.0.0.1", server.port
            clients = [threading.Thread(target=load, args=[address]) for _ in range(3)]
            for client in clients:
                client.start()
                cleanup.callback(client.join)
                cleanup.callback(over.set)
            for _ in range(5):
                with socket.create_connection(address, timeout=TIMEOUT_SECONDS) as kept:
                    successor = cleanup.enter_context(self.start())
                    self.assertEqual(successor.endpoint, server.endpoint)
                    kept.sendall(b"still here")
                    self.assertEqual(kept.recv(100), b"still here")
                self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)
                server = successor
            over.set()
            for client in clients:
                client.join()
        self.assertEqual(failures, [])
        self.assertGreater(len(served), 5)

    def test_connections_do_not_outlive_the_drain_time(self):
        with self.start("--drain-seconds", "0") as server:
            with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as kept:
                kept.sendall(b"hello")
                self.assertEqual(kept.recv(100), b"hello")
                with self.start():
                    with self.assertRaises(ConnectionResetError):
                        kept.recv(100)
                    self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)


if __name__ == "__main__":
    unittest.main()
