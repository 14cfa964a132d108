"""A case: a server, a client that measures it, and an attack on it."""

import contextlib
import os
import resource
import socket
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from programs import Server

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/samples"))
TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Case:
    name: str
    start: Callable    # start(folder) -> context manager of a server with `pid` and `port`
    client: Callable   # client(server, folder) -> context manager with round_trip()
    attack: Callable   # attack(server, folder, number): runs until its process is killed
    attackers: int = 1


def allow_many_descriptors():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class RunningServer(Server):
    """A sample server whose log is discarded, and which may have to be killed."""

    def __init__(self, name, *options, **process_options):
        super().__init__(name, *options, preexec_fn=allow_many_descriptors, **process_options)
        self.pid = self.process.pid

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop(10)
        self.kill()


def server(name, *options):
    """start() of a case whose server needs no files."""
    return lambda folder: RunningServer(name, *options)


def connect(server):
    """A connection that ends with a reset, so that its port is free immediately."""
    connection = socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return connection


def connect_many(server, count):
    """As many connections as this process may have, up to `count`."""
    allow_many_descriptors()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100
    return [connect(server) for _ in range(min(count, most))]


def stay_connected(server, count, begin=b"", pause=0.0002):
    """Sends a byte now and then on `count` connections, and replaces those that are reset."""
    connections = connect_many(server, count)
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.sendall(begin)
    while True:
        for number, connection in enumerate(connections):
            try:
                connection.sendall(b"x")
            except OSError:
                connection.close()
                connections[number] = connect(server)
            time.sleep(pause)


def receive(connection, size):
    received = b""
    while len(received) < size:
        piece = connection.recv(size - len(received))
        if not piece:
            raise EOFError("the server closed the connection")
        received += piece
    return received


def send_without_reading(connections, data):
    """Sends `data` repeatedly on all connections, as long as the server takes it."""
    for connection in connections:
        connection.setblocking(False)
    rest = {connection: b"" for connection in connections}
    while True:
        for connection in connections:
            with contextlib.suppress(BlockingIOError):
                piece = rest[connection] or data
                rest[connection] = piece[connection.send(piece):]


def exchange_floods(connections, data):
    """Sends `data` repeatedly on all connections, and reads the responses."""
    import selectors
    selector = selectors.DefaultSelector()
    rest = {}
    for connection in connections:
        connection.setblocking(False)
        rest[connection] = b""
        selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
    while True:
        for key, events in selector.select():
            connection = key.fileobj
            with contextlib.suppress(BlockingIOError):
                if events & selectors.EVENT_READ and not connection.recv(1 << 18):
                    raise EOFError("the server closed the connection")
                if events & selectors.EVENT_WRITE:
                    piece = rest[connection] or data
                    rest[connection] = piece[connection.send(piece):]


def churn(server, *messages):
    """Connects, sends, and closes with a reset, as fast as possible."""
    while True:
        connection = connect(server)
        for message in messages:
            connection.sendall(message)
        connection.close()


class StreamClient:
    """A well-behaved client; subclasses define a round trip."""

    def __init__(self, server, folder=None):
        self.connection = connect(server)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()


def secret_file(folder):
    path = folder / "secret"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(SECRET + b"\n")
    return path


SECRET = b"open sesame"
