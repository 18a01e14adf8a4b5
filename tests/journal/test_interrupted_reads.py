"""An exception of a signal handler while a journal is read leaves no object that crashes the garbage collector.

Python up to 3.12 crashes if it collects a cycle with a `memoryview` that an iterator, such as that of `iter_unpack`,
still reads from (CPython issue 77894). An exception that is still referenced keeps the frames that it passed, and their
objects.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
from forked import Fork
from interrupting import EXCEPTIONS, Interrupts, each_place, places
from longer import LONG
from raw_journals import reader_of, write

from bridge.records.series import COLUMN, Point

FILES = tuple(f"/journal/{name}.py" for name in ("reader", "scanner", "stretch", "columns", "format"))
CALLS = [
    *([Point("loss", number, number, number)] for number in range(8)),
    [Point("text", "a text", 1, None)],
    *([Point("row", 1, 1, None, COLUMN, "a"), Point("row", "b", 1, None, COLUMN, "b", joined=True)] for _ in range(3)),
    [Point("loss", 0.5, 9, 9)],
]


@pytest.mark.slow
def test_objects_of_an_interrupted_read_can_be_collected(tmp_path: Path, fork: Fork) -> None:
    journal_id = write(tmp_path / "journal", CALLS)
    size = (tmp_path / "journal" / f"{journal_id}.log").stat().st_size

    def read() -> None:
        assert reader_of(tmp_path / "journal", journal_id).read(0, size).closed

    def interrupt_and_collect(say: Callable[[str], None]) -> None:
        gc.freeze()  # older objects are not collected each time
        count = places(FILES, read)
        for at, error in each_place(count, step=len(EXCEPTIONS) * (1 if LONG else 4)):
            try:
                with Interrupts(FILES, at, error):
                    read()
            except EXCEPTIONS as found:
                found.kept = found  # type: ignore[attr-defined]
                say(f"{type(found).__name__} at {found}")
            gc.collect()
        say("all")

    read()
    child = fork(interrupt_and_collect)
    said = child.rest()
    assert (child.wait(), said[-1:]) == (0, ["all"]), said[-1:]
    assert len(said) > 100
