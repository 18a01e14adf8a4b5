"""What a script prints, on its way into the log of its run."""

from __future__ import annotations

import array
import fcntl
import io
import logging
import os
import select
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from bridge.capture.spool import Spool

logger = logging.getLogger("bridge")

PIPE_BYTES = 1 << 20
PIECE_BYTES = 1 << 18
PAUSE_SECONDS = 0.1
"""The least time between two writes of little: a script that prints fast costs few of them."""
RETRY_SECONDS = 1.0
WAIT_SECONDS = 0.1
"""How soon it is noticed that the script has ended where the pipe stays open."""
LAST_SECONDS = 0.3
"""How long after the script's end its pipe may stay open: the processes that were killed with it are gone by then."""
TAIL_BYTES = 1 << 15
TRACEBACK = "Traceback (most recent call last):"


class Output:
    """Reads a pipe and appends what comes to a log, each in a thread of its own: a slow place never stops a script.

    What cannot be written at once waits in memory, and beyond 64 MB in a file.
    The methods may be called again after an exception of a signal's handler ended one of them.

    Args:
        append: keeps bytes at the end of the log.
        folder: where files of what waits lie; None is the system's folder for temporary files.
    """

    def __init__(self, append: Callable[[bytes], object], folder: Path | None = None) -> None:
        self._append = append
        self.tail = b""
        self.dropped_bytes = 0
        self.trouble: Exception | None = None
        self.left_open = False
        """Whether somebody still held the pipe open when `drain` stopped reading it."""
        self._spool = Spool(folder)
        self._written_bytes = 0
        self._touched = self._closed = False
        self._last_words = b""
        self._ended_at: float | None = None
        # Plain values and queues alone are shared with the two threads: an exception that a signal's handler raises
        # within the `with` block of a condition would leave it locked.
        self._woken: SimpleQueue[None] = SimpleQueue()
        reading, writing = os.pipe()
        self._reading = io.FileIO(reading, "rb")
        self._writing = io.FileIO(writing, "wb")
        with suppress(OSError, AttributeError):  # Linux has it
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._reader = threading.Thread(target=self._read, name="bridge-read-output", daemon=True)
        self._writer = threading.Thread(target=self._write, name="bridge-write-output", daemon=True)
        self._reader.start()
        self._writer.start()

    @property
    def pipe(self) -> int:
        """The file descriptor that takes the output."""
        return self._writing.fileno()

    def touch(self) -> None:
        """Make the log if it is not there."""
        self._touched = True
        self._woken.put(None)

    def begun(self) -> None:
        """Close this process's end of the pipe that is written to: the script has it now."""
        self._writing.close()

    def drain(self) -> None:
        """Return when all that the script printed has been read, whoever still holds the pipe."""
        self._writing.close()
        if self._ended_at is None:
            self._ended_at = time.monotonic()
        self._reader.join()

    def leave(self) -> None:
        """Close the pipe after `drain`: who still prints into it gets SIGPIPE."""
        self._reading.close()

    def close(self, timeout_seconds: float, last_words: str = "") -> None:
        """Return when all is in the log, or nothing could be written for that time; `trouble` says then why not.

        Args:
            timeout_seconds: how long it may go on without progress.
            last_words: text that ends the log.
        """
        self.drain()
        self.leave()
        self._last_words = last_words.encode(errors="backslashreplace")
        self._closed = True
        self._woken.put(None)
        written, end = -1, 0.0
        while self._writer.is_alive():
            if written != self._written_bytes:
                written, end = self._written_bytes, time.monotonic() + timeout_seconds
            elif time.monotonic() > end:
                if self.trouble is None:
                    self.trouble = TimeoutError(f"the place did not answer within {timeout_seconds:g} s")
                return
            self._writer.join(WAIT_SECONDS)

    def said_last(self, exception: bool) -> str:
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

    # In the thread that reads

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._reading, select.POLLIN)
        while self._ended_at is None:
            if poll.poll(WAIT_SECONDS * 1000) and not self._take():
                return
        # All that the script has printed is in the pipe now; what comes later is of processes that it left behind.
        left = _bytes_in(self._reading.fileno())
        end = self._ended_at + LAST_SECONDS
        while left > 0 or time.monotonic() < end:
            if poll.poll(WAIT_SECONDS * 1000):
                taken = self._take()
                if not taken:
                    return
                left -= taken
        self.left_open = True

    def _take(self) -> int:
        """Take a piece out of the pipe; 0 if nobody can write to it any more."""
        data = os.read(self._reading.fileno(), PIECE_BYTES)
        if data:
            self.tail = (self.tail + data[-TAIL_BYTES:])[-TAIL_BYTES:]
            if not self._spool.add(data):
                self.dropped_bytes += len(data)
            self._woken.put(None)
        return len(data)

    # In the thread that writes

    def _write(self) -> None:
        made = False
        while True:
            closed = self._closed  # before the look: nothing comes after it
            data = self._spool.take()
            if data:
                self._put(data)
                made = True
                if not self._closed and self._spool.size_bytes < PIECE_BYTES:
                    time.sleep(PAUSE_SECONDS)
            elif self._touched and not made:
                self._put(b"")
                made = True
            elif closed:
                break
            else:
                self._wait()
        if self._last_words:
            self._put(self._last_words)

    def _wait(self) -> None:
        """Return when there may be something to do."""
        self._woken.get()
        with suppress(Empty):
            while True:
                self._woken.get_nowait()

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
            self._written_bytes += len(data)
            return


def _bytes_in(pipe: int) -> int:
    """How many bytes wait in a pipe."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]
