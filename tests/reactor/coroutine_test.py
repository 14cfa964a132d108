"""Mistakes with coroutines that do not compile, and the sentences that the compiler prints then.

Every snippet is compiled by each compiler on this machine that the library is developed with.
"""

import shutil
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COMPILERS = [name for name in ("g++", "clang++") if shutil.which(name)]

HEADERS = """
#include <protocols/lines.hpp>
#include <reactor/coroutine.hpp>
using namespace reactor;
"""

WRONG = {
    "a lambda with captures as a coroutine": (
        "Task<> f(Loop& loop) { int x = 0; co_await [&]() -> Task<> { co_await reactor::sleep(loop, {}); }(); (void)x; }",
        "a coroutine that is a lambda cannot have captures"),
    "a lambda with captures that a nursery starts": (
        "void f(Nursery& n, int x) { n.start([x]() -> Task<> { (void)x; co_return; }); }",
        "a lambda with captures would be destroyed"),
    "a function that returns something else": (
        "void f(Nursery& n) { n.start([] { return 1; }); }",
        "a nursery starts functions that return Task<>"),
    "borrowed bytes in all()": (
        "Task<> f(Connection& c, Loop& loop) { (void)co_await all(c.read(), reactor::sleep(loop, {})); }",
        "valid only until the task waits"),
    "borrowed frames in all(), within a limit": (
        "Task<> f(Frames<protocols::LineDecoder>& l) { (void)co_await all(within({}, l.next())); }",
        "valid only until the task waits"),
    "a server without a task": (
        'void f(Loop& loop) { (void)serve(loop, "", {}, [](Connection) {}); }',
        "takes a Connection and returns Task<>"),
    "a coroutine of another kind": (
        """struct Other { struct promise_type { Other get_return_object() { return {}; }
           std::suspend_never initial_suspend() { return {}; }
           std::suspend_never final_suspend() noexcept { return {}; }
           void return_void() {} void unhandled_exception() {} }; };
           Other f(Loop& loop) { co_await reactor::sleep(loop, {}); }""",
        "only a reactor::Task can await this"),
}

RIGHT = """
Task<> by_value(Loop& loop, int) { co_await reactor::sleep(loop, {}); }
struct Member {
  Task<> run(Loop& loop) { co_await reactor::sleep(loop, {}); value = 1; }
  int value = 0;
};
void start(Loop& loop, Nursery& nursery, Member& member) {
  nursery.start([](Loop& on, int value) -> Task<> { co_await by_value(on, value); }, std::ref(loop), 1);
  nursery.start(by_value, std::ref(loop), 1);
  nursery.start(member.run(loop));
  (void)serve(loop, "127.0.0.1:0", {}, [&loop](Connection) { return by_value(loop, 1); });
  (void)serve(loop, "127.0.0.1:0", {}, [](Connection connection) -> Task<> {
    co_await connection.write("hello");
  });
}
"""


def compiled(compiler, source):
    return subprocess.run([compiler, "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", f"-I{ROOT}",
                           "-fsyntax-only", "-xc++", "-"],
                          input=HEADERS + source, text=True, capture_output=True, check=False)


class Mistakes(unittest.TestCase):
    def test_do_not_compile_and_say_why(self):
        for compiler in COMPILERS:
            # One source, so that a compiler reads the headers once.
            unit = "".join(f'#line 1 "case_{number}"\nnamespace case_{number} {{ {snippet} }}\n'
                           for number, (snippet, _) in enumerate(WRONG.values()))
            said = compiled(compiler, unit).stderr
            for number, (name, (_, sentence)) in enumerate(WRONG.items()):
                with self.subTest(compiler=compiler, mistake=name):
                    self.assertIn(sentence, said)
                    self.assertIn(f"case_{number}", said)

    def test_what_is_right_compiles_without_a_warning(self):
        for compiler in COMPILERS:
            with self.subTest(compiler=compiler):
                self.assertEqual(compiled(compiler, RIGHT).stderr, "")


if __name__ == "__main__":
    unittest.main()
