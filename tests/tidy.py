#!/usr/bin/env python3
"""Keeps the tree as ARCHITECTURE.md describes it: `tests/tidy.py [ROOT]` prints what is broken.

Each rule is a function from the root to findings, `file:line: what is wrong`; the suite runs them
all, and tests/project/tidy_test.py shows each one a tree that breaks it. A line that must break a
rule about lines says so itself: `tidy-ok: the reason`.
"""

import os
import re
import sys
from pathlib import Path

RULES = []

CODE = (".hpp", ".cpp")
LIBRARY = ("protocols", "reactor", "web")
# Who may include whom, by folder. The standard library and the system are free to all but protocols/.
ARROWS = {
    "protocols": {"protocols"},
    "reactor": {"reactor"},
    "web": {"web", "reactor", "protocols"},
    "samples": {"samples", "web", "reactor", "protocols"},
    "bench": {"bench", "web", "reactor", "protocols"},
    "tests": {"tests", "support", "samples", "bench", "web", "reactor", "protocols"},
}
# Beside the standard library: the names of machine instructions.
INTRINSICS = {"sanitizer/asan_interface.h", "immintrin.h", "nmmintrin.h", "emmintrin.h", "arm_neon.h"}


def rule(function):
    RULES.append(function)
    return function


def files(root, *folders, endings=CODE):
    """Files under these folders (all of the tree without one), without what is built or fetched."""
    for top in [root / folder for folder in folders] or [root]:
        for folder, names, here in os.walk(top):
            inside = Path(folder).relative_to(root)
            names[:] = sorted(
                name for name in names
                if name not in (".git", ".cache", "__pycache__")
                and not (inside == Path(".") and name.startswith("build"))
                and inside != Path("subprojects") and (inside / name) != Path("tests/data"))
            for name in sorted(here):
                if name.endswith(endings):
                    yield inside / name


def lines(root, path):
    for number, line in enumerate((root / path).read_text(errors="replace").splitlines(), 1):
        if not re.search(r"tidy-ok: \S", line):
            yield number, line


def includes(root, path):
    for number, line in lines(root, path):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found[1] == "<", found[2]


def matches(root, paths, pattern):
    for path in paths:
        for number, line in lines(root, path):
            if re.search(pattern, line):
                yield path, number, line.strip()


def meson_list(root, folder, name):
    """The files in `name = files(...)` of the folder's meson.build."""
    build = root / folder / "meson.build"
    found = re.search(rf"^{name} = files\((.*?)\)", build.read_text() if build.exists() else "",
                      re.MULTILINE | re.DOTALL)
    return {Path(folder) / entry for entry in re.findall(r"'([^']+)'", found[1])} if found else set()


def public_headers(root):
    return set().union(*(meson_list(root, folder, f"{folder}_headers") for folder in LIBRARY))


# --- who may know whom -------------------------------------------------------------------------


@rule
def arrows_run_one_way(root):
    for folder, allowed in ARROWS.items():
        for path in files(root, folder):
            for number, _, target in includes(root, path):
                top = target.split("/")[0]
                if "/" in target and top in ARROWS and top not in allowed:
                    yield f"{path}:{number}: {folder}/ may not include {target}"


@rule
def protocols_need_the_standard_library_only(root):
    for path in files(root, "protocols"):
        for number, angled, target in includes(root, path):
            if angled and not target.startswith("protocols/") and target not in INTRINSICS:
                if not re.fullmatch(r"[a-z_0-9]+", target):
                    yield f"{path}:{number}: <{target}> is not the standard library's"
    clocks = r"_clock::now\(|\b(clock_gettime|gettimeofday)\(|\bstd::time\("
    for path, number, line in matches(root, files(root, "protocols"), clocks):
        yield f"{path}:{number}: protocols/ has no clock: {line}"


@rule
def uv_stays_out_of_headers(root):
    for path in files(root, *ARROWS, endings=(".hpp", ".h")):
        for number, _, target in includes(root, path):
            if target in ("uv.h", "uv/unix.h", "uv/version.h"):
                yield f"{path}:{number}: <{target}> belongs into .cpp files"


SOCKET_CALLS = "socket|bind|listen|connect|accept|send|recv|shutdown|lstat|unlink"
UNMISTAKABLE = ("accept4|socketpair|getsockopt|setsockopt|getsockname|getpeername|sendto|sendmsg|"
                "sendmmsg|recvfrom|recvmsg|recvmmsg|sendfile|epoll_\\w+|eventfd|timerfd_\\w+|"
                "clock_gettime|gettimeofday|getrandom|getentropy|getaddrinfo|getnameinfo|uv_hrtime|"
                "uv_poll_\\w+|uv_queue_work|uv_cancel|uv_getaddrinfo|uv_getnameinfo|uv_random")


@rule
def the_machine_is_called_through_the_platform(root):
    calls = (rf"(?<![\w>])::({SOCKET_CALLS}|{UNMISTAKABLE})\(|(?<![\w:.>])({UNMISTAKABLE})\(|"
             r"_clock::now\(|\brandom_device\b|\bkernel::")
    paths = (path for path in files(root, "reactor") if path.parts[1] != "platform")
    for path, number, line in matches(root, paths, calls):
        if not line.startswith("//") and not line.endswith("override;"):
            yield f"{path}:{number}: a call of the machine outside reactor/platform/: {line}"
    clocks = r"_clock::now\(|(?<!\w)time\(nullptr\)|\brandom_device\b"
    for path, number, line in matches(root, [*files(root, "web"), *files(root, "protocols")], clocks):
        yield f"{path}:{number}: web/ and protocols/ get time and chance from their loop: {line}"


LINUX_ONLY = (r"linux/.*|sys/(epoll|eventfd|inotify|prctl|random|sendfile|signalfd|syscall|timerfd)"
              r"\.h")


@rule
def headers_of_linux_stay_in_its_platform(root):
    for path in files(root, *LIBRARY):
        if "linux" in path.parts:
            continue
        for number, angled, target in includes(root, path):
            if angled and re.fullmatch(LINUX_ONLY, target):
                place = "web/linux/" if path.parts[0] == "web" else "reactor/platform/linux/"
                yield f"{path}:{number}: <{target}> belongs into {place}"


def layers(root):
    """`reactor/` name → layer, from the rows `| layer | `name` | … |` of ARCHITECTURE.md."""
    page = root / "ARCHITECTURE.md"
    rows = re.findall(r"^\| (\d) \| `([\w/]+)`", page.read_text() if page.exists() else "",
                      re.MULTILINE)
    return {name: int(layer) for layer, name in rows}


def name_in_reactor(path):
    return str(Path(path).with_suffix("")).removeprefix("reactor/")


@rule
def nothing_includes_a_layer_above(root):
    layer_of = layers(root)
    there = {name_in_reactor(path) for path in files(root, "reactor")}
    for name in sorted(there - set(layer_of)):
        yield f"reactor/{name}: in no layer of ARCHITECTURE.md"
    for name in sorted(set(layer_of) - there):
        yield f"ARCHITECTURE.md: there is no reactor/{name}"
    for path in files(root, "reactor"):
        for number, _, target in includes(root, path):
            above = layer_of.get(name_in_reactor(target), 0)
            if target.startswith("reactor/") and above > layer_of.get(name_in_reactor(path), above):
                yield f"{path}:{number}: {target} is in layer {above}"


MOST_CLASS_LINES = 250


@rule
def no_files_include_each_other(root):
    """A file is a header with its source: `reactor/loop.cpp` counts for `reactor/loop`."""
    needs = {}
    for path in files(root, *LIBRARY, "samples", "bench"):
        known = needs.setdefault(path.with_suffix(""), set())
        known.update(Path(target).with_suffix("") for _, _, target in includes(root, path))

    def reaches(start):
        seen, left = set(), [start]
        while left:
            for target in needs.get(left.pop(), ()):
                if target not in seen:
                    seen.add(target)
                    left.append(target)
        return seen

    reached = {stem: reaches(stem) - {stem} for stem in needs}
    for stem in sorted(needs):
        circle = sorted(str(other) for other in reached[stem] if stem in reached.get(other, ()))
        if circle:
            yield f"{stem}: in a circle of includes with {', '.join(circle)}"


@rule
def no_class_is_too_long(root):
    for path in files(root, *LIBRARY, "samples"):
        begun = []  # The classes that are open: indentation, name, line.
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            head = re.match(r"( *)(?:class|struct) (?:\[\[.*?\]\] )?([\w:]+)(?!.*;)", line)
            if head:
                begun.append((head[1], head[2], number))
            end = re.match(r"( *)\}.*;", line)
            while end and begun and len(begun[-1][0]) >= len(end[1]):
                indentation, name, first = begun.pop()
                if indentation == end[1] and number - first > MOST_CLASS_LINES:
                    yield f"{path}:{first}: {name} has {number - first} lines"


MOST_SAMPLE_LINES = 80


@rule
def no_sample_of_one_file_is_long(root):
    for path in files(root, "samples", endings=(".cpp",)):
        count = len((root / path).read_text().splitlines())
        if path.parent == Path("samples") and count > MOST_SAMPLE_LINES:
            yield f"{path}:1: {count} lines: a longer sample has a folder"


# --- nothing is forgotten ----------------------------------------------------------------------


@rule
def every_header_is_public_or_internal(root):
    for folder in LIBRARY:
        public = meson_list(root, folder, f"{folder}_headers")
        internal = meson_list(root, folder, f"{folder}_internal_headers")
        there = set(files(root, folder, endings=(".hpp",)))
        for path in sorted(there - public - internal):
            yield f"{path}:1: in neither list of headers of {folder}/meson.build"
        for path in sorted(public & internal):
            yield f"{path}:1: in both lists of headers of {folder}/meson.build"
        for path in public:
            for number, _, target in includes(root, path):
                if Path(target) in internal:
                    yield f"{path}:{number}: a public header needs {target}, which is not installed"


EXPORTED = "#pragma GCC visibility push(default)", "#pragma GCC visibility pop"


@rule
def every_namespace_has_the_version_of_the_abi(root):
    build = root / "meson.build"
    version = re.search(r"^abi_version = '(\d+)'", build.read_text() if build.exists() else "",
                        re.MULTILINE)
    opened = rf"^namespace ({'|'.join(LIBRARY)})\b(?!::inline v{version[1] if version else ''}\b)"
    for path, number, line in matches(root, files(root, *LIBRARY), opened):
        yield f"{path}:{number}: no inline namespace of this version: {line}"


@rule
def every_public_header_exports_what_its_source_defines(root):
    for path in sorted(public_headers(root)):
        if (root / path.with_suffix(".cpp")).exists() and EXPORTED[0] not in (root / path).read_text():
            yield f"{path}:1: exports nothing: {EXPORTED[0]}"
    for path in files(root, *LIBRARY):
        text = (root / path).read_text()
        if text.count(EXPORTED[0]) != text.count(EXPORTED[1]):
            yield f"{path}:1: not as many pops of the visibility as pushes"


@rule
def every_public_header_has_its_test(root):
    for path in sorted(public_headers(root)):
        if path.parent.name == "detail":
            continue
        test = Path("tests") / path.with_name(path.stem + "_test.cpp")
        if not (root / test).exists():
            yield f"{path}:1: has no {test}"


def names(build_file):
    """The files that a meson.build names, and the beginnings of names that it puts together."""
    for entry in re.findall(r"'([^'\s]+)'", build_file.read_text()):
        yield Path(os.path.normpath(build_file.parent / entry))


@rule
def every_source_is_built(root):
    named = [name for path in files(root, *ARROWS, endings=("meson.build",))
             for name in names(root / path)]
    exact = set(named)
    begun = tuple(f"{name}{end}" for name in named if not name.suffix for end in (".", "_"))
    for path in files(root, *ARROWS, endings=(".cpp",)):
        if root / path not in exact and not str(root / path).startswith(begun):
            yield f"{path}:1: no meson.build names it"


def sample_names(root):
    for path in files(root, "samples", endings=(".cpp",)):
        if re.search(r"^int main\(", (root / path).read_text(), re.MULTILINE):
            yield path, path.parent.name if path.stem == "main" else path.stem


@rule
def every_sample_is_run_by_a_test(root):
    tests = "".join((root / path).read_text()
                    for path in files(root, "tests/samples", "tests/project",
                                      endings=("_test.py",)))
    for path, name in sample_names(root):
        if not re.search(rf"\b{name}\b", tests):
            yield f"{path}:1: no file of tests/samples/ or tests/project/ runs {name}"


# Names that the code had before it spoke the words of its field, and those words.
FORMER_NAMES = {
    "Arrival": "PacketInfo", "Deadline": "IdleTimeout", "Expiring": "TimerHandle",
    "PassiveNative": "UnreferencedHandle", "Query": "Lookup", "Sent": "WriteStatus",
    "Telling": "ErrorAsFrame", "TurnStatistics": "IterationStatistics", "Written": "WriteStatus",
    "coalesce": "segmentation_offload", "cut_short": "truncated", "deaf": "no_reader",
    "inform": "write_informational", "is_over": "should_close",
    "measure_turns": "measure_iterations", "refusals": "icmp_errors", "retain": "copy_tail",
    "seldom": "cold", "settle": "update_interest", "split_words": "shell_split",
    "unasked": "unsolicited_response", "wrote_body": "count_body",
}


@rule
def no_former_name_comes_back(root):
    former = re.compile(rf"\b({'|'.join(FORMER_NAMES)})\b")
    for path in files(root, *LIBRARY, "samples", "tests"):
        for number, line in lines(root, path):
            code = re.sub(r'"(\\.|[^"\\])*"|//.*', "", line)
            for name in former.findall(code):
                yield f"{path}:{number}: {name} is called {FORMER_NAMES[name]}"


# Words that no comment, document, help text or error uses, and plain ones for them.
PLAIN_WORDS = {
    "deaf": "not reading", "lend": "borrow", "lends": "borrows", "lent": "borrowed",
    "nobody": "no peer, no caller", "seldom": "rarely", "somebody": "a peer, a caller",
    "tell": "report, return", "tells": "reports, returns", "told": "reported, notified",
    "whoever": "the peer that, the caller that",
}


@rule
def prose_has_plain_words(root):
    word = re.compile(rf"\b({'|'.join(PLAIN_WORDS)})\b", re.IGNORECASE)
    for path in files(root, endings=CODE + (".md",)):
        if path == Path("docs/benchmarks.md"):  # What the benchmarks print.
            continue
        for number, line in lines(root, path):
            prose = line if path.suffix == ".md" else "".join(re.findall(r"(?<!:)//.*", line))
            for found in word.findall(re.sub(r"`[^`]*`: [^<|]*", "", prose)):
                yield f"{path}:{number}: plainer than {found}: {PLAIN_WORDS[found.lower()]}"


@rule
def programs_print_plain_words(root):
    word = re.compile(rf"\b({'|'.join(PLAIN_WORDS)})\b", re.IGNORECASE)
    for path in files(root, *LIBRARY, "samples", "bench"):
        for number, line in lines(root, path):
            for text in re.findall(r'"((?:\\.|[^"\\])*)"', re.sub(r"(?<!:)//.*", "", line)):
                for found in word.findall(text):
                    yield f"{path}:{number}: plainer than {found}: {PLAIN_WORDS[found.lower()]}"


@rule
def test_names_have_plain_words(root):
    word = re.compile(rf"\b({'|'.join([*PLAIN_WORDS, 'who'])})\b", re.IGNORECASE)
    for path in files(root, "tests", endings=CODE + (".py",)):
        for number, line in lines(root, path):
            name = re.search(r'def test_(\w+)|TEST_CASE(?:_FIXTURE)?\(.*?"(.*)"', line)
            for found in word.findall((name[1] or name[2]).replace("_", " ") if name else ""):
                plain = PLAIN_WORDS.get(found.lower(), "the client, the peer")
                yield f"{path}:{number}: plainer than {found}: {plain}"


@rule
def nothing_is_left_to_do(root):
    words = r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b"
    text = CODE + (".py", ".md", ".build", ".txt", ".sh", ".h", ".wrap", "dev", "run")
    for path, number, line in matches(root, files(root, endings=text), words):
        yield f"{path}:{number}: unfinished: {line}"


# --- tests that can be trusted -----------------------------------------------------------------


@rule
def no_test_sleeps(root):
    # reactor::sleep does not block: the loop runs meanwhile.
    naps = r"\bsleep_(for|until)\b|(?<!reactor::)\b(u|nano)?sleep\("
    for path, number, line in matches(root, files(root, "tests", endings=CODE + (".py",)), naps):
        yield f"{path}:{number}: waits for time instead of a condition: {line}"


@rule
def no_test_is_switched_off(root):
    off = r"\bdoctest::(skip|may_fail)\b|^ *@unittest\.expectedFailure"
    for path, number, line in matches(root, files(root, "tests", endings=CODE + (".py",)), off):
        yield f"{path}:{number}: not run, or not heeded: {line}"


@rule
def no_port_is_fixed(root):
    call = r"\b(listen|bind)\w*(<[^>]*>)?\((?:[^\"']*,)?\s*\(?\s*"
    fixed = "|".join([
        call + r"[\"'][^\"']*:[1-9]\d*[\"']",  # listen(loop, HOST:9000)
        call + r"[\"'][^\"']*[\"'],\s*[1-9]\d*",  # bind((HOST, 9000))
        r"--listen[\"', =]+(\[[^\]]*\]|[^\"',\[]*):[1-9]\d*",  # --listen HOST:9000, tidy-ok: the pattern itself
    ])
    # In a simulated world all ports are free.
    paths = (path for path in files(root, "tests", "bench", endings=CODE + (".py", ".sh"))
             if path.parts[:3] != ("tests", "reactor", "simulation"))
    for path, number, line in matches(root, paths, fixed):
        yield f"{path}:{number}: a fixed port, where only port 0 is free for sure: {line}"


# --- documents ---------------------------------------------------------------------------------


@rule
def every_header_opens_with_its_purpose(root):
    for path in files(root, *LIBRARY, "bench", "tests", endings=(".hpp",)):
        text = (root / path).read_text()
        if not re.match(r"(//.*\n)+#pragma once\n", text):
            yield f"{path}:1: opens with neither its purpose nor #pragma once after it"


def anchor(heading):
    """What GitHub makes of a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower())
    return kept.replace(" ", "-")


def outside_code(text):
    return re.sub(r"^```.*?^```$|`[^`\n]*`",
                  lambda code: "\n" * code[0].count("\n"), text, flags=re.MULTILINE | re.DOTALL)


@rule
def every_link_leads_somewhere(root):
    for path in files(root, endings=(".md",)):
        for number, line in enumerate(outside_code((root / path).read_text()).splitlines(), 1):
            targets = re.findall(r"\]\(([^)\s]+)[^)]*\)", line) + re.findall(r"^\[[^\]]+\]:\s*(\S+)",
                                                                           line)
            for target in targets:
                if re.match(r"[a-z]+:", target):
                    continue
                name, _, fragment = target.partition("#")
                page = root / path.parent / name if name else root / path
                if not page.exists():
                    yield f"{path}:{number}: leads nowhere: {target}"
                elif fragment and page.suffix == ".md":
                    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
                    if fragment not in map(anchor, headings):
                        yield f"{path}:{number}: {name or path} has no heading #{fragment}"


@rule
def every_promise_of_the_threat_model_is_held_by_a_test(root):
    """A row of its tables ends with tests, each as `tests/x_test.py`: the name of a case."""
    path = Path("docs/threat-model.md")
    if not (root / path).exists():
        return
    promises = False
    for number, line in enumerate((root / path).read_text().splitlines(), 1):
        if not line.startswith("|"):
            promises = False
        elif re.match(r"\|.*\| held by \|$", line, re.IGNORECASE):
            promises = True
        elif promises and not line.startswith("|-"):
            named = [test.strip() for test in line.rstrip(" |").rsplit("|", 1)[-1].split("<br>")]
            for test in named:
                file, _, case = test.partition("`: ")
                file = root / file.lstrip("`")
                if not case or not file.is_file():
                    yield f"{path}:{number}: no test of the tree: {test}"
                    continue
                text = re.sub(r'"\s*"', "", re.sub(r"\s+", " ", file.read_text()))
                sought = f"def test_{case.replace(' ', '_')}(" if file.suffix == ".py" else f'("{case}"'
                if sought not in text:
                    yield f"{path}:{number}: {test.split('`')[1]} has no case \"{case}\""


@rule
def every_dependency_has_its_licence_documented(root):
    told = root / "docs/dependencies.md"
    text = told.read_text() if told.exists() else ""
    for path, number, line in matches(root, files(root, endings=("meson.build",)),
                                      r"\bdependency\('([^']+)'"):
        for name in re.findall(r"\bdependency\('([^']+)'", line):
            if name not in ("threads", "uvreactor", "uvreactor-simulation", "uvreactor-web") and f"`{name}`" not in text:
                yield f"{path}:{number}: docs/dependencies.md has no row for {name}"


if __name__ == "__main__":
    tree = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
    findings = [finding for check in RULES for finding in check(tree)]
    print("\n".join(findings) or "tidy")
    sys.exit(bool(findings))
