"""The HTTP responder, tested with Python's sockets and http.client, and with curl."""

import base64
import concurrent.futures
import contextlib
import ctypes
import html
import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import TIMEOUT_SECONDS, Server, program, run  # noqa: E402

DATA = Path(__file__).resolve().parents[1] / "data/http_path"
CURL = shutil.which("curl")
WRK = shutil.which("wrk")
NC = shutil.which("nc.openbsd")  # Other versions have no -N.


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_SECONDS)


def read_all(connection):
    """What arrives until the server closes."""
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(1 << 16):
            received += piece
    return bytes(received)


def talk(server, sent):
    """All responses of the server to these bytes. The server must close the connection."""
    with connect(server) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(sent)
        return read_all(connection)


def split_responses(received):
    """(status, fields, body) of each response, by its Content-Length."""
    responses = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin1").split("\r\n")
        fields = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
        size = int(fields.get("content-length", 0))
        responses.append((int(line.split()[1]), fields, received[:size]))
        received = received[size:]
    return responses


def get(target="/hello", *fields, method="GET", version="1.1"):
    return "\r\n".join([f"{method} {target} HTTP/{version}", "Host: h", *fields, "", ""]).encode("latin1")


CLOSE = "Connection: close"


@contextlib.contextmanager
def client(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS)
    try:
        yield connection
    finally:
        connection.close()


def ask(server, target, fields=(), method="GET", body=None):
    """The response and its body, over a connection of its own."""
    with client(server) as connection:
        connection.request(method, target, body=body, headers=dict(fields))
        response = connection.getresponse()
        return response, response.read()


class Opened:
    """The files of a folder that are opened, as inotify reports. O_PATH does not count."""

    IN_OPEN = 0x20

    def __init__(self, folder):
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0 or libc.inotify_add_watch(self._fd, os.fsencode(folder), self.IN_OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def names(self):
        """The names since the last call."""
        names = set()
        with contextlib.suppress(BlockingIOError):
            events = os.read(self._fd, 1 << 16)
            while events:
                size = int.from_bytes(events[12:16], sys.byteorder)
                names.add(events[16:16 + size].rstrip(b"\0").decode())
                events = events[16 + size:]
        return names - {""}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._fd)


class Folder:
    """A folder to serve, removed at the end of the block."""

    def __init__(self, files=None, links=None):
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name) / "root"
        self.path.mkdir()
        for name, content in (files or {}).items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        for name, target in (links or {}).items():
            (self.path / name).symlink_to(target)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()


@contextlib.contextmanager
def serving(*options, files=None, links=None):
    with Folder(files, links) as folder:
        with Server("http_responder", "--root", folder.path, *options) as server:
            server.folder = folder.path
            yield server


class Paths(unittest.TestCase):
    """No path leads outside of the root, in any encoding."""

    def check(self, *options):
        fixture = json.loads((DATA / "static_root.json").read_text())
        cases = [json.loads(line) for line in (DATA / "cases.jsonl").read_text().splitlines()]
        self.assertGreater(len(cases), 30)
        with Folder(fixture["files"], fixture["symlinks"]) as folder:
            for name, content in fixture["outside"].items():
                (folder.path / name).write_text(content)
            for name in fixture["empty_dirs"]:
                (folder.path / name).mkdir()
            with Server("http_responder", "--root", folder.path, *options) as server:
                for case in cases:
                    with self.subTest(case=case["source"]):
                        self.check_case(server, case["expect"], base64.b64decode(case["input_b64"]))

    def check_case(self, server, expect, request):
        received = talk(server, request)
        for secret in expect["never_contains_b64"]:
            self.assertNotIn(base64.b64decode(secret), received)
        (status, _, body), *more = split_responses(received)
        self.assertEqual(more, [])
        self.assertIn(status, expect["status_ok"])
        if status == 200 and "body_if_200_b64" in expect:
            self.assertEqual(body, base64.b64decode(expect["body_if_200_b64"]))

    def test_the_conformance_cases(self):
        self.check()

    def test_the_conformance_cases_where_no_link_is_followed(self):
        self.check("--refuse-links")

    def test_links_are_followed_as_long_as_they_stay_under_the_root(self):
        links = {"in": "a.txt", "out": "/etc/hostname", "up": "../../etc/hostname", "loop": "loop",
                 "magic": "/proc/self/root/etc/hostname"}
        with serving(files={"a.txt": "A"}, links=links) as server:
            self.assertEqual(ask(server, "/in")[1], b"A")
            for name in ("out", "up", "loop", "magic"):
                self.assertEqual(ask(server, f"/{name}")[0].status, 404, name)
        with serving("--refuse-links", files={"d/a.txt": "A"}, links={"in": "d", "f": "d/a.txt"}) as server:
            self.assertEqual(ask(server, "/d/a.txt")[1], b"A")
            self.assertEqual(ask(server, "/in/a.txt")[0].status, 404)
            self.assertEqual(ask(server, "/f")[0].status, 404)

    def test_what_is_no_file_is_not_even_opened(self):
        with Folder({"a.txt": "A"}, {"link": "fifo"}) as folder, socket.socket(socket.AF_UNIX) as bound:
            os.mkfifo(folder.path / "fifo")
            special = ["fifo", "socket", "link"]
            bound.bind(str(folder.path / "socket"))
            with contextlib.suppress(PermissionError):
                os.mknod(folder.path / "device", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
                special.append("device")
            (folder.path / "index.html").symlink_to("fifo")
            with Server("http_responder", "--root", folder.path, "--list") as server, Opened(folder.path) as opened:
                for name in special:
                    for method in ("GET", "HEAD"):
                        self.assertEqual(ask(server, f"/{name}", method=method)[0].status, 403, name)
                page = ask(server, "/")[1].decode()
                self.assertIn("a.txt", page)
                for name in (*special, "index.html"):
                    self.assertNotIn(f'"./{name}"', page)
                self.assertEqual(opened.names(), set())
                self.assertEqual(ask(server, "/a.txt")[1], b"A")
                self.assertEqual(opened.names(), {"a.txt"})

    def test_a_name_with_a_backslash_is_a_name(self):
        files = {"C:\\temp\\a.txt": "A", "..\\b": "B", "d\\e/f": "F"}
        with serving("--list", files=files) as server:
            for target, content in (("/C:%5Ctemp%5Ca.txt", b"A"), ("/C:\\temp\\a.txt", b"A"), ("/..%5cb", b"B"),
                                    ("/d%5Ce/f", b"F"), ("/d\\e/f", b"F")):
                self.assertEqual(ask(server, target)[1], content, target)
            self.assertIn('href="./C:%5Ctemp%5Ca.txt">C:\\temp\\a.txt</a>', ask(server, "/")[1].decode())
            self.assertEqual(ask(server, "/d%5Ce")[0].headers["Location"], "/d%5Ce/")
            self.assertEqual(ask(server, "/..%5C..%5Cetc%5Chostname")[0].status, 404)

    def test_hidden_files_are_served_and_listed_only_with_the_option(self):
        files = {".secret": "S", ".git/config": "C", "a/.b/c": "c", "a/d": "d", "..two": "2"}
        hidden = ("/.secret", "/.git/config", "/.git/", "/.git", "/a/.b/c", "/a/.b/", "/%2Esecret", "//.secret")
        with serving("--list", files=files, links={"link": ".secret", ".link": "a/d"}) as server:
            for target in (*hidden, "/.link"):
                self.assertEqual(ask(server, target)[0].status, 404, target)
            page = ask(server, "/")[1].decode()
            for name in (".secret", ".git", ".link"):
                self.assertNotIn(f'"./{name}', page)
            self.assertNotIn('"./.b', ask(server, "/a/")[1].decode())
            self.assertEqual(ask(server, "/link")[1], b"S")  # A link may lead to a hidden file.
            self.assertEqual(ask(server, "/..two")[1], b"2")
        with serving("--list", "--hidden", files=files) as server:
            for target in hidden:
                self.assertIn(ask(server, target)[0].status, (200, 301), target)
            page = ask(server, "/")[1].decode()
            self.assertIn('"./.secret"', page)
            self.assertIn('"./.git/"', page)

    def test_what_may_not_be_read_is_forbidden(self):
        with Folder() as folder:
            (folder.path / "secret").write_text("s")
            (folder.path / "secret").chmod(0)
            with Server("http_responder", "--root", folder.path) as server:
                if os.geteuid() != 0:
                    self.assertEqual(ask(server, "/secret")[0].status, 403)


class Files(unittest.TestCase):
    def test_a_file_is_served_with_its_type_its_tag_and_its_date(self):
        big = bytes(range(256)) * 8192  # 2 MiB: more than one write.
        files = {"a.html": "<p>", "a.TXT": "text", "none": "n", "big.bin": big, "empty.css": ""}
        with serving(files=files) as server:
            os.utime(server.folder / "a.html", (784111777, 784111777))
            response, body = ask(server, "/a.html?query")
            self.assertEqual((response.status, body), (200, b"<p>"))
            self.assertEqual(response.headers["Content-Type"], "text/html; charset=utf-8")
            self.assertEqual(response.headers["Last-Modified"], "Sun, 06 Nov 1994 08:49:37 GMT")
            self.assertRegex(response.headers["ETag"], r'^"[^"]+"$')
            sent = parsedate_to_datetime(response.headers["Date"]).timestamp()
            self.assertLess(abs(sent - time.time()), TIMEOUT_SECONDS)
            for name, kind in (("a.TXT", "text/plain; charset=utf-8"), ("none", "application/octet-stream"),
                               ("empty.css", "text/css; charset=utf-8"), ("big.bin", "application/octet-stream")):
                response, body = ask(server, f"/{name}")
                content = files[name]
                self.assertEqual(body, content if isinstance(content, bytes) else content.encode())
                self.assertEqual(response.headers["Content-Type"], kind)

    def test_a_file_from_the_future_was_last_modified_now(self):
        with serving(files={"a.txt": "A"}) as server:
            os.utime(server.folder / "a.txt", (4102444800, 4102444800))
            response, _ = ask(server, "/a.txt")
            self.assertEqual(response.headers["Last-Modified"], response.headers["Date"])

    def test_a_folder_shows_its_index_or_a_list_or_nothing(self):
        files = {"index.html": "root", "sub/<b>&.txt": "x", "sub/javascript:x": "x", "sub/é": "x"}
        with serving(files=files) as server:
            self.assertEqual(ask(server, "/")[1], b"root")
            response, _ = ask(server, "/sub?a=b")
            self.assertEqual((response.status, response.headers["Location"]), (301, "/sub/?a=b"))
            self.assertEqual(ask(server, "/sub/")[0].status, 404)
        with serving("--list", files=files) as server:
            page = ask(server, "/sub/")[1].decode()
            self.assertIn('<a href="./%3Cb%3E&amp;.txt">&lt;b&gt;&amp;.txt</a>', page)
            self.assertIn('<a href="./javascript:x">', page)
            self.assertIn('<a href="./%C3%A9">é</a>', page)
            self.assertNotIn("<b>", page)

    ROW = re.compile(r'<tr><td><a( class="d")? href="([^"]*)">([^<]*)</a></td>'
                     r'<td(?: title="(\d+) bytes?")?>([^<]*)</td><td>([^<]*)</td></tr>')

    def rows(self, server, target):
        """(is a folder, link, name, bytes, size, time) of each line of a list."""
        response, body = ask(server, target)
        self.assertEqual(response.status, 200)
        return [(bool(kind), html.unescape(link), html.unescape(name), size and int(size), text, when)
                for kind, link, name, size, text, when in self.ROW.findall(body.decode())]

    def test_a_list_has_folders_first_with_sizes_and_times(self):
        files = {"b.txt": "x" * 1536, "A.txt": "", "z/inner": "", "Y/inner": "", "0": "x", "big": "x" * 1024 * 1024}
        links = {"to z": "z", "to b": "b.txt", "out": "/etc/hostname", "nowhere": "missing"}
        with serving("--list", files=files, links=links) as server:
            for path in [*server.folder.iterdir(), server.folder / "z/inner"]:
                os.utime(path, (784111777, 784111777), follow_symlinks=False)
            when = "1994-11-06 08:49"
            self.assertEqual(self.rows(server, "/"), [
                (True, "./to%20z/", "to z/", "", "", when), (True, "./Y/", "Y/", "", "", when),
                (True, "./z/", "z/", "", "", when), (False, "./0", "0", 1, "1 B", when),
                (False, "./A.txt", "A.txt", 0, "0 B", when), (False, "./b.txt", "b.txt", 1536, "1.5 KiB", when),
                (False, "./big", "big", 1 << 20, "1.0 MiB", when),
                (False, "./to%20b", "to b", 1536, "1.5 KiB", when)])
            self.assertEqual(self.rows(server, "/z/"), [(True, "../", "../", "", "", ""),
                                                        (False, "./inner", "inner", 0, "0 B", when)])
            self.assertIn("3 folders, 5 files, 1.0 MiB.", ask(server, "/")[1].decode())
        with serving("--list", "--refuse-links", files=files, links=links) as server:
            self.assertEqual([row[2] for row in self.rows(server, "/")], ["Y/", "z/", "0", "A.txt", "b.txt", "big"])

    @unittest.skipUnless(Path("/dev/shm").is_dir(), "there is no file system that keeps such times")
    def test_a_time_that_no_calendar_has_harms_nothing(self):
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            for name, seconds in (("a", 2**63 - 1), ("b", -2**63), ("c", 67768036191676799), ("d", 253402300799)):
                (Path(folder) / name).touch()
                subprocess.run(["touch", "-d", f"@{seconds}", Path(folder) / name], check=True)
            with Server("http_responder", "--root", folder, "--list") as server:
                self.assertEqual([(row[2], row[5]) for row in self.rows(server, "/")],
                                 [("a", ""), ("b", ""), ("c", ""), ("d", "9999-12-31 23:59")])
                for name in "abcd":
                    self.assertEqual(ask(server, f"/{name}")[0].status, 200)

    def test_a_folder_with_more_than_is_kept_to_be_sorted_is_listed_whole_and_says_so(self):
        for count, length, is_sorted in ((500, 200, True), (2500, 240, False), (1, 1, True)):
            names = [f"{number:04}".ljust(length, "x") for number in range(count)]
            with self.subTest(count=count), \
                    serving("--list", files={**dict.fromkeys(names, "1"), "~/a": ""}) as server:
                response, body = ask(server, "/")
                page = body.decode()
                shown = [html.unescape(name) for _, _, name, *_ in self.ROW.findall(page)]
                self.assertEqual(response.status, 200)
                self.assertEqual(shown if is_sorted else sorted(shown),
                                 ["~/", *names] if is_sorted else [*sorted(names), "~/"])
                self.assertEqual("Unsorted" in page, not is_sorted)
                self.assertIn(f"1 folder, {count} file", page)
                head, nothing = ask(server, "/", method="HEAD")
                self.assertEqual((head.status, nothing), (200, b""))
                old = talk(server, get("/", version="1.0")).partition(b"\r\n\r\n")[2]
                self.assertEqual(old, body)

    def test_a_folder_that_may_be_entered_but_not_listed_serves_its_files(self):
        if os.geteuid() == 0:
            self.skipTest("root may list everything")
        with serving("--list", files={"d/index.html": "index", "e/f": "f"}) as server:
            for name in ("d", "e"):
                (server.folder / name).chmod(0o111)
            try:
                self.assertEqual(ask(server, "/d/")[1], b"index")
                self.assertEqual(ask(server, "/e/f")[1], b"f")
                self.assertEqual(ask(server, "/e/")[0].status, 403)
            finally:
                for name in ("d", "e"):
                    (server.folder / name).chmod(0o755)

    def test_a_page_loads_nothing_from_elsewhere_and_runs_nothing_that_a_name_brings(self):
        with serving("--list", files={"<img src=x onerror=alert(1)>": ""}) as server, \
                Server("http_responder") as own:
            for response, body in (ask(server, "/"), ask(own, "/")):
                policy = response.headers["Content-Security-Policy"]
                self.assertIn("default-src 'none'", policy)
                self.assertNotRegex(body.decode(), r'(src|href)="?(https?:)?//')
                self.assertNotIn("<img", body.decode())
                self.assertIn('<meta name="viewport" content="width=device-width', body.decode())
            self.assertNotIn("script-src", ask(server, "/")[0].headers["Content-Security-Policy"])

    def test_lists_and_files_are_answered_in_the_order_of_their_requests(self):
        with serving("--list", files={"a.txt": "text", "sub/b": "x", "sub/c": "x"}) as server:
            pair = get("/sub/") + get("/a.txt")
            answers = split_responses(talk(server, 20 * pair + get("/sub/", CLOSE)))
        self.assertEqual([status for status, _, _ in answers], [200] * 41)
        for at, (_, _, body) in enumerate(answers):
            self.assertEqual(b"./b" in body and b"./c" in body, at % 2 == 0)
            self.assertEqual(body == b"text", at % 2 == 1)

    def test_a_client_that_requests_a_listing_and_leaves_disturbs_no_other(self):
        with serving("--list", files={f"{number}": "x" for number in range(500)}) as server:
            for _ in range(50):
                with connect(server) as leaving:
                    leaving.sendall(3 * get("/"))
            self.assertIn(b"./499", ask(server, "/")[1])

    def test_a_redirect_never_leads_to_another_host(self):
        with serving(files={"evil.example/a": "x"}) as server:
            for target in ("//evil.example", "///evil.example", "/%2Fevil.example", "/\\evil.example"):
                for status, fields, _ in split_responses(talk(server, get(target, CLOSE))):
                    location = fields.get("location", "/")
                    self.assertTrue(status != 301 or location == "/evil.example/", location)

    def test_head_is_get_without_the_body(self):
        with serving("--list", files={"a.txt": "text", "big.bin": b"x" * 100000}) as server:
            for target in ("/a.txt", "/big.bin", "/", "/missing"):
                head, nothing = ask(server, target, method="HEAD")
                response, body = ask(server, target)
                self.assertEqual((head.status, nothing), (response.status, b""))
                self.assertEqual(head.headers["Content-Length"], str(len(body)))
                self.assertEqual(head.headers["Content-Type"], response.headers["Content-Type"])

    def test_what_the_client_has_is_not_sent_again(self):
        with serving(files={"a.txt": "text"}) as server:
            response, _ = ask(server, "/a.txt")
            tag, date = response.headers["ETag"], response.headers["Last-Modified"]
            past = formatdate(0, usegmt=True)
            cases = [({"If-None-Match": tag}, 304), ({"If-None-Match": f'"x", W/{tag}'}, 304),
                     ({"If-None-Match": '"x"'}, 200), ({"If-None-Match": "*"}, 304),
                     ({"If-Modified-Since": date}, 304), ({"If-Modified-Since": past}, 200),
                     ({"If-None-Match": '"x"', "If-Modified-Since": date}, 200),
                     ({"If-Match": tag}, 200), ({"If-Match": '"x"'}, 412),
                     ({"If-Unmodified-Since": past}, 412), ({"If-Modified-Since": "x"}, 200)]
            for fields, status in cases:
                with self.subTest(fields=fields):
                    response, body = ask(server, "/a.txt", fields)
                    self.assertEqual(response.status, status)
                    if status == 304:
                        self.assertEqual((body, response.headers["ETag"]), (b"", tag))
            (server.folder / "a.txt").write_text("text, changed")
            self.assertEqual(ask(server, "/a.txt", {"If-None-Match": tag})[0].status, 200)

    def test_a_requested_range_is_sent_as_a_part(self):
        content = bytes(range(256)) * 1000
        with serving(files={"a.bin": content}) as server:
            tag = ask(server, "/a.bin")[0].headers["ETag"]
            cases = [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 100), ("bytes=255990-", 255990, 10),
                     ("bytes=-5", 255995, 5), ("bytes=100-999999", 100, 255900),
                     ("bytes=0-99999", 0, 100000)]
            for value, offset, size in cases:
                response, body = ask(server, "/a.bin", {"Range": value})
                self.assertEqual((response.status, body), (206, content[offset:offset + size]), value)
                self.assertEqual(response.headers["Content-Range"],
                                 f"bytes {offset}-{offset + size - 1}/256000")
            for value in ("bytes=0-0,5-6", "bytes=5-2", "lines=1-2", "bytes=x-"):
                response, body = ask(server, "/a.bin", {"Range": value})
                self.assertEqual((response.status, len(body)), (200, 256000), value)
            for value in ("bytes=256000-", "bytes=-0"):
                response, _ = ask(server, "/a.bin", {"Range": value})
                self.assertEqual((response.status, response.headers["Content-Range"]),
                                 (416, "bytes */256000"))
            self.assertEqual(ask(server, "/a.bin", {"Range": "bytes=0-0", "If-Range": tag})[0].status, 206)
            self.assertEqual(ask(server, "/a.bin", {"Range": "bytes=0-0", "If-Range": '"x"'})[0].status, 200)
            self.assertEqual(ask(server, "/a.bin", {"Range": "bytes=0-0"}, "HEAD")[0].status, 200)

    def test_a_range_of_an_empty_file_is_ignored(self):
        with serving(files={"empty": ""}) as server:
            for value in ("bytes=0-", "bytes=0-0", "bytes=0-1023", "bytes=100-", "bytes=-1", "bytes=-0"):
                for method in ("GET", "HEAD"):
                    response, body = ask(server, "/empty", {"Range": value}, method)
                    self.assertEqual((response.status, body, response.headers["Content-Length"],
                                      response.headers["Content-Range"]), (200, b"", "0", None), value)

    def test_a_date_of_the_present_second_does_not_validate_a_range(self):
        with serving(files={"a.txt": "text", "new.txt": "text"}) as server:
            os.utime(server.folder / "a.txt", (784111777, 784111777))
            # The Last-Modified of a file with a time in the future is the current time.
            os.utime(server.folder / "new.txt", (4102444800, 4102444800))
            for name, status in (("a.txt", 206), *[("new.txt", 200)] * 5):
                date = ask(server, f"/{name}")[0].headers["Last-Modified"]
                response, _ = ask(server, f"/{name}", {"Range": "bytes=0-1", "If-Range": date})
                self.assertEqual(response.status, status, name)
            tag = ask(server, "/new.txt")[0].headers["ETag"]
            self.assertEqual(ask(server, "/new.txt", {"Range": "bytes=0-1", "If-Range": tag})[0].status, 206)

    def test_only_what_a_file_can_do_is_done(self):
        with serving(files={"a.txt": "A"}) as server:
            for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE"):
                response, _ = ask(server, "/a.txt", method=method)
                self.assertEqual((response.status, response.headers["Allow"]), (405, "GET, HEAD"))
            self.assertEqual(ask(server, "/a.txt", method="BREW")[0].status, 501)
            self.assertEqual(ask(server, "/a.txt", method="OPTIONS")[0].status, 204)

    def test_many_files_over_one_connection_also_large_ones_one_behind_the_other(self):
        content = os.urandom(1 << 20)
        with serving(files={"big": content, "small": "s"}) as server:
            received = talk(server, get("/big") + get("/small") + get("/big") + get("/small", CLOSE))
            self.assertEqual([body for _, _, body in split_responses(received)],
                             [content, b"s", content, b"s"])

    def test_what_waits_behind_a_large_answer_is_kept_while_others_are_served(self):
        with serving(files={"big": b"x" * (32 << 20), "small": "s"}) as server:
            with connect(server) as waiting:
                waiting.sendall(get("/big") + get("/small") + get("/small", CLOSE))
                self.assertEqual(waiting.recv(9), b"HTTP/1.1 ")
                for _ in range(20):
                    self.assertEqual(ask(server, "/" + "missing" * 100)[0].status, 404)
                answers = split_responses(b"HTTP/1.1 " + read_all(waiting))
        self.assertEqual([len(body) for _, _, body in answers], [32 << 20, 1, 1])


class Connections(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server("http_responder"))

    def test_pipelined_requests_are_answered_in_order(self):
        targets = ["/hello", "/", "/missing", "/hello"] * 50
        received = talk(self.server, b"".join(map(get, targets)) + get("/hello", CLOSE))
        statuses = [status for status, _, _ in split_responses(received)]
        self.assertEqual(statuses, [404 if target == "/missing" else 200 for target in targets] + [200])

    def test_a_connection_is_kept_alive_if_the_client_requests_it(self):
        both = split_responses(talk(self.server, get("/hello", "Connection: keep-alive", version="1.0") +
                                    get("/hello", version="1.0")))
        self.assertEqual([fields["connection"] for _, fields, _ in both], ["keep-alive", "close"])
        one = split_responses(talk(self.server, get("/hello", CLOSE) + get("/hello")))
        self.assertEqual([fields["connection"] for _, fields, _ in one], ["close"])

    def test_the_date_is_that_of_the_second(self):
        first = ask(self.server, "/hello")[0].headers["Date"]
        for _ in range(100000):  # A bound for the loop: a second passes long before.
            if ask(self.server, "/hello")[0].headers["Date"] != first:
                return
        self.fail("the date stands still")

    def test_a_client_that_waits_gets_100_continue(self):
        with connect(self.server) as connection:
            connection.sendall(get("/upload", "Content-Length: 3", "Expect: 100-continue", CLOSE,
                                   method="PUT"))
            self.assertEqual(connection.recv(1000), b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.sendall(b"abc")
            self.assertTrue(read_all(connection).endswith(b"received 3 bytes\n"))

    def test_one_whose_body_is_not_wanted_is_not(self):
        sent = get("/missing", "Content-Length: 3", "Expect: 100-continue", method="PUT")
        (status, fields, _), = split_responses(talk(self.server, sent))
        self.assertEqual((status, fields["connection"]), (404, "close"))

    def test_a_body_comes_back_and_a_large_one_is_refused(self):
        for body in (b"", b"hello", os.urandom(1 << 20)):
            response, echoed = ask(self.server, "/echo", method="POST", body=body)
            self.assertEqual((response.status, echoed), (200, body))
        self.assertEqual(ask(self.server, "/echo", method="POST", body=iter([b"ab", b"c"]))[1], b"abc")
        large = get("/echo", "Content-Length: 1048577", method="POST")
        self.assertEqual([status for status, _, _ in split_responses(talk(self.server, large))], [413])
        chunk = b"%x\r\n" % (1 << 19) + b"x" * (1 << 19) + b"\r\n"
        chunked = get("/echo", "Transfer-Encoding: chunked", method="POST") + 3 * chunk
        self.assertEqual([status for status, _, _ in split_responses(talk(self.server, chunked))], [413])

    def test_an_upload_of_any_size_is_counted_and_a_download_is_chunked(self):
        pieces = [b"x" * 65536] * 200
        self.assertEqual(ask(self.server, "/upload", method="POST", body=iter(pieces))[1],
                         b"received 13107200 bytes\n")
        response, body = ask(self.server, "/download?size=5000000")
        self.assertEqual((response.headers["Transfer-Encoding"], body), ("chunked", b"x" * 5000000))
        old = talk(self.server, get("/download?size=100000", version="1.0"))
        self.assertEqual(old.partition(b"\r\n\r\n")[2], b"x" * 100000)
        self.assertEqual(ask(self.server, "/download", method="HEAD")[1], b"")

    def test_an_endless_response_delays_no_other_client_and_ends_with_its_own(self):
        endless = "/download?size=18446744073709551615"
        self.assertEqual(ask(self.server, endless, method="HEAD")[1], b"")
        self.assertEqual(ask(self.server, "/events", method="HEAD")[1], b"")
        for _ in range(3):
            with connect(self.server) as connection:
                connection.sendall(get(endless))
                self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 200 OK"))
            self.assertEqual(ask(self.server, "/hello")[1], b"Hello, world!\n")

    def test_routes_say_what_they_can_do(self):
        for method, target, status in (("POST", "/hello", 405), ("GET", "/echo", 405),
                                       ("DELETE", "/hello", 405), ("GET", "/nowhere", 404),
                                       ("BREW", "/hello", 501)):
            self.assertEqual(ask(self.server, target, method=method)[0].status, status, (method, target))
        self.assertEqual(split_responses(talk(self.server, get("h:1", method="CONNECT")))[0][0], 405)
        self.assertEqual(split_responses(talk(self.server, get("*", CLOSE, method="OPTIONS")))[0][0], 204)
        for scheme, status in (("http", 200), ("HTTP", 200), ("https", 421), ("ftp", 421)):
            answers = split_responses(talk(self.server, get(f"{scheme}://h/hello", CLOSE)))
            self.assertEqual([answer[0] for answer in answers], [status], scheme)

    def test_the_page_shows_live_figures(self):
        response, page = ask(self.server, "/")
        self.assertEqual(response.headers["Content-Type"], "text/html; charset=utf-8")
        self.assertIn(b'new EventSource("/events")', page)
        with client(self.server) as connection:
            connection.request("GET", "/events")
            events = connection.getresponse()
            self.assertEqual(events.headers["Content-Type"], "text/event-stream")
            told = []
            while len(told) < 3:
                line = events.readline()
                if line.startswith(b"data: "):
                    told.append(json.loads(line.removeprefix(b"data: ")))
            self.assertGreaterEqual(told[-1]["connections"], 1)
            self.assertGreaterEqual(told[-1]["requests"], 2)

    def test_a_client_that_ends_its_side_still_gets_its_answers(self):
        with connect(self.server) as connection:
            connection.sendall(get("/hello") + get("/download?size=3000000"))
            connection.shutdown(socket.SHUT_WR)
            received = read_all(connection)
        self.assertTrue(received.endswith(b"\r\n0\r\n\r\n"))
        self.assertEqual(received.count(b"HTTP/1.1 200 OK"), 2)


class Smuggling(unittest.TestCase):
    """A request that two recipients could read differently gets one response and a close."""

    POST = b"POST /upload HTTP/1.1\r\nHost: h\r\n"
    NEXT = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
    VECTORS = {
        "Content-Length and Transfer-Encoding": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        "Transfer-Encoding and Content-Length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
        "two lengths": (POST + b"Content-Length: 5\r\nContent-Length: 0\r\n\r\n", 400),
        "two equal lengths": (POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
        "a list of lengths": (POST + b"Content-Length: 0, 0\r\n\r\n", 400),
        "a signed length": (POST + b"Content-Length: +0\r\n\r\n", 400),
        "a negative length": (POST + b"Content-Length: -1\r\n\r\n", 400),
        "a length in hexadecimal": (POST + b"Content-Length: 0x0\r\n\r\n", 400),
        "a length that overflows": (POST + b"Content-Length: 18446744073709551616\r\n\r\n", 400),
        "a length larger than accepted": (POST + b"Content-Length: 18446744073709551615\r\n\r\n", 413),
        "an empty length": (POST + b"Content-Length:\r\n\r\n", 400),
        "a length with a blank in it": (POST + b"Content-Length: 0 0\r\n\r\n", 400),
        "chunked twice": (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
        "chunked not last": (POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        "an unknown coding": (POST + b"Transfer-Encoding: gzip\r\n\r\n", 400),
        "an unknown coding below chunked": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        "a misspelt coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
        "a coding in quotes": (POST + b"Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400),
        "a vertical tab before the coding": (POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
        "chunked in HTTP/1.0": (b"POST /upload HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        "a blank before the colon": (POST + b"Content-Length : 0\r\n\r\n", 400),
        "a tab before the colon": (POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", 400),
        "a folded line": (POST + b"X: y\r\n Content-Length: 5\r\n\r\n", 400),
        "a folded coding": (POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
        "a first field that is folded": (b"POST /upload HTTP/1.1\r\n Host: h\r\n\r\n", 400),
        "a bare line feed": (POST + b"X: y\nContent-Length: 5\r\n\r\n", 400),
        "a bare carriage return": (POST + b"X: y\rContent-Length: 5\r\n\r\n", 400),
        "a NUL in a value": (POST + b"X: y\0z\r\n\r\n", 400),
        "a NUL in a name": (POST + b"X\0: y\r\n\r\n", 400),
        "no colon": (POST + b"X\r\n\r\n", 400),
        "no name": (POST + b": y\r\n\r\n", 400),
        "no Host": (b"GET /hello HTTP/1.1\r\n\r\n", 400),
        "two Hosts": (b"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        "a Host that is none": (b"GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        "a Host with a user": (b"GET /hello HTTP/1.1\r\nHost: u@h\r\n\r\n", 400),
        "a chunk size that overflows": (POST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n", 413),
        "a signed chunk size": (POST + b"Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n", 400),
        "a chunk size in 0x": (POST + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n", 400),
        "a blank after a chunk size": (POST + b"Transfer-Encoding: chunked\r\n\r\n0 \r\n\r\n", 400),
        "no chunk size": (POST + b"Transfer-Encoding: chunked\r\n\r\n\r\n", 400),
        "a chunk longer than its size": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", 400),
        "a chunk line ended by a line feed": (POST + b"Transfer-Encoding: chunked\r\n\r\n0\n\r\n", 400),
        "a chunk ended by a line feed": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n", 400),
        "a line feed in a chunk extension": (POST + b"Transfer-Encoding: chunked\r\n\r\n0;a\nb\r\n\r\n", 400),
        "a bare line feed in a trailer": (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\nZ: a\r\n\r\n", 400),
        "HTTP/0.9": (b"GET /hello\r\n\r\n", 400),
        "HTTP/2.0": (b"GET /hello HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        "a version in lower case": (b"GET /hello http/1.1\r\nHost: h\r\n\r\n", 400),
        "two blanks in the request line": (b"GET  /hello HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        "a tab in the request line": (b"GET\t/hello HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        "a target that is none": (b"GET hello HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        "a fragment": (b"GET /hello#x HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        "a TLS client": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        "a target that is too long": (b"GET /" + b"a" * 8300 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414),
        "a field that is too long": (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 8300 + b"\r\n\r\n", 431),
        "too many fields": (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 100 + b"\r\n", 431),
        "a head that is too long": (b"GET / HTTP/1.1\r\nHost: h\r\n" + (b"X: " + b"y" * 8000 + b"\r\n") * 5 + b"\r\n", 431),
    }

    def test_each_vector_has_one_answer_and_ends_the_connection_whole_or_in_pieces(self):
        with Server("http_responder") as server:
            self.assertEqual(split_responses(talk(server, get("/smuggled", CLOSE)))[0][0], 404)
            for name, (request, status) in self.VECTORS.items():
                for before in (b"", get("/hello")):
                    with self.subTest(vector=name, pipelined=bool(before)):
                        answers = split_responses(talk(server, before + request + 3 * self.NEXT))
                        self.assertEqual([answer[0] for answer in answers],
                                         [200][:len(before)] + [status])
                        self.assertEqual(answers[-1][1]["connection"], "close")
                with self.subTest(vector=name, in_pieces=True), connect(server) as connection:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        for place in range(0, len(request), max(1, len(request) // 20)):
                            connection.sendall(request[place:place + max(1, len(request) // 20)])
                    answers = split_responses(read_all(connection))
                    self.assertEqual([answer[0] for answer in answers], [status])

    def test_no_answer_repeats_what_was_sent(self):
        with Server("http_responder") as server:
            for request in (get("/<script>alert(1)</script>", CLOSE), b"<script>alert(1)</script>\r\n\r\n",
                            get("/hello", "X<script>: y")):
                self.assertNotIn(b"script", talk(server, request))


class Time(unittest.TestCase):
    """No client may take for ever, and none may delay another."""

    QUICK = ("--head-timeout", "0.3", "--stall-timeout", "0.3")

    def test_a_head_or_a_body_that_does_not_come_is_answered_with_408(self):
        with Server("http_responder", *self.QUICK) as server:
            for begun in (b"GET", b"GET / HTTP/1.1\r\nHost: h\r\nX: ",
                          get("/upload", "Content-Length: 100", method="PUT") + b"abc",
                          get("/upload", "Transfer-Encoding: chunked", method="PUT") + b"5\r\nabc"):
                (status, fields, _), *more = split_responses(talk(server, begun))
                self.assertEqual((status, fields["connection"], more), (408, "close", []))

    def trickle(self, server, begun, piece):
        """Sends one piece after the other until the server ends the connection."""
        with connect(server) as connection:
            connection.sendall(begun)
            ended = threading.Event()

            def send():
                with contextlib.suppress(OSError):
                    while not ended.wait(0.05):
                        connection.sendall(piece)
            sender = threading.Thread(target=send)
            sender.start()
            try:
                return [answer[0] for answer in split_responses(read_all(connection))]
            finally:
                ended.set()
                sender.join()

    def test_trickling_does_not_help(self):
        with Server("http_responder", *self.QUICK) as server:
            self.assertEqual(self.trickle(server, b"GET / HTTP/1.1\r\nHost: h\r\n", b"X: y\r\n"), [408])
            upload = get("/upload", "Content-Length: 1000000", method="PUT")
            self.assertEqual(self.trickle(server, upload, b"x"), [408])

    def test_empty_lines_are_no_request_to_wait_for(self):
        with Server("http_responder", "--idle-timeout", "0.3") as server:
            self.assertEqual(self.trickle(server, get("/hello"), b"\r\n"), [200])

    def test_an_idle_connection_is_closed_without_an_answer(self):
        with Server("http_responder", "--idle-timeout", "1") as server:
            self.assertEqual(talk(server, b""), b"")
            self.assertEqual(len(split_responses(talk(server, get("/hello")))), 1)

    def test_a_client_that_does_not_read_is_reset_and_a_slow_one_is_not(self):
        files = {"big": b"x" * (64 << 20), "small": "s"}
        with serving("--stall-timeout", "1", files=files) as server, connect(server) as slow:
            with connect(server) as stuck:
                stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                stuck.sendall(get("/big"))
                # The kernel acknowledges when a sixteenth of the buffer is free again. That of a
                # buffer of its own choice takes a client on a busy machine more than a second.
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
                slow.sendall(get("/big", CLOSE))
                received = 0
                began = time.monotonic()
                while time.monotonic() - began < 3:
                    received += len(slow.recv(1 << 14))
                    self.assertEqual(ask(server, "/small")[1], b"s")
                rest = read_all(stuck)
                self.assertLess(len(rest), 64 << 20)
            while piece := slow.recv(1 << 20):
                received += len(piece)
            self.assertGreater(received, 64 << 20)

    def test_a_slow_reader_of_what_is_made_for_it_is_cut_off_too(self):
        with Server("http_responder", "--stall-timeout", "0.3") as server, connect(server) as stuck:
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.sendall(get("/download?size=1000000000") * 3)
            with client(server) as watching:
                watching.request("GET", "/events")
                events = watching.getresponse()
                for _ in range(200):  # Lines: two arrive each second.
                    line = events.readline()
                    if line.startswith(b"data: ") and json.loads(line[6:])["connections"] == 1:
                        break
                else:
                    self.fail("it is still connected")

    def test_a_client_that_acknowledges_small_parts_late_is_not_reset(self):
        with Server("http_responder", "--stall-timeout", "0.5") as server, contextlib.ExitStack() as stack:
            crowd = []
            for _ in range(60):
                connection = stack.enter_context(connect(server))
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
                connection.sendall(get("/events"))
                crowd.append(stack.enter_context(connection.makefile("rb")))
                threading.Event().wait(0.01)  # Each connection has another phase.
            for events in crowd:
                told = 0
                while told < 4:
                    line = events.readline()
                    self.assertNotEqual(line, b"", "it was cut off")
                    told += line.startswith(b"data: ")

    def test_many_silent_clients_delay_no_other(self):
        with Server("http_responder") as server, contextlib.ExitStack() as crowd:
            for _ in range(200):
                connection = crowd.enter_context(connect(server))
                connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nX: ")
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda _: ask(server, "/hello")[1], range(200)))
            self.assertEqual(answers, [b"Hello, world!\n"] * 200)


class Program(unittest.TestCase):
    def test_it_stops_in_order_after_the_answers_that_are_under_way(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with Server("http_responder") as server, connect(server) as idle, connect(server) as busy:
                idle.sendall(get("/hello"))
                self.assertTrue(idle.recv(1000).startswith(b"HTTP/1.1 200 OK"))
                busy.sendall(get("/upload", "Content-Length: 3", "Expect: 100-continue", method="PUT"))
                self.assertEqual(busy.recv(1000), b"HTTP/1.1 100 Continue\r\n\r\n")
                server.process.send_signal(number)
                self.assertEqual(idle.recv(1000), b"")
                idle.close()
                busy.sendall(b"abc")
                (status, fields, body), = split_responses(read_all(busy))
                self.assertEqual((status, fields["connection"], body), (200, "close", b"received 3 bytes\n"))
                busy.close()
                self.assertEqual(server.process.wait(TIMEOUT_SECONDS), 0)

    def test_a_client_of_the_live_figures_does_not_prevent_the_stop(self):
        with Server("http_responder") as server, connect(server) as watching:
            watching.sendall(get("/events"))
            self.assertTrue(watching.recv(1000).startswith(b"HTTP/1.1 200 OK"))
            server.process.terminate()
            self.assertEqual(read_all(watching).partition(b"0\r\n\r\n")[1:], (b"0\r\n\r\n", b""))

    def test_it_serves_on_several_threads_and_endpoints(self):
        with tempfile.TemporaryDirectory() as folder:
            with Server("http_responder", "--listen", "127.0.0.1:0", "--listen", f"unix:{folder}/http",
                        "--threads", "3", endpoints=2) as server:
                for _ in range(20):
                    with contextlib.closing(http.client.HTTPConnection(server.endpoints[0])) as connection:
                        connection.request("GET", "/hello")
                        self.assertEqual(connection.getresponse().read(), b"Hello, world!\n")
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.connect(f"{folder}/http")
                    connection.sendall(get("/hello", CLOSE))
                    self.assertTrue(read_all(connection).endswith(b"Hello, world!\n"))

    def test_the_log_has_a_line_for_each_answer_and_nothing_that_could_forge_one(self):
        with Server("http_responder", "--log") as server:
            talk(server, get("/hello") + get('/"GET', CLOSE))
            talk(server, b"\x16\x03\x01\r\n")
            lines = [re.sub(r"^127\.0\.0\.1:\d+ ", "", line) for line in server.errors().splitlines()]
            self.assertEqual(lines, ['"GET /hello HTTP/1.1" 200', '"GET /\'GET HTTP/1.1" 404', '"" 400'])

    def test_it_keeps_serving_when_its_log_is_no_longer_read(self):
        server = subprocess.Popen([program("http_responder"), "--listen", "127.0.0.1:0", "--log"], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with server, contextlib.ExitStack() as stack:
            stack.callback(server.kill)
            server.stderr.close()
            with contextlib.closing(http.client.HTTPConnection(server.stdout.readline().split()[-1])) as connection:
                for _ in range(3):
                    connection.request("GET", "/hello")
                    self.assertEqual(connection.getresponse().read(), b"Hello, world!\n")
            server.terminate()
            self.assertEqual(server.wait(TIMEOUT_SECONDS), 0)

    def test_help_says_what_a_connection_can_hold(self):
        done = run("http_responder", "--help")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"A connection holds at most \d+ KiB")

    def test_a_wrong_command_line_or_root_is_a_clear_error(self):
        for arguments, code, text in ((["--root", "/nowhere"], 1, "error: open folder /nowhere: no such file"),
                                      (["--listen", "nonsense"], 2, "error: "),
                                      (["--idle-timeout", "0"], 2, "--idle-timeout"),
                                      (["--no-such"], 2, "--no-such")):
            done = run("http_responder", *arguments)
            self.assertEqual((done.returncode, done.stdout), (code, ""))
            self.assertIn(text, done.stderr)


@unittest.skipUnless(CURL, "there is no curl")
class Curl(unittest.TestCase):
    def curl(self, *arguments, input=None):
        done = subprocess.run([CURL, "-sS", "--max-time", "60", *map(str, arguments)], input=input,
                              capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_it_downloads_resumes_and_asks_whether_anything_is_new(self):
        content = os.urandom(3 << 20)
        with serving(files={"a.bin": content}) as server, tempfile.TemporaryDirectory() as folder:
            url, file = f"http://{server.endpoint}/a.bin", Path(folder) / "a.bin"
            self.assertEqual(self.curl(url), content)
            self.assertEqual(self.curl("--http1.0", url), content)
            file.write_bytes(content[:1000])
            self.curl("-C", "-", "-o", file, url)
            self.assertEqual(file.read_bytes(), content)
            os.utime(file, (server.folder / "a.bin").stat()[7:9])
            self.assertEqual(self.curl("-z", file, "-w", "%{http_code}", "-o", "/dev/null", url), b"304")
            self.assertEqual(self.curl("-r", "-10", url), content[-10:])

    def test_it_uploads_in_chunks_and_with_expect_and_uses_a_connection_again(self):
        with Server("http_responder") as server:
            url = f"http://{server.endpoint}"
            body = b"x" * 3000000
            self.assertEqual(self.curl("-T", "-", f"{url}/upload", input=body),
                             b"received 3000000 bytes\n")
            self.assertEqual(self.curl("--data-binary", "@-", "-H", "Expect: 100-continue", f"{url}/upload",
                                       input=body), b"received 3000000 bytes\n")
            self.assertEqual(self.curl("--data-binary", "@-", f"{url}/echo", input=b"abc"), b"abc")
            told = self.curl("-o", "/dev/null", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n",
                             f"{url}/hello", f"{url}/download?size=100000")
            self.assertEqual(told, b"200 1\n200 0\n")
            self.assertIn(b"HTTP/1.1 200 OK", self.curl("-I", f"{url}/hello"))


@unittest.skipUnless(WRK, "there is no wrk")
class Wrk(unittest.TestCase):
    def test_it_finds_nothing_to_complain_of_one_by_one_and_pipelined(self):
        pipelined = """
            init = function() all = string.rep(wrk.format("GET"), 16) end
            request = function() return all end
        """
        with serving(files={"small": "s", "large": b"x" * 300000}) as server, tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "pipelined.lua"
            script.write_text(pipelined)
            for target in ("small", "large"):
                for options in ((), ("-s", script)):
                    done = subprocess.run([WRK, "-t1", "-c8", "-d1", *options, f"http://{server.endpoint}/{target}"],
                                          capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertRegex(done.stdout, r"[1-9]\d* requests in")
                    self.assertNotRegex(done.stdout, "Socket errors: connect [1-9]|read [1-9]|write [1-9]|Non-2xx")


@unittest.skipUnless(NC, "there is no nc")
class Netcat(unittest.TestCase):
    def test_a_script_may_send_all_and_end_its_side(self):
        with Server("http_responder") as server:
            done = subprocess.run([NC, "-N", "127.0.0.1", str(server.port)], input=get() + get("/nowhere") + get(),
                                  capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
            self.assertEqual([status for status, _, _ in split_responses(done.stdout)], [200, 404, 200])


if __name__ == "__main__":
    unittest.main()
