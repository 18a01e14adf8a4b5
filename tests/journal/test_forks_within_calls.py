"""A process may fork while another thread is within a call of the writer: the child has no journal of the parent."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from forked import Child
from interrupting import Interrupts, places
from open_files import open_below
from raw_journals import RUN, Written, as_written, journals, points_of, reader_of

from bridge.journal.writer import JournalWriter
from bridge.records.series import Point

FILES = ("/journal/",)
STEP = 1 if int(os.environ.get("RUNBRIDGE_LONG", "1")) > 1 else 3
"""Every place is tested if RUNBRIDGE_LONG is set; otherwise one of three."""


def points(*numbers: int) -> list[Point]:
    return [Point("a", number, number, number) for number in numbers]


def log(writer: JournalWriter, *logged: Point) -> None:
    writer.log(RUN, list(logged), 0)


CALLS: dict[str, tuple[list[Point], list[Point], Callable[[JournalWriter], object]]] = {
    "the first point": ([], points(5), lambda writer: log(writer, *points(5))),
    "a batch": (points(0), points(5, 6), lambda writer: log(writer, *points(5, 6))),
    "a lease": (points(0), [], lambda writer: writer.leases.hold(RUN)),
    "flush": (points(0), [], lambda writer: writer.flush()),
    "close": (points(0), [], lambda writer: writer.close()),
}


class Pause(Interrupts):
    """A pause of a thread within its call, at one of the positions that `Interrupts` counts."""

    def __init__(self, at: int) -> None:
        super().__init__(FILES, at)
        self.reached, self.released = threading.Event(), threading.Event()

    def handle(self) -> None:
        """Wait until the other thread has forked."""
        self.reached.set()
        assert self.released.wait(60)


def written_by(folder: Path) -> dict[int, list[Written]]:
    """Return the points of each process, in the order logged; no journal is damaged."""
    found: dict[int, list[tuple[int, Written]]] = {}
    for journal_id in journals(folder):
        reader = reader_of(folder, journal_id)
        stretch = reader.read(0, (folder / f"{journal_id}.log").stat().st_size)
        assert stretch.closed and not stretch.damages, journal_id
        own = zip(stretch.rows["time"].tolist(), points_of(stretch, reader.definitions), strict=True)
        found.setdefault(reader.header.pid, []).extend(own)
    return {pid: [point for _, point in sorted(own, key=lambda one: one[0])] for pid, own in found.items()}


def fork_within(folder: Path, at: int, before: list[Point], call: Callable[[JournalWriter], object]) -> str:
    """Fork while another thread pauses within its call. Return the position in the code at which it paused.

    Parent and child log another point, and close the writer.
    """
    writer = JournalWriter(folder)
    if before:
        log(writer, *before)
    pause = Pause(at)

    def work() -> None:
        with pause:
            call(writer)

    def go_on(say: Callable[[str], None]) -> None:
        writer.after_fork()  # as the hook of a store does
        say(f"{len(open_below(folder))}")
        log(writer, *points(200))
        writer.flush()
        writer.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert pause.reached.wait(60)
    child = Child(go_on)
    pause.released.set()
    thread.join()
    log(writer, *points(100))
    writer.flush()
    writer.close()
    assert child.line() == "0", f"{pause.where}: the child has a file of the parent open"
    assert child.wait() == 0, pause.where
    child.close()
    return pause.where


@pytest.mark.slow
@pytest.mark.parametrize("scene", CALLS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python 3.12 warns of a fork of a process with threads
def test_a_fork_within_a_call_of_another_thread_gives_the_child_no_journal(tmp_path: Path, scene: str) -> None:
    before, logged, call = CALLS[scene]
    for name in ("first", "counted"):  # the first call fills caches
        counted = JournalWriter(tmp_path / name)
        if before:
            log(counted, *before)
        count = places(FILES, partial(call, counted))
        counted.close()
    for at in range(0, count, STEP):
        folder = tmp_path / str(at)
        where = fork_within(folder, at, before, call)
        found = written_by(folder)
        assert found.pop(os.getpid()) == as_written(RUN, [*before, *logged, *points(100)]), where
        assert list(found.values()) == [as_written(RUN, points(200))], where
        shutil.rmtree(folder)
