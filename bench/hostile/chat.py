"""Attacks on chat_server by members, and by clients that connect and leave."""

import contextlib
import selectors
import threading

from .case import (Case, StreamClient, churn, connect, connect_many, exchange_floods,
                   send_without_reading, server)


class ChatClient(StreamClient):
    """Sends a line, and waits until the line returns; lines of others are skipped."""

    def __init__(self, server, folder):
        super().__init__(server)
        self.count = 0
        self.rest = b""
        self.connection.sendall(b"/nick probe\n")

    def round_trip(self):
        self.count += 1
        self.connection.sendall(b"%d\n" % self.count)
        awaited = b"probe: %d\n" % self.count
        heard = self.rest
        while (place := heard.find(awaited)) < 0:
            piece = self.connection.recv(1 << 18)
            if not piece:
                raise EOFError("the server closed the connection")
            heard = heard[-len(awaited):] + piece
        self.rest = heard[place + len(awaited):]
        return True


def members(server, count):
    """Guests that have joined. They read nothing unless a caller reads for them."""
    connections = connect_many(server, count)
    for connection in connections:
        connection.sendall(b"hello\n")
    return connections


def read_all(connections):
    """Reads for all connections in a thread, as normal members do."""
    def run():
        selector = selectors.DefaultSelector()
        for connection in connections:
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                with contextlib.suppress(BlockingIOError):
                    if not key.fileobj.recv(1 << 18):
                        selector.unregister(key.fileobj)
    threading.Thread(target=run, daemon=True).start()


def joins_and_leaves(server, folder, number):
    read_all(members(server, 200))
    churn(server, b"/nick x%d\nhello\n/quit\n" % number)


def one_byte_lines(server, folder, number):
    exchange_floods([connect(server)], b"x\n" * 30000)


def one_byte_lines_to_a_hundred(server, folder, number):
    read_all(members(server, 100))
    exchange_floods([connect(server)], b"x\n" * 30000)


def long_lines_to_a_hundred(server, folder, number):
    read_all(members(server, 100))
    exchange_floods([connect(server)], (b"x" * 4000 + b"\n") * 20)


def many_flood(server, folder, number):
    exchange_floods(connect_many(server, 50), b"x\n" * 30000)


def who_of_a_thousand(server, folder, number):
    read_all(members(server, 1000))
    exchange_floods([connect(server)], b"/who\n" * 13000)


def renames(server, folder, number):
    read_all(members(server, 100))
    exchange_floods([connect(server)], b"/nick a\n/nick b\n" * 4000)


def names_that_are_refused(server, folder, number):
    exchange_floods([connect(server)], b"/nick \xf0\x9d\x94\x98\n" * 5000)


def empty_lines(server, folder, number):
    exchange_floods([connect(server)], b"\n" * 65000)


def members_that_do_not_read(server, folder, number):
    deaf = members(server, 200)
    exchange_floods([connect(server)], (b"x" * 4000 + b"\n") * 20)
    del deaf


def lines_without_an_end(server, folder, number):
    send_without_reading(connect_many(server, 1000), b"x")


CASES = [Case(f"chat_server: {attack.__name__}", server("chat_server"), ChatClient, attack)
         for attack in (joins_and_leaves, one_byte_lines, one_byte_lines_to_a_hundred,
                        long_lines_to_a_hundred, many_flood, who_of_a_thousand, renames,
                        names_that_are_refused, empty_lines, members_that_do_not_read,
                        lines_without_an_end)]
