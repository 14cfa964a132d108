"""Servers and loads as processes: each on a core of its own, with priority over other processes."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

TIMEOUT_SECONDS = 60
PRIORITY = -20


class Failed(Exception):
    """A server or a load has failed."""


def cores():
    """The cores for the server and for the load; the same twice where there is only one."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


def _prepare(*core):
    def prepare():
        if core:
            os.sched_setaffinity(0, core)
        # With priority, other processes disturb less. Only root may set it; the figures are valid
        # without it. Where the kernel shares cores among sessions first, the session needs it.
        os.setsid()
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
            Path("/proc/self/autogroup").write_text(str(PRIORITY))
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return prepare


def _child_of(pid):
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # The fields after the name, which is in brackets and may contain anything.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid:
                    return int(entry.name)
    return None


class RunningServer:
    """A server that listens; `wrapper` is a command that runs it, as `valgrind …` does."""

    def __init__(self, command, wrapper=(), **options):
        self.command = list(wrapper) + command + ["--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=_prepare(cores()[0]), **options)
        line = self.process.stdout.readline()
        self.listening_at = time.monotonic_ns()
        if not line.startswith("listening on "):
            self.end()
            raise Failed(f"{' '.join(self.command)}: did not start")
        self.address = line.split()[-1]
        self.sockets = self._count_sockets()

    @property
    def pid(self):
        """The process id of the server itself, also if a wrapper is its parent."""
        wrapped = "strace" in self.command[0]
        return (_child_of(self.process.pid) if wrapped else None) or self.process.pid

    def _count_sockets(self):
        count = 0
        for entry in os.scandir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                count += os.readlink(entry.path).startswith("socket:")
        return count

    def wait_for_connections(self, count):
        """Waits until the server has accepted, or closed, all but so many connections."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while (held := self._count_sockets() - self.sockets) != count:
            if time.monotonic() > deadline:
                raise Failed(f"the server holds {held} connections and should hold {count}")

    def end(self):
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
        try:
            self.process.communicate(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            print(f"{' '.join(self.command)}: had to be killed", file=sys.stderr)


@contextlib.contextmanager
def serving(command, **options):
    server = RunningServer(command, **options)
    try:
        yield server
    finally:
        server.end()


def load_arguments(case):
    """`{"connections": 10, "churn": True}` as options of the load generator."""
    arguments = []
    for name, value in case.items():
        option = "--" + name.replace("_", "-")
        arguments += [option] if value is True else [option, str(value)]
    return arguments


def start_load(build, address, case, extra=()):
    command = [str(build / "bench/load/load"), address, "--json", *load_arguments(case), *extra]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            preexec_fn=_prepare(cores()[1]))


def run_load(build, address, case, extra=(), seconds=TIMEOUT_SECONDS):
    """The report of the load generator."""
    process = start_load(build, address, case, extra)
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Failed(f"load {' '.join(load_arguments(case))}: no end after {seconds:.0f} s") from None
    if process.returncode != 0:
        why = json.loads(output)["errors"] if output.startswith("{") else errors or output
        raise Failed(f"load {' '.join(load_arguments(case))}: {why}")
    return json.loads(output)


def run_quietly(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stderr}")


def run_program(command):
    """The figures of a program that measures itself, on all cores."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS,
                              preexec_fn=_prepare())
    except subprocess.TimeoutExpired:
        raise Failed(f"{' '.join(command)} did not end") from None
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stderr}")
    return json.loads(done.stdout)
