"""The client of the HTTP samples, against the responder and against servers that misbehave."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import PATIENCE_SECONDS, Server, program  # noqa: E402


def fetch(*arguments):
    return subprocess.run([program("http_get"), *map(str, arguments)], capture_output=True,
                          timeout=PATIENCE_SECONDS, check=False)


class Scripted:
    """A server that answers each connection by the next script: a list of byte strings, each sent
    when a request has come. Then it closes."""

    def __init__(self, *scripts):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self._listener.getsockname()[1]
        self.requests = []
        self._scripts = scripts
        self._thread = threading.Thread(target=self._serve)

    def _serve(self):
        for script in self._scripts:
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                with connection:
                    connection.settimeout(PATIENCE_SECONDS)
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
            connection.recv(1)  # Says nothing until the client has gone.

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE_SECONDS)


@contextlib.contextmanager
def trickling(begun, piece):
    """The URL of a server that begins an answer so, and goes on by the same piece until the client has gone."""
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


class HttpGet(unittest.TestCase):
    def test_one_body_goes_to_standard_output(self):
        content = os.urandom(3 << 20)
        with TemporaryDirectory() as folder:
            (Path(folder) / "a").write_bytes(content)
            with Server("http_responder", "--root", folder) as server:
                done = fetch(f"http://{server.endpoint}/a")
        self.assertEqual((done.returncode, done.stdout), (0, content))
        self.assertIn(b"200 3145728 bytes", done.stderr)

    def test_many_come_in_the_order_in_which_they_were_asked_for(self):
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
        for location in ("https://h/", "ftp://h/", "http://u@h/", "javascript:alert(1)"):
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

    def test_a_server_that_says_nothing_is_given_up(self):
        with Scripted([b""]) as server:
            done = fetch("--timeout", "0.3", server.url)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"timed out", done.stderr)

    def test_a_server_that_never_comes_to_the_answer_is_given_up(self):
        for begun, piece in ((b"HTTP/1.1 200 OK\r\nX: ", b"y"), (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
                             (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", b"elsewhere")):
            with self.subTest(begun=begun), trickling(begun, piece) as url:
                done = fetch("--timeout", "0.5", url)
                self.assertEqual(done.returncode, 1)
                self.assertIn(b"timed out", done.stderr)

    def test_a_body_may_take_longer_than_the_timeout_as_long_as_it_comes(self):
        with trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n", b"x") as url:
            self.assertEqual(fetch("--timeout", "2", url).stdout, b"x" * 60)

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

    def test_the_command_line(self):
        self.assertEqual(fetch().returncode, 2)
        for url in ("https://h/", "h", "http://", "http://u:p@h/", "/a", "http://h:x/"):
            done = fetch(url)
            self.assertEqual((done.returncode, done.stderr), (1, f"error: {url} is no http URL\n".encode()))


if __name__ == "__main__":
    unittest.main()
