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
def growing_bar(what: str) -> Iterator[Callable[[int, int], object]]:
    """Show a bar of bytes, and yield a function that sets how many are done, and their total."""
    with _progress(BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()) as progress:
        task = progress.add_task(escaped(what), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def steps_bar() -> Iterator[Callable[[str, int, int], object]]:
    """Show a bar that begins again with each step, and yield a function that sets the step and how much is done."""
    with _progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as progress:
        task, last = progress.add_task("", total=None), ""

        def show(step: str, done: int, total: int) -> None:
            nonlocal task, last
            if step != last:
                progress.remove_task(task)  # a task cannot lose its total
                task, last = progress.add_task(escaped(step), total=total or None), step
            progress.update(task, completed=done, total=total or None)

        yield show


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
