"""Three nodes with one list, as programs on the loopback network."""

import contextlib
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import TIMEOUT_SECONDS, Server, run  # noqa: E402


def free_endpoints(count):
    """Ports that were free for TCP and for UDP a moment ago."""
    with contextlib.ExitStack() as held:
        endpoints = []
        while len(endpoints) < count:
            tcp = held.enter_context(socket.socket())
            tcp.bind(("127.0.0.1", 0))
            udp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            with contextlib.suppress(OSError):
                udp.bind(tcp.getsockname())
                endpoints.append("127.0.0.1:%d" % tcp.getsockname()[1])
        return endpoints


def request(endpoint, *lines):
    """The lines of the response to the last request, or an empty list if the connection ends."""
    host, port = endpoint.split(":")
    with socket.create_connection((host, int(port)), TIMEOUT_SECONDS) as connection:
        responses = connection.makefile("rw")
        received = []
        for line in lines:
            responses.write(line + "\n")
            responses.flush()
            received = [responses.readline().rstrip("\n")]
            while line == "list" and received[-1] not in ("end", "not the leader", ""):
                received.append(responses.readline().rstrip("\n"))
        return received


def of_leader(endpoints, *lines):
    """The response of the node that leads; requests are repeated until one does."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < end:
        for endpoint in endpoints:
            with contextlib.suppress(OSError):
                response = request(endpoint, *lines)
                if response not in (["not the leader"], [""]):
                    return response, endpoint
        time.sleep(0.02)  # tidy-ok: between attempts of a client
    raise AssertionError("no node leads")


class ReplicatedLog(unittest.TestCase):
    def test_a_node_alone_keeps_its_list_when_it_restarts_and_refuses_other_lines(self):
        with tempfile.TemporaryDirectory() as folder:
            options = ("--data", f"{folder}/log")
            with Server("replicated_log", *options) as node:
                self.assertEqual(of_leader([node.endpoint], "add one")[0], ["added"])
                for line in ("add", "add ", "remove one", "add " + 200 * "x"):
                    self.assertEqual(request(node.endpoint, line), ["refused"])
                for noise in (b"", b"a", b"a 1 2", b"a 99 0 0 0 0 99 x", b"\xff" * 1000):
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                        stranger.sendto(noise, ("127.0.0.1", node.port))
            with Server("replicated_log", *options) as node:
                self.assertEqual(of_leader([node.endpoint], "add two")[0], ["added"])
                self.assertEqual(request(node.endpoint, "list"), ["one", "two", "end"])

    def test_two_of_three_nodes_go_on_when_the_leader_is_killed(self):
        endpoints = free_endpoints(3)
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
            nodes = {}
            for endpoint in endpoints:
                peers = [word for other in endpoints if other != endpoint
                         for word in ("--peer", other)]
                nodes[endpoint] = Server("replicated_log", "--listen", endpoint, "--data",
                                         f"{folder}/{endpoint}", *peers)
                running.callback(nodes[endpoint].kill)
            response, leader = of_leader(endpoints, "add one")
            self.assertEqual(response, ["added"])
            nodes[leader].kill()
            rest = [endpoint for endpoint in endpoints if endpoint != leader]
            self.assertEqual(of_leader(rest, "add two")[0], ["added"])
            self.assertEqual(of_leader(rest, "list")[0], ["one", "two", "end"])

    def test_a_command_line_without_a_file_is_wrong(self):
        self.assertEqual(run("replicated_log").returncode, 2)


if __name__ == "__main__":
    unittest.main()
