"""Attacks on remote_command_server, by clients with and without the secret."""

import json
import struct
import time

from challenge import prove_as_client

from .case import (SECRET, Case, RunningServer, StreamClient, churn, connect,
                   exchange_floods, receive, secret_file, stay_connected)


def message(header):
    text = json.dumps({**header, "data_size": 0}).encode()
    return struct.pack("<i", len(text)) + text


def command(program, *arguments):
    return message({"program": program, "arguments": arguments})


def log_in(server):
    connection = connect(server)
    if not prove_as_client(connection, SECRET, "remote_command"):
        raise ValueError("the server does not know the secret")
    return connection


class CommandClient(StreamClient):
    """Requests a program that the server refuses, so only the server's loop takes time."""

    def __init__(self, server, folder):
        self.connection = log_in(server)

    def round_trip(self):
        self.connection.sendall(command("refused"))
        receive(self.connection, *struct.unpack("<i", receive(self.connection, 4)))
        return True


def start(folder):
    return RunningServer("remote_command_server", "--secret-file", secret_file(folder),
                         *(word for name in ("sh", "true", "yes", "sleep")
                           for word in ("--allow", name)))


def connection_churn(server, folder, number):
    churn(server)


def wrong_proofs(server, folder, number):
    churn(server, bytes(64))


def never_prove(server, folder, number):
    stay_connected(server, 4000)


def unread_output(server, folder, number):
    connections = [log_in(server) for _ in range(20)]
    for connection in connections:
        connection.sendall(command("yes"))
    time.sleep(60)


def read_output(server, folder, number):
    exchange_floods([log_in(server) for _ in range(10)], command("yes"))


def many_children(server, folder, number):
    connections = [log_in(server) for _ in range(200)]
    for connection in connections:
        connection.sendall(command("sleep", "60"))
    time.sleep(60)


def short_commands(server, folder, number):
    connections = [log_in(server) for _ in range(20)]
    while True:
        for connection in connections:
            connection.sendall(command("true") * 20)
        for connection in connections:
            for _ in range(20):
                receive(connection, *struct.unpack("<i", receive(connection, 4)))


def processes_left(server, folder, number):
    """Commands that end and leave running processes, beside 200 commands that keep running."""
    sleeping = [log_in(server) for _ in range(200)]
    for connection in sleeping:
        connection.sendall(command("sleep", "60"))
    connections = [log_in(server) for _ in range(30)]
    while True:
        for connection in connections:
            connection.sendall(command("sh", "-c", "sleep 5 >/dev/null 2>&1 &"))
        for connection in connections:
            receive(connection, *struct.unpack("<i", receive(connection, 4)))


def refused_requests(server, folder, number):
    exchange_floods([log_in(server)], command("x") * 2000)


def large_requests(server, folder, number):
    exchange_floods([log_in(server)], command("x", *["a"] * 12000))


CASES = [Case(f"remote_command_server: {attack.__name__}", start, CommandClient, attack)
         for attack in (connection_churn, wrong_proofs, never_prove, unread_output, read_output,
                        many_children, short_commands, processes_left, refused_requests,
                        large_requests)]
