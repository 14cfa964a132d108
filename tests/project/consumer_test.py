"""The library as somebody else's project meets it: installed, or as a subproject."""

import concurrent.futures
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import tidy

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ["UVREACTOR_BUILD"])
CONSUMER = ROOT / "tests/project/consumer"
COMPILE = ["c++", "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
SAYS = "1 tick, 2 lines\n"


class Checked(unittest.TestCase):
    def run_in(self, folder, *command, **environment):
        done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual(done.returncode, 0, f"{' '.join(map(str, command))}\n{done.stdout}")
        return done.stdout


class Installed(Checked):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = Path(cls.folder.name)
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir",
                        cls.root], check=True, stdout=subprocess.DEVNULL)
        cls.headers = next(cls.root.rglob("include/uvreactor"))
        cls.package = next(cls.root.rglob("uvreactor.pc")).parent
        cls.libraries = cls.package.parent

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def pkg_config(self, *options):
        """Sees this one package: neither libuv's nor fmt's may be needed."""
        return self.run_in(self.root, "pkg-config", *options, "uvreactor",
                           PKG_CONFIG_LIBDIR=str(self.package), PKG_CONFIG_PATH="",
                           PKG_CONFIG_SYSROOT_DIR=str(self.root)).split()

    def test_the_shared_library_serves_a_program_by_pkg_config(self):
        program = self.root / "shared"
        self.run_in(self.root, *COMPILE, *self.pkg_config("--cflags"), CONSUMER / "main.cpp",
                    "-o", program, *self.pkg_config("--libs"))
        self.assertIn("libuvreactor.so", self.run_in(self.root, "readelf", "-d", program))
        self.assertEqual(self.run_in(self.root, program, LD_LIBRARY_PATH=str(self.libraries)), SAYS)

    def test_the_static_library_serves_a_program_by_pkg_config(self):
        program = self.root / "static"
        libs = ["-l:libuvreactor.a" if word == "-luvreactor" else word
                for word in self.pkg_config("--static", "--libs")]
        self.run_in(self.root, *COMPILE, *self.pkg_config("--cflags"), CONSUMER / "main.cpp",
                    "-o", program, *libs)
        self.assertNotIn("libuvreactor", self.run_in(self.root, "readelf", "-d", program))
        self.assertEqual(self.run_in(self.root, program), SAYS)

    def test_the_public_headers_are_installed_and_no_other(self):
        there = {path.relative_to(self.headers) for path in self.headers.rglob("*") if path.is_file()}
        self.assertEqual(there, tidy.public_headers(ROOT))

    def test_each_installed_header_compiles_alone(self):
        def compile_alone(header):
            text = f"#include <{header}>\n#include <{header}>\n"
            return subprocess.run([*COMPILE, "-fsyntax-only", f"-I{self.headers}", "-xc++", "-"],
                                  input=text, text=True, stderr=subprocess.PIPE, check=False).stderr

        headers = sorted(tidy.public_headers(ROOT))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for header, errors in zip(headers, pool.map(compile_alone, headers)):
                with self.subTest(header=str(header)):
                    self.assertEqual(errors, "")


class Subproject(Checked):
    def test_a_subproject_builds_the_libraries_and_nothing_else(self):
        # Kept beside the build, so that only what changed is compiled again.
        project = BUILD / "consumer"
        shutil.copytree(CONSUMER, project, dirs_exist_ok=True)
        inside = project / "subprojects/uvreactor"
        inside.mkdir(parents=True, exist_ok=True)
        for part in ("meson.build", "meson_options.txt", "protocols", "reactor", "samples", "tests",
                     "bench"):
            if not (inside / part).is_symlink():
                (inside / part).symlink_to(ROOT / part)
        build = project / "build"
        if not (build / "build.ninja").exists():
            self.run_in(project, "meson", "setup", build, "-Dbuildtype=plain", "-Dunity=subprojects",
                        "-Dunity_size=8")
        self.run_in(project, "ninja", "-C", build)
        targets = json.loads(self.run_in(project, "meson", "introspect", "--targets", build))
        self.assertEqual(sorted((target["name"], target["type"]) for target in targets),
                         [("consumer", "executable"), ("uvreactor", "shared library"),
                          ("uvreactor", "static library")])
        self.assertEqual(self.run_in(project, build / "consumer"), SAYS)


if __name__ == "__main__":
    unittest.main()
