"""Built files have the protections against memory errors that docs/threat-model.md lists."""

import os
import platform
import re
import subprocess
import unittest
from pathlib import Path

from build_options import options

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ["UVREACTOR_BUILD"])


def is_hardened(build):
    """Whether meson.build gives the flags to a build with these options."""
    if not (build / "meson-info").exists():
        return False
    chosen = {"hardening": "disabled", **options(build)}
    return chosen["hardening"] == "enabled" or (
        chosen["hardening"] == "auto" and chosen["b_sanitize"] == "none"
        and not chosen["fuzzers"] and chosen["optimization"] not in ("plain", "0", "g"))


def readelf(option, path):
    return subprocess.run(["readelf", "--wide", option, path], check=True, capture_output=True,
                          text=True).stdout


def library_of(build):
    return next(path for path in build.glob("libuvreactor.so.*.*.*") if path.is_file())


def is_program(path):
    with open(path, "rb") as file:
        return os.access(path, os.X_OK) and file.read(4) == b"\x7fELF"


# The only programs of the release build that the suite builds. The budgets are measured with it.
RELEASE = [ROOT / "build-bench/bench" / name
           for name in ("echo_server", "http_server", "datagram_server")]


class Hardening(unittest.TestCase):
    def setUp(self):
        if not is_hardened(BUILD):
            self.skipTest("this build is not optimised, has a sanitizer or -Dhardening=disabled")
        self.release = [path for path in RELEASE if path.exists()]
        if self.release and not is_hardened(ROOT / "build-bench"):
            self.release = []

    def programs(self):
        samples = sorted(path for path in (BUILD / "samples").glob("*")
                         if path.is_file() and is_program(path))
        self.assertGreater(len(samples), 20)
        return samples + self.release

    def test_the_table_of_imported_functions_is_read_only(self):
        for path in [library_of(BUILD), *self.programs()]:
            with self.subTest(path):
                self.assertIn("GNU_RELRO", readelf("--segments", path))
                self.assertRegex(readelf("--dynamic", path), r"BIND_NOW|Flags:.*\bNOW\b")

    def test_programs_are_loaded_at_any_address(self):
        for path in self.programs():
            with self.subTest(path):
                self.assertRegex(readelf("--file-header", path), r"Type:\s+DYN")
                self.assertRegex(readelf("--dynamic", path), r"Flags:.*\bPIE\b")

    def test_the_stack_holds_no_code(self):
        for path in [library_of(BUILD), *self.programs()]:
            with self.subTest(path):
                stack = re.search(r"GNU_STACK.*", readelf("--segments", path))[0]
                self.assertRegex(stack, r"\bRW\b")

    def test_overflows_of_the_stack_and_of_buffers_end_the_program(self):
        for path in [library_of(BUILD), *self.release]:
            with self.subTest(path):
                symbols = readelf("--dyn-syms", path)
                self.assertIn("__stack_chk_fail", symbols)
                self.assertRegex(symbols, r"__(mem|str|v?snprintf|recv|read)\w*_chk")

    @unittest.skipUnless(platform.machine() in ("x86_64", "i686"), "a feature of x86")
    def test_jumps_lead_to_the_beginning_of_a_function(self):
        # The linker keeps the property only where the C library's own files have it.
        library = BUILD / "libuvreactor.a"
        objects = readelf("--notes", library).split("\nFile: ")[1:]
        members = subprocess.run(["ar", "t", library], capture_output=True, text=True, check=True)
        self.assertEqual(len(objects), len(members.stdout.split()))
        for told in objects:
            self.assertIn("IBT, SHSTK", told, told.splitlines()[0])


if __name__ == "__main__":
    unittest.main()
