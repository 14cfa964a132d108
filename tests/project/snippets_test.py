"""Every ```cpp block of the documents compiles, and the programs do what the documents say.

A block with a main is a program; where `It prints:` and a ```text block follow, it is run. Any
other block is the body of a function that sees the public headers. A line before it gives its
parameters: `<!-- given: reactor::Loop& loop, int fd -->`. A block of declarations is at namespace
scope: `<!-- given: nothing -->`. A block that includes GoogleTest is a program where that is
installed.
"""

import re
import socket
import subprocess
import tempfile
import unittest
from dataclasses import dataclass
from pathlib import Path

import tidy
from small_server import BUILD, COMPILE, ROOT, SECONDS, build, receive

STANDARD = ("poll.h array chrono cstddef cstdio cstdint functional memory optional span string "
            "string_view thread utility vector").split()


@dataclass
class Snippet:
    path: Path
    line: int
    given: str
    text: str
    prints: str

    @property
    def is_program(self):
        return re.search(r"^int main\(", self.text, re.MULTILINE)

    @property
    def uses_googletest(self):
        return "#include <gtest/gtest.h>" in self.text


def snippets(root):
    block = re.compile(r"(?:^<!-- given: (.*?) -->\n+)?^```cpp\n(.*?)^```$"
                       r"(?:\n\nIt prints:\n\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
    for path in tidy.files(root, endings=(".md",)):
        text = (root / path).read_text()
        for found in block.finditer(text):
            yield Snippet(path, text.count("\n", 0, found.start(2)) + 1, found[1] or "", found[2],
                          found[3] or "")


def headers(root):
    return "".join(f"#include <{header}>\n" for header in
                   [*STANDARD, *sorted(map(str, tidy.public_headers(root)))])


def translation_unit(root, found):
    """The blocks that are not programs, each in a namespace of its own: the headers take most of
    the time, so they are compiled once for all documents."""
    unit = headers(root) + "using namespace std::chrono_literals;\n"
    for number, snippet in enumerate(found):
        code = re.sub(r"^#include.*$", "", snippet.text, flags=re.MULTILINE)
        place = f'#line {snippet.line} "{snippet.path}"\n'
        unit += f"namespace snippet_{number} {{\n"
        if snippet.given == "nothing":
            unit += place + code
        else:
            unit += f"void body({snippet.given}) {{\n{place}{code}}}\n"
        unit += "}\n"
    return unit


def errors_of(source, folder=ROOT):
    return subprocess.run([*COMPILE, "-fsyntax-only", "-xc++", "-"], input=source, text=True,
                          cwd=folder, capture_output=True, check=False).stderr


def errors_in(root):
    """The errors of the compiler: of each program, and of all other blocks together."""
    parts = []
    for snippet in snippets(root):
        if snippet.is_program:
            place = f"{snippet.path}:{snippet.line}"
            yield place, errors_of(f'#line {snippet.line} "{snippet.path}"\n{snippet.text}')
        elif not snippet.uses_googletest:
            parts.append(snippet)
    yield "blocks", errors_of(translation_unit(ROOT, parts))


class Documents(unittest.TestCase):
    def test_each_block_compiles(self):
        checked = 0
        for place, errors in errors_in(ROOT):
            checked += 1
            with self.subTest(place):
                self.assertEqual(errors, "")
        self.assertGreater(checked, 10)

    def test_a_block_that_does_not_compile_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "docs/page.md"
            page.parent.mkdir()
            page.write_text("# Page\n\n<!-- given: int number -->\n```cpp\nreturn number;\n```\n"
                            "\n```cpp\nint main() { nonsense(); }\n```\n")
            found = [errors for _, errors in errors_in(Path(folder))]
            self.assertIn("docs/page.md:9:", found[0])
            self.assertIn("docs/page.md:5:", found[1])


class Programs(unittest.TestCase):
    def test_what_the_readme_shows_first_is_a_short_echo_server(self):
        first = self.programs("README.md")[0]
        self.assertLessEqual(len(first.text.splitlines()), 15)
        self.assertIn(first.text, (ROOT / "samples/first/echo.cpp").read_text())

    def test_what_the_readme_shows_second_is_a_client_that_prints_an_answer(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
            listening.bind(f"{folder}/socket")
            listening.listen()
            client = self.programs("README.md")[1].text.replace("localhost:9000",
                                                                f"unix:{folder}/socket")
            with subprocess.Popen([build(client, folder)], stdout=subprocess.PIPE) as process:
                listening.settimeout(SECONDS)
                connection, _ = listening.accept()
                with connection:
                    request = receive(connection, 6)
                    connection.sendall(request[::-1])
                    self.assertEqual(connection.recv(1), b"")
                printed, _ = process.communicate(timeout=SECONDS)
            self.assertEqual((request, printed, process.returncode), (b"hello\n", b"\nolleh", 0))

    def test_a_program_prints_what_its_document_says(self):
        with tempfile.TemporaryDirectory() as folder:
            found = [snippet for snippet in snippets(ROOT) if snippet.prints]
            self.assertGreater(len(found), 4)
            for snippet in found:
                with self.subTest(document=f"{snippet.path}:{snippet.line}"):
                    done = subprocess.run([build(snippet.text, folder)], text=True, timeout=SECONDS,
                                          capture_output=True, check=True)
                    self.assertEqual(done.stdout, snippet.prints)

    def test_an_example_for_googletest_runs_and_succeeds(self):
        found = [snippet for snippet in snippets(ROOT) if snippet.uses_googletest]
        self.assertEqual(len(found), 1)
        if errors_of("#include <gtest/gtest.h>\n"):
            self.skipTest("GoogleTest is not installed")
        if not (BUILD / "libuvreactor-simulation.a").exists():
            self.skipTest("the library is built without simulation")
        with tempfile.TemporaryDirectory() as folder:
            program = build(found[0].text, folder, "-lgtest_main", "-lgtest")
            done = subprocess.run([program], text=True, timeout=SECONDS, capture_output=True,
                                  check=False)
            self.assertIn("[  PASSED  ] 2 tests.", done.stdout)

    def programs(self, path):
        return [snippet for snippet in snippets(ROOT)
                if snippet.path == Path(path) and snippet.is_program]


if __name__ == "__main__":
    unittest.main()
