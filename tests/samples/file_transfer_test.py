"""Files of users, by a client written only from samples/file_transfer/README.md, and by
file_client."""

import base64
import fcntl
import functools
import hashlib
import hmac
import json
import os
import pty
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from challenge import receive  # noqa: E402
from programs import TIMEOUT_SECONDS, Server, program, run, write_private  # noqa: E402

PASSWORD = "open sesame"
MEBIBYTE = 1 << 20


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def cost(size):
    """How much of a quota a file uses."""
    return 4096 + -(-size // 4096) * 4096


@functools.cache  # Slow on purpose.
def salt(password, salt_base64, iterations):
    return hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(salt_base64), iterations)


class Remote:
    """A client on a plain socket."""

    def __init__(self, server, user="ann", password=PASSWORD, source="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS,
                                               (source, 0))
        self.said = []
        if user is not None:
            self.greeting = self.log_in(user, password.encode())

    def send(self, header, payload=b""):
        self.said.append(header)
        text = json.dumps({**header, "data_size": len(payload)}).encode()
        self.socket.sendall(struct.pack("<i", len(text)) + text + payload)

    def answer(self):
        """The next header, and its payload under `payload`; None at the end."""
        length = receive(self.socket, 4)
        if len(length) < 4:
            return None
        header = json.loads(receive(self.socket, struct.unpack("<i", length)[0]))
        return {**header, "payload": receive(self.socket, header["data_size"])}

    def ask(self, type, **header):
        self.send({"type": type, **header})
        return self.answer()

    def log_in(self, user, password, header="n,,", data=""):
        """`header` and `data` bind the login to a channel (RFC 5802, section 6)."""
        nonce = base64.b64encode(os.urandom(18)).decode()
        bare = f"n={user},r={nonce}"
        first = self.ask("login", message=header + bare)
        if first["type"] != "challenge":
            return first
        self.challenge = dict(part.split("=", 1) for part in first["message"].split(","))
        salted = salt(password, self.challenge["s"], int(self.challenge["i"]))

        def mac(key, message):
            return hmac.digest(key, message, "sha256")
        client_key = mac(salted, b"Client Key")
        binding = base64.b64encode((header + data).encode()).decode()
        without_proof = f"c={binding},r={self.challenge['r']}"
        auth = f"{bare},{first['message']},{without_proof}".encode()
        signature = mac(hashlib.sha256(client_key).digest(), auth)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        last = self.ask("proof", message=f"{without_proof},p={base64.b64encode(proof).decode()}")
        if last["type"] == "welcome":
            server_signature = mac(mac(salted, b"Server Key"), auth)
            assert last["message"] == "v=" + base64.b64encode(server_signature).decode()
        return last

    def put(self, path, data, piece=MEBIBYTE):
        ready = self.ask("put", path=path, size=len(data))
        if ready["type"] != "ready":
            return ready
        at = ready["offset"] if ready["sha256"] == sha256(data[:ready["offset"]]) else 0
        for offset in range(at, len(data), piece):
            self.send({"type": "data", "offset": offset}, data[offset:offset + piece])
        return self.ask("end", sha256=sha256(data))

    def get(self, path, have=b""):
        file = self.ask("get", path=path, offset=len(have), sha256=sha256(have))
        if file["type"] != "file":
            return file
        data = have[:file["offset"]] + file["payload"]
        assert self.answer()["sha256"] == sha256(data)
        return {**file, "data": data}

    def used(self):
        return self.ask("quota")["used_bytes"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class FileTransferTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.root = self.folder / "root"
        self.root.mkdir()
        self.home = self.root / "ann"
        self.accounts = self.folder / "accounts"
        self.password = self.folder / "password"
        write_private(self.password, PASSWORD + "\n")
        done = self.add_user("ann", "80M")
        if "without OpenSSL" in done.stderr:
            self.skipTest("built without OpenSSL")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def add_user(self, user, quota, password=PASSWORD):
        return run("file_server", "--accounts", self.accounts, "--add-user", user, "--quota", quota,
                   input=password + "\n")

    def server(self, *options, **process_options):
        return Server("file_server", "--accounts", self.accounts, "--root", self.root, *options,
                      **process_options)

    def client(self, server, *command, input="", user="ann", cwd=None, popen=False):
        words = [program("file_client"), server.endpoint, "--user", user, "--password-file",
                 self.password, *map(os.fsencode, command)]
        if popen:
            return subprocess.Popen(words, cwd=cwd or self.folder, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
        return subprocess.run(words, input=input, text=True, cwd=cwd or self.folder, check=False,
                              capture_output=True, timeout=TIMEOUT_SECONDS)

    def uploads(self):
        return list((self.root / ".uploads/ann").glob("*"))

    def assert_refused(self, answer, *reason):
        self.assertEqual(answer["type"], "error", answer)
        for text in reason:
            self.assertIn(text, answer["reason"])


class Accounts(FileTransferTest):
    def test_the_file_is_its_owners_alone_and_holds_no_password(self):
        self.assertEqual(self.accounts.stat().st_mode & 0o777, 0o600)
        self.assertNotIn(PASSWORD, self.accounts.read_text())
        self.assertEqual(self.add_user("bob", "1K").returncode, 0)
        self.assertEqual(set(json.loads(self.accounts.read_text())["accounts"]), {"ann", "bob"})

    def test_wrong_names_sizes_and_passwords_change_nothing(self):
        before = self.accounts.read_bytes()
        for user, quota, password in (("../eve", "1M", "x"), (".eve", "1M", "x"), ("", "1", ""),
                                      ("eve", "1X", "x"), ("eve", "-1", "x"), ("eve", "1M", "")):
            self.assertNotEqual(self.add_user(user, quota, password).returncode, 0)
        self.assertEqual(self.accounts.read_bytes(), before)

    def test_a_login_is_right_or_wrong_and_unknown_users_get_the_same_error(self):
        with self.server() as server:
            with Remote(server) as right:
                self.assertEqual(right.greeting["type"], "welcome")
            with Remote(server, password="wrong") as wrong, Remote(server, "eve") as unknown:
                self.assert_refused(wrong.greeting, "login: no such user, or another password")
                self.assertEqual(wrong.greeting, unknown.greeting)
                self.assertEqual(wrong.challenge["i"], unknown.challenge["i"])
                self.assertEqual(len(wrong.challenge["s"]), len(unknown.challenge["s"]))
                self.assertIsNone(wrong.answer())
                with Remote(server, "eve") as again:
                    self.assertEqual(again.challenge["s"], unknown.challenge["s"])
            done = self.client(server, "ls", user="eve")
            self.assertEqual((done.returncode, done.stderr), (1, "error: login: no such user, or another password\n"))

    def test_a_server_without_accounts_says_so(self):
        self.accounts.unlink()
        with self.server() as server:
            self.assertEqual(server.errors(), f"{self.accounts}: there is no account yet; "
                                              "--add-user adds one\n")

    def test_no_request_is_served_before_login(self):
        with self.server() as server:
            for request in ("quota", "ls", "put", "data", "end", "proof", "x"):
                with Remote(server, user=None) as remote:
                    self.assert_refused(remote.ask(request, path="", size=0), "log in first")
                    self.assertIsNone(remote.answer())
            for wire in (b"\xff\xff\xff\x7f", b"\x02\0\0\0{}", b"\x02\0\0\0[]", b"GET / HTTP/1.1\r\n"):
                with Remote(server, user=None) as remote:
                    remote.socket.sendall(wire)
                    self.assert_refused(remote.answer())
                    self.assertIsNone(remote.answer())

    def test_a_recorded_or_reflected_login_opens_nothing(self):
        with self.server() as server:
            with Remote(server) as recorded:
                pass
            with Remote(server, user=None) as replaying:
                replaying.send(recorded.said[0])
                self.assertEqual(replaying.answer()["type"], "challenge")
                replaying.send(recorded.said[1])
                self.assert_refused(replaying.answer(), "login: ")
                self.assertIsNone(replaying.answer())
            with Remote(server, user=None) as reflecting:
                reflecting.send(recorded.said[0])
                self.assert_refused(reflecting.ask("proof", message=reflecting.answer()["message"]))
                self.assertIsNone(reflecting.answer())
            with Remote(server, user=None) as twice:
                twice.send(recorded.said[0])
                self.assertEqual(twice.answer()["type"], "challenge")
                twice.send(recorded.said[0])
                self.assert_refused(twice.answer(), "begun already")
                self.assertIsNone(twice.answer())
            self.assertEqual(self.client(server, "ls").returncode, 0)

    def test_a_malformed_request_is_reported_and_ends_only_its_connection(self):
        def message(text):
            return struct.pack("<i", len(text)) + text
        with self.server() as server, Remote(server) as other:
            for wire in (message(b"[]"), message(b"{}"), message(b'{"type":"ls","path":""}'),
                         message(b"not JSON"), message(b'{"data_size":-1}'), b"\xff\xff\xff\xff",
                         message(b'{"type":"\\udc80","data_size":0}'), message(b'{"type":"\xff","data_size":0}'),
                         struct.pack("<i", 65537), message(b'{"type":"data","data_size":2097152}'),
                         message(b'{"type":"ls","path":"","data_size":1}x'),
                         message(b'{"type":"data","data_size":0}'), message(b'{"type":"end","data_size":0}'),
                         message(b'{"data_size":0,"x":' + b"[" * 5000 + b"]" * 5000 + b"}"),
                         b"GET / HTTP/1.1\r\n\r\n"):
                with self.subTest(wire=wire[:50]), Remote(server) as remote:
                    remote.socket.sendall(wire)
                    self.assert_refused(remote.answer())
                    self.assertIsNone(remote.answer())
            for request in ({}, {"type": 5}, {"type": "fly"}, {"type": "ls"}, {"type": "ls", "path": 5},
                            {"type": "put", "path": "a"}, {"type": "put", "path": "a", "size": -1},
                            {"type": "put", "path": "a", "size": "5"}, {"type": "put", "path": "a", "size": 0.5},
                            {"type": "put", "path": "a", "size": 1 << 63}, {"type": "get"}):
                with self.subTest(request=request):
                    other.send(request)
                    self.assert_refused(other.answer())
            self.assertEqual(other.put("a", b"still here")["type"], "stored")
        self.assertEqual(os.listdir(self.home), ["a"])

    def test_a_client_that_stalls_gets_an_error_in_each_state_and_is_disconnected(self):
        with self.server("--patience", "2", "--idle-timeout", "2") as server:
            silent, greeting, idle = Remote(server, user=None), Remote(server, user=None), Remote(server)
            greeting.send({"type": "login", "message": "n,,n=ann,r=abc"})
            self.assertEqual(greeting.answer()["type"], "challenge")
            stalled = [silent, greeting, idle]
            for sent in (b"\x05", struct.pack("<i", 20) + b'{"type"'):  # Inside a request.
                stalled.append(Remote(server))
                stalled[-1].socket.sendall(sent)
            head = b'{"type":"data","offset":0,"data_size":5}'
            piece = struct.pack("<i", len(head)) + head + b"abcde"
            for number, sent in enumerate((b"", piece[:7], piece[:-2], piece)):  # Inside an upload.
                stalled.append(Remote(server))
                self.assertEqual(stalled[-1].ask("put", path=f"{number}", size=5)["type"], "ready")
                stalled[-1].socket.sendall(sent)
            for remote in stalled:
                self.assert_refused(remote.answer(), "too long")
                self.assertIsNone(remote.answer())
                remote.socket.close()
            self.assertEqual(os.listdir(self.home), [])
        self.assertEqual(server.errors().count("timed out"), len(stalled))

    def test_a_client_that_does_not_read_its_download_is_disconnected_and_others_are_served(self):
        self.home.mkdir()
        (self.home / "big").write_bytes(bytes(64 * MEBIBYTE))
        with self.server("--patience", "2") as server, Remote(server) as reading:
            reading.send({"type": "get", "path": "big"})
            poll = select.poll()
            poll.register(reading.socket, 0)
            (_, happened), = poll.poll(TIMEOUT_SECONDS * 1000)
            self.assertTrue(happened & select.POLLERR)  # A reset: unread bytes are discarded.
            with Remote(server) as other:
                self.assertEqual(other.put("a", b"served")["type"], "stored")
        self.assertIn("timed out", server.errors())

    def test_an_upload_that_has_begun_is_stored_although_the_server_stops(self):
        with self.server() as server, Remote(server) as remote, Remote(server) as idle:
            self.assertEqual(remote.ask("put", path="a", size=5)["type"], "ready")
            server.process.terminate()
            self.assertIsNone(idle.answer())
            idle.socket.close()
            remote.send({"type": "data", "offset": 0}, b"hello")
            self.assertEqual(remote.ask("end", sha256=sha256(b"hello"))["type"], "stored")
            self.assertIsNone(remote.answer())
            remote.socket.close()
            self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)
        self.assertEqual((self.home / "a").read_bytes(), b"hello")


class Paths(FileTransferTest):
    def test_no_path_leads_out_of_a_home(self):
        (self.folder / "secret").write_text("secret")
        with self.server() as server, Remote(server) as remote:
            for path in ("../secret", "..", "a/../../x", "/etc/passwd", "/", "a//b", "a/", ".", "%2e%2e",
                         "a%00b", "%", "%zz", "%2fetc", "..%2f..%2fsecret", "x" * 300, "x/" * 3000 + "x"):
                for request in ("get", "put", "ls", "stat", "mkdir", "rm", "rmdir"):
                    self.assert_refused(remote.ask(request, path=path, size=1))
            self.assertEqual(remote.used(), 0)
        self.assertEqual(os.listdir(self.home), [])

    def test_planted_links_are_not_followed(self):
        (self.folder / "secret").write_text("secret")
        self.home.mkdir()
        (self.home / "out").symlink_to(self.folder)
        (self.home / "file").symlink_to(self.folder / "secret")
        with self.server() as server, Remote(server) as remote:
            for path in ("out/secret", "file", "out"):
                self.assert_refused(remote.ask("get", path=path))
                self.assert_refused(remote.ask("ls", path=path))
            for request in ("put", "mkdir", "rm", "rmdir"):
                self.assert_refused(remote.ask(request, path="out/secret", size=1))
            os.mkfifo(self.home / "fifo")  # Opening it for reading would wait for a writer.
            self.assert_refused(remote.ask("get", path="fifo"))
            self.assert_refused(remote.ask("ls", path="fifo"))
            # The link itself is replaced, not its target.
            self.assertEqual(remote.put("file", b"mine")["type"], "stored")
        self.assertEqual((self.folder / "secret").read_text(), "secret")
        self.assertEqual((self.home / "file").read_text(), "mine")

    def test_names_have_any_bytes(self):
        names = [b"a b", b"\xff\xfe", b"new\nline", b"100%", "Grüße".encode(), b"-x", b"\x1b[31m",
                 b"n" * 255]
        folder = self.folder / "names"
        folder.mkdir()
        for name in names:
            Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(name)
        with self.server() as server:
            done = self.client(server, "put", *map(os.fsdecode, names), cwd=folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(sorted(os.listdir(os.fsencode(self.home))), sorted(names))
            listing = self.client(server, "ls").stdout
            self.assertNotIn("\x1b", listing)
            shutil.rmtree(folder)
            folder.mkdir()
            self.assertEqual(
                self.client(server, "get", *map(os.fsdecode, names), cwd=folder).returncode, 0)
        self.assertEqual(sorted(os.listdir(os.fsencode(folder))), sorted(names))


class Transfers(FileTransferTest):
    def test_what_is_put_is_got_by_several_sessions_at_once(self):
        data = os.urandom(3 * MEBIBYTE + 17)
        with self.server() as server, Remote(server) as one, Remote(server) as two:
            for path, content in (("a", data), ("empty", b""), ("a", data[:100])):
                self.assertEqual(one.put(path, content)["type"], "stored")
                self.assertEqual(two.get(path)["data"], content)
            self.assertEqual(two.ask("mkdir", path="x")["type"], "done")
            self.assertEqual(one.put("x/b", data, piece=1000)["type"], "stored")
            lines = [json.loads(line) for line in two.ask("ls", path="")["payload"].splitlines()]
            self.assertEqual(sorted((line["name"], line["kind"]) for line in lines),
                             [("a", "file"), ("empty", "file"), ("x", "folder")])
            self.assert_refused(one.ask("rmdir", path="x"), "not empty")
            self.assert_refused(one.ask("get", path="x"), "folder")
            self.assert_refused(one.ask("get", path="nix"), "no such file")
            for path in ("x/b", "a", "empty"):
                self.assertEqual(one.ask("rm", path=path)["type"], "done")
            self.assertEqual(one.ask("rmdir", path="x")["type"], "done")
            self.assertEqual(one.used(), 0)

    def test_our_client_by_its_lines(self):
        (self.folder / "a").write_bytes(b"hello")
        with self.server() as server:
            done = self.client(server, input="mkdir x\ncd x\npwd\nput a\nls\ncd ..\nrmdir x\ncd nix\n"
                                             "fly\nrm x/a\nrmdir x\nls\nquota\n")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stdout, r"^/x\na: 5 bytes, .*\n +5 a\n0 B of 80.0 MiB used\n$")
            self.assertRegex(done.stderr, r"^rmdir x: .* not empty\ncd nix: .*\nthere is no fly.*\n"
                                          r"error: 3 not done\n$")

    def test_a_listing_is_in_order(self):
        names = ["c", "10", "b.txt", "a", "Z", "9"]
        for name in names:
            (self.folder / name).write_bytes(b"x")
        with self.server() as server:
            self.assertEqual(self.client(server, "put", *names).returncode, 0)
            listing = self.client(server, "ls").stdout
        self.assertEqual([line.split()[1] for line in listing.splitlines()], sorted(names))

    def test_a_terminal_shows_what_is_typed_again_when_the_password_was_interrupted(self):
        controller, terminal = pty.openpty()
        self.addCleanup(os.close, controller)
        self.addCleanup(os.close, terminal)
        client = subprocess.Popen(
            [program("file_client"), "127.0.0.1:9", "--user", "ann", "ls"], stdin=terminal,
            stdout=terminal, stderr=subprocess.PIPE, text=True)
        self.addCleanup(client.kill)
        self.assertEqual(client.stderr.read(len("password: ")), "password: ")
        self.assertFalse(termios.tcgetattr(terminal)[3] & termios.ECHO)
        client.send_signal(signal.SIGINT)
        self.assertIn("error: read the password: interrupted",
                      client.communicate(timeout=TIMEOUT_SECONDS)[1])
        self.assertEqual(client.returncode, 1)
        self.assertTrue(termios.tcgetattr(terminal)[3] & termios.ECHO)

    def test_a_terminal_shows_a_bar_and_no_password(self):
        (self.folder / "a").write_bytes(bytes(8 * MEBIBYTE))
        controller, terminal = pty.openpty()
        self.addCleanup(os.close, controller)
        with self.server() as server:
            client = subprocess.Popen(
                [program("file_client"), server.endpoint, "--user", "ann", "put", "a"],
                cwd=self.folder, stdin=terminal, stdout=terminal, stderr=terminal)
            os.close(terminal)
            self.addCleanup(client.kill)
            shown, asked = b"", False
            try:
                while select.select([controller], [], [], TIMEOUT_SECONDS)[0]:
                    shown += os.read(controller, 1000)
                    if not asked and b"password: " in shown:
                        asked = True
                        os.write(controller, PASSWORD.encode() + b"\n")
            except OSError:  # On Linux this error means that no process has the terminal open.
                pass
            self.assertEqual(client.wait(TIMEOUT_SECONDS), 0, shown)
        self.assertNotIn(PASSWORD.encode(), shown)
        self.assertRegex(shown.decode(), r"\ra \[#* *\] +\d+ % .*/s (\d+:\d\d|-:--) left")
        self.assertRegex(shown.decode(), r"a: 8388608 bytes, .*/s\r\n$")

    def test_a_wrong_hash_offset_or_size_stores_nothing(self):
        with self.server() as server, Remote(server) as remote:
            self.assertEqual(remote.put("a", b"first")["type"], "stored")
            used = remote.used()

            def begin(size=6):
                self.assertEqual(remote.ask("put", path="a", size=size)["offset"], 0)
            begin()
            remote.send({"type": "data", "offset": 0}, b"second")
            self.assert_refused(remote.ask("end", sha256="0" * 64), "SHA-256")
            for offset, payload in ((1, b"x"), (0, b"seventh"), (1 << 63, b"x")):
                begin()
                remote.send({"type": "data", "offset": offset}, payload)
                self.assert_refused(remote.answer())
                remote.send({"type": "end"})
            begin()
            self.assert_refused(remote.ask("end"), "given up")
            begin()
            self.assert_refused(remote.ask("end", sha256=sha256(b"")), "another size")
            self.assertEqual(remote.used(), used)
            self.assertEqual(self.uploads(), [])
        self.assertEqual((self.home / "a").read_bytes(), b"first")

    def test_one_path_is_uploaded_to_by_one(self):
        with self.server() as server, Remote(server) as one, Remote(server) as two:
            self.assertEqual(one.ask("put", path="a", size=5)["type"], "ready")
            self.assert_refused(two.ask("put", path="a", size=5), "busy")
            self.assertEqual(two.ask("put", path="b", size=5)["type"], "ready")

    def test_a_disconnected_client_resumes_while_its_data_is_still_being_written(self):
        data = os.urandom(8 * MEBIBYTE)
        with self.server() as server:
            for _ in range(10):
                with Remote(server) as remote:
                    ready = remote.ask("put", path="a", size=len(data))
                    self.assertEqual(ready["type"], "ready")
                    begin = ready["offset"]
                    remote.send({"type": "data", "offset": begin}, data[begin:begin + MEBIBYTE])
            with Remote(server) as remote:
                self.assertEqual(remote.put("a", data)["type"], "stored")
        self.assertEqual((self.home / "a").read_bytes(), data)

    def test_no_race_exceeds_a_quota(self):
        data = bytes(MEBIBYTE)
        self.add_user("ann", "3M")
        with self.server() as server:
            answers = []

            def put(number):
                with Remote(server) as remote:
                    answers.append(remote.put(f"{number}", data)["type"])
            threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(answers.count("stored"), 2)  # Names count too.
            with Remote(server) as remote:
                self.assert_refused(remote.put("x", data), "quota", "left")
                self.assertLessEqual(remote.used(), 3 * MEBIBYTE)
                # No more than the announced size is taken.
                self.assertEqual(remote.ask("put", path="x", size=10)["type"], "ready")
                remote.send({"type": "data", "offset": 0}, data)
                self.assert_refused(remote.answer())
        self.assertEqual(len(os.listdir(self.home)), 2)
        self.assertEqual(self.uploads(), [])

    def test_a_full_disk_is_reported_and_leaves_no_file(self):
        if os.geteuid() != 0 or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=2m", "none", self.root], check=False,
                capture_output=True).returncode != 0:
            self.skipTest("no tmpfs can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.root], check=False)
        (self.folder / "big").write_bytes(os.urandom(8 * MEBIBYTE))
        (self.folder / "small").write_bytes(b"small")
        with self.server() as server:
            done = self.client(server, "put", "big", "small")
            self.assertEqual(done.returncode, 1)
            self.assertIn("no space left", done.stderr.lower())
            self.assertEqual(os.listdir(self.home), ["small"])
        self.assertEqual(self.uploads(), [])


class Cuts(FileTransferTest):
    def test_a_cut_upload_goes_on_and_until_then_nothing_has_its_name(self):
        data = os.urandom(3 * MEBIBYTE)
        with self.server() as server:
            with Remote(server) as remote:
                remote.ask("put", path="a", size=len(data))
                remote.send({"type": "data", "offset": 0}, data[:MEBIBYTE])
                remote.send({"type": "data", "offset": MEBIBYTE}, data[MEBIBYTE:2 * MEBIBYTE])
                while self.uploads()[0].stat().st_size < MEBIBYTE:
                    self.assertIsNone(server.process.poll())
                remote.socket.shutdown(socket.SHUT_WR)
                self.assertIsNone(remote.answer())
            self.assertEqual(os.listdir(self.home), [])
            with Remote(server) as remote:
                ready = remote.ask("put", path="a", size=len(data))
                self.assertGreaterEqual(ready["offset"], MEBIBYTE)
                self.assertEqual(ready["sha256"], sha256(data[:ready["offset"]]))
                remote.send({"type": "data", "offset": ready["offset"]},
                            data[ready["offset"]:ready["offset"] + 1])
                remote.socket.shutdown(socket.SHUT_WR)
                self.assertIsNone(remote.answer())
            with Remote(server) as remote:  # The file has changed by then.
                self.assertEqual(remote.put("a", b"x" + data)["type"], "stored")
                self.assertEqual(remote.used(), cost(len(data) + 1))
        self.assertEqual((self.home / "a").read_bytes(), b"x" + data)

    def test_a_cut_download_goes_on_where_its_hash_is_right(self):
        data = os.urandom(2 * MEBIBYTE)
        self.home.mkdir()
        (self.home / "a").write_bytes(data)
        with self.server() as server:
            with Remote(server) as remote:
                self.assertEqual(remote.get("a", data[:1000])["offset"], 1000)
                self.assertEqual(remote.get("a", data)["offset"], len(data))
                self.assertEqual(remote.get("a", b"x" * 1000)["offset"], 0)
                self.assertEqual(remote.get("a", data + b"x")["offset"], 0)
            for part, resumed in ((data[:1000], True), (b"x" * 1000, False), (data + b"x", False)):
                (self.folder / ".a.part").write_bytes(part)
                done = self.client(server, "get", "a")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual("resumed at 1000" in done.stdout, resumed)
                self.assertEqual((self.folder / "a").read_bytes(), data)
                self.assertFalse((self.folder / ".a.part").exists())

    def test_of_two_that_get_one_name_into_one_folder_one_is_refused(self):
        self.home.mkdir()
        (self.home / "a").write_bytes(b"all of it")
        part = self.folder / ".a.part"
        with self.server() as server:
            with open(part, "wb") as other:
                fcntl.flock(other, fcntl.LOCK_EX)
                done = self.client(server, "get", "a")
                self.assertEqual((done.returncode, done.stdout, done.stderr), (
                    1, "", "get a: write .a.part: another client gets this file, too\n"
                    "error: 1 not done\n"))
                self.assertEqual(part.read_bytes(), b"")
            done = self.client(server, "get", "a")
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.folder / "a").read_bytes(), b"all of it")

    def kill_amid(self, command, folder, victim, size, watched):
        """Kills one side once `size` bytes have arrived; false if the transfer was faster."""
        server = self.server()
        client = self.client(server, *command, cwd=folder, popen=True)
        try:
            while client.poll() is None:
                if sum(file.stat().st_size for file in watched()) >= size:
                    (client if victim == "client" else server.process).kill()
                    client.wait(TIMEOUT_SECONDS)
                    return True
            return False
        finally:
            client.kill()
            client.wait()
            server.kill()

    def kill_at_random_points(self, command, folder, watched, arrived):
        """Kills at twenty points, one after the other. Each transfer resumes where it stopped."""
        data = self.data
        points = sorted(self.random.sample(range(1, len(data)), 20))
        kills = 0
        for point in points:
            victim = self.random.choice(["client", "server"])
            with self.subTest(command=command, victim=victim, point=point, seed=self.seed):
                killed = self.kill_amid(command, folder, victim, point, watched)
                kills += killed
                if arrived.exists():
                    self.assertTrue(arrived.read_bytes() == data)
                    arrived.unlink()  # The transfer was faster, and starts again.
                self.assertEqual({path: path.read_bytes() for path in self.others}, self.others)
        self.assertGreaterEqual(kills, 10)
        with self.server() as server:
            done = self.client(server, *command, cwd=folder)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(arrived.read_bytes() == data)
        self.assertEqual({path: path.read_bytes() for path in self.others}, self.others)
        self.assertEqual(self.uploads(), [])

    def set_up_kills(self):
        self.seed = int(os.environ.get("UVREACTOR_SEED", "6"))
        self.random = random.Random(self.seed)
        self.data = self.random.randbytes(96 * MEBIBYTE)
        self.home.mkdir()
        self.there = self.folder / "there"
        self.there.mkdir()
        self.others = {self.home / "other": b"other", self.there / "mine": b"mine",
                       self.root / "beside": b"beside"}
        for path, content in self.others.items():
            path.write_bytes(content)
        self.add_user("ann", "200M")

    def test_an_upload_goes_on_wherever_either_side_is_killed(self):
        self.set_up_kills()
        (self.folder / "a").write_bytes(self.data)
        self.kill_at_random_points(("put", "a"), self.folder, self.uploads, self.home / "a")
        self.assertEqual(sorted(os.listdir(self.home)), ["a", "other"])

    def test_a_download_goes_on_wherever_either_side_is_killed(self):
        self.set_up_kills()
        (self.home / "a").write_bytes(self.data)
        self.kill_at_random_points(("get", "a"), self.there, lambda: list(self.there.glob(".*.part")),
                                   self.there / "a")
        self.assertEqual(sorted(os.listdir(self.there)), ["a", "mine"])


if __name__ == "__main__":
    unittest.main()
