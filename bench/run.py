#!/usr/bin/env python3
"""Runs the benchmarks: servers one after another, on other cores than their load, with ratios to
the baseline of the same run. How to read the result: bench/README.md."""

import argparse
import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from harness import agreement, budgets, page, report, results
from harness.process import cores
from harness.benchmark import all_benchmarks
from harness.servers import QUICK

ROOT = Path(__file__).resolve().parent
MINUTES, QUICK_MINUTES = 30, 3
MOST_RUNS, QUICK_RUNS, FEWEST_RUNS = 12, 6, 3


def parse(benchmarks):
    listing = "\n".join(f"  {name:18} {benchmark.title}" for name, benchmark in benchmarks.items())
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__, epilog=f"benchmarks:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", metavar="BENCHMARK", nargs="*",
                        help="which to run; `all`, or none, for all of them")
    parser.add_argument("--quick", action="store_true",
                        help=f"{QUICK_MINUTES} minutes: few servers, few cases, few runs")
    parser.add_argument("--page", action="store_true",
                        help="write docs/benchmarks.md of what was measured last; without a "
                             "benchmark, nothing is measured")
    parser.add_argument("--compare", type=Path, metavar="FILE", nargs="?", const=page.STORED,
                        help="print which ratios of what was measured last differ from those of the "
                             "page, or of another such FILE, beyond their spreads; without a "
                             "benchmark, nothing is measured")
    parser.add_argument("--budgets", action="store_true",
                        help="record how many instructions and calls the suite allows a message, in "
                             f"{os.path.relpath(budgets.FILE, ROOT.parent)}")
    parser.add_argument("--servers", help="only these, separated by commas; the baseline always runs")
    parser.add_argument("--cases", metavar="TEXT",
                        help="only those whose name has this text in it")
    parser.add_argument("--minutes", type=float,
                        help=f"the time for all of them [{MINUTES}]; the number of runs follows from it")
    parser.add_argument("--starts", type=int, help="how often each server is started")
    parser.add_argument("--runs", type=int,
                        help="how often it is measured after each start")
    parser.add_argument("--seconds", type=float, help="length of a run")
    parser.add_argument("--build", type=Path, default=ROOT.parent / "build-bench",
                        help="folder of the built programs")
    parser.add_argument("--results", type=Path, default=ROOT / "results",
                        help="folder for the results")
    arguments = parser.parse_args()
    reads_results = arguments.page or arguments.compare
    arguments.measures = bool(arguments.benchmark or arguments.quick or not reads_results)
    if not arguments.benchmark or "all" in arguments.benchmark:
        arguments.benchmark = list(benchmarks)
    unknown = set(arguments.benchmark) - set(benchmarks)
    if unknown:
        parser.error(f"no benchmark named {', '.join(sorted(unknown))}; see --help")
    if arguments.servers:
        arguments.servers = arguments.servers.split(",")
        known = {name: None for benchmark in benchmarks.values() for name in benchmark.servers}
        unknown = set(arguments.servers) - set(known)
        if unknown:
            parser.error(f"no server named {', '.join(sorted(unknown))}; there are "
                         + ", ".join(known))
    arguments.build = arguments.build.resolve()
    if arguments.measures and not (arguments.build / "bench/load/load").exists():
        parser.error(f"{arguments.build} holds no bench/load/load: build it, or name another")
    return arguments


class Plan:
    """The servers, cases and settings of one benchmark."""

    def __init__(self, benchmark, arguments):
        self.benchmark, self.arguments = benchmark, arguments
        self.servers, self.without = [], {}
        for name in self._wanted_servers():
            why_not = benchmark.why_not(name, arguments.build)
            if why_not:
                self.without[name] = why_not
            else:
                self.servers.append(name)
        self.cases = [case for case in (benchmark.quick if arguments.quick else benchmark.cases)
                      if not arguments.cases or arguments.cases in case]
        tool = benchmark.measure.needs
        self.why_not = ("" if not tool or shutil.which(tool)
                        else f"it needs {tool} (Debian package {tool})")

    def _wanted_servers(self):
        """The requested servers, the baseline first."""
        benchmark, arguments = self.benchmark, self.arguments
        if arguments.servers:
            names = [name for name in benchmark.servers if name in arguments.servers]
        else:
            names = [name for name in benchmark.servers if not arguments.quick or name in QUICK]
        return names if benchmark.baseline in names else [benchmark.baseline, *names]

    def settings(self, runs):
        arguments = self.arguments
        settings = self.benchmark.measure.settings(arguments.build, runs, arguments.quick)
        options = {name: getattr(arguments, name) for name in ("starts", "runs", "seconds")}
        return replace(settings, **{name: value for name, value in options.items() if value})

    def seconds(self, runs):
        if self.why_not:
            return 0
        each = self.benchmark.measure.seconds(self.benchmark, self.settings(runs))
        return len(self.cases) * len(self.servers) * each


def chosen_runs(plans, arguments):
    """The number of runs that the time allows."""
    minutes = arguments.minutes or (QUICK_MINUTES if arguments.quick else MINUTES)
    for runs in range(QUICK_RUNS if arguments.quick else MOST_RUNS, FEWEST_RUNS, -1):
        if sum(plan.seconds(runs) for plan in plans) <= minutes * 60:
            return runs
    return FEWEST_RUNS


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def ask(plan, runs):
    """Whether the benchmark ran without a failure; a skipped one is no failure."""
    benchmark, arguments = plan.benchmark, plan.arguments
    print(f"{benchmark.name}: {benchmark.title}")
    if plan.why_not:
        print(f"  skipped: {plan.why_not}\n")
        return True
    for name, why_not in plan.without.items():
        print(f"  without {name}: {why_not}")
    if not plan.cases:
        print()
        return True
    settings, began = plan.settings(runs), time.monotonic()
    samples = benchmark.run(plan.servers, plan.cases, settings, progress)
    progress("")
    result = results.result_of(benchmark, samples, settings,
                               "./dev bench" + " --quick" * arguments.quick)
    for case in plan.cases:
        print(report.table(result, case))
    results.write(arguments.results / f"{benchmark.name}.json", result, depth=4)
    (arguments.results / f"{benchmark.name}.md").write_text(page.section(benchmark.name, result) + "\n")
    count = settings.starts * settings.runs
    print(f"  {count} {'run' if count == 1 else 'runs'} each, {time.monotonic() - began:.0f} s; "
          f"{os.path.relpath(arguments.results / benchmark.name)}.json and .md\n", flush=True)
    return not any("failures" in figures for outcome in result["cases"].values()
                   for figures in outcome["summary"].values())


def measure(benchmarks, arguments):
    plans = [Plan(benchmarks[name], arguments) for name in benchmarks if name in arguments.benchmark]
    runs = chosen_runs(plans, arguments)
    seconds = sum(plan.seconds(runs) for plan in plans)
    took = f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"
    print(f"{len(plans)} {'benchmark' if len(plans) == 1 else 'benchmarks'}, about {took}\n", flush=True)
    if cores()[0] == cores()[1]:
        print("one core only: the server and its load share it, and times mean little")
    return all([ask(plan, runs) for plan in plans])


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # Stops the servers, too.
    benchmarks = all_benchmarks()
    arguments = parse(benchmarks)
    good = True
    # Two runs at the same time would disturb each other.
    with open(Path(tempfile.gettempdir()) / "uvreactor-bench.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if arguments.budgets:
            print(f"wrote {os.path.relpath(budgets.record(arguments.build))}")
            return 0
        if arguments.measures:
            good = measure(benchmarks, arguments)
    if arguments.compare:
        print(agreement.report(json.loads(arguments.compare.read_text()),
                               results.read_all(arguments.results)))
    if arguments.page:
        print(f"wrote {os.path.relpath(page.publish(arguments.results))}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
