"""The recipe for Conan 2, of the tree that contains it: `conan create packaging/conan`."""

import re
from pathlib import Path

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy
from conan.tools.gnu import PkgConfigDeps
from conan.tools.layout import basic_layout
from conan.tools.meson import Meson, MesonToolchain

SOURCES = ("LICENSE", "meson.build", "meson_options.txt", "packaging/meson.build",
           "packaging/cmake/*", "protocols/*", "reactor/*", "web/*")


def root(recipe_folder):
    return Path(recipe_folder).resolve().parent.parent


class Uvreactor(ConanFile):
    name = "uvreactor"
    description = "An event-loop reactor over libuv, with decoders that never stick"
    license = "MIT"
    package_type = "library"
    settings = "os", "compiler", "build_type", "arch"
    options = {"shared": [True, False], "fPIC": [True, False], "cares": [True, False],
               "tls": [True, False]}
    default_options = {"shared": False, "fPIC": True, "cares": True, "tls": True}

    def set_version(self):
        text = (root(self.recipe_folder) / "meson.build").read_text()
        self.version = re.search(r"version: '([\d.]+)'", text)[1]

    def export_sources(self):
        for pattern in SOURCES:
            copy(self, pattern, root(self.recipe_folder), self.export_sources_folder)

    def layout(self):
        basic_layout(self)

    def validate(self):
        check_min_cppstd(self, 20)

    def requirements(self):
        self.requires("libuv/[>=1.44.2 <2]")
        self.requires("fmt/[>=9.1]")
        self.requires("tl-expected/[>=1.0]", transitive_headers=True)
        self.requires("zlib/[>=1.2.11 <2]")
        if self.options.cares:
            self.requires("c-ares/[>=1.18 <2]")
        if self.options.tls:
            self.requires("openssl/[>=3.0 <4]")

    def build_requirements(self):
        self.tool_requires("meson/[>=1.0.1]")
        self.tool_requires("pkgconf/[>=2.0]")

    def generate(self):
        PkgConfigDeps(self).generate()
        toolchain = MesonToolchain(self)
        toolchain.project_options["b_ndebug"] = "if-release"
        for part in ("tests", "samples", "bench"):
            toolchain.project_options[part] = "disabled"
        toolchain.project_options["zlib"] = "enabled"
        for part in ("cares", "tls"):
            enabled = bool(self.options.get_safe(part))
            toolchain.project_options[part] = "enabled" if enabled else "disabled"
        toolchain.generate()

    def build(self):
        meson = Meson(self)
        meson.configure()
        meson.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, Path(self.package_folder, "licenses"))
        Meson(self).install()
        # Meson builds both kinds of libraries.
        unwanted = ("*.a",) if self.options.shared else ("*.so*", "*.dylib")
        for pattern in unwanted:
            for file in Path(self.package_folder, "lib").glob(pattern):
                file.unlink()

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "uvreactor")
        reactor = self.cpp_info.components["reactor"]
        reactor.libs = ["uvreactor"]
        reactor.includedirs = ["include/uvreactor"]
        reactor.requires = ["libuv::libuv", "fmt::fmt", "tl-expected::tl-expected"]
        if self.options.cares:
            reactor.requires.append("c-ares::c-ares")
        if self.settings.os in ("Linux", "FreeBSD"):
            reactor.system_libs = ["pthread"]
        parts = {"web": ["zlib::zlib"], "simulation": []}
        if self.options.tls:
            parts["tls"] = ["openssl::openssl"]
        for name, needs in parts.items():
            part = self.cpp_info.components[name]
            part.libs = [f"uvreactor-{name}"]
            part.requires = ["reactor", *needs]
        for name in ("reactor", *parts):
            component = self.cpp_info.components[name]
            component.set_property("cmake_target_name", f"uvreactor::{name}")
            package = "uvreactor" if name == "reactor" else f"uvreactor-{name}"
            component.set_property("pkg_config_name", package)
        self.cpp_info.components["reactor"].set_property(
            "cmake_target_aliases", ["uvreactor::protocols"])
