"""A hook that a server would never call is a compile error with a clear message. Each hook that it
does call compiles without a warning, and so do callbacks and errors as users write them.

Every snippet is compiled by each compiler on this machine that the library is developed with.
"""

import re
import shutil
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COMPILERS = [name for name in ("g++", "clang++") if shutil.which(name)]
FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{ROOT}"]

HEADERS = """
#include <protocols/lines.hpp>
#include <reactor/server.hpp>
#include <reactor/udp_server.hpp>
using namespace reactor;
"""
SERVER = """
struct Session {
  Stream& stream;
%s
};
void serve(Loop& loop) { (void)Server<Session%s>::listen(loop, "127.0.0.1:0"); }
"""
UDP_SERVER = """
struct Session {
  UdpPeer& peer;
%s
};
void serve(Loop& loop) { (void)UdpServer<Session>::bind(loop, "127.0.0.1:0"); }
"""
ON_DATA = "void on_data(std::span<const std::byte>) {}\n"
ON_FRAME = "void on_frame(std::string_view) {}\n"
ON_DATAGRAM = "void on_datagram(const Datagram&) {}\n"
PRIVATE = "Session(Stream& of) : stream(of) {}\nprivate:\n"

WRONG = {
    # the hooks of the session: a part of the sentence
    "": "needs a public `void on_data(std::span<const std::byte>)`",
    ON_FRAME: "on_frame is for a Server with a decoder",
    "void on_data(std::string_view) {}": "needs a public `void on_data(",
    PRIVATE + ON_DATA: "needs a public `void on_data(",
    ON_DATA + "void on_close() {}": "`void on_close(const reactor::Error&)`",
    ON_DATA + "void on_close(Error&) {}": "`void on_close(const reactor::Error&)`",
    ON_DATA + "void on_close(int) {}": "`void on_close(const reactor::Error&)`",
    ON_DATA + "void on_close(const Error&, int) {}": "`void on_close(const reactor::Error&)`",
    ON_DATA + PRIVATE + "void on_close(const Error&) {}": "unless it is public",
    ON_DATA + "void on_closed(const Error&) {}": "on_closed is never called",
    ON_DATA + "void on_end(const Error&) {}": "`void on_end()`",
    ON_DATA + "void on_ended() {}": "on_ended is never called",
    ON_DATA + PRIVATE + "void on_end() {}": "unless it is public",
    ON_DATA + "void on_drained(int) {}": "`void on_drained()`",
    ON_DATA + "void on_drain() {}": "on_drain is never called",
    ON_DATA + PRIVATE + "void on_drained() {}": "unless it is public",
    ON_DATA + "void finish(int) {}": "`void finish()`",
    ON_DATA + PRIVATE + "void finish() {}": "unless it is public",
    ON_DATA + "void on_finish() {}": "the hook is `void finish()`",
    ON_DATA + "void on_decode_error(std::error_code) {}": "never called by a Server without",
}
WRONG_FRAMED = {
    ON_DATA: "needs a public `void on_frame(const D::Frame&)`",
    "void on_frame(int) {}": "needs a public `void on_frame(const D::Frame&)`",
    ON_FRAME + "void on_close() {}": "`void on_close(const reactor::Error&)`",
    ON_FRAME + "void on_decode_error() {}": "`void on_decode_error(std::error_code)`",
    ON_FRAME + PRIVATE + "void on_decode_error(std::error_code) {}": "unless it is public",
    "void on_frame(std::string_view, int) {}": "`void on_frame(const D::Frame&, D&)`",
}
WRONG_UDP = {
    "": "needs a public `void on_datagram(const reactor::Datagram&)`",
    "void on_datagram(Datagram&) {}": "needs a public `void on_datagram(",
    "void on_datagram(std::string_view) {}": "needs a public `void on_datagram(",
    ON_DATAGRAM + "void on_close(const Error&) {}": "never calls on_close",
    ON_DATAGRAM + "void on_end() {}": "never calls on_end",
    ON_DATAGRAM + "void on_drained() {}": "never calls on_drained",
}
RIGHT = [
    ON_DATA,
    ON_DATA + ON_FRAME,
    "int on_data(std::span<const std::byte>) const { return 0; }",
    ON_DATA + "void on_end() {}\nvoid on_drained() {}\nvoid finish() {}\n"
              "void on_close(const Error&) {}",
    ON_DATA + "void on_close(Error) {}\nbool on_end(int = 0) { return true; }",
    ON_DATA + "template <class E> void on_close(const E&) {}\nstatic void finish() {}",
    ON_DATA + "Callback<void()> on_end = [] {};\n"
              "void on_close(const Error&) {}\nvoid on_close(int) {}",
]

# What users write. The two optimization levels inline different functions, and so the compiler
# reports different variables as uninitialized.
WRITTEN_BY_USERS = """
#include <reactor/callback.hpp>
#include <reactor/result.hpp>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>
using reactor::Callback;
using reactor::Error;
int called = 0;
void function() { ++called; }
struct Outer {
  Callback<void()> first;
  Callback<void(int)> second = [](int) { ++called; };
};
Outer outer() {
  Outer made;
  made.first = [] { ++called; };
  Outer moved = std::move(made);
  return moved;
}
template <class F>
void wrap(F f) {
  Callback<void()> inner = std::move(f);
  Callback<void()> outer = [held = std::move(inner)]() mutable { held(); };
  auto moved = std::move(outer);
  moved();
}
void wrap_some(char small, int number) {
  wrap([] { ++called; });
  wrap([small] { called += small; });
  wrap([number] { called += number; });
  wrap(function);
  wrap(&function);
  Callback<void()> named = function;
  named();
}
void keep(std::vector<Callback<void(), 48>>& all, std::map<int, Callback<void()>>& some,
          std::optional<Callback<void()>>& one) {
  all.push_back([] { ++called; });
  some[1] = [] { ++called; };
  one = [] { ++called; };
  std::swap(all[0], all[1]);
  all.push_back(std::move(*std::make_unique<Callback<void(), 48>>([] { ++called; })));
}
Error error(std::error_code code) { return {code, "op"}; }
Error code_only(std::error_code code) { return Error{code}; }
Error named(std::error_code code) { return {.code = code, .operation = "op"}; }
"""


def compile_source(compiler, source, *flags):
    return subprocess.run([compiler, *FLAGS, *flags, "-c", "-xc++", "-", "-o", "/dev/null"],
                          input=source, text=True, capture_output=True, check=False)


def in_namespaces(snippets):
    """All snippets in one source, so that a compiler reads the headers once."""
    return HEADERS + "".join(f"namespace case_{number}_ {{{snippet}}}\n"
                             for number, snippet in enumerate(snippets))


def said_of_each(output, count):
    """The errors about the hooks of each namespace.

    g++ names the instantiation before its errors, clang++ after each.
    """
    said = [""] * count
    for block in re.split(r"(?=In instantiation of)|(?=error: static_assert failed)", output):
        found = re.search(r"check_hooks_of\w*.*?case_(\d+)_", block, re.DOTALL)
        if found:
            said[int(found[1])] += " ".join(block.split())
    return said


class Hooks(unittest.TestCase):
    def test_a_hook_that_a_server_never_calls_is_an_error_that_says_what_to_write(self):
        cases = [(SERVER % (hooks, ""), sentence) for hooks, sentence in WRONG.items()]
        cases += [(SERVER % (hooks, ", protocols::LineDecoder"), sentence)
                  for hooks, sentence in WRONG_FRAMED.items()]
        cases += [(UDP_SERVER % hooks, sentence) for hooks, sentence in WRONG_UDP.items()]
        for compiler in COMPILERS:
            no_limit = "-ferror-limit=0" if "clang" in compiler else "-fmax-errors=0"
            source = in_namespaces(snippet for snippet, _ in cases)
            outcome = compile_source(compiler, source, "-fsyntax-only", no_limit)
            self.assertNotEqual(outcome.returncode, 0)
            for (snippet, sentence), said in zip(cases, said_of_each(outcome.stderr, len(cases))):
                with self.subTest(compiler=compiler, snippet=snippet):
                    self.assertIn(sentence, said)

    def test_what_is_called_compiles_without_a_word(self):
        snippets = [SERVER % (hooks, "") for hooks in RIGHT]
        snippets.append(SERVER % (ON_FRAME + "void on_end() {}", ", protocols::LineDecoder"))
        snippets.append(SERVER % ("void on_frame(std::string_view, protocols::LineDecoder&) {}\n"
                                  "void on_decode_error(const std::error_code&) {}",
                                  ", protocols::LineDecoder"))
        snippets.append(UDP_SERVER % (ON_DATAGRAM + "void finish() {}"))
        for compiler in COMPILERS:
            with self.subTest(compiler=compiler):
                outcome = compile_source(compiler, in_namespaces(snippets), "-fsyntax-only")
                self.assertEqual(outcome.stderr, "")
                self.assertEqual(outcome.returncode, 0)


class Warnings(unittest.TestCase):
    def test_callbacks_and_errors_raise_none(self):
        for compiler in COMPILERS:
            for level in ("-Og", "-O1", "-O2", "-O3"):
                with self.subTest(compiler=compiler, level=level):
                    self.assertEqual(compile_source(compiler, WRITTEN_BY_USERS, level).stderr, "")


if __name__ == "__main__":
    unittest.main()
