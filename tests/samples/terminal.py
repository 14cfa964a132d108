"""A terminal with a screen, and a shell that stops and continues what runs in it."""

import codecs
import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import sys
import termios
import time
import unicodedata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from programs import TIMEOUT_SECONDS  # noqa: E402


def width(character):
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Screen:
    """What a terminal shows for the bytes that it receives. Supports only what the programs send.

    A character that fills the last column leaves the cursor there; the next one goes to a new row,
    as in xterm and its descendants. The second cell of a wide character holds an empty text.
    """

    COMMAND = re.compile(r"\x1b\[(\d*)([A-Za-z])")

    def __init__(self, columns, rows):
        self.columns = columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.wraps = False  # True if the cursor is beyond the last column.
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._pending = ""

    def feed(self, data):
        self._pending += self._decoder.decode(data)
        while self._pending:
            if self._pending[0] != "\x1b":
                self._put(self._pending[0])
                self._pending = self._pending[1:]
                continue
            command = self.COMMAND.match(self._pending)
            if not command:
                if not re.fullmatch(r"\x1b(\[\d*)?", self._pending):
                    raise AssertionError(f"no known command: {self._pending[:20]!r}")
                return
            self._pending = self._pending[command.end():]
            self._obey(command[2], command[1])

    def lines(self):
        """The rows as texts, without trailing blanks and without empty rows at the bottom."""
        texts = ["".join(row).rstrip() for row in self.cells]
        while texts and not texts[-1]:
            texts.pop()
        return texts

    def _obey(self, command, number):
        self.wraps = False
        count = int(number or 1)
        if command == "A":
            self.row = max(self.row - count, 0)
        elif command == "B":
            self.row = min(self.row + count, len(self.cells) - 1)
        elif command == "C":
            self.column = min(self.column + count, self.columns - 1)
        elif command == "D":
            self.column = max(self.column - count, 0)
        elif command == "H" and not number:
            self.row = self.column = 0
        elif command in "JK" and number in ("", "0"):
            self._blank(self.row, self.column)
            for row in range(self.row + 1, len(self.cells) if command == "J" else 0):
                self._blank(row, 0)
        elif command == "J" and number == "2":
            for row in range(len(self.cells)):
                self._blank(row, 0)
        else:
            raise AssertionError(f"no known command: {number}{command}")

    def _blank(self, row, column):
        self.cells[row][column:] = [" "] * (self.columns - column)

    def _put(self, character):
        if character == "\r":
            self.column, self.wraps = 0, False
        elif character == "\n":
            self._next_row()
        elif character < " " or character == "\x7f":
            raise AssertionError(f"no known control character: {character!r}")
        else:
            self._show(character, width(character))

    def _show(self, character, size):
        if size == 0:
            self.cells[self.row][self.column if self.wraps else self.column - 1] += character
            return
        if self.wraps or self.column + size > self.columns:
            self.column = 0
            self._next_row()
        row = self.cells[self.row]
        if row[self.column] == "":  # The other half of an overwritten wide character is erased.
            row[self.column - 1] = " "
        if self.column + size < self.columns and row[self.column + size] == "":
            row[self.column + size] = " "
        row[self.column:self.column + size] = [character] + [""] * (size - 1)
        self.wraps = self.column + size == self.columns
        self.column = min(self.column + size, self.columns - 1)

    def _next_row(self):
        self.wraps = False
        self.row += 1
        if self.row == len(self.cells):
            self.row -= 1
            self.cells = self.cells[1:] + [[" "] * self.columns]


class Terminal:
    """A program at a terminal of its own, in the foreground of a session that a shell leads.

    The shell does what shells do for one job: it reports when the job stops or ends, and continues
    it in the foreground or in the background.
    """

    def __init__(self, *command, columns=40, rows=10, cwd=None):
        self.screen = Screen(columns, rows)
        self.controller, terminal = os.openpty()
        self.resize(columns, rows)
        self.modes_before = self.modes()
        reports, self._reports = os.pipe()
        self._orders, orders = os.pipe()
        self._shell = os.fork()
        if self._shell == 0:
            try:
                kept = (terminal, self._reports, self._orders)
                for descriptor in map(int, os.listdir("/proc/self/fd")):
                    if descriptor > 2 and descriptor not in kept:
                        with contextlib.suppress(OSError):
                            os.close(descriptor)
                self._lead(terminal, [os.fspath(word) for word in command], cwd)
            finally:
                os._exit(1)
        for descriptor in (terminal, self._reports, self._orders):
            os.close(descriptor)
        self._reports, self._orders = reports, orders
        self.process = int(self._report())

    # --- the screen

    def until(self, condition, what):
        """Reads what the program shows until condition(screen)."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not condition(self.screen):
            if time.monotonic() > deadline:
                raise AssertionError(f"the screen never shows {what}:\n{self}")
            # Modes change without output, so the condition is checked again.
            if not select.select([self.controller], [], [], 0.02)[0]:
                continue
            try:
                data = os.read(self.controller, 4096)
            except OSError:  # On Linux this error means that no process has the terminal open.
                data = b""
            if not data:
                raise AssertionError(f"the program ended without showing {what}:\n{self}")
            self.screen.feed(data)

    def shows(self, *lines):
        """Reads until the last lines of the screen are these."""
        self.until(lambda screen: screen.lines()[-len(lines):] == [line.rstrip() for line in lines],
                   "\n".join(lines))

    def shows_text(self, text):
        self.until(lambda screen: any(text in line for line in screen.lines()), text)

    def ends(self):
        """Reads the output until the program ends. Returns the status as wait(2) reports it."""
        status = self.status()
        os.set_blocking(self.controller, False)
        try:
            while data := os.read(self.controller, 4096):
                self.screen.feed(data)
        except OSError:
            pass
        return status

    def __str__(self):
        frame = "+" + "-" * self.screen.columns + "+"
        rows = ["|" + "".join(row) + "|" for row in self.screen.cells]
        return "\n".join([frame, *rows, frame, f"cursor: {self.screen.row}, {self.screen.column}"])

    # --- the terminal

    def type(self, keys):
        os.write(self.controller, keys.encode())

    def modes(self):
        return termios.tcgetattr(self.controller)

    def resize(self, columns, rows):
        fcntl.ioctl(self.controller, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self):
        os.close(self.controller)
        self.controller = None

    # --- the job

    def send(self, number):
        os.kill(self.process, number)

    def status(self):
        """Waits until the job stops or ends, and returns its status."""
        return int(self._report())

    def foreground(self):
        os.write(self._orders, b"f")

    def background(self):
        os.write(self._orders, b"b")

    def close(self):
        os.close(self._orders)  # Then the shell kills the job and ends.
        os.waitpid(self._shell, 0)
        os.close(self._reports)
        if self.controller is not None:
            os.close(self.controller)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _report(self):
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([self._reports], [], [], TIMEOUT_SECONDS)[0]:
                raise AssertionError(f"the program neither stops nor ends:\n{self}")
            byte = os.read(self._reports, 1)
            if not byte:
                raise AssertionError("the shell has ended")
            line += byte
        return line

    # --- what the shell does

    def _lead(self, terminal, command, cwd):
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        for number in (signal.SIGTTOU, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        wake, woken = os.pipe()
        os.set_blocking(woken, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        job = os.fork()
        if job == 0:
            signal.set_wakeup_fd(-1)
            self._become(terminal, command, cwd)
        os.write(self._reports, b"%d\n" % job)
        running = True
        while True:
            ready, _, _ = select.select([self._orders, wake], [], [])
            if wake in ready:
                os.read(wake, 100)
                changed = running and os.waitpid(job, os.WNOHANG | os.WUNTRACED)
                if changed and changed[0]:
                    running = os.WIFSTOPPED(changed[1])
                    with contextlib.suppress(OSError):  # The terminal may no longer exist.
                        os.tcsetpgrp(terminal, os.getpgrp())
                    os.write(self._reports, b"%d\n" % changed[1])
            if self._orders in ready:
                order = os.read(self._orders, 1)
                if not order:
                    if running:
                        os.killpg(job, signal.SIGKILL)
                    os._exit(0)
                if order == b"f":
                    os.tcsetpgrp(terminal, job)
                os.killpg(job, signal.SIGCONT)

    def _become(self, terminal, command, cwd):
        os.setpgid(0, 0)
        os.tcsetpgrp(terminal, os.getpid())
        for number in (signal.SIGTTOU, signal.SIGHUP, signal.SIGCHLD, signal.SIGINT,
                       signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        for descriptor in range(3):
            os.dup2(terminal, descriptor)
        os.closerange(3, 256)
        os.chdir(cwd or "/")
        os.execve(command[0], command, {**os.environ, "TERM": "xterm"})
