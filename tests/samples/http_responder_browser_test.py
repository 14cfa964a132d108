"""The HTTP responder in headless Chromium: a user would see the errors that Chromium reports."""

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import TIMEOUT_SECONDS, Server  # noqa: E402
from tls_test import HAS_TLS, OPENSSL  # noqa: E402
from tls_test import Site as TlsSite  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--remote-debugging-pipe")

# Chromium reads commands from descriptor 3 and writes responses to 4.
LAUNCHER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def away_from_standard(fd):
    """The same file with a number above those that the launcher sets."""
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(fd)
    return moved


class Browser:
    """One page of a Chromium process, controlled by the DevTools protocol: JSON ended by NULs."""

    def __init__(self, trusted=None):
        """`trusted`: the PEM file of an authority that the browser trusts beside its own."""
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        if trusted:
            store = Path(self._profile.name) / ".pki" / "nssdb"
            store.mkdir(parents=True)
            for command in (["-N", "--empty-password"],
                            ["-A", "-n", "test authority", "-t", "C,,", "-i", trusted]):
                subprocess.run(["certutil", "-d", f"sql:{store}", *command], check=True,
                               timeout=TIMEOUT_SECONDS)
        commands, commands_in = map(away_from_standard, os.pipe())
        answers_out, answers = map(away_from_standard, os.pipe())
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(commands), str(answers), CHROMIUM, *FLAGS,
             f"--user-data-dir={self._profile.name}"],
            pass_fds=(commands, answers), start_new_session=True,
            env={**os.environ, "HOME": self._profile.name},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(commands)
        os.close(answers)
        self._commands, self._answers = os.fdopen(commands_in, "wb"), answers_out
        self._received = b""
        self._last_id = 0
        self._session = None
        self.complaints = []
        self.loaded = {}  # The status of each URL.
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Network", "Page"):
            self.ask(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._commands.close()
        os.close(self._answers)
        self._profile.cleanup()

    def ask(self, method, **parameters):
        """The result of a command. Events that arrive meanwhile are recorded."""
        self._last_id += 1
        command = {"id": self._last_id, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        self._commands.write(json.dumps(command).encode() + b"\0")
        self._commands.flush()
        while (message := self._next()).get("id") != self._last_id:
            self._note(message)
        if "error" in message:
            raise AssertionError(f"{method}: {message['error']}")
        return message["result"]

    def open(self, url):
        """Returns when the page has loaded, with its style sheets, scripts and pictures."""
        self.ask("Page.navigate", url=url)
        while (message := self._next()).get("method") != "Page.loadEventFired":
            self._note(message)

    def value_of(self, expression):
        """The value of an expression of the page. Waits for a promise."""
        told = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            raise AssertionError(f"{expression}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def _next(self):
        while b"\0" not in self._received:
            if not select.select([self._answers], [], [], TIMEOUT_SECONDS)[0]:
                raise AssertionError(f"chromium said nothing for {TIMEOUT_SECONDS} s")
            piece = os.read(self._answers, 1 << 16)
            if not piece:
                raise AssertionError("chromium has ended")
            self._received += piece
        message, _, self._received = self._received.partition(b"\0")
        return json.loads(message)

    def _note(self, message):
        told = message.get("params", {})
        match message.get("method"):
            case "Network.responseReceived":
                self.loaded[told["response"]["url"]] = told["response"]["status"]
            case "Network.loadingFailed":
                self.complaints.append(told["errorText"])
            case "Runtime.exceptionThrown":
                self.complaints.append(told["exceptionDetails"]["text"])
            case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning", "assert"):
                self.complaints.append(str(told["args"]))
            case "Log.entryAdded" if told["entry"]["level"] in ("error", "warning"):
                self.complaints.append(told["entry"]["text"])


def png(width, height):
    """A picture of one colour."""
    def chunk(kind, content):
        return (struct.pack(">I", len(content)) + kind + content
                + struct.pack(">I", zlib.crc32(kind + content)))
    rows = (b"\0" + b"\x20\x60\xA0" * width) * height
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>A page</title>
<link rel="stylesheet" href="style/page.css">
<script src="page.js" defer></script>
</head>
<body>
<p id="text">as sent</p>
<img src="pictures/one.png" alt="one"> <img src="pictures/two%20words.svg" alt="two">
<img src="pictures/large.png" alt="large">
</body>
</html>
"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><rect width="30" height="20"/></svg>'
SITE = {
    "index.html": PAGE,
    "favicon.ico": png(16, 16),  # The browser requests it without a link.
    "style/page.css": "@import 'more.css';\n#text { color: rgb(1, 2, 3); }\n",
    "style/more.css": "#text { font-weight: 700; }\n",
    "page.js": "document.getElementById('text').textContent = 'as scripted';\n",
    "pictures/one.png": png(3, 2),
    "pictures/two words.svg": SVG,
    "pictures/large.png": png(2000, 1500) + bytes(1 << 20),  # Sent by sendfile.
}
WIDTHS = "Array.from(document.images, (image) => image.naturalWidth)"
STYLE = "(({color, fontWeight}) => [color, fontWeight])(getComputedStyle(document.getElementById('text')))"
TEXT = "document.getElementById('text').textContent"

# This promise is resolved when the figures have arrived for the second time.
LIVE = """new Promise((live) => {
  let times = 0;
  const requests = document.getElementById("requests");
  new MutationObserver(() => {
    if (++times == 2) live([document.getElementById("state").textContent, requests.textContent]);
  }).observe(requests, {childList: true});
})"""


@unittest.skipUnless(CHROMIUM, "there is no chromium")
class Chromium(unittest.TestCase):
    @contextlib.contextmanager
    def serving_site(self, *options):
        with tempfile.TemporaryDirectory() as root:
            self.root = Path(root)
            for name, content in SITE.items():
                file = self.root / name
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(content if isinstance(content, bytes) else content.encode())
            with Server("http_responder", "--root", root, *options) as server:
                yield f"http://{server.endpoint}/"

    def check_page(self, browser):
        self.assertEqual(browser.value_of(TEXT), "as scripted")
        self.assertEqual(browser.value_of(STYLE), ["rgb(1, 2, 3)", "700"])
        self.assertEqual(browser.value_of(WIDTHS), [3, 30, 2000])
        self.assertEqual(browser.complaints, [])

    def test_a_page_with_a_style_sheet_a_script_and_pictures_loads_without_a_complaint(self):
        with self.serving_site("--threads", "2") as url, Browser() as browser:
            browser.open(url)
            self.check_page(browser)
            self.assertEqual(set(browser.loaded.values()), {200})
            self.assertGreaterEqual(len(browser.loaded), len(SITE) - 1)  # The icon may be late.
            browser.open(url)
            self.check_page(browser)

    @unittest.skipUnless(HAS_TLS and OPENSSL, "built without TLS, or no program openssl")
    def test_https_is_secure_by_a_trusted_root_and_refused_without(self):
        with tempfile.TemporaryDirectory() as folder:
            site = TlsSite(Path(folder))
            with self.serving_site(*site.of_server()) as url:
                https = url.replace("http://127.0.0.1", "https://localhost")
                with Browser() as browser:
                    browser.open(https)
                    self.assertEqual(browser.loaded.get(https), None)
                    self.assertIn("net::ERR_CERT_AUTHORITY_INVALID", browser.complaints)
                if not shutil.which("certutil"):
                    self.skipTest("the Debian package libnss3-tools has certutil")
                with Browser(trusted=site.ca) as browser:
                    for _ in range(2):
                        browser.open(https)
                        self.check_page(browser)
                    self.assertEqual(browser.loaded[https], 200)

    def test_what_is_missing_is_complained_of(self):
        with self.serving_site() as url, Browser() as browser:
            (self.root / "page.js").unlink()
            browser.open(url)
            self.assertEqual(browser.value_of(TEXT), "as sent")
            self.assertIn("404", " ".join(browser.complaints))

    def test_a_listed_folder_leads_to_its_files(self):
        with self.serving_site("--list") as url, Browser() as browser:
            browser.open(url + "pictures/")
            self.assertEqual(browser.value_of("Array.from(document.querySelectorAll('td a'), (a) => a.textContent)"),
                             ["../", "large.png", "one.png", "two words.svg"])
            self.assertEqual(browser.value_of("document.querySelector('h1').textContent"), "root/pictures")
            browser.open(browser.value_of("document.querySelectorAll('td a')[3].href"))
            self.assertEqual(browser.value_of("document.documentElement.tagName"), "svg")
            self.assertEqual(browser.complaints, [])

    def test_the_page_of_its_own_is_live(self):
        with Server("http_responder") as server, Browser() as browser:
            browser.open(f"http://{server.endpoint}/")
            state, requests = browser.value_of(LIVE)
            self.assertEqual(state, "live")
            self.assertGreaterEqual(int(requests), 2)
            self.assertEqual(browser.value_of("document.getElementById('uptime_s').textContent.split('\\u00a0')[1]"),
                             "s")
            self.assertRegex(browser.value_of("document.getElementById('curve').getAttribute('d')"), r"^M(.*L)?60\.00 \d")
            self.assertEqual(browser.complaints, [])

    def test_the_pages_fit_narrow_and_wide_screens_in_both_colour_schemes(self):
        long_name = "a-name-that-is-much-too-long-for-the-screen-of-a-phone" * 4
        with tempfile.TemporaryDirectory() as root, contextlib.ExitStack() as stack:
            (Path(root) / long_name).touch()
            (Path(root) / "folder").mkdir()
            pages = [stack.enter_context(Server("http_responder", "--root", root, "--list")),
                     stack.enter_context(Server("http_responder"))]
            browser = stack.enter_context(Browser())
            for server in pages:
                backgrounds = set()
                for width in (400, 1200):
                    for scheme in ("light", "dark"):
                        browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=800,
                                    deviceScaleFactor=1, mobile=width == 400)
                        browser.ask("Emulation.setEmulatedMedia",
                                    features=[{"name": "prefers-color-scheme", "value": scheme}])
                        browser.open(f"http://{server.endpoint}/")
                        self.assertEqual(browser.value_of("document.documentElement.scrollWidth"), width)
                        backgrounds.add((scheme, browser.value_of("getComputedStyle(document.body).backgroundColor")))
                self.assertEqual(len(backgrounds), 2)
                self.assertEqual(len({colour for _, colour in backgrounds}), 2)
            self.assertTrue(all(url.startswith(("data:", *(f"http://{page.endpoint}/" for page in pages)))
                                for url in browser.loaded), browser.loaded)
            self.assertEqual(browser.complaints, [])


if __name__ == "__main__":
    unittest.main()
