"""Keeps the connections of this client out of the log of a program that logs everything, such as at the level DEBUG.

The loggers of urllib3 belong to the program, which may use urllib3 too. So their levels stay as they are.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LOGGERS = ("urllib3.connection", "urllib3.connectionpool", "urllib3.poolmanager", "urllib3.util.retry")

_state = threading.local()


class _OfOthers(logging.Filter):
    """Drops the records below WARNING of those threads that are in a block of `quietly`."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or not getattr(_state, "is_quiet", False)


_filter = _OfOthers()


def install() -> None:
    """Let the loggers of urllib3 ask whether a block of `quietly` is running. Further calls change nothing."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_filter)


@contextmanager
def quietly() -> Iterator[None]:
    """Drop what urllib3 logs below WARNING in this thread, in the block."""
    before, _state.is_quiet = getattr(_state, "is_quiet", False), True
    try:
        yield
    finally:
        _state.is_quiet = before
