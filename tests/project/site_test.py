"""docs/site/make_site.py: what it changes in pages and headers before Doxygen reads them."""

import sys
import tempfile
import unittest
from pathlib import Path

import tidy

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs/site"))
import make_site as site  # noqa: E402

GUIDE = Path("docs/guide.md")


class Sites(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.site = site.Site(self.folder)

    def test_each_page_of_the_tree_has_its_place_in_a_chapter(self):
        self.assertEqual(sorted(site.pages()), sorted(tidy.files(ROOT, endings=(".md",))))

    def test_a_link_leads_to_the_page_the_heading_or_a_copy_of_the_file(self):
        for target, expected in {"http.md": "@ref docs_http",
                                 "../README.md#install": "@ref index--install",
                                 "#messages": "@ref docs_guide--messages",
                                 "../LICENSE": "tree/LICENSE",
                                 "../samples/": "@ref index--the-programs",
                                 "https://a.example/b.md": "https://a.example/b.md"}.items():
            with self.subTest(target):
                self.assertEqual(self.site.link(GUIDE, target), expected)
        self.assertEqual(self.site.linked, {Path("LICENSE")})

    def test_headings_get_names_and_code_stays_as_it_is(self):
        text = ("# A `tour`\n\n[a `b`](tls.md) `[c](d.md)`\n\n```c++\n# [c](d.md)\n```\n\n"
                "    # [c](d.md)\n\n## Both\n\n## Both\n")
        self.assertEqual(self.site.changed(GUIDE, text),
                         "# A `tour` {#docs_guide}\n\n[a `b`](@ref docs_tls) `[c](d.md)`\n\n"
                         "```cpp\n# [c](d.md)\n```\n\n    # [c](d.md)\n\n"
                         "## Both {#docs_guide--both}\n\n## Both\n")

    def test_a_header_keeps_its_lines_and_loses_what_is_not_for_its_reader(self):
        path = Path("reactor/timer.hpp")
        copy = self.site.header(path)
        self.assertEqual(copy.count("\n"), (ROOT / path).read_text().count("\n"))
        self.assertTrue(copy.startswith("/** \\file\n Timers"))
        self.assertIn("namespace reactor {", copy)
        self.assertIn("/// @label{Lifetime} Destroying", copy)

    def test_a_link_to_no_file_and_one_to_no_place_are_found(self):
        (self.folder / "a.html").write_text('<a href="b.html#here">x</a> <a href="#top">x</a>'
                                            '<a href="b.html#there">x</a> <img src="c.svg"/>')
        (self.folder / "b.html").write_text('<p id="here">x</p>')
        self.assertEqual(list(site.broken_links(self.folder)),
                         ["a.html: no such place: #top", "a.html: no such place: b.html#there",
                          "a.html: leads nowhere: c.svg"])

    def test_a_declaration_below_a_documented_one_belongs_to_it(self):
        lines = (ROOT / "reactor/stream.hpp").read_text().splitlines()
        overload = lines.index("  Stream(Loop& loop, Socket socket, const Address& peer);") + 1
        text = "warning: Member x (function) of namespace reactor is not documented."
        self.assertTrue(site.is_in_documented_group(f"reactor/stream.hpp:{overload}: {text}"))
        alone = lines.index("class Stream {") + 2
        self.assertFalse(site.is_in_documented_group(f"reactor/stream.hpp:{alone + 1}: {text}"))


if __name__ == "__main__":
    unittest.main()
