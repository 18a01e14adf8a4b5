"""A limit for the time that reads of a database take, for a server that answers many users."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

INSTRUCTIONS = 50_000
"""SQLite checks the limit whenever it has executed so many instructions, which takes about a millisecond."""

TOOK_TOO_LONG = "the request took longer than its time limit: choose fewer runs or columns, or a simpler filter"

_end: ContextVar[float | None] = ContextVar("end", default=None)


@contextmanager
def limited_to(seconds: float) -> Iterator[None]:
    """Limit the time of the searches and views in the block, in this thread.

    After the limit, a read raises `StoreUnavailable`.
    """
    token = _end.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _end.reset(token)


def is_over() -> bool:
    """Return whether the time limit of this thread is over."""
    end = _end.get()
    return end is not None and time.monotonic() > end
