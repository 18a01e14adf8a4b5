"""What a script prints, on its way into the log of its run."""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable

logger = logging.getLogger("bridge")

PIECE_BYTES = 1 << 16
WAITING_BYTES = 64 << 20
"""How much output waits in memory while it cannot be written; what comes after that is dropped and counted."""
PAUSE_SECONDS = 0.1
"""The least time between two writes: a script that prints fast costs few of them."""
RETRY_SECONDS = 1.0
QUIET_SECONDS = 0.3
"""How long nothing must come after the script's end, where a process that it left behind holds the pipe open."""
TAIL_BYTES = 1 << 15
TRACEBACK = "Traceback (most recent call last):"


class Output:
    """Reads a pipe and appends what comes to a log, each in a thread of its own: a slow place never stops a script.

    Args:
        append: keeps bytes at the end of the log.
    """

    def __init__(self, append: Callable[[bytes], object]) -> None:
        self._append = append
        self.tail = b""
        self.dropped_bytes = 0
        self.trouble: Exception | None = None
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._reading, self.pipe = os.pipe()
        self._ending = threading.Event()
        self._closed = False
        self._reader = threading.Thread(target=self._read, name="bridge-read-output", daemon=True)
        self._writer = threading.Thread(target=self._write, name="bridge-write-output", daemon=True)
        self._reader.start()
        self._writer.start()

    def add(self, data: bytes) -> None:
        """Let bytes follow what was printed."""
        with self._changed:
            self.tail = (self.tail + data)[-TAIL_BYTES:]
            if self._waiting_bytes + len(data) > WAITING_BYTES:
                self.dropped_bytes += len(data)
                return
            self._waiting.append(data)
            self._waiting_bytes += len(data)
            self._changed.notify()

    def begun(self) -> None:
        """The script holds the pipe now: this process lets go of the end that is written to."""
        os.close(self.pipe)
        self.pipe = -1

    def drain(self) -> None:
        """Return when all that was printed has been read, whoever still holds the pipe."""
        if self.pipe >= 0:
            self.begun()
        self._ending.set()
        self._reader.join()

    def close(self, timeout_seconds: float) -> None:
        """Return when all is in the log, or after that time; `trouble` says then why not."""
        self.drain()
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._writer.join(timeout_seconds)
        if self._writer.is_alive() and self.trouble is None:
            self.trouble = TimeoutError(f"the place did not answer within {timeout_seconds:g} s")

    def last_words(self, exception: bool) -> str:
        """The last line that is not empty; of a line that was drawn anew, what it showed last.

        Args:
            exception: give the exception of the last traceback instead, if there is one.
        """
        lines = self.tail.decode("utf-8", "replace").replace("\r", "\n").split("\n")
        begun = max((number for number, line in enumerate(lines) if line.startswith(TRACEBACK)), default=None)
        after = lines[begun + 1 :] if exception and begun is not None else ()
        said = next((line for line in after if line.strip() and not line[0].isspace()), "")
        last = next((line for line in reversed(lines) if line.strip()), "")
        return (said or last).strip()[:1000]

    def _read(self) -> None:
        try:
            while self._may_read():
                piece = os.read(self._reading, PIECE_BYTES)
                if not piece:
                    return
                self.add(piece)
        finally:
            os.close(self._reading)

    def _may_read(self) -> bool:
        while True:
            ending = self._ending.is_set()
            if select.select([self._reading], [], [], QUIET_SECONDS)[0]:
                return True
            if ending:
                return False

    def _write(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                pieces, self._waiting = self._waiting, []
            if not pieces:
                return
            self._put(b"".join(pieces))
            if not self._closed:
                time.sleep(PAUSE_SECONDS)

    def _put(self, data: bytes) -> None:
        """Append, again and again if it must be."""
        while True:
            try:
                self._append(data)
            except Exception as error:  # this thread must not end: the script's output would wait for ever
                self.trouble = error
                logger.debug("The output is written later: %s", error)
                time.sleep(RETRY_SECONDS)
                continue
            self.trouble = None
            with self._changed:
                self._waiting_bytes -= len(data)
            return
