"""The command `runbridge` as a person runs it: in a pipe, or in a real terminal (a pseudo-terminal)."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = (sys.executable, "-m", "bridge")
PATIENCE_SECONDS = 60
SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07]*\x07|\x1b[=>]")
"""Sequences for colours and for the cursor."""


def in_pipe(*arguments: str | Path, input: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a pipe until it ends."""
    command = [*COMMAND, *map(str, arguments)]
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, input=input, capture_output=True, text=True, env=environment, timeout=PATIENCE_SECONDS, check=False
    )


def output_of(*arguments: str | Path, input: str = "", **variables: str) -> str:
    """Run the command in a pipe, and return its output. It must succeed and print no errors."""
    done = in_pipe(*arguments, input=input, **variables)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def completions(*words: str) -> list[str]:
    """Return what the shell offers for the last word of a command."""
    line, place = " ".join(("runbridge", *words)), str(len(words))
    done = in_pipe(_RUNBRIDGE_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=place)
    return [offer.split(",", 1)[1] for offer in done.stdout.splitlines() if offer]


class Terminal:
    """A command that runs in a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self.raw = b""
        self._descriptor = descriptor

    @property
    def text(self) -> str:
        """The output so far, without colours."""
        return SEQUENCES.sub("", self.raw.decode(errors="replace")).replace("\r\n", "\n")

    def wait_for(self, text: str) -> str:
        """Read until the output contains a text, and return the output."""
        end = time.monotonic() + PATIENCE_SECONDS
        while text not in self.text:
            assert time.monotonic() < end, f"{text!r} is not in {self.text!r}"
            assert self._read() or text in self.text, f"{text!r} is not in {self.text!r}, and the command has ended"
        return self.text

    def type(self, text: str) -> None:
        """Type a text. `\\x03` is Ctrl-C."""
        os.write(self._descriptor, text.encode())

    def end(self) -> int:
        """Read until the command ends, and return its exit code."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self._read():
            assert time.monotonic() < end, f"the command goes on after {self.text!r}"
        return self.process.wait(PATIENCE_SECONDS)

    def _read(self) -> bool:
        """Read what the command has written. Return False if it closed the terminal."""
        if not select.select([self._descriptor], [], [], 0.5)[0]:
            return True
        try:
            piece = os.read(self._descriptor, 65_536)
        except OSError:  # Linux reports the end of the last process in the terminal as an error
            return False
        self.raw += piece
        return bool(piece)


@contextmanager
def in_terminal(*arguments: str | Path, columns: int = 100, rows: int = 40, **variables: str) -> Iterator[Terminal]:
    """Run the command in a terminal of a size. At the end of the block, it is killed if it still runs."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", **variables}
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        if name not in variables:
            environment.pop(name, None)
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdin=its, stdout=its, stderr=its, env=environment, start_new_session=True,
        preexec_fn=_take_terminal,
    )  # fmt: skip
    os.close(its)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(ours)


def shown_in_terminal(*arguments: str | Path, columns: int = 100) -> str:
    """Run the command in a terminal until it ends, and return its output. It must succeed."""
    with in_terminal(*arguments, columns=columns) as terminal:
        code = terminal.end()
        assert code == 0, terminal.text
        return terminal.text


def _take_terminal() -> None:
    """Make the terminal that of the new session, so that Ctrl-C sends a signal. `nohup make test` ignores SIGHUP."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
