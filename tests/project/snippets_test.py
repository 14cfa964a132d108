"""Every ```cpp block of the documents compiles, and the README's programs work.

A block with a main is a program. Any other is the body of a function that sees the public headers;
what it takes for granted stands before it as `<!-- given: reactor::Loop& loop, int fd -->`, the
function's parameters. A block of declarations stands at namespace scope: `<!-- given: nothing -->`.
"""

import re
import subprocess
import tempfile
import unittest
from dataclasses import dataclass
from pathlib import Path

import tidy
from small_server import COMPILE, ROOT, receive, serving

STANDARD = ("array chrono cstddef cstdio cstdint functional memory optional span string string_view "
            "utility vector").split()


@dataclass
class Snippet:
    path: Path
    line: int
    given: str
    text: str

    @property
    def is_program(self):
        return re.search(r"^int main\(", self.text, re.MULTILINE)


def snippets(root):
    block = re.compile(r"(?:^<!-- given: (.*?) -->\n+)?^```cpp\n(.*?)^```$",
                       re.MULTILINE | re.DOTALL)
    for path in tidy.files(root, endings=(".md",)):
        text = (root / path).read_text()
        for found in block.finditer(text):
            yield Snippet(path, text.count("\n", 0, found.start(2)) + 1, found[1] or "", found[2])


def headers(root):
    return "".join(f"#include <{header}>\n" for header in
                   [*STANDARD, *sorted(map(str, tidy.public_headers(root)))])


def translation_unit(root, path, found):
    """The blocks of one document that are not programs, each in a namespace of its own."""
    unit = headers(root) + "using namespace std::chrono_literals;\n"
    for number, snippet in enumerate(found):
        code = re.sub(r"^#include.*$", "", snippet.text, flags=re.MULTILINE)
        place = f'#line {snippet.line} "{path}"\n'
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
    """What the compiler says about the documents of this tree, document by document."""
    by_document = {}
    for snippet in snippets(root):
        by_document.setdefault(snippet.path, []).append(snippet)
    for path, found in by_document.items():
        programs = [f'#line {snippet.line} "{path}"\n{snippet.text}' for snippet in found
                    if snippet.is_program]
        parts = [snippet for snippet in found if not snippet.is_program]
        for source in programs + ([translation_unit(ROOT, path, parts)] if parts else []):
            yield path, errors_of(source)


class Documents(unittest.TestCase):
    def test_each_block_compiles(self):
        checked = 0
        for path, errors in errors_in(ROOT):
            checked += 1
            with self.subTest(document=str(path)):
                self.assertEqual(errors, "")
        self.assertGreater(checked, 0)

    def test_a_block_that_does_not_compile_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "docs/page.md"
            page.parent.mkdir()
            page.write_text("# Page\n\n<!-- given: int number -->\n```cpp\nreturn number;\n```\n"
                            "\n```cpp\nint main() { nonsense(); }\n```\n")
            found = dict(enumerate(errors for _, errors in errors_in(Path(folder))))
            self.assertIn("docs/page.md:9:", found[0])
            self.assertIn("docs/page.md:5:", found[1])


class ReadmePrograms(unittest.TestCase):
    def test_the_first_is_a_short_echo_server(self):
        first = self.programs()[0]
        self.assertLessEqual(len(first.text.splitlines()), 15)
        self.assertIn(first.text, (ROOT / "samples/first/echo.cpp").read_text())

    def test_the_second_is_a_short_server_that_answers_each_message_however_it_is_cut(self):
        second = self.programs()[1]
        self.assertLessEqual(len(second.text.splitlines()), 20)

        def frame(payload):
            return len(payload).to_bytes(4, "big") + payload

        with serving(second.text) as [client]:
            requests = frame(b"hello") + frame(b"") + frame(b"world")
            for byte in requests:
                client.sendall(bytes([byte]))
            client.sendall(requests)
            answers = frame(b"olleh") + frame(b"") + frame(b"dlrow")
            self.assertEqual(receive(client, 2 * len(answers)), 2 * answers)

    def programs(self):
        return [snippet for snippet in snippets(ROOT)
                if snippet.path == Path("README.md") and snippet.is_program]


if __name__ == "__main__":
    unittest.main()
