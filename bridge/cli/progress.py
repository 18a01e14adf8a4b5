"""Bars and spinners in a terminal that show the progress of slow work. In a pipe, nothing is shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], object]
"""A function that is called with the number of bytes or objects that were done since the last call."""


def is_shown() -> bool:
    """Return whether a person sees the standard error in a terminal that can move its cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def bytes_progress(what: str, total: int) -> Iterator[Advance]:
    """Show how many bytes are done, with the speed and the time left."""
    if not is_shown():
        yield _nothing
        return
    from bridge.cli.progress_bars import byte_bar

    with byte_bar(what, total) as advance:
        yield advance


@contextmanager
def count_progress(what: str, total: int) -> Iterator[Advance]:
    """Show how many objects are done, with the speed and the time left."""
    if not is_shown():
        yield _nothing
        return
    from bridge.cli.progress_bars import count_bar

    with count_bar(what, total) as advance:
        yield advance


@contextmanager
def growing_progress(what: str) -> Iterator[Callable[[int, int], object]]:
    """Show how many bytes are done of a total that may grow, with the speed and the time left.

    The yielded function takes the bytes that are done, and the total.
    """
    if not is_shown():
        yield _nothing
        return
    from bridge.cli.progress_bars import growing_bar

    with growing_bar(what) as show:
        yield show


@contextmanager
def steps_progress() -> Iterator[Callable[[str, int, int], object]]:
    """Show the step of a longer operation, and how many of its objects are done.

    The yielded function takes the name of the step, the number of objects that are done, and their total, or 0 if it is
    not known.
    """
    if not is_shown():
        yield _nothing
        return
    from bridge.cli.progress_bars import steps_bar

    with steps_bar() as show:
        yield show


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show that something goes on, and for how long."""
    if not is_shown():
        yield
        return
    from bridge.cli.progress_bars import spinner

    with spinner(what):
        yield


def _nothing(*done: object) -> None:
    pass
