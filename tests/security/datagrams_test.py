"""UDP programs and forged senders: how large a reply is, which senders get none, and that no two
servers reply to each other for ever."""

import os
import random
import socket
import struct
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import TIMEOUT_SECONDS, Server  # noqa: E402

HERE = "127.0.0.1"


def port_of(endpoint):
    return int(endpoint.rpartition(":")[2])


class Peer:
    """A socket that receives the replies of a program to its datagrams."""

    def __init__(self, host=HERE):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(TIMEOUT_SECONDS)
        self.socket.bind((host, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data, port):
        self.socket.sendto(data, (HERE, port))

    def ask(self, data, port):
        self.send(data, port)
        return self.socket.recv(65536)

    def received(self):
        """Everything that has arrived."""
        self.socket.setblocking(False)
        answers = []
        try:
            while True:
                answers.append(self.socket.recv(65536))
        except BlockingIOError:
            return answers
        finally:
            self.socket.settimeout(TIMEOUT_SECONDS)


class Service:
    """A program that replies to datagrams, and the maximum size of its replies."""

    def __init__(self, name, options, most_bytes, probe, endpoints=1, endpoint=0):
        self.name = name
        self.options = options
        self.most_bytes = most_bytes  # The maximum reply to a request of this size.
        self.probe = probe            # A request that always gets a reply.
        self.endpoints = endpoints
        self.endpoint = endpoint      # The index among its announced endpoints.

    def start(self):
        server = Server(self.name, *self.options, endpoints=self.endpoints,
                        env={**os.environ, "TZ": "UTC"})
        server.asked_port = port_of(server.endpoints[self.endpoint])
        return server

    def answers_to(self, datagrams, peer, port):
        """The replies to `datagrams`. They precede the reply to a later probe of another socket."""
        with Peer() as other:
            for datagram in datagrams:
                peer.send(datagram, port)
            other.ask(self.probe, port)
        return peer.received()


SNTP_REQUEST = b"\x23" + bytes(47)
SERVICES = {
    "echo": Service("udp_echo_server", (), lambda size: size, b"hello"),
    "echo in upper case": Service("udp_echo_server", ("--upper",), lambda size: size, b"hello"),
    "broadcast": Service("broadcast_receiver", (), lambda size: size, b"Who is there?"),
    "time as text": Service("udp_time_server", (), lambda size: min(size + 64, 512), b"%Y"),
    "SNTP": Service("udp_time_server", ("--sntp", HERE + ":0"), lambda size: size, SNTP_REQUEST,
                    endpoints=2, endpoint=1),
    "TIME": Service("udp_time_server", ("--time", HERE + ":0"), lambda size: 4, b"",
                    endpoints=2, endpoint=1),
    "DAYTIME": Service("udp_time_server", ("--daytime", HERE + ":0"), lambda size: 64, b"",
                       endpoints=2, endpoint=1),
}

# Requests that could cause long replies.
GROWING = [b"", b"%c", b"%c" * 30, b"%c" * 200, b"%A %B " * 40, b"%999999d", b"%-1" * 50, b"1" * 40,
           b"1e9", b"-99999999999", b"\xff" * 100, "ß".encode() * 300, "ŉ".encode() * 300,
           b"%x" * 256, SNTP_REQUEST, b"\x1b" + bytes(47), SNTP_REQUEST + bytes(20), bytes(1400)]


class Amplification(unittest.TestCase):
    def check(self, name, datagrams):
        service = SERVICES[name]
        with service.start() as server, Peer() as peer:
            for datagram in datagrams:
                answers = service.answers_to([datagram], peer, server.asked_port)
                self.assertLessEqual(len(answers), 1, datagram)
                for answer in answers:
                    self.assertLessEqual(len(answer), service.most_bytes(len(datagram)), datagram)

    def test_no_answer_is_longer_than_is_promised(self):
        for name in SERVICES:
            with self.subTest(name):
                self.check(name, GROWING)

    def test_nor_is_one_to_whatever_comes(self):
        for name in SERVICES:
            seed = random.randrange(1 << 32)
            with self.subTest(name, seed=seed):
                chance = random.Random(seed)
                pieces = [b"%", b"%c", b"%Z", b"9", b"-", b".", b"\0", b"\xff", b" ", b"error: "]
                self.check(name, [b"".join(chance.choices(pieces, k=chance.randrange(60)))
                                  for _ in range(30)])

    def test_a_chat_answers_nothing_by_itself(self):
        with Peer() as peer, Peer() as probe:
            known = "probe=%s:%d" % probe.socket.getsockname()
            with Server("udp_chat", "--peer", known, stdin=-1) as chat:
                for datagram in GROWING:
                    peer.send(datagram, chat.port)
                    self.assertTrue(chat.line().startswith(HERE + ":"))
                print("probe: hello", file=chat.process.stdin, flush=True)
                self.assertEqual(probe.socket.recv(100), b"hello")
                self.assertEqual(peer.received(), [])
                chat.process.stdin.close()
                chat.process.wait(TIMEOUT_SECONDS)


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def forged(sender, sender_port, port, payload):
    """An IPv4 packet with a forged sender."""
    datagram = struct.pack(">HHHH", sender_port, port, 8 + len(payload), 0) + payload
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(datagram), 1, 0, 64, 17, 0,
                         socket.inet_aton(sender), socket.inet_aton(HERE))
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + datagram


def forger(test):
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    except PermissionError:
        test.skipTest("a raw socket needs CAP_NET_RAW")
    test.addCleanup(raw.close)
    return raw


def bind_reserved(host):
    """A socket on a free port below 1024, like those of chargen and echo; None if there is none."""
    reserved = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for port in range(1023, 0, -1):
        try:
            reserved.bind((host, port))
            return reserved
        except OSError:
            continue
    reserved.close()
    return None


class ForgedSenders(unittest.TestCase):
    def test_none_makes_a_server_answer_where_it_must_not(self):
        raw = forger(self)
        for name, service in SERVICES.items():
            with self.subTest(name), service.start() as server, Peer() as honest:
                port = server.asked_port
                # Its own address, port 0, broadcast, multicast, and the unspecified address.
                for sender, sender_port in ((HERE, port), (HERE, 0), ("127.255.255.255", 40000),
                                            ("255.255.255.255", 40000), ("224.0.0.1", 40000),
                                            ("0.0.0.0", 40000)):
                    for _ in range(3):
                        raw.sendto(forged(sender, sender_port, port, service.probe), (HERE, 0))
                self.assertTrue(honest.ask(service.probe, port))
                # A reply to its own address would have returned, and would have got a reply again.
                self.assertEqual(server.errors(), "")

    def test_a_port_that_answers_anything_gets_no_answer(self):
        raw = forger(self)
        for name, service in SERVICES.items():
            if name == "SNTP":
                continue  # Its clients use port 123, and it does not reply to replies.
            with self.subTest(name), service.start() as server:
                reserved = bind_reserved("127.0.0.7")
                if reserved is None:
                    self.skipTest("no port below 1024 can be bound")
                with reserved:
                    sender = reserved.getsockname()
                    raw.sendto(forged(*sender, server.asked_port, service.probe), (HERE, 0))
                    with Peer() as honest:
                        honest.ask(service.probe, server.asked_port)
                    reserved.setblocking(False)
                    with self.assertRaises(BlockingIOError):
                        reserved.recv(100)


class Loops(unittest.TestCase):
    """Two servers, each of which takes the other for its client. This test forwards between them.

    One missing reply ends a loop: each server sends only after it has received from the other.
    """

    MOST_ROUNDS = 60

    def check(self, one, other, first):
        """Forwards their replies, until one of them does not reply."""
        limited = "broadcast" in (one, other)  # To a burst of 20 replies, and 10 per second.
        one, other = SERVICES[one], SERVICES[other]
        with one.start() as left, other.start() as right, Peer() as at_left, Peer() as at_right:
            began = time.monotonic()
            message = first
            for rounds in range(self.MOST_ROUNDS):
                allowed = 21 + 10 * (time.monotonic() - began) if limited else 5
                self.assertLessEqual(rounds, allowed)
                answers = one.answers_to([message], at_left, left.asked_port)
                if not answers:
                    return
                answers = other.answers_to(answers, at_right, right.asked_port)
                if not answers:
                    return
                message = answers[0]

    def test_two_servers_end_each_other(self):
        firsts = {"time as text": (b"%Y", b"%%S", b"%H:%M", b"1", b"plain", b"%%%%%%c", b"%q"),
                  "broadcast": (b"Who is there?",),
                  "SNTP": (SNTP_REQUEST,), "TIME": (b"",), "DAYTIME": (b"",)}
        for one, messages in firsts.items():
            for other in SERVICES:
                for message in messages:
                    with self.subTest(one=one, other=other, message=message):
                        self.check(one, other, message)


if __name__ == "__main__":
    unittest.main()
