"""Real processes, forked from one that has imported MLflow, so that they start in milliseconds."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable

Say = Callable[[str], None]
Fork = Callable[[Callable[[Say], object]], "Child"]
"""Start a child that calls a function."""


class Child:
    """A forked process that runs a function, which sends lines of text to this process over a pipe."""

    def __init__(self, function: Callable[[Say], object]) -> None:
        reading, writing = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reading)
            code = 1
            try:
                function(lambda text: _write_line(writing, text))
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        os.close(writing)
        self._reading = reading
        self._text = b""
        self._waited: int | None = None

    def line(self) -> str:
        """Return the next line of the child; raise an error if it ends first."""
        while b"\n" not in self._text:
            piece = os.read(self._reading, 65536)
            assert piece, "the child ended without saying more"
            self._text += piece
        line, self._text = self._text.split(b"\n", 1)
        return line.decode()

    def rest(self) -> list[str]:
        """Return every complete line of the child until it ends."""
        while piece := os.read(self._reading, 1 << 16):
            self._text += piece
        *lines, _ = self._text.split(b"\n")
        return [line.decode() for line in lines]

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for the child, and return its exit code, which is negative if a signal ended it."""
        if self._waited is None:
            _, status = os.waitpid(self.pid, 0)
            self._waited = os.waitstatus_to_exitcode(status)
        return self._waited

    def wait_for(self, seconds: float) -> int | None:
        """Return the exit code of the child, or None if it still runs after that time."""
        end = time.monotonic() + seconds
        while self._waited is None and time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._waited = os.waitstatus_to_exitcode(status)
            else:
                time.sleep(0.002)
        return self._waited

    def close(self) -> None:
        if self._waited is None:
            self.kill()
            self.wait()
        if self._reading >= 0:
            os.close(self._reading)
            self._reading = -1


def _write_line(descriptor: int, text: str) -> None:
    os.write(descriptor, (text + "\n").encode())
