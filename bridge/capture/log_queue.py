"""A queue of output that is appended to the log of a run."""

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
    """A queue of bytes that are appended to a log in order. Bytes that cannot be appended yet stay in the queue.

    The queue is in memory up to a limit. Further bytes are in temporary files. If memory and disk are full, new bytes
    are dropped and counted. Only one thread at a time may append.

    Args:
        append: appends bytes to the log.
        folder: the folder for the temporary files; None is the system's folder for temporary files.

    Attributes:
        dropped_bytes: the number of bytes that were dropped.
        written_bytes: the number of bytes that were appended.
        trouble: the error of the last append; None if the last append succeeded.
    """

    def __init__(self, append: Callable[[bytes], object], folder: Path | None = None) -> None:
        self._append = append
        self._spool = Spool(folder)
        self.dropped_bytes = self.written_bytes = 0
        self.trouble: Exception | None = None

    @property
    def size_bytes(self) -> int:
        """The number of bytes in the queue."""
        return self._spool.size_bytes

    def add(self, data: bytes) -> None:
        """Put bytes at the end of the queue, or drop them if memory and disk are full."""
        if not self._spool.add(data):
            self.dropped_bytes += len(data)

    def append_next(self) -> bool:
        """Append the first bytes of the queue to the log. Return False if the queue is empty or the append fails."""
        data = self._spool.take()
        if not data:
            return False
        if self.append(data):
            return True
        self._spool.put_back(data)
        return False

    def append(self, data: bytes) -> bool:
        """Append bytes to the log without the queue. Return whether the append succeeded."""
        try:
            self._append(data)
        except Exception as error:
            if _is_of_handler(error):
                raise
            if self.trouble is None:
                logger.debug("The output of a run cannot be appended to its log at the moment: %s", error)
            self.trouble = error
            return False
        self.trouble = None
        self.written_bytes += len(data)
        return True

    def clear(self) -> None:
        """Drop all bytes of the queue. They do not count as dropped bytes."""
        self._spool.close()


def _is_of_handler(error: Exception) -> bool:
    """Return whether a signal handler raised an error.

    Python runs signal handlers only in the main thread, so in any other thread this function returns False.
    """
    if isinstance(error, BridgeError) or threading.current_thread() is not threading.main_thread():
        return False
    return is_of_handler(error)
