#!/usr/bin/env python3
"""Runs the suite against one build folder and ends with `N passed, N failed, N skipped`.

Three kinds of checks: every test() known to meson (a doctest binary counts case by case), every
`*_test.py` (unittest, which gets the build folder in UVREACTOR_BUILD), and tidy's rules.
A doctest case that this machine cannot run says MESSAGE("skipped: why") and returns.
"""

import argparse
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

import tidy

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
PYTHON_FILE_SECONDS = 300


class Totals:
    """What has been counted so far; each kind of check adds one printed line to it."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, name, passed, failed, skips=(), log="", seconds=None):
        self.passed += passed
        self.failed += failed
        self.skipped += len(skips)
        parts = [f"{passed} passed"]
        if failed:
            parts.append(f"{failed} FAILED")
        if skips:
            parts.append(f"{len(skips)} skipped")
        took = f"  ({seconds:.1f} s)" if seconds is not None else ""
        if failed and log:
            print(log.rstrip())
        print(f"{'FAIL' if failed else '  ok'}  {name}: {', '.join(parts)}{took}", flush=True)
        for case, reason in skips:
            print(f"      skipped {case}: {reason}", flush=True)

    def line(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def run_command(command, seconds, **options):
    """Exit status (negative: the signal that killed it) and everything printed.

    One that outlives its time is first sent SIGABRT, on which doctest names the running case.
    """
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace",
                               start_new_session=True, **options)
    try:
        output, _ = process.communicate(timeout=seconds)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        pass
    output = ""
    for last_word in (signal.SIGABRT, signal.SIGKILL):
        os.killpg(process.pid, last_word)
        try:
            output, _ = process.communicate(timeout=10)
            break
        except subprocess.TimeoutExpired:
            continue
    return -signal.SIGABRT, f"{output}\nno end after {seconds} s: {' '.join(command)}\n"


# --- meson's tests -----------------------------------------------------------------------------

DOCTEST_SUMMARY = re.compile(
    r"\[doctest\] test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed")
DOCTEST_SKIP = re.compile(r"^TEST CASE:\s+(.*?)\n(?:(?!^=====).*\n)*?.*MESSAGE: skipped: (.*)$",
                          re.MULTILINE)
EXIT_SKIPPED = 77  # What meson, automake and ctest agree on.


def is_doctest(binary):
    return b"no-skipped-summary" in Path(binary).read_bytes()


def filter_runs(text):
    """Arguments of the doctest runs that together hold each matching case once."""
    if not text:
        return [[]]
    pattern = f"*{text}*".replace(",", "\\,")
    return [[f"--test-suite={pattern}"],
            [f"--test-case={pattern}", f"--test-suite-exclude={pattern}"]]


def run_meson_test(test, build, arguments):
    """What Totals.add is to be told, once for each run."""
    command = test["cmd"]
    doctest = is_doctest(command[0])
    if arguments.filter and not doctest and arguments.filter not in test["name"]:
        return []
    wrapper = []
    if arguments.valgrind:
        wrapper = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full",
                   "--errors-for-leak-kinds=definite,possible", "--num-callers=30"]
    seconds = test["timeout"] * arguments.patience
    environment = {**os.environ, **test["env"], "UVREACTOR_BUILD": str(build),
                   "UVREACTOR_PATIENCE": str(arguments.patience)}
    runs = filter_runs(arguments.filter) if doctest else [[]]
    told = []
    for number in range(1, arguments.repeat + 1):
        passed = failed = 0
        skips, log, began = [], "", time.monotonic()
        for run in runs:
            status, output = run_command(wrapper + command + run, seconds, env=environment,
                                         cwd=test["workdir"] or build)
            summary = DOCTEST_SUMMARY.search(output)
            if summary:
                passed += int(summary[2])
                failed += int(summary[3])
                found = DOCTEST_SKIP.findall(output)
                skips += found
                passed -= len(found)
                # A sanitizer's or valgrind's verdict comes after doctest's.
                failed += status != 0 and int(summary[3]) == 0
            elif status == EXIT_SKIPPED:
                skips.append((test["name"], output.strip() or "no reason given"))
            else:
                passed += status == 0
                failed += status != 0
            if status not in (0, EXIT_SKIPPED):
                log += f"{output}\n{' '.join(wrapper + command + run)}: exit status {status}\n"
        if passed or failed or skips:
            turn = f" (run {number} of {arguments.repeat})" if arguments.repeat > 1 else ""
            told.append((test["name"] + turn, passed, failed, skips, log, time.monotonic() - began))
    return told


def run_meson_tests(totals, build, arguments):
    tests = json.loads((build / "meson-info/intro-tests.json").read_text())
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for told in pool.map(lambda test: run_meson_test(test, build, arguments), tests):
            for run in told:
                totals.add(*run)


# --- Python files ------------------------------------------------------------------------------


class Collected(unittest.TextTestResult):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.good = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.good += 1


def run_one_file(path, text):
    """In a process of its own: runs the file and prints the outcome as the last line."""
    sys.path[:0] = [str(TESTS), str(path.parent)]
    loaded = unittest.defaultTestLoader.discover(str(path.parent), path.name,
                                                 top_level_dir=str(path.parent))

    def cases(suite):
        for item in suite:
            yield from cases(item) if isinstance(item, unittest.TestSuite) else [item]

    wanted = unittest.TestSuite(
        case for case in cases(loaded) if text in f"{path.relative_to(TESTS)}: {case.id()}")
    outcome = unittest.TextTestRunner(stream=sys.stdout, resultclass=Collected, verbosity=2).run(
        wanted)
    failed = len(outcome.failures) + len(outcome.errors) + len(outcome.unexpectedSuccesses)
    print(json.dumps({
        "ran": wanted.countTestCases(),
        "passed": outcome.good + len(outcome.expectedFailures),
        "failed": failed,
        "skips": [[str(case).split(" ")[0], reason] for case, reason in outcome.skipped],
    }))


def run_python_file(path, build, arguments):
    began = time.monotonic()
    status, output = run_command(
        [sys.executable, __file__, str(build), "--file", str(path), "--filter", arguments.filter],
        PYTHON_FILE_SECONDS * arguments.patience,
        env={**os.environ, "UVREACTOR_BUILD": str(build), "PYTHONDONTWRITEBYTECODE": "1"}, cwd=ROOT)
    log, _, last = output.rstrip().rpartition("\n")
    try:
        outcome = json.loads(last)
    except json.JSONDecodeError:
        outcome, log = {"ran": 1, "passed": 0, "failed": 1, "skips": []}, output
    if status != 0 and not outcome["failed"]:
        outcome["failed"] = 1
    if outcome["ran"] == 0 and not arguments.filter:
        outcome["failed"], log = 1, f"{path}: holds no test\n"
    return outcome, log, time.monotonic() - began


def run_python_files(totals, build, arguments):
    files = sorted(TESTS.rglob("*_test.py"))
    if arguments.built_only:
        files = [file for file in files if TESTS / "samples" in file.parents]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        outcomes = pool.map(lambda file: run_python_file(file, build, arguments), files)
        for file, (outcome, log, seconds) in zip(files, outcomes):
            if outcome["ran"]:
                totals.add(str(file.relative_to(TESTS)), outcome["passed"], outcome["failed"],
                           outcome["skips"], log, seconds)


# --- tidy --------------------------------------------------------------------------------------


def run_tidy(totals, text):
    broken = {rule.__name__: list(rule(ROOT)) for rule in tidy.RULES
              if text in f"tidy: {rule.__name__}"}
    if broken:
        bad = [rule for rule, findings in broken.items() if findings]
        log = "\n".join(f"tidy: {finding}" for rule in bad for finding in broken[rule])
        totals.add("tidy", len(broken) - len(bad), len(bad), log=log)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--filter", default="",
                        help="only what has this text in its suite, case or file name")
    parser.add_argument("--repeat", type=int, default=1, help="run each binary N times in a row")
    parser.add_argument("--valgrind", action="store_true", help="run each binary under valgrind")
    parser.add_argument("--built-only", action="store_true",
                        help="only the test binaries and the samples' tests")
    parser.add_argument("--patience", type=int, default=1, help="factor on every time limit")
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    if arguments.file:
        return run_one_file(arguments.file, arguments.filter)

    totals = Totals()
    run_meson_tests(totals, build, arguments)
    if not arguments.valgrind and arguments.repeat == 1:
        run_python_files(totals, build, arguments)
        if not arguments.built_only:
            run_tidy(totals, arguments.filter)
    if totals.passed + totals.failed + totals.skipped == 0:
        print(f"no test matches {arguments.filter!r}")
        totals.failed = 1
    print(totals.line())
    return 1 if totals.failed else 0


if __name__ == "__main__":
    sys.exit(main())
