"""Two users at the same time: each has files on a server, and neither reaches the other's."""

import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from file_transfer_test import MEBIBYTE, FileTransferTest, Remote, cost, sha256  # noqa: E402
from programs import TIMEOUT_SECONDS, Server, program, run, write_private  # noqa: E402

BOBS_PASSWORD = "another sesame"
GIBIBYTE = 1 << 30


class TwoAccounts(FileTransferTest):
    """ann with 4 MiB and bob with 8 MiB."""

    def setUp(self):
        super().setUp()
        self.assertEqual(self.add_user("ann", "4M").returncode, 0)
        self.assertEqual(self.add_user("bob", "8M", BOBS_PASSWORD).returncode, 0)
        self.bobs_home = self.root / "bob"
        self.bobs_password = self.folder / "bobs_password"
        write_private(self.bobs_password, BOBS_PASSWORD + "\n")

    def wait_for_upload(self, server, size):
        while self.uploads()[0].stat().st_size < size:
            self.assertIsNone(server.process.poll())

    def ann(self, server):
        return Remote(server)

    def bob(self, server):
        return Remote(server, "bob", BOBS_PASSWORD)

    def bobs_client(self, server, *command, cwd=None):
        return subprocess.run(
            [program("file_client"), server.endpoint, "--user", "bob", "--password-file",
             self.bobs_password, *command], text=True, cwd=cwd or self.folder, check=False,
            capture_output=True, timeout=TIMEOUT_SECONDS)


class AccountsFile(TwoAccounts):
    def test_numbers_that_are_none_are_refused(self):
        text = self.accounts.read_text()
        for name in ("iterations", "quota_bytes"):
            for wrong in ("-1", "1.5", "1e300", "18446744073709551616", '"7"', "null", "[]"):
                changed = re.sub(f'"{name}": [0-9]+', f'"{name}": {wrong}', text)
                self.assertNotEqual(changed, text)
                self.accounts.write_text(changed)
                done = run("file_server", "--accounts", self.accounts, "--root", self.root,
                           "--listen", "127.0.0.1:0")
                self.assertEqual((done.returncode, done.stdout), (1, ""), wrong)
                self.assertRegex(done.stderr, r"\Aerror: [^\n]+\n\Z")


class Homes(TwoAccounts):
    def test_one_name_is_a_file_of_each_in_several_sessions_at_once(self):
        with self.server() as server, self.ann(server) as ann, self.ann(server) as ann_too, \
                self.bob(server) as bob, self.bob(server) as bob_too:
            self.assertEqual(ann.put("a", b"ann's")["type"], "stored")
            self.assertEqual(bob.put("a", b"bob's")["type"], "stored")
            for _ in range(3):
                for remote, data in ((ann, b"ann's"), (bob, b"bob's"), (ann_too, b"ann's"),
                                     (bob_too, b"bob's")):
                    self.assertEqual(remote.get("a")["data"], data)
            self.assertEqual(bob.ask("rm", path="a")["type"], "done")
            self.assert_refused(bob_too.get("a"), "no such file")
            self.assertEqual(ann_too.get("a")["data"], b"ann's")

    def test_uploads_of_both_to_one_name_at_once_stay_apart(self):
        with self.server() as server, self.ann(server) as ann, self.bob(server) as bob:
            pieces = {ann: b"a" * MEBIBYTE, bob: b"b" * MEBIBYTE}
            for remote in pieces:
                self.assertEqual(remote.ask("put", path="x", size=3 * MEBIBYTE)["offset"], 0)
            for offset in range(0, 3 * MEBIBYTE, MEBIBYTE):
                for remote, piece in pieces.items():
                    remote.send({"type": "data", "offset": offset}, piece)
            for remote, piece in pieces.items():
                self.assertEqual(remote.ask("end", sha256=sha256(piece * 3))["type"], "stored")
        self.assertEqual((self.home / "x").read_bytes(), b"a" * 3 * MEBIBYTE)
        self.assertEqual((self.bobs_home / "x").read_bytes(), b"b" * 3 * MEBIBYTE)

    def test_what_one_began_to_upload_is_not_offered_to_the_other(self):
        data = os.urandom(2 * MEBIBYTE)
        with self.server() as server:
            with self.ann(server) as ann:
                ann.ask("put", path="a", size=len(data))
                ann.send({"type": "data", "offset": 0}, data[:MEBIBYTE])
                self.wait_for_upload(server, MEBIBYTE)
                ann.socket.shutdown(socket.SHUT_WR)
                self.assertIsNone(ann.answer())
            with self.bob(server) as bob, self.ann(server) as ann:
                self.assertEqual(bob.ask("put", path="a", size=len(data))["offset"], 0)
                self.assertEqual(ann.ask("put", path="a", size=len(data))["offset"], MEBIBYTE)

    def test_no_user_reaches_the_home_of_another_by_any_path(self):
        with self.server() as server, self.ann(server) as ann, self.bob(server) as bob:
            self.assertEqual(ann.put("secret", b"ann's")["type"], "stored")
            self.assertEqual(bob.put("mine", b"bob's")["type"], "stored")
            (self.bobs_home / "link").symlink_to("../ann")
            (self.bobs_home / "absolute").symlink_to(self.home)
            (self.bobs_home / "file").symlink_to("../ann/secret")
            os.mkdir(self.bobs_home / "folder")
            (self.bobs_home / "folder/up").symlink_to("../..")
            for path in ("../ann/secret", "../ann", "..", "/ann/secret", "/ann", "ann/secret",
                         str(self.home / "secret"), "folder/../../ann/secret", "%2e%2e/ann/secret",
                         "..%2fann%2fsecret", "../.uploads/ann", "link/secret", "link",
                         "absolute/secret", "absolute", "file", "folder/up/ann/secret",
                         "folder/up", "./../ann/secret", "mine/../../ann/secret"):
                for request in ("get", "ls"):
                    with self.subTest(path=path, request=request):
                        answer = bob.ask(request, path=path)
                        self.assert_refused(answer)
                        self.assertNotIn("ann's", str(answer))
                if path in ("link", "absolute", "file", "folder/up"):
                    continue  # Bob may replace and remove a link of his own.
                for request in ("put", "mkdir", "rm", "rmdir"):
                    with self.subTest(path=path, request=request):
                        self.assert_refused(bob.ask(request, path=path, size=1))
            for path in ("link", "absolute", "folder/up", "file"):
                self.assertEqual(bob.ask("rm", path=path)["type"], "done")
            self.assertEqual(ann.get("secret")["data"], b"ann's")
            names = [line for line in bob.ask("ls", path="")["payload"].splitlines()]
            self.assertEqual(len(names), 2, names)
        self.assertEqual(os.listdir(self.home), ["secret"])
        self.assertEqual(sorted(os.listdir(self.root)), [".uploads", "ann", "bob"])

    def test_our_client_does_not_climb_out_of_a_home_either(self):
        with self.server() as server:
            (self.folder / "a").write_bytes(b"ann's")
            self.assertEqual(self.client(server, "put", "a").returncode, 0)
            where = self.folder / "bobs"
            where.mkdir()
            for path in ("../ann/a", "/ann/a", "/../ann/a", "../../root/ann/a"):
                done = self.bobs_client(server, "get", path, cwd=where)
                self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
                self.assertEqual(os.listdir(where), [])
            self.assertEqual(self.bobs_client(server, "ls", "..").stdout, "")

    def test_the_password_of_one_does_not_log_the_other_in(self):
        with self.server() as server:
            with Remote(server, "ann", BOBS_PASSWORD) as wrong:
                self.assert_refused(wrong.greeting, "login: ")
            with Remote(server, "bob") as wrong:
                self.assert_refused(wrong.greeting, "login: ")
            with self.ann(server) as ann, self.bob(server) as bob:
                self.assertEqual((ann.greeting["type"], bob.greeting["type"]), ("welcome",) * 2)


class Quotas(TwoAccounts):
    def test_each_has_a_quota_of_its_own(self):
        with self.server() as server, self.ann(server) as ann, self.bob(server) as bob:
            self.assertEqual(ann.ask("quota")["quota_bytes"], 4 * MEBIBYTE)
            self.assertEqual(bob.ask("quota")["quota_bytes"], 8 * MEBIBYTE)
            data = bytes(6 * MEBIBYTE)
            self.assert_refused(ann.put("x", data), "quota")
            self.assertEqual(bob.put("x", data)["type"], "stored")
            self.assert_refused(bob.put("y", data), "quota")
            self.assertEqual(ann.used(), 0)
            self.assertEqual(ann.put("y", data[:3 * MEBIBYTE])["type"], "stored")
            self.assertEqual(bob.used(), cost(len(data)))

    def test_the_sessions_of_one_share_a_quota_and_those_of_the_other_have_theirs(self):
        with self.server() as server, self.ann(server) as ann, self.ann(server) as ann_too, \
                self.bob(server) as bob, self.bob(server) as bob_too:
            size = 5 * MEBIBYTE // 2
            self.assertEqual(ann.ask("put", path="a", size=size)["type"], "ready")
            self.assert_refused(ann_too.ask("put", path="b", size=size), "quota")
            self.assertEqual(bob.ask("put", path="a", size=size)["type"], "ready")
            self.assertEqual(bob_too.ask("put", path="b", size=size)["type"], "ready")
            ann.send({"type": "end"})  # Gives the upload up, which frees its part of the quota.
            self.assert_refused(ann.answer(), "given up")
            self.assertEqual(ann_too.ask("put", path="b", size=size)["type"], "ready")

    def test_many_sessions_of_both_at_once_store_what_each_quota_allows(self):
        stored = {"ann": [], "bob": []}

        def put(make, user, number):
            with make(server) as remote:
                if remote.put(f"{number}", bytes(MEBIBYTE))["type"] == "stored":
                    stored[user].append(f"{number}")
        with self.server() as server:
            threads = [threading.Thread(target=put, args=(make, user, number))
                       for number in range(10)
                       for user, make in (("ann", self.ann), ("bob", self.bob))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual((len(stored["ann"]), len(stored["bob"])), (3, 7))  # Names count too.
        self.assertEqual(sorted(os.listdir(self.home)), sorted(stored["ann"]))
        self.assertEqual(sorted(os.listdir(self.bobs_home)), sorted(stored["bob"]))


class Large(TwoAccounts):
    def test_a_gibibyte_is_put_and_got_and_both_resumed(self):
        free = shutil.disk_usage(self.folder).free
        if free < 4 * GIBIBYTE:
            self.skipTest(f"{free >> 20} MiB are free in {self.folder}, and it takes 4 GiB")
        if b"__asan_init" in program("file_server").read_bytes() or \
                b"__tsan_init" in program("file_server").read_bytes():
            self.skipTest("a sanitizer makes it last for minutes")
        self.add_user("ann", "2G")
        large = self.folder / "large"
        with open(large, "wb") as file:
            file.truncate(GIBIBYTE)
            for at in (0, GIBIBYTE // 2 - 3, GIBIBYTE - 6):
                file.seek(at)
                file.write(b"marked")
        begun = 256 * MEBIBYTE
        with self.server() as server:
            with self.ann(server) as ann:
                self.assertEqual(ann.ask("put", path="large", size=GIBIBYTE)["offset"], 0)
                with open(large, "rb") as file:
                    for offset in range(0, begun, MEBIBYTE):
                        ann.send({"type": "data", "offset": offset}, file.read(MEBIBYTE))
                self.wait_for_upload(server, begun)
                ann.socket.shutdown(socket.SHUT_WR)
                self.assertIsNone(ann.answer())
            done = self.client(server, "put", "large")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"resumed at {begun}", done.stdout)
            self.assert_equal_files(large, self.home / "large")
            there = self.folder / "there"
            there.mkdir()
            with open(large, "rb") as file, open(there / ".large.part", "wb") as part:
                shutil.copyfileobj(file, part, MEBIBYTE)
                part.truncate(begun)
            done = self.client(server, "get", "large", cwd=there)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"resumed at {begun}", done.stdout)
            self.assert_equal_files(large, there / "large")

    def assert_equal_files(self, one, other):
        self.assertEqual(subprocess.run(["cmp", one, other], check=False).returncode, 0)


class TheClient(TwoAccounts):
    def test_help_lists_every_command_and_the_session_goes_on(self):
        with self.server() as server:
            done = self.client(server, input="help\npwd\n")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            first, *rest = done.stdout.splitlines()
            for command in ("put FILE", "get FILE", "ls [FOLDER]", "cd [FOLDER]", "pwd",
                            "mkdir FOLDER", "rm FILE", "rmdir FOLDER", "quota", "help", "quit",
                            "exit"):
                self.assertIn(command, first)
            self.assertEqual(rest, ["/"])
            self.assertIn("put FILE", self.client(server, "help").stdout)

    def test_quit_and_exit_end_the_session_before_the_lines_that_follow(self):
        with self.server() as server:
            for command in ("quit", "exit"):
                done = self.client(server, input=f"pwd\n{command}\nmkdir never\n")
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "/\n", ""))
                self.assertEqual(self.client(server, command).returncode, 0)
                self.assertIn("so they are said", self.client(server, command, "now").stderr)
            self.assertEqual(os.listdir(self.home), [])

    def test_quit_after_a_failure_is_still_a_failure(self):
        with self.server() as server:
            done = self.client(server, input="get nix\nquit\n")
            self.assertEqual(done.returncode, 1)
            self.assertIn("error: 1 not done\n", done.stderr)

    def test_a_transfer_that_fails_does_not_end_the_session(self):
        (self.folder / "good").write_bytes(b"good")
        (self.folder / "big").write_bytes(bytes(5 * MEBIBYTE))
        (self.folder / "here").mkdir()
        (self.folder / ".cut.part").mkdir()
        (self.folder / "taken").mkdir()
        (self.folder / "taken/full").write_bytes(b"")
        self.home.mkdir()
        for name in ("cut", "taken"):
            (self.home / name).write_bytes(b"remote")
        (self.home / "folder").mkdir()
        failures = ["get nix", "get folder", "get /", "get cut", "get taken", "put nix", "put big",
                    "put here", "put /dev/null/x"]
        with self.server() as server:
            for failure in failures:
                with self.subTest(failure):
                    done = self.client(server, input=f"{failure}\nput good\nget good\npwd\n")
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.assertTrue(done.stdout.endswith("/\n"), done.stdout)
                    self.assertEqual(done.stdout.count("good: 4 bytes"), 2, done.stderr)
                    reason, *rest = done.stderr.splitlines()
                    self.assertTrue(reason.startswith(f"{failure}: "), reason)
                    self.assertEqual(rest, ["error: 1 not done"])
            self.assertEqual((self.home / "good").read_bytes(), b"good")
        self.assertEqual(self.uploads(), [])

    def test_a_download_that_cannot_be_written_does_not_end_the_session(self):
        self.home.mkdir()
        (self.home / "big").write_bytes(bytes(3 * MEBIBYTE))
        (self.home / "small").write_bytes(b"small")
        with self.server() as server:
            done = subprocess.run(
                [program("file_client"), server.endpoint, "--user", "ann", "--password-file",
                 self.password], input="get big\nget small\npwd\n", text=True, cwd=self.folder,
                check=False, capture_output=True, timeout=TIMEOUT_SECONDS,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                                      (MEBIBYTE, MEBIBYTE)))
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr, r"^get big: .*file too large\nerror: 1 not done\n$")
            self.assertTrue(done.stdout.endswith("/\n"), done.stdout)
        self.assertEqual((self.folder / "small").read_bytes(), b"small")


# --- the other servers -------------------------------------------------------------------------


def in_time_wait(port):
    """True when the kernel keeps an ended connection of this local port."""
    with open("/proc/net/tcp") as table:
        return any(fields[1].endswith(f":{port:04X}") and fields[3] == "06"
                   for fields in (line.split() for line in table))


class Restart(FileTransferTest):
    def assert_restarts(self, name, *options, **process_options):
        with Server(name, *options, **process_options) as server:
            port = server.port
            with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as client:
                server.process.terminate()
                try:
                    while client.recv(1000):
                        pass
                except ConnectionResetError:
                    self.fail("the connection was reset, and none can be in TIME_WAIT")
            self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)
        self.assertTrue(in_time_wait(port))
        with Server(name, "--listen", f"127.0.0.1:{port}", *options, **process_options) as again:
            self.assertEqual(again.port, port)
            socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS).close()

    @unittest.skipIf(b"__tsan_init" in program("file_server").read_bytes(),
                     "ThreadSanitizer loses a signal that arrives in the first blocking call")
    def test_every_server_starts_at_once_on_the_port_of_its_last_connections(self):
        for name, *options in (("tcp_echo_server",), ("tcp_echo_server", "--threads", "2"),
                               ("chat_server",), ("dialog",), ("http_responder", "--root", "."),
                               ("readiness_echo_server",),
                               ("remote_command_server", "--secret-file", self.password),
                               ("file_server", "--accounts", self.accounts, "--root", self.root)):
            with self.subTest(name, options=options):
                self.assert_restarts(name, *options)

    def test_accounts_and_files_are_there_after_the_restart(self):
        with self.server() as server, Remote(server) as ann:
            port = server.port
            self.assertEqual(ann.put("a", b"before")["type"], "stored")
            server.process.terminate()
            self.assertIsNone(ann.answer())
            ann.socket.close()
            self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)
        self.assertTrue(in_time_wait(port))
        with self.server("--listen", f"127.0.0.1:{port}") as server, Remote(server) as ann:
            self.assertEqual(ann.get("a")["data"], b"before")


@unittest.skipUnless(shutil.which("socat"), "there is no socat")
class Socat(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def talk(self, address, *exchanges):
        """Sends each text with socat, and reads the expected reply before the next one."""
        client = subprocess.Popen(["socat", "-", address], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        self.addCleanup(client.stdout.close)
        self.addCleanup(client.kill)
        stop = threading.Timer(TIMEOUT_SECONDS, client.kill)  # Ends a read that lasts too long.
        stop.start()
        self.addCleanup(stop.cancel)
        for sent, expected in exchanges:
            client.stdin.write(sent)
            client.stdin.flush()
            self.assertEqual(client.stdout.read(len(expected)), expected)
        client.stdin.close()
        self.assertEqual(client.wait(TIMEOUT_SECONDS), 0)

    def test_a_client_of_unix_stream_sockets(self):
        path = self.folder / "socket"
        for name, *options in (("tcp_echo_server",), ("readiness_echo_server",)):
            with self.subTest(name), Server(name, "--listen", f"unix:{path}", *options):
                for _ in range(2):
                    self.talk(f"UNIX-CONNECT:{path}", (b"hello\n", b"hello\n"),
                              (b"x" * 5000 + b"\n", b"x" * 5000 + b"\n"))
        with Server("chat_server", "--listen", f"unix:{path}"):
            self.talk(f"UNIX-CONNECT:{path}", (b"/nick ann\n", b""), (b"/quit\n", b""))
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_client_of_unix_datagram_sockets(self):
        path, mine = self.folder / "socket", self.folder / "mine"
        with Server("udp_echo_server", "--listen", f"unix:{path}", "--upper"):
            for _ in range(2):
                self.talk(f"UNIX-SENDTO:{path},bind={mine}", (b"hello", b"HELLO"),
                          (b"again", b"AGAIN"))
                mine.unlink(missing_ok=True)
            # A client without a name cannot get a reply, and does no harm.
            subprocess.run(["socat", "-u", "-", f"UNIX-SENDTO:{path}"], input=b"unnamed",
                           check=True, timeout=TIMEOUT_SECONDS)
            self.talk(f"UNIX-SENDTO:{path},bind={mine}", (b"still", b"STILL"))
            mine.unlink(missing_ok=True)
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_server_of_our_clients(self):
        path = self.folder / "socket"
        server = subprocess.Popen(["socat", "-d", "-d", f"UNIX-LISTEN:{path}", "EXEC:cat"],
                                  stderr=subprocess.PIPE, text=True)
        self.addCleanup(server.stderr.close)
        self.addCleanup(server.kill)
        for line in server.stderr:
            if "listening on" in line:
                break
        done = run("tcp_echo_client", f"unix:{path}", input="hello\n")
        self.assertEqual((done.returncode, done.stdout), (0, "hello\n"), done.stderr)
        self.assertEqual(server.wait(TIMEOUT_SECONDS), 0)


if __name__ == "__main__":
    unittest.main()
