"""Starts the sample programs and communicates with them, for the demo and the tests."""

import os
import queue
import subprocess
import tempfile
import threading
from pathlib import Path

BUILD = Path(os.environ.get("UVREACTOR_BUILD", Path(__file__).resolve().parent.parent / "build"))
TIMEOUT_SECONDS = 60  # Limits only failures; sanitizers and valgrind are slow.


def program(name):
    return BUILD / "samples" / name


def run(name, *arguments, input="", seconds=TIMEOUT_SECONDS):
    """Runs a sample to its end. Returns its returncode, and stdout and stderr as text."""
    return subprocess.run([program(name), *map(str, arguments)], input=input, text=True,
                          capture_output=True, timeout=seconds, check=False)


def write_private(path, text):
    """Writes a file that only its owner can read, as secrets and passwords require."""
    path.touch(0o600)
    path.write_text(text)
    return path


class Server:
    """A running server, on a free port unless its options name an endpoint.

        with Server("tcp_echo_server", "--upper") as server:
            run("tcp_echo_client", server.endpoint, input="hello\\n")

    Leaving the block stops it by SIGTERM, which must end it with exit code 0.
    """

    def __init__(self, name, *options, endpoints=1, stdin=subprocess.DEVNULL, **process_options):
        if not any(str(option).startswith("--listen") for option in options):
            options = ("--listen", "127.0.0.1:0", *options)
        self.name = name
        self._errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [program(name), *map(str, options)], stdin=stdin, stdout=subprocess.PIPE,
            stderr=self._errors, text=True, **process_options)
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.endpoints = [self._listening() for _ in range(endpoints)]
        except BaseException:
            self.kill()
            raise

    @property
    def endpoint(self):
        return self.endpoints[0]

    @property
    def port(self):
        return int(self.endpoint.rpartition(":")[2])

    def line(self, seconds=TIMEOUT_SECONDS):
        """Returns the next line of its standard output; None when it has ended."""
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"{self.name} printed nothing for {seconds} s") from None

    def errors(self):
        """Returns its standard error so far: all of it after the block is left."""
        # Both processes share the descriptor's position, at which the server writes: reading must
        # not move it.
        size = os.fstat(self._errors.fileno()).st_size
        return os.pread(self._errors.fileno(), size, 0).decode(errors="replace")

    def stop(self, seconds=TIMEOUT_SECONDS):
        """Requests it to end, and returns its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            # ThreadSanitizer keeps a thread's signal state in memory that its first blocking call
            # allocates, and loses a signal that arrives just then (clang 14: 2 in 1,000).
            if b"__tsan_init" not in program(self.name).read_bytes():
                raise
            self.process.terminate()
            return self.process.wait(seconds)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            code = self.process.returncode if self.process.poll() is not None else self.stop()
        except subprocess.TimeoutExpired:
            code = "none: it had to be killed"
        finally:
            self.kill()
        if kind is None and code != 0:
            raise AssertionError(f"{self.name}: exit code {code}\n{self.errors()}")

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _listening(self):
        line = self.line()
        if line is None or not line.startswith("listening on "):
            raise AssertionError(f"{self.name} says {line!r}, not where it listens\n{self.errors()}")
        return line.removeprefix("listening on ")
