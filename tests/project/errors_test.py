"""docs/errors.md lists every error code of the library, and every hint, with its text."""

import re
import unittest
from pathlib import Path

import tidy

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/errors.md"


def headers():
    return [(ROOT / path).read_text() for path in sorted(tidy.public_headers(ROOT))]


def sources():
    """All code of the libraries, with the parts of each string literal joined."""
    return re.sub(r'"\s*\n\s*"', "", "\n".join((ROOT / path).read_text() for path in
                                               tidy.files(ROOT, *tidy.LIBRARY, endings=(".cpp",))))


def enums():
    """Each enumeration of error codes, and its members."""
    for text in headers():
        for name, body in re.findall(r"^enum class (\w+(?:Error|Errc)) \{\n(.*?)^\};", text,
                                     re.MULTILINE | re.DOTALL):
            yield name, re.findall(r"^  (\w+)(?: = \d+)?,", body, re.MULTILINE)


def functions():
    """The functions that return one code each."""
    return [name for text in headers()
            for name in re.findall(r"^\[\[nodiscard\]\] std::error_code (\w+)\(\);", text, re.MULTILINE)]


def hints():
    """The operation, the code and the text of each hint of reactor/result.cpp."""
    text = re.sub(r'"\s*\n\s*"', "", (ROOT / "reactor/result.cpp").read_text())
    constants = dict(re.findall(r'string_view (\w+) =\s*"([^"]*)"', text))
    for operation, code, hint in re.findall(r'\{"(.*?)", std::errc::(\w+), About::\w+,\s*("[^"]*"|\w+)\}',
                                            text):
        yield operation, code, constants.get(hint, hint.strip('"'))


def rows(page, heading):
    """The cells of the table behind this heading, without the marks of code."""
    section = re.search(rf"^### `?{re.escape(heading)}`?\n(.*?)(?=^##|\Z)", page,
                        re.MULTILINE | re.DOTALL)[1]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")]
            for line in re.findall(r"^\|.*\|$", section, re.MULTILINE)[2:]]


class Errors(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.page = PAGE.read_text()

    def test_each_code_is_on_the_page_with_its_text_and_no_other(self):
        code = sources()
        found = list(enums())
        self.assertGreaterEqual(len(found), 4)
        for name, members in found:
            with self.subTest(name):
                table = rows(self.page, name)
                self.assertEqual([row[0] for row in table], members)
                texts = dict(re.findall(rf'case {name}::(\w+):\s*return "([^"]*)"', code) or
                             re.findall(rf'\{{{name}::(\w+), "[^"]*",\s*"([^"]*)"\}}', code))
                self.assertGreater(len(texts), len(members) / 2)
                for row in table:
                    self.assertIn(f'"{row[1]}"', code)
                    self.assertEqual(row[1], texts.get(row[0], row[1]))

    def test_the_short_names_of_decode_errors_are_on_the_page(self):
        names = re.findall(r'\{DecodeError::\w+, "([^"]*)"', sources())
        self.assertEqual([row[2] for row in rows(self.page, "DecodeError")], names)

    def test_each_function_that_returns_a_code_is_on_the_page(self):
        table = rows(self.page, "Functions that return a code")
        self.assertEqual(sorted(row[0] for row in table), sorted(f"{name}()" for name in functions()))
        for row in table:
            self.assertIn(f'"{row[1]}"', sources())

    def test_each_hint_is_on_the_page_with_its_operation_and_code(self):
        found = list(hints())
        self.assertGreater(len(found), 20)
        self.assertEqual(sorted(tuple(row[:3]) for row in rows(self.page, "Hints")),
                         sorted((operation or "any", code, hint) for operation, code, hint in found))

    def test_each_category_is_on_the_page(self):
        names = re.findall(r'name\(\) const noexcept override \{ return "(\w+)"; \}', sources())
        self.assertGreaterEqual(len(names), 7)
        self.assertEqual(sorted(row[0] for row in rows(self.page, "Categories")),
                         sorted([*names, "generic"]))


if __name__ == "__main__":
    unittest.main()
