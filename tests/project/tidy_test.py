"""Each rule of tidy reports a tree that breaks it, and accepts the corrected tree."""

import tempfile
import textwrap
import unittest
from pathlib import Path

import tidy


def findings(rule, tree):
    """The findings of the rule for a tree of these files, given as {path: text}."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in tree.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(textwrap.dedent(text))
        return list(rule(root))


class Rules(unittest.TestCase):
    def check(self, rule, broken, mended, where):
        """`broken` has one finding, at `where`. With the files of `mended` added it has none."""
        found = findings(rule, broken)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(where), found)
        self.assertEqual(findings(rule, {**broken, **mended}), [])

    def test_the_library_knows_neither_samples_nor_the_other_half(self):
        self.check(tidy.arrows_run_one_way,
                   {"reactor/a.hpp": '#pragma once\n#include "protocols/lines.hpp"\n'},
                   {"reactor/a.hpp": '#pragma once\n#include "reactor/loop.hpp"\n'},
                   "reactor/a.hpp:2:")
        self.check(tidy.arrows_run_one_way,
                   {"protocols/a.cpp": "#include <reactor/loop.hpp>\n"},
                   {"protocols/a.cpp": "#include <span>\n"}, "protocols/a.cpp:1:")
        self.check(tidy.arrows_run_one_way,
                   {"samples/a.cpp": '#include "bench/load.hpp"\n'},
                   {"samples/a.cpp": "#include <reactor/loop.hpp>\n"}, "samples/a.cpp:1:")

    def test_a_namespace_has_the_version_of_the_abi(self):
        self.check(tidy.every_namespace_has_the_version_of_the_abi,
                   {"meson.build": "abi_version = '3'\n",
                    "web/a.cpp": "\nnamespace web::inline v2 {\n",
                    "reactor/a.cpp": "namespace reactor::inline v3::tls {\nnamespace std {\n"},
                   {"web/a.cpp": "namespace web::inline v3 {\n"}, "web/a.cpp:2:")
        self.check(tidy.every_namespace_has_the_version_of_the_abi,
                   {"meson.build": "abi_version = '3'\n",
                    "protocols/a.hpp": "namespace protocols::http {\n"},
                   {"protocols/a.hpp": "namespace protocols::inline v3::http {\n"},
                   "protocols/a.hpp:1:")

    def test_a_public_header_exports_what_its_source_defines(self):
        push, pop = (f"{line}\n" for line in tidy.EXPORTED)
        self.check(tidy.every_public_header_exports_what_its_source_defines,
                   {"web/meson.build": "web_headers = files(\n  'a.hpp',\n  'b.hpp',\n)\n",
                    "web/a.hpp": "void f();\n", "web/a.cpp": "void f() {}\n",
                    "web/b.hpp": "inline void g() {}\n"},
                   {"web/a.hpp": f"{push}void f();\n{pop}"}, "web/a.hpp:1: exports nothing")
        self.check(tidy.every_public_header_exports_what_its_source_defines,
                   {"web/a.hpp": f"{push}void f();\n"}, {"web/a.hpp": f"{push}void f();\n{pop}"},
                   "web/a.hpp:1: not as many pops")

    def test_a_former_name_does_not_come_back_in_code(self):
        self.check(tidy.no_former_name_comes_back,
                   {"samples/a.cpp": '// Sent at once.\nputs("Sent");\nreactor::Deadline idle;\n'},
                   {"samples/a.cpp": "reactor::IdleTimeout idle;\n"}, "samples/a.cpp:3: Deadline")

    def test_a_word_of_no_reference_in_prose(self):
        self.check(tidy.prose_has_plain_words,
                   {"reactor/a.hpp": "int told = 1;  // The peer is told.\n"},
                   {"reactor/a.hpp": 'auto tell = "told";  // The peer is notified.\n'},
                   "reactor/a.hpp:1: plainer than told")
        self.check(tidy.prose_has_plain_words, {"README.md": "Nobody reads.\n"},
                   {"README.md": "No peer reads. `tests/a_test.py`: who is told\n"},
                   "README.md:1: plainer than Nobody")

    def test_a_word_of_no_reference_in_the_name_of_a_test(self):
        self.check(tidy.test_names_have_plain_words,
                   {"tests/a_test.py": "def test_it_is_to" "ld(self):\n"},
                   {"tests/a_test.py": "def test_it_is_reported(self):\n"},
                   "tests/a_test.py:1: plainer than told")
        self.check(tidy.test_names_have_plain_words,
                   {"tests/a_test.cpp": 'TEST_' 'CASE("a peer, who reads, goes on") {\n'},
                   {"tests/a_test.cpp": 'TEST_CASE("a peer that reads goes on") {\n'},
                   "tests/a_test.cpp:1: plainer than who")

    def test_a_word_of_no_reference_in_what_a_program_prints(self):
        self.check(tidy.programs_print_plain_words,
                   {"samples/a.cpp": 'const int told = 1;\nputs("nobody has an account");\n'},
                   {"samples/a.cpp": 'puts("there is no account");  // "nobody"\n'},
                   "samples/a.cpp:2: plainer than nobody")

    def test_files_do_not_include_each_other(self):
        circle = {"reactor/a.hpp": "#pragma once\n", "reactor/b.hpp": '#include "reactor/c.hpp"\n',
                  "reactor/a.cpp": '#include "reactor/b.hpp"\n',
                  "reactor/c.cpp": '#include "reactor/a.hpp"\n', "reactor/c.hpp": "#pragma once\n"}
        found = findings(tidy.no_files_include_each_other, circle)
        self.assertEqual(found[0], "reactor/a: in a circle of includes with reactor/b, reactor/c")
        self.assertEqual(len(found), 3, found)
        circle["reactor/c.cpp"] = '#include "reactor/c.hpp"\n'
        self.assertEqual(findings(tidy.no_files_include_each_other, circle), [])

    def test_a_class_has_one_job_and_so_many_lines(self):
        def tree(outside, inside):
            body = "struct Inner {\n" + "  int x;\n" * inside + "};\n"
            text = body + "  int y;\n" * outside
            return {"reactor/a.hpp": "class Fwd;\nclass Outer final : public Base {\n"
                    + textwrap.indent(text, "  ") + "};\n"}
        self.check(tidy.no_class_is_too_long, tree(10, 240), tree(10, 230), "reactor/a.hpp:2: Outer")
        self.check(tidy.no_class_is_too_long, {"reactor/a.hpp": "struct A {\n" + "\n" * 250 + "};\n"},
                   {"reactor/a.hpp": "struct A {\n" + "\n" * 249 + "};\n"}, "reactor/a.hpp:1: A")

    def test_a_sample_of_one_file_that_is_long(self):
        lines = tidy.MOST_SAMPLE_LINES
        self.check(tidy.no_sample_of_one_file_is_long,
                   {"samples/a.cpp": "\n" * (lines + 1), "samples/b/b.cpp": "\n" * (lines + 1)},
                   {"samples/a.cpp": "\n" * lines}, "samples/a.cpp:1:")

    def test_protocols_see_the_standard_library_only(self):
        for header in ("uv.h", "sys/socket.h", "unistd.h", "fmt/format.h"):
            self.check(tidy.protocols_need_the_standard_library_only,
                       {"protocols/a.cpp": f"#include <span>\n#include <{header}>\n"},
                       {"protocols/a.cpp": "#include <span>\n#include <immintrin.h>\n"},
                       "protocols/a.cpp:2:")

    def test_protocols_ask_no_clock(self):
        self.check(tidy.protocols_need_the_standard_library_only,
                   {"protocols/a.cpp": "auto t = std::chrono::system_clock::now();\n"},
                   {"protocols/a.cpp": "std::chrono::seconds t{1};\n"}, "protocols/a.cpp:1:")

    def test_uv_in_a_header(self):
        self.check(tidy.uv_stays_out_of_headers,
                   {"reactor/a.hpp": "#include <uv.h>\n", "reactor/a.cpp": "#include <uv.h>\n"},
                   {"reactor/a.hpp": "typedef struct uv_loop_s uv_loop_t;\n"}, "reactor/a.hpp:1:")

    def test_a_call_of_the_machine_outside_the_platform(self):
        for call in ("::connect(fd, a, n)", "setsockopt(fd, 1, 2, &v, n)", "::recvmmsg(fd, v, 8)",
                     "epoll_wait(fd, e, 1, 0)", "std::chrono::steady_clock::now()",
                     "std::random_device()()", "uv_queue_work(l, w, r, d)",
                     "platform::kernel::recv(fd, b, n, 0)"):
            self.check(tidy.the_machine_is_called_through_the_platform,
                       {"reactor/stream.cpp": f"return {call};\n",
                        "reactor/platform/kernel.cpp": f"return {call};\n"},
                       {"reactor/stream.cpp": "return sys::connect(fd, a);\n// ::send(\n"
                                              "stream.send(bytes); listener->recvmsg(x);\n"},
                       "reactor/stream.cpp:1:")

    def test_a_header_of_linux_outside_its_platform(self):
        for header in ("linux/errqueue.h", "sys/epoll.h", "sys/sendfile.h"):
            source = f"#include <{header}>\n"
            self.check(tidy.headers_of_linux_stay_in_its_platform,
                       {"reactor/platform/portable/kernel.cpp": source},
                       {"reactor/platform/linux/kernel.cpp": source,
                        "reactor/platform/portable/kernel.cpp": "#include <sys/socket.h>\n"},
                       "reactor/platform/portable/kernel.cpp:1:")

    def test_an_include_of_a_layer_above(self):
        page = "| layer | file | what |\n|---|---|---|\n| 0 | `result` | a |\n| 1 | `loop` | b |\n"
        tree = {"ARCHITECTURE.md": page, "reactor/result.hpp": '#include "reactor/loop.hpp"\n',
                "reactor/loop.hpp": '#include "reactor/result.hpp"\n'}
        self.check(tidy.nothing_includes_a_layer_above, tree, {"reactor/result.hpp": ""},
                   "reactor/result.hpp:1:")

    def test_a_file_that_architecture_does_not_list_and_a_listed_one_that_does_not_exist(self):
        tree = {"ARCHITECTURE.md": "| 0 | `result` | a |\n", "reactor/result.hpp": "",
                "reactor/loop.hpp": ""}
        self.check(tidy.nothing_includes_a_layer_above, tree,
                   {"ARCHITECTURE.md": "| 0 | `result` | a |\n| 1 | `loop` | b |\n"},
                   "reactor/loop: in no layer")
        self.check(tidy.nothing_includes_a_layer_above,
                   {"ARCHITECTURE.md": "| 0 | `result` | a |\n"}, {"reactor/result.hpp": ""},
                   "ARCHITECTURE.md: there is no reactor/result")

    def test_a_header_in_no_list(self):
        self.check(tidy.every_header_is_public_or_internal,
                   {"reactor/meson.build": "reactor_headers = files(\n  'a.hpp',\n)\n",
                    "reactor/a.hpp": "", "reactor/b.hpp": ""},
                   {"reactor/meson.build": "reactor_headers = files('a.hpp')\n"
                                           "reactor_internal_headers = files('b.hpp')\n"},
                   "reactor/b.hpp:1:")

    def test_a_public_header_that_needs_an_internal_one(self):
        self.check(tidy.every_header_is_public_or_internal,
                   {"reactor/meson.build": "reactor_headers = files('a.hpp')\n"
                                           "reactor_internal_headers = files('b.hpp')\n",
                    "reactor/a.hpp": '#include "reactor/b.hpp"\n', "reactor/b.hpp": ""},
                   {"reactor/a.hpp": ""}, "reactor/a.hpp:1:")

    def test_a_public_header_without_a_test(self):
        self.check(tidy.every_public_header_has_its_test,
                   {"protocols/meson.build": "protocols_headers = files('http/head.hpp')\n",
                    "protocols/http/head.hpp": ""},
                   {"tests/protocols/http/head_test.cpp": ""}, "protocols/http/head.hpp:1:")

    def test_a_source_that_nothing_builds(self):
        self.check(tidy.every_source_is_built,
                   {"tests/meson.build": "files('reactor/a_test.cpp')\nfuzzers = ['fuzz/lines']\n",
                    "tests/reactor/a_test.cpp": "", "tests/fuzz/lines_fuzz.cpp": "",
                    "tests/reactor/b_test.cpp": ""},
                   {"tests/meson.build": "files('reactor/a_test.cpp', 'reactor/b_test.cpp')\n"
                                         "fuzzers = ['fuzz/lines']\n"},
                   "tests/reactor/b_test.cpp:1:")

    def test_a_sample_that_no_test_runs(self):
        self.check(tidy.every_sample_is_run_by_a_test,
                   {"samples/echo.cpp": "int main() {}\n",
                    "samples/chat/main.cpp": "int main(int, char**) {}\n",
                    "samples/chat/room.cpp": "",
                    "tests/samples/a_test.py": 'run("echo")\n'},
                   {"tests/samples/b_test.py": 'run("chat")\n'}, "samples/chat/main.cpp:1:")

    def test_something_left_to_do(self):
        for word in ("TO" "DO", "FIX" "ME"):
            self.check(tidy.nothing_is_left_to_do,
                       {"docs/guide.md": "Fine.\n", "reactor/a.cpp": f"// {word} later\n"},
                       {"reactor/a.cpp": "// Now.\n"}, "reactor/a.cpp:1:")

    def test_a_sleep_in_a_test(self):
        for nap in ("std::this_thread::sleep_" "for(1ms);", "usl" "eep(10);", "time.sl" "eep(1)"):
            self.check(tidy.no_test_sleeps, {"tests/reactor/a_test.cpp": nap},
                       {"tests/reactor/a_test.cpp": "run_until(loop, done);"},
                       "tests/reactor/a_test.cpp:1:")

    def test_a_test_that_is_switched_off(self):
        self.check(tidy.no_test_is_switched_off,
                   {"tests/a_test.cpp": 'TEST_CASE("a" * doctest::' 'skip()) {}\n'},
                   {"tests/a_test.cpp": 'TEST_CASE("a") {}\n'}, "tests/a_test.cpp:1:")

    def test_a_fixed_port(self):
        port = 9000
        for call in (f'listen(loop, "127.0.0.1:{port}");', f'Listener::bind<Tcp>("[::1]:{port}");',
                     f'bind(("127.0.0.1", {port}))', f'["--listen", "127.0.0.1:{port}"]'):
            self.check(tidy.no_port_is_fixed, {"tests/reactor/a_test.cpp": call},
                       {"tests/reactor/a_test.cpp": call.replace(str(port), "0")},
                       "tests/reactor/a_test.cpp:1:")
        self.assertEqual(findings(tidy.no_port_is_fixed, {"tests/a_test.py":
                         '["--listen", "127.0.0.1:0", "--listen", "[::1]:0"]\n'}), [])

    def test_a_line_that_gives_its_reason_may_break_a_rule(self):
        nap = "time.sl" "eep(1)  # tidy-" "ok:"
        self.assertEqual(len(findings(tidy.no_test_sleeps, {"tests/a_test.py": nap})), 1)
        self.assertEqual(findings(tidy.no_test_sleeps, {"tests/a_test.py": nap + " why"}), [])

    def test_a_header_that_does_not_say_what_it_is_for(self):
        self.check(tidy.every_header_opens_with_its_purpose,
                   {"reactor/a.hpp": "#pragma once\n"},
                   {"reactor/a.hpp": "// One thing.\n#pragma once\n"}, "reactor/a.hpp:1:")

    def test_a_link_that_leads_nowhere(self):
        self.check(tidy.every_link_leads_somewhere,
                   {"README.md": "[a](docs/a.md) [b](https://b.example/) `[c](nowhere.md)`\n"},
                   {"docs/a.md": "# A\n"}, "README.md:1:")

    def test_a_link_to_a_heading_that_is_not_there(self):
        self.check(tidy.every_link_leads_somewhere,
                   {"README.md": "[a](docs/a.md#how-it-works)\n", "docs/a.md": "# A\n"},
                   {"docs/a.md": "# A\n\n## How it `works`\n"}, "README.md:1:")

    def test_every_rule_is_shown_a_tree_that_breaks_it(self):
        here = Path(__file__).read_text()
        for rule in tidy.RULES:
            self.assertIn(f"tidy.{rule.__name__}", here)

    def test_each_promise_of_the_threat_model_names_a_test_that_is_there(self):
        page = "docs/threat-model.md"
        table = "| Promise | Held by |\n|---|---|\n| It is finite. | {} |\n"
        tests = {"tests/a_test.py": "def test_it_ends(self):\n",
                 "tests/b_test.cpp": 'TEST_CASE("it has a "\n          "name") {\n'}
        good = {page: table.format("`tests/a_test.py`: it ends<br>`tests/b_test.cpp`: it has a name")}
        for named in ("`tests/a_test.py`: it goes on", "`tests/c_test.py`: it ends", "a review",
                      "`tests/a_test.py`: it ends<br>`tests/a_test.py`: it"):
            with self.subTest(named):
                self.check(tidy.every_promise_of_the_threat_model_is_held_by_a_test,
                           {**tests, page: table.format(named)}, good, f"{page}:3:")

    def test_each_dependency_has_its_licence_documented(self):
        self.check(tidy.every_dependency_has_its_licence_documented,
                   {"meson.build": "x = dependency('libx', version: '>=1')\n",
                    "docs/dependencies.md": "| `liby` | MIT |\n"},
                   {"docs/dependencies.md": "| `libx` | MIT |\n"}, "meson.build:1:")


if __name__ == "__main__":
    unittest.main()
