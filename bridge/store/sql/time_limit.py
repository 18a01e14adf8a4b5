"""Limits for the time and the memory that reads of a database take. A server that answers many users sets them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from bridge.errors import InvalidValue, StoreUnavailable
from bridge.records.limits import ANSWER

INSTRUCTIONS = 500
"""The number of SQLite's instructions between two checks of the limit.

They take some microseconds, but a comparison of a text with a pattern is one instruction, and can take much longer.
"""

SEARCH_CACHE_KIB = 65_536
"""The greatest size of the page cache of a connection that searches, unless the caller has set another one.

A search of a million runs reads pages from many parts of the file. A process that only logs does not need so much: a
larger cache does not make its folds faster, but the cache grows with each page that a fold writes.
"""

ANSWER_BYTES = 128 << 20
"""The greatest size of the runs and points that a server reads for one answer."""

TOOK_TOO_LONG = "the request took longer than its time limit: choose fewer runs or columns, or a simpler filter"

_end: ContextVar[float | None] = ContextVar("end", default=None)
_cache_kib: ContextVar[int] = ContextVar("cache_kib", default=SEARCH_CACHE_KIB)
_answer: ContextVar[Answer | None] = ContextVar("answer", default=None)


@dataclass
class Answer:
    """The size of what is read for one answer.

    Attributes:
        most: the greatest number of bytes.
        read: the number of bytes that were read so far.
    """

    most: int
    read: int = 0


@contextmanager
def limited_to(seconds: float, cache_kib: int = SEARCH_CACHE_KIB, answer_bytes: int | None = None) -> Iterator[None]:
    """Limit the time of the searches and views in the block, in this thread, and the memory of their results.

    After the time, a read raises `StoreUnavailable`. A read with a larger result raises `InvalidValue`.

    Args:
        seconds: the time.
        cache_kib: the greatest size of the page cache of a connection that searches in the block for the first time.
        answer_bytes: the greatest size of runs and points that are read in the block together; None for no limit.
    """
    end, cache = _end.set(time.monotonic() + seconds), _cache_kib.set(cache_kib)
    answer = _answer.set(None if answer_bytes is None else Answer(answer_bytes))
    try:
        yield
    finally:
        _end.reset(end)
        _cache_kib.reset(cache)
        _answer.reset(answer)


def has_time_limit() -> bool:
    """Return whether this thread has a time limit."""
    return _end.get() is not None


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


def count_bytes(size: int) -> None:
    """Count bytes that are read for an answer.

    Raises:
        InvalidValue: the answer would be too large.
    """
    answer = _answer.get()
    if answer is None:
        return
    answer.read += size
    if answer.read > answer.most:
        raise InvalidValue(ANSWER, f"more than {answer.most} bytes", "is too large: ask for fewer runs, keys or points")


def is_counted() -> bool:
    """Return whether the size of an answer is limited in this thread."""
    return _answer.get() is not None


@contextmanager
def not_kept() -> Iterator[None]:
    """Forget at the end what was counted in the block, because it is no part of the answer."""
    answer = _answer.get()
    before = 0 if answer is None else answer.read
    try:
        yield
    finally:
        if answer is not None:
            answer.read = before


def search_cache_kib() -> int:
    """Return the greatest size of the page cache of a connection that searches, in KiB."""
    return _cache_kib.get()
