"""Bars in a terminal, with rich. They disappear when the work is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from bridge.cli.texts import escaped


@contextmanager
def byte_bar(what: str, total: int) -> Iterator[Callable[[int], object]]:
    """Show a bar of bytes, and yield a function that advances it."""
    with _progress(BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()) as progress:
        yield partial(progress.advance, progress.add_task(escaped(what), total=total))


@contextmanager
def count_bar(what: str, total: int) -> Iterator[Callable[[int], object]]:
    """Show a bar of objects, and yield a function that advances it."""
    with _progress(BarColumn(), MofNCompleteColumn(), _CountSpeed(), TimeRemainingColumn()) as progress:
        yield partial(progress.advance, progress.add_task(escaped(what), total=total))


@contextmanager
def spinner(what: str) -> Iterator[None]:
    """Show that something goes on, and for how long."""
    with _progress(SpinnerColumn(), TimeElapsedColumn()) as progress:
        progress.add_task(escaped(what), total=None)
        yield


class _CountSpeed(ProgressColumn):
    """The number of objects per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s")


def _progress(*columns: ProgressColumn) -> Progress:
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    return Progress(TextColumn("{task.description}", markup=False), *columns, console=console, transient=True)
