"""request_server and request_client, each by callbacks and by coroutines."""

import socket
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import TIMEOUT_SECONDS, Server, program, run  # noqa: E402

STYLES = ("callbacks", "coroutine")


def frame(text):
    return struct.pack(">I", len(text)) + text


def transcript(endpoint, pieces):
    """All that the server sends to a client that sends these pieces and then its end."""
    host, _, port = endpoint.rpartition(":")
    with socket.create_connection((host, int(port)), TIMEOUT_SECONDS) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            client.sendall(piece)
        client.shutdown(socket.SHUT_WR)
        received = b""
        while piece := client.recv(1 << 16):
            received += piece
        return received


class Requests(unittest.TestCase):
    def test_an_endpoint_that_does_not_respond_is_abandoned(self):
        for style in STYLES:
            with self.subTest(style), tempfile.TemporaryDirectory() as folder:
                done = run("request_client", f"unix:{folder}/none", "x", "--style", style, "--tries", 2)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(f"error: connect unix:{folder}/none: ", done.stderr)

    def test_each_request_gets_its_response(self):
        for server_style in STYLES:
            with Server("request_server", "--style", server_style) as server:
                for style in STYLES:
                    with self.subTest(server=server_style, client=style):
                        done = run("request_client", server.endpoint, "hello", "", "world", "--style",
                                   style)
                        self.assertEqual(done.stdout, "HELLO\n\nWORLD\n")
                        self.assertEqual(done.returncode, 0)

    def test_both_servers_send_the_same_bytes(self):
        whole = b"".join(frame(text) for text in (b"one", b"", b"x" * 60_000, b"last"))
        inputs = [
            [whole],
            [whole[at:at + 1000] for at in range(0, len(whole), 1000)],
            [frame(b"byte by byte")[at:at + 1] for at in range(16)],
            [frame(b"cut off")[:-3]],
        ]
        with Server("request_server", "--style", "callbacks") as callbacks, \
                Server("request_server", "--style", "coroutine") as coroutine:
            for pieces in inputs:
                self.assertEqual(transcript(callbacks.endpoint, pieces),
                                 transcript(coroutine.endpoint, pieces))

    def test_a_client_connects_again_until_the_server_is_there(self):
        for style in STYLES:
            with self.subTest(style), tempfile.TemporaryDirectory() as folder:
                endpoint = f"unix:{folder}/socket"
                with subprocess.Popen([program("request_client"), endpoint, "a", "b", "--style", style,
                                       "--tries", "1000"], stdout=subprocess.PIPE, text=True) as client:
                    with Server("request_server", "--listen", endpoint):
                        self.assertEqual(client.communicate(timeout=TIMEOUT_SECONDS)[0], "A\nB\n")
                    self.assertEqual(client.returncode, 0)


if __name__ == "__main__":
    unittest.main()
