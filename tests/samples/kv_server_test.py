"""kv_server by raw bytes, and by Redis' own clients where they are installed."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import TIMEOUT_SECONDS, Server, run  # noqa: E402

try:
    import redis
except ImportError:
    redis = None


class Client:
    """A connection that sends words and reads replies, in either version of RESP."""

    def __init__(self, server):
        if server.endpoint.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(TIMEOUT_SECONDS)
            self.socket.connect(server.endpoint.removeprefix("unix:"))
        else:
            self.socket = socket.create_connection(("127.0.0.1", server.port), TIMEOUT_SECONDS)
        self.received = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.received.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def command(self, *words):
        self.send(request(*words))
        return self.reply()

    def reply(self):
        line = self.received.readline()
        kind, text = line[:1], line[1:-2]
        if kind == b"$":
            return None if text == b"-1" else self.received.read(int(text) + 2)[:-2]
        if kind == b"=":
            return self.received.read(int(text) + 2)[4:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(text))]
        if kind == b"%":
            return {self.reply(): self.reply() for _ in range(int(text))}
        if kind == b":":
            return int(text)
        if kind == b"_":
            return None
        return line[:-2].decode()  # With its type, so that an error is no text; empty at the end.

    def ends(self):
        return self.received.read() == b""


def request(*words):
    encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word)
                                                 for word in encoded)


class KvServer(unittest.TestCase):
    @contextlib.contextmanager
    def client(self, *options):
        with Server("kv_server", *options) as server, Client(server) as client:
            yield client

    def check(self, client, *table):
        for command, expected in table:
            with self.subTest(command=command):
                words = command if isinstance(command, tuple) else command.split()
                self.assertEqual(client.command(*words), expected)

    def test_a_command_that_is_wrong_is_refused_in_the_words_of_redis(self):
        with self.client() as client:
            self.check(
                client,
                ("nonesuch a b", "-ERR unknown command 'nonesuch', with args beginning with: 'a' 'b' "),
                ("GET", "-ERR wrong number of arguments for 'get' command"),
                ("GET a b", "-ERR wrong number of arguments for 'get' command"),
                ("PING a b", "-ERR wrong number of arguments for 'ping' command"),
                ("MSET a 1 b", "-ERR wrong number of arguments for 'mset' command"),
                ("SET a 1 EX", "-ERR syntax error"),
                ("SET a 1 NX XX", "-ERR syntax error"),
                ("SET a 1 EX 1 PX 1", "-ERR syntax error"),
                ("SET a 1 EX 1 KEEPTTL", "-ERR syntax error"),
                ("SET a 1 EX x", "-ERR value is not an integer or out of range"),
                ("SET a 1 EX 0", "-ERR invalid expire time in 'set' command"),
                ("SET a 1 EX 9223372036854775807", "-ERR invalid expire time in 'set' command"),
                ("EXPIRE a 9223372036854775807", "-ERR invalid expire time in 'expire' command"),
                ("SELECT 1", "-ERR DB index is out of range"),
                ("HELLO 4", "-NOPROTO unsupported protocol version"),
                ("DBSIZE", 0))

    def test_values_are_kept_whatever_their_bytes(self):
        binary = bytes(range(256))
        with self.client() as client:
            self.check(
                client,
                ("GET a", None), ("SET a 1", "+OK"), ("GET a", b"1"), (("SET", b"", b""), "+OK"),
                (("GET", b""), b""), (("SET", binary, binary), "+OK"), (("GET", binary), binary),
                ("EXISTS a b a", 2), ("DEL a b", 1), ("GET a", None), ("DBSIZE", 2),
                ("MSET a 1 b 2", "+OK"), ("MGET a b c", [b"1", b"2", None]),
                ("TYPE a", "+string"), ("TYPE c", "+none"), ("APPEND a 23", 3), ("STRLEN a", 3),
                ("FLUSHALL", "+OK"), ("DBSIZE", 0), ("ECHO hi", b"hi"), ("PING", "+PONG"),
                ("PING hi", b"hi"))

    def test_set_obeys_its_conditions(self):
        with self.client() as client:
            self.check(
                client,
                ("SET a 1 XX", None), ("GET a", None), ("SET a 1 NX", "+OK"), ("SET a 2 nx", None),
                ("GET a", b"1"), ("SET a 2 XX GET", b"1"), ("SET a 3 NX GET", b"2"), ("GET a", b"2"),
                ("SET b 1 GET", None), ("GET b", b"1"), ("SETNX b 2", 0), ("SETNX c 2", 1),
                ("SET a 1 EX 100", "+OK"), ("TTL a", 100), ("SET a 2 KEEPTTL", "+OK"),
                ("TTL a", 100), ("SET a 3", "+OK"), ("TTL a", -1))

    def test_numbers_count_and_do_not_overflow(self):
        with self.client() as client:
            self.check(
                client,
                ("INCR n", 1), ("INCRBY n 41", 42), ("DECR n", 41), ("DECRBY n 42", -1),
                ("GET n", b"-1"), ("SET n 9223372036854775807", "+OK"),
                ("INCR n", "-ERR increment or decrement would overflow"),
                ("DECRBY n -9223372036854775808", "-ERR decrement would overflow"),
                ("GET n", b"9223372036854775807"), ("SET n x", "+OK"),
                ("INCR n", "-ERR value is not an integer or out of range"),
                ("SET n 01", "+OK"), ("INCR n", "-ERR value is not an integer or out of range"),
                ("INCRBY n 1.5", "-ERR value is not an integer or out of range"))

    def test_a_key_expires_when_it_is_used_and_also_when_it_is_not(self):
        with self.client() as client:
            self.check(
                client,
                ("TTL a", -2), ("EXPIRE a 10", 0), ("SET a 1", "+OK"), ("EXPIRE a 10", 1),
                ("EXPIRE a 5 GT", 0), ("EXPIRE a 20 NX", 0), ("EXPIRE a 20 XX", 1), ("TTL a", 20),
                ("PERSIST a", 1), ("PERSIST a", 0), ("TTL a", -1), ("EXPIRE a -1", 1),
                ("EXISTS a", 0), ("SET b 1 EX 1000", "+OK"))
            for number in range(3000):
                client.send(request("SET", f"key{number}", "x", "PX", 1 + number % 20))
            for _ in range(3000):
                self.assertEqual(client.reply(), "+OK")
            while client.command("DBSIZE") > 1:
                pass
            self.assertIn(b"expired_keys:3000", client.command("INFO"))
            client.command("SET", "c", "1", "PX", "1")
            while client.command("GET", "c") is not None:
                pass

    def test_hello_changes_the_version(self):
        with self.client() as client:
            hello = client.command("HELLO")
            self.assertEqual(hello[hello.index(b"proto") + 1], 2)
            hello = client.command("HELLO", "3", "SETNAME", "ann")
            self.assertEqual((hello[b"proto"], hello[b"server"]), (3, b"redis"))
            self.assertEqual(client.command("CLIENT", "GETNAME"), b"ann")
            client.send(request("GET", "a"))
            self.assertEqual(client.received.readline(), b"_\r\n")
            self.assertEqual(client.command("CONFIG", "GET", "save"), {b"save": b""})
            self.assertIn(b"role:master", client.command("INFO"))

    def test_requests_may_arrive_together_or_byte_by_byte(self):
        wire = request("SET", "a", "1") + b"INCR a\r\n" + request("GET", "a")
        with self.client() as client:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for pieces in ([wire * 1000], [wire[i:i + 1] for i in range(len(wire))]):
                for piece in pieces:
                    client.send(piece)
                for _ in range(1000 if len(pieces) == 1 else 1):
                    self.assertEqual([client.reply() for _ in range(3)], ["+OK", 2, b"2"])

    def test_a_malformed_request_gets_an_error_after_earlier_replies(self):
        for wire in (b"*1\r\n:1\r\n", b"*x\r\n", b"*1\r\n$9999999999\r\n", b"*99999999\r\n",
                     b"GET \"a\r\n"):
            with self.subTest(wire=wire), self.client() as client:
                client.send(request("PING") + wire)
                self.assertEqual(client.reply(), "+PONG")
                self.assertTrue(client.reply().startswith("-ERR Protocol error: "))
                self.assertTrue(client.ends())

    def test_quit_is_answered_before_the_end(self):
        with self.client() as client:
            client.send(request("QUIT") + request("PING"))
            self.assertEqual(client.reply(), "+OK")
            self.assertTrue(client.ends())

    def test_a_page_in_a_browser_cannot_send_commands(self):
        with Server("kv_server") as server, Client(server) as client, Client(server) as other:
            with contextlib.suppress(ConnectionError):
                client.send(b"POST / HTTP/1.1\r\nHost: a\r\n\r\nSET a 1\r\n")
                self.assertTrue(client.ends())
            self.assertEqual(other.command("DBSIZE"), 0)

    def test_writes_beyond_the_memory_limit_are_refused_and_reads_are_not(self):
        refused = "-OOM command not allowed when used memory > 'maxmemory'."
        with self.client("--max-memory", "100000") as client:
            self.check(
                client,
                (("SET", "a", "x" * 90000), "+OK"), (("SET", "b", "x" * 20000), refused),
                (("MSET", "b", "1", "c", "x" * 20000), refused), ("GET b", None),
                (("APPEND", "a", "x" * 20000), refused), ("STRLEN a", 90000),
                (("SET", "a", "y"), "+OK"), (("SET", "b", "x" * 20000), "+OK"), ("GET a", b"y"))
            for number in range(1000):
                last = client.command("SET", f"key{number}", "")
            self.assertEqual(last, refused)
            self.assertEqual(client.command("FLUSHALL"), "+OK")
            self.assertEqual(client.command("INCR", "n"), 1)

    def test_a_reply_that_is_too_long_is_refused(self):
        with self.client() as client:
            client.command("SET", "a", "x" * 1000000)
            self.assertEqual(client.command("MGET", *["a"] * 20), "-ERR the reply is too long")
            self.assertEqual(len(client.command("MGET", *["a"] * 5)), 5)

    def test_a_client_that_does_not_read_delays_no_other(self):
        with Server("kv_server") as server, Client(server) as deaf, Client(server) as other:
            self.assertEqual(other.command("SET", "a", "x" * 1000000), "+OK")
            deaf.socket.settimeout(1)
            with contextlib.suppress(TimeoutError):
                for _ in range(100000):
                    deaf.send(request("GET", "a"))
            self.assertEqual(other.command("PING"), "+PONG")

    def test_listens_on_a_unix_socket_too(self):
        with tempfile.TemporaryDirectory() as folder, \
                self.client("--listen", f"unix:{folder}/kv") as client:
            self.assertEqual(client.command("PING"), "+PONG")

    def test_a_limit_that_is_no_number_is_a_wrong_command_line(self):
        done = run("kv_server", "--max-memory", "x")
        self.assertEqual((done.returncode, done.stdout), (2, ""))


@unittest.skipUnless(shutil.which("redis-cli"), "redis-cli is not installed")
class RedisCli(unittest.TestCase):
    def test_it_works_in_both_versions(self):
        with Server("kv_server") as server:
            for version in ("-2", "-3"):
                for command, expected in (("set a hello", "OK"), ("get a", "hello"),
                                          ("exists a", "1"), ("mget a b", "hello\n")):
                    done = subprocess.run(
                        ["redis-cli", version, "-p", str(server.port), *command.split()],
                        capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True)
                    self.assertEqual(done.stdout, expected + "\n")


@unittest.skipUnless(shutil.which("redis-benchmark"), "redis-benchmark is not installed")
class RedisBenchmark(unittest.TestCase):
    def test_every_request_is_answered(self):
        with Server("kv_server") as server:
            done = subprocess.run(
                ["redis-benchmark", "-p", str(server.port), "-n", "2000", "-P", "16", "--csv",
                 "-t", "ping,set,get,incr,mset"],
                capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True)
            self.assertIn('"GET"', done.stdout)
            self.assertNotIn("rror", done.stdout + done.stderr)


@unittest.skipUnless(redis, "python3-redis is not installed")
class RedisPy(unittest.TestCase):
    def test_a_pipeline_and_single_commands(self):
        with Server("kv_server") as server:
            with redis.Redis(port=server.port, socket_timeout=TIMEOUT_SECONDS,
                             client_name="ann") as client:
                self.assertTrue(client.ping())
                self.assertTrue(client.set("a", b"\0\r\n", ex=100))
                self.assertEqual(client.get("a"), b"\0\r\n")
                self.assertEqual(client.ttl("a"), 100)
                self.assertIsNone(client.set("a", 1, nx=True))
                with client.pipeline(transaction=False) as pipeline:
                    for _ in range(1000):
                        pipeline.incr("n")
                    self.assertEqual(pipeline.execute(), list(range(1, 1001)))
                self.assertEqual(client.info()["role"], "master")
                with self.assertRaises(redis.ResponseError):
                    client.incr("a")
                self.assertTrue(client.flushall())


if __name__ == "__main__":
    unittest.main()
