"""What a script may rely on after a server has printed where it listens."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import Server  # noqa: E402

SERVERS = ("tcp_echo_server", "readiness_echo_server", "chat_server", "udp_time_server", "udp_echo_server", "dialog",
           "broadcast_receiver", "http_responder", "kv_server", "websocket_chat")


class Announced(unittest.TestCase):
    def test_a_server_that_has_printed_its_address_can_be_stopped(self):
        for name in (*SERVERS, "tcp_relay"):
            options = ("--to", "127.0.0.1:9") if name == "tcp_relay" else ()
            for _ in range(10):
                with self.subTest(name), Server(name, *options):
                    pass


if __name__ == "__main__":
    unittest.main()
