"""Limits for the time and the memory that reads of a database take. A server that answers many users sets them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bridge.errors import StoreUnavailable

INSTRUCTIONS = 50_000
"""The number of SQLite's instructions between two checks of the limit, which take about a millisecond."""

SEARCH_CACHE_KIB = 65_536
"""The greatest size of the page cache of a connection that searches, unless the caller has set another one.

A search of a million runs reads pages from many parts of the file. A process that only logs does not need so much: a
larger cache does not make its folds faster, but the cache grows with each page that a fold writes.
"""

TOOK_TOO_LONG = "the request took longer than its time limit: choose fewer runs or columns, or a simpler filter"

_end: ContextVar[float | None] = ContextVar("end", default=None)
_cache_kib: ContextVar[int] = ContextVar("cache_kib", default=SEARCH_CACHE_KIB)


@contextmanager
def limited_to(seconds: float, cache_kib: int = SEARCH_CACHE_KIB) -> Iterator[None]:
    """Limit the time of the searches and views in the block, in this thread.

    After the limit, a read raises `StoreUnavailable`.

    Args:
        seconds: the time.
        cache_kib: the greatest size of the page cache of a connection that searches in the block for the first time.
    """
    end, cache = _end.set(time.monotonic() + seconds), _cache_kib.set(cache_kib)
    try:
        yield
    finally:
        _end.reset(end)
        _cache_kib.reset(cache)


def is_over() -> bool:
    """Return whether the time limit of this thread is over."""
    end = _end.get()
    return end is not None and time.monotonic() > end


def check_time() -> None:
    """Check that the time limit of this thread is not over. SQLite checks it only during its statements.

    Raises:
        StoreUnavailable: it is over.
    """
    if is_over():
        raise StoreUnavailable("The database", TOOK_TOO_LONG)


def search_cache_kib() -> int:
    """Return the greatest size of the page cache of a connection that searches, in KiB."""
    return _cache_kib.get()
