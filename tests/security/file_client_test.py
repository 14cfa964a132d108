"""file_client and a hostile server: one that knows the account, and sends anything it likes."""

import base64
import hashlib
import hmac
import json
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "samples"))
from challenge import receive  # noqa: E402
from programs import TIMEOUT_SECONDS, program, run, write_private  # noqa: E402

PASSWORD = b"open sesame"


class HostileServer:
    """Lets one client log in, and sends the given reply to its first request."""

    def __init__(self, header, payload=b"", announced=None):
        self.answer = {**header, "data_size": len(payload) if announced is None else announced}
        self.payload = payload
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.settimeout(TIMEOUT_SECONDS)
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()
        self.listening.close()

    @property
    def endpoint(self):
        return "127.0.0.1:%d" % self.listening.getsockname()[1]

    def serve(self):
        with self.listening.accept()[0] as self.client:
            self.client.settimeout(TIMEOUT_SECONDS)
            first = self.hear()["message"].partition(",,")[2]
            nonce = first.partition("r=")[2] + "x"
            salt = b"salt"
            challenge = f"r={nonce},s={base64.b64encode(salt).decode()},i=4096"
            self.say({"type": "challenge", "message": challenge, "data_size": 0})
            last = self.hear()["message"].rpartition(",p=")[0]
            salted = hashlib.pbkdf2_hmac("sha256", PASSWORD, salt, 4096)
            key = hmac.digest(salted, b"Server Key", "sha256")
            signature = hmac.digest(key, f"{first},{challenge},{last}".encode(), "sha256")
            message = "v=" + base64.b64encode(signature).decode()
            self.say({"type": "welcome", "message": message, "data_size": 0})
            if self.hear() is not None:
                try:
                    self.say(self.answer)
                    self.client.sendall(self.payload)
                except OSError:
                    return  # The client has closed.
                while self.hear() is not None:
                    pass

    def hear(self):
        try:
            length = receive(self.client, 4)
            return json.loads(receive(self.client, *struct.unpack("<i", length))) if length else None
        except OSError:
            return None

    def say(self, header):
        text = json.dumps(header).encode()
        self.client.sendall(struct.pack("<i", len(text)) + text)


class HostileServerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        write_private(self.folder / "password", PASSWORD.decode() + "\n")
        if "without OpenSSL" in run("file_client", "127.0.0.1:0", "--user", "ann",
                                    "--password-file", self.folder / "password", "ls").stderr:
            self.skipTest("built without OpenSSL")

    def client(self, server, *command):
        return subprocess.run(
            [program("file_client"), server.endpoint, "--user", "ann", "--password-file",
             self.folder / "password", *command], cwd=self.folder, check=False,
            capture_output=True, timeout=TIMEOUT_SECONDS)

    def assert_makes_no_sense(self, command, header, payload=b"", announced=None,
                              reason=b"makes no sense"):
        with HostileServer(header, payload, announced) as server:
            done = self.client(server, *command)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(reason, done.stderr, done)
        for text in (done.stdout, done.stderr):
            self.assertFalse(any(byte < 32 and byte != 10 for byte in text), text)
            self.assertNotIn("\u009b".encode(), text)

    def test_a_listing_of_entries_that_are_none_is_refused_and_nothing_of_it_is_shown(self):
        good = {"name": "a", "kind": "file", "size": 5}
        for wrong in ({"name": 5}, {"name": None}, {"name": ""}, {"name": "%"}, {"name": ["a"]},
                      {"kind": "\u009b31m"}, {"kind": 1}, {"kind": None}, {"size": "\u009b31m"},
                      {"size": -1}, {"size": 1.5}, {"size": 10 ** 30}, {"size": None},
                      {"size": [[]]}, {"name": "a" * 2000}):
            with self.subTest(wrong=wrong):
                entry = {key: value for key, value in {**good, **wrong}.items()}
                lines = json.dumps(good) + "\n" + json.dumps(entry, ensure_ascii=False) + "\n"
                self.assert_makes_no_sense(["ls"], {"type": "listing"}, lines.encode())
        for line in (b"5", b"[]", b"null", b"", b"{", b"\xff", b"{}", b'{"name":"a"}',
                     b'{"kind":"file","size":5}', b'{"name":"a","kind":"file"}', b"\x1b[31m"):
            with self.subTest(line=line):
                self.assert_makes_no_sense(["ls"], {"type": "listing"}, line + b"\n")

    def test_nested_arrays_are_refused_however_many(self):
        self.assert_makes_no_sense(["ls"], {"type": "listing"}, b"[" * 65536)
        self.assert_makes_no_sense(["ls"], {"type": "listing"}, b"[" * 2_000_000,
                                   reason=b"too long")

    def test_a_page_of_a_listing_that_is_too_long_is_refused_before_it_is_read(self):
        for announced in (65537, 1 << 50):
            self.assert_makes_no_sense(["ls"], {"type": "listing"}, announced=announced,
                                       reason=b"too long")

    def test_pages_without_entries_are_not_waited_out(self):
        self.assert_makes_no_sense(["ls"], {"type": "listing", "more": True})
        for wrong in (1, "true", None, []):
            self.assert_makes_no_sense(["ls"], {"type": "listing", "more": wrong})

    def test_unsolicited_responses_are_refused(self):
        (self.folder / "a").write_bytes(b"hello")
        for command in (["ls"], ["put", "a"], ["get", "b"], ["mkdir", "x"], ["quota"]):
            for header in ({"type": "welcome", "message": ""}, {"type": "listing"},
                           {"type": "ready", "offset": 1 << 60, "sha256": ""},
                           {"type": "stored"}, {"type": "sent", "sha256": ""},
                           {"type": "file", "size": 1, "offset": 2}, {"type": ["ls"]}, {}):
                if command == ["ls"] and header == {"type": "listing"}:
                    continue
                with self.subTest(command=command, header=header), \
                        HostileServer(header) as server:
                    done = self.client(server, *command)
                    self.assertEqual(done.returncode, 1, done)

    def test_numbers_that_are_none_are_refused(self):
        for wrong in ("5", -1, 1.5, None, [], {}):
            with self.subTest(wrong=wrong):
                self.assert_makes_no_sense(["quota"], {"type": "quota", "used_bytes": wrong,
                                                       "quota_bytes": 5})
                self.assert_makes_no_sense(["get", "a"], {"type": "file", "size": wrong,
                                                          "offset": 0})

    def test_a_reason_cannot_command_the_terminal(self):
        with HostileServer({"type": "error", "reason": "\x1b[31m\u009b\u202e no"}) as server:
            done = self.client(server, "ls")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"\\x1b[31m\\xc2\\x9b\\xe2\\x80\\xae no", done.stderr)


if __name__ == "__main__":
    unittest.main()
