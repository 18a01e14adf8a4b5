"""How long the requests of this thread may last, where the caller knows better than the connection."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

EXIT_SECONDS = 10.0
"""How long a process waits at its end for servers that do not answer, in all its requests together."""

_end: ContextVar[float | None] = ContextVar("the end of the requests of this thread", default=None)

_exit_seconds: float | None = None
"""How long requests may still wait in vain; None as long as the process does not end."""


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Let all requests in the block, in this thread, end within a time. A shorter time of an outer block counts."""
    end, outer = time.monotonic() + seconds, _end.get()
    token = _end.set(end if outer is None else min(end, outer))
    try:
        yield
    finally:
        _end.reset(token)


def begin_exit() -> None:
    """Limit the time that all later requests of this process wait in vain to `EXIT_SECONDS`; idempotent."""
    global _exit_seconds
    if _exit_seconds is None:
        _exit_seconds = EXIT_SECONDS


def waited(seconds: float) -> None:
    """Record that a request has waited in vain."""
    global _exit_seconds
    if _exit_seconds is not None:
        _exit_seconds = max(0.0, _exit_seconds - seconds)


def seconds_left() -> float | None:
    """Return how long a request of this thread may last, at least 0; None without a limit."""
    end = _end.get()
    limits = [] if end is None else [max(0.0, end - time.monotonic())]
    if _exit_seconds is not None:
        limits.append(_exit_seconds)
    return min(limits, default=None)
