"""What all programs have in common."""

import os
import re
import resource
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
import demo  # noqa: E402
from programs import TIMEOUT_SECONDS, Server, program, run  # noqa: E402


def shell(redirection, name, *arguments, **options):
    """Runs a sample with a standard descriptor redirected by the shell."""
    return subprocess.run(["sh", "-c", 'exec "$0" "$@" ' + redirection, program(name), *arguments],
                          timeout=TIMEOUT_SECONDS, check=False, **options)


class EveryProgram(unittest.TestCase):
    def test_help_shows_an_example_and_version_prints_the_version(self):
        programs = [path.name for path in program("").iterdir()
                    if path.is_file() and os.access(path, os.X_OK)]
        self.assertIn("tcp_echo_server", programs)
        for name in programs:
            with self.subTest(name):
                done = run(name, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("\nExample: ", done.stdout)
                self.assertNotIn("=[]", done.stdout)  # No empty default is shown.
                done = run(name, "--version")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertRegex(done.stdout, r"^\d+\.\d+\.\d+\n$")

    def test_each_stands_in_the_readme_with_a_command(self):
        readme = (Path(__file__).resolve().parents[2] / "README.md").read_text()
        for path in program("").iterdir():
            if path.is_file() and os.access(path, os.X_OK):
                self.assertRegex(readme, rf"\n\| `{path.name}` \| .* \| `build/samples/{path.name}\b")

    def test_the_demo_shows_each(self):
        programs = {path.name for path in program("").iterdir()
                    if path.is_file() and os.access(path, os.X_OK)}
        self.assertEqual(programs - set(demo.SHOWS), set())

    def test_every_server_prints_the_most_memory_that_it_can_hold(self):
        for name in ("broadcast_receiver", "chat_server", "dialog", "file_server", "http_responder",
                     "kv_server", "readiness_echo_server", "remote_command_server", "request_server",
                     "service_echo_server", "tcp_echo_server", "tcp_relay",
                     "udp_chat", "udp_echo_server", "udp_time_server", "websocket_chat"):
            with self.subTest(name):
                told = re.search(r"^A thread holds at most (\d+) MiB in memory:\n\S.*[a-zA-Z]\.",
                                 run(name, "--help").stdout, re.MULTILINE | re.DOTALL)
                self.assertIsNotNone(told)
                self.assertGreater(int(told[1]), 0)

    def test_the_bound_follows_from_the_descriptors_that_a_server_may_have(self):
        for name, kib_each in (("readiness_echo_server", 68), ("tcp_relay", 770)):
            bounds = []
            for descriptors in (1000, 2000):
                told = shell("", name, "--help", stdout=subprocess.PIPE, text=True,
                             preexec_fn=lambda: resource.setrlimit(
                                 resource.RLIMIT_NOFILE, (descriptors, descriptors))).stdout
                bounds.append(int(re.search(r"at most (\d+) MiB", told)[1]))
            self.assertAlmostEqual(bounds[1] - bounds[0], kib_each * 1000 / 1024, delta=16)

    def test_no_descriptor_that_it_opens_is_taken_for_a_standard_one_that_was_closed(self):
        with Server("chat_server") as server:
            for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
                with self.subTest(closed=closed):
                    done = shell(closed, "chat_client", server.endpoint, "--name", "ann",
                                 input=b"hello\n", capture_output=True)
                    self.assertEqual((done.returncode, done.stderr), (0, b""))
                    said = b"ann: hello\n" in done.stdout
                    self.assertEqual(said, closed == "2>&-")

    def test_output_that_could_not_be_written_is_a_failure(self):
        with Server("tcp_echo_server") as server:
            done = shell(">/dev/full", "tcp_echo_client", server.endpoint, input=b"hello\n",
                         stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stderr), (
            1, b"error: write standard output: not all of it was taken (is the disk full?)\n"))

    def test_a_number_that_is_none_is_a_wrong_command_line(self):
        for name, *required, option in (
                ("chat_server", "--max-unread"),
                ("tcp_echo_server", "--threads"),
                ("tcp_echo_server", "--idle-timeout"),
                ("http_responder", "--head-timeout"),
                ("remote_command_server", "--secret-file", "none", "--max-output"),
                ("remote_command_server", "--secret-file", "none", "--timeout"),
                ("file_server", "--accounts", "none", "--patience"),
                ("file_server", "--accounts", "none", "--max-per-address"),
                ("tcp_echo_server", "--max-unaccepted"),
                ("tcp_relay", "--to", "127.0.0.1:9", "--idle-timeout"),
                ("dialog", "--listen", "127.0.0.1:0", "--idle-timeout")):
            for number in ("-1", "1x", "", "nan", "inf", "1e300", "99999999999999999999"):
                with self.subTest(name=name, option=option, number=number):
                    done = run(name, *required, f"{option}={number}")
                    self.assertEqual((done.returncode, done.stdout), (2, ""))
                    self.assertIn(option, done.stderr)


if __name__ == "__main__":
    unittest.main()
