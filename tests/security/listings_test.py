"""Folders with many names, and clients that request their lists and do not read them, or close."""

import contextlib
import json
import os
import re
import shutil
import signal
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
from file_transfer_test import FileTransferTest, Remote  # noqa: E402
from http_responder_test import ask, connect, get  # noqa: E402
from programs import TIMEOUT_SECONDS, Server, run  # noqa: E402

MANY = 20_000
KIBIBYTE = 1024
SLACK_BYTES = 32 << 20  # For memory of sessions, allocators and sanitizers.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def fill(folder, count, length=24):
    """Makes `count` empty files: links to one file, which are quick to make."""
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


def kibibytes(name, pattern):
    """The number of KiB that the --help text of a program states."""
    return int(re.search(pattern, run(name, "--help").stdout)[1])


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def until(condition, what):
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not in time: {what}")


def narrow(connection):
    """Makes the receive buffer of the client small."""
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

    def test_a_list_does_not_wait_for_those_of_clients_that_are_gone_or_have_ended_their_side(self):
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
                else:  # It continues to read.
                    leaving.shutdown(socket.SHUT_WR)
                    halves.append(stack.enter_context(leaving))
            self.assertIn(b"3 files", ask(server, "/small/")[1])
            # This CPU time is too short for the lists of the clients that have closed.
            self.assertLess(cpu_seconds(server) - before, max(8 * cost, 0.5))
            for half in halves:
                with half, half.makefile("rb") as answer:
                    self.assertEqual(answer.read().count(b"<tr><td><a"), MANY + 1)
            until(lambda: descriptors(server) < 20, "all that was abandoned is let go")

    def test_what_is_not_read_is_not_read_from_the_folder_and_ends_by_the_stall_timeout(self):
        bound = kibibytes("http_responder", r"page of a folder takes (\d+) KiB")
        self.assertLess(bound, 512)
        with self.serving("--stall-timeout", "2") as server, contextlib.ExitStack() as stack:
            idle, first = descriptors(server), resident_bytes(server)
            unread = []
            for _ in range(30):
                connection = stack.enter_context(socket.socket())
                narrow(connection)
                connection.settimeout(TIMEOUT_SECONDS)
                connection.connect(("127.0.0.1", server.port))
                connection.sendall(get("/big/"))
                unread.append(connection)
            until(lambda: descriptors(server) == idle + 60, "each has its folder open")
            self.assertIn(b"3 files", ask(server, "/small/")[1])
            self.assertLess(resident_bytes(server) - first, 30 * bound * KIBIBYTE + SLACK_BYTES)
            until(lambda: descriptors(server) <= idle, "each was let go")
            for connection in unread:  # The list must not seem complete.
                with self.assertRaises(ConnectionResetError):
                    while connection.recv(1 << 16):
                        pass

    def test_addresses_share_the_work_although_one_of_them_requested_much_before(self):
        with self.serving("--log") as server, contextlib.ExitStack() as stack:
            idle = descriptors(server)
            other = stack.enter_context(
                socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS,
                                         ("127.0.0.2", 0)))
            asking = [stack.enter_context(connect(server)) for _ in range(40)]
            until(lambda: descriptors(server) == idle + 41, "all are accepted")
            server.process.send_signal(signal.SIGSTOP)  # It finds all requests when it continues.
            for connection in asking:
                connection.sendall(get("/big/", "Connection: close"))
            other.sendall(get("/small/", "Connection: close"))
            server.process.send_signal(signal.SIGCONT)
            with other.makefile("rb") as answer:
                self.assertIn(b"3 files", answer.read())
            until(lambda: server.errors().count("GET /big/") == 40, "each is begun")
            self.assertLess(server.errors().partition("GET /small/")[0].count("GET /big/"), 20)
            with asking[39].makefile("rb") as answer:
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


class FileServerListings(FileTransferTest):
    LONG = 200  # The names are so long that the kernel does not hold whole lists.

    def setUp(self):
        super().setUp()
        self.add_user("bob", "1M")

    def fill_home(self, count=30_000):
        """In memory, because that is quick."""
        if MEMORY:
            self.root = Path(tempfile.mkdtemp(dir=MEMORY))
            self.addCleanup(shutil.rmtree, self.root)
            self.home = self.root / "ann"
        fill(self.home / "big", count, self.LONG)
        return [f"{number}".ljust(self.LONG, "x") for number in range(count)]

    def pages(self, remote, path):
        """The pages of a list."""
        remote.send({"type": "ls", "path": path})
        pages = []
        while True:
            pages.append(remote.answer())
            self.assertEqual(pages[-1]["type"], "listing", pages[-1])
            if not pages[-1].get("more"):
                return pages

    def test_a_long_list_comes_in_bounded_pages_and_what_follows_it_is_answered(self):
        names = self.fill_home(5000)
        with self.server() as server, Remote(server) as remote:
            remote.send({"type": "ls", "path": "big"})
            remote.send({"type": "quota"})
            pages = [remote.answer()]
            while pages[-1].get("more"):
                pages.append(remote.answer())
            self.assertEqual(remote.answer()["type"], "quota")
            self.assertGreater(len(pages), 10)
            self.assertLessEqual(max(len(page["payload"]) for page in pages), 64 * KIBIBYTE)
            told = [json.loads(line) for page in pages for line in page["payload"].splitlines()]
            self.assertEqual(sorted(entry["name"] for entry in told), sorted(names))
            done = self.client(server, "ls", "big")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(sorted(line.split()[1] for line in done.stdout.splitlines()),
                             sorted(names))
            done = self.client(server, "ls")
            self.assertEqual(done.stdout.split(), ["-", "big/"])

    def test_lists_that_are_not_read_stay_within_their_memory_limit_and_end_by_the_stall_timeout(self):
        self.fill_home()
        bound = kibibytes("file_server", r"a listing takes (\d+) KiB")
        self.assertLess(bound, 512)
        with self.server("--patience", "2", "--sessions", "30") as server, \
                contextlib.ExitStack() as stack:
            with Remote(server) as remote:  # The server counts the home.
                self.assertEqual(remote.greeting["type"], "welcome")
            before = resident_bytes(server)
            unread = [stack.enter_context(Remote(server)) for _ in range(30)]
            for remote in unread:
                remote.send({"type": "ls", "path": "big"})
            with Remote(server, "bob") as bob:
                until(lambda: descriptors(server) > 30 * 2, "each has its folder open")
                self.assertEqual(len(self.pages(bob, "")), 1)
                self.assertLess(resident_bytes(server) - before,
                                30 * bound * KIBIBYTE + SLACK_BYTES)
                until(lambda: server.errors().count("timed out") == 30, "each was left")
                with self.assertRaises(ConnectionResetError):
                    while unread[0].socket.recv(1 << 16):
                        pass
                self.assertEqual(len(self.pages(bob, "")), 1)

    def test_lists_of_clients_that_are_gone_are_not_worked_off(self):
        self.fill_home()
        with self.server("--sessions", "100") as server:
            with Remote(server) as remote:
                cost = cpu_seconds(server)
                self.assertGreater(len(self.pages(remote, "big")), 100)
                cost = cpu_seconds(server) - cost
            idle = descriptors(server)
            leaving = [Remote(server) for _ in range(60)]
            before = cpu_seconds(server)
            for remote in leaving:
                remote.send({"type": "ls", "path": "big"})
                remote.socket.close()
            with Remote(server, "bob") as bob:
                self.assertEqual(len(self.pages(bob, "")), 1)
            until(lambda: descriptors(server) <= idle, "each was let go")
            self.assertLess(cpu_seconds(server) - before, max(15 * cost, 0.5))

    def test_a_user_has_so_many_sessions_and_no_more_and_others_have_theirs(self):
        with self.server("--sessions", "3") as server:
            first, *others = [Remote(server) for _ in range(3)]
            with Remote(server) as refused, Remote(server, "bob") as bob:
                self.assert_refused(refused.greeting, "ann has 3 sessions open")
                self.assertIsNone(refused.answer())
                self.assertEqual(bob.greeting["type"], "welcome")
            with Remote(server, password="wrong") as stranger:
                self.assert_refused(stranger.greeting, "another password")
            done = self.client(server, "ls")
            self.assertEqual((done.returncode, done.stderr),
                             (1, "error: login: ann has 3 sessions open, and may have no more\n"))
            open_before = descriptors(server)
            first.socket.close()
            until(lambda: descriptors(server) < open_before, "it is gone")
            with Remote(server) as again:
                self.assertEqual(again.greeting["type"], "welcome")
            for remote in others:
                remote.socket.close()

    def test_what_is_removed_replaced_or_refused_is_not_kept_open(self):
        data = bytes(1 << 20)
        with self.server() as server, Remote(server) as remote:
            for _ in range(3):
                self.assertEqual(remote.put("a", data)["type"], "stored")
            self.assertEqual(remote.ask("rm", path="a")["type"], "done")
            self.assert_refused(remote.ask("rm", path="a"), "no such file")
            for _ in range(3):
                self.assertEqual(remote.ask("put", path="b", size=len(data))["type"], "ready")
                remote.send({"type": "data", "offset": 0}, data)
                self.assert_refused(remote.ask("end", sha256="0" * 64), "SHA-256")
            with Remote(server) as cut:
                self.assertEqual(cut.ask("put", path="c", size=len(data))["type"], "ready")
                cut.send({"type": "data", "offset": 0}, data[:1000])
            self.assertEqual(remote.put("c", data[:10])["type"], "stored")  # Less than before.
            for number in range(20):  # Removed for a client that has already closed.
                self.assertEqual(remote.put("d", data)["type"], "stored")
                with Remote(server) as gone:
                    gone.send({"type": "rm", "path": "d"})
                    if number % 2:
                        gone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
                until(lambda: remote.used() < len(data), "it is removed")
            for path in (self.home / "fifo", self.home / "link"):
                os.mkfifo(path) if path.name == "fifo" else path.symlink_to("/etc/hostname")
                self.assertEqual(remote.ask("rm", path=path.name)["type"], "done")
            self.assertEqual(remote.ask("rm", path="c")["type"], "done")

            def kept():
                folder = f"/proc/{server.process.pid}/fd"
                return [target for number in os.listdir(folder)
                        if (target := os.readlink(f"{folder}/{number}")).endswith("(deleted)")
                        and str(self.root) in target]
            until(lambda: not kept(), "all is let go")
            self.assertEqual(remote.used(), 0)
        self.assertEqual((os.listdir(self.home), self.uploads()), ([], []))


if __name__ == "__main__":
    unittest.main()
