#!/usr/bin/env python3
"""Shows that a change of what is private changes no ABI, that abidiff finds a change of what is
public, and that one program may link libraries with two ABI versions. The shared libraries are
built four times, each time with a change.

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
PRIVATE = {
    "reactor/timer.cpp": "struct Timer::State final : TimerHandle {\n",
    "reactor/stream_output.hpp": "class StreamOutput",
    "web/http_server.cpp": "struct HttpServer::State final : ServerContext {\n",
}
PUBLIC = {"reactor/service_manager.hpp": "class ServiceManager {\n"}
LIBRARIES = ("libuvreactor", "web/libuvreactor-web")
PLUGIN = ROOT / "tests/project/plugin/plugin.cpp"
# Each version runs a loop in a callback of the other.
TWO_VERSIONS = """
extern "C" int run_v0(int (*inside)());
extern "C" int run_v1(int (*inside)());
int main() { return run_v0([] { return run_v1([] { return run_v0(nullptr); }); }) == 15 ? 0 : 1; }
"""


def run(*command):
    done = subprocess.run(list(map(str, command)), check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}")


def build(folder, into, libraries=LIBRARIES):
    targets = [f"{library}.so.{version()}" for library in libraries]
    run("ninja", "-C", folder / "build", *targets)
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir()
    for target in targets:
        shutil.copy(folder / "build" / target, into)


def version():
    text = (ROOT / "meson.build").read_text()
    return text.partition("version: '")[2].partition("'")[0]


def add_members(source, changed):
    for name, line in changed.items():
        text = (source / name).read_text()
        before, found, after = text.partition(line)
        head, brace, body = (found + after).partition("{\n")
        assert found and brace, f"{name} does not have {line}"
        (source / name).write_text(f"{before}{head}{{\n  long added_for_test = 0;\n{body}")


def find_public_change(headers, before, after):
    """Bit 4 of abidiff's status: the ABI changed."""
    found = subprocess.run(abidiff(headers, before, after), check=False, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if not found.returncode & 4 or "added_for_test" not in found.stdout:
        sys.exit(f"a member of a public class is no difference\n{found.stdout}")


def abidiff(headers, before, after):
    return ["abidiff", "--headers-dir1", headers, "--headers-dir2", headers, before, after]


def raise_abi_version(source):
    for path in source.rglob("*.[ch]pp"):
        text = path.read_text()
        if "inline v0" in text:
            path.write_text(text.replace("inline v0", "inline v1"))
    text = (source / "meson.build").read_text()
    assert "abi_version = '0'" in text
    (source / "meson.build").write_text(text.replace("abi_version = '0'", "abi_version = '1'"))


def run_two_versions(folder, source):
    """One program with two libraries, each used by the code that was compiled for it."""
    objects, libraries = [], []
    for number, include, place in (0, ROOT, folder / "before"), (1, source, folder / "raised"):
        library = place / f"libuvreactor.so.{version()}"
        soname = place / f"libuvreactor.so.{number}"
        soname.symlink_to(library)
        libraries += [library, f"-Wl,-rpath,{place}"]
        objects.append(folder / f"v{number}.o")
        run("g++", "-std=c++20", "-g0", f"-I{include}", f"-Drun=run_v{number}", "-c", PLUGIN, "-o",
            objects[-1])
    (folder / "two_versions.cpp").write_text(TWO_VERSIONS)
    run("g++", folder / "two_versions.cpp", *objects, *libraries, "-o", folder / "two_versions")
    run(folder / "two_versions")


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
    add_members(source, PRIVATE)
    build(folder, folder / "after")
    for library in sorted((folder / "before").iterdir()):
        after = folder / "after" / library.name
        assert library.read_bytes() != after.read_bytes(), f"{library.name} did not change"
        run(*abidiff(headers, library, after))
    add_members(source, PUBLIC)
    build(folder, folder / "public", LIBRARIES[:1])
    name = f"libuvreactor.so.{version()}"
    find_public_change(headers, folder / "before" / name, folder / "public" / name)
    raise_abi_version(source)
    build(folder, folder / "raised", LIBRARIES[:1])
    run_two_versions(folder, source)


if __name__ == "__main__":
    main()
