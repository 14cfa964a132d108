"""file_server under attack: by strangers who log in, and by users who fill its disk."""

import json
import os
import resource
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "samples"))
from file_transfer_test import FileTransferTest, Remote, cost  # noqa: E402
from programs import TIMEOUT_SECONDS  # noqa: E402

BLOCK = 4096


class Logins(FileTransferTest):
    def fails(self, server, source, user="ann"):
        with Remote(server, user, "wrong", source) as remote:
            return remote.greeting

    def assert_has_to_wait(self, server, source, user="ann"):
        """Tries again: on a slow machine a pause of a second may have passed; the next is
        longer."""
        for _ in range(8):
            answer = self.fails(server, source, user)
            if "too many have failed" in answer["reason"]:
                return
        raise AssertionError(answer)

    def test_after_ten_failures_an_address_has_to_wait_and_others_do_not(self):
        with self.server() as server:
            for _ in range(10):
                self.assert_refused(self.fails(server, "127.0.0.2"), "another password")
            for user in ("ann", "nobody"):
                self.assert_has_to_wait(server, "127.0.0.2", user)
            with Remote(server, source="127.0.0.3") as other:
                self.assertEqual(other.greeting["type"], "welcome")

    def test_a_login_that_is_begun_and_left_counts_as_failed(self):
        with self.server() as server:
            for _ in range(10):
                with Remote(server, None, source="127.0.0.2") as remote:
                    answer = remote.ask("login", message="n,,n=ann,r=x")
                    self.assertEqual(answer["type"], "challenge")
            log = self.told(server, "failed", 10)
            self.assertIn('a login as "ann" from 127.0.0.2 failed', log)
            self.assert_has_to_wait(server, "127.0.0.2")

    def test_a_name_that_many_addresses_try_waits_but_not_for_its_own_address(self):
        with self.server() as server:
            with Remote(server, source="127.0.0.9") as own:
                self.assertEqual(own.greeting["type"], "welcome")
            for number in range(30):
                self.fails(server, f"127.0.1.{number // 9 + 1}")
            self.assert_has_to_wait(server, "127.0.2.1")
            self.assert_refused(self.fails(server, "127.0.2.2", "bob"), "another password")
            with Remote(server, source="127.0.0.9") as own:
                self.assertEqual(own.greeting["type"], "welcome")

    def test_names_of_strangers_are_escaped_in_the_log(self):
        with self.server() as server:
            with Remote(server, None) as remote:
                remote.ask("login", message="n,,n=\x1b[31m\u009b\n,r=x")
            log = self.told(server, "failed", 1)
        self.assertIn("\\x1b[31m", log)
        self.assertNotIn("\x1b", log)
        self.assertNotIn("\u009b", log)

    def test_the_accounts_are_read_when_they_have_changed_and_not_for_each_login(self):
        accounts = json.loads(self.accounts.read_text())
        entry = accounts["accounts"]["ann"]
        accounts["accounts"].update({f"user{number}": entry for number in range(1000)})
        self.accounts.write_text(json.dumps(accounts))
        size = self.accounts.stat().st_size
        with self.server() as server:
            before = self.bytes_read_by(server)
            for _ in range(5):
                self.fails(server, "127.0.0.2")
            self.assertLess(self.bytes_read_by(server) - before, size)
            self.assertEqual(self.add_user("bob", "1M").returncode, 0)
            with Remote(server, "bob") as bob:
                self.assertEqual(bob.greeting["type"], "welcome")
            self.add_user("bob", "1M", "changed")
            self.assert_refused(self.fails(server, "127.0.0.4", "bob"), "another password")
            with Remote(server, "bob", "changed") as bob:
                self.assertEqual(bob.greeting["type"], "welcome")

    def bytes_read_by(self, server):
        counters = Path(f"/proc/{server.process.pid}/io").read_text()
        return int(dict(line.split(": ") for line in counters.splitlines())["rchar"])

    def told(self, server, text, times):
        """Waits until the server's log contains the text `times` times, and returns the log."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while (log := server.errors()).count(text) < times:
            self.assertLess(time.monotonic(), deadline, log)
        return log


class Quotas(FileTransferTest):
    def used_after_restart(self):
        with self.server() as server, Remote(server) as remote:
            return remote.used()

    def test_every_file_and_folder_costs_blocks(self):
        with self.server() as server, Remote(server) as remote:
            remote.ask("mkdir", path="folder")
            self.assertEqual(remote.used(), BLOCK)
            for size in (0, 1, BLOCK, BLOCK + 1):
                used = remote.used()
                self.assertEqual(remote.put(f"folder/{size}", bytes(size))["type"], "stored")
                self.assertEqual(remote.used(), used + cost(size), size)
            used = remote.used()
            remote.put("folder/0", bytes(BLOCK))  # Replaces the file.
            self.assertEqual(remote.used(), used + BLOCK)
        self.assertEqual(self.used_after_restart(), used + BLOCK)

    def test_empty_folders_use_up_a_quota(self):
        self.add_user("ann", "64K")
        with self.server() as server, Remote(server) as remote:
            for number in range(16):
                self.assertEqual(remote.ask("mkdir", path=f"{number}")["type"], "done")
            self.assert_refused(remote.ask("mkdir", path="x"), "quota")
        self.assertEqual(self.used_after_restart(), 16 * BLOCK)

    def test_what_is_as_deep_as_the_server_allows_is_counted(self):
        with self.server() as server, Remote(server) as remote:
            for name, deepest in (("x", 64), ("y" * 250, 16)):
                for depth in range(1, deepest + 1):
                    path = "/".join([name] * depth)
                    self.assertEqual(remote.ask("mkdir", path=path)["type"], "done")
                for request in ("mkdir", "put"):
                    self.assert_refused(remote.ask(request, path=f"{path}/{name}", size=1),
                                        "name too long")
                beside = path.removesuffix(name) + "file"
                self.assertEqual(remote.put(beside, bytes(10 * BLOCK))["type"], "stored")
            used = remote.used()
        self.assertEqual(used, (64 + 16) * BLOCK + 2 * cost(10 * BLOCK))
        self.assertEqual(self.used_after_restart(), used)

    def plant(self, depth, name):
        """Folders below the home, made by another program, with 1 MiB in the last of them."""
        self.addCleanup(subprocess.run, ["rm", "-rf", self.home], check=True)
        self.home.mkdir(exist_ok=True)
        folder = os.open(self.home, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir(name, dir_fd=folder)
            inner = os.open(name, os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = inner
        file = os.open("file", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=folder)
        os.ftruncate(file, 1 << 20)
        os.close(file)
        os.close(folder)

    def test_a_deep_home_of_another_program_is_counted_whatever_few_descriptors_there_are(self):
        self.plant(1100, "x")
        def few_descriptors():
            resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        with self.server(preexec_fn=few_descriptors) as server, Remote(server) as remote:
            self.assertEqual(remote.greeting["type"], "welcome")
            self.assertEqual(remote.used(), 1100 * BLOCK + cost(1 << 20))

    def test_a_home_that_cannot_be_counted_is_refused_and_the_log_names_it(self):
        self.plant(20, "y" * 250)  # Its path is longer than any system call accepts.
        with self.server() as server:
            with Remote(server) as remote:
                self.assert_refused(remote.greeting, "cannot open the home")
        self.assertIn("count files below", server.errors())
        self.assertIn("name too long", server.errors())

    def test_another_user_is_answered_while_a_large_home_is_counted(self):
        self.add_user("bob", "1M")
        self.home.mkdir()
        for number in range(200):
            (self.home / f"{number}").mkdir()
            for inner in range(200):
                (self.home / f"{number}" / f"{inner}").touch()
        with self.server() as server, Remote(server, "bob") as bob:
            order = []

            def log_in():
                with Remote(server) as ann:
                    order.append(ann.greeting["type"])
                    self.assertEqual(ann.used(), (200 + 200 * 200) * BLOCK)
            login = threading.Thread(target=log_in)
            login.start()
            while "welcome" not in order:
                bob.used()
                order.append("bob")
            login.join()
            # Bob gets many replies while ann waits for one.
            self.assertGreater(order.index("welcome"), 10)

    def test_all_sessions_that_log_in_while_a_home_is_counted_share_it(self):
        self.add_user("ann", "3M")
        with self.server() as server:
            stored = []

            def put(number):
                with Remote(server) as remote:
                    stored.append(remote.put(f"{number}", bytes(1 << 20))["type"])
            threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(stored.count("stored"), 2)
        self.assertLessEqual(self.used_after_restart(), 3 << 20)

    def test_what_is_used_is_known_when_a_user_comes_again(self):
        with self.server() as server:
            with Remote(server) as remote:
                remote.put("a", bytes(10 * BLOCK))
                remote.ask("put", path="b", size=BLOCK)  # The data is never sent.
            with Remote(server) as remote:
                self.assertEqual(remote.put("c", b"x")["type"], "stored")
                used = remote.used()
        self.assertEqual(used, cost(10 * BLOCK) + cost(1))
        self.assertEqual(self.used_after_restart(), used)


if __name__ == "__main__":
    unittest.main()
