#!/usr/bin/env python3
"""Measures how long a well-behaved client waits while another client attacks the same server.

Each case starts two instances of a server. One client sends a request every 5 ms to the first and
measures the round trips: while nothing else happens (quiet), while the attack runs against the
second instance (control), and while it runs against the first (attack). The three alternate. The
control shows what the attack costs because it uses the processors; what the attack costs beyond
that is the server's doing. A case fails when the 99th percentile under attack exceeds 20 ms and
exceeds the control's.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT.parent / "samples"))

INTERVAL_SECONDS = 0.005
LIMIT_SECONDS = 0.020
PRIORITY = -15


def parse():
    parser = argparse.ArgumentParser(prog="./dev bench attacks", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="*", help="only cases with this text in their name")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("--rounds", type=int, default=2, help="how often each phase is measured (2)")
    parser.add_argument("--seconds", type=float, default=1.5, help="length of a phase (1.5)")
    parser.add_argument("--build", type=Path, default=ROOT.parent / "build-samples",
                        help="folder of the built programs (build-samples)")
    parser.add_argument("--json", type=Path, help="write all figures to this file as well")
    return parser.parse_args()


class Attackers:
    """Processes that attack one server until the block ends, or for a minute at most."""

    def __init__(self, case, server, folder):
        self.pids = []
        for number in range(case.attackers):
            pid = os.fork()
            if pid == 0:
                self._attack(case, server, folder, number)
            self.pids.append(pid)

    @staticmethod
    def _attack(case, server, folder, number):
        signal.alarm(60)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        # The server may close the connections of an attack, which then starts again.
        while True:
            try:
                case.attack(server, folder, number)
            except (OSError, EOFError, ValueError, KeyError):
                time.sleep(0.001)
            except BaseException as error:
                print(f"the attack failed: {error!r}", file=sys.stderr, flush=True)
                os._exit(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
        for pid in self.pids:
            os.waitpid(pid, 0)


def percentile(times, share):
    return sorted(times)[min(int(len(times) * share), len(times) - 1)] if times else float("nan")


class Times:
    """Round trips, in seconds. One that takes longer than the interval also counts for each request
    that would have been sent meanwhile, with the time that this request would have waited."""

    def __init__(self):
        self.all = []
        self.lost = 0

    def measure(self, client, seconds):
        end = time.monotonic() + seconds
        while (sent := time.monotonic()) < end:
            if not client.round_trip():
                self.lost += 1
                continue
            took = time.monotonic() - sent
            self.all.append(took)
            while (took := took - INTERVAL_SECONDS) > 0:
                self.all.append(took)
            time.sleep(INTERVAL_SECONDS - (time.monotonic() - sent) % INTERVAL_SECONDS)

    def figures(self):
        return {"count": len(self.all), "lost": self.lost, "p50": percentile(self.all, 0.5),
                "p99": percentile(self.all, 0.99), "max": max(self.all, default=float("nan"))}


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_until_idle(*servers):
    """Waits up to 10 s for the pending work of an attack, which must not count as quiet."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        before = [cpu_seconds(server.pid) for server in servers]
        time.sleep(0.1)
        if all(cpu_seconds(server.pid) - was < 0.02 for server, was in zip(servers, before)):
            return


def run(case, arguments, folder):
    phases = {"quiet": Times(), "control": Times(), "attack": Times()}
    busy = []
    with contextlib.ExitStack() as stack:
        target, twin = (stack.enter_context(case.start(folder / name)) for name in ("target", "twin"))
        client = stack.enter_context(case.client(target, folder / "target"))
        Times().measure(client, 0.1)
        for _ in range(arguments.rounds):
            phases["quiet"].measure(client, arguments.seconds)
            with Attackers(case, twin, folder / "twin"):
                phases["control"].measure(client, arguments.seconds)
            wait_until_idle(target, twin)
            before = cpu_seconds(target.pid)
            with Attackers(case, target, folder / "target"):
                phases["attack"].measure(client, arguments.seconds)
                busy.append((cpu_seconds(target.pid) - before) / arguments.seconds)
            wait_until_idle(target, twin)
    figures = {name: times.figures() for name, times in phases.items()}
    figures["busy"] = sum(busy) / len(busy)
    bound = max(LIMIT_SECONDS, figures["control"]["p99"])
    figures["good"] = figures["attack"]["p99"] <= bound
    return figures


HEADER = (f"{'attack':44} {'quiet p50/p99/max':>21} {'control p50/p99/max':>21} "
          f"{'attack p50/p99/max':>23} {'ratio':>6} {'CPU':>5} {'lost':>5}")


def row(name, figures):
    def three(phase):
        return "/".join(f"{figures[phase][key] * 1000:.1f}" for key in ("p50", "p99", "max"))
    ratio = figures["attack"]["p99"] / figures["quiet"]["p99"]
    lost = sum(figures[phase]["lost"] for phase in ("control", "attack"))
    return (f"{name:44} {three('quiet'):>21} {three('control'):>21} {three('attack'):>23} "
            f"{ratio:6.1f} {figures['busy']:5.0%} {lost:5}{'' if figures['good'] else '  TOO LONG'}")


def go_ahead_of_neighbours():
    """Gives this process and its children the same higher priority. Only root may."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
        os.setsid()  # The kernel may share cores among sessions first.
        Path("/proc/self/autogroup").write_text(str(PRIORITY))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # Stops the servers, too.
    arguments = parse()
    go_ahead_of_neighbours()
    os.environ["UVREACTOR_BUILD"] = str(arguments.build.resolve())
    from hostile import all_cases  # The import reads where the programs are.
    cases = [case for case in all_cases()
             if not arguments.case or any(text in case.name for text in arguments.case)]
    if arguments.list:
        print("\n".join(case.name for case in cases))
        return 0
    print(f"round trips in milliseconds, p50/p99/max; {arguments.rounds} × {arguments.seconds} s "
          f"for each phase\n{HEADER}", flush=True)
    results = {}
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="attacks-") as folder:
            for name in ("target", "twin"):
                (Path(folder) / name).mkdir()
            results[case.name] = run(case, arguments, Path(folder))
        print(row(case.name, results[case.name]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    bad = [name for name, figures in results.items() if not figures["good"]]
    print(f"{len(results) - len(bad)} of {len(results)} attacks leave the other client its time")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
