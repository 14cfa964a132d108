"""Runs the short servers of the documents and of samples/first/. They have no options, so each is
compiled to listen on a unix socket instead of its port."""

import os
import re
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ["UVREACTOR_BUILD"])
COMPILE = ["c++", "-std=c++20", "-Wall", "-Wextra", "-Wno-unused", f"-I{ROOT}"]
SECONDS = 20


@contextmanager
def serving(source, clients=1, kind=socket.SOCK_STREAM):
    """Yields a list of clients that are connected to this program."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        moved = re.sub(r'"127\.0\.0\.1:\d+"', f'"unix:{path}"', source)
        assert moved != source, "the program has no port"
        with subprocess.Popen([build(moved, folder)]) as server:
            sockets = []
            try:
                for number in range(clients):
                    sockets.append(socket.socket(socket.AF_UNIX, kind))
                    if kind == socket.SOCK_DGRAM:
                        sockets[-1].bind(f"{folder}/client{number}")
                    connect(sockets[-1], path, server)
                yield sockets
            finally:
                server.kill()
                for each in sockets:
                    each.close()


def build(source, folder, *also):
    """Compiles this source, links `also`, and returns the path of the program."""
    program = Path(folder) / "program"
    archives, libraries = [], []
    for name in ("web/uvreactor-web", "uvreactor-tls", "uvreactor-simulation", "uvreactor"):
        place = Path(name)
        package = BUILD / f"meson-private/{place.name}.pc"
        if package.exists():
            archives.append(BUILD / place.with_name(f"lib{place.name}.a"))
            private = re.search(r"^Libs.private: (.*)", package.read_text(), re.MULTILINE)
            libraries += private[1].split() if private else []
    subprocess.run([*COMPILE, "-xc++", "-", "-xnone", *archives, *libraries, *also, "-o",
                    program],
                   input=source, text=True, check=True)
    return program


def connect(client, path, server):
    deadline = time.monotonic() + SECONDS
    client.settimeout(SECONDS)
    while True:
        try:
            return client.connect(path)
        except OSError:
            assert server.poll() is None, "the server has ended"
            assert time.monotonic() < deadline, "the server does not listen"


def receive(client, size):
    received = b""
    while len(received) < size:
        piece = client.recv(size - len(received))
        assert piece, f"the end after {received}"
        received += piece
    return received
