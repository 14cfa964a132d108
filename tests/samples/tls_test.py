"""The samples speak TLS with each other and with the programs of others."""

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import TIMEOUT_SECONDS, Server, program, run, write_private  # noqa: E402

HAS_TLS = "--tls" in subprocess.run([program("tcp_echo_client"), "--help"], text=True,
                                    capture_output=True, check=True).stdout
OPENSSL = shutil.which("openssl")


def free_port():
    """A port for a server that cannot choose one itself."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def openssl(*arguments, **options):
    return subprocess.run([OPENSSL, *map(str, arguments)], check=True, capture_output=True,
                          timeout=TIMEOUT_SECONDS, **options)


PATH_OF_SERVERS = os.environ.get("PATH", "") + ":/usr/sbin"


class Site:
    """An authority, and the certificate that it has issued for `localhost` and 127.0.0.1."""

    def __init__(self, folder, days=30, rsa=False):
        self.ca = folder / "ca.pem"
        self.certificate = folder / "server.pem"
        self.key = folder / "server.key"
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", "-x509", *key, "-keyout", folder / "ca.key", "-out", self.ca,
                "-subj", "/CN=test authority", "-days", days)
        if rsa:
            key = ["-newkey", "rsa:2048", "-nodes"]
        openssl("req", *key, "-keyout", self.key, "-out", folder / "request.pem",
                "-subj", "/CN=server")
        names = folder / "names"
        names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        openssl("x509", "-req", "-in", folder / "request.pem", "-CA", self.ca,
                "-CAkey", folder / "ca.key", "-CAcreateserial", "-out", self.certificate,
                "-days", days, "-extfile", names)

    def of_server(self):
        return ["--tls-certificate", self.certificate, "--tls-key", self.key]

    def of_client(self):
        return ["--tls", "--tls-ca", self.ca]


@unittest.skipUnless(HAS_TLS, "built without TLS")
@unittest.skipUnless(OPENSSL, "needs the program openssl")
class TlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls._folder = tempfile.TemporaryDirectory()
        cls.folder = Path(cls._folder.name)
        cls.site = Site(cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls._folder.cleanup()


class Programs(TlsTest):
    def test_a_bad_file_is_an_error_before_listening(self):
        refused = run("tcp_echo_server", "--listen", "127.0.0.1:0", "--tls-certificate",
                      "/no/such.pem", "--tls-key", self.site.key)
        self.assertEqual(refused.returncode, 1)
        self.assertEqual(refused.stdout, "")
        self.assertEqual(refused.stderr, "error: read /no/such.pem: no such file or directory\n")

    def test_a_certificate_without_a_key_is_a_wrong_command_line(self):
        refused = run("tcp_echo_server", "--tls-certificate", self.site.certificate)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("--tls-certificate requires --tls-key", refused.stderr)

    def test_echo(self):
        with Server("tcp_echo_server", *self.site.of_server(), "--threads", 2) as server:
            client = run("tcp_echo_client", server.endpoint, *self.site.of_client(), input="hello\n")
            self.assertEqual((client.stdout, client.stderr, client.returncode), ("hello\n", "", 0))

    def test_a_client_refuses_a_server_that_it_does_not_know(self):
        with Server("tcp_echo_server", *self.site.of_server()) as server:
            client = run("tcp_echo_client", server.endpoint, "--tls", input="hello\n")
            self.assertEqual(client.returncode, 1)
            self.assertEqual(client.stderr,
                             f"error: TLS handshake with {server.endpoint}: the issuer of the "
                             "certificate is unknown (CN=server: issued by CN=test authority)\n")

    def test_a_client_refuses_a_server_with_another_name(self):
        with Server("tcp_echo_server", *self.site.of_server()) as server:
            client = run("tcp_echo_client", server.endpoint, *self.site.of_client(),
                         "--tls-name", "other.example", input="hello\n")
            self.assertIn("host name mismatch (the certificate is for localhost, 127.0.0.1, not "
                          "for other.example)", client.stderr)

    def test_a_client_without_tls_is_named_in_the_log_and_closed(self):
        with Server("tcp_echo_server", *self.site.of_server()) as server:
            with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as plain:
                plain.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(4096):
                    pass
        self.assertIn("the peer does not speak TLS (it has sent an HTTP request in clear)",
                      server.errors())

    def test_chat(self):
        with Server("chat_server", *self.site.of_server()) as server:
            client = run("chat_client", server.endpoint, *self.site.of_client(), "--name", "ann",
                         input="hello\n/quit\n")
            self.assertEqual(client.returncode, 0, client.stderr)
            self.assertIn("ann: hello\n", client.stdout)

    def test_remote_command(self):
        secret = write_private(self.folder / "secret", "a secret that nobody can guess")
        with Server("remote_command_server", "--secret-file", secret,
                    *self.site.of_server()) as server:
            client = run("remote_command_client", server.endpoint, "--secret-file", secret,
                         *self.site.of_client(), "echo", "hello")
            self.assertEqual((client.stdout, client.stderr), ("hello\n", ""))

    def test_file_transfer(self):
        accounts = self.folder / "accounts.json"
        password = write_private(self.folder / "password", "correct horse battery staple\n")
        root = self.folder / "root"
        root.mkdir()
        added = run("file_server", "--accounts", accounts, "--add-user", "ann", "--password-file",
                    password)
        self.assertEqual(added.returncode, 0, added.stderr)
        sent = self.folder / "sent"
        sent.write_bytes(bytes(range(256)) * 20_000)
        received = self.folder / "received"
        received.mkdir()
        with Server("file_server", "--accounts", accounts, "--root", root,
                    *self.site.of_server()) as server:
            for command in (["put", sent], ["get", "sent"]):
                client = subprocess.run(
                    [program("file_client"), server.endpoint, "--user", "ann", "--password-file",
                     password, *self.site.of_client(), *command], cwd=received, text=True,
                    capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
                self.assertEqual(client.returncode, 0, client.stderr)
        self.assertEqual((received / "sent").read_bytes(), sent.read_bytes())

    def test_http_responder_has_resources_of_https(self):
        context = ssl.create_default_context(cafile=self.site.ca)
        with Server("http_responder", *self.site.of_server()) as server:
            for scheme, status in (("https", b"200"), ("http", b"421")):
                with self.subTest(scheme), socket.create_connection(
                        ("127.0.0.1", server.port), TIMEOUT_SECONDS) as plain, \
                        context.wrap_socket(plain, server_hostname="localhost") as connection:
                    connection.sendall(f"GET {scheme}://localhost/hello HTTP/1.1\r\n"
                                       "Host: localhost\r\n\r\n".encode())
                    self.assertEqual(connection.recv(4096).split()[1], status)

    def test_http_get_fetches_https_and_verifies_the_server(self):
        with Server("http_responder", *self.site.of_server()) as server:
            url = f"https://localhost:{server.port}/hello"
            done = run("http_get", "--tls-ca", self.site.ca, url, url)
            self.assertEqual((done.returncode, done.stdout), (0, "Hello, world!\n" * 2), done.stderr)
            unknown = run("http_get", url)
            self.assertEqual((unknown.returncode, unknown.stdout), (1, ""))
            self.assertIn(f"error: {url}: TLS handshake with ", unknown.stderr)
            self.assertIn("the issuer of the certificate is unknown", unknown.stderr)
            other = run("http_get", "--tls-ca", self.site.ca, "--resolve",
                        "other.example=127.0.0.1", f"https://other.example:{server.port}/hello")
            self.assertIn("host name mismatch", other.stderr)

    def test_http_get_follows_a_redirect_from_http_to_https(self):
        with Server("http_responder", *self.site.of_server()) as server, \
                socket.create_server(("127.0.0.1", 0)) as listener:
            def redirect():
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\nLocation: "
                                       b"https://localhost:%d/hello\r\n\r\n" % server.port)
            thread = threading.Thread(target=redirect)
            thread.start()
            done = run("http_get", "--tls-ca", self.site.ca,
                       "http://127.0.0.1:%d/" % listener.getsockname()[1])
            thread.join()
            self.assertEqual((done.returncode, done.stdout), (0, "Hello, world!\n"), done.stderr)
            self.assertIn(f"200 14 bytes https://localhost:{server.port}/hello", done.stderr)

    def test_a_relay_terminates_tls_and_another_originates_it(self):
        with contextlib.ExitStack() as stack:
            echo = stack.enter_context(Server("tcp_echo_server"))
            inner = stack.enter_context(
                Server("tcp_relay", "--to", echo.endpoint, *self.site.of_server()))
            outer = stack.enter_context(
                Server("tcp_relay", "--to", inner.endpoint, *self.site.of_client()))
            client = run("tcp_echo_client", outer.endpoint, input="through both\n")
            self.assertEqual((client.stdout, client.stderr), ("through both\n", ""))


class Reload(TlsTest):
    def setUp(self):
        self.installed = self.folder / "installed"
        self.installed.mkdir(exist_ok=True)
        self.install(self.site)

    def install(self, site):
        for name in ("server.pem", "server.key"):
            shutil.copy(site.certificate.with_name(name), self.installed / name)

    def options(self):
        return ["--tls-certificate", self.installed / "server.pem",
                "--tls-key", self.installed / "server.key"]

    def shown(self, server):
        """Returns the certificate that the server shows, in PEM."""
        return ssl.get_server_certificate(("127.0.0.1", server.port), timeout=TIMEOUT_SECONDS)

    def hang_up(self, server, times):
        """Sends SIGHUP, for that many times now, and returns what the server reports."""
        server.process.send_signal(signal.SIGHUP)
        give_up = time.monotonic() + TIMEOUT_SECONDS
        while len(reports := re.findall("^SIGHUP: .+$", server.errors(), re.M)) < times:
            self.assertLess(time.monotonic(), give_up, server.errors())
            with contextlib.suppress(OSError):
                self.shown(server)  # The server works on.
        return reports[-1]

    def test_sighup_reads_the_files_again_and_a_failure_keeps_the_old_ones(self):
        old = self.site.certificate.read_text()
        other_folder = self.folder / "other"
        other_folder.mkdir()
        other = Site(other_folder)
        with Server("tcp_echo_server", "--threads", 2, *self.options()) as server:
            self.assertEqual(self.shown(server), old)
            (self.installed / "server.key").write_text("no key\n")
            self.assertEqual(self.hang_up(server, 1),
                             f"SIGHUP: read {self.installed}/server.key: unusable file "
                             "(it has no private key in PEM form)")
            self.assertEqual(self.shown(server), old)
            self.install(other)
            self.assertEqual(self.hang_up(server, 2),
                             "SIGHUP: the certificate and the key were read again")
            self.assertEqual(self.shown(server), other.certificate.read_text())

    def test_each_server_reloads(self):
        secret = write_private(self.folder / "secret", "a secret that nobody can guess")
        for name, *options in (("http_responder",), ("chat_server",), ("websocket_chat",),
                               ("remote_command_server", "--secret-file", secret),
                               ("file_server", "--accounts", self.folder / "accounts"),
                               ("tcp_relay", "--to", "127.0.0.1:1")):
            with self.subTest(name), Server(name, *options, *self.options()) as server:
                self.assertEqual(self.hang_up(server, 1),
                                 "SIGHUP: the certificate and the key were read again")


class PeersOfOthers(TlsTest):
    @contextlib.contextmanager
    def daemon(self, *command):
        """A server of others, which ends with the block."""
        process = subprocess.Popen([*map(str, command)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env={**os.environ, "PATH": PATH_OF_SERVERS})
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def until_listening(self, port):
        give_up = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < give_up:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
        self.fail("it does not listen")

    @unittest.skipUnless(shutil.which("nginx", path=PATH_OF_SERVERS), "needs nginx")
    def test_our_client_fetches_from_nginx(self):
        prefix = self.folder / "nginx"
        prefix.mkdir()
        (prefix / "page.txt").write_bytes(b"0123456789" * 20_000)
        for version in ("TLSv1.2", "TLSv1.3"):
            port = free_port()
            (prefix / "nginx.conf").write_text(f"""
                daemon off; master_process off; pid {prefix}/pid; error_log stderr;
                events {{}}
                http {{
                  access_log off; client_body_temp_path {prefix}; proxy_temp_path {prefix};
                  fastcgi_temp_path {prefix}; uwsgi_temp_path {prefix}; scgi_temp_path {prefix};
                  server {{
                    listen 127.0.0.1:{port} ssl; ssl_protocols {version}; root {prefix};
                    ssl_certificate {self.site.certificate}; ssl_certificate_key {self.site.key};
                  }}
                }}""")
            with self.subTest(version), self.daemon("nginx", "-p", prefix, "-e", "stderr",
                                                    "-c", prefix / "nginx.conf"):
                self.until_listening(port)
                url = f"https://localhost:{port}/page.txt"
                done = run("http_get", "--tls-ca", self.site.ca, url, url)
                self.assertEqual((done.returncode, done.stdout),
                                 (0, "0123456789" * 40_000), done.stderr)

    @unittest.skipUnless(shutil.which("stunnel"), "needs stunnel")
    def test_stunnel_on_either_side(self):
        with Server("tcp_echo_server", *self.site.of_server()) as echo, \
                Server("tcp_echo_server") as plain:
            to_tls, from_tls = free_port(), free_port()
            config = self.folder / "stunnel.conf"
            config.write_text(f"""
                foreground = yes
                pid =
                [client]
                client = yes
                accept = 127.0.0.1:{to_tls}
                connect = {echo.endpoint}
                CAfile = {self.site.ca}
                verifyChain = yes
                checkHost = localhost
                [server]
                accept = 127.0.0.1:{from_tls}
                connect = {plain.endpoint}
                cert = {self.site.certificate}
                key = {self.site.key}
                """)
            text = "".join(f"line {number}\n" for number in range(5000))
            with self.daemon("stunnel", config):
                self.until_listening(to_tls)
                self.until_listening(from_tls)
                for port, options in ((to_tls, []), (from_tls, self.site.of_client())):
                    with self.subTest(port == to_tls):
                        client = run("tcp_echo_client", f"127.0.0.1:{port}", *options, input=text)
                        self.assertEqual((client.stdout, client.stderr), (text, ""))

    @unittest.skipUnless(shutil.which("sslscan"), "needs sslscan")
    def test_sslscan_finds_nothing_weak(self):
        folder = self.folder / "rsa"
        folder.mkdir()
        # More ciphers serve an RSA key than one on a curve.
        with Server("http_responder", *Site(folder, rsa=True).of_server()) as server:
            scan = subprocess.run(["sslscan", "--no-colour", server.endpoint], text=True, check=True,
                                  capture_output=True, timeout=TIMEOUT_SECONDS).stdout
        for version in ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"):
            self.assertRegex(scan, f"{version} +disabled")
        self.assertIn("Session renegotiation not supported", scan)
        self.assertIn("Server supports TLS Fallback SCSV", scan)
        self.assertNotRegex(scan, "(?<!not )vulnerable")
        ciphers = re.findall(r"(?:Preferred|Accepted) +(\S+) +(\d+) bits +(\S+)", scan)
        self.assertEqual({version for version, _, _ in ciphers}, {"TLSv1.2", "TLSv1.3"})
        for version, bits, cipher in ciphers:
            with self.subTest(cipher):
                self.assertGreaterEqual(int(bits), 128)
                self.assertRegex(cipher, "^(TLS_|ECDHE-|DHE-)")  # Forward secrecy.
                self.assertNotRegex(cipher, "RC4|DES|NULL|MD5|anon|EXP")

    @unittest.skipUnless(shutil.which("curl"), "needs curl")
    def test_curl_fetches_pages_and_files(self):
        page = self.folder / "page.html"
        page.write_bytes(b"<p>" + b"0123456789" * 100_000)
        with Server("http_responder", "--root", self.folder, *self.site.of_server()) as server:
            url = f"https://localhost:{server.port}/page.html"
            for version in ("--tlsv1.2", "--tlsv1.3"):
                with self.subTest(version):
                    fetched = subprocess.run(
                        ["curl", "--silent", "--show-error", version, "--tls-max", version[-3:],
                         "--cacert", self.site.ca, "--resolve", f"localhost:{server.port}:127.0.0.1",
                         url, url], capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
                    self.assertEqual((fetched.returncode, fetched.stderr), (0, b""))
                    self.assertEqual(fetched.stdout, page.read_bytes() * 2)

    def s_client(self, server, *options, text="hello\n"):
        """Sends the text by openssl s_client, and returns all that it prints."""
        client = subprocess.Popen(
            [OPENSSL, "s_client", "-connect", server.endpoint, "-CAfile", self.site.ca,
             "-verify_return_error", "-servername", "localhost", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            client.stdin.write(text)
            client.stdin.flush()
            lines = []
            for line in client.stdout:
                lines.append(line)
                if line == text.upper():
                    break
            client.stdin.close()
            client.stdin = None
            rest, _ = client.communicate(timeout=TIMEOUT_SECONDS)
            return "".join(lines) + rest
        finally:
            client.kill()
            client.wait()

    def test_openssl_by_each_version(self):
        with Server("tcp_echo_server", "--upper", *self.site.of_server()) as server:
            for version in ("-tls1_2", "-tls1_3"):
                with self.subTest(version):
                    printed = self.s_client(server, version)
                    self.assertIn("HELLO", printed)
                    self.assertIn("Verify return code: 0 (ok)", printed)

    def test_openssl_is_refused_with_older_versions(self):
        with Server("tcp_echo_server", *self.site.of_server()) as server:
            for version in ("-tls1", "-tls1_1"):
                client = subprocess.run(
                    [OPENSSL, "s_client", "-connect", server.endpoint, version,
                     "-cipher", "DEFAULT@SECLEVEL=0"],
                    input="", text=True, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
                self.assertNotEqual(client.returncode, 0)

    def test_openssl_resumes_a_session(self):
        with Server("tcp_echo_server", "--upper", *self.site.of_server()) as server:
            for version in ("-tls1_2", "-tls1_3"):
                with self.subTest(version):
                    session = self.folder / f"session{version}"
                    self.s_client(server, version, "-sess_out", session)
                    self.assertIn("Reused, TLSv1", self.s_client(server, version, "-sess_in", session))

    def test_renegotiation_is_refused(self):
        with Server("tcp_echo_server", "--upper", *self.site.of_server()) as server:
            client = subprocess.run(
                [OPENSSL, "s_client", "-connect", server.endpoint, "-tls1_2"], input="R\n",
                text=True, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
            self.assertIn("no renegotiation", client.stdout + client.stderr)

    def test_python(self):
        context = ssl.create_default_context(cafile=self.site.ca)
        data = bytes(range(256)) * 4000
        with Server("tcp_echo_server", *self.site.of_server()) as server, \
                socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS) as plain, \
                context.wrap_socket(plain, server_hostname="localhost") as connection:
            received = b""
            for start in range(0, len(data), 50_000):
                connection.sendall(data[start:start + 50_000])
                while len(received) < min(start + 50_000, len(data)):
                    received += connection.recv(65536)
            self.assertEqual(received, data)
            connection.unwrap()  # Waits for the close_notify of the server.

    @unittest.skipUnless(shutil.which("gnutls-cli"), "needs gnutls-cli")
    def test_gnutls(self):
        with Server("tcp_echo_server", *self.site.of_server()) as server:
            client = subprocess.run(
                ["gnutls-cli", "--x509cafile", self.site.ca, "--verify-hostname", "localhost",
                 "-p", str(server.port), "127.0.0.1"],
                input="hello\n", text=True, capture_output=True, timeout=TIMEOUT_SECONDS,
                check=False)
            self.assertIn("The certificate is trusted", client.stdout)

    def test_our_client_speaks_with_openssl_s_server(self):
        for version in ("-tls1_2", "-tls1_3"):
            with self.subTest(version), socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
                free.close()
                server = subprocess.Popen(
                    [OPENSSL, "s_server", "-accept", f"127.0.0.1:{port}", "-cert",
                     self.site.certificate, "-key", self.site.key, "-rev", version],
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                try:
                    for line in server.stdout:
                        if line.startswith("ACCEPT"):
                            break
                    client = run("tcp_echo_client", f"127.0.0.1:{port}", *self.site.of_client(),
                                 input="hello\n")
                    self.assertIn("olleh\n", client.stdout)
                finally:
                    server.kill()
                    server.communicate()


if __name__ == "__main__":
    unittest.main()
