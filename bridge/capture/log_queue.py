"""Output on its way into the log of a run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from bridge.capture.spool import Spool
from bridge.errors import BridgeError
from bridge.journal.system import is_of_handler

logger = logging.getLogger("bridge")


class LogQueue:
    """A queue of bytes that are appended to a log, in order; bytes that cannot be appended yet wait.

    One thread at a time appends. Bytes that cannot wait, because memory and disk are full, are dropped and counted.

    Args:
        append: appends bytes to the log.
        folder: the folder for files of waiting bytes; None is the system's folder for temporary files.

    Attributes:
        dropped_bytes: how many bytes were dropped.
        written_bytes: how many bytes were appended.
        trouble: why the last bytes could not be appended; None if they were.
    """

    def __init__(self, append: Callable[[bytes], object], folder: Path | None = None) -> None:
        self._append = append
        self._spool = Spool(folder)
        self.dropped_bytes = self.written_bytes = 0
        self.trouble: Exception | None = None

    @property
    def size_bytes(self) -> int:
        """How many bytes wait."""
        return self._spool.size_bytes

    def add(self, data: bytes) -> None:
        """Let bytes wait behind all others."""
        if not self._spool.add(data):
            self.dropped_bytes += len(data)

    def append_next(self) -> bool:
        """Append the bytes that have waited longest; return False if none wait, or they have to wait on."""
        data = self._spool.take()
        if not data:
            return False
        if self.append(data):
            return True
        self._spool.put_back(data)
        return False

    def append(self, data: bytes) -> bool:
        """Append bytes to the log immediately; return whether that was possible."""
        try:
            self._append(data)
        except Exception as error:
            if _is_of_handler(error):
                raise
            if self.trouble is None:
                logger.debug("Output is written to its log later: %s", error)
            self.trouble = error
            return False
        self.trouble = None
        self.written_bytes += len(data)
        return True

    def clear(self) -> None:
        """Drop all bytes that wait, without counting them."""
        self._spool.close()


def _is_of_handler(error: Exception) -> bool:
    """Return whether a signal handler has raised an error; handlers run in the main thread only."""
    if isinstance(error, BridgeError) or threading.current_thread() is not threading.main_thread():
        return False
    return is_of_handler(error)
