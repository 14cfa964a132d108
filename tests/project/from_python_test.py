"""docs/from-python-sockets.md gives the counterpart of every name of Python's three modules."""

import re
import select
import socket
import socketserver
import unittest
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs/from-python-sockets.md"


def names():
    """Calls and classes, and what these have: no constants, and nothing of other systems."""
    def public(thing):
        return {name for name in dir(thing) if re.match(r"[a-z]", name)}
    yield from (name for name in socket.__all__ if not name.isupper() and "_" not in name[:3])
    yield from public(socket.socket) | public(select) | public(select.epoll)
    yield from socketserver.__all__
    for server in (socketserver.TCPServer, socketserver.UDPServer, socketserver.ThreadingMixIn,
                   socketserver.ForkingMixIn, socketserver.StreamRequestHandler):
        yield from public(server)


class FromPython(unittest.TestCase):
    def test_every_call_and_class_is_on_the_page(self):
        code = "\n".join(re.findall(r"^```.*?^```|`[^`]+`", PAGE.read_text(), re.MULTILINE | re.DOTALL))
        words = set(re.findall(r"\w+", code))
        ignored = {"ioctl", "share", "PIPE_BUF", "type", "proto"}
        self.assertEqual(sorted({name for name in names() if name not in words | ignored
                                 and not re.match(r"(AF|SOCK|SO|IP|MSG|EAI|NI|AI|BT|CAN)_", name)}), [])


if __name__ == "__main__":
    unittest.main()
