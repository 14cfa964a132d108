"""The ways to measure a server. Each gives, for as long as a server is kept, a function that takes
a cell of a question and gives figures by name."""

import re
import signal
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from harness.process import (Failed, load_arguments, run_load, run_program, serving,
                             start_load)


@dataclass(frozen=True)
class Column:
    key: str
    title: str
    format: str


@dataclass(frozen=True)
class Settings:
    """How much is measured: servers are started `starts` times and take `turns` turns each time."""
    build: Path
    starts: int
    turns: int
    seconds: float
    warm_up: float = 0.05

    @classmethod
    def of(cls, build, measure, quick):
        if measure.deterministic:
            return cls(build, starts=1, turns=1, seconds=0)
        if isinstance(measure, Program):
            return cls(build, starts=1, turns=3 if quick else 9, seconds=0)
        return cls(build, starts=2 if quick else 4, turns=6 if quick else 12, seconds=0.15)


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
    deterministic = False
    needs = ""
    # A server that waited for its core longer than this shared it, and has its turn again.
    waited_share = 0.05
    tries = 3

    @contextmanager
    def keep(self, server, server_options, settings):
        with serving(server.command(settings.build, server_options)) as running:
            yield lambda cell: min(self._turns(running, cell, settings), key=itemgetter("waited"))

    def _turns(self, running, cell, settings):
        for _ in range(self.tries):
            report = run_load(settings.build, running.address, cell, (
                "--server-pid", str(running.pid), "--duration", str(settings.seconds),
                "--warm-up", str(settings.warm_up)))
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


class Instructions:
    """User instructions a message, counted by callgrind: what no neighbour disturbs."""

    columns = (Column("instructions", "instructions a message", "count"),)
    deterministic = True
    needs = "valgrind"
    few, many = 2_000, 12_000
    wrapper = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")

    @contextmanager
    def keep(self, server, server_options, settings):
        command = server.command(settings.build, server_options)

        def measure(cell):
            few, many = (self._count(command, settings.build, cell, messages)
                         for messages in (self.few, self.many))
            # Start-up and connecting are in both counts.
            return {"instructions": (many - few) / (self.many - self.few)}

        yield measure

    def _count(self, command, build, cell, messages):
        with tempfile.TemporaryFile("w+") as log:
            with serving(command, wrapper=self.wrapper, stderr=log) as running:
                run_load(build, running.address, cell, ("--messages", str(messages)))
                running.wait_for_connections(0)
            log.seek(0)
            collected = re.search(r"Collected : (\d+)", log.read())
        if not collected:
            raise Failed("callgrind did not count")
        return int(collected[1])


class SystemCalls:
    """System calls a message, by name, counted by strace."""

    columns = (Column("total", "calls a message", "calls"), Column("read", "read", "calls"),
               Column("write", "write", "calls"), Column("epoll_wait", "epoll_wait", "calls"),
               Column("epoll_ctl", "epoll_ctl", "calls"), Column("other", "other", "calls"))
    deterministic = True
    needs = "strace"
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
        yield lambda cell: self._figures(*(self._calls(command, settings.build, cell, messages)
                                           for messages in (self.few, self.many)))

    def _figures(self, few, many):
        calls = {name: (many[name] - few.get(name, 0)) / (self.many - self.few) for name in many}
        figures = {group: sum(calls.get(name, 0) for name in names)
                   for group, names in self.groups.items()}
        total = sum(calls.values())
        return {"total": total, **figures, "other": total - sum(figures.values())}

    def _calls(self, command, build, cell, messages):
        with tempfile.NamedTemporaryFile("r") as log:
            wrapper = ("strace", "-f", "-c", "-o", log.name)
            with serving(command, wrapper=wrapper) as running:
                run_load(build, running.address, cell, ("--messages", str(messages)))
                running.wait_for_connections(0)
            # % time, seconds, usecs/call, calls, errors (may be empty), syscall
            rows = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", log.read(), re.M)
        return {name: int(calls) for calls, name in rows if name != "total"}


class Memory:
    """Resident memory of the server for each connection that it holds."""

    columns = (Column("bytes", "a connection", "bytes"), Column("total", "in all", "bytes"))
    deterministic = True
    needs = ""
    hold_seconds = 60

    @contextmanager
    def keep(self, server, server_options, settings):
        command = server.command(settings.build, server_options)
        yield lambda cell: self._figures(command, settings.build, cell)

    def _figures(self, command, build, cell):
        count = cell.get("idle", 0) + cell["connections"]
        with serving(command) as running:
            # Code and tables that any connection needs are there before the counting begins.
            run_load(build, running.address, {"connections": 100, "messages": 100})
            before = self._resident(running.pid)
            holding = start_load(build, running.address, {**cell, "hold": self.hold_seconds})
            try:
                line = holding.stdout.readline()
                if not line.startswith("holding"):
                    raise Failed(f"load: {line or holding.stderr.read()}")
                running.wait_for_connections(count)
                after = self._resident(running.pid)
            finally:
                holding.send_signal(signal.SIGINT)
                holding.communicate()
        return {"bytes": (after - before) / count, "total": after}

    @staticmethod
    def _resident(pid):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(re.search(r"^Rss: +(\d+) kB", rollup, re.M)[1]) * 1024


class Program:
    """A program that measures by itself and prints its figures as JSON."""

    columns = ()  # Each question has its own.
    deterministic = False
    needs = ""

    @contextmanager
    def keep(self, server, server_options, settings):
        yield lambda cell: run_program(server.command(settings.build) + load_arguments(cell))


MEASURES = {"program": Program(), "load": Load(), "instructions": Instructions(), "system calls": SystemCalls(),
            "memory": Memory()}
