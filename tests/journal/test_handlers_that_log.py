"""A signal handler that logs within a call of the writer loses and damages nothing, at whatever place it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from interrupting import Interrupts
from raw_journals import RUN, Written, as_written, journals, points_of, reader_of

from bridge.journal.writer import JournalWriter
from bridge.records.point_columns import PointColumns
from bridge.records.series import Point
from bridge.testing.columns import column_points

FIRST, OWN, OF_HANDLER = ([Point(key, at, at, at) for key in "ab"] for at in (1, 2, 3))


class Logging(Interrupts):
    """A watch that logs at one place, as a store logs, and does not raise."""

    def __init__(self, at: int | None, log: Callable[[], None]) -> None:
        super().__init__(("/journal/",), at)
        self.log = log

    def handle(self) -> None:
        self.log()


def log_number(writer: JournalWriter, points: list[Point]) -> None:
    for key, value, timestamp, step, *_ in points:
        if not writer.log_number(RUN, key, value, timestamp, step, 0):
            writer.log(RUN, [Point(key, value, timestamp, step)], 0)


def log_columns(writer: JournalWriter, points: list[Point]) -> None:
    columns: PointColumns = column_points(points)
    if not writer.log_columns(RUN, columns, 0):
        writer.log(RUN, columns, 0)


def log_points(writer: JournalWriter, points: list[Point]) -> None:
    writer.log(RUN, points, 0)


def written(folder: Path) -> list[Written]:
    found: list[Written] = []
    for journal_id in journals(folder):
        reader = reader_of(folder, journal_id)
        stretch = reader.read(0, 1 << 30)
        assert not stretch.damages and not stretch.torn
        found += points_of(stretch, reader.definitions)
    return found


@pytest.mark.parametrize("own", [log_number, log_columns, log_points])
@pytest.mark.parametrize("of_handler", [log_number, log_columns])
def test_a_handler_that_logs_within_a_call_changes_nothing_else(tmp_path: Path, own, of_handler) -> None:
    expected = sorted(as_written(RUN, [*FIRST, *OWN, *OF_HANDLER]), key=repr)
    at, where = 0, "the start"
    while where:
        folder = tmp_path / str(at)
        writer = JournalWriter(folder)
        for log in (log_number, log_columns):
            log(writer, FIRST)
        with Logging(at, lambda writer=writer: of_handler(writer, OF_HANDLER)) as handler:
            own(writer, OWN)
        where = handler.where
        writer.close()
        assert sorted(written(folder), key=repr) == sorted(
            [*expected, *as_written(RUN, FIRST)] if where else as_written(RUN, [*FIRST, *FIRST, *OWN]), key=repr
        ), where
        at += 1
    assert at > 20
