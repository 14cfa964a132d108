"""Attacks on the echo server, the relay and the dialog."""

import contextlib
import socket
import subprocess

from .case import (SECRET, Case, RunningServer, StreamClient, churn, connect, connect_many,
                   exchange_floods, receive, secret_file, send_without_reading, server,
                   stay_connected)
from challenge import prove_as_client


class EchoClient(StreamClient):
    message = b"how long does this take, please?"

    def round_trip(self):
        self.connection.sendall(self.message)
        return receive(self.connection, len(self.message)) == self.message


class ProvenEchoClient(EchoClient):
    def __init__(self, server, folder):
        super().__init__(server)
        if not prove_as_client(self.connection, SECRET, "tcp_echo"):
            raise ValueError("the server does not know the secret")


def unread_echoes(server, folder, number):
    send_without_reading(connect_many(server, 200), bytes(65536))


def read_echoes(server, folder, number):
    exchange_floods(connect_many(server, 50), bytes(262144))


def single_bytes(server, folder, number):
    send_without_reading(connect_many(server, 200), b"x")


def half_open(server, folder, number):
    """Connections whose client has ended its side and reads nothing."""
    connections = []
    while True:
        connections.append(connect(server))
        connections[-1].sendall(bytes(1000))
        connections[-1].shutdown(socket.SHUT_WR)
        if len(connections) == 1000:
            connections.clear()


def connection_churn(server, folder, number):
    churn(server)


def wave(server, folder, number):
    """Five thousand connections at the same time, which then all end at the same time."""
    while True:
        connections = connect_many(server, 5000)
        del connections[:]


def secret_server(folder):
    return RunningServer("tcp_echo_server", "--secret-file", secret_file(folder))


def wrong_proofs(server, folder, number):
    churn(server, bytes(64))


def never_prove(server, folder, number):
    stay_connected(server, 4000)


class Relay(RunningServer):
    def __init__(self):
        self.echo = RunningServer("tcp_echo_server")
        super().__init__("tcp_relay", "--to", self.echo.endpoint)

    def __exit__(self, *_):
        super().__exit__()
        self.echo.__exit__()


def relay(folder):
    return Relay()


class Dialog(RunningServer):
    def __init__(self):
        super().__init__("dialog", stdin=subprocess.PIPE)


class DialogClient(StreamClient):
    """Sends a line, and waits until the program has shown it."""

    def __init__(self, server, folder):
        super().__init__(server)
        self.server = server
        self.count = 0

    def round_trip(self):
        self.count += 1
        self.connection.sendall(b"%d\n" % self.count)
        while self.server.line() != str(self.count):
            pass
        return True


def waiting_clients(server, folder, number):
    while True:
        connections = []
        with contextlib.suppress(OSError):
            for _ in range(100):
                connections.append(connect(server))
                connections[-1].sendall(bytes(1000))


CASES = [
    *(Case(f"tcp_echo_server: {attack.__name__}", server("tcp_echo_server"), EchoClient, attack)
      for attack in (connection_churn, wave, half_open, unread_echoes, read_echoes, single_bytes)),
    *(Case(f"tcp_echo_server with a secret: {attack.__name__}", secret_server, ProvenEchoClient,
           attack) for attack in (wrong_proofs, never_prove)),
    *(Case(f"tcp_relay: {attack.__name__}", relay, EchoClient, attack)
      for attack in (connection_churn, wave, half_open, unread_echoes, read_echoes, single_bytes)),
    Case("dialog: waiting_clients", lambda folder: Dialog(), DialogClient, waiting_clients),
]
