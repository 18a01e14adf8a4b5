"""Copies the output of a script to the log of its run."""

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
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from bridge.capture.log_queue import LogQueue

logger = logging.getLogger("bridge")

PIPE_BYTES = 1 << 20
PIECE_BYTES = 1 << 18
PAUSE_SECONDS = 0.1
"""The least time between two writes to the log, so that a script that prints often causes few writes.

There is no pause if much output waits.
"""
RETRY_SECONDS = 1.0
WAIT_SECONDS = 0.1
"""How soon the end of the script is noticed while the pipe stays open."""
LAST_SECONDS = 0.3
"""How long the pipe is read after the script has ended. Processes that were killed with the script end in this time."""
TAIL_BYTES = 1 << 15
TRACEBACK = "Traceback (most recent call last):"
NAMED = 5
"""The greatest number of process ids that a warning lists."""


class Output:
    """A pipe whose content is appended to a log.

    One thread reads from the pipe and another thread writes to the log, so that a slow disk never stops a script.
    Bytes that cannot be written yet are buffered in memory, and in a file if they are more than 64 MB.
    If a signal handler raises an exception during a method, the caller can call the method again.

    Args:
        append: appends bytes to the log.
        folder: the folder of the file for buffered bytes; None is the system's folder for temporary files.

    Attributes:
        tail: the last bytes that the script printed.
        left_open: another process still had the pipe open when `drain` stopped reading it.
    """

    def __init__(self, append: Callable[[bytes], object], folder: Path | None = None) -> None:
        self.tail = b""
        self.left_open = False
        self._queue = LogQueue(append, folder)
        self._late: TimeoutError | None = None
        self._touched = self._closed = False
        self._last_words = b""
        self._ended_at: float | None = None
        # The two threads share only plain values and queues, and no `threading.Condition`. If a signal handler raised
        # an exception in the `with` block of a condition, the condition would stay locked.
        self._woken: SimpleQueue[None] = SimpleQueue()
        reading, writing = os.pipe()
        self._reading = io.FileIO(reading, "rb")
        self._writing = io.FileIO(writing, "wb")
        with suppress(OSError, AttributeError):  # `F_SETPIPE_SZ` exists only on Linux
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._reader = threading.Thread(target=self._read, name="bridge-read-output", daemon=True)
        self._writer = threading.Thread(target=self._write, name="bridge-write-output", daemon=True)
        self._reader.start()
        self._writer.start()

    @property
    def pipe(self) -> int:
        """The file descriptor to which the script writes its output."""
        return self._writing.fileno()

    @property
    def dropped_bytes(self) -> int:
        """The number of bytes that were dropped because neither memory nor disk had space."""
        return self._queue.dropped_bytes

    @property
    def trouble(self) -> Exception | None:
        """The reason why the log is not complete; None if the log is complete."""
        return self._queue.trouble or self._late

    def touch(self) -> None:
        """Create the log if it does not exist."""
        self._touched = True
        self._woken.put(None)

    def started(self) -> None:
        """Close the writing end of the pipe in this process, because the script has its own copy now."""
        self._writing.close()

    def drain(self) -> None:
        """Wait until all output of the script has been read, even if another process still has the pipe open."""
        self._writing.close()
        if self._ended_at is None:
            self._ended_at = time.monotonic()
        self._reader.join()

    def leave(self) -> None:
        """Close the pipe after `drain`. A process that writes to the pipe later gets SIGPIPE."""
        self._reading.close()

    def close(self, timeout_seconds: float, last_words: str = "") -> None:
        """Wait until all output is in the log. Give up if nothing can be written; `trouble` then has the reason.

        Args:
            timeout_seconds: how long to wait without progress.
            last_words: a text that is appended to the log after all output.
        """
        self.drain()
        self.leave()
        self._last_words = last_words.encode(errors="backslashreplace")
        self._closed = True
        self._woken.put(None)
        written, end = -1, 0.0
        while self._writer.is_alive():
            if written != self._queue.written_bytes:
                written, end = self._queue.written_bytes, time.monotonic() + timeout_seconds
            elif time.monotonic() > end:
                self._late = TimeoutError(f"the workspace did not answer within {timeout_seconds:g} s")
                return
            self._writer.join(WAIT_SECONDS)
        self._late = None

    def last_line(self, exception: bool) -> str:
        """Return the last line of the output that is not empty. For a progress bar, this is its last state.

        Args:
            exception: if the output contains a traceback, return the exception of the last traceback instead.
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
        # The script has ended, so all of its output that is not read yet is in the pipe now. Later output comes from
        # processes that the script left behind.
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
        """Read a piece from the pipe; return its size, or 0 if no process can write to the pipe any more."""
        data = os.read(self._reading.fileno(), PIECE_BYTES)
        if data:
            self.tail = (self.tail + data[-TAIL_BYTES:])[-TAIL_BYTES:]
            self._queue.add(data)
            self._woken.put(None)
        return len(data)

    # In the thread that writes

    def _write(self) -> None:
        made = False
        while True:
            # The order matters: if `_closed` is set before the queue is examined, an empty queue stays empty.
            closed = self._closed
            if self._queue.append_next():
                made = True
                if not self._closed and self._queue.size_bytes < PIECE_BYTES:
                    time.sleep(PAUSE_SECONDS)
            elif self._queue.trouble is not None and self._queue.size_bytes:
                time.sleep(RETRY_SECONDS)
            elif self._touched and not made:
                self._put(b"")
                made = True
            elif closed:
                break
            else:
                self._wait()
        if self._last_words:
            self._put(self._last_words)

    def _put(self, data: bytes) -> None:
        """Append bytes to the log. Try again until this succeeds."""
        while not self._queue.append(data):
            time.sleep(RETRY_SECONDS)

    def _wait(self) -> None:
        """Wait until the reading thread or a caller has put an item into `_woken`; then empty `_woken`."""
        self._woken.get()
        with suppress(Empty):
            while True:
                self._woken.get_nowait()


def _bytes_in(pipe: int) -> int:
    """Return the number of bytes in a pipe that are not read yet."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def left_open_warning(pids: Sequence[int]) -> str:
    """Return the warning that processes which the script left behind have the pipe of its output open."""
    if len(pids) == 1:
        who = f"Process {pids[0]}, which the script left behind, has"
    else:
        listed = ", ".join(map(str, pids[:NAMED])) + (", …" if len(pids) > NAMED else "")
        who = f"Processes that the script left behind{f' ({listed})' if pids else ''} have"
    return (
        f"{who} the script's output open. Later output is not stored, and a process that prints there"
        " is ended by the signal SIGPIPE unless it ignores this signal."
    )
