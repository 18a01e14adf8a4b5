"""Reads that may be late: they return what is stored if the newest points cannot be stored at the moment.

A read normally stores all points of journals first. If the disk is full, or if a process was stopped while it wrote,
that fails, and so does the read. A page that shows runs is still useful then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PAUSE_SECONDS = 10.0
"""After points could not be stored, reads that may be late do not try it again for this time."""

_may_be_late: ContextVar[bool] = ContextVar("may_be_late", default=False)


@contextmanager
def late_reads() -> Iterator[None]:
    """Let the reads in the block, in this thread, be late. The block must not change anything."""
    token = _may_be_late.set(True)
    try:
        yield
    finally:
        _may_be_late.reset(token)


def may_be_late() -> bool:
    """Return whether reads of this thread may be late."""
    return _may_be_late.get()
