"""Files of secrets, passwords and accounts: who may read them, and how they are replaced."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "samples"))
from file_transfer_test import PASSWORD, FileTransferTest, Remote  # noqa: E402
from programs import TIMEOUT_SECONDS, program, run, write_private  # noqa: E402

ANOTHER_USER = 12345  # A user without an account: the kernel needs only a number.


def command(name, *arguments):
    return [program(name), *map(str, arguments)]


class Readers(FileTransferTest):
    """Files that users other than the owner can read."""

    def users_of_private_files(self):
        """Programs, each with a file that it reads, and the words of its error."""
        secret = write_private(self.folder / "secret", "a secret\n")
        listen = ("--listen", "127.0.0.1:0")
        return [
            (secret, "read secret file", ("tcp_echo_server", *listen, "--secret-file", secret)),
            (secret, "read secret file", ("tcp_echo_client", "127.0.0.1:0", "--secret-file", secret)),
            (secret, "read secret file", ("remote_command_server", *listen, "--secret-file", secret)),
            (secret, "read secret file",
             ("remote_command_client", "127.0.0.1:0", "--secret-file", secret)),
            (self.password, "read password file",
             ("file_client", "127.0.0.1:0", "--user", "ann", "--password-file", self.password)),
            (self.password, "read password file",
             ("file_server", "--accounts", self.accounts, "--add-user", "bob", "--password-file",
              self.password)),
            (self.accounts, "read accounts",
             ("file_server", *listen, "--accounts", self.accounts, "--root", self.root)),
            (self.accounts, "read accounts",
             ("file_server", "--accounts", self.accounts, "--add-user", "bob")),
        ]

    def test_a_file_that_all_can_change_is_refused_with_a_hint(self):
        for path, operation, words in self.users_of_private_files():
            for mode in (0o602, 0o606, 0o666, 0o777):
                with self.subTest(words=words, mode=oct(mode)):
                    path.chmod(mode)
                    done = run(*words, input="x\n")
                    self.assertEqual((done.returncode, done.stdout), (1, ""))
                    self.assertEqual(done.stderr, f"error: {operation} {path}: its mode is {mode:04o}, "
                                     f"so that other users can change it (chmod 600 {path})\n")
            path.chmod(0o600)

    def test_a_file_that_others_can_read_causes_a_warning_with_a_hint(self):
        self.password.chmod(0o600)
        for path, operation, words in self.users_of_private_files():
            if "--listen" in words:
                continue  # A server keeps running; the next test has one.
            for mode, what in ((0o644, "other users can read it"), (0o604, "other users can read it"),
                               (0o640, "its group can read it"), (0o660, "its group can read it"),
                               (0o620, "its group can change it")):
                with self.subTest(words=words, mode=oct(mode)):
                    path.chmod(mode)
                    done = run(*words, input="x\n")
                    self.assertTrue(done.stderr.startswith(
                        f"warning: {operation} {path}: its mode is {mode:04o}, so that {what} "
                        f"(chmod 600 {path})\n"), done.stderr)
                    self.assertNotIn(f"error: {operation}", done.stderr)
            path.chmod(0o600)

    def test_the_file_counts_and_not_the_link_to_it(self):
        for path, operation, words in self.users_of_private_files():
            link = path.with_name("link")
            link.symlink_to(path)
            words = [link if word == path else word for word in words]
            path.chmod(0o666)
            self.assertIn(f"{operation} {link}: its mode is 0666", run(*words, input="x\n").stderr)
            path.chmod(0o600)
            link.unlink()

    def test_one_that_only_its_owner_can_use_and_a_pipe_are_read(self):
        for mode in (0o600, 0o400, 0o700):
            self.password.chmod(mode)
            with self.server() as server:
                self.assertEqual(self.client(server, "ls").returncode, 0)
        with self.server() as server:
            words = " ".join(["exec", str(program("file_client")), server.endpoint, "--user", "ann",
                              "--password-file", f"<(echo '{PASSWORD}')", "ls"])
            done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=False,
                                  timeout=TIMEOUT_SECONDS)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            words = words.replace(f"<(echo '{PASSWORD}')", "/dev/stdin") + f" <<< '{PASSWORD}'"
            done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=False,
                                  timeout=TIMEOUT_SECONDS)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    @unittest.skipIf(os.geteuid() != 0, "only root gives files away")
    def test_one_of_another_owner_may_be_read_by_the_group_that_the_program_is_in(self):
        secret = write_private(self.folder / "secret", "a secret\n")
        os.chown(secret, ANOTHER_USER, -1)
        words = command("tcp_echo_client", "127.0.0.1:0", "--secret-file", secret)
        for mode, finding in ((0o640, None), (0o600, None),
                              (0o660, f"its group can change it (chmod g-w {secret})"),
                              (0o644, f"other users can read it (chmod o= {secret})")):
            secret.chmod(mode)
            done = subprocess.run(words, capture_output=True, text=True, check=False, input="",
                                  timeout=TIMEOUT_SECONDS)
            warning = "" if finding is None else (f"warning: read secret file {secret}: its mode is "
                                                  f"{mode:04o}, so that {finding}\n")
            self.assertTrue(done.stderr.startswith(f"{warning}error: connect 127.0.0.1:0"),
                            done.stderr)

    def test_a_running_server_warns_of_accounts_that_others_can_read(self):
        with self.server() as server:
            with Remote(server) as remote:
                self.assertEqual(remote.greeting["type"], "welcome")
            self.accounts.chmod(0o644)
            with Remote(server) as remote:
                self.assertEqual(remote.greeting["type"], "welcome")
            self.accounts.chmod(0o666)
            with Remote(server) as remote:
                self.assert_refused(remote.greeting, "the server cannot read its accounts")
            self.accounts.chmod(0o600)
            with Remote(server) as remote:
                self.assertEqual(remote.greeting["type"], "welcome")
        for what in ("0644, so that other users can read", "0666, so that other users can change"):
            self.assertIn(f"mode is {what} it (chmod 600 {self.accounts})", server.errors())


class Replacements(FileTransferTest):
    def test_a_file_that_a_download_replaces_keeps_its_mode_and_a_new_one_has_the_users(self):
        os.umask(umask := os.umask(0o022))
        usual = 0o666 & ~umask
        for name in ("private", "new"):
            (self.folder / name).write_bytes(b"what is in it")
        with self.server() as server:
            self.assertEqual(self.client(server, "put", "private", "new").returncode, 0)
            here = self.folder / "here"
            here.mkdir()
            private = write_private(here / "private", "older\n")
            new = here / "new"
            for left in (False, True):  # Left by a download that was interrupted.
                if left:
                    for path in (private, new):
                        part = here / f".{path.name}.part"
                        part.write_bytes(b"what")
                        part.chmod(usual)
                    new.unlink()
                done = self.client(server, "get", "private", "new", cwd=here)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(private.read_bytes(), b"what is in it")
                self.assertEqual(private.stat().st_mode & 0o777, 0o600)
                self.assertEqual(new.stat().st_mode & 0o777, usual)


class AddingUsers(FileTransferTest):
    def users(self):
        return set(json.loads(self.accounts.read_text())["accounts"])

    def adding(self, user, **options):
        return subprocess.Popen(
            command("file_server", "--accounts", self.accounts, "--add-user", user,
                    "--password-file", self.password),
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)

    def assert_all_done(self, processes):
        for process in processes:
            self.assertEqual((process.communicate(timeout=TIMEOUT_SECONDS)[1], process.returncode),
                             ("", 0))

    def test_several_at_once_lose_nothing(self):
        names = {f"user{number}" for number in range(24)}
        self.assert_all_done([self.adding(name) for name in sorted(names)])
        self.assertEqual(self.users(), {"ann"} | names)
        self.assertEqual(sorted(os.listdir(self.folder)), ["accounts", "password", "root"])

    def test_several_at_once_begin_one_file(self):
        self.accounts.unlink()
        names = {f"user{number}" for number in range(12)}
        self.assert_all_done([self.adding(name, umask=0) for name in sorted(names)])
        self.assertEqual(self.users(), names)
        self.assertEqual(self.accounts.stat().st_mode & 0o7777, 0o600)

    def test_a_user_that_types_a_password_delays_no_other(self):
        with subprocess.Popen(command("file_server", "--accounts", self.accounts, "--add-user", "slow"),
                              stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as slow:
            self.assert_all_done([self.adding("quick")])
            self.assertEqual(slow.communicate(PASSWORD + "\n", TIMEOUT_SECONDS)[1], "")
        self.assertEqual(self.users(), {"ann", "quick", "slow"})

    def test_the_file_is_whole_whenever_one_is_killed(self):
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", file=sys.stderr)
        chance = random.Random(seed)
        before = self.users()
        for number in range(40):
            process = self.adding(f"user{number}")
            try:
                process.wait(chance.uniform(0, 0.12))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            process.communicate(timeout=TIMEOUT_SECONDS)
            now = self.users()
            self.assertTrue(before <= now <= before | {f"user{number}"}, f"seed {seed}")
            before = now
        self.assert_all_done([self.adding("last")])  # The leftovers of a killed process do no harm.
        self.assertEqual(self.users(), before | {"last"})
        self.assertEqual(sorted(os.listdir(self.folder)), ["accounts", "password", "root"])

    def test_one_that_cannot_write_all_of_it_changes_nothing(self):
        before = self.accounts.read_bytes()

        def allow_less():
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(before), len(before)))
        process = self.adding("bob", preexec_fn=allow_less)
        errors = process.communicate(timeout=TIMEOUT_SECONDS)[1]
        self.assertEqual((process.returncode, errors),
                         (1, f"error: write accounts {self.accounts}: file too large\n"))
        self.assertEqual(self.accounts.read_bytes(), before)
        self.assertEqual(sorted(os.listdir(self.folder)), ["accounts", "password", "root"])

    def test_a_symbolic_link_stays_and_the_file_behind_it_is_replaced(self):
        (self.folder / "behind").mkdir()
        self.accounts.rename(self.folder / "behind/real")
        self.accounts.symlink_to("behind/real")
        self.assert_all_done([self.adding("bob")])
        self.assertTrue(self.accounts.is_symlink())
        self.assertEqual(self.users(), {"ann", "bob"})
        self.assertEqual(os.listdir(self.folder / "behind"), ["real"])

    def test_what_stands_in_place_of_the_new_file_is_left_alone(self):
        new = self.folder / "accounts.new"
        other = write_private(self.folder / "other", "other\n")
        for make in (lambda: new.symlink_to(other), lambda: os.link(other, new), lambda: os.mkfifo(new),
                     new.mkdir):
            make()
            process = self.adding("bob")
            errors = process.communicate(timeout=TIMEOUT_SECONDS)[1]
            self.assertEqual(process.returncode, 1)
            self.assertIn(f"error: write accounts {new}: ", errors)
            self.assertEqual(other.read_text(), "other\n")
            self.assertTrue(os.path.lexists(new))
            new.rmdir() if new.is_dir() else new.unlink()
        self.assertEqual(self.users(), {"ann"})

    @unittest.skipIf(os.geteuid() != 0, "only root gives files away")
    def test_the_owner_the_group_and_the_mode_stay(self):
        os.chown(self.accounts, ANOTHER_USER, ANOTHER_USER + 1)
        self.accounts.chmod(0o640)
        self.assert_all_done([self.adding("bob")])
        info = self.accounts.stat()
        self.assertEqual((info.st_uid, info.st_gid, info.st_mode & 0o7777),
                         (ANOTHER_USER, ANOTHER_USER + 1, 0o640))
        self.assertEqual(self.users(), {"ann", "bob"})

    def test_a_running_server_has_each_new_account_at_once(self):
        with self.server() as server:
            for name in ("bob", "eve"):
                self.assert_all_done([self.adding(name)])
                with Remote(server, name) as remote:
                    self.assertEqual(remote.greeting["type"], "welcome")


if __name__ == "__main__":
    unittest.main()
