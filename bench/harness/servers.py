"""The servers that can be measured, by the name that benchmarks use."""

import functools
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

BASELINE = "epoll"     # The baseline of every ratio.
AGAIN = "epoll again"  # The same server again: the distance of its ratio from 1 is the noise floor.
OURS = "uvreactor"
CANNOT_RUN_HERE = 77


@dataclass(frozen=True)
class Server:
    """An echo server: a program of the build folder, or a script of bench/."""
    program: str
    arguments: tuple = ()
    can_answer_each: bool = True       # It can send a response for each message: `--message SIZE`.
    package: str = ""                  # The Debian package to install when the program is absent.
    interpreter: str = ""
    runs: str = ""                     # A program that the server starts.

    def command(self, build, options=()):
        script = Path(__file__).parent.parent / self.program
        path = [self.interpreter, str(script)] if self.interpreter else [
            str(build / "bench" / self.program)]
        return path + list(self.arguments) + list(options)

    def why_not(self, build):
        """Why the server cannot be measured here; empty when it can."""
        if self.interpreter:
            path = os.environ.get("PATH", "") + ":/usr/sbin"
            there = all(shutil.which(tool, path=path) for tool in (self.interpreter, self.runs) if tool)
            return "" if there else f"Debian package {self.package}"
        if not (build / "bench" / self.program).exists():
            return f"not built: Debian package {self.package}" if self.package else "not built"
        return _refusal(tuple(self.command(build))) if "uring" in self.program else ""


@functools.cache
def _refusal(command):
    """The message of a server that cannot run on this kernel (exit code 77); empty when it can."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.terminate()
    _, why = process.communicate()
    return why.strip() if process.returncode == CANNOT_RUN_HERE else ""


SERVERS = {
    BASELINE: Server("peers/epoll_echo"),
    AGAIN: Server("peers/epoll_echo"),
    "epoll 512 KiB": Server("peers/epoll_echo", ("--buffer", str(512 << 10))),
    "epoll edge": Server("peers/epoll_edge_echo"),
    OURS: Server("echo_server"),
    "libuv": Server("peers/uv_echo"),
    "libuv uv_write": Server("peers/uv_echo", ("--idiom", "write"), can_answer_each=False),
    "asio": Server("peers/asio_echo", can_answer_each=False, package="libasio-dev"),
    "asio wait": Server("peers/asio_echo", ("--idiom", "wait"), can_answer_each=False,
                        package="libasio-dev"),
    "asio awaitable": Server("peers/asio_echo", ("--idiom", "awaitable"), can_answer_each=False,
                             package="libasio-dev"),
    "libevent": Server("peers/libevent_echo", package="libevent-dev"),
    "libevent raw": Server("peers/libevent_echo", ("--idiom", "raw"), package="libevent-dev"),
    "libev": Server("peers/ev_echo", package="libev-dev"),
    "io_uring": Server("peers/uring_echo", can_answer_each=False, package="liburing-dev"),
    "io_uring single": Server("peers/uring_echo", ("--idiom", "single"), can_answer_each=False,
                              package="liburing-dev"),
    "asyncio": Server("peers/asyncio_echo.py", package="python3", interpreter="python3"),
    "node": Server("peers/node_echo.js", package="nodejs", interpreter="node"),
}

HTTP_SERVERS = {
    BASELINE: Server("peers/epoll_http"),
    AGAIN: Server("peers/epoll_http"),
    OURS: Server("http_server"),
    "nginx": Server("peers/nginx_http.py", package="nginx-light", interpreter="python3", runs="nginx"),
    "libh2o": Server("peers/h2o_http", package="libh2o-evloop-dev"),
    "Boost.Beast": Server("peers/beast_http", package="libboost-dev"),
    "evhttp": Server("peers/evhttp_http", package="libevent-dev"),
    "cpp-httplib": Server("peers/httplib_http", package="libcpp-httplib-dev"),
    "node http": Server("peers/node_http.js", package="nodejs", interpreter="node"),
}

TLS_SERVERS = {
    BASELINE: Server("peers/epoll_tls", package="libssl-dev"),
    AGAIN: Server("peers/epoll_tls", package="libssl-dev"),
    "epoll lean": Server("peers/epoll_tls", ("--idiom", "lean"), package="libssl-dev"),
    OURS: Server("tls_server", package="libssl-dev"),
    "asio": Server("peers/asio_tls", package="libasio-dev"),
    "libevent": Server("peers/libevent_tls", package="libevent-dev"),
}

QUICK = (BASELINE, AGAIN, OURS, "libuv")
ALL = tuple(name for name in SERVERS if name != "epoll 512 KiB")
COMPILED = tuple(name for name in ALL if not SERVERS[name].interpreter)


def framed_servers(framing):
    """The servers that cut the stream into messages, each with the tools of its library."""
    options = ("--framing", framing)
    return {BASELINE: Server("peers/epoll_framed", options),
            AGAIN: Server("peers/epoll_framed", options),
            OURS: Server("echo_server", options),
            "asio": Server("peers/asio_framed", options, package="libasio-dev"),
            "libevent": Server("peers/libevent_framed", options, package="libevent-dev")}
