"""The programs that a person types to, tested by what the screen shows."""

import contextlib
import os
import random
import signal
import socket
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from programs import TIMEOUT_SECONDS, Server, program, run, write_private  # noqa: E402
from terminal import Terminal, width  # noqa: E402

CTRL_C, CTRL_D, CTRL_W, CTRL_Z = "\x03", "\x04", "\x17", "\x1a"
BACKSPACE = "\x7f"
HINT = "(Ctrl-C drops a line, Ctrl-D ends, Ctrl-Z suspends)"
HAS_OPENSSL = "without OpenSSL" not in run("remote_command_client", "127.0.0.1:0", "--secret-file",
                                           __file__).stderr


class Interactive:
    """An interactive client: the server it needs, its command line and its prompt."""

    def __init__(self, name, prompt="> ", server=None, arguments=(), catches=()):
        self.name = name
        self.prompt = prompt
        self.server = server
        self.arguments = arguments
        self.catches = catches  # The signals after which it ends with exit code 0.

    def __repr__(self):
        return self.name

    @contextlib.contextmanager
    def at_terminal(self, folder, **size):
        """Runs the client at a terminal, until its prompt is on the screen."""
        with contextlib.ExitStack() as stack:
            arguments = [str(argument).format(folder=folder) for argument in self.arguments]
            if self.server:
                options = [option.format(folder=folder) for option in self.server[1:]]
                server = stack.enter_context(Server(self.server[0], *options))
                arguments.insert(0, server.endpoint)
            terminal = stack.enter_context(
                Terminal(program(self.name), *arguments, cwd=folder, **size))
            terminal.until(lambda screen: screen.lines() and screen.lines()[-1] + " " == self.prompt
                           and screen.column == len(self.prompt), "the prompt")
            yield terminal


ECHO = Interactive("tcp_echo_client", server=("tcp_echo_server", "--idle-timeout", "0"))
CLIENTS = [
    ECHO,
    Interactive("udp_echo_client", server=("udp_echo_server",)),
    Interactive("chat_client", server=("chat_server",)),
    Interactive("dialog", server=("dialog",)),
    Interactive("udp_chat", arguments=("--listen", "127.0.0.1:0"),
                catches=(signal.SIGINT, signal.SIGTERM)),
]
if HAS_OPENSSL:
    CLIENTS += [
        Interactive("remote_command_client", "remote> ",
                    ("remote_command_server", "--secret-file", "{folder}/secret"),
                    ("--secret-file", "{folder}/secret")),
        Interactive("file_client", "files> ",
                    ("file_server", "--accounts", "{folder}/accounts", "--root", "{folder}"),
                    ("--user", "ann", "--password-file", "{folder}/secret")),
    ]


class TerminalTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        write_private(cls.folder / "secret", "open sesame\n")
        if HAS_OPENSSL:
            done = run("file_server", "--accounts", cls.folder / "accounts", "--add-user", "ann",
                       input="open sesame\n")
            assert done.returncode == 0, done.stderr

    def with_each_client(self, check):
        """Calls check(client, terminal) for each client, at a terminal that shows its prompt."""
        for client in CLIENTS:
            with self.subTest(client=client), client.at_terminal(self.folder) as terminal:
                check(client, terminal)


def layout(prompt, line, cursor, columns):
    """The rows of a line, and the row and column of its cursor."""
    rows, column, place = [""], 0, None
    for at, character in enumerate(prompt + line):
        if column + width(character) > columns:
            rows.append("")
            column = 0
        if at == len(prompt) + cursor:
            place = len(rows) - 1, column
        rows[-1] += character
        column += width(character)
    if place is None:
        if column == columns:
            rows.append("")
            column = 0
        place = len(rows) - 1, column
    return rows, place


class Typing:
    """A model of a line editor for one line."""

    LETTERS = "ab c日本é한"

    def __init__(self):
        self.line, self.cursor = "", 0

    def press(self, choice):
        """Presses a key that `choice` chooses, in this model. Returns the bytes of the key."""
        key = choice.choice(["text"] * 12 + ["left", "right", "home", "end", "backspace", "delete",
                                             "word", "before", "behind"])
        line, cursor = self.line, self.cursor
        if key == "text":
            text = "".join(choice.choices(self.LETTERS, k=choice.randint(1, 9)))
            self.line, self.cursor = line[:cursor] + text + line[cursor:], cursor + len(text)
            return text
        if key == "left":
            self.cursor = max(cursor - 1, 0)
            return "\x1b[D"
        if key == "right":
            self.cursor = min(cursor + 1, len(line))
            return "\x1b[C"
        if key == "home":
            self.cursor = 0
            return "\x1b[H"
        if key == "end":
            self.cursor = len(line)
            return "\x1b[F"
        if key == "backspace":
            self.cursor = max(cursor - 1, 0)
            self.line = line[:self.cursor] + line[cursor:]
            return BACKSPACE
        if key == "delete":
            self.line = line[:cursor] + line[cursor + 1:]
            return "\x1b[3~"
        if key == "word":
            self.cursor = len(line[:cursor].rstrip(" ").rpartition(" ")[0])
            self.cursor += " " in line[:cursor].rstrip(" ")
            self.line = line[:self.cursor] + line[cursor:]
            return CTRL_W
        if key == "before":
            self.line, self.cursor = line[cursor:], 0
            return "\x15"
        self.line = line[:cursor]
        return "\x0b"


class TheLine(TerminalTest):
    def test_ctrl_c_ctrl_d_and_ctrl_z_are_hinted_once(self):
        def check(client, terminal):
            shown = "".join(line.ljust(40) for line in terminal.screen.lines())
            self.assertEqual(shown.count(HINT), 1, terminal)
            terminal.type("x" + CTRL_C)
            terminal.until(lambda screen: client.prompt + "x" not in screen.lines()[-1]
                           and screen.column == len(client.prompt), "a new line")
            self.assertEqual("".join(line.ljust(40) for line in terminal.screen.lines())
                             .count(HINT), 1, terminal)
        self.with_each_client(check)

    def test_ctrl_d_in_an_empty_line_ends_every_program(self):
        def check(_, terminal):
            terminal.type("x" + CTRL_D + BACKSPACE + CTRL_D)  # The first is not in an empty line.
            self.assertEqual(terminal.ends(), 0, terminal)
            self.assertEqual(terminal.modes(), terminal.modes_before)
            self.assertEqual(terminal.screen.column, 0, terminal)
        self.with_each_client(check)

    def test_a_wide_character_is_erased_with_both_its_cells(self):
        def check(client, terminal):
            terminal.type("日本語")
            terminal.shows(client.prompt + "日本語")
            self.assertEqual(terminal.screen.column, len(client.prompt) + 6)
            terminal.type(BACKSPACE)
            terminal.shows(client.prompt + "日本")
            terminal.type("\x1b[Dé")  # One column between two characters of two columns each.
            terminal.shows(client.prompt + "日é本")
            terminal.type(BACKSPACE * 2)
            terminal.shows(client.prompt + "本")
            self.assertEqual(terminal.screen.column, len(client.prompt))
        self.with_each_client(check)

    def test_ctrl_w_erases_the_word_before_the_cursor(self):
        def check(client, terminal):
            terminal.type("one two  日本 " + CTRL_W)
            terminal.shows(client.prompt + "one two")
            self.assertEqual(terminal.screen.column, len(client.prompt) + 9)
            terminal.type(CTRL_W + "x")
            terminal.shows(client.prompt + "one x")
            terminal.type(CTRL_W * 3)
            terminal.shows(client.prompt)
        self.with_each_client(check)

    def test_ctrl_c_drops_the_line_and_the_next_one_is_sent_alone(self):
        with ECHO.at_terminal(self.folder) as terminal:
            terminal.type("dropped" + CTRL_C)
            terminal.until(lambda screen: screen.lines()[-1] == ">", "an empty line")
            terminal.type("sent\r")
            terminal.shows("> sent", "sent", "> ")

    def test_a_wide_character_that_does_not_fit_in_a_row_goes_to_the_next(self):
        with ECHO.at_terminal(self.folder, columns=11) as terminal:
            terminal.type("12345678日x")
            terminal.shows("> 12345678", "日x")
            self.assertEqual((terminal.screen.column), 3)
            terminal.type(BACKSPACE * 2)
            terminal.shows("> 12345678")
            self.assertEqual(terminal.screen.column, 10)
            terminal.type("日\r")
            terminal.shows("> 12345678", "日", "12345678日", "> ")

    def test_a_line_longer_than_the_screen_is_shown_around_its_cursor_and_sent_whole(self):
        text = "".join(chr(ord("a") + at % 26) for at in range(20 * 6 + 45))
        with ECHO.at_terminal(self.folder, columns=20, rows=6) as terminal:
            rows, _ = layout("> ", text, len(text), 20)
            self.assertGreater(len(rows), 6)
            terminal.type(text)
            terminal.until(lambda screen: screen.lines() == rows[-6:], "its end")
            terminal.type("\x01")  # Home.
            terminal.until(lambda screen: screen.lines() == rows[:6]
                           and (screen.row, screen.column) == (0, 2), "its beginning")
            terminal.type("\x05!")  # End.
            rows, place = layout("> ", text + "!", len(text) + 1, 20)
            terminal.until(lambda screen: screen.lines() == rows[-6:]
                           and (screen.row, screen.column) == (5, place[1]), "its end again")
            terminal.type("\r")
            echoed, _ = layout("", text + "!", 0, 20)
            terminal.until(lambda screen: screen.lines() == [*echoed[-5:], ">"], "the answer")

    def test_what_stands_above_a_long_line_stays_while_it_is_edited(self):
        with ECHO.at_terminal(self.folder, columns=20, rows=10) as terminal:
            terminal.type("first\r")
            terminal.shows("> first", "first", "> ")
            terminal.type("x" * 50)
            terminal.shows("> first", "first", "> " + "x" * 18, "x" * 20, "x" * 12)
            terminal.type("\x15")  # Ctrl-U
            terminal.shows("> first", "first", "> ")

    def test_what_comes_meanwhile_is_shown_above_the_line_that_is_typed(self):
        def check(terminal, say):
            terminal.type("日本語 is not sent yet")
            terminal.shows("> 日本語 is not sent", " yet")
            for number in range(3):
                say(f"hello {number}\n".encode())
                terminal.until(lambda screen, text=f"hello {number}":
                               screen.lines()[-3].endswith(text) and
                               screen.lines()[-2:] == ["> 日本語 is not sent", " yet"],
                               "the message above the line")
            self.assertEqual(sum("hello" in line for line in terminal.screen.lines()), 3, terminal)
            self.assertEqual(sum("日本語" in line for line in terminal.screen.lines()), 1, terminal)
            self.assertEqual(terminal.screen.column, 4, terminal)

        with self.subTest("chat_client"), Server("chat_server") as server, \
                socket.create_connection(("127.0.0.1", server.port)) as other, \
                Terminal(program("chat_client"), server.endpoint, "--name", "ann",
                         columns=20) as terminal:
            terminal.shows("> ")
            other.sendall(b"/nick bob\n")
            terminal.until(lambda screen: screen.lines()[-1:] == [">"]
                           and any("bob" in line for line in screen.lines()), "bob")
            check(terminal, other.sendall)
        with self.subTest("dialog"), socket.create_server(("127.0.0.1", 0)) as listening, \
                Terminal(program("dialog"), "127.0.0.1:%d" % listening.getsockname()[1],
                         columns=20) as terminal:
            terminal.shows("> ")
            with listening.accept()[0] as other:
                check(terminal, other.sendall)
        with self.subTest("udp_chat"), socket.socket(type=socket.SOCK_DGRAM) as other, \
                Terminal(program("udp_chat"), "--listen", "127.0.0.1:0", "--peer",
                         "b=127.0.0.1:%d" % self.bound(other), columns=20, rows=20) as terminal:
            terminal.shows("> ")
            terminal.type("b: x\r")
            server = other.recvfrom(100)[1]
            terminal.shows("> b: x", "> ")
            check(terminal, lambda text: other.sendto(text.rstrip(), server))

    def bound(self, datagram_socket):
        datagram_socket.bind(("127.0.0.1", 0))
        datagram_socket.settimeout(TIMEOUT_SECONDS)
        return datagram_socket.getsockname()[1]

    def test_any_editing_shows_what_a_model_of_the_line_has(self):
        seed = int(os.environ.get("UVREACTOR_SEED") or random.randrange(1 << 32))
        choice = random.Random(seed)
        for _ in range(4):
            columns = choice.randint(4, 30)
            model = Typing()
            with self.subTest(seed=seed, columns=columns), \
                    ECHO.at_terminal(self.folder, columns=columns, rows=200) as terminal:
                above = terminal.screen.row
                for _ in range(60):
                    # Several keys may arrive in one read, and a character in two.
                    keys = "".join(model.press(choice) for _ in range(choice.randint(1, 3)))
                    if len(model.line) > 200:
                        model = Typing()
                        keys += "\x05\x15"
                    terminal.type(keys)
                    rows, place = layout("> ", model.line, model.cursor, columns)

                    def is_there(screen, rows=rows, place=place):
                        shown = screen.lines()[above:]
                        wanted = [row.rstrip() for row in rows]
                        shown += [""] * (len(wanted) - len(shown))
                        return (shown == wanted and
                                (screen.row - above, screen.column) == place)
                    terminal.until(is_there, f"{rows} with the cursor at {place}, seed {seed}")


class Stopping(TerminalTest):
    def assert_stopped(self, terminal, number=signal.SIGTSTP):
        status = terminal.status()
        self.assertTrue(os.WIFSTOPPED(status), status)
        self.assertEqual(os.WSTOPSIG(status), number)

    def test_ctrl_z_stops_with_the_modes_restored_and_the_line_goes_on_when_continued(self):
        def check(client, terminal):
            raw = terminal.modes()
            self.assertNotEqual(raw, terminal.modes_before)
            for text in ("日本", "日本x"):
                terminal.type("日本" if text == "日本" else "x")
                terminal.shows(client.prompt + text)
                terminal.type(CTRL_Z)
                self.assert_stopped(terminal)
                self.assertEqual(terminal.modes(), terminal.modes_before)
                terminal.foreground()
                terminal.shows(client.prompt + text, client.prompt + text)  # The second is new.
                terminal.until(lambda _: terminal.modes() == raw, "the modes of editing")
            terminal.type(BACKSPACE)
            terminal.shows(client.prompt + "日本")
        self.with_each_client(check)

    def test_a_stop_signal_from_elsewhere_does_the_same(self):
        def check(client, terminal):
            raw = terminal.modes()
            terminal.type("x")
            terminal.shows(client.prompt + "x")
            terminal.send(signal.SIGTSTP)
            self.assert_stopped(terminal)
            self.assertEqual(terminal.modes(), terminal.modes_before)
            terminal.foreground()
            terminal.shows(client.prompt + "x", client.prompt + "x")
            terminal.until(lambda _: terminal.modes() == raw, "the modes of editing")
        self.with_each_client(check)

    def test_continued_in_the_background_it_leaves_the_terminal_alone_until_it_is_in_front(self):
        def check(client, terminal):
            raw = terminal.modes()
            terminal.type("x" + CTRL_Z)
            self.assert_stopped(terminal)
            terminal.background()
            terminal.type("y\r")  # For the shell: reading it in the background stops the program.
            self.assert_stopped(terminal, signal.SIGTTIN)
            self.assertEqual(terminal.modes(), terminal.modes_before)
            terminal.foreground()
            terminal.until(lambda _: terminal.modes() == raw, "the modes of editing")
        self.with_each_client(check)

    def test_a_line_typed_while_it_is_stopped_at_a_narrower_screen_is_wrapped_anew(self):
        with ECHO.at_terminal(self.folder, columns=40) as terminal:
            terminal.type("x" * 30)
            terminal.shows("> " + "x" * 30)
            terminal.type(CTRL_Z)
            self.assert_stopped(terminal)
            terminal.screen = type(terminal.screen)(20, 10)
            terminal.resize(20, 10)
            terminal.foreground()
            terminal.shows("> " + "x" * 18, "x" * 12)


class Signals(TerminalTest):
    def test_every_signal_that_ends_a_program_restores_the_terminal(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            for client in CLIENTS:
                with self.subTest(client=client, signal=number.name), \
                        client.at_terminal(self.folder, columns=20) as terminal:
                    self.assertNotEqual(terminal.modes(), terminal.modes_before)
                    terminal.type("x" * 30 + "\x01")  # With a row below the cursor.
                    below = "x" * (len(client.prompt) + 30 - 20)
                    terminal.until(lambda screen: screen.column == len(client.prompt)
                                   and screen.lines()[screen.row + 1:] == [below], "the line")
                    terminal.send(number)
                    status = terminal.ends()
                    self.assertEqual(terminal.modes(), terminal.modes_before)
                    if number in client.catches:
                        self.assertEqual(status, 0)
                        continue
                    self.assertEqual(os.WTERMSIG(status), number, status)
                    # The next output of the shell begins in a new row.
                    self.assertEqual(terminal.screen.column, 0, terminal)
                    self.assertEqual(terminal.screen.cells[terminal.screen.row][0], " ", terminal)

    def test_a_hangup_of_the_terminal_ends_the_program(self):
        def check(_, terminal):
            terminal.type("x")
            terminal.shows_text("x")
            terminal.hang_up()
            status = terminal.status()
            # By the signal, or by the end of input if the program notices that first.
            self.assertFalse(os.WIFSTOPPED(status), status)
        self.with_each_client(check)

    @unittest.skipUnless(HAS_OPENSSL, "built without OpenSSL")
    def test_while_a_command_runs_the_terminal_is_as_it_was_and_ctrl_c_ends_the_client(self):
        remote = next(client for client in CLIENTS if client.name == "remote_command_client")
        with remote.at_terminal(self.folder) as terminal:
            terminal.type("sh -c 'echo it runs; sleep 1000'\r")
            terminal.shows("it runs")
            self.assertEqual(terminal.modes(), terminal.modes_before)
            terminal.type(CTRL_C)
            self.assertEqual(os.WTERMSIG(terminal.ends()), signal.SIGINT)
            self.assertEqual(terminal.modes(), terminal.modes_before)


# --- endpoints --------------------------------------------------------------------------------


# The command lines of each program, with {} for an endpoint.
ENDPOINTS = {
    "broadcast_receiver": ["--listen {}"],
    "broadcast_sender": ["--to {}"],
    "chat_client": ["{}"],
    "chat_server": ["--listen {}"],
    "dialog": ["{}", "--listen {}"],
    "file_client": ["{} --user ann --password-file SECRET ls"],
    "file_server": ["--listen {} --accounts SECRET.none"],
    "frame_inspector": [],  # Has no endpoint.
    "http_get": [],  # Takes a URL.
    "http_responder": ["--listen {} --root FOLDER"],
    "kv_server": ["--listen {}"],
    "ping": [],  # Takes a host, without a port.
    "readiness_echo_server": ["--listen {}"],
    "remote_command_client": ["{} --secret-file SECRET ls"],
    "remote_command_server": ["--listen {} --secret-file SECRET"],
    "replicated_log": ["--listen {} --data FOLDER/log", "--peer {} --data FOLDER/log"],
    "request_client": ["{} hello"],
    "request_server": ["--listen {}"],
    "tcp_echo_client": ["{}"],
    "tcp_echo_server": ["--listen {}", "--threads 2 --listen {}",
                        "--listen 127.0.0.1:0 --listen {}"],
    "tcp_relay": ["--listen {} --to unix:nowhere", "--listen 127.0.0.1:0 --to {}"],
    "udp_chat": ["--listen {}", "--listen 127.0.0.1:0 --peer bob={}"],
    "udp_echo_client": ["{}"],
    "service_echo_server": ["--listen {}"],
    "udp_echo_server": ["--listen {}"],
    "udp_time_client": ["{}", "--sntp {}"],
    "udp_time_server": ["--listen {}", "--listen 127.0.0.1:0 --sntp {}",
                        "--listen 127.0.0.1:0 --time {}", "--listen 127.0.0.1:0 --daytime {}"],
    "websocket_chat": ["--listen {}"],
}
MALFORMED = ["127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:1x", "127.0.0.1:-1",
             "127.0.0.1:65536", "127.0.0.1:99999999999999999999", "[::1]", "[::1", "[::1]9000",
             "[zz]:9000", "::1:9000:", "unix:", "unix:" + "x" * 200]


class Endpoints(TerminalTest):
    def test_the_table_has_every_program(self):
        programs = {path.name for path in program("").iterdir()
                    if path.is_file() and os.access(path, os.X_OK)}
        self.assertEqual(programs - set(ENDPOINTS), set())

    def test_a_malformed_endpoint_is_a_wrong_command_line(self):
        for name, command_lines in ENDPOINTS.items():
            for command_line in command_lines:
                for endpoint in MALFORMED:
                    words = [word.replace("{}", endpoint)
                             .replace("SECRET", str(self.folder / "secret"))
                             .replace("FOLDER", str(self.folder)) for word in command_line.split()]
                    if name.endswith(("file_client", "command_client")) and not HAS_OPENSSL:
                        continue
                    with self.subTest(name=name, words=words):
                        done = run(name, *words)
                        self.assertEqual((done.returncode, done.stdout.count("listening")),
                                         (2, 0), done.stderr)
                        self.assertNotEqual(done.stderr, "")


if __name__ == "__main__":
    unittest.main()
