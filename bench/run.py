#!/usr/bin/env python3
"""Asks the benchmark's questions: servers in turn, pinned apart from their load, ratios to the
bare-epoll server of the same run. How to read the result: bench/README.md."""

import argparse
import fcntl
import os
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from harness import report, stats
from harness.measure import Settings
from harness.process import cores
from harness.question import all_questions
from harness.servers import QUICK

ROOT = Path(__file__).resolve().parent


def parse(questions):
    listing = "\n".join(f"  {name:14} {question.title}" for name, question in questions.items())
    parser = argparse.ArgumentParser(description=__doc__, epilog=f"questions:\n{listing}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="*", help="which to ask; all unless told")
    parser.add_argument("--quick", action="store_true",
                        help="three minutes: few servers and few turns")
    parser.add_argument("--servers", help="only these, separated by commas; the limit always runs")
    parser.add_argument("--cells", help="only those whose name has this text in it")
    parser.add_argument("--starts", type=int, help="how often each server is started")
    parser.add_argument("--turns", type=int, help="how many turns it has then")
    parser.add_argument("--seconds", type=float, help="length of a turn")
    parser.add_argument("--build", type=Path, default=ROOT.parent / "build-bench",
                        help="folder of the built programs")
    parser.add_argument("--results", type=Path, default=ROOT / "results",
                        help="folder for the JSON results")
    arguments = parser.parse_args()
    unknown = set(arguments.question) - set(questions)
    if unknown:
        parser.error(f"no question named {', '.join(sorted(unknown))}; see --help")
    if arguments.servers:
        arguments.servers = arguments.servers.split(",")
        known = {name: None for question in questions.values() for name in question.servers}
        unknown = set(arguments.servers) - set(known)
        if unknown:
            parser.error(f"no server named {', '.join(sorted(unknown))}; there are "
                         + ", ".join(known))
    arguments.build = arguments.build.resolve()
    if not (arguments.build / "bench/load/load").exists():
        parser.error(f"{arguments.build} holds no bench/load/load: build it, or name another")
    return arguments


def chosen_servers(question, arguments):
    """Which take part, the limit first; says which do not and why."""
    if arguments.servers:
        names = [name for name in question.servers if name in arguments.servers]
    else:
        names = [name for name in question.servers if not arguments.quick or name in QUICK]
    if question.limit not in names:
        names.insert(0, question.limit)
    able = []
    for name in names:
        why_not = question.why_not(name, arguments.build)
        if why_not:
            print(f"  without {name}: {why_not}")
        else:
            able.append(name)
    return able


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def ask(question, arguments):
    print(f"{question.name}: {question.title}")
    tool = question.measure.needs
    if tool and not shutil.which(tool):
        print(f"  skipped: it needs {tool} (Debian package {tool})\n")
        return True
    servers = chosen_servers(question, arguments)
    cells = [cell for cell in question.cells if not arguments.cells or arguments.cells in cell]
    settings = Settings.of(arguments.build, question.measure, arguments.quick)
    told = {name: getattr(arguments, name) for name in ("starts", "turns", "seconds")}
    settings = replace(settings, **{name: value for name, value in told.items() if value})
    samples, summaries = {}, {}
    for cell in cells:
        samples[cell] = question.run(servers, cell, settings, progress)
        summaries[cell] = stats.summary(samples[cell], question.limit,
                                        question.columns[0].key)
        progress("")
        print(report.table(question, cell, summaries[cell]), flush=True)
    path = report.write_json(arguments.results, question, samples, summaries, settings)
    turns = settings.starts * settings.turns
    print(f"  {turns} {'turn' if turns == 1 else 'turns'} each; {os.path.relpath(path)}\n")
    return not any("failed" in figures for cell in summaries.values() for figures in cell.values())


def main():
    questions = all_questions()
    arguments = parse(questions)
    if cores()[0] == cores()[1]:
        print("one core only: the server and its load share it, and times mean little")
    # Two runs at once would measure each other.
    with open(Path(tempfile.gettempdir()) / "uvreactor-bench.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        good = [ask(question, arguments) for name, question in questions.items()
                if not arguments.question or name in arguments.question]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
