"""The servers that can be measured, by the name that questions give them."""

import shutil
from dataclasses import dataclass
from pathlib import Path

LIMIT = "epoll"        # Every ratio is to this one.
AGAIN = "epoll again"  # The same once more: how far its ratio is from 1 is what a run cannot resolve.
OURS = "uvreactor"


@dataclass(frozen=True)
class Server:
    """An echo server: a program of the build folder, or a script of bench/."""
    program: str
    arguments: tuple = ()
    message_option: str = "--message"  # Answers each message by a send of its own; None: it cannot.
    package: str = ""                  # The Debian package that it is missing when it is not there.
    interpreter: str = ""

    def command(self, build, options=()):
        script = Path(__file__).parent.parent / self.program
        path = [self.interpreter, str(script)] if self.interpreter else [
            str(build / "bench" / self.program)]
        return path + list(self.arguments) + list(options)

    def why_not(self, build):
        """Why it cannot be measured here; empty when it can."""
        if self.interpreter:
            return "" if shutil.which(self.interpreter) else f"Debian package {self.package}"
        if (build / "bench" / self.program).exists():
            return ""
        return f"not built: Debian package {self.package}" if self.package else "not built"


SERVERS = {
    LIMIT: Server("peers/epoll_echo"),
    AGAIN: Server("peers/epoll_echo"),
    "epoll 512 KiB": Server("peers/epoll_echo", ("--buffer", str(512 << 10))),
    "epoll edge": Server("peers/epoll_edge_echo"),
    OURS: Server("echo_server", message_option="--messages"),
    "libuv": Server("peers/uv_echo"),
    "libuv uv_write": Server("peers/uv_echo", ("--idiom", "write"), message_option=None),
    "asio": Server("peers/asio_echo", message_option=None, package="libasio-dev"),
    "asio wait": Server("peers/asio_echo", ("--idiom", "wait"), message_option=None,
                        package="libasio-dev"),
    "asio awaitable": Server("peers/asio_echo", ("--idiom", "awaitable"), message_option=None,
                             package="libasio-dev"),
    "libevent": Server("peers/libevent_echo", package="libevent-dev"),
    "libevent raw": Server("peers/libevent_echo", ("--idiom", "raw"), package="libevent-dev"),
    "libev": Server("peers/ev_echo", package="libev-dev"),
    "asyncio": Server("peers/asyncio_echo.py", package="python3", interpreter="python3"),
    "node": Server("peers/node_echo.js", package="nodejs", interpreter="node"),
}

QUICK = (LIMIT, AGAIN, OURS, "libuv")
ALL = tuple(name for name in SERVERS if name != "epoll 512 KiB")
COMPILED = tuple(name for name in ALL if not SERVERS[name].interpreter)
