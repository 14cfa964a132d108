#!/usr/bin/env python3
"""Starts every sample server, runs its client, and shows requests and responses.

Ends with a short throughput table; the exit code is 0 if everything worked. A new sample adds a
function here, which names the sample in `@shows` and yields an Exchange for each thing it shows.
"""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from programs import BUILD, Server, run, write_private

ROOT = Path(__file__).resolve().parent.parent
SHOWS = {}  # Sample → the function that shows it.


@dataclass
class Exchange:
    """One line of the demo: a program, its request, and the response."""
    who: str
    asked: str
    answered: str
    expected: "str | re.Pattern"

    def good(self):
        if isinstance(self.expected, re.Pattern):
            return self.expected.fullmatch(self.answered) is not None
        return self.answered == self.expected


def shows(*names):
    def register(function):
        SHOWS.update(dict.fromkeys(names, function))
        return function
    return register


def ask(client, endpoint, *lines):
    """What a client prints for these lines of input, as one line."""
    return told_by(run(client, endpoint, input="".join(f"{line}\n" for line in lines)))


def told_by(done):
    return " ".join(done.stdout.splitlines()) if done.returncode == 0 else done.stderr.strip()


def secret_file(folder):
    return write_private(Path(folder) / "secret", "a secret of the demo\n")


@shows("request_server", "request_client")
def requests():
    with Server("request_server") as server:
        yield Exchange("request_client", "hello, world",
                       told_by(run("request_client", server.endpoint, "hello", "world")),
                       "HELLO WORLD")


@shows("tcp_echo_server", "tcp_echo_client")
def tcp_echo():
    with Server("tcp_echo_server") as server:
        yield Exchange("tcp_echo_server", "hello", ask("tcp_echo_client", server.endpoint, "hello"),
                       "hello")
    with Server("tcp_echo_server", "--upper") as server:
        yield Exchange("tcp_echo_server --upper", "hello",
                       ask("tcp_echo_client", server.endpoint, "hello"), "HELLO")
    with tempfile.TemporaryDirectory() as folder:
        with Server("tcp_echo_server", "--listen", f"unix:{folder}/echo") as server:
            yield Exchange("tcp_echo_server --listen unix:…", "hello",
                           ask("tcp_echo_client", server.endpoint, "hello"), "hello")
        with Server("tcp_echo_server", "--secret-file", secret_file(folder)) as server:
            done = run("tcp_echo_client", server.endpoint, "--secret-file", secret_file(folder),
                       input="hello\n")
            yield Exchange("tcp_echo_server --secret-file …", "hello",
                           (done.stdout or done.stderr).strip(), "hello")
        if shutil.which("openssl") and "--tls" in run("tcp_echo_client", "--help").stdout:
            yield tls_echo(Path(folder))


def tls_echo(folder):
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate, "-subj",
                    "/CN=demo", "-addext", "subjectAltName=IP:127.0.0.1"], check=True,
                   capture_output=True)
    with Server("tcp_echo_server", "--tls-certificate", certificate, "--tls-key", key) as server:
        done = run("tcp_echo_client", server.endpoint, "--tls", "--tls-ca", certificate,
                   input="hello\n")
        return Exchange("tcp_echo_server --tls-certificate …", "hello",
                        (done.stdout or done.stderr).strip(), "hello")


@shows("readiness_echo_server")
def readiness():
    for style in ("select", "poll", "epoll", "epoll-edge"):
        with Server("readiness_echo_server", "--style", style) as server:
            yield Exchange(f"readiness_echo_server --style {style}", style,
                           ask("tcp_echo_client", server.endpoint, style), style)


@shows("service_echo_server")
def service_echo():
    with Server("service_echo_server") as server:
        yield Exchange("service_echo_server", "hello",
                       ask("tcp_echo_client", server.endpoint, "hello"), "hello")


@shows("chat_server", "chat_client")
def chat():
    with Server("chat_server") as server:
        done = run("chat_client", server.endpoint, "--name", "ann", input="hello\n/nick eve\n/who\n")
        yield Exchange("chat_server", "hello, /nick eve, /who",
                       " | ".join(done.stdout.splitlines()) or done.stderr.strip(),
                       "* ann joined | ann: hello | * ann is now eve | * 1 here: | *   eve")


@shows("dialog")
def dialog():
    with Server("dialog", stdin=subprocess.PIPE) as server:
        server.process.stdin.write("good morning\n")
        server.process.stdin.flush()
        heard = told_by(run("dialog", server.endpoint, input="hello\n"))
        yield Exchange("dialog --listen …", "hello", f"{server.line()} | {heard}",
                       "hello | good morning")


@shows("remote_command_server", "remote_command_client")
def remote_command():
    with tempfile.TemporaryDirectory() as folder:
        secret = ("--secret-file", secret_file(folder))
        with Server("remote_command_server", *secret, "--allow", "echo") as server:
            for line, expected in (("echo hello", "hello"),
                                   ("id", "this server does not run id error: a command failed")):
                done = run("remote_command_client", server.endpoint, *secret, input=f"{line}\n")
                yield Exchange("remote_command_server --allow echo", line,
                               " ".join((done.stdout + done.stderr).splitlines()), expected)


@shows("file_server", "file_client")
def files():
    with tempfile.TemporaryDirectory() as folder:
        accounts = ("--accounts", f"{folder}/accounts")
        run("file_server", *accounts, "--add-user", "ann", "--quota", "1M", input="sesame\n")
        with Server("file_server", *accounts, "--root", folder) as server:
            done = run("file_client", server.endpoint, "--user", "ann", "put", __file__,
                       input="sesame\n")
            yield Exchange("file_server", "put demo.py", done.stdout.strip() or done.stderr.strip(),
                           re.compile(r".*demo\.py: \d+ bytes, .*/s"))
            done = run("file_client", server.endpoint, "--user", "ann",
                       input="sesame\nmkdir folder\nrm demo.py\nls\n")
            yield Exchange("file_server", "mkdir folder, rm demo.py, ls",
                           " ".join((done.stdout + done.stderr).split()), "- folder/")


@shows("kv_server")
def kv():
    with Server("kv_server") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"SET greeting hello EX 60\r\nGET greeting\r\nTTL greeting\r\nQUIT\r\n")
            with client.makefile() as replies:
                told = " ".join(replies.read().split())
        yield Exchange("kv_server", "SET greeting hello EX 60, GET, TTL", told, "+OK $5 hello :60 +OK")


@shows("websocket_chat")
def websocket_chat():
    with Server("websocket_chat") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET /rooms/lobby?name=ann HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
                           b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                           b"\x81\x82\0\0\0\0hi\x88\x80\0\0\0\0")
            with client.makefile("rb") as frames:
                told = frames.read().rpartition(b"\r\n\r\n")[2]
        yield Exchange("websocket_chat", "ann enters the lobby: hi", repr(told),
                       repr(b"\x81\x0c* ann joined\x81\x0b* here: ann\x81\x07ann: hi\x88\x00"))


@shows("tcp_relay")
def relay():
    with Server("tcp_echo_server", "--upper") as behind:
        with Server("tcp_relay", "--to", behind.endpoint) as server:
            yield Exchange("tcp_relay --to tcp_echo_server", "through",
                           ask("tcp_echo_client", server.endpoint, "through"), "THROUGH")


@shows("replicated_log")
def replicated_log():
    with tempfile.TemporaryDirectory() as folder:
        with Server("replicated_log", "--data", f"{folder}/log") as server:
            for _ in range(100):  # Until the lease of a node before it has ended.
                answered = ask("tcp_echo_client", server.endpoint, "add hello", "list")
                if "not the leader" not in answered:
                    break
                time.sleep(0.05)
            yield Exchange("replicated_log", "add hello, list", answered, "added hello end")


@shows("udp_echo_server", "udp_echo_client")
def udp_echo():
    with Server("udp_echo_server", "--upper") as server:
        yield Exchange("udp_echo_server --upper", "hello",
                       ask("udp_echo_client", server.endpoint, "hello"), "HELLO")


@shows("udp_time_server", "udp_time_client")
def udp_time():
    with Server("udp_time_server", "--sntp", "127.0.0.1:0", "--time", "127.0.0.1:0", "--daytime",
                "127.0.0.1:0", endpoints=4, env={**os.environ, "TZ": "UTC"}) as server:
        text, sntp, seconds, daytime = server.endpoints
        for asked, arguments, shape in (
                ("1700000000", (text, "1700000000"), r"2023-11-14 22:13:20"),
                ("%A", (text, "%A"), r"\w+day"),
                ("SNTP", (sntp, "--sntp"), r"offset [+-]0\.00\d+ s, delay 0\.0\d+ s, stratum 10"),
                ("TIME", (seconds, "--time"), r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
                ("DAYTIME", (daytime, "--daytime", "--tcp"), r"\w+day, .*-UTC")):
            yield Exchange("udp_time_server", asked, told_by(run("udp_time_client", *arguments)),
                           re.compile(shape))


@shows("broadcast_sender", "broadcast_receiver")
def broadcast():
    with Server("broadcast_receiver", "--listen", "0.0.0.0:0", "--reply", "kitchen") as first:
        endpoint = f"0.0.0.0:{first.port}"
        with Server("broadcast_receiver", "--listen", endpoint, "--reply", "garden"):
            done = run("broadcast_sender", "--to", f"127.255.255.255:{first.port}", "--count", 1,
                       "--interval", 0.5)
            replies = re.findall(r"^reply from [\d.:]+: (\w+)", done.stdout, re.MULTILINE)
            yield Exchange("broadcast_receiver, two of them", "Who is there?",
                           " ".join(sorted(replies)) or done.stderr.strip(), "garden kitchen")


@shows("ping")
def ping():
    done = run("ping", "127.0.0.1", "--count", 2, "--interval", 0.1)
    needs_right = "CAP_NET_RAW" in done.stderr  # Without the right, ping can only report that.
    yield Exchange("ping", "127.0.0.1, twice", done.stderr.strip() or done.stdout.splitlines()[-2],
                   re.compile(r"error: .*CAP_NET_RAW.*" if needs_right else
                              r"2 packets transmitted, 2 received, 0% packet loss, time \d+ms"))


@shows("udp_chat")
def udp_chat():
    with Server("udp_chat", stdin=subprocess.PIPE) as ann:
        run("udp_chat", "--listen", "127.0.0.1:0", "--peer", f"ann={ann.endpoint}",
            input="ann: hello\n")
        yield Exchange("udp_chat", "ann: hello", ann.line(), re.compile(r"127\.0\.0\.1:\d+: hello"))


@shows("http_responder", "http_get")
def http():
    with Server("http_responder") as server:
        done = run("http_get", *[f"http://{server.endpoint}{path}" for path in ("/hello", "/hello")])
        yield Exchange("http_responder", "GET /hello, twice", done.stdout.replace("\n", " ").strip(),
                       "Hello, world! Hello, world!")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "index.html").write_text("<p>served</p>")
        with Server("http_responder", "--root", folder) as server:
            done = run("http_get", f"http://{server.endpoint}/")
            yield Exchange("http_responder --root …", "GET /", done.stdout, "<p>served</p>")


@shows("frame_inspector")
def inspector():
    done = run("frame_inspector", "--protocol", "delimiter", "--option", "mode=line",
               input="hello\nworld\nun")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    frames = [base64.b64decode(frame["frame_b64"]).decode() for frame in told if "frame_b64" in frame]
    yield Exchange("frame_inspector --protocol delimiter", r"hello\nworld\nun",
                   " | ".join(frames) + f" | {told[-1]['end']}" if told else done.stderr.strip(),
                   "hello | world | incomplete")


def throughput():
    """Runs a short benchmark next to bare epoll. True if it worked."""
    with tempfile.TemporaryDirectory() as results:
        return subprocess.run(
            [sys.executable, ROOT / "bench/run.py", "echo", "--quick", "--servers", "uvreactor",
             "--cases", "64 B, 100 ", "--build", BUILD, "--results", results],
            check=False).returncode == 0


def main():
    built = {path.name for path in (BUILD / "samples").glob("*")
             if path.is_file() and path.stat().st_mode & 0o100}
    failed = [f"{name}: this demo does not show it" for name in sorted(built - set(SHOWS))]
    for show in dict.fromkeys(SHOWS.values()):
        try:
            for exchange in show():
                good = exchange.good()
                print(f"{'  ok' if good else 'FAIL'}  {exchange.who:40} "
                      f"{exchange.asked}  →  {exchange.answered}", flush=True)
                if not good:
                    failed.append(f"{exchange.who}: {exchange.expected!r} was expected")
        except (AssertionError, OSError, subprocess.SubprocessError) as problem:
            print(f"FAIL  {show.__name__}: {problem}", flush=True)
            failed.append(show.__name__)
    print("\nThroughput beside a bare epoll server (`./dev bench` measures with care):\n", flush=True)
    if not throughput():
        failed.append("throughput")
    for problem in failed:
        print(f"failed: {problem}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
