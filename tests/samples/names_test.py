"""Names with several addresses: servers listen on all of them, clients try one after the other."""

import contextlib
import socket
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from build_options import is_portable  # noqa: E402
from namespaces import Names  # noqa: E402
from programs import BUILD, TIMEOUT_SECONDS, Server, program, run  # noqa: E402

IPV4, IPV6 = "127.0.0.1", "::1"
FAMILIES = ((socket.AF_INET, IPV4), (socket.AF_INET6, IPV6))


class Named(unittest.TestCase):
    """two.test is [::1] and 127.0.0.1, in this order."""

    @classmethod
    def setUpClass(cls):
        reason = Names.missing()
        if reason:
            raise unittest.SkipTest(reason)
        cls.names = Names({"two.test": ["::1", "127.0.0.1"]})
        cls.addClassCleanup(cls.names.__exit__)

    def start(self, name, *options, **process):
        server = Server(name, *options, **self.names.process, **process)
        self.addCleanup(server.kill)
        return server

    def named(self, name, *arguments, input=""):
        """Like run(), where the names are known."""
        return subprocess.run([program(name), *map(str, arguments)], input=input, text=True,
                              capture_output=True, timeout=TIMEOUT_SECONDS, check=False,
                              **self.names.process)

    def ask(self, kind, family, host, port, request):
        with socket.socket(family, kind) as asker:
            asker.settimeout(TIMEOUT_SECONDS)
            asker.connect((host, port))
            if request is not None:
                asker.sendall(request)
            return asker.recv(1000)


class Servers(Named):
    def check_datagrams(self, server, port, request, expected):
        for family, host in FAMILIES:
            self.assertRegex(self.ask(socket.SOCK_DGRAM, family, host, port, request), expected)
        self.assertEqual(server.stop(), 0)

    def test_of_datagrams_receive_on_all_addresses_and_announce_one(self):
        for name, request, expected in (("udp_echo_server", b"hello", b"hello"),
                                        ("udp_time_server", b"100%%", b"100%"),
                                        ("broadcast_receiver", b"who is there?", b"I am here")):
            with self.subTest(name):
                server = self.start(name, "--listen", "two.test:0")
                self.assertTrue(server.endpoint.startswith("[::1]:"))
                self.check_datagrams(server, server.port, request, expected)

    def test_the_other_time_services_too_on_connections_as_well(self):
        server = self.start("udp_time_server", "--sntp", "two.test:0", "--time", "two.test:0",
                            "--daytime", "two.test:0", endpoints=4)
        _, sntp, time, daytime = (int(one.rpartition(":")[2]) for one in server.endpoints)
        for family, host in FAMILIES:
            request = b"\x23" + bytes(47)
            self.assertEqual(len(self.ask(socket.SOCK_DGRAM, family, host, sntp, request)), 48)
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                request = b"" if kind == socket.SOCK_DGRAM else None
                with socket.socket(family, kind) as asker:
                    asker.settimeout(TIMEOUT_SECONDS)
                    asker.connect((host, time))
                    if kind == socket.SOCK_DGRAM:
                        asker.send(b"")
                    self.assertEqual(len(asker.recv(100)), 4)
                with socket.socket(family, kind) as asker:
                    asker.settimeout(TIMEOUT_SECONDS)
                    asker.connect((host, daytime))
                    if kind == socket.SOCK_DGRAM:
                        asker.send(b"")
                    self.assertIn(b"20", asker.recv(100))
        self.assertEqual(server.stop(), 0)

    def test_of_connections_listen_on_all_addresses(self):
        with Server("tcp_echo_server") as target:
            for name, *options in (("readiness_echo_server", "--style", "select"),
                                   ("readiness_echo_server", "--style", "poll"),
                                   ("readiness_echo_server", "--style", "epoll"),
                                   ("tcp_echo_server", "--threads", "2"),
                                   ("tcp_relay", "--to", target.endpoint)):
                with self.subTest((name, *options)):
                    server = self.start(name, "--listen", "two.test:0", *options)
                    for _ in range(2):
                        for family, host in FAMILIES:
                            self.assertEqual(self.ask(socket.SOCK_STREAM, family, host, server.port,
                                                      b"hello"), b"hello")
                    self.assertEqual(server.stop(), 0)

    def test_a_dialog_takes_clients_on_all_addresses(self):
        server = self.start("dialog", "--listen", "two.test:0")
        for _, host in FAMILIES:
            endpoint = f"[{host}]" if ":" in host else host
            done = run("dialog", f"{endpoint}:{server.port}", input=f"by {host}\nbye\n")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual([server.line() for _ in range(2)], [f"by {host}", "bye"])
        self.assertEqual(server.stop(), 0)

    def test_a_chat_talks_to_friends_of_both_families(self):
        with contextlib.ExitStack() as stack:
            friends = []
            for family, host in FAMILIES:
                friend = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                friend.settimeout(TIMEOUT_SECONDS)
                friend.bind((host, 0))
                friends.append(friend)
            four, six = friends
            chat = self.start("udp_chat", "--listen", "two.test:0",
                              "--peer", "four=127.0.0.1:%d" % four.getsockname()[1],
                              "--peer", "six=[::1]:%d" % six.getsockname()[1],
                              stdin=subprocess.PIPE)
            stack.callback(chat.process.stdin.close)
            chat.process.stdin.write("four: to four\nsix: to six\n")
            chat.process.stdin.flush()
            self.assertEqual((four.recv(100), six.recv(100)), (b"to four", b"to six"))
            for friend, (_, host), name in zip(friends, FAMILIES, ("four", "six")):
                friend.sendto(b"hello", (host, chat.port))
                self.assertEqual(chat.line(), f"{name}: hello")


class Clients(Named):
    """The server is at 127.0.0.1, which is the second address."""

    def test_of_datagrams_go_on_to_the_next_address_when_one_refuses(self):
        with Server("udp_echo_server") as server:
            done = self.named("udp_echo_client", f"two.test:{server.port}", input="a\nb\n")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "a\nb\n", ""))
        with Server("udp_time_server", "--listen", "127.0.0.1:0") as server:
            done = self.named("udp_time_client", f"two.test:{server.port}", "100%%", "--count", 2,
                            "--interval", 0.01)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "100%\n100%\n", ""))

    def test_and_when_one_stays_silent(self):
        for server_name, client, *words in (("udp_echo_server", "udp_echo_client"),
                                            ("udp_time_server", "udp_time_client", "100%%")):
            with self.subTest(client), Server(server_name) as server, \
                    socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as silent:
                silent.bind((IPV6, server.port))
                done = self.named(client, f"two.test:{server.port}", *words, "--timeout", 2,
                                input="100%\n")
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "100%\n", ""))
                silent.settimeout(TIMEOUT_SECONDS)
                silent.recv(100)  # The client has sent a request here.

    def test_all_addresses_together_have_the_time_that_was_given(self):
        with contextlib.ExitStack() as stack:
            four, six = (stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                         for family, _ in FAMILIES)
            four.bind(("127.0.0.1", 0))
            port = four.getsockname()[1]
            six.bind((IPV6, port))
            for client in ("udp_echo_client", "udp_time_client"):
                done = self.named(client, f"two.test:{port}", "--timeout", 0.5, input="x\n")
                self.assertEqual((done.returncode, done.stdout, done.stderr),
                                 (1, "", f"error: no answer from 127.0.0.1:{port}\n"))

    def test_time_over_tcp_tries_them_all(self):
        with Server("udp_time_server", "--daytime", "127.0.0.1:0", endpoints=2) as server:
            port = server.endpoints[1].rpartition(":")[2]
            done = self.named("udp_time_client", f"two.test:{port}", "--daytime", "--tcp")
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    @unittest.skipIf(is_portable(BUILD), "the portable platform reports no ICMP errors")
    def test_a_message_of_a_chat_reaches_the_address_where_the_friend_is(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as friend:
            friend.bind(("127.0.0.1", 0))
            friend.settimeout(TIMEOUT_SECONDS)
            port = friend.getsockname()[1]
            for listen in ("two.test:0", "[::]:0", "127.0.0.1:0"):
                with self.subTest(listen):
                    done = self.named("udp_chat", "--listen", listen, "--peer", f"bob=two.test:{port}",
                                    input="bob: one\nbob: two\n")
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertEqual({friend.recv(100), friend.recv(100)}, {b"one", b"two"})
                    with self.assertRaises(BlockingIOError):
                        friend.setblocking(False)
                        friend.recv(100)
                    friend.settimeout(TIMEOUT_SECONDS)

    @unittest.skipIf(is_portable(BUILD), "the portable platform reports no ICMP errors")
    def test_a_chat_says_once_that_no_address_has_a_friend(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        done = self.named("udp_chat", "--listen", "two.test:0", "--peer", f"bob=two.test:{port}",
                        input="bob: hello\n")
        self.assertEqual((done.returncode, done.stderr), (0, "error: bob: connection refused\n"))

    def test_of_connections_go_on_to_the_next_address(self):
        with Server("tcp_echo_server") as server:
            done = self.named("tcp_echo_client", f"two.test:{server.port}", input="hello\n")
            self.assertEqual((done.returncode, done.stdout), (0, "hello\n"))
        with Server("tcp_echo_server") as target:
            relay = self.start("tcp_relay", "--to", f"two.test:{target.port}")
            done = run("tcp_echo_client", relay.endpoint, input="hello\n")
            self.assertEqual((done.returncode, done.stdout), (0, "hello\n"))


if __name__ == "__main__":
    unittest.main()
