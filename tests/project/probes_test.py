"""The static probes that `-Dprobes=enabled` puts into the library are those of docs/embedding.md."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from build_options import options

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ["UVREACTOR_BUILD"])
# These have all of them between them.
SOURCES = ("iteration.cpp", "timer.cpp", "platform/kernel.cpp", "platform/linux/kernel.cpp")
GUIDE = ROOT / "docs/embedding.md"
COMPILE = ["g++", "-std=c++20", "-DUVREACTOR_PROBES", f"-I{ROOT}", "-c"]


def probes_of(path):
    """{name: number of arguments} of the notes in an object file."""
    notes = subprocess.run(["readelf", "--wide", "--notes", path], check=True, capture_output=True,
                           text=True).stdout
    found = re.findall(r"Provider: uvreactor\s+Name: (\w+)\s.*?Arguments:([^\n]*)", notes, re.DOTALL)
    return {name: len(arguments.split()) for name, arguments in found}


def documented():
    """The same of the table in the guide."""
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", GUIDE.read_text().partition("## Probes")[2],
                      re.MULTILINE)
    return {name: arguments.count("`") // 2 for name, arguments in rows}


class Probes(unittest.TestCase):
    def setUp(self):
        found = subprocess.run(["g++", "-E", "-x", "c++", "-include", "sys/sdt.h", os.devnull],
                               capture_output=True, check=False)
        if found.returncode != 0:
            self.skipTest("no <sys/sdt.h> (Debian package systemtap-sdt-dev)")

    def test_the_objects_have_the_probes_that_the_guide_lists(self):
        found = {}
        with tempfile.TemporaryDirectory() as folder:
            for number, source in enumerate(SOURCES):
                path = f"{folder}/{number}.o"
                subprocess.run([*COMPILE, ROOT / "reactor" / source, "-o", path], check=True)
                found |= probes_of(path)
        self.assertEqual(found, documented())

    def test_a_library_has_none_unless_its_build_asks_for_them(self):
        probes = probes_of(next(path for path in BUILD.glob("libuvreactor.so.*.*.*")
                               if path.is_file()))
        enabled = options(BUILD).get("probes", "disabled") != "disabled"
        self.assertEqual(probes, documented() if enabled else {})


if __name__ == "__main__":
    unittest.main()
