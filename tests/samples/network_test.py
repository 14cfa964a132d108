"""Datagrams between hosts: broadcast, multicast, link-local addresses, lost and slow packets."""

import re
import socket
import subprocess
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from build_options import options  # noqa: E402
from namespaces import Network  # noqa: E402
from programs import BUILD, Server, program  # noqa: E402

TIMEOUT_SECONDS = 20
SO_RCVBUFFORCE = 33  # Beyond net.core.rmem_max, for root.


class Hosts(Network):
    def start(self, host, name, *options):
        server = Server(name, *options, **host.process_options())
        self.addCleanup(server.kill)
        return server

    def receivers(self, hosts, listen, *options):
        """One receiver on each host, all on one port, each replying with the number of its host."""
        port, started = 0, []
        for number, host in enumerate(hosts, 1):
            server = self.start(host, "broadcast_receiver", "--listen", f"{listen}:{port}",
                                "--reply", f"host {number}", *options)
            port = server.port
            started.append(server)
        return started, port

    def replies(self, host, count, to, *options):
        """The first `count` replies to one message: address and text."""
        sender = subprocess.Popen(
            [program("broadcast_sender"), "--to", to, "--interval", "1000", *options],
            stdout=subprocess.PIPE, text=True, **host.process_options())
        try:
            lines = [sender.stdout.readline() for _ in range(count)]
        finally:
            sender.kill()
            sender.communicate()
        return {re.fullmatch(r"reply from (\S+): (.+) \(\d+\.\d{3} ms\)\n", line).groups()
                for line in lines}


class Everybody(Hosts):
    def test_a_broadcast_reaches_three_hosts_and_each_reply_names_its_sender(self):
        hosts = self.switched(3)
        _, port = self.receivers(hosts, "0.0.0.0")
        everybody = {(f"10.9.8.{number}:{port}", f"host {number}") for number in (1, 2, 3)}
        for to, options in ((f"10.9.8.255:{port}", ()), (f"255.255.255.255:{port}", ()),
                            (f"255.255.255.255:{port}", ("--interface", "net0"))):
            self.assertEqual(self.replies(hosts[0], 3, to, *options), everybody)

    def test_without_a_route_the_error_has_a_hint(self):
        alone = self.host("alone")
        done = alone.run(program("broadcast_sender"), "--count", 1, "--interval", 0.1, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "error: send 255.255.255.255:19999: network is unreachable "
                         "(name one with --interface)\n")

    def test_a_group_reaches_its_members(self):
        hosts = self.switched(3)
        for listen, to, group in (("0.0.0.0", "239.1.2.3", "239.1.2.3"),
                                  ("[::]", "[ff02::1234%net0]", "ff02::1234")):
            joined, port = self.receivers(hosts[1:], listen, "--join", group, "--interface", "net0")
            outsider = self.start(hosts[0], "broadcast_receiver", "--listen", f"{listen}:{port}")
            answered = self.replies(hosts[0], 2, f"{to}:{port}", "--interface", "net0")
            self.assertEqual({text for _, text in answered}, {"host 1", "host 2"})
            for server in joined:
                self.assertTrue(server.line().endswith(": Who is there?"))
            self.assertEqual(outsider.stop(), 0)
            self.assertEqual(outsider.line(), None)

    def test_a_link_local_address_with_its_interface(self):
        asking, serving = self.switched(2)
        told = serving.run("ip", "-6", "-o", "address", "show", "net0", "scope", "link").stdout
        address = re.search(r"inet6 (fe80:[0-9a-f:]+)/", told)[1]
        server = self.start(serving, "udp_time_server", "--listen", f"[{address}%net0]:0")
        self.assertTrue(server.endpoint.startswith(f"[{address}%net0]:"))
        done = asking.run(program("udp_time_client"), server.endpoint, "100%%")
        self.assertEqual((done.stdout, done.stderr), ("100%\n", ""))


class Loss(Hosts):
    tools = ("nft",)

    def filtered(self, rule):
        """A client, and a server whose incoming datagrams are filtered by this rule."""
        asking, serving = self.switched(2)
        self.needs(serving, "nft", "add table ip faults; add chain ip faults input "
                   "{ type filter hook input priority 0; }; "
                   f"add rule ip faults input meta l4proto udp {rule}")
        server = self.start(serving, "udp_time_server", "--listen", "10.9.8.2:0")
        return asking, server.endpoint

    def test_lost_datagrams_are_reported_and_the_others_get_responses(self):
        asking, endpoint = self.filtered("numgen inc mod 2 0 drop")
        done = asking.run(program("udp_time_client"), endpoint, "100%%", "--count", 6, "--interval",
                          0.01, "--timeout", 1, check=False)
        self.assertEqual(done.stdout, "100%\n" * 3)
        self.assertEqual(done.stderr, f"error: no answer from {endpoint}\n" * 3)
        self.assertEqual(done.returncode, 1)

    def test_a_refusal_is_reported_at_once_and_ends_nothing(self):
        asking, endpoint = self.filtered("numgen inc mod 2 0 reject")
        done = asking.run(program("udp_time_client"), endpoint, "100%%", "--count", 4, "--interval",
                          0.01, "--timeout", TIMEOUT_SECONDS, check=False)
        self.assertEqual(done.stdout, "100%\n" * 2)
        self.assertEqual(done.stderr, f"error: ask {endpoint}: connection refused\n" * 2)


@unittest.skipIf(options(BUILD)["platform"] == "portable",
                 "the portable platform reports no ICMP errors of such sockets")
class Nobody(Hosts):
    def chat(self, host, listen, peer):
        chat = subprocess.Popen(
            [program("udp_chat"), "--listen", listen, "--peer", f"bob={peer}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            **host.process_options())
        self.addCleanup(chat.communicate)
        self.addCleanup(chat.kill)
        chat.stdin.write("bob: hello\n")
        chat.stdin.flush()
        return chat

    def test_a_chat_reports_an_absent_peer_by_name_and_goes_on(self):
        asking, serving = self.switched(2)
        told = serving.run("ip", "-6", "-o", "address", "show", "net0", "scope", "link").stdout
        link_local = re.search(r"inet6 (fe80:[0-9a-f:]+)/", told)[1]
        for listen, host in (("0.0.0.0:0", "10.9.8.2"), ("[::]:0", "10.9.8.2"),
                             ("[::]:0", f"[{link_local}%net0]")):
            chat = self.chat(asking, listen, f"{host}:9")
            self.assertEqual(chat.stderr.readline(), "error: bob: connection refused\n")
            chat.stdin.write("bob: still nobody?\n")
            chat.stdin.flush()
            self.assertEqual(chat.stderr.readline(), "error: bob: connection refused\n")
            chat.terminate()
            self.assertEqual(chat.wait(TIMEOUT_SECONDS), 0)

    def test_an_absent_host_is_reported_too(self):
        asking, _ = self.switched(2)
        chat = self.chat(asking, "0.0.0.0:0", "10.9.8.77:9")
        self.assertEqual(chat.stderr.readline(), "error: bob: no route to host\n")


class SlowLink(Hosts):
    tools = ("tc",)

    def test_a_link_slower_than_the_sender_loses_nothing(self):
        sending, receiving = self.switched(2)
        # Room for all that a socket may have in transit: the sender's own queue must be used.
        self.needs(sending, "tc", "qdisc", "add", "dev", "net0", "root", "tbf", "rate", "40mbit",
                   "burst", "32kb", "limit", "4mb")
        friend = receiving.socket()
        self.addCleanup(friend.close)
        # Room for everything, even if this process does not run for a while.
        friend.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
        friend.bind(("10.9.8.2", 0))
        friend.settimeout(TIMEOUT_SECONDS)
        lines = [f"{number} ".ljust(1000, "x") for number in range(4000)]
        chat = subprocess.Popen(
            [program("udp_chat"), "--listen", "10.9.8.1:0", "--peer",
             "friend=10.9.8.2:%d" % friend.getsockname()[1]],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            **sending.process_options())
        self.addCleanup(chat.wait)
        self.addCleanup(chat.kill)
        typed = threading.Thread(target=lambda: chat.communicate(
            "".join(f"friend: {line}\n" for line in lines)))
        typed.start()
        received = [friend.recv(2000).decode() for _ in lines]
        typed.join()
        self.assertEqual(chat.returncode, 0)
        # In any order: the kernel may deliver two datagrams on two processors.
        self.assertEqual(sorted(line.rstrip("x") for line in received),
                         sorted(line.rstrip("x") for line in lines))


if __name__ == "__main__":
    unittest.main()
