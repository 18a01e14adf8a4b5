"""Copies the printed output of a process to a log of the run, while a block `with run:` runs."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from bridge.capture.log_queue import LogQueue
from bridge.forking import Step, on_fork
from bridge.journal.system import is_of_handler

WRITE_SECONDS = 0.25
"""The time between two writes to the log. A program that prints more often causes only one write in this time."""
STREAMS = ("stdout", "stderr")
NO_PROCESS = 0
FULL = "memory and disk were full"


class Printed:
    """A copy of the output that Python code of this process prints between `begin` and `end`.

    The output of threads and forked children is included. The output of native libraries and other programs is not.
    Printing never fails because of the log. Output that cannot be appended to the log waits for the next attempt.
    `end` makes the last attempt. If output is dropped, `end` returns a warning.

    Args:
        append: appends bytes to the log.
    """

    def __init__(self, append: Callable[[bytes], object]) -> None:
        self._append = append
        self._process = os.getpid()
        self._pieces: deque[bytes] = deque()
        self._streams: dict[str, _Stream] = {}
        self._reset()

    def _reset(self) -> None:
        # The lock is reentrant: a signal handler can interrupt the thread that holds the lock, and print or call
        # `run.complete()`. Both can need the lock.
        self._writing = threading.RLock()
        self._queue = LogQueue(self._append)

    def begin(self) -> None:
        """Replace `sys.stdout` and `sys.stderr`."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write_until_stopped, name="bridge-printed", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # the system cannot start another thread
            if is_of_handler(error):
                raise
            self._process = NO_PROCESS
        _active.add(self)
        for name in STREAMS:
            stream = getattr(sys, name)
            if stream is not None:
                self._streams[name] = _Stream(stream, self)
                setattr(sys, name, self._streams[name])

    def end(self) -> tuple[str, ...]:
        """Restore the streams, append the waiting output, and return a warning if output was dropped.

        A stream is not restored if other code has replaced it since `begin`.
        """
        for name, stream in self._streams.items():
            stream.sink = None
            if getattr(sys, name) is stream:
                setattr(sys, name, stream.uncovered())
        self._stop.set()
        if self._process == os.getpid():
            self._thread.join()
        _active.discard(self)
        return self.flush()

    def flush(self) -> tuple[str, ...]:
        """Append the waiting output. Drop the output that cannot be appended, and return a warning about it."""
        self._write()
        queue = self._queue
        lost = queue.size_bytes + queue.dropped_bytes
        if not lost:
            return ()
        queue.dropped_bytes = 0
        queue.clear()
        return (f"{lost} bytes of the printed output were not stored: {queue.trouble or FULL}",)

    def add(self, piece: bytes) -> None:
        """Add printed bytes. This method takes no lock, because signal handlers print too."""
        self._pieces.append(piece)
        if self._process != os.getpid():
            # No thread of this process writes the output. The process is a forked child, or starting a thread failed.
            self._write()

    def forget(self) -> None:
        """Drop the waiting output. A forked child calls this, because its parent also has this output and writes it."""
        self._pieces.clear()
        self._reset()

    def _write_until_stopped(self) -> None:
        while not self._stop.wait(WRITE_SECONDS):
            self._write()

    def _write(self) -> None:
        with self._writing:
            self._write_pieces()

    def _write_pieces(self) -> None:
        self._queue_pieces()
        while self._queue.append_next():
            self._queue_pieces()

    def _queue_pieces(self) -> None:
        while self._pieces:
            self._queue.add(self._pieces.popleft())


class _Stream:
    """A text stream that behaves as the original stream, and also copies its output to a log."""

    def __init__(self, original: Any, sink: Printed) -> None:
        self.original = original
        self.sink: Printed | None = sink

    def write(self, text: str) -> Any:
        written = self.original.write(text)
        if self.sink is not None:
            self.sink.add(text.encode("utf-8", "backslashreplace"))
        return written

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> Any:
        """The binary stream of the text stream, to which some programs write directly."""
        return _Bytes(self.original.buffer, self)

    def uncovered(self) -> Any:
        """Return the original stream.

        The original stream can be a stream of this class, which belongs to another block `with run:`. If that block
        has ended, the original of that stream is returned instead.
        """
        original = self.original
        while isinstance(original, _Stream) and original.sink is None:
            original = original.original
        return original

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)

    def __iter__(self) -> Any:
        return iter(self.original)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def __repr__(self) -> str:
        return repr(self.original)


class _Bytes:
    """The binary stream of a text stream. It also copies its output to the log."""

    def __init__(self, original: Any, stream: _Stream) -> None:
        self._original, self._stream = original, stream

    def write(self, data: Any) -> Any:
        written = self._original.write(data)
        if self._stream.sink is not None:
            self._stream.sink.add(bytes(data))
        return written

    def writelines(self, lines: Iterable[Any]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


_active: weakref.WeakSet[Printed] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for printed in list(_active):
        printed.forget()


on_fork(Step.OUTPUT, in_child=_after_fork_in_child)
