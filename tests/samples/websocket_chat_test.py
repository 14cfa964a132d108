"""websocket_chat by raw bytes, and by WebSocket libraries of Python where they are installed."""

import asyncio
import base64
import os
import signal
import socket
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import TIMEOUT_SECONDS, Server, run  # noqa: E402

try:
    import websockets
except ImportError:
    websockets = None
try:
    import wsproto
    import wsproto.events
except ImportError:
    wsproto = None


class Raw:
    """A client that writes and reads frames itself."""

    def __init__(self, server, path="/rooms/lobby?name=raw", fields=""):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_SECONDS)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {server.endpoint}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"{fields}\r\n".encode())
        self.stream = self.socket.makefile("rb")
        self.status = int(self.stream.readline().split()[1])
        while self.stream.readline() not in (b"\r\n", b""):
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.socket.close()

    def send(self, opcode, payload=b""):
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        assert len(payload) < 126
        self.socket.sendall(bytes((0x80 | opcode, 0x80 | len(payload))) + mask + masked)

    def receive(self):
        """The opcode and the payload of the next frame; None at the end."""
        head = self.stream.read(2)
        if len(head) < 2:
            return None
        size = head[1]
        if size == 126:
            size = int.from_bytes(self.stream.read(2), "big")
        return head[0] & 0x0F, self.stream.read(size)

    def until(self, text):
        while (frame := self.receive()) is not None:
            if text in frame[1]:
                return frame
        raise AssertionError(f"{text} did not arrive")


class Chat(unittest.TestCase):
    def test_a_page_of_another_host_may_not_connect(self):
        with Server("websocket_chat") as server:
            for origin, status in (("http://evil.example", 403), (f"http://{server.endpoint}", 101)):
                with Raw(server, fields=f"Origin: {origin}\r\n") as client:
                    self.assertEqual(client.status, status)

    def test_names_that_are_taken_or_not_allowed_are_refused_with_the_reason(self):
        with Server("websocket_chat") as server, Raw(server) as client:
            client.until(b"here: raw")
            for name, reason in (("raw", b"taken"), ("a%0Ab", b"not allowed"), ("*", b"not allowed"),
                                 ("x" * 33, b"not allowed")):
                with self.subTest(name), Raw(server, f"/rooms/lobby?name={name}") as other:
                    opcode, payload = other.receive()
                    self.assertEqual((opcode, payload[:2]), (8, (1008).to_bytes(2, "big")))
                    self.assertIn(reason, payload)

    def test_a_message_that_is_too_long_ends_only_its_sender(self):
        with Server("websocket_chat") as server, Raw(server) as ann, \
                Raw(server, "/rooms/lobby?name=bob") as bob:
            bob.until(b"here: bob raw")
            bob.socket.sendall(b"\x81\xFE\x10\x01" + bytes(4))
            self.assertEqual(bob.until((1009).to_bytes(2, "big"))[0], 8)
            ann.until(b"bob left")
            ann.send(1, b"on")
            ann.until(b"raw: on")

    def test_a_signal_closes_with_1001_and_ends_in_order(self):
        with Server("websocket_chat") as server, Raw(server) as client:
            client.until(b"here")
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(client.until((1001).to_bytes(2, "big"))[0], 8)
            client.send(8, (1001).to_bytes(2, "big"))
            self.assertIsNone(client.receive())
            client.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)

    def test_a_wrong_option_is_refused(self):
        self.assertEqual(run("websocket_chat", "--listen", "nowhere").returncode, 2)

    @unittest.skipUnless(websockets, "there is no python3-websockets")
    def test_the_clients_of_websockets_chat_with_and_without_compression(self):
        async def chat(url):
            async with websockets.connect(url + "/rooms/a?name=ann") as ann, \
                    websockets.connect(url + "/rooms/a?name=bob", compression=None) as bob:
                self.assertFalse(bob.extensions)
                await bob.send("long " * 600)
                while not (line := await ann.recv()).startswith("bob: "):
                    pass
                self.assertEqual(line, "bob: " + "long " * 600)
                await (await ann.ping())
                await ann.close(4000, "done")
                self.assertEqual(ann.close_code, 4000)

        with Server("websocket_chat") as server:
            asyncio.run(asyncio.wait_for(chat(f"ws://{server.endpoint}"), TIMEOUT_SECONDS))

    @unittest.skipUnless(wsproto, "there is no python3-wsproto")
    def test_a_client_of_wsproto_reads_what_was_sent_to_it(self):
        with Server("websocket_chat") as server, \
                socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as client:
            connection = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
            client.sendall(connection.send(wsproto.events.Request(
                host=server.endpoint, target="/rooms/a?name=w",
                extensions=[wsproto.extensions.PerMessageDeflate()])))
            seen, sent = [], False
            while not any(isinstance(event, wsproto.events.CloseConnection) for event in seen):
                connection.receive_data(client.recv(65536) or None)
                for event in connection.events():
                    seen.append(event)
                    if isinstance(event, wsproto.events.AcceptConnection):
                        client.sendall(connection.send(wsproto.events.TextMessage("x" * 3000)))
                    if isinstance(event, wsproto.events.TextMessage) and "xxx" in event.data and not sent:
                        sent = True
                        client.sendall(connection.send(wsproto.events.CloseConnection(1000)))
            texts = "".join(event.data for event in seen
                            if isinstance(event, wsproto.events.TextMessage))
            self.assertIn("w: " + "x" * 3000, texts)


if __name__ == "__main__":
    unittest.main()
