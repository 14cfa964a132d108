"""The portable libraries need POSIX.1-2008, libuv, fmt, zlib and the C++ runtime only."""

import os
import re
import subprocess
import unittest
from pathlib import Path

from build_options import options

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ["UVREACTOR_BUILD"])
ALLOWED = ROOT / "tests/project/portable_symbols.txt"
WEB = "web/libuvreactor-web.a"
# The variants of one name with large files, with fortified headers, or with C2x.
VARIANT = re.compile(r"(?:__(?:isoc(?:99|23)_)?)?([a-z_]+?)(?:64)?(?:_chk|_2)?$")
# std::, operator new and delete, the type_info classes of the C++ ABI, and fmt.
CPLUSPLUS = re.compile(r"_Z(N?[VK]*S[tabsiod]|T[IVS](N?S|N10__cxxabiv1)|[dn][wal]|NK?3fmt)")
SANITIZER = re.compile(r"__[atu]b?san_|__sanitizer_|__tsan|__asan|__ubsan")


def plain(name):
    variant = VARIANT.fullmatch(name)
    return variant[1] if variant else name


def undefined_symbols(*libraries):
    """The symbols that a file of the libraries uses and no file of them defines."""
    listed = subprocess.run(["nm", "-P", *libraries], check=True, capture_output=True, text=True)
    undefined, defined = set(), set()
    for line in listed.stdout.splitlines():
        fields = line.split()
        if len(fields) >= 2 and len(fields[1]) == 1:
            (undefined if fields[1] in "Uw" else defined).add(fields[0].split("@")[0])
    return undefined - defined


def allowed_symbols():
    lines = ALLOWED.read_text().splitlines()
    return {name for line in lines for name in line.split("#")[0].split()}


class PortableSymbols(unittest.TestCase):
    def assert_needs_what_is_listed(self, *libraries):
        if options(BUILD)["platform"] != "portable":
            self.skipTest("this library is built for Linux: ./dev test --platform portable")
        allowed = allowed_symbols()
        unknown = sorted(
            name for name in undefined_symbols(*(BUILD / library for library in libraries))
            if name not in allowed and plain(name) not in allowed
            and not CPLUSPLUS.match(name) and not SANITIZER.match(name))
        self.assertEqual(unknown, [])

    def test_the_library_needs_only_what_is_listed(self):
        self.assert_needs_what_is_listed("libuvreactor.a")

    @unittest.skipUnless((BUILD / WEB).exists(), "web/ is not built")
    def test_the_library_of_web_needs_only_what_is_listed(self):
        self.assert_needs_what_is_listed("libuvreactor.a", WEB)

    def test_the_calls_of_linux_are_not_listed(self):
        linux = {"accept4", "sendfile", "recvmmsg", "sendmmsg", "eventfd", "timerfd_create", "dup3",
                 "epoll_create1", "epoll_ctl", "epoll_wait", "pipe2", "syscall", "prctl"}
        self.assertEqual(linux & allowed_symbols(), set())


if __name__ == "__main__":
    unittest.main()
