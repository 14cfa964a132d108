"""A project of a user, for tests that build it: tests/project/consumer/."""

import os
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ["UVREACTOR_BUILD"])
CONSUMER = ROOT / "tests/project/consumer"
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
COMPILE = ["c++", "-std=c++20", *STRICT]
SAYS = "1 tick, 2 lines, a server\n"
TLS_SAYS = ("read /no/such/file: no such file or directory; the connection ended without "
            "close_notify\n")
HAS_TLS = (BUILD / "libuvreactor-tls.a").exists()
HAS_SIMULATION = (BUILD / "libuvreactor-simulation.a").exists()
MORE = ";".join(["tls"] * HAS_TLS + ["simulation"] * HAS_SIMULATION)


class Checked(unittest.TestCase):
    def attempt_in(self, folder, *command, **environment):
        return subprocess.run(command, cwd=folder, env={**os.environ, **environment}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    def run_in(self, folder, *command, **environment):
        done = self.attempt_in(folder, *command, **environment)
        self.assertEqual(done.returncode, 0, f"{' '.join(map(str, command))}\n{done.stdout}")
        return done.stdout
