"""Remote commands, by a client written only from samples/remote_command/README.md, and by
remote_command_client."""

import contextlib
import json
import os
import pty
import re
import select
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
from challenge import prove_as_client, prove_as_server, receive  # noqa: E402
from programs import TIMEOUT_SECONDS, Server, program, run, write_private  # noqa: E402

SECRET = b"open sesame"


def message(header, payload=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<i", len(text)) + text + payload


class Remote:
    """A client on a plain socket."""

    def __init__(self, server, secret=SECRET):
        host, port = server.endpoint.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=TIMEOUT_SECONDS)
        self.known = secret is not None and prove_as_client(
            self.socket, secret, "remote_command")

    def ask(self, program_name, *arguments):
        self.socket.sendall(message(
            {"program": program_name, "arguments": arguments, "data_size": 0}))

    def answer(self):
        """The next header and its payload; None at the end."""
        length = receive(self.socket, 4)
        if len(length) < 4:
            return None
        header = json.loads(receive(self.socket, struct.unpack("<i", length)[0]))
        return header, receive(self.socket, header["data_size"])

    def outcome(self):
        """Both outputs, and the header after them."""
        outputs = {"stdout": b"", "stderr": b""}
        while answer := self.answer():
            header, payload = answer
            if header["type"] not in outputs:
                return outputs["stdout"], outputs["stderr"], header
            outputs[header["type"]] += payload
        raise AssertionError("the connection ended before the command")

    def run(self, *words):
        self.ask(*words)
        return self.outcome()

    def is_closed(self):
        return self.answer() is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Fifo:
    """Ends when the last process that has it open has ended."""

    def __init__(self, folder):
        self.path = f"{folder}/fifo"
        os.mkfifo(self.path)
        self.fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def has_ended(self):
        while select.select([self.fd], [], [], TIMEOUT_SECONDS)[0]:
            if not os.read(self.fd, 100):
                return True
        return False

    def close(self):
        os.close(self.fd)


class RemoteCommandTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.secret = self.folder / "secret"
        write_private(self.secret, SECRET.decode() + "\n")
        done = run("remote_command_client", "127.0.0.1:0", "--secret-file", self.secret)
        if "without OpenSSL" in done.stderr:
            self.skipTest("built without OpenSSL")

    def server(self, *options, **process_options):
        return Server("remote_command_server", "--secret-file", self.secret, *options,
                      **process_options)

    def fifo(self):
        fifo = Fifo(self.folder)
        self.addCleanup(fifo.close)
        return fifo


class TheServer(RemoteCommandTest):
    def test_runs_a_program_and_reports_outputs_exit_status_sizes_and_duration(self):
        with self.server() as server, Remote(server) as remote:
            self.assertTrue(remote.known)
            out, err, end = remote.run("sh", "-c", "echo out; echo error >&2; exit 7")
            self.assertEqual((out, err), (b"out\n", b"error\n"))
            # No machine starts a process and runs a shell within 0.1 ms.
            self.assertTrue(1e-4 < end.pop("duration_seconds") < TIMEOUT_SECONDS)
            self.assertEqual(end, {"type": "end", "exit_status": 7, "stdout_bytes": 4,
                                   "stderr_bytes": 6, "data_size": 0})
            out, err, end = remote.run("sh", "-c", "kill -TERM $$")
            self.assertEqual((out, err, end["signal"]), (b"", b"", 15))
            self.assertNotIn("exit_status", end)
            self.assertNotIn("stopped_by", end)

    def test_every_byte_of_a_large_output_arrives(self):
        with self.server() as server, Remote(server) as remote:
            out, _, end = remote.run("seq", "1", "1000000")
            self.assertEqual(out, b"".join(b"%d\n" % number for number in range(1, 1000001)))
            self.assertEqual(end["stdout_bytes"], len(out))

    def test_arguments_arrive_as_they_are_and_no_shell_sees_them(self):
        arguments = ["", " ", "a b", "$HOME;`id`", "*", "\"'\\", "\n", "Grüße 😀", "--help"]
        with self.server() as server, Remote(server) as remote:
            out, _, _ = remote.run("printf", "<%s>", *arguments)
            self.assertEqual(out.decode(), "".join(f"<{argument}>" for argument in arguments))

    def test_output_is_streamed_as_it_comes(self):
        with self.server() as server, Remote(server) as remote:
            remote.ask("sh", "-c", "echo first; sleep 1000")
            header, payload = remote.answer()
            self.assertEqual((header["type"], payload), ("stdout", b"first\n"))

    def test_requests_that_wait_are_answered_in_their_order(self):
        with self.server() as server, Remote(server) as remote:
            for number in range(60):
                remote.ask("echo", str(number))
            for number in range(60):
                self.assertEqual(remote.outcome()[0], b"%d\n" % number)

    def test_serves_many_clients_at_once(self):
        fifos = [self.folder / f"fifo{number}" for number in range(30)]
        with self.server() as server:
            remotes = [Remote(server) for _ in fifos]
            for remote, fifo in zip(remotes, fifos):
                os.mkfifo(fifo)
                remote.ask("cat", str(fifo))
            for fifo in reversed(fifos):  # The open waits for the reader, so the command must run.
                fifo.write_text(f"{fifo}\n")
            for remote, fifo in zip(remotes, fifos):
                self.assertEqual(remote.outcome()[0], f"{fifo}\n".encode())
                remote.socket.close()

    def test_each_of_two_hundred_parallel_commands_reports_its_own_end_and_leaves_no_zombie(self):
        with self.server() as server:
            remotes = [Remote(server) for _ in range(200)]
            for number, remote in enumerate(remotes):
                self.addCleanup(remote.socket.close)
                remote.ask("sh", "-c", "exit $0", str(number)) if number % 2 else remote.ask("true")
            for number, remote in enumerate(remotes):
                self.assertEqual(remote.outcome()[2]["exit_status"], number if number % 2 else 0)
            tasks = Path(f"/proc/{server.process.pid}/task").glob("*/children")
            self.assertEqual([task.read_text() for task in tasks if task.read_text()], [])

    def test_a_client_that_goes_away_ends_its_command_with_all_that_it_started(self):
        reset = struct.pack("ii", 1, 0)
        for leave in (lambda connection: connection.close(),
                      lambda connection: connection.shutdown(socket.SHUT_WR),
                      lambda connection: (connection.setsockopt(
                          socket.SOL_SOCKET, socket.SO_LINGER, reset), connection.close())):
            with self.server() as server, tempfile.TemporaryDirectory() as folder:
                fifo = Fifo(folder)
                self.addCleanup(fifo.close)
                with Remote(server) as remote:
                    remote.ask("sh", "-c", 'exec 3>"$0"; echo x; sleep 1000 & trap "" TERM; sleep 1000',
                               fifo.path)
                    self.assertEqual(remote.answer()[1], b"x\n")
                    leave(remote.socket)
                    self.assertTrue(fifo.has_ended())

    def test_the_timeout_ends_the_whole_group_and_the_connection_serves_on(self):
        fifo = self.fifo()
        with self.server("--timeout", "1") as server, Remote(server) as remote:
            out, _, end = remote.run("sh", "-c", 'exec 3>"$0"; echo x; sleep 1000 & sleep 1000',
                                     fifo.path)
            self.assertEqual((out, end["signal"], end["stopped_by"]), (b"x\n", 9, "timeout"))
            self.assertGreaterEqual(end["duration_seconds"], 1)
            self.assertTrue(fifo.has_ended())
            # The program has ended. Its child still runs and holds the output open.
            _, _, end = remote.run("sh", "-c", "sleep 1000 & exit 5")
            self.assertEqual((end["exit_status"], end["stopped_by"]), (5, "timeout"))
            self.assertEqual(remote.run("echo", "on")[0], b"on\n")

    def test_the_limit_of_output_is_exact_and_for_both_outputs_together(self):
        with self.server("--max-output", "100000") as server, Remote(server) as remote:
            out, _, end = remote.run("yes")
            self.assertEqual((out, end["stdout_bytes"]), (b"y\n" * 50000, 100000))
            self.assertEqual((end["signal"], end["stopped_by"]), (9, "max-output"))
            out, err, end = remote.run("sh", "-c", "head -c 60000 /dev/zero; head -c 60000 /dev/zero >&2")
            self.assertEqual(len(out) + len(err), 100000)
            self.assertEqual(end["stopped_by"], "max-output")
            out, _, end = remote.run("head", "-c", "100000", "/dev/zero")
            self.assertEqual((len(out), end["exit_status"]), (100000, 0))
            self.assertNotIn("stopped_by", end)

    def test_a_client_that_does_not_read_delays_only_its_own_command(self):
        with self.server("--max-output", str(1 << 40)) as server, Remote(server) as lazy:
            lazy.ask("yes")
            with Remote(server) as remote:
                for _ in range(50):
                    self.assertEqual(remote.run("echo", "hello")[0], b"hello\n")
            status = Path(f"/proc/{server.process.pid}/status").read_text()
            peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])
            self.assertLess(peak, 300 * 1024)  # Sanitizers and valgrind use part of it.

    def test_a_client_that_reads_nothing_is_left_after_the_timeout_of_its_command(self):
        with self.server("--timeout", "0.5", "--max-output", str(1 << 40)) as server:
            with Remote(server) as lazy:
                lazy.ask("yes")
                poll = select.poll()
                poll.register(lazy.socket, 0)
                (_, happened), = poll.poll(TIMEOUT_SECONDS * 1000)
                self.assertTrue(happened & select.POLLERR)  # A reset.
        self.assertIn("wait for reading by 127.0.0.1:", server.errors())

    def test_only_what_is_allowed_runs(self):
        with self.server("--allow", "echo", "--allow", "/bin/pwd") as server:
            with Remote(server) as remote:
                self.assertEqual(remote.run("echo", "hello")[0], b"hello\n")
                self.assertEqual(remote.run("/bin/pwd")[2]["exit_status"], 0)
                for name in ("sh", "pwd", "/bin/echo", "echo ", "../bin/echo", ""):
                    _, _, end = remote.run(name, "hello")
                    self.assertEqual((end["type"], end["reason"]),
                                     ("refused", f"this server does not run {name}"))

    def test_a_shell_runs_only_if_the_server_allows_it(self):
        line = message({"shell": "echo a b | wc -w", "data_size": 0})
        with self.server() as server, Remote(server) as remote:
            remote.socket.sendall(line)
            self.assertEqual(remote.outcome()[2]["reason"], "this server runs no shell")
        with self.server("--shell") as server, Remote(server) as remote:
            remote.socket.sendall(line)
            self.assertEqual(remote.outcome()[0], b"2\n")
        done = run("remote_command_server", "--secret-file", self.secret, "--shell", "--allow", "ls")
        self.assertEqual(done.returncode, 2)

    def test_no_descriptor_and_no_environment_secret_reaches_a_command(self):
        leak = os.open("/dev/zero", os.O_RDONLY)
        self.addCleanup(os.close, leak)
        environment = {**os.environ, "API_TOKEN": "secret", "HOME": "/home/somebody"}
        with self.server(env=environment, pass_fds=[leak]) as server:
            with Remote(server) as other, Remote(server) as remote:
                other.ask("sleep", "1000")
                names = {line.split("=")[0] for line in remote.run("env")[0].decode().splitlines()}
                self.assertIn("HOME", names)
                self.assertLessEqual(names, {"PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ"})
                descriptors = remote.run("ls", "/proc/self/fd")[0].split()
                self.assertEqual(descriptors, [b"0", b"1", b"2", b"3"])  # The last one is ls's own.
                self.assertEqual(remote.run("cat")[2]["stdout_bytes"], 0)  # Its input is empty.

    def test_what_cannot_be_run_is_refused_and_the_connection_serves_on(self):
        with self.server() as server, Remote(server) as remote:
            for words, reason in ((["no-such-program"], "start no-such-program: no such file or directory"),
                                  (["/etc/passwd"], "start /etc/passwd: permission denied"),
                                  ([""], "start: no such file or directory"),
                                  (["echo", "a\0b"], "start echo: invalid argument")):
                self.assertEqual(remote.run(*words)[2],
                                 {"type": "refused", "reason": reason, "data_size": 0})
            self.assertEqual(remote.run("echo", "on")[0], b"on\n")

    def test_what_is_no_request_is_refused_and_ends_the_connection(self):
        good = {"program": "echo", "data_size": 0}
        cases = [
            b"\xff\xff\xff\xff", b"\0\0\0\x80", struct.pack("<i", 1 << 30), struct.pack("<i", 65537),
            message(b""), message(b"not JSON"), message(b"[1]"), message(b"{}"), message(b'{"program":'),
            message({"program": "echo"}), message({**good, "data_size": -1}),
            message({**good, "data_size": "0"}), message({**good, "data_size": 5}, b"hello"),
            message({**good, "program": 5}), message({**good, "arguments": "x"}),
            message({**good, "arguments": [1]}), message({**good, "arguments": None}),
            message({**good, "shell": "ls"}), message({"shell": ["ls"], "data_size": 0}),
            message({"data_size": 0}), message(b'{"program":"\xff","data_size":0}'),
            message(b'{"program":"x","data_size":0,"a":' + b"[" * 5000 + b"]" * 5000 + b"}"),
        ]
        with self.server() as server, Remote(server) as other:
            for wrong in cases:
                with self.subTest(wrong=wrong[:60]), Remote(server) as remote:
                    remote.socket.sendall(wrong)
                    header, _ = remote.answer()
                    self.assertEqual(header["type"], "refused")
                    self.assertTrue(header["reason"])
                    self.assertTrue(remote.is_closed())
            self.assertNotIn(" runs ", server.errors())
            self.assertEqual(other.run("echo", "on")[0], b"on\n")
        self.assertEqual(server.errors().count(" is refused: "), len(cases))

    def test_a_request_is_understood_however_it_is_cut(self):
        with self.server() as server, Remote(server) as remote:
            remote.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in message({"program": "echo", "arguments": ["hello"], "data_size": 0}):
                remote.socket.sendall(bytes([byte]))
            self.assertEqual(remote.outcome()[0], b"hello\n")

    def test_too_many_requests_that_wait_end_the_connection_and_what_runs(self):
        fifo = self.fifo()
        with self.server() as server, Remote(server) as remote:
            remote.ask("sh", "-c", 'exec 3>"$0"; echo x; sleep 1000', fifo.path)
            self.assertEqual(remote.answer()[1], b"x\n")
            for _ in range(65):
                remote.ask("true")
            self.assertEqual(remote.outcome()[2]["reason"], "too many requests wait")
            self.assertTrue(remote.is_closed())
            self.assertTrue(fifo.has_ended())

    def test_a_client_without_the_secret_runs_no_command(self):
        request = message({"program": "echo", "arguments": ["hello"], "data_size": 0})
        with self.server() as server:
            with Remote(server, b"guessed") as remote:
                self.assertFalse(remote.known)
            for sent in (request, request * 10, bytes(64) + request, bytes(64)):
                with Remote(server, None) as remote:
                    self.assertEqual(len(receive(remote.socket, 32)), 32)
                    remote.socket.sendall(sent)
                    remote.socket.shutdown(socket.SHUT_WR)
                    self.assertEqual(receive(remote.socket, 1), b"")
        self.assertNotIn(" runs ", server.errors())
        self.assertIn("(it does not know the secret, or is", server.errors())

    def test_a_client_that_stalls_is_disconnected_in_every_state_with_a_timeout(self):
        request = message({"program": "echo", "data_size": 0})
        with self.server("--patience", "1") as server:
            with Remote(server) as idle:
                for begun in (None, b"", request[:2], request[:10]):
                    with Remote(server, SECRET if begun is not None else None) as remote:
                        if begun:
                            remote.socket.sendall(begun)
                        if begun == b"":
                            continue  # Between two requests a client may wait.
                        while remote.socket.recv(100):
                            pass
                self.assertEqual(idle.run("echo", "on")[0], b"on\n")
        self.assertEqual(server.errors().count("timed out"), 3)

    def test_a_signal_lets_a_command_end_and_begins_no_other(self):
        fifo = self.folder / "gate"
        os.mkfifo(fifo)
        with self.server() as server, Remote(server) as remote:
            remote.ask("sh", "-c", 'echo started; cat "$0"', str(fifo))
            remote.ask("echo", "never")
            self.assertEqual(remote.answer()[1], b"started\n")
            server.process.terminate()
            fifo.write_text("done\n")
            out, _, end = remote.outcome()
            self.assertEqual((out, end["exit_status"]), (b"done\n", 0))
            self.assertTrue(remote.is_closed())
            remote.socket.close()
            self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)

    def test_a_secret_is_required(self):
        done = run("remote_command_server")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--secret-file", done.stderr)


class TheClient(RemoteCommandTest):
    def client(self, server, *words, **options):
        return run("remote_command_client", server.endpoint, "--secret-file", self.secret, *words,
                   **options)

    def test_runs_one_command_and_fails_when_that_fails(self):
        with self.server() as server:
            done = self.client(server, "echo", "a  b", "--help", input="not read")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "a  b --help\n", ""))
            done = self.client(server, "sh", "-c", "echo out; echo error >&2; exit 3")
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (1, "out\n", "error\nexit status 3\nerror: a command failed\n"))

    def test_runs_a_command_for_each_line_one_after_the_other(self):
        with self.server() as server:
            done = self.client(server, input="echo 'one  two' three\n\nfalse\nno-such-program\n"
                               "echo \"un\nsh -c 'kill -9 $$'\nprintf last")
            self.assertEqual(done.stdout, "one  two three\nlast")
            self.assertEqual(done.stderr, "exit status 1\nstart no-such-program: no such file or directory\n"
                             "a quotation is not closed\nsignal 9\nerror: 4 commands failed\n")
            self.assertEqual(done.returncode, 1)
            done = self.client(server, input="echo %d\n" * 200)
            self.assertEqual((done.returncode, done.stdout), (0, "%d\n" * 200))

    def test_a_word_that_is_no_utf8_is_refused_rather_than_changed(self):
        with self.server("--shell") as server:
            for words in ((b"echo", b"\xff"), (b"--shell", b"echo \xff")):
                done = subprocess.run([program("remote_command_client"), server.endpoint,
                                       "--secret-file", self.secret, *words],
                                      capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
                self.assertEqual((done.returncode, done.stdout), (1, b""))
                self.assertIn(b"a word is no UTF-8", done.stderr)

    def test_two_dashes_end_the_options(self):
        with self.server() as server:
            done = run("remote_command_client", server.endpoint, "--secret-file", self.secret,
                       "--", "echo", "--shell")
            self.assertEqual((done.returncode, done.stdout), (0, "--shell\n"))

    def test_lines_are_the_shells_with_shell(self):
        with self.server("--shell") as server:
            done = self.client(server, "--shell", input="echo a b | wc -w\necho $((2 + 3))\n")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "2\n5\n", ""))
            self.assertEqual(self.client(server, "--shell", "echo x; echo y").stdout, "x\ny\n")

    def test_says_why_the_server_ended_a_command(self):
        with self.server("--timeout", "0.2", "--max-output", "10") as server:
            self.assertIn("signal 9 (timeout)\n", self.client(server, "sleep", "1000").stderr)
            done = self.client(server, "yes")
            self.assertEqual(done.stdout, "y\n" * 5)
            self.assertIn("signal 9 (max-output)\n", done.stderr)

    def test_a_command_that_left_processes_behind_is_no_success_and_they_are_ended(self):
        with self.server() as server:
            fifo = self.fifo()
            done = self.client(server, "sh", "-c",
                               f"echo done; sleep 1000 >{fifo.path} 2>&1 &")
            self.assertEqual((done.returncode, done.stdout), (1, "done\n"))
            self.assertEqual(done.stderr, "exit status 0 (left-processes)\nerror: a command failed\n")
            self.assertTrue(fifo.has_ended())

    def test_left_processes_have_no_part_in_the_status_and_the_next_command_runs(self):
        leave = "sleep 1000 >/dev/null 2>&1 & exit 3"
        with self.server() as server, Remote(server) as remote:
            _, _, end = remote.run("sh", "-c", leave)
            self.assertEqual((end["exit_status"], end["stopped_by"]), (3, "left-processes"))
            self.assertEqual(remote.run("echo", "next")[0], b"next\n")

    def test_processes_that_end_soon_after_their_command_are_not_left(self):
        with self.server() as server, Remote(server) as remote:
            _, _, end = remote.run("sh", "-c", "sleep 0.1 >/dev/null 2>&1 &")
            self.assertEqual(end["exit_status"], 0)
            self.assertNotIn("stopped_by", end)

    def test_a_process_that_keeps_an_output_open_delays_the_command_until_its_timeout(self):
        with self.server("--timeout", "1") as server, Remote(server) as remote:
            out, _, end = remote.run("sh", "-c", "echo done; sleep 1000 &")
            self.assertEqual((out, end["stopped_by"]), (b"done\n", "timeout"))

    def at_terminal(self, server, kind, *typed):
        """What the terminal shows, with a | where each text was typed after a prompt."""
        ours, theirs = pty.openpty()
        client = subprocess.Popen(
            [program("remote_command_client"), server.endpoint, "--secret-file", self.secret],
            stdin=theirs, stdout=theirs, env={**os.environ, "TERM": kind})
        os.close(theirs)
        seen = b""
        try:
            for keys in typed:
                while not seen.endswith(b"remote> "):
                    seen += os.read(ours, 1000)
                seen += b"|"
                os.write(ours, keys)
            with contextlib.suppress(OSError):  # The terminal reports an error at its end.
                while piece := os.read(ours, 1000):
                    seen += piece
            self.assertEqual(client.wait(TIMEOUT_SECONDS), 0)
        finally:
            client.kill()
            client.wait()
            os.close(ours)
        return seen.decode()

    def test_shows_a_prompt_at_a_terminal(self):
        with self.server() as server:
            seen = self.at_terminal(server, "dumb", b"echo hello\n", b"\4")
            self.assertEqual(seen, "remote> |echo hello\r\nhello\r\nremote> |")

    def test_lines_can_be_edited_and_recalled_at_a_terminal(self):
        up, left = b"\x1b[A", b"\x1b[D"
        with self.server() as server:
            seen = self.at_terminal(server, "xterm", b"echo hllo" + left * 3 + b"e\r", up + b"!\r",
                                    b"never\x03" + up + up + b"\r", b"\4")
            outputs = [line for line in seen.split("\r\n") if "remote>" not in line]
            self.assertEqual([line for line in outputs if line.strip()], ["hello", "hello!", "hello"])
            seen = self.at_terminal(server, "xterm", b"echo one\recho two\r\4")  # As when pasted.
            outputs = [line for line in seen.split("\r\n") if "remote>" not in line]
            self.assertEqual([line for line in outputs if line.strip()], ["one", "two"])

    def test_a_secret_that_the_server_does_not_accept_is_a_clear_error(self):
        wrong = self.folder / "wrong"
        write_private(wrong, "guessed")
        with self.server() as server:
            done = run("remote_command_client", server.endpoint, "--secret-file", wrong, "echo", "x")
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("error: the server does not accept the proof of the secret", done.stderr)

    def test_answers_that_make_no_sense_are_a_clear_error(self):
        end = {"type": "end", "exit_status": 0, "data_size": 0}
        cases = [
            (message({"data_size": 0}), "the server sends a reply that makes no sense"),
            (message({**end, "type": 5}), "the server sends a reply that makes no sense"),
            (message({**end, "exit_status": "0"}), "the server sends a reply that makes no sense"),
            (message({"type": "refused", "data_size": 0}),
             "the server sends a reply that makes no sense"),
            (message(b"[]"), "decode data from"), (b"\xff\xff\xff\xff", "decode data from"),
            (message({"type": "stdout", "data_size": 1 << 30}), "decode data from"),
            (message(end)[:10], "decode data from"), (b"", "the server closed the connection"),
        ]
        for answer, error in cases:
            with self.subTest(answer=answer), socket.create_server(("127.0.0.1", 0)) as listening:
                def serve():
                    connection, _ = listening.accept()
                    with connection:
                        prove_as_server(connection, SECRET, "remote_command")
                        receive(connection, 4)
                        connection.sendall(answer)
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(1000):
                            pass
                thread = threading.Thread(target=serve)
                thread.start()
                done = run("remote_command_client", "127.0.0.1:%d" % listening.getsockname()[1],
                           "--secret-file", self.secret, "ls")
                thread.join()
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(f"error: {error}", done.stderr)


if __name__ == "__main__":
    unittest.main()
