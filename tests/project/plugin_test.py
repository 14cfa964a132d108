"""Plug-ins that contain the library: several copies in one process, loaded and unloaded."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ["UVREACTOR_BUILD"])
PLUGIN = ROOT / "tests/project/plugin"
# As the guide names them.
COMPILE = ["g++", "-std=c++20", "-Wall", "-Wextra", "-fPIC", "-fvisibility=hidden",
           "-fvisibility-inlines-hidden", "-fno-gnu-unique", f"-I{ROOT}"]


class Plugins(unittest.TestCase):
    def test_several_copies_share_a_process_and_each_is_unloaded(self):
        package = (BUILD / "meson-private/uvreactor.pc").read_text()
        needs = re.search(r"^Libs.private: (.*)", package, re.MULTILINE)[1].split()
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([*COMPILE, "-c", PLUGIN / "plugin.cpp", "-o", f"{folder}/plugin.o"],
                           check=True)
            for name in "a", "b":
                subprocess.run(["g++", "-shared", f"{folder}/plugin.o", BUILD / "libuvreactor.a",
                                *needs, "-Wl,--exclude-libs,ALL", "-o", f"{folder}/{name}.so"],
                               check=True)
            exported = subprocess.run(["nm", "-D", "--defined-only", f"{folder}/a.so"], text=True,
                                      check=True, stdout=subprocess.PIPE).stdout
            self.assertEqual(re.findall(r" [TDB] (.*)$", exported, re.MULTILINE), ["run"])
            subprocess.run(["g++", "-std=c++20", PLUGIN / "host.cpp", "-o", f"{folder}/host"],
                           check=True)
            done = subprocess.run([f"{folder}/host", f"{folder}/a.so", f"{folder}/b.so"], text=True,
                                  check=False, stdout=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stdout), (0, "10 5 5\n500 0\n"))


if __name__ == "__main__":
    unittest.main()
