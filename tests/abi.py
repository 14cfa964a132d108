#!/usr/bin/env python3
"""Shows that a change of what is private changes no ABI: builds the shared libraries twice, with
members added to states between, and compares them by abidiff.

    abi.py FOLDER

Exit status 77: abidiff (Debian's abigail-tools) is not installed.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import tidy

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("meson.build", "meson_options.txt", "packaging", "protocols", "reactor", "web")
# A member for the class that begins with this line, in a source file and in internal headers.
CHANGED = {
    "reactor/timer.cpp": "struct Timer::State final : TimerHandle {\n",
    "reactor/stream_output.hpp": "class StreamOutput",
    "web/http_server.cpp": "struct HttpServer::State final : ServerContext {\n",
}
LIBRARIES = ("libuvreactor", "web/libuvreactor-web")


def run(*command):
    done = subprocess.run(list(map(str, command)), check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}")


def build(folder, into):
    targets = [f"{library}.so.{version()}" for library in LIBRARIES]
    run("ninja", "-C", folder / "build", *targets)
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir()
    for target in targets:
        shutil.copy(folder / "build" / target, into)


def version():
    text = (ROOT / "meson.build").read_text()
    return text.partition("version: '")[2].partition("'")[0]


def add_members(source):
    for name, line in CHANGED.items():
        text = (source / name).read_text()
        before, found, after = text.partition(line)
        head, brace, body = (found + after).partition("{\n")
        assert found and brace, f"{name} does not have {line}"
        (source / name).write_text(f"{before}{head}{{\n  long added_for_test = 0;\n{body}")


def main():
    if not shutil.which("abidiff"):
        print("abidiff is missing (Debian package abigail-tools)")
        sys.exit(77)
    folder = Path(sys.argv[1]).resolve()
    source = folder / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, source / name)
    if not (folder / "build/build.ninja").exists():
        run("meson", "setup", folder / "build", source, "-Dbuildtype=debug", "-Dunity=on",
            "-Dunity_size=8", *(f"-D{part}=disabled" for part in ("tests", "samples", "bench", "tls")))
    # abidiff leaves out the types that no public header defines.
    headers = folder / "headers"
    for header in tidy.public_headers(ROOT):
        (headers / header).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / header, headers / header)
    build(folder, folder / "before")
    add_members(source)
    build(folder, folder / "after")
    for library in sorted((folder / "before").iterdir()):
        after = folder / "after" / library.name
        assert library.read_bytes() != after.read_bytes(), f"{library.name} did not change"
        run("abidiff", "--headers-dir1", headers, "--headers-dir2", headers, library, after)


if __name__ == "__main__":
    main()
