"""The programs of samples/first/, each with a client of another kind; README.md and the guide quote
them."""

import http.client
import http.server
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from small_server import BUILD, ROOT, build, receive, serving

FIRST = ROOT / "samples/first"
HAS_TLS = (BUILD / "libuvreactor-tls.a").exists()


def source(name):
    return (FIRST / f"{name}.cpp").read_text()


class FirstPrograms(unittest.TestCase):
    def test_echo_sends_back_what_it_receives(self):
        with serving(source("echo")) as [client]:
            client.sendall(b"hello, ")
            client.sendall(b"world\n")
            self.assertEqual(receive(client, 13), b"hello, world\n")

    def test_coroutine_lines_answers_each_line(self):
        with serving(source("coroutine_lines")) as [client]:
            client.sendall(b"An")
            self.assertEqual(receive(client, 13), b"who are you?\n")
            client.sendall(b"n\nBob\n")
            self.assertEqual(receive(client, 22), b"hello, Ann\nhello, Bob\n")

    def test_line_chat_sends_each_line_to_all_clients(self):
        with serving(source("line_chat"), clients=2) as [ann, bob]:
            bob.sendall(b"here\n")
            receive(bob, 5)
            ann.sendall(b"hel")
            ann.sendall(b"lo\nwor")
            self.assertEqual(receive(bob, 6), b"hello\n")
            bob.close()
            ann.sendall(b"ld\n")
            self.assertEqual(receive(ann, 17), b"here\nhello\nworld\n")

    def test_timer_counts_down_and_ends(self):
        done = subprocess.run([BUILD / "samples/first/timer"], capture_output=True, text=True,
                              timeout=60, check=True)
        self.assertEqual(done.stdout, "3\n2\n1\n")

    def test_udp_echo_sends_back_each_datagram(self):
        with serving(source("udp_echo"), kind=socket.SOCK_DGRAM) as [client]:
            for datagram in (b"hello", b"", b"x" * 1000):
                client.send(datagram)
                self.assertEqual(client.recv(2000), datagram)

    def test_http_hello_greets_by_name_as_often_as_a_connection_wants(self):
        with serving(source("http_hello")) as [client]:
            connection = http.client.HTTPConnection("localhost")
            connection.sock = client
            for method, path, status, body in (
                    ("GET", "/hello/ann", 200, b"hello ann\n"), ("HEAD", "/hello/ann", 200, b""),
                    ("GET", "/", 404, b"404 Not Found: there is no route for this path\n"),
                    ("POST", "/hello/x", 405, b"405 Method Not Allowed: this path has the methods "
                                              b"GET, HEAD, OPTIONS\n"),
                    ("GET", "/hello/%C3%A9", 200, b"hello \xc3\xa9\n")):
                connection.request(method, path)
                response = connection.getresponse()
                self.assertEqual((response.status, response.read()), (status, body))
            client.sendall(b"GET /hello/b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            self.assertTrue(client.makefile("rb").read().endswith(b"\r\n\r\nhello b\n"))

    def test_the_servers_of_the_web_have_fifteen_lines(self):
        for name in ("http_hello", "websocket_echo"):
            self.assertLessEqual(len(source(name).splitlines()) - 1, 15)

    def test_websocket_echo_sends_back_each_message(self):
        with serving(source("websocket_echo")) as [client]:
            client.sendall(b"GET /echo HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                           b"\r\n\x81\x85\0\0\0\0hello\x82\x80\0\0\0\0\x88\x82\0\0\0\0\x03\xe8")
            head, _, frames = client.makefile("rb").read().partition(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n"))
            self.assertIn(b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", head)
            self.assertEqual(frames, b"\x81\x05hello\x82\x00\x88\x02\x03\xe8")

    def test_http_fetch_prints_a_response_and_ends(self):
        class Hello(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = f"hello {self.path}\n".encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server, \
                tempfile.TemporaryDirectory() as folder:
            threading.Thread(target=server.serve_forever).start()
            moved = source("http_fetch").replace(":8080", f":{server.server_address[1]}")
            done = subprocess.run([build(moved, folder)], capture_output=True, text=True,
                                  timeout=60, check=True)
            server.shutdown()
        self.assertEqual((done.stdout, done.stderr), ("200 hello /hello/ann\n", ""))

    @unittest.skipUnless(HAS_TLS and shutil.which("openssl"), "needs TLS and the program openssl")
    def test_tls_echo_encrypts(self):
        with tempfile.TemporaryDirectory() as folder:
            chain, key = Path(folder) / "chain.pem", Path(folder) / "key.pem"
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-keyout", key, "-out", chain, "-subj", "/CN=localhost", "-addext",
                 "subjectAltName=DNS:localhost"], check=True, capture_output=True)
            text = source("tls_echo").replace("chain.pem", str(chain)).replace("key.pem", str(key))
            with serving(text) as [plain]:
                context = ssl.create_default_context(cafile=chain)
                with context.wrap_socket(plain, server_hostname="localhost") as client:
                    client.sendall(b"hello")
                    self.assertEqual(receive(client, 5), b"hello")


class Quotes(unittest.TestCase):
    def test_each_is_short_and_quoted_below_its_first_line(self):
        documents = "".join((ROOT / path).read_text() for path in ("README.md", "docs/guide.md", "docs/tls.md"))
        programs = sorted(FIRST.glob("*.cpp"))
        self.assertEqual(len(programs), 9)
        for path in programs:
            with self.subTest(program=path.stem):
                text = path.read_text()
                self.assertLessEqual(len(text.splitlines()), 25)
                self.assertIn("```cpp\n" + text.split("\n", 1)[1] + "```\n", documents)
                if HAS_TLS or "tls" not in path.stem:
                    self.assertTrue((BUILD / "samples/first" / path.stem).exists())


if __name__ == "__main__":
    unittest.main()
