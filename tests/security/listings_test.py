"""Folders with many names, and clients that ask for their lists and do not read them, or go."""

import contextlib
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "samples"))
from http_responder_test import ask, connect, get  # noqa: E402
from programs import PATIENCE_SECONDS, Server  # noqa: E402

MANY = 20_000
KIBIBYTE = 1024
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def fill(folder, count, length=24):
    """So many empty files: links to one, which are quick to make."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    with contextlib.closing(os.fdopen(os.open("0".ljust(length, "x"), os.O_CREAT | os.O_WRONLY,
                                              dir_fd=descriptor), "w")):
        pass
    first = "0".ljust(length, "x")
    for number in range(1, count):
        os.link(first, f"{number}".ljust(length, "x"), src_dir_fd=descriptor,
                dst_dir_fd=descriptor)
    os.close(descriptor)


def cpu_seconds(server):
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(server):
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * KIBIBYTE


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def until(condition, what):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not in time: {what}")
        time.sleep(0.005)


def narrow(connection):
    """What the client's kernel takes for it is small."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


class HttpListings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(dir=MEMORY))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        fill(cls.folder / "big", MANY)
        fill(cls.folder / "small", 3)

    def serving(self, *options):
        return Server("http_responder", "--root", self.folder, "--list", *options)

    def test_a_list_is_answered_before_those_of_clients_that_are_gone_or_have_ended_their_side(self):
        with self.serving() as server, contextlib.ExitStack() as stack:
            cost = cpu_seconds(server)
            self.assertEqual(ask(server, "/big/")[1].count(b"<tr><td><a"), MANY + 1)
            cost = cpu_seconds(server) - cost
            before = cpu_seconds(server)
            halves = []
            for number in range(60):
                leaving = connect(server)
                leaving.sendall(get("/big/", "Connection: close"))
                if number % 20:
                    leaving.close()
                else:  # It reads on.
                    leaving.shutdown(socket.SHUT_WR)
                    halves.append(stack.enter_context(leaving))
            self.assertIn(b"3 files", ask(server, "/small/")[1])
            # None of the others can have been worked off, nor most of what the first two cost.
            self.assertLess(cpu_seconds(server) - before, max(8 * cost, 0.5))
            for half in halves:
                with half, half.makefile("rb") as answer:
                    self.assertEqual(answer.read().count(b"<tr><td><a"), MANY + 1)
            until(lambda: descriptors(server) < 20, "all that was abandoned is let go")

    def test_what_is_not_read_is_not_read_from_the_folder_and_ends_by_the_stall_timeout(self):
        with self.serving("--stall-timeout", "2") as server, contextlib.ExitStack() as stack:
            idle, first = descriptors(server), resident_bytes(server)
            unread = []
            for _ in range(30):
                connection = stack.enter_context(socket.socket())
                narrow(connection)
                connection.settimeout(PATIENCE_SECONDS)
                connection.connect(("127.0.0.1", server.port))
                connection.sendall(get("/big/"))
                unread.append(connection)
            until(lambda: descriptors(server) == idle + 60, "each has its folder open")
            self.assertIn(b"3 files", ask(server, "/small/")[1])
            self.assertLess(resident_bytes(server) - first, 30 * 512 * KIBIBYTE + (32 << 20))
            until(lambda: descriptors(server) <= idle, "each was let go")
            for connection in unread:  # Not as if that had been all.
                with self.assertRaises(ConnectionResetError):
                    while connection.recv(1 << 16):
                        pass

    def test_addresses_have_their_turns_though_one_of_them_asks_for_much(self):
        with self.serving() as server, contextlib.ExitStack() as stack:
            asking = [stack.enter_context(connect(server)) for _ in range(40)]
            for connection in asking:
                connection.sendall(get("/big/", "Connection: close"))
            other = stack.enter_context(
                socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS,
                                         ("127.0.0.2", 0)))
            other.sendall(get("/small/", "Connection: close"))
            with other.makefile("rb") as answer:
                self.assertIn(b"3 files", answer.read())
            # None of them has got all by then, since nobody has read.
            for connection in asking[:3]:
                with connection.makefile("rb") as answer:
                    self.assertEqual(answer.read().count(b"<tr><td><a"), MANY + 1)

    def test_a_list_that_is_cut_off_at_any_point_leaves_nothing_behind(self):
        with self.serving() as server:
            idle = descriptors(server)
            for size in (0, 1, 100, 10_000, 300_000, 1_000_000):
                for reset in (False, True):
                    with connect(server) as leaving:
                        leaving.sendall(get("/big/"))
                        while size > 0:
                            size -= len(leaving.recv(min(size, 1 << 16)))
                        if reset:
                            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
            until(lambda: descriptors(server) <= idle, "each was let go")
            self.assertIn(b"3 files", ask(server, "/small/")[1])


if __name__ == "__main__":
    unittest.main()
