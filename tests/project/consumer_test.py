"""The installed library in the project of a user."""

import concurrent.futures
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import tidy
from consumers import (BUILD, COMPILE, CONSUMER, HAS_SIMULATION, HAS_TLS, MORE, ROOT, SAYS, STRICT,
                       TLS_SAYS, Checked)

NAMESPACES = re.compile(r"\b(?:protocols|reactor|web)::v\d+::")


def symbols(file, *options):
    """The functions and objects of these libraries that nm lists, as (strong, [name, ...])."""
    listed = subprocess.run(["nm", "--demangle", "--defined-only", *options, file], text=True,
                            check=True, stdout=subprocess.PIPE).stdout
    for kind, name in re.findall(r"^[0-9a-f]+ (\w) (.*)$", listed, re.MULTILINE):
        name = re.sub(r"^(vtable|typeinfo|typeinfo name|(non-)?virtual thunk|guard variable) (for|to) ",
                      "", name)
        name = re.sub(r"\[abi:\w+\]|\(.*", "", name)
        while "<" in name and ">" in name:  # The return type of a template has a space.
            name, before = re.sub(r"<[^<>]*>", "", name), name
            if name == before:
                break
        name = name.split(" ")[-1]
        if NAMESPACES.match(name):
            yield kind in "TDBR", NAMESPACES.sub("", name).split("::")


class Header:
    """What a header exports: the members of its classes, and its functions and objects."""

    def __init__(self, path):
        code = re.sub(r"//.*", "", path.read_text())
        single = "".join(re.sub(r"\s+", " ", one) + "\n" for one in
                         re.findall(r'^.*visibility\("default"\)\]\]\s+([^;]*;)', code, re.MULTILINE))
        code = code.partition(tidy.EXPORTED[0])[2].partition(tidy.EXPORTED[1])[0] + single
        self.scopes = set(re.findall(r"\w+", " ".join(re.findall(r"namespace (.*) \{", path.read_text()))))
        self.scopes |= set(re.findall(r"\b(?:class|struct) (?:\w+::)*(\w+)(?: final)?(?: : [^;{]*)?\s*\{",
                                      code))
        self.free = set(re.findall(r"^(?: *friend |(?! ))[^\n(=]*?(\w+|operator[^\w(]+)(?:\(|;)", code,
                                   re.MULTILINE))
        self.words = set(re.findall(r"\w+", code))

    def declares(self, scopes, name):
        is_member = bool(scopes) and scopes[-1][0].isupper()
        plain = name.lstrip("~")
        return self.scopes.issuperset(scopes) and (
            name in self.free or name in self.scopes and not is_member or
            is_member and (plain in self.words or plain.startswith("operator")))


def is_declared(headers, path):
    *scopes, name = path
    return any(header.declares(scopes, name) for header in headers)


def is_first_in_its_source(header):
    source = ROOT / header.with_suffix(".cpp")
    if not source.exists():
        return False
    return re.search(r"^#include (.*)", source.read_text(), re.MULTILINE)[1] == f'"{header}"'


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
        """Sees these two packages: neither libuv's nor fmt's may be needed."""
        return self.run_in(self.root, "pkg-config", *options, "uvreactor-web",
                           PKG_CONFIG_LIBDIR=str(self.package), PKG_CONFIG_PATH="",
                           PKG_CONFIG_SYSROOT_DIR=str(self.root)).split()

    def test_the_shared_library_serves_a_program_by_pkg_config(self):
        program = self.root / "shared"
        self.run_in(self.root, *COMPILE, *self.pkg_config("--cflags"), CONSUMER / "main.cpp",
                    "-o", program, *self.pkg_config("--libs"))
        self.assertIn("libuvreactor.so", self.run_in(self.root, "readelf", "-d", program))
        self.assertEqual(self.run_in(self.root, program, LD_LIBRARY_PATH=str(self.libraries)), SAYS)

    def test_the_static_library_serves_a_program_by_pkg_config(self):
        # Without the shared library beside it, the linker takes this one.
        alone = self.root / "alone"
        alone.mkdir()
        for name in ("libuvreactor.a", "libuvreactor-web.a"):
            shutil.copy(self.libraries / name, alone)
        flags = self.pkg_config("--static", "--cflags", "--libs")
        program = self.root / "static"
        self.run_in(self.root, *COMPILE, CONSUMER / "main.cpp", "-o", program,
                    *[f"-L{alone}" if flag.startswith("-L") else flag for flag in flags])
        self.assertNotIn("libuvreactor", self.run_in(self.root, "readelf", "-d", program))
        self.assertEqual(self.run_in(self.root, program), SAYS)

    @unittest.skipUnless(HAS_TLS, "built without TLS")
    def test_the_libraries_with_tls_serve_a_program_by_pkg_config(self):
        for kind in ("shared", "static"):
            with self.subTest(kind):
                alone = self.root / f"tls-{kind}"
                alone.mkdir()
                for name in ("uvreactor", "uvreactor-tls"):
                    for file in self.libraries.glob(f"lib{name}.{'so' if kind == 'shared' else 'a'}*"):
                        shutil.copy(file, alone, follow_symlinks=False)
                options = ["--static"] if kind == "static" else []
                flags = self.run_in(
                    self.root, "pkg-config", *options, "--cflags", "--libs", "uvreactor-tls",
                    PKG_CONFIG_LIBDIR=str(self.package), PKG_CONFIG_PATH="",
                    PKG_CONFIG_SYSROOT_DIR=str(self.root)).split()
                program = self.root / f"tls-{kind}-program"
                self.run_in(self.root, *COMPILE, CONSUMER / "tls.cpp", "-o", program,
                            f"-Wl,-rpath-link,{alone}",
                            *[f"-L{alone}" if flag.startswith("-L") else flag for flag in flags])
                self.assertEqual(self.run_in(self.root, program, LD_LIBRARY_PATH=str(alone)),
                                 TLS_SAYS)

    def test_the_shared_libraries_export_what_public_headers_declare_and_no_more(self):
        public = [Header(ROOT / header) for header in tidy.public_headers(ROOT)]
        # What one of the shared libraries needs of another.
        siblings = [Header(header) for header in ROOT.glob("reactor/platform/*.hpp")]
        found = 0
        for library in self.libraries.glob("libuvreactor*.so"):
            exported = {tuple(path) for _, path in symbols(library, "--dynamic")}
            defined = {tuple(path) for is_strong, path in
                       symbols(library.with_suffix(".a"), "--extern-only") if is_strong}
            found += len(exported)
            with self.subTest(library.name):
                self.assertEqual([path for path in sorted(exported)
                                  if not is_declared(public + siblings, path)], [], "not declared")
                self.assertEqual([path for path in sorted(defined - exported)
                                  if is_declared(public, path)], [], "not exported")
        self.assertGreater(found, 300)

    def configure(self, build, *options):
        prefix = self.headers.parent.parent
        return self.attempt_in(self.root, "cmake", "-S", CONSUMER, "-B", self.root / build,
                               f"-DCMAKE_PREFIX_PATH={prefix}", *options)

    @unittest.skipUnless(shutil.which("cmake"), "cmake is missing")
    def test_either_library_serves_a_program_by_the_cmake_package(self):
        for library, option in (("shared", "OFF"), ("static", "ON")):
            with self.subTest(library=library):
                build = self.root / f"cmake-{library}"
                done = self.configure(build, f"-Duvreactor_USE_STATIC_LIBS={option}",
                                      "-DUVREACTOR_VERSION=0.1",
                                      f"-DUVREACTOR_MORE={MORE}")
                self.assertEqual(done.returncode, 0, done.stdout)
                self.run_in(self.root, "cmake", "--build", build)
                needed = self.run_in(self.root, "readelf", "-d", build / "consumer")
                self.assertEqual("libuvreactor.so" in needed, library == "shared")
                self.assertEqual(self.run_in(self.root, build / "consumer"), SAYS)
                if HAS_TLS:
                    self.assertEqual(self.run_in(self.root, build / "tls"), TLS_SAYS)
                if HAS_SIMULATION:
                    self.assertEqual(self.run_in(self.root, build / "simulation"), "simulated\n")

    @unittest.skipUnless(shutil.which("cmake"), "cmake is missing")
    def test_the_cmake_package_refuses_what_it_does_not_have(self):
        for option, says in (("-DUVREACTOR_MORE=telepathy", "uvreactor has no component telepathy"),
                             ("-DUVREACTOR_VERSION=0.2", 'requested version "0.2"'),
                             ("-DUVREACTOR_VERSION=1", 'requested version "1"')):
            with self.subTest(option=option):
                done = self.configure(f"refused{option}", option)
                self.assertNotEqual(done.returncode, 0, done.stdout)
                self.assertIn(says, done.stdout)

    def test_the_public_headers_are_installed_and_no_other(self):
        there = {path.relative_to(self.headers) for path in self.headers.rglob("*") if path.is_file()}
        self.assertEqual(there, tidy.public_headers(ROOT))

    def test_each_installed_header_compiles_alone(self):
        def compile_alone(header):
            text = f"#include <{header}>\n#include <{header}>\n"
            return subprocess.run([*COMPILE, "-fsyntax-only", f"-I{self.headers}", "-xc++", "-"],
                                  input=text, text=True, stderr=subprocess.PIPE, check=False).stderr

        # The release build compiles each file of the library by itself, and so each header that a
        # file includes first.
        headers = sorted(header for header in tidy.public_headers(ROOT)
                         if not is_first_in_its_source(header))
        self.assertGreater(len(headers), 10)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for header, errors in zip(headers, pool.map(compile_alone, headers)):
                with self.subTest(header=str(header)):
                    self.assertEqual(errors, "")

    def test_the_headers_compile_without_a_warning_with_each_compiler_and_standard(self):
        every = "".join(f"#include <{header}>\n" for header in sorted(tidy.public_headers(ROOT)))
        decoders = "".join(f"{line}\n" for line in every.split("\n") if "<protocols/" in line)
        for compiler in filter(shutil.which, ("g++", "clang++")):
            for text, options in ((every, ["-std=c++20"]), (every, ["-std=c++2b"]),
                                  (decoders, ["-std=c++20", "-fno-exceptions", "-fno-rtti"])):
                with self.subTest(compiler=compiler, options=options):
                    done = subprocess.run([compiler, *options, *STRICT, "-fsyntax-only",
                                           f"-I{self.headers}", "-xc++", "-"], check=False,
                                          input=text, text=True, stderr=subprocess.PIPE)
                    self.assertEqual(done.stderr, "")

    def test_a_missing_option_for_cxx20_is_one_error_that_says_so(self):
        for header in sorted(tidy.public_headers(ROOT)):
            with self.subTest(header=str(header)):
                done = self.attempt_in(self.root, "c++", "-std=c++17", "-fsyntax-only",
                                       f"-I{self.headers}", "-xc++", self.headers / header)
                errors = re.findall(r"error: (.*)", done.stdout)
                self.assertEqual(errors, [
                    '#error "uvreactor needs C++20: compile with -std=c++20"',
                    "uvreactor/needs/c++20: No such file or directory"])


if __name__ == "__main__":
    unittest.main()
