"""Floods of datagrams. A datagram that is dropped by a full kernel buffer counts as lost."""

import os
import socket
import subprocess

from .case import Case, RunningServer, server


class DatagramClient:
    message = b"%H:%M"

    def __init__(self, server, folder):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(0.2)
        self.socket.connect(("127.0.0.1", server.port))

    def round_trip(self):
        self.socket.send(self.message)
        try:
            return bool(self.socket.recv(65536))
        except TimeoutError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class UdpChat(RunningServer):
    def __init__(self):
        super().__init__("udp_chat", stdin=subprocess.PIPE)


class UdpChatClient(DatagramClient):
    """Sends a line, and waits until the program has shown it."""

    def __init__(self, server, folder):
        super().__init__(server, folder)
        self.server = server
        self.count = 0

    def round_trip(self):
        self.count += 1
        text = f"the line of number {self.count}"
        self.socket.send(text.encode())
        try:
            while not self.server.line(0.2).endswith(text):
                pass
        except AssertionError:
            return False
        return True


def flood(data):
    """Sends from one port and reads no response."""
    def attack(server, folder, number):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(("127.0.0.1", server.port))
            while True:
                sender.send(data)
    return attack


def many_ports(data):
    def attack(server, folder, number):
        senders = []
        for _ in range(900):
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sender.connect(("127.0.0.1", server.port))
            senders.append(sender)
        while True:
            for sender in senders:
                sender.send(data)
    return attack


def many_addresses(server, folder, number):
    count = 0
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((f"127.{count // 60000 + 1}.{count // 250 % 250}.{count % 250 + 1}", 0))
            sender.sendto(b"%H", ("127.0.0.1", server.port))
        count += 1


def cases(name, start, client, attacks):
    return [Case(f"{name}: {attack}", start, client, function)
            for attack, function in attacks.items()]


FLOODS = {"small": flood(b"x"), "largest": flood(bytes(65507)), "many ports": many_ports(b"x" * 20),
          "many addresses": many_addresses}
FORMATS = {"the most work": flood(b"%c%x%X%Z%+" * 50), "a large format": flood(b"%c" * 30000),
           "padding": flood(b"%9999999999c" * 40), "a number": flood(b"9" * 60000),
           "malformed": flood(os.urandom(1000)), "repeated %E": flood(b"%" + b"E" * 60000 + b"c")}

CASES = [
    *cases("udp_echo_server", server("udp_echo_server"), DatagramClient, FLOODS),
    *cases("udp_time_server", server("udp_time_server"), DatagramClient, {**FLOODS, **FORMATS}),
    *cases("udp_chat", lambda folder: UdpChat(), UdpChatClient, FLOODS),
]
