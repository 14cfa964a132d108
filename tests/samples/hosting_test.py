"""The loop inside the loops of other libraries: epoll_host, frame_host, glib_host, asio_host, qt_host."""

import socket
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import BUILD, TIMEOUT_SECONDS, Server  # noqa: E402


class Hosts(unittest.TestCase):
    def check(self, name):
        if not (BUILD / "samples/hosting" / name).exists():
            self.skipTest(f"{name} is not built: its library is missing")
        with Server(f"hosting/{name}") as server:
            clients = [socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS)
                       for _ in range(3)]
            for round in range(20):
                for client in clients:
                    client.sendall(b"%d" % round)
                for client in clients:
                    self.assertEqual(client.recv(100), b"%d" % round)
            # More than the sockets hold: the host must call the loop until everything is sent.
            clients[0].sendall(b"x" * 300_000)
            received = 0
            while received < 300_000:
                received += len(clients[0].recv(1 << 20))
            for client in clients:
                client.close()

    def test_epoll(self):
        self.check("epoll_host")

    def test_frames_of_a_game(self):
        self.check("frame_host")

    def test_glib(self):
        self.check("glib_host")

    def test_asio(self):
        self.check("asio_host")

    def test_qt(self):
        self.check("qt_host")


if __name__ == "__main__":
    unittest.main()
