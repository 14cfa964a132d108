"""docs/limits-and-defaults.md lists every option of the public headers with its default."""

import re
import unittest
from pathlib import Path

import tidy

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/limits-and-defaults.md"

UNITS = {"nanoseconds": "ns", "microseconds": "µs", "milliseconds": "ms", "seconds": "s",
         "minutes": "min", "hours": "h"}


def without_comments(text):
    return re.sub(r" *//.*", "", text)


def structs(text):
    """Each class of this header: its name below the first namespace, and its own data members.

    A data member is `(type, name, default)`. clang-format indents each scope by two blanks.
    """
    space, open_ones, statement = "", [], ""
    for line in without_comments(text).splitlines():
        namespace = re.match(r"namespace \w+::inline v\d+(?:::)?([\w:]*) \{", line)
        if namespace:
            space = namespace[1]
        head = re.match(r"( *)(?:struct|class) (?:\[\[.*?\]\] )?(\w+)(?: final)?(?: : .*)? \{$", line)
        if head:
            open_ones.append((head[1], head[2], []))
            statement = ""
            continue
        if not open_ones:
            continue
        if re.match(open_ones[-1][0] + r"\}.*;$", line.rstrip()):
            _, name, members = open_ones.pop()
            yield "::".join(filter(None, [space, *(each[1] for each in open_ones), name])), members
            continue
        statement = f"{statement} {line.strip()}".strip()
        if not statement.endswith((";", "}", ":")) or statement.count("{") > statement.count("}"):
            continue
        member = re.match(r"((?:const )?[\w:]+(?:<.*>)?\*?) (\w+)(?: = (.*)|(\{.*\}))?;$", statement)
        if member and line.startswith(open_ones[-1][0] + "  ") and member[1] not in ("using", "return"):
            open_ones[-1][2].append((member[1], member[2], member[3] or member[4] or ""))
        statement = ""


def options(root=ROOT):
    """Name → members, for what a user sets: all members of options, the limits of all else."""
    found = {}
    for path in sorted(tidy.public_headers(root)):
        if "detail" in path.parts:
            continue
        for name, members in structs((root / path).read_text()):
            if not re.search(r"(Options|Limits|Settings)$", name):
                members = [each for each in members if re.match(r"max_\w*[a-z]$", each[1])]
            members = [each for each in members if not each[1].endswith("_")]
            if members and name != "AdmissionLimits":  # ServerOptions makes it.
                found[name] = members
    return found


def shown(kind, name, default, known):
    """The default as the page shows it."""
    other = re.fullmatch(r"(\w+)\(\)\.(\w+)", default)
    if other:
        kind, name, default = next(each for each in known[other[1]] if each[1] == other[2])
    times = re.findall(r"std::chrono::(\w+)\((\d+)\)", default)
    if times:
        return " to ".join(f"{count} {UNITS[unit]}" for unit, count in times)
    if default in ("SIZE_MAX", "Duration::max()"):
        return "none"
    if default in ("", "{}"):
        if "Duration" in kind:
            return "0"
        last = kind.split("::")[-1]
        return "its own" if any(each.split("::")[-1] == last for each in known) else "empty"
    number = re.sub(r"std::\w+\{(\d+)\}", r"\1", default.replace("'", ""))
    if re.fullmatch(r"[\d *<]+", number):
        return size(eval(number)) if name.endswith("bytes") else f"{eval(number):,}"
    switched_on = re.findall(r"\.(\w+) = true", default)
    return ", ".join(f"`{each}`" for each in switched_on or [re.sub(r"^[A-Z]\w*::", "", default)])


def size(count):
    for unit in "", "Ki", "Mi", "Gi":
        if count < 1024 or count % 1024:
            return f"{count:,} {unit}B"
        count //= 1024
    return f"{count:,} TiB"


def rows(text):
    """`Struct::member` → default, of each table with options, which has such a heading."""
    found = {}
    for heading, body in re.findall(r"^### `([\w:]+)`\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL):
        for member, default in re.findall(r"^\| `([\w:]+)` \| (.*?) \|", body, re.MULTILINE):
            found[member if "::" in member else f"{heading}::{member}"] = default
    return found


class Limits(unittest.TestCase):
    maxDiff = None

    def test_the_page_has_each_option_with_its_default_and_no_other(self):
        known = options()
        expected = {f"{struct}::{name}": shown(kind, name, default, known)
                    for struct, members in known.items() for kind, name, default in members}
        self.assertGreater(len(expected), 100)
        self.assertEqual(rows(PAGE.read_text()), expected)

    def test_the_defaults_of_parameters_are_those_of_the_headers(self):
        text = PAGE.read_text().split("## Parameters")[1].split("\n## ")[0]
        found = re.findall(r"^\| `([\w:]+)` \| `(\w+)` \| (.*?) \| `([\w/.]+)` \|", text, re.MULTILINE)
        self.assertGreater(len(found), 4)
        for function, parameter, default, header in found:
            with self.subTest(function):
                name = function.split("::")[-1]
                code = (ROOT / header).read_text()
                declared = re.search(rf"\b{name}\([^;{{]*?\b{parameter} = ([^,;()]*(\(\d+\))?)\)",
                                     code) or re.search(rf"\b{name}\(\) : {name}\((.*)\) {{", code)
                self.assertEqual(shown("Duration", parameter, declared[1], {}), default)

    def test_what_a_header_declares_is_found(self):
        header = ("namespace web::inline v0::http {\nstruct Limits {  // of a head\n"
                  "  std::size_t max_bytes = 1 << 20;\n  int f() const { return max_bytes; }\n"
                  "  reactor::Duration idle =\n      std::chrono::minutes(2);\n"
                  "  struct Inner {\n    bool on = true;\n  };\n  Inner inner;\n};\n}\n")
        found = dict(structs(header))
        self.assertEqual(found["http::Limits"],
                         [("std::size_t", "max_bytes", "1 << 20"),
                          ("reactor::Duration", "idle", "std::chrono::minutes(2)"),
                          ("Inner", "inner", "")])
        self.assertEqual(found["http::Limits::Inner"], [("bool", "on", "true")])
        self.assertEqual(shown("std::size_t", "max_bytes", "1 << 20", found), "1 MiB")
        self.assertEqual(shown("std::size_t", "max_fields", "10'000", found), "10,000")
        self.assertEqual(shown("Duration", "idle", "std::chrono::minutes(2)", found), "2 min")
        self.assertEqual(shown("Limits", "limits", "", found), "its own")


if __name__ == "__main__":
    unittest.main()
