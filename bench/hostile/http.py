"""Attacks on http_responder."""

import contextlib
import os
import socket
import time

from .case import (Case, RunningServer, StreamClient, churn, connect, connect_many,
                   exchange_floods, send_without_reading, stay_connected)

ENTRIES = 5000


class HttpClient(StreamClient):
    request = b"GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n"

    def round_trip(self):
        self.connection.sendall(self.request)
        received = b""
        while not received.endswith(b"\r\n\r\nhello"):
            piece = self.connection.recv(65536)
            if not piece:
                raise EOFError("the server closed the connection")
            received += piece
        return True


def site(folder, *options):
    root = folder / "root"
    root.mkdir()
    (root / "small.txt").write_text("hello")
    with open(root / "large.bin", "wb") as file:
        file.truncate(256 << 20)
    for number in range(ENTRIES):
        many = root / "many"
        many.mkdir(exist_ok=True)
        os.close(os.open(many / f"a file with a name of some length {number}", os.O_CREAT))
    return RunningServer("http_responder", "--root", root, "--list", *options)


def get(target, *fields):
    return b"GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (target, b"".join(f + b"\r\n" for f in fields))


def connection_churn(server, folder, number):
    churn(server)


def request_churn(server, folder, number):
    churn(server, get(b"/small.txt"))


def slow_heads(server, folder, number):
    stay_connected(server, 4000, b"GET / HTTP/1.1\r\nX: ")


def pipelined(data):
    def attack(server, folder, number):
        exchange_floods(connect_many(server, 4), data * (200_000 // len(data)))
    return attack


pipelined_files = pipelined(get(b"/small.txt"))
pipelined_not_found = pipelined(get(b"/x"))
pipelined_deep_paths = pipelined(get(b"/a" * 2000))
pipelined_ranges = pipelined(get(b"/large.bin", b"Range: bytes=1-1,3-3,5-5,7-7,9-9"))
pipelined_far_ranges = pipelined(get(b"/large.bin", b"Range: bytes=200000000-200010000"))
pipelined_not_modified = pipelined(get(b"/small.txt", b"If-None-Match: " + b'"x",' * 1000 + b'"y"'))
pipelined_many_fields = pipelined(get(b"/small.txt", *[b"a:"] * 90))
pipelined_routes = pipelined(get(b"/../x?y=%zz"))
pipelined_heads = pipelined(b"HEAD /many/ HTTP/1.1\r\nHost: a\r\n\r\n")


def many_pipelined(server, folder, number):
    exchange_floods(connect_many(server, 100), get(b"/small.txt") * 2000)


def chunked_of_one_byte(server, folder, number):
    body = b"POST /small.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    exchange_floods([connect(server)], body + b"1\r\nx\r\n" * 50000 + b"0\r\n\r\n")


def unread_files(server, folder, number):
    send_without_reading(connect_many(server, 200), get(b"/large.bin"))


def read_files(server, folder, number):
    exchange_floods(connect_many(server, 20), get(b"/large.bin"))


def abandoned_listings(server, folder, number):
    while True:
        for connection in connect_many(server, 60):
            connection.sendall(get(b"/many/"))
            connection.close()
        time.sleep(0.2)


def unread_listings(server, folder, number):
    connections = connect_many(server, 60)
    for connection in connections:
        connection.sendall(get(b"/many/") * 5)
    time.sleep(60)


def read_listings(server, folder, number):
    exchange_floods(connect_many(server, 20), get(b"/many/"))


ATTACKS = {name: attack for name, attack in globals().items()
           if callable(attack) and name in """
    connection_churn request_churn slow_heads pipelined_files pipelined_not_found
    pipelined_deep_paths pipelined_ranges pipelined_far_ranges pipelined_not_modified
    pipelined_many_fields pipelined_routes pipelined_heads many_pipelined chunked_of_one_byte
    unread_files read_files abandoned_listings unread_listings read_listings""".split()}

CASES = [Case(f"http_responder: {name}", site, HttpClient, attack)
         for name, attack in ATTACKS.items()]
