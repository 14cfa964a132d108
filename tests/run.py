#!/usr/bin/env python3
"""Runs the suite against one build folder and ends with `N passed, N failed, N skipped`.

It runs every test() known to meson. A doctest binary, a file of Python's unittest and tidy count
case by case.
A doctest case that this machine cannot run says MESSAGE("skipped: why") and returns.
With --retries N a check that fails is run again by itself, N times at most. One that passes then
counts as passed, and a line `FLAKY name` says so.
"""

import argparse
import concurrent.futures
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

import build_options
import tidy

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
PYTHON_FILE_SECONDS = 450  # The same number of seconds is added for each step of the scale.


class Totals:
    """The counts so far. Each kind of check adds to them, and prints one line."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.bad = []  # The names of the cases that failed.

    def add(self, name, passed, failed, skips=(), log="", seconds=None, flaky=(), bad=()):
        self.bad += [case or name for case in bad]
        self.passed += passed
        self.failed += failed
        self.skipped += len(skips)
        parts = [f"{passed} passed"]
        if failed:
            parts.append(f"{failed} FAILED")
        if skips:
            parts.append(f"{len(skips)} skipped")
        took = f"  ({seconds:.1f} s)" if seconds is not None else ""
        if (failed or flaky) and log:
            print(log.rstrip())
        print(f"{'FAIL' if failed else '  ok'}  {name}: {', '.join(parts)}{took}", flush=True)
        for case, reason in skips:
            print(f"      skipped {case}: {reason}", flush=True)
        for case in flaky:
            print(f"FLAKY {name}: {case}", flush=True)

    def print_failures(self):
        for case in self.bad:
            print(f"FAILED {case}\n       to run it again: ./dev test {shlex.quote(case)}")

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
DOCTEST_FAILED = re.compile(r"^TEST CASE:\s+(.*?)\n(?:(?!^=====).*\n)*?.* ERROR: ", re.MULTILINE)
DOCTEST_SKIP = re.compile(r"^TEST CASE:\s+(.*?)\n(?:(?!^=====).*\n)*?.*MESSAGE: skipped: (.*)$",
                          re.MULTILINE)
EXIT_SKIPPED = 77  # What meson, automake and ctest agree on.


def is_doctest(binary):
    return b"no-skipped-summary" in Path(binary).read_bytes()


def doctest_pattern(text):
    return text.replace(",", "\\,")


def filter_runs(text):
    """Arguments of the doctest runs that together hold each matching case once."""
    if not text:
        return [[]]
    pattern = doctest_pattern(f"*{text}*")
    return [[f"--test-suite={pattern}"],
            [f"--test-case={pattern}", f"--test-suite-exclude={pattern}"]]


class BinaryRun:
    """One run of a test binary, and its output."""

    def __init__(self, name, command, seconds, **options):
        self.name = name
        status, output = run_command(command, seconds, **options)
        summary = DOCTEST_SUMMARY.search(output)
        self.skips = []
        # The names of the cases that failed; "" where the binary as a whole did.
        self.failures = list(dict.fromkeys(DOCTEST_FAILED.findall(output)))
        if summary:
            self.skips = DOCTEST_SKIP.findall(output)
            self.passed = int(summary[2]) - len(self.skips)
            self.failed = int(summary[3])
            # The report of a sanitizer or of valgrind follows doctest's.
            if status != 0 and (status != 1 or self.failed != len(self.failures)):
                self.failures = [""]
                self.failed = max(1, self.failed)
        elif status == EXIT_SKIPPED:
            self.skips = [(name, output.strip() or "no reason given")]
            self.passed = self.failed = 0
        else:
            self.passed, self.failed = int(status == 0), int(status != 0)
            self.failures = [""] * self.failed
        self.log = ""
        if self.failed:
            self.log = f"{output}\n{' '.join(command)}: exit status {status}\n"


def run_meson_test(test, build, arguments):
    """The arguments of Totals.add, for each run."""
    command = test["cmd"]
    doctest = is_doctest(command[0])
    if arguments.filter and not doctest and arguments.filter not in test["name"]:
        return []
    wrapper = []
    if arguments.valgrind:
        wrapper = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full",
                   "--errors-for-leak-kinds=definite,possible", "--num-callers=30",
                   f"--suppressions={TESTS / 'valgrind.supp'}"]
    environment = {**os.environ, **test["env"], "UVREACTOR_BUILD": str(build),
                   "UVREACTOR_TIMEOUT_SCALE": str(arguments.timeout_scale)}

    def run(words):
        return BinaryRun(test["name"], wrapper + command + words,
                         test["timeout"] * arguments.timeout_scale, env=environment,
                         cwd=test["workdir"] or build)

    results = []
    for number in range(1, arguments.repeat + 1):
        passed = failed = 0
        skips, flaky, bad, log, began = [], [], [], "", time.monotonic()
        for words in filter_runs(arguments.filter) if doctest else [[]]:
            outcome = run(words)
            log += outcome.log
            if outcome.failures == [""] and arguments.retries:
                # The failed case is unknown, so all cases run once more.
                for _ in range(arguments.retries):
                    outcome = run(words)
                    log += outcome.log
                    if not outcome.failed:
                        flaky.append("all of it")
                        break
                bad += outcome.failures
            else:
                for name in outcome.failures:
                    again = [f"--test-case={doctest_pattern(name)}"]
                    if passes_again(lambda: not run(again).failed, arguments.retries):
                        flaky.append(name)
                        outcome.failed -= 1
                        outcome.passed += 1
                    else:
                        bad.append(name)
            passed += outcome.passed
            failed += outcome.failed
            skips += outcome.skips
        if passed or failed or skips:
            which = f" (run {number} of {arguments.repeat})" if arguments.repeat > 1 else ""
            results.append((test["name"] + which, passed, failed, skips, log,
                            time.monotonic() - began, flaky, bad))
    return results


def passes_again(passes, retries):
    return any(passes() for _ in range(retries))


def meson_tests(build):
    """The binaries, and the Python files with their suites, as tests/meson.build explains them."""
    binaries, files = [], []
    for test in json.loads((build / "meson-info/intro-tests.json").read_text()):
        if test["cmd"][-1].endswith(".py"):
            files.append((Path(test["cmd"][-1]).resolve(), test["suite"][0].partition(":")[2]))
        else:
            binaries.append(test)
    return binaries, files


# --- Python files ------------------------------------------------------------------------------


class Collected(unittest.TextTestResult):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.good = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.good += 1

    def bad(self):
        """The failed cases, each once: a case with subtests may fail several times."""
        cases = [case for case, _ in self.failures + self.errors] + self.unexpectedSuccesses
        return list(dict.fromkeys(getattr(case, "test_case", case) for case in cases))


def run_one_file(path, text, retries):
    """Runs the file in a process of its own and prints the outcome as the last line."""
    sys.path[:0] = [str(TESTS), str(path.parent)]

    def cases(suite):
        for item in suite:
            yield from cases(item) if isinstance(item, unittest.TestSuite) else [item]

    def run(wanted):
        """The cases that `wanted` chooses, loaded again."""
        loaded = unittest.defaultTestLoader.discover(str(path.parent), path.name,
                                                     top_level_dir=str(path.parent))
        suite = unittest.TestSuite(case for case in cases(loaded) if wanted(case.id()))
        runner = unittest.TextTestRunner(stream=sys.stdout, resultclass=Collected, verbosity=2)
        return suite.countTestCases(), runner.run(suite)

    ran, outcome = run(lambda case: text in f"{path.relative_to(TESTS)}: {case}")
    bad = [case.id() for case in outcome.bad()]
    flaky = [case for case in bad
             if passes_again(lambda: run(lambda other: other == case)[1].wasSuccessful(), retries)]
    print(json.dumps({
        "ran": ran,
        "passed": outcome.good + len(outcome.expectedFailures) + len(flaky),
        "failed": len(bad) - len(flaky),
        "bad": [case for case in bad if case not in flaky],
        "skips": [[str(case).split(" ")[0], reason] for case, reason in outcome.skipped],
        "flaky": flaky,
    }))


def run_python_file(path, build, arguments):
    """The arguments of Totals.add; no entry where the filter matches no case."""
    began = time.monotonic()
    status, output = run_command(
        [sys.executable, __file__, str(build), "--file", str(path), "--filter", arguments.filter,
         "--retries", str(arguments.retries)],
        PYTHON_FILE_SECONDS * (1 + arguments.timeout_scale),
        env={**os.environ, "UVREACTOR_BUILD": str(build), "PYTHONDONTWRITEBYTECODE": "1"}, cwd=ROOT)
    log, _, last = output.rstrip().rpartition("\n")
    try:
        outcome = json.loads(last)
    except json.JSONDecodeError:
        outcome, log = {"ran": 1, "passed": 0, "failed": 1, "skips": [], "flaky": [],
                        "bad": [path.name]}, output
    if status != 0 and not outcome["failed"]:
        outcome["failed"] = 1
    if outcome["ran"] == 0 and not arguments.filter:
        outcome.update(ran=1, failed=1)
        log = f"{path}: holds no test\n"
    if not outcome["ran"]:
        return []
    return [(str(path.relative_to(TESTS)), outcome["passed"], outcome["failed"],
             outcome["skips"], log, time.monotonic() - began, outcome["flaky"], outcome["bad"])]


def wanted_files(files, build, arguments):
    if arguments.valgrind or arguments.repeat > 1:
        return []
    suites = {"project", "programs", "threads"}
    if arguments.built_only:
        suites -= {"project"}
    sanitizer = build_options.options(build)["b_sanitize"]
    if sanitizer == "thread" or (sanitizer != "none" and not arguments.filter):
        suites -= {"programs"}
    return [file for file, suite in files if suite in suites and file.name != "tidy.py"]


# --- tidy --------------------------------------------------------------------------------------


def run_tidy(totals, text):
    broken = {rule.__name__: list(rule(ROOT)) for rule in tidy.RULES
              if text in f"tidy: {rule.__name__}"}
    if broken:
        bad = [rule for rule, findings in broken.items() if findings]
        log = "\n".join(f"tidy: {finding}" for rule in bad for finding in broken[rule])
        totals.add("tidy", len(broken) - len(bad), len(bad), log=log, bad=bad)


def open_coalescing_socket():
    """A UDP socket with UDP_GRO. Returns None where the system has no such option.

    Linux patches its own code when the first socket with this option opens, and when the last one
    closes. Where that is slow, as in some virtual machines, tests that open one socket after
    another take twice as long, unless one socket stays open.
    """
    udp_gro = 104
    socket_ = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        socket_.setsockopt(socket.IPPROTO_UDP, udp_gro, 1)
    except OSError:
        socket_.close()
        return None
    return socket_


def main():
    # A shell that starts this in the background makes the signal ignored, but tests send it.
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--filter", default="",
                        help="only what has this text in its suite, case or file name")
    parser.add_argument("--repeat", type=int, default=1, help="run each binary N times in a row")
    parser.add_argument("--valgrind", action="store_true", help="run each binary under valgrind")
    parser.add_argument("--built-only", action="store_true",
                        help="not the tests that are the same in every build")
    parser.add_argument("--timeout-scale", type=int, default=1, help="factor on every time limit")
    parser.add_argument("--retries", type=int, default=int(os.environ.get("UVREACTOR_RETRIES", 0)),
                        help="run what fails again, N times at most; default: UVREACTOR_RETRIES")
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    if arguments.file:
        return run_one_file(arguments.file, arguments.filter, arguments.retries)

    totals = Totals()
    coalescing = open_coalescing_socket()  # Until the end.
    # One more than there are processors: some tests wait more than they compute.
    with concurrent.futures.ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool:
        tests, files = meson_tests(build)
        # Python files first: tests/meson.build lists those that take longest at the beginning.
        jobs = [pool.submit(run_python_file, file, build, arguments)
                for file in wanted_files(files, build, arguments)]
        jobs += [pool.submit(run_meson_test, test, build, arguments) for test in tests]
        for job in concurrent.futures.as_completed(jobs):
            for run in job.result():
                totals.add(*run)
    if coalescing:
        coalescing.close()
    if not arguments.built_only:
        run_tidy(totals, arguments.filter)
    if totals.passed + totals.failed + totals.skipped == 0:
        print(f"no test matches {arguments.filter!r}")
        totals.failed = 1
    totals.print_failures()
    print(totals.line())
    return 1 if totals.failed else 0


if __name__ == "__main__":
    sys.exit(main())
