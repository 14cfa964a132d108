#!/usr/bin/env python3
"""Makes the documentation site: `docs/site/make_site.py FOLDER` writes FOLDER/html/index.html.

Doxygen reads copies of the headers and of the Markdown pages. The copies differ in what it does not
understand: links to headings as GitHub names them, the inline namespace of the ABI, the labels of
comments. Each line keeps its number, so a warning names the right place.
"""

import html.parser
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import tidy  # noqa: E402

# The order of the pages, by chapter. README.md is the first page of the site.
CHAPTERS = {
    "Learn": ["guide", "sticky-packets", "http", "websocket", "tls", "coroutines",
              "testing-your-protocol"],
    "Look up": ["limits-and-defaults", "errors", "benchmarks", "dependencies"],
    "Operate": ["embedding", "threat-model", "/SECURITY"],
    "From other libraries": ["from-asio", "from-libuv", "from-libevent", "from-python-sockets"],
    "Work on it": ["/CONTRIBUTING", "/ARCHITECTURE", "/DECISIONS", "/CHANGELOG", "/bench/README",
                   "/samples/DECISIONS", "/samples/file_transfer/README",
                   "/samples/remote_command/README"],
}
NAMESPACES = {
    "reactor": "The loop, and what stands on it.",
    "reactor::option": "The options of sockets.",
    "reactor::simulation": "A simulated network with its own time, for tests.",
    "protocols": "Decoders and encoders, without sockets or a clock.",
    "protocols::http": "HTTP/1.1 messages, and both sides of a connection.",
    "protocols::resp": "RESP2 and RESP3, the protocol of Redis.",
    "protocols::testing": "What each decoder promises, as checks for tests.",
    "protocols::websocket": "WebSocket frames, messages and the opening handshake.",
    "protocols::websocket::close_code": "Why a WebSocket was closed.",
    "web": "An HTTP server and client, and WebSockets.",
}
LANGUAGES = {"c++": "cpp", "python": "py", "text": "txt", "console": "txt"}
# A type, and what a namespace has, is documented; a member of a class whose name settles it is not.
SETTLED = re.compile(r"Member .* \((function|variable|typedef|friend)\) of (class|struct) .*documented")


def page(name):
    return Path(f"{name[1:]}.md" if name.startswith("/") else f"docs/{name}.md")


def pages():
    """The Markdown pages in their order, README.md first."""
    yield Path("README.md")
    for names in CHAPTERS.values():
        yield from map(page, names)


def page_id(path):
    return "index" if path == Path("README.md") else re.sub(r"\W", "_", str(path.with_suffix(""))).lower()


def heading_id(path, heading):
    return f"{page_id(path)}--{heading}"


def outside_code(text, change):
    """Applies `change` to what is neither a block nor a span of code."""
    code = re.compile(r"^```.*?^```$|^(?: {4}[^\n]*\n)+|`[^`\n]+`", re.MULTILINE | re.DOTALL)
    parts = code.findall(text)
    return re.sub("\0", lambda _: parts.pop(0), change(code.sub("\0", text)))


def is_in_documented_group(complaint):
    """A comment is for all declarations up to the next empty line: overloads, for example."""
    place = re.match(r"(.*):(\d+): .* is not documented", complaint)
    if not place:
        return False
    lines = (ROOT / place[1]).read_text().splitlines()[:int(place[2])]
    blanks = re.match(" *", lines.pop())[0]
    while lines and lines[-1].startswith(blanks) and lines[-1].strip():
        if lines.pop().lstrip().startswith("///"):
            return True
    return False


class Site:
    def __init__(self, folder):
        self.folder = folder.resolve()
        self.copies = self.folder / "copies"
        self.html = self.folder / "html"
        for own in self.copies, self.html:
            shutil.rmtree(own, ignore_errors=True)
            own.mkdir(parents=True)
        self.known = set(pages())
        self.linked = set()  # Files of the tree that pages link to.

    # --- pages ---------------------------------------------------------------------------------

    def link(self, page, target):
        """The target of a link as Doxygen understands it."""
        if re.match(r"[a-z]+:", target):
            return target
        name, _, heading = target.partition("#")
        path = (ROOT / page.parent / name).resolve().relative_to(ROOT) if name else page
        if path in self.known:
            return f"@ref {heading_id(path, heading) if heading else page_id(path)}"
        if (ROOT / path).is_dir():
            return f"@ref {heading_id(Path('README.md'), 'the-programs')}"
        self.linked.add(path)
        return f"tree/{path}"

    def copy_page(self, path):
        return self.changed(path, (ROOT / path).read_text())

    def changed(self, path, text):
        """A page as Doxygen understands it."""
        text = re.sub(r"^(?:<!-- given: .* -->)$", "", text, flags=re.MULTILINE)
        text = re.sub(r"^```(\S+)$", lambda code: f"```{LANGUAGES.get(code[1], code[1])}", text,
                      flags=re.MULTILINE)

        def change(part):
            part = re.sub(r"!\[([^\]]*)\]\(([^)\s]+)\)", lambda image:
                          f'<img src="{self.link(path, image[2])}" alt="{image[1]}"/>', part)
            return re.sub(r"\]\(([^)\s]+)\)", lambda link: f"]({self.link(path, link[1])})", part)

        text = outside_code(text, change)
        seen = set()

        def headed(line):
            level, heading = line[1], line[2]
            name = tidy.anchor(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading))
            if name in seen:
                return line[0]
            seen.add(name)
            own = page_id(path) if len(level) == 1 else heading_id(path, name)
            return f"{level} {heading} {{#{'mainpage' if own == 'index' else own}}}"

        fenced = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
        fenced[::2] = [re.sub(r"^(#+) (.*)$", headed, part, flags=re.MULTILINE) for part in fenced[::2]]
        return "".join(fenced)

    def chapters(self):
        """A page for each chapter, which puts its pages below it."""
        for number, (title, names) in enumerate(CHAPTERS.items()):
            below = "".join(f"- @subpage {page_id(page(name))}\n" for name in names)
            yield f"chapter{number}.md", f"# {title} {{#chapter{number}}}\n\n{below}"

    # --- headers -------------------------------------------------------------------------------

    def header(self, path):
        text = (ROOT / path).read_text()
        text = re.sub(r"::inline v\d+|^extern template .*$", "", text, flags=re.MULTILINE)

        def blank(found):
            return "\n" * found[0].count("\n")

        text = re.sub(r"^namespace detail \{.*?^\}  // namespace detail$", blank, text,
                      flags=re.MULTILINE | re.DOTALL)
        text = re.sub(r"^template <[^\n]*>\nstruct std::.*?\};$", blank, text,
                      flags=re.MULTILINE | re.DOTALL)
        # The opening comment describes the file.
        opening = re.match(r"((?://.*\n)+)#pragma once\n", text)
        lines = [line.removeprefix("//") for line in opening[1].splitlines()]
        text = "\n".join(["/** \\file", *lines[:-1], f"{lines[-1]} */", text[opening.end():]])
        return re.sub(r"^( *///<?) (Errors|Throws|Lifetime|Thread|Cost)  +", r"\1 @label{\2} ", text,
                      flags=re.MULTILINE)

    def namespaces(self):
        return "".join(f"/// \\namespace {name}\n/// {text}\n" for name, text in NAMESPACES.items())

    # --- the site ------------------------------------------------------------------------------

    def write(self):
        for path in pages():
            self.put(self.copy_of(path), self.copy_page(path))
        for name, text in self.chapters():
            self.put(Path(name), text)
        headers = sorted(path for path in tidy.public_headers(ROOT) if "detail" not in path.parts)
        for path in headers:
            self.put(path, self.header(path))
        self.put(Path("namespaces.dox"), self.namespaces())
        inputs = [*map(self.copy_of, pages()), *(Path(name) for name, _ in self.chapters()), *headers,
                  Path("namespaces.dox")]
        version = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text())[1]
        (self.folder / "Doxyfile").write_text(
            f"@INCLUDE = {ROOT}/docs/site/Doxyfile\nPROJECT_NUMBER = {version}\n"
            f"OUTPUT_DIRECTORY = {self.folder}\nSTRIP_FROM_PATH = {self.copies}\n"
            f"STRIP_FROM_INC_PATH = {self.copies}\nUSE_MDFILE_AS_MAINPAGE = README.md\n"
            f"INPUT = {' '.join(map(str, inputs))}\n")

    @staticmethod
    def copy_of(page):
        """Any README.md would be the first page."""
        return page.with_name("readme.md") if page.name == "README.md" and page.parent.name else page

    def put(self, path, text):
        target = self.copies / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def run(self):
        """Runs Doxygen; returns what it complains about."""
        done = subprocess.run(["doxygen", "../Doxyfile"], cwd=self.copies, text=True, check=False,
                              capture_output=True)
        for path in self.linked:
            target = self.html / "tree" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, target)
        said = (done.stdout + done.stderr).replace(f"{self.copies}/", "").splitlines()
        complaints = [line for line in dict.fromkeys(said) if line and not SETTLED.search(line)
                      and not is_in_documented_group(line)]
        return complaints or ([f"doxygen ended with {done.returncode}"] if done.returncode else [])


class Links(html.parser.HTMLParser):
    """The links of a page, and the names that others may link to."""

    def __init__(self, text):
        super().__init__()
        self.targets, self.names = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for key, value in attributes:
            if key in ("href", "src") and value:
                self.targets.append(value)
            elif key in ("id", "name") and value:
                self.names.add(value)


def broken_links(folder):
    """Each link of the pages below `folder` that leads to no file, or to no place in one."""
    parsed = {path: Links(path.read_text(errors="replace")) for path in sorted(folder.rglob("*.html"))}
    for path, page in parsed.items():
        for target in dict.fromkeys(page.targets):
            # Doxygen links to its list of nested classes also where they are all private.
            if re.match(r"[a-z]+:|#?$|#nested-classes$", target):
                continue
            name, _, place = target.partition("#")
            to = (path.parent / name).resolve() if name else path
            if not to.exists():
                yield f"{path.name}: leads nowhere: {target}"
            elif place and to in parsed and place not in parsed[to].names:
                yield f"{path.name}: no such place: {target}"


if __name__ == "__main__":
    site = Site(Path(sys.argv[1]))
    site.write()
    complaints = site.run() + list(broken_links(site.html))
    print("\n".join(complaints) or f"{site.html}/index.html")
    sys.exit(bool(complaints))
