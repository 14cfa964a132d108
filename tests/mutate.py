#!/usr/bin/env python3
"""Breaks the library in small ways, and prints what no test notices: `mutate.py [COUNT] [SEED]`.

Each mutant is one small change of one place in reactor/ or protocols/. The programs are built and
run in build-mutate/, from a copy of the tree: the files of the user are never touched. A mutant is
killed when a test fails, crashes or hangs. One that does not compile, or that leaves every program
as it was to the byte, is not counted, and another one is drawn.

The same seed draws the same mutants, also after edits elsewhere. Results are kept for each seed: a
second run goes on where the first one ended, then tries the survivors again.
"""

import argparse
import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import random
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import run

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "build-mutate"
TREE = HOME / "tree"
BUILD = TREE / "build"
COPIED = ("meson.build", "meson_options.txt", "packaging", "reactor", "protocols", "web", "samples",
          "tests", "bench")
MUTATED = ("reactor", "protocols")
NOT_BUILT = "reactor/platform/portable/"
# A mutated header recompiles up to 90 files, so headers are chosen less often.
SOURCES_PER_HEADER = 32
TEST_SECONDS = 240  # A run of tests that takes longer hangs.
MEMORY_BYTES = 16 << 30

# The suites that are tried first, by file name. Any other file has a suite of its own name.
SUITES = {
    "after_fork": "fork,loop",
    "chunk_line": "http/*",
    "engine": "loop,timer,stream,exception",
    "epoll_poller": "loop,watcher,poll_table,fork",
    "kernel": "socket,stream,platform",
    "unreferenced_handle": "loop,work,signal,process",
    "poller": "loop,watcher",
    "section_reader": "http/*",
    "send_queue": "send queue,stream",
    "shared_ports": "listener,socket",
    "stream_input": "stream",
    "stream_progress": "stream",
    "signals": "http/*",
    "syntax": "http/*",
    "thread_pool": "resolver,work,platform",
    "sys": "socket,stream,platform",
}


# --- What can be changed -------------------------------------------------------------------------

# These lines are not changed: they have no observable behaviour, or changing them is unsafe.
LEFT_ALONE = re.compile(
    r"^\s*#|\bstatic_assert\b|\bassert\(|^\s*(using|template|friend|namespace|enum|struct|class)\b"
    r"|\bhint\b|\bfprintf\b|\bkill\(|\bdescribe\(|memory_order")

STATEMENT = re.compile(
    r"^(\s+)(?!return\b|throw\b|case\b|delete\b|co_|if\b|for\b|while\b|else\b|do\b|const\b|auto\b)"
    r"(?:(?:\(void\))?[\w:.>\-\[\]()*&]+\(.*\)"             # a call
    r"|(?:\+\+|--)[\w.>\-]+"                                # a step
    r"|\*?[\w.>\-\[\]()]+ (?:=|\+=|-=|\|=|&=) [^=].*);$")   # an assignment
CALL = re.compile(r"^\s+[\w:.>\-]+\(")
DECLARATION = re.compile(r"^\s+(?:static |constexpr )*[\w:<>,]+[&*]? \w+(?:\(.*\)|\{.*\})?;$")


def without_text(source):
    """The source with comments and contents of literals blanked, each line as long as before."""
    def blank(found):
        text = found[0]
        if text.startswith(("/", '"', "'")) or text.startswith('R"'):
            return re.sub(r"[^\n]", "~", text)
        return text
    return re.sub(r'//[^\n]*|/\*.*?\*/|\b\d[\w\']*|R"\((?:.|\n)*?\)"|"(?:\\.|[^"\\\n])*"'
                  r"|'(?:\\.|[^'\\\n])+'", blank, source, flags=re.DOTALL)


def replaced(line, begin, end, by):
    return line[:begin] + by + line[end:]


def boundary(line, code):
    other = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
    for found in re.finditer(r"(?<= )(?:<=|>=|<|>)(?= )", code):
        yield replaced(line, *found.span(), other[found[0]])


def negation(line, code):
    other = {"==": "!=", "!=": "==", "&&": "||", "||": "&&",
             "return true;": "return false;", "return false;": "return true;"}
    for found in re.finditer(r"(?<= )(?:==|!=|&&|\|\|)(?= )|\breturn (?:true|false);", code):
        yield replaced(line, *found.span(), other[found[0]])
    for found in re.finditer(r"(?<=[( ])!(?=[\w(])", code):
        yield replaced(line, *found.span(), "")
    condition = re.match(r"(\s*(?:\} else )?if (?:\[\[\w+\]\] )?\()([^;]+)\)( \{| \[\[|"
                         r" (?:return|continue|break)\b.*;)?$", code)
    if condition and condition[2].count("(") == condition[2].count(")"):
        begin, end = condition.span(2)
        yield replaced(line, begin, end, f"!({line[begin:end]})")


def dropped_call(line, code):
    if STATEMENT.match(code) and not DECLARATION.match(code):
        yield re.match(r"\s*", line)[0] + ";"


def skipped_error_path(line, code):
    """`if (…) return …;` and its like in one line."""
    if re.match(r"\s*(?:\} else )?if \(.*\) (?:return|continue|break|throw)\b.*;$", code):
        yield re.match(r"\s*", line)[0] + ";"


def wrong_constant(line, code):
    other = {" + ": " - ", " - ": " + ", " * ": " / ", " / ": " * "}
    for found in re.finditer(r"(?<![\w.'~])\d+(?![\w.'])| [-+*/] ", code):
        if found[0].isdigit():
            yield replaced(line, *found.span(), str(int(found[0]) + 1))
        elif "~" not in code[found.end():found.end() + 1] + code[found.start() - 1:found.start()]:
            yield replaced(line, *found.span(), other[found[0]])


ONE_LINE = {"boundary": boundary, "negation": negation, "dropped call": dropped_call,
            "skipped error path": skipped_error_path, "wrong constant": wrong_constant}
SWAPPED = "swapped order"
KINDS = [*ONE_LINE, SWAPPED]


class Mutant:
    """`before` of the file, which begin at line `number`, become `after`."""

    def __init__(self, file, number, kind, before, after, occurrence):
        self.file, self.number, self.kind = file, number, kind
        self.before, self.after = before, after
        # Stays the same when lines are added elsewhere.
        self.key = f"{file}: {kind}: {before!r} -> {after!r} ({occurrence})"

    def rank(self, seed):
        return hashlib.sha256(f"{seed} {self.key}".encode()).hexdigest()

    def diff(self):
        return "\n".join(["-" + line for line in self.before] + ["+" + line for line in self.after])

    def place(self):
        return f"{self.file}:{self.number}"

    @contextlib.contextmanager
    def applied(self):
        path = TREE / self.file
        original = path.read_text()
        lines = original.split("\n")
        lines[self.number - 1:self.number - 1 + len(self.before)] = self.after
        path.write_text("\n".join(lines))
        try:
            yield
        finally:
            path.write_text(original)


def begins_statement(code, index):
    """Whether the line before this one ends a statement, or opens a block."""
    for line in reversed(code[:index]):
        if line.strip("~ "):
            return line.rstrip("~ ").endswith((";", "{", "}", ":", ")"))
    return True


def depend(one, other):
    """Whether the order of two statements is likely to matter: both call, or use the same names."""
    if CALL.match(one) and CALL.match(other):
        return True
    sides = [re.match(r"\s+(\S+) \S?= (.*)", each) for each in (one, other)]
    if all(sides):
        return sides[0][1] in other or sides[1][1] in one
    names = [set(re.findall(r"[A-Za-z_]\w*", each)) for each in (one, other)]
    return not names[0].isdisjoint(names[1])


def changes(lines, code):
    """(index, kind, before, after) for all that can be changed in a file."""
    for index, (line, bare) in enumerate(zip(lines, code)):
        bare = bare.rstrip("~ ")
        if LEFT_ALONE.search(bare):
            continue
        for kind, change in ONE_LINE.items():
            if kind == "dropped call" and not begins_statement(code, index):
                continue
            for after in change(line[:len(bare)], bare):
                yield index, kind, [line], [after + line[len(bare):]]
        following = code[index + 1].rstrip("~ ") if index + 1 < len(code) else ""
        both = (bare, following)
        if (all(STATEMENT.match(each) and not DECLARATION.match(each) for each in both)
                and depend(*both)
                and not LEFT_ALONE.search(following) and begins_statement(code, index)
                and re.match(r"\s*", bare)[0] == re.match(r"\s*", following)[0]):
            yield index, SWAPPED, lines[index:index + 2], lines[index:index + 2][::-1]


def mutants_of(path, top):
    source = (top / path).read_text()
    lines, code = source.split("\n"), without_text(source).split("\n")
    seen = {}
    for index, kind, before, after in changes(lines, code):
        same = (kind, *before, *after)
        seen[same] = seen.get(same, 0) + 1
        yield Mutant(path, index + 1, kind, before, after, seen[same])


def drawn(seed, top=TREE):
    """All mutants of that tree, in the order of the seed: kinds alternate, places are random."""
    by_kind = {kind: [] for kind in KINDS}
    for folder in MUTATED:
        for path in sorted((top / folder).rglob("*.[ch]pp")):
            name = str(path.relative_to(top))
            if name.startswith(NOT_BUILT):
                continue
            for mutant in mutants_of(name, top):
                rank = int(mutant.rank(seed)[:8], 16)
                if path.suffix == ".cpp" or rank % SOURCES_PER_HEADER == 0:
                    by_kind[mutant.kind].append(mutant)
    for mutants in by_kind.values():
        mutants.sort(key=lambda mutant: mutant.rank(seed))
    for turn in itertools.zip_longest(*by_kind.values()):
        yield from (mutant for mutant in turn if mutant)


# --- Building ------------------------------------------------------------------------------------


def copy_tree():
    """Updates the copy. Unchanged files keep their time, so ninja does not rebuild them."""
    wanted = set()
    for name in COPIED:
        top = ROOT / name
        for path in [top] if top.is_file() else top.rglob("*"):
            if not path.is_file() or "__pycache__" in path.parts or "results" in path.parts:
                continue
            target = TREE / path.relative_to(ROOT)
            wanted.add(target)
            if not target.exists() or target.read_bytes() != path.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
    for path in [path for name in COPIED for path in (TREE / name).rglob("*")]:
        if path.is_file() and path not in wanted:
            path.unlink()


def configure():
    if (BUILD / "build.ninja").exists():
        return
    launcher = "ccache " if shutil.which("ccache") else ""
    linker = next((name for name in ("mold", "lld") if shutil.which(name)), None)
    # `./dev test` builds with the same options, in a folder of the same name, so ccache has most
    # objects. Without columns in the debug information, programs with equal code are equal.
    options = ["-Dunity=on", "-Dunity_size=8", "-Doptimization=1", "-Dcpp_args=-g1",
               "-Dwerror=true", "-Dbench=disabled", "-Dcpp_link_args=-Wl,--strip-debug"]
    subprocess.run(["meson", "setup", str(BUILD), str(TREE), *options],
                   env={**os.environ, "CC": f"{launcher}gcc", "CXX": f"{launcher}g++",
                        **({"CXX_LD": linker} if linker else {})},
                   stdout=subprocess.DEVNULL, check=True)


def meson_tests():
    """Those that are programs of ours. The tests in Python take too long for each mutant."""
    tests = json.loads((BUILD / "meson-info/intro-tests.json").read_text())
    return [test for test in tests if Path(test["cmd"][0]).is_relative_to(BUILD)]


def build(tests):
    """None, or the output of the compiler."""
    programs = {str(Path(test["cmd"][0]).relative_to(BUILD)) for test in tests}
    command = ["nice", "ninja", "-C", str(BUILD), "-j", str(os.cpu_count() or 1), *sorted(programs)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False)
    return done.stdout if done.returncode else None


def digest(test):
    return hashlib.sha256(Path(test["cmd"][0]).read_bytes()).hexdigest()


# --- Running -------------------------------------------------------------------------------------


class Running:
    def __init__(self, test, arguments):
        self.test, self.arguments = test, arguments
        self.output = tempfile.TemporaryFile("w+", errors="replace")
        self.ends_by = time.monotonic() + TEST_SECONDS
        self.process = subprocess.Popen(
            [*test["cmd"], *arguments], stdin=subprocess.DEVNULL, stdout=self.output,
            stderr=subprocess.STDOUT, start_new_session=True, cwd=test["workdir"] or BUILD,
            env={**os.environ, **test["env"], "UVREACTOR_BUILD": str(BUILD)},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES,) * 2))
        self.ending = os.pidfd_open(self.process.pid)  # Readable once the process has ended.
        self.status = self.case = None

    def has_ended(self):
        self.status = self.process.poll()
        if self.status is None and time.monotonic() < self.ends_by:
            return False
        if self.status is None:
            os.killpg(self.process.pid, signal.SIGABRT)  # Doctest names the running case then.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
            self.status = "hangs"
        self.end()  # Children that it left behind.
        self.output.seek(0)
        cases = re.findall(r"^TEST CASE:\s+(.*)$", self.output.read(), re.MULTILINE)
        self.case = cases[-1] if cases else None  # Earlier ones have been skipped.
        return True

    def end(self):
        if self.ending is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.ending)
        self.ending = None

    def passed(self):
        return self.status in (0, run.EXIT_SKIPPED)

    def failure(self):
        what = f'"{self.case}"' if self.case else self.test["name"]
        return what if self.status == 1 else f"{what} ({self.status})"


def escaped(case):
    return case.replace(",", "\\,")


def without_case(arguments, case):
    """The same run without this case. Of several options of one name, doctest uses the last."""
    option = "--test-case-exclude="
    excluded = [each for each in arguments if each.startswith(option)] or [option]
    more = "," if excluded[0] != option else ""
    return [*(each for each in arguments if not each.startswith(option)),
            f"{excluded[0]}{more}{escaped(case)}"]


def await_end(running):
    """Returns once one of them has ended, or has used up its time."""
    left = min(one.ends_by for one in running) - time.monotonic()
    select.select([one.ending for one in running], [], [], max(left, 0))


def fails_again(failed):
    """A failure counts if the same case fails twice: another program may have disturbed it."""
    if failed.status != 1 or not failed.case:
        return True
    again = Running(failed.test, [*failed.arguments, f"--test-case={escaped(failed.case)}"])
    while not again.has_ended():
        await_end([again])
    return not again.passed()


def first_failure(tests, jobs):
    """Runs them in parallel until one fails. Returns what failed, or None."""
    waiting, running = list(tests), []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(Running(*waiting.pop(0)))
            await_end(running)
            for one in [one for one in running if one.has_ended()]:
                running.remove(one)
                if one.passed():
                    continue
                if fails_again(one):
                    return one.failure()
                print(f"failed once, passed then: {one.case}", flush=True)
                waiting.insert(0, (one.test, without_case(one.arguments, one.case)))
        return None
    finally:
        for one in running:
            one.end()


def suites_of(file):
    stem = Path(file).stem or "none"
    if stem in SUITES:
        return SUITES[stem]
    if file.startswith("protocols/http/"):
        return f"http/{stem}*"
    return ",".join(f"{form}*" for form in {stem, stem.replace("_", " "), stem.split("_")[0]})


# Parts of the unit tests that take about equally long. They run in parallel.
PARTS = ["lifetime*", "poll_table,exception", "stream,server*,datagram"]


def first_run(test, file):
    """The suites of the unit tests that fit the file."""
    return test, ["--abort-after=1", f"--test-suite={suites_of(file)}"]


def other_runs(test, file):
    if not run.is_doctest(test["cmd"][0]):
        return [(test, [])]
    if test["name"] != "unit":
        return [(test, ["--abort-after=1"])]
    first = suites_of(file)
    rest = [f"--test-suite-exclude={','.join([first, *PARTS])}"]
    parts = [[f"--test-suite={part}", f"--test-suite-exclude={first}"] for part in PARTS]
    if file.startswith("protocols/"):
        parts = []  # Only for files of reactor/.
    return [(test, ["--abort-after=1", *part]) for part in [rest, *parts]]


def outcome(mutant, tests, originals, jobs):
    """(the outcome, the test that caused it)."""
    nearest = "protocols" if mutant.file.startswith("protocols/") else "unit"
    unit = next(test for test in tests if test["name"] == nearest)

    def changed(test):
        return digest(test) != originals[test["cmd"][0]]

    with mutant.applied():
        if build([unit]):
            return "does not compile", None
        if changed(unit) and (failure := first_failure([first_run(unit, mutant.file)], jobs)):
            return "killed", failure
        if build(tests):
            return "does not compile", None
        affected = sorted(filter(changed, tests), key=lambda test: -test["timeout"])  # Slow first.
        if not affected:
            return "same program", None
        others = [each for test in affected for each in other_runs(test, mutant.file)]
        if failure := first_failure(others, jobs):
            return "killed", failure
        return "survived", None


# --- Results -------------------------------------------------------------------------------------


class Results:
    """The outcome of each mutant, in a file of JSON lines. The last line of a mutant counts."""

    def __init__(self, seed):
        self.path = HOME / f"results-{seed}.jsonl"
        self.known = {}
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                entry = json.loads(line)
                self.known[entry["key"]] = entry

    def add(self, mutant, what, test, seconds):
        entry = {"key": mutant.key, "place": mutant.place(), "kind": mutant.kind, "outcome": what,
                 "test": test, "seconds": round(seconds, 1), "diff": mutant.diff()}
        self.known[mutant.key] = entry
        with self.path.open("a") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        by = f"  by {test}" if test else ""
        print(f"{what:16}  {mutant.place()}  {mutant.kind}{by}  ({seconds:.0f} s)", flush=True)


COUNTED = ("killed", "survived")


def print_summary(results, mutants):
    entries = [results.known[mutant.key] for mutant in mutants if mutant.key in results.known]
    counted = [entry for entry in entries if entry["outcome"] in COUNTED]
    survivors = [entry for entry in counted if entry["outcome"] == "survived"]
    for entry in survivors:
        print(f"\n{entry['place']}: {entry['kind']}\n{entry['diff']}")
    print()
    for kind in KINDS:
        of_kind = [entry for entry in counted if entry["kind"] == kind]
        killed = sum(entry["outcome"] == "killed" for entry in of_kind)
        print(f"{kind:20} {killed:4} of {len(of_kind):4} killed")
    killed = len(counted) - len(survivors)
    share = 100 * killed / len(counted) if counted else 0
    print(f"{len(counted)} mutants, {killed} killed ({share:.1f} %), {len(survivors)} survived; "
          f"{len(entries) - len(counted)} more did not compile or changed no program")


def prepare(jobs):
    """The tests, and digests of their programs, which pass without a mutant."""
    configure()
    tests = meson_tests()
    print(f"building {BUILD}", flush=True)
    if complaint := build(tests):
        sys.exit(f"{complaint}\nthe tree does not build without a mutant")
    originals = {test["cmd"][0]: digest(test) for test in tests}
    passed = HOME / "passed.json"
    if not passed.exists() or json.loads(passed.read_text()) != originals:
        print("running the tests without a mutant", flush=True)
        everything = [each for test in tests for each in other_runs(test, "")]
        if failure := first_failure(everything, jobs):
            sys.exit(f"a test fails without a mutant: {failure}")
        passed.write_text(json.dumps(originals))
    return tests, originals


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, nargs="?", default=150, help="so many mutants")
    parser.add_argument("seed", type=int, nargs="?", help="draws the same mutants again")
    parser.add_argument("--list", action="store_true", help="print the mutants, try none")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # Ends the tests that run, too.
    seed = random.randrange(1_000_000) if arguments.seed is None else arguments.seed
    jobs = 2 * (os.cpu_count() or 1)  # Tests wait more than they compute.
    if arguments.list:
        for mutant in itertools.islice(drawn(seed, ROOT), arguments.count):
            print(f"{mutant.place()}: {mutant.kind}\n{mutant.diff()}")
        return
    HOME.mkdir(exist_ok=True)
    lock = (HOME / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"another run works in {HOME}")
    copy_tree()
    mutants = list(drawn(seed))
    print(f"seed {seed}: {arguments.count} of {len(mutants)} mutants", flush=True)
    tests, originals = prepare(jobs)
    results = Results(seed)
    chosen, again, counted = [], [], 0

    def try_out(mutant):
        began = time.monotonic()
        results.add(mutant, *outcome(mutant, tests, originals, jobs), time.monotonic() - began)

    for mutant in mutants:
        if counted == arguments.count:
            break
        chosen.append(mutant)
        if mutant.key not in results.known:
            try_out(mutant)
        elif results.known[mutant.key]["outcome"] == "survived":
            again.append(mutant)
        counted += results.known[mutant.key]["outcome"] in COUNTED
    for mutant in again:
        try_out(mutant)
    print_summary(results, chosen)


if __name__ == "__main__":
    main()
