"""A limit for the time that reads of a database take. A server that answers many users sets it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

INSTRUCTIONS = 50_000
"""The number of SQLite's instructions between two checks of the limit, which take about a millisecond."""

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
