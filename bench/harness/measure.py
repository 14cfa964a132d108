"""The ways to measure a server. Each yields, for as long as a server is kept, a function that takes
a case of a benchmark and returns figures by name."""

import json
import os
import re
import shlex
import signal
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from harness.process import (Failed, load_arguments, run_load, run_program, run_quietly, serving,
                             start_load)


@dataclass(frozen=True)
class Column:
    key: str
    title: str
    format: str


@dataclass(frozen=True)
class Settings:
    """How much is measured: servers start `starts` times and have `runs` runs in each start."""
    build: Path
    starts: int
    runs: int
    seconds: float = 0.15
    warm_up: float = 0.05


def _nanoseconds(value):
    for limit, unit in ((1e3, "ns"), (1e6, "µs"), (1e9, "ms")):
        if value < limit:
            scaled = value / (limit / 1e3)
            return f"{scaled:.3g} {unit}" if scaled < 100 else f"{scaled:.0f} {unit}"
    return f"{value / 1e9:.2f} s"


FORMATS = {
    "ns": _nanoseconds,
    "count": lambda value: f"{value:,.0f}",
    "calls": lambda value: f"{value:.3f}",
    "share": lambda value: f"{value:.2f}",
    "bytes": lambda value: f"{value:,.0f} B",
    "GB/s": lambda value: f"{value:.2f} GB/s",
}


class Load:
    """Time under load: CPU of the server a message, messages a second, latencies."""

    columns = (Column("cpu_ns", "CPU a message", "ns"), Column("rate", "messages/s", "count"),
               Column("p50", "p50", "ns"), Column("p99", "p99", "ns"),
               Column("server_core", "of its core", "share"),
               Column("load_core", "load's", "share"))
    name = "load"
    needs = ""
    # A server that waited longer for its core shared it with others; the measurement is repeated.
    waited_share = 0.05
    tries = 3
    # For starting a server and a load, connecting, reporting, and repeating one run in ten.
    start_seconds, run_seconds = 0.05, 0.05
    timeout_seconds = 10

    def settings(self, build, runs, quick):
        return Settings(build, starts=2 if quick else 4, runs=runs)

    def seconds(self, benchmark, settings):
        """About how long one server takes for one case."""
        run = settings.seconds + settings.warm_up + self.run_seconds
        return settings.starts * (self.start_seconds + settings.runs * run)

    @contextmanager
    def keep(self, server, server_options, settings):
        with serving(server.command(settings.build, server_options)) as running:
            yield lambda case: min(self._runs(running, case, settings), key=itemgetter("waited"))

    def _runs(self, running, case, settings):
        for _ in range(self.tries):
            report = run_load(settings.build, running.address, case, (
                "--server-pid", str(running.pid), "--duration", str(settings.seconds),
                "--warm-up", str(settings.warm_up)), seconds=self.timeout_seconds)
            waited = report["server"]["kept_waiting_share"]
            yield {
                "cpu_ns": report["server"]["cpu_ns_per_message"],
                "rate": report["messages_per_second"],
                "p50": report["latency_ns"]["p50"],
                "p99": report["latency_ns"]["p99"],
                "server_core": report["server"]["share_of_core"],
                "load_core": report["load"]["share_of_core"],
                "lost": report["lost"],
                "waited": waited,
            }
            if waited <= self.waited_share:
                break


class Counted:
    """Counts that other processes hardly change; they are made once or a few times."""

    needs = ""
    times = 1
    once_seconds = 1

    def settings(self, build, runs, quick):
        return Settings(build, starts=1 if quick else self.times, runs=1, seconds=0)

    def seconds(self, benchmark, settings):
        return settings.starts * self.once_seconds


class Instructions(Counted):
    """User instructions for a message, counted by callgrind; other processes do not change them."""

    columns = (Column("instructions", "instructions a message", "count"),)
    name = "instructions"
    needs = "valgrind"
    once_seconds = 1.5
    few, many = 2_000, 12_000
    wrapper = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")

    @contextmanager
    def keep(self, server, server_options, settings):
        command = server.command(settings.build, server_options)
        yield lambda case: {"instructions": self.count_each(command, settings.build, case)}

    def count_each(self, command, build, case):
        few, many = (self._count(command, build, case, messages)
                     for messages in (self.few, self.many))
        # Start-up and connecting are in both counts.
        return (many - few) / (self.many - self.few)

    def _count(self, command, build, case, messages):
        with tempfile.TemporaryFile("w+") as log:
            with serving(command, wrapper=self.wrapper, stderr=log) as running:
                run_load(build, running.address, case, ("--messages", str(messages)))
                running.wait_for_connections(0)
            log.seek(0)
            collected = re.search(r"Collected : (\d+)", log.read())
        if not collected:
            raise Failed("callgrind did not count")
        return int(collected[1])


class SystemCalls(Counted):
    """System calls for a message, by name, counted by strace."""

    columns = (Column("total", "calls a message", "calls"), Column("read", "read", "calls"),
               Column("write", "write", "calls"), Column("epoll_wait", "epoll_wait", "calls"),
               Column("epoll_ctl", "epoll_ctl", "calls"), Column("other", "other", "calls"))
    name = "system calls"
    needs = "strace"
    times = 3  # A kernel thread of io_uring may be awake or not.
    once_seconds = 0.7
    few, many = 1_000, 6_000
    groups = {
        "read": {"read", "readv", "recvfrom", "recvmsg", "recvmmsg"},
        "write": {"write", "writev", "sendto", "sendmsg", "sendmmsg"},
        "epoll_wait": {"epoll_wait", "epoll_pwait", "epoll_pwait2"},
        "epoll_ctl": {"epoll_ctl"},
    }

    @contextmanager
    def keep(self, server, server_options, settings):
        command = server.command(settings.build, server_options)
        yield lambda case: self._figures(self.calls_each(command, settings.build, case))

    def calls_each(self, command, build, case):
        """{system call: how many for a message}."""
        few, many = (self._calls(command, build, case, messages)
                     for messages in (self.few, self.many))
        return {name: (many[name] - few.get(name, 0)) / (self.many - self.few) for name in many}

    def _figures(self, calls):
        figures = {group: sum(calls.get(name, 0) for name in names)
                   for group, names in self.groups.items()}
        total = sum(calls.values())
        return {"total": total, **figures, "other": total - sum(figures.values())}

    def _calls(self, command, build, case, messages):
        with tempfile.NamedTemporaryFile("r") as log:
            wrapper = ("strace", "-f", "-c", "-o", log.name)
            with serving(command, wrapper=wrapper) as running:
                run_load(build, running.address, case, ("--messages", str(messages)))
                running.wait_for_connections(0)
            # % time, seconds, usecs/call, calls, errors (may be empty), syscall
            rows = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", log.read(), re.M)
        return {name: int(calls) for calls, name in rows if name != "total"}


class Memory(Counted):
    """Resident memory of the server for each connection that it holds."""

    columns = (Column("bytes", "a connection", "bytes"), Column("total", "in all", "bytes"))
    name = "memory"
    times = 3  # Garbage collectors run at times of their own.
    once_seconds = 2
    hold_seconds = 60

    @contextmanager
    def keep(self, server, server_options, settings):
        command = server.command(settings.build, server_options)
        yield lambda case: self._figures(command, settings.build, case)

    def _figures(self, command, build, case):
        count = case.get("idle", 0) + case["connections"]
        with serving(command) as running:
            # The first connections load code and tables, which are not to be counted.
            run_load(build, running.address, {"connections": 100, "messages": 100})
            before = self.resident(running.pid)
            holding = start_load(build, running.address, {**case, "hold": self.hold_seconds})
            try:
                line = holding.stdout.readline()
                if not line.startswith("holding"):
                    raise Failed(f"load: {line or holding.stderr.read()}")
                running.wait_for_connections(count)
                after = self.resident(running.pid)
            finally:
                holding.send_signal(signal.SIGINT)
                holding.communicate()
        return {"bytes": (after - before) / count, "total": after}

    @staticmethod
    def resident(pid):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(re.search(r"^Rss: +(\d+) kB", rollup, re.M)[1]) * 1024


class StartUp:
    """The CPU, time and memory that a server uses before it listens."""

    name = "start-up"
    columns = (Column("cpu_ns", "CPU", "ns"), Column("wall_ns", "until it listens", "ns"),
               Column("resident", "resident", "bytes"))
    needs = ""
    run_seconds = 0.03

    def settings(self, build, runs, quick):
        return Settings(build, starts=1, runs=3 * runs, seconds=0)

    def seconds(self, benchmark, settings):
        return settings.runs * self.run_seconds

    @contextmanager
    def keep(self, server, server_options, settings):
        yield lambda case: self._figures(server.command(settings.build, server_options))

    @staticmethod
    def _figures(command):
        began = time.monotonic_ns()
        with serving(command) as running:
            # The CPU time of the main thread, in nanoseconds.
            on_core = int(Path(f"/proc/{running.pid}/schedstat").read_text().split()[0])
            return {"cpu_ns": on_core, "wall_ns": running.listening_at - began,
                    "resident": Memory.resident(running.pid)}


class Build:
    """The size of a server's program, and the time to compile its source."""

    name = "build"
    columns = (Column("compile_ns", "CPU to compile", "ns"), Column("program", "program", "bytes"),
               Column("source", "of source", "count"))
    needs = "strip"
    run_seconds = 2.5

    def settings(self, build, runs, quick):
        return Settings(build, starts=1, runs=1 if quick else 2, seconds=0)

    def seconds(self, benchmark, settings):
        return settings.runs * self.run_seconds

    @contextmanager
    def keep(self, server, server_options, settings):
        yield lambda case: self._figures(settings.build, server.program)

    @staticmethod
    def _figures(build, program):
        entry = next(entry for entry in json.loads((build / "compile_commands.json").read_text())
                     if entry["output"].startswith(f"bench/{program}.p/"))
        with tempfile.TemporaryDirectory() as folder:
            words = [word for word in shlex.split(entry["command"]) if word != "ccache"]
            words[words.index("-o") + 1] = f"{folder}/object"
            before = os.times()
            run_quietly(words, cwd=entry["directory"])
            after = os.times()
            run_quietly(["strip", "-o", f"{folder}/program", str(build / "bench" / program)])
            lines = (Path(entry["directory"]) / entry["file"]).read_text().splitlines()
            return {"compile_ns": 1e9 * (after.children_user + after.children_system
                                         - before.children_user - before.children_system),
                    "program": os.path.getsize(f"{folder}/program"), "source": len(lines)}


class Program:
    """A program that measures itself and prints its figures as JSON."""

    name = "program"
    columns = ()  # Each benchmark has its own.
    needs = ""

    def settings(self, build, runs, quick):
        # Each run is a start. Of six, the minimum and the maximum are the 95 % interval.
        return Settings(build, starts=2 if quick else max(6, runs), runs=1, seconds=0)

    def seconds(self, benchmark, settings):
        return settings.starts * benchmark.seconds

    @contextmanager
    def keep(self, server, server_options, settings):
        yield lambda case: run_program(server.command(settings.build) + load_arguments(case))


MEASURES = {measure.name: measure
            for measure in (Load(), Instructions(), SystemCalls(), Memory(), StartUp(), Build(),
                            Program())}
