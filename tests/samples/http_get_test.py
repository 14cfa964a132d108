"""The client of the HTTP samples, against the responder and against servers that misbehave."""

import contextlib
import hashlib
import os
import pty
import select
import socket
import struct
import subprocess
import sys
import threading
import time
import tty
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import TIMEOUT_SECONDS, Server, program  # noqa: E402


def fetch(*arguments):
    return subprocess.run([program("http_get"), *map(str, arguments)], capture_output=True,
                          timeout=TIMEOUT_SECONDS, check=False)


class Scripted:
    """A server that answers each connection with the next script: a list of byte strings. Each one
    is sent when a request has arrived. Then the server closes."""

    def __init__(self, *scripts):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self._listener.getsockname()[1]
        self.requests = []
        self.client_left = False  # The last client closed without a response.
        self._scripts = scripts
        self._thread = threading.Thread(target=self._serve)

    def _serve(self):
        for script in self._scripts:
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                with connection:
                    connection.settimeout(TIMEOUT_SECONDS)
                    self._answer(connection, script)

    def _answer(self, connection, script):
        for answer in script:
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                piece = connection.recv(1000)
                if not piece:
                    return
                request += piece
            self.requests.append(request.decode())
            connection.sendall(answer)
        if script and script[-1] == b"":
            try:
                self.client_left = connection.recv(1) == b""  # The server sends nothing until then.
            except ConnectionResetError:
                self.client_left = True

    def __enter__(self):
        self._thread.start()
        return self

    def wait(self):
        """Waits until all scripts have ended."""
        self._thread.join()

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(TIMEOUT_SECONDS)


@contextlib.contextmanager
def trickling(begun, piece):
    """The URL of a server that begins a response with `begun`, and then sends `piece` again and
    again until the client closes."""
    def serve():
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(begun)
            while not ended.wait(0.05):
                connection.sendall(piece)

    ended = threading.Event()
    thread = threading.Thread(target=serve)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread.start()
        try:
            yield "http://127.0.0.1:%d" % listener.getsockname()[1]
        finally:
            ended.set()
            thread.join()


def answer(body, status="200 OK", fields=""):
    return f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def read_head(connection):
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        piece = connection.recv(1)
        if not piece:
            return None
        request += piece
    return request.decode()


def peak_kib(process):
    """The peak memory of a running process, in KiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


class Gate:
    """A server that responds only once the gate is open. Parallel fetches get ahead of it
    meanwhile."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d/" % self._listener.getsockname()[1]
        self.open = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def _serve(self):
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                read_head(connection)
                self.open.wait(TIMEOUT_SECONDS)
                connection.sendall(answer("first "))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.open.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(TIMEOUT_SECONDS)
        self._listener.close()


class Impatient:
    """A server that ends the first connection if the client does not read it. Later connections get
    their responses."""

    BODY = os.urandom(1 << 20) * 64

    def __init__(self, gate, tag, reset, changes=False):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d/large" % self._listener.getsockname()[1]
        self._gate, self._tag, self._reset, self._changes = gate, tag, reset, changes
        self.requests = []
        self._thread = threading.Thread(target=self._serve)

    def _serve(self):
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            self.requests.append(read_head(connection))
            connection.sendall(self._head("200 OK", len(self.BODY)))
            connection.setblocking(False)
            rest = memoryview(self.BODY)
            while rest and select.select([], [connection], [], 1)[1]:
                rest = rest[connection.send(rest[:1 << 16]):]
            self.was_held_up = bool(rest)
            if self._reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            self._gate.open.set()
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    self._answer(connection, read_head(connection))

    def _answer(self, connection, request):
        self.requests.append(request)
        fields = dict(line.split(": ", 1) for line in request.split("\r\n")[1:] if line)
        if "Range" not in fields or self._changes:
            connection.sendall(self._head("200 OK", len(self.BODY)) + self.BODY)
            return
        offset = int(fields["Range"].removeprefix("bytes=").removesuffix("-"))
        rest = len(self.BODY) - offset
        content_range = f"Content-Range: bytes {offset}-{len(self.BODY) - 1}/{len(self.BODY)}\r\n"
        connection.sendall(self._head("206 Partial Content", rest, content_range) + self.BODY[offset:])

    def _head(self, status, size, fields=""):
        tag = f"ETag: {self._tag}\r\n" if self._tag else ""
        return f"HTTP/1.1 {status}\r\n{tag}{fields}Content-Length: {size}\r\n\r\n".encode()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(TIMEOUT_SECONDS)
        self._listener.close()


@contextlib.contextmanager
def silent_address(host):
    """A port without an accept or a refusal: the queue of its listener is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((host, 0))
        listener.listen(0)
        for _ in range(4):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        # The kernel accepts the first connection, and does not respond to the next one.
        yield listener.getsockname()[1]


def on_terminal(*arguments, shared=True):
    """Everything that http_get writes to a terminal: its errors and, if it is shared, also the
    bodies. Also returns its standard output, if that is not the terminal."""
    screen, terminal = pty.openpty()
    tty.setraw(terminal)
    process = subprocess.Popen([program("http_get"), *map(str, arguments)], stderr=terminal,
                               stdout=terminal if shared else subprocess.PIPE)
    os.close(terminal)
    shown = b""
    body = []
    reader = threading.Thread(target=lambda: body.append(process.stdout.read() if process.stdout else b""))
    reader.start()
    with contextlib.suppress(OSError):  # EIO: no process has the other side open.
        while piece := os.read(screen, 1 << 16):
            shown += piece
    os.close(screen)
    reader.join()
    if process.stdout:
        process.stdout.close()
    process.wait(TIMEOUT_SECONDS)
    return shown, body[0]


class HttpGet(unittest.TestCase):
    def test_one_body_goes_to_standard_output(self):
        content = os.urandom(3 << 20)
        with TemporaryDirectory() as folder:
            (Path(folder) / "a").write_bytes(content)
            with Server("http_responder", "--root", folder) as server:
                done = fetch(f"http://{server.endpoint}/a")
        self.assertEqual((done.returncode, done.stdout), (0, content))
        self.assertIn(b"200 3145728 bytes", done.stderr)

    def test_many_bodies_come_in_the_order_of_their_urls(self):
        with TemporaryDirectory() as folder:
            for number in range(40):
                (Path(folder) / str(number)).write_text(f"{number} " * (1 + 3000 * (number % 3)))
            with Server("http_responder", "--root", folder) as server:
                urls = [f"http://{server.endpoint}/{number}" for number in range(40)]
                expected = "".join(f"{number} " * (1 + 3000 * (number % 3)) for number in range(40))
                for connections in (1, 4, 50):
                    done = fetch("--connections", connections, *urls)
                    self.assertEqual((done.returncode, done.stdout.decode()), (0, expected))

    def test_a_connection_is_used_again(self):
        with Server("http_responder", "--log") as server:
            done = fetch("--connections", 1, *[f"http://{server.endpoint}/hello"] * 5)
            self.assertEqual(done.stdout, b"Hello, world!\n" * 5)
            clients = {line.split()[0] for line in server.errors().splitlines()}
            self.assertEqual(len(clients), 1)

    def test_a_request_names_its_host_and_nothing_of_the_fragment(self):
        with Scripted([answer("ok")]) as server:
            self.assertEqual(fetch(server.url + "/a?b=c#d").stdout, b"ok")
        line, *fields = server.requests[0].split("\r\n")
        self.assertEqual(line, "GET /a?b=c HTTP/1.1")
        self.assertIn("Host: " + server.url.removeprefix("http://"), fields)

    def test_redirects_are_followed_relative_ones_too_but_not_for_ever(self):
        def to(location, status="302 Found"):
            return answer("elsewhere", status, f"Location: {location}\r\n")
        with Scripted([to("b?x"), to("../c/./d"), to("/e", "308 Permanent Redirect"), to("?f"), to("#g"),
                       answer("there")]) as server:
            self.assertEqual(fetch(server.url + "/1/2/3").stdout, b"there")
            self.assertEqual([request.split()[1] for request in server.requests],
                             ["/1/2/3", "/1/2/b?x", "/1/c/d", "/e", "/e?f", "/e?f"])
        with Scripted([to("/a")] * 20) as server:
            done = fetch("--redirects", 3, server.url)
            self.assertEqual((done.returncode, done.stdout), (1, b""))
            self.assertIn(b"too many redirects", done.stderr)
        for location in ("ftp://h/", "http://u@h/", "javascript:alert(1)"):
            with Scripted([to(location)]) as server:
                self.assertIn(b"redirected to what is no http URL", fetch(server.url).stderr)
        with Scripted([answer("other host")]) as other, Scripted([to(other.url + "/x")]) as server:
            self.assertEqual(fetch(server.url).stdout, b"other host")

    def test_an_error_status_is_an_error(self):
        with Server("http_responder") as server:
            done = fetch(f"http://{server.endpoint}/hello", f"http://{server.endpoint}/missing")
        self.assertEqual((done.returncode, done.stdout), (1, b"Hello, world!\n"))
        self.assertIn(b"/missing: 404 Not Found", done.stderr)

    def test_a_response_that_is_cut_short_or_none_is_an_error(self):
        cases = [(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", b"inside a response"),
                 (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"inside a response"),
                 (b"HTTP/1.1 200 O", b"inside a response"), (b"SSH-2.0-x\r\n", b"not an HTTP version"),
                 (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"Content-Length")]
        for sent, text in cases:
            with self.subTest(sent=sent), Scripted([sent]) as server:
                done = fetch(server.url)
                self.assertEqual(done.returncode, 1)
                self.assertIn(text, done.stderr)

    def test_a_redirect_with_raw_utf8_spaces_or_tabs_leads_where_browsers_go(self):
        def to(location):
            return answer("", "302 Found", f"Location: {location}\r\n")
        leads = [("/café/日本", "/caf%C3%A9/%E6%97%A5%E6%9C%AC"), ("/a b?c d", "/a%20b?c%20d"),
                 ("/a\tb", "/ab"), ("x y/../é", "/%C3%A9"), ("?q=ü", "/%C3%A9?q=%C3%BC"),
                 ("/%20%C3%A9", "/%20%C3%A9"), ("\\back\\slash", "/back/slash"), ('/"<>', "/%22%3C%3E")]
        with Scripted([*[to(location) for location, _ in leads], answer("there")]) as server:
            self.assertEqual(fetch(server.url).stdout, b"there")
            self.assertEqual([request.split(" ")[1] for request in server.requests],
                             ["/", *[target for _, target in leads]])
        # Bytes that are not UTF-8 are encoded unchanged.
        with Scripted([b"HTTP/1.1 302 Found\r\nLocation: /caf\xe9\r\nContent-Length: 0\r\n\r\n",
                       answer("there")]) as server:
            self.assertEqual(fetch(server.url).stdout, b"there")
            self.assertEqual(server.requests[1].split(" ")[1], "/caf%E9")
        with Scripted([answer("other host")]) as other, Scripted([to(f" {other.url}/ü ")]) as server:
            self.assertEqual(fetch(server.url).stdout, b"other host")
            self.assertEqual(other.requests[0].split(" ")[1], "/%C3%BC")

    def test_a_url_may_have_characters_of_any_language(self):
        with Scripted([answer("ok")]) as server:
            port = server.url.rpartition(":")[2]
            done = fetch("--resolve", "bücher.example=127.0.0.1", f"http://BÜCHER.example:{port}/é x?ü=1#ö")
            self.assertEqual((done.returncode, done.stdout), (0, b"ok"))
            line, host = server.requests[0].split("\r\n")[:2]
            self.assertEqual(line, "GET /%C3%A9%20x?%C3%BC=1 HTTP/1.1")
            self.assertEqual(host, f"Host: xn--bcher-kva.example:{port}")
        self.assertIn(b"xn--bcher-kva.invalid", fetch("http://bücher.invalid/").stderr)

    def test_a_body_may_be_ended_by_the_end_of_the_connection(self):
        with Scripted([b"HTTP/1.0 200 OK\r\n\r\nto the end"]) as server:
            self.assertEqual(fetch(server.url).stdout, b"to the end")

    def test_informational_responses_are_passed_over(self):
        with Scripted([b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer("x")]) as server:
            self.assertEqual(fetch(server.url).stdout, b"x")

    def test_a_connection_that_closed_meanwhile_is_made_again(self):
        with Scripted([answer("one")], [answer("two")]) as server:
            done = fetch("--connections", 1, server.url, server.url)
        self.assertEqual((done.returncode, done.stdout), (0, b"onetwo"))

    def test_many_connections_that_closed_meanwhile_are_made_again(self):
        with Scripted(*[[answer(str(number))] for number in range(8)]) as server:
            done = fetch("--connections", 3, *[server.url] * 8)
        self.assertEqual((done.returncode, sorted(done.stdout)), (0, sorted(b"01234567")))

    def test_a_408_on_an_idle_connection_is_no_response(self):
        idle = answer("too late", "408 Request Timeout", "Connection: close\r\n")
        for script in ([answer("one") + idle], [answer("one"), idle]):
            with self.subTest(script=script), Scripted(script, [answer("two")]) as server:
                done = fetch("--connections", 1, server.url, server.url)
                self.assertEqual((done.returncode, done.stdout), (0, b"onetwo"))
        redirect = answer("", "302 Found", "Location: /b\r\n")
        for script in ([redirect + idle], [redirect, idle]):
            with self.subTest(script=script), Scripted(script, [answer("two")]) as server:
                done = fetch(server.url)
                self.assertEqual((done.returncode, done.stdout), (0, b"two"))

    def test_what_a_server_sends_behind_a_response_is_not_taken_for_the_next_one(self):
        redirect = answer("", "302 Found", "Location: /b\r\n")
        with Scripted([redirect + answer("smuggled")], [answer("two")]) as server:
            done = fetch(server.url)
            self.assertEqual((done.returncode, done.stdout), (0, b"two"))

    def test_a_408_on_a_new_connection_is_the_response(self):
        with Scripted([answer("", "408 Request Timeout")]) as server:
            done = fetch(server.url)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"408 Request Timeout", done.stderr)

    def test_an_address_that_is_silent_or_refuses_does_not_keep_from_the_next(self):
        with Server("http_responder", "--listen", "127.0.0.4:0") as server:
            url = f"http://host.example:{server.port}/hello"
            with socket.socket() as silent:
                silent.bind(("127.0.0.2", server.port))
                silent.listen(0)
                with contextlib.ExitStack() as callers:
                    for _ in range(4):
                        caller = callers.enter_context(socket.socket())
                        caller.setblocking(False)
                        caller.connect_ex(silent.getsockname())
                    for first in ("127.0.0.2", "127.0.0.3", "127.0.0.2,127.0.0.3"):
                        began = time.monotonic()
                        done = fetch("--resolve", f"host.example={first},127.0.0.4", "--connect-timeout", 1000,
                                     "--connections", 1, *[url] * 3)
                        self.assertEqual((done.returncode, done.stdout), (0, b"Hello, world!\n" * 3), first)
                        self.assertLess(time.monotonic() - began, TIMEOUT_SECONDS)

    def test_a_silent_address_is_abandoned_after_the_connect_timeout(self):
        with silent_address("127.0.0.2") as port:
            done = fetch("--connect-timeout", 0.3, "--timeout", 1000, f"http://127.0.0.2:{port}/")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, rb"connect 127\.0\.0\.2:\d+: .*timed out")

    def test_a_silent_server_is_abandoned(self):
        with Scripted([b""]) as server:
            done = fetch("--timeout", "0.3", server.url)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"timed out", done.stderr)

    def test_a_server_that_never_finishes_its_response_head_is_abandoned(self):
        for begun, piece in ((b"HTTP/1.1 200 OK\r\nX: ", b"y"), (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
                             (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", b"elsewhere")):
            with self.subTest(begun=begun), trickling(begun, piece) as url:
                done = fetch("--timeout", "0.5", url)
                self.assertEqual(done.returncode, 1)
                self.assertIn(b"timed out", done.stderr)

    def test_a_body_may_take_longer_than_the_timeout_as_long_as_it_comes(self):
        with trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n", b"x") as url:
            self.assertEqual(fetch("--timeout", "2", url).stdout, b"x" * 60)

    def test_the_time_that_the_reader_of_the_output_takes_is_not_the_servers(self):
        with Server("http_responder") as server:
            process = subprocess.Popen(
                [program("http_get"), "--timeout", "0.3", *[f"http://{server.endpoint}/download?size=3000000"] * 2],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            with process:
                threading.Event().wait(1)  # Longer than it takes to fill the pipe.
                body, errors = process.communicate(timeout=TIMEOUT_SECONDS)
            self.assertEqual((process.returncode, len(body)), (0, 6000000), errors)

    def test_an_output_that_is_not_read_delays_no_other_url(self):
        size = 4 << 20  # More than a pipe holds, and more than http_get buffers.
        with Server("http_responder") as server, Scripted([b""]) as silent:
            fetching = subprocess.Popen(
                [program("http_get"), "--timeout", "0.5",
                 f"http://{server.endpoint}/download?size={size}", silent.url + "/"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            with fetching:
                silent.wait()
                self.assertTrue(silent.client_left)  # After its timeout.
                self.assertIsNone(fetching.poll())
                body, errors = fetching.communicate(timeout=TIMEOUT_SECONDS)
        self.assertEqual(len(body), size)
        self.assertEqual(fetching.returncode, 1)
        self.assertRegex(errors.decode(), rf"^200 {size} bytes .*\nerror: {silent.url}/: receive "
                         "from .*: connection timed out\n")

    def test_a_server_that_is_not_there_is_an_error_and_the_others_are_fetched(self):
        with socket.socket() as unused, Server("http_responder") as server:
            unused.bind(("127.0.0.1", 0))
            nobody = "http://127.0.0.1:%d/" % unused.getsockname()[1]
            done = fetch(nobody, f"http://{server.endpoint}/hello", "http://host.invalid/", nobody)
        self.assertEqual((done.returncode, done.stdout), (1, b"Hello, world!\n"))
        self.assertEqual(done.stderr.count(b"connection refused"), 2)
        self.assertIn(b"host.invalid", done.stderr)

    def test_progress_is_shown_on_request(self):
        with Server("http_responder") as server:
            url = f"http://{server.endpoint}/download?size=3000000"
            done = fetch("--progress", url)
            self.assertEqual(len(done.stdout), 3000000)
            self.assertIn(b"\r0 of 1, ", done.stderr)
            self.assertNotIn(b"\r", fetch(url).stderr)

    def test_progress_is_shown_at_a_terminal_that_does_not_show_the_bodies(self):
        with trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", b"x") as url:
            shown, body = on_terminal(url, shared=False)
            self.assertEqual(body, b"x" * 20)
            self.assertIn(b"\r0 of 1, 0.0 MB ", shown)
            self.assertTrue(shown.endswith(b"\r\x1b[K" + f"200 20 bytes {url}/\n".encode()), shown)

    def test_nothing_is_shown_within_a_body_at_the_terminal_that_shows_it(self):
        for options in ((), ("--progress",), ("--no-progress",)):
            with trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", b"x") as url:
                shown, _ = on_terminal(*options, url)
            before, _, rest = shown.partition(b"x")
            self.assertEqual(rest, b"x" * 19 + f"\n200 20 bytes {url}/\n".encode(), options)
            self.assertEqual(before, b"\r0 of 1, 0.0 MB \r\x1b[K" if "--progress" in options else b"")

    def test_at_a_terminal_each_report_follows_its_body_on_a_line_of_its_own(self):
        with Scripted([answer("a")]) as one, Scripted([answer("b\n")]) as two, Scripted([answer("")]) as three:
            shown, _ = on_terminal(one.url, two.url, three.url)
            self.assertEqual(shown.decode(), f"a\n200 1 bytes {one.url}/\nb\n200 2 bytes {two.url}/\n"
                                             f"200 0 bytes {three.url}/\n")

    def test_the_command_line(self):
        self.assertEqual(fetch().returncode, 2)
        for url in ("ftp://h/", "h", "http://", "http://u:p@h/", "/a", "http://h:x/", "http://a\u0301/"):
            done = fetch(url)
            self.assertEqual((done.returncode, done.stdout), (2, b""))
            self.assertIn(f"{url} is no http URL: ".encode(), done.stderr)
        for wrong in ("h", "h=", "h=name", "h=1.2.3.4,", "=1.2.3.4"):
            self.assertEqual(fetch("--resolve", wrong, "http://h/").returncode, 2, wrong)


class Order(unittest.TestCase):
    """Bodies are printed in the order of their URLs, whichever arrive first."""

    def test_large_bodies_in_any_order_take_little_memory(self):
        contents = [os.urandom(1 << 20) * 80 for _ in range(3)]
        with TemporaryDirectory() as folder, Gate() as gate:
            for number, content in enumerate(contents):
                (Path(folder) / str(number)).write_bytes(content)
            with Server("http_responder", "--root", folder) as server:
                process = subprocess.Popen(
                    [program("http_get"), gate.url, *[f"http://{server.endpoint}/{number}" for number in range(3)]],
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                with process.stdout:
                    threading.Event().wait(0.5)  # Meanwhile the other fetches get ahead.
                    gate.open.set()
                    digest, expected = hashlib.sha256(), hashlib.sha256(b"first " + b"".join(contents))
                    left = 6 + sum(map(len, contents))
                    while piece := process.stdout.read(1 << 20):
                        digest.update(piece)
                        left -= len(piece)
                        if left > 1 << 20:  # More than a pipe holds: the process still runs.
                            peak = peak_kib(process)
                process.wait(TIMEOUT_SECONDS)
        self.assertEqual((process.returncode, digest.digest()), (0, expected.digest()))
        if b"__asan_init" not in program("http_get").read_bytes() and \
                b"__tsan_init" not in program("http_get").read_bytes():
            self.assertLess(peak, 80 * 1024)

    def test_the_fetch_that_is_printed_does_not_wait_for_later_ones(self):
        large = [os.urandom(1 << 20) * 40 for _ in range(2)]
        with TemporaryDirectory() as folder:
            for number, content in enumerate(large):
                (Path(folder) / str(number)).write_bytes(content)
            (Path(folder) / "small").write_text("small ")
            with Server("http_responder", "--root", folder) as server:
                to = f"HTTP/1.1 302 Found\r\nLocation: http://{server.endpoint}/small\r\nContent-Length: 0\r\n\r\n"
                late = threading.Event()

                def redirect():
                    connection, _ = listener.accept()
                    with connection:
                        read_head(connection)
                        late.wait(1)  # Until the only connection to the other host is paused.
                        connection.sendall(to.encode())
                with socket.create_server(("127.0.0.1", 0)) as listener:
                    thread = threading.Thread(target=redirect)
                    thread.start()
                    done = fetch("--connections", 1, "http://127.0.0.1:%d/" % listener.getsockname()[1],
                                 *[f"http://{server.endpoint}/{number}" for number in range(2)])
                    thread.join()
        self.assertEqual((done.returncode, done.stdout[:6]), (0, b"small "))
        self.assertEqual(hashlib.sha256(done.stdout[6:]).digest(), hashlib.sha256(b"".join(large)).digest())

    def check_impatient(self, tag, reset, *, ranges):
        with Gate() as gate, Impatient(gate, tag, reset) as server:
            done = fetch(gate.url, server.url)
            self.assertTrue(server.was_held_up)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(hashlib.sha256(done.stdout).digest(),
                             hashlib.sha256(b"first " + server.BODY).digest())
            self.assertIn(b"200 67108864 bytes", done.stderr)
            self.assertEqual(len(server.requests), 2)
            self.assertEqual("Range: bytes=" in server.requests[1], ranges)
            self.assertEqual(f"If-Range: {tag}\r\n" in server.requests[1], ranges)

    def test_a_fetch_that_its_server_resets_while_it_waits_is_continued(self):
        self.check_impatient('"tag"', True, ranges=True)

    def test_a_fetch_that_its_server_closes_while_it_waits_is_continued(self):
        self.check_impatient('"tag"', False, ranges=True)

    def test_a_fetch_that_cannot_be_continued_begins_again(self):
        self.check_impatient(None, True, ranges=False)
        self.check_impatient('W/"weak"', True, ranges=False)

    def test_a_body_of_which_a_part_is_printed_is_not_continued_by_another(self):
        with Gate() as gate, Impatient(gate, '"tag"', False, changes=True) as server:
            done = fetch(gate.url, server.url)
            self.assertTrue(server.was_held_up)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"its content has changed", done.stderr)
            self.assertEqual(done.stdout[6:], server.BODY[:len(done.stdout) - 6])

    def test_a_connection_that_ends_within_a_body_that_was_not_paused_is_an_error(self):
        cut = b'HTTP/1.1 200 OK\r\nETag: "tag"\r\nContent-Length: 10\r\n\r\nabc'
        with Scripted([cut]) as server:
            done = fetch(server.url)
            self.assertEqual((done.returncode, done.stdout, len(server.requests)), (1, b"abc", 1))


if __name__ == "__main__":
    unittest.main()
