#!/usr/bin/env python3
"""Runs the fuzz targets of a build folder, as many at once as there are cores.

    run.py BUILD --executions 1000000           of all targets together
    run.py BUILD --seconds 5                    of each target
    run.py BUILD --executions 1000000 lines     of one target
    run.py BUILD --seconds 60 --longest 64      with short inputs, of which a second tries more

Each begins with the inputs of seeds.py, and with what it has learned before, which it keeps in
BUILD/corpus/NAME. An input that fails is kept in BUILD/findings, and the exit code is 1 then.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from seeds import write_seeds

HERE = Path(__file__).resolve().parent
# Where a server is driven through sockets, an execution takes as long as so many others.
SESSION_WEIGHT = 50


class Target:
    def __init__(self, path):
        self.path = path
        self.name = path.name.removesuffix("_fuzz")
        self.weight = 1 / SESSION_WEIGHT if self.name.endswith("_session") else 1
        self.executions = 0

    def run(self, build, limit, longest):
        """Fuzzes until the limit, a libFuzzer option, is reached, with inputs of up to `longest`
        bytes. True when nothing was found."""
        learned, findings = build / "corpus" / self.name, build / "findings"
        learned.mkdir(parents=True, exist_ok=True)
        findings.mkdir(exist_ok=True)
        seeds = build / "seeds" / self.name
        write_seeds(self.name, seeds)
        dictionary = HERE / "corpus" / f"{self.name}.dict"
        command = [self.path, limit, f"-max_len={longest}", "-timeout=20",
                   "-rss_limit_mb=2048", "-reload=0", "-print_final_stats=1",
                   f"-artifact_prefix={findings}/{self.name}-", learned, seeds]
        if self.weight < 1:
            command.append("-close_fd_mask=3")  # What the program logs; a replay shows it.
        command += [f"-dict={dictionary}"] if dictionary.exists() else []
        # Where memory was allocated is of interest only in a replay.
        options = os.environ.get("ASAN_OPTIONS", "")
        quick = "detect_stack_use_after_return=0:malloc_context_size=1:quarantine_size_mb=8"
        began = time.monotonic()
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True, errors="replace", check=False,
                              env={**os.environ, "ASAN_OPTIONS": f"{options}:{quick}"})
        seconds = time.monotonic() - began
        self.report(done, seconds)
        return done.returncode == 0

    def report(self, done, seconds):
        # A finding ends it before it prints its statistics.
        numbers = re.findall(r"^#(\d+)\s", done.stderr, re.M)
        counted = re.search(r"number_of_executed_units: *(\d+)", done.stderr)
        self.executions = int(counted[1]) if counted else int(numbers[-1]) if numbers else 0
        covered = [int(number) for number in re.findall(r" cov: (\d+)", done.stderr)]
        grown = covered[-1] - covered[0] if covered else 0
        print(f"{'  ok' if done.returncode == 0 else 'FAIL'}  {self.name}: {self.executions} "
              f"executions, {self.executions / max(seconds, 1e-3):.0f} a second, coverage "
              f"{covered[-1] if covered else 0} (+{grown})", flush=True)
        if done.returncode == 0:
            return
        kept = re.search(r"Test unit written to (\S+)", done.stderr)
        print(done.stderr[-6000:].rstrip())
        if kept:
            print(f"      the input is kept; to replay it: {self.path} {kept[1]}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("names", nargs="*", help="targets; default: all")
    limit = parser.add_mutually_exclusive_group(required=True)
    limit.add_argument("--executions", type=int, help="of all targets together")
    limit.add_argument("--seconds", type=int, help="of each target")
    parser.add_argument("--longest", type=int, default=256, help="bytes of an input (256)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_intermixed_args()

    targets = [Target(path) for path in sorted((options.build / "tests/fuzz").glob("*_fuzz"))]
    if options.names:
        targets = [target for target in targets if target.name in options.names]
    if not targets:
        sys.exit(f"there is no fuzz target {' '.join(options.names)}")
    weight = sum(target.weight for target in targets)

    def run(target):
        if options.seconds:
            return target.run(options.build, f"-max_total_time={options.seconds}", options.longest)
        executions = max(1, round(options.executions * target.weight / weight))
        return target.run(options.build, f"-runs={executions}", options.longest)

    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(run, targets))
    print(f"{sum(target.executions for target in targets)} executions of {len(targets)} targets, "
          f"{results.count(False)} with a finding")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
