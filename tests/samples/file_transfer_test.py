"""Files of users, by a client that knows nothing but samples/file_transfer/README.md, and by ours."""

import base64
import hashlib
import hmac
import json
import os
import pty
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from challenge import receive  # noqa: E402
from programs import PATIENCE_SECONDS, Server, program, run  # noqa: E402

PASSWORD = "open sesame"
MEBIBYTE = 1 << 20


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Remote:
    """A client on a plain socket."""

    def __init__(self, server, user="ann", password=PASSWORD):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS)
        if user is not None:
            self.greeting = self.log_in(user, password.encode())

    def send(self, header, payload=b""):
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

    def log_in(self, user, password):
        nonce = base64.b64encode(os.urandom(18)).decode()
        bare = f"n={user},r={nonce}"
        first = self.ask("login", message="n,," + bare)
        if first["type"] != "challenge":
            return first
        self.challenge = dict(part.split("=", 1) for part in first["message"].split(","))
        salted = hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(self.challenge["s"]),
                                     int(self.challenge["i"]))

        def mac(key, message):
            return hmac.digest(key, message, "sha256")
        client_key = mac(salted, b"Client Key")
        without_proof = f"c=biws,r={self.challenge['r']}"
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
        self.password.write_text(PASSWORD + "\n")
        done = self.add_user("ann", "80M")
        if "without OpenSSL" in done.stderr:
            self.skipTest("built without OpenSSL")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def add_user(self, user, quota, password=PASSWORD):
        return run("file_server", "--accounts", self.accounts, "--add-user", user, "--quota", quota,
                   input=password + "\n")

    def server(self, *options):
        return Server("file_server", "--accounts", self.accounts, "--root", self.root, *options)

    def client(self, server, *command, input="", user="ann", cwd=None, popen=False):
        words = [program("file_client"), server.endpoint, "--user", user, "--password-file",
                 self.password, *map(os.fsencode, command)]
        if popen:
            return subprocess.Popen(words, cwd=cwd or self.folder, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
        return subprocess.run(words, input=input, text=True, cwd=cwd or self.folder, check=False,
                              capture_output=True, timeout=PATIENCE_SECONDS)

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

    def test_a_login_is_right_or_wrong_and_the_unknown_are_told_the_same(self):
        with self.server() as server:
            with Remote(server) as right:
                self.assertEqual(right.greeting["type"], "welcome")
            with Remote(server, password="wrong") as wrong, Remote(server, "eve") as unknown:
                self.assert_refused(wrong.greeting, "invalid-proof")
                self.assertEqual(wrong.greeting, unknown.greeting)
                self.assertEqual(wrong.challenge["i"], unknown.challenge["i"])
                self.assertEqual(len(wrong.challenge["s"]), len(unknown.challenge["s"]))
                self.assertIsNone(wrong.answer())
                with Remote(server, "eve") as again:
                    self.assertEqual(again.challenge["s"], unknown.challenge["s"])
            done = self.client(server, "ls", user="eve")
            self.assertEqual((done.returncode, done.stderr), (1, "error: login: invalid-proof\n"))

    def test_nothing_is_done_for_who_is_not_logged_in(self):
        with self.server() as server:
            for request in ("quota", "ls", "put", "data", "end", "proof", "x"):
                with Remote(server, user=None) as remote:
                    self.assert_refused(remote.ask(request, path="", size=0), "log in first")
                    self.assertIsNone(remote.answer())
            for wire in (b"\xff\xff\xff\x7f", b"\x02\0\0\0{}", b"\x02\0\0\0[]", b"GET / HTTP/1.1\r\n"):
                with Remote(server, user=None) as remote:
                    remote.socket.sendall(wire)
                    self.assertIsNone(remote.answer())

    def test_who_stalls_is_given_up_in_each_state(self):
        with self.server("--patience", "1", "--idle-timeout", "1") as server:
            with Remote(server, user=None) as silent:
                self.assertIsNone(silent.answer())
            with Remote(server) as idle:
                self.assertIsNone(idle.answer())
            with Remote(server) as uploading:
                self.assertEqual(uploading.ask("put", path="a", size=5)["type"], "ready")
                uploading.send({"type": "data", "offset": 0}, b"ab")
                self.assertIsNone(uploading.answer())
            self.assertFalse((self.home / "a").exists())


class Paths(FileTransferTest):
    def test_no_path_leads_out_of_a_home(self):
        (self.folder / "secret").write_text("secret")
        with self.server() as server, Remote(server) as remote:
            for path in ("../secret", "..", "a/../../x", "/etc/passwd", "/", "a//b", "a/", ".", "%2e%2e",
                         "a%00b", "%", "%zz", "%2fetc", "..%2f..%2fsecret"):
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
            # The link itself is replaced, not what it leads to.
            self.assertEqual(remote.put("file", b"mine")["type"], "stored")
        self.assertEqual((self.folder / "secret").read_text(), "secret")
        self.assertEqual((self.home / "file").read_text(), "mine")

    def test_names_have_any_bytes(self):
        names = [b"a b", b"\xff\xfe", b"new\nline", b"100%", "Grüße".encode(), b"-x", b"\x1b[31m"]
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
                while select.select([controller], [], [], PATIENCE_SECONDS)[0]:
                    shown += os.read(controller, 1000)
                    if not asked and b"password: " in shown:
                        asked = True
                        os.write(controller, PASSWORD.encode() + b"\n")
            except OSError:  # How Linux tells that nobody has the terminal any more.
                pass
            self.assertEqual(client.wait(PATIENCE_SECONDS), 0, shown)
        self.assertNotIn(PASSWORD.encode(), shown)
        self.assertRegex(shown.decode(), r"\ra \[#* *\] +\d+ % .*/s \d+:\d\d left")
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
            self.assertEqual(answers.count("stored"), 2)  # Names cost, too.
            with Remote(server) as remote:
                self.assert_refused(remote.put("x", data), "quota", "left")
                self.assertLessEqual(remote.used(), 3 * MEBIBYTE)
                # Nothing more than was announced is taken.
                self.assertEqual(remote.ask("put", path="x", size=10)["type"], "ready")
                remote.send({"type": "data", "offset": 0}, data)
                self.assert_refused(remote.answer())
        self.assertEqual(len(os.listdir(self.home)), 2)
        self.assertEqual(self.uploads(), [])

    def test_a_full_disk_is_told_and_leaves_nothing(self):
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
            with Remote(server) as remote:  # Another file by then.
                self.assertEqual(remote.put("a", b"x" + data)["type"], "stored")
                self.assertEqual(remote.used(), len(data) + 1 + 256)
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

    def kill_amid(self, command, folder, victim, size, watched):
        """Kills one side once so many bytes have arrived; false when the transfer was faster."""
        server = self.server()
        client = self.client(server, *command, cwd=folder, popen=True)
        try:
            while client.poll() is None:
                if sum(file.stat().st_size for file in watched()) >= size:
                    (client if victim == "client" else server.process).kill()
                    client.wait(PATIENCE_SECONDS)
                    return True
            return False
        finally:
            client.kill()
            client.wait()
            server.kill()

    def test_whoever_is_killed_whenever_the_transfer_goes_on(self):
        data = os.urandom(64 * MEBIBYTE)
        there = self.folder / "there"
        there.mkdir()
        (self.folder / "a").write_bytes(data)
        self.home.mkdir()
        (self.home / "other").write_bytes(b"other")
        for command, folder, watched, arrived in (
                (("put", "a"), self.folder, self.uploads, self.home / "a"),
                (("get", "a"), there, lambda: list(there.glob(".*.part")), there / "a")):
            kills = 0
            for victim, size in (("client", 1), ("server", len(data) // 8),
                                 ("client", len(data) // 4), ("server", len(data) // 2)):
                kills += self.kill_amid(command, folder, victim, size, watched)
                self.assertTrue(not arrived.exists() or arrived.read_bytes() == data)
            self.assertGreater(kills, 0)
            with self.server() as server:
                done = self.client(server, *command, cwd=folder)
                self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(arrived.read_bytes() == data)
            self.assertEqual((self.home / "other").read_bytes(), b"other")


if __name__ == "__main__":
    unittest.main()
