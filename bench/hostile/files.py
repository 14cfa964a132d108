"""Attacks on file_server, by clients with and without a login."""

import json
import os
import struct
import subprocess
import time

from file_transfer_test import Remote as Plain
from programs import program

from .case import Case, RunningServer, StreamClient, churn, connect, stay_connected

ACCOUNTS = 5002
ENTRIES = 200_000
PASSWORD = "open sesame"


class Remote(Plain):
    def __init__(self, server, user="ann", password=PASSWORD, source="127.0.0.1"):
        super().__init__(server, user, password, source)
        if user is not None and self.greeting["type"] != "welcome":
            raise ValueError(self.greeting)


class FileClient(StreamClient):
    """Requests how much of the quota its user has used."""

    def __init__(self, server, folder):
        self.remote = Remote(server, "bob", source="127.0.0.9")
        self.connection = self.remote.socket

    def round_trip(self):
        return self.remote.ask("quota")["type"] == "quota"


def start(folder, *options, entries=0):
    accounts = folder / "accounts.json"
    for user in ("ann", "bob"):
        subprocess.run([program("file_server"), "--accounts", accounts, "--add-user", user,
                        "--quota", "10G"], input=PASSWORD + "\n", text=True, check=True,
                       capture_output=True)
    stored = json.loads(accounts.read_text())
    stored["accounts"].update({f"user{number}": stored["accounts"]["ann"]
                               for number in range(ACCOUNTS - 2)})
    accounts.write_text(json.dumps(stored))
    home = folder / "files" / "ann"
    home.mkdir(parents=True)
    for number in range(entries):
        os.mkdir(home / f"folder {number}")
    with open(home / "large.bin", "wb") as file:
        file.truncate(256 << 20)
    return RunningServer("file_server", "--accounts", accounts, "--root", folder / "files", *options)


def start_full(folder):
    return start(folder, entries=ENTRIES)


def message(header, payload=b""):
    text = json.dumps({**header, "data_size": len(payload)}).encode()
    return struct.pack("<i", len(text)) + text + payload


def address(count):
    return f"127.1.{count // 250 % 250}.{count % 250 + 1}"


def connection_churn(server, folder, number):
    churn(server)


def login_messages(server, folder, number):
    """Sends first messages of logins, each from another address, and finishes none."""
    count = 0
    while True:
        with Plain(server, None, source=address(count)) as remote:
            remote.ask("login", message=f"n,,n=user{count % 5000},r=abcdefgh")
        count += 1


def logins_that_never_finish(server, folder, number):
    stay_connected(server, 2000, pause=0.0005)


def wrong_passwords(server, folder, number):
    count = 0
    while True:
        with Plain(server, "ann", "wrong", address(count)):
            count += 1


def unread_listings(server, folder, number):
    remotes = [Remote(server) for _ in range(30)]
    for remote in remotes:
        remote.send({"type": "ls", "path": ""})
    time.sleep(60)


def read_listings(server, folder, number):
    remotes = [Remote(server) for _ in range(4)]
    while True:
        for remote in remotes:
            remote.send({"type": "ls", "path": ""})
        for remote in remotes:
            while remote.answer()["type"] != "listing":
                pass


def small_changes(server, folder, number):
    count = 0
    with Remote(server) as remote:
        while True:
            count += 1
            remote.ask("mkdir", path=f"d{number}")
            remote.put(f"d{number}/f", b"x")
            remote.ask("rm", path=f"d{number}/f")
            remote.ask("rmdir", path=f"d{number}")


def pipelined_requests(server, folder, number):
    with Remote(server) as remote:
        flood = message({"type": "quota"}) * 1000
        while True:
            remote.socket.sendall(flood)
            for _ in range(1000):
                remote.answer()


def logins_to_a_full_home(server, folder, number):
    while True:
        with Remote(server) as remote:
            remote.ask("quota")


def huge_headers(server, folder, number):
    text = b'{"type":"login","data_size":0,"message":"' + b"[" * 60000 + b'"}'
    churn(server, struct.pack("<i", len(text)) + text)


def nested_headers(server, folder, number):
    text = b'{"type":"login","data_size":0,"message":' + b"[" * 60000
    churn(server, struct.pack("<i", len(text)) + text)


def unread_downloads(server, folder, number):
    remotes = [Remote(server) for _ in range(30)]
    for remote in remotes:
        remote.send({"type": "get", "path": "large.bin", "offset": 0, "sha256": ""})
    time.sleep(60)


def read_downloads(server, folder, number):
    with Remote(server) as remote:
        while True:
            remote.get("large.bin")


CASES = [
    *(Case(f"file_server: {attack.__name__}", start, FileClient, attack)
      for attack in (connection_churn, login_messages, logins_that_never_finish, wrong_passwords,
                     small_changes, pipelined_requests, huge_headers, nested_headers,
                     unread_downloads, read_downloads)),
    *(Case(f"file_server, {ENTRIES} folders: {attack.__name__}", start_full, FileClient, attack)
      for attack in (logins_to_a_full_home, unread_listings, read_listings)),
]
