"""Many numbers are written as columns, in records of limited size, and read like points that were logged singly."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from raw_journals import RUN, as_written, journals, points_of, read_in_parts, reader_of, write

from bridge.journal.column_record import RECORD_BYTES, VALUES_AT
from bridge.journal.format import HEAD, NUMBER_SIZE, RECORDS_AT, TYPE_COLUMNS, TYPE_KEYS
from bridge.journal.writer import JournalWriter
from bridge.records.point_columns import PointColumns
from bridge.records.series import Point
from bridge.testing.columns import column_points, tied_columns

MANY = 300_000


def many() -> PointColumns:
    """Return columns of more than one write."""
    numbers = struct.pack(f"<{MANY}q", *range(MANY))
    return PointColumns(("a",), struct.pack(f"<{MANY}d", *range(MANY)), numbers, numbers)


def records_of(folder: Path, journal_id: str) -> list[tuple[int, int]]:
    """Return the type and the size of each record."""
    reader = reader_of(folder, journal_id)
    data = (folder / f"{journal_id}.log").read_bytes()
    found, at = [], reader.records_at
    while at < len(data):
        size, kind, *_ = HEAD.unpack_from(data, at + 4)
        found.append((kind, size))
        at += size
    return found


@given(tied_columns)
def test_columns_are_the_sequence_of_their_points(points: list[Point]) -> None:
    columns = column_points(points)
    assert as_written(RUN, columns) == as_written(RUN, points)
    assert [type(point.value) for point in columns] == [type(point.value) for point in points]
    parts = [part for size in (1, 3) for part in columns.parts(size)]
    assert as_written(RUN, [point for part in parts for point in part]) == as_written(RUN, 2 * points)


@pytest.mark.slow
def test_large_columns_are_divided_into_records_and_writes(tmp_path: Path) -> None:
    points = many()
    assert len(points) * points.point_bytes > RECORD_BYTES
    journal_id = write(tmp_path, [points], close=False)
    sizes = [size for kind, size in records_of(tmp_path, journal_id) if kind == TYPE_COLUMNS]
    assert sum(sizes) == len(sizes) * VALUES_AT + MANY * points.point_bytes
    assert max(sizes) <= VALUES_AT + RECORD_BYTES
    assert len(sizes) <= 1 + MANY * points.point_bytes // RECORD_BYTES

    reader = reader_of(tmp_path, journal_id)
    before_last = (tmp_path / f"{journal_id}.log").stat().st_size - 1
    assert reader.point_bytes(0, before_last) == sum(sizes[:-1]) + sizes[-1] - 1
    stretch = reader.read(0, 1 << 30)
    assert points_of(stretch, reader.definitions) == as_written(RUN, points)
    ends = stretch.row_ends.tolist()
    times = [stretch.rows["time"][ends.index(end)] for end in sorted(set(ends))]
    assert all(first < second for first, second in zip(times, times[1:], strict=False)), "a fold cuts between times"


def test_a_reader_returns_about_as_many_points_as_it_was_asked_for(tmp_path: Path) -> None:
    """In memory, a point of a column needs up to six times as many bytes as in the journal."""
    values = struct.pack(f"<{MANY}d", *range(MANY))
    journal_id = write(tmp_path, [PointColumns(("a",), values, 5)])
    reader, at, sizes = reader_of(tmp_path, journal_id), 0, []
    while not (stretch := reader.read(at, 1 << 30, RECORD_BYTES)).closed:
        sizes.append(stretch.rows.nbytes)
        at = stretch.end
    sizes.append(stretch.rows.nbytes)
    assert sum(sizes) == MANY * NUMBER_SIZE
    assert max(sizes) <= RECORD_BYTES // 8 * NUMBER_SIZE


def test_columns_of_known_keys_are_one_record(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    first, second = (column_points([Point(key, at, at, None) for key in "abc"]) for at in (1, 2))
    assert not writer.log_columns(RUN, first, 0), "the series are new"
    writer.log(RUN, first, 0)
    size = (tmp_path / f"{writer.journal_id}.log").stat().st_size
    assert writer.log_columns(RUN, second, 0)
    assert not writer.log_columns("another run", second, 0)
    grown = (tmp_path / f"{writer.journal_id}.log").stat().st_size - size
    assert grown == VALUES_AT + 3 * second.point_bytes
    writer.recheck_run(RUN)
    assert not writer.log_columns(RUN, second, 0), "the run may have been deleted"
    writer.close()
    (journal_id,) = journals(tmp_path)
    assert read_in_parts(tmp_path, journal_id, 1)[0] == as_written(RUN, [*first, *second])


def test_one_damaged_byte_of_the_keys_costs_no_point(tmp_path: Path) -> None:
    points = column_points([Point(key, at, at, None) for at, key in enumerate(("a", "Größe 🎈", "k" * 255))])
    journal_id = write(tmp_path, [points])
    path = tmp_path / f"{journal_id}.log"
    data = path.read_bytes()
    (first, size), (second, again), *_ = records_of(tmp_path, journal_id)
    assert (first, second, size) == (TYPE_KEYS, TYPE_KEYS, again)
    for at in range(RECORDS_AT, RECORDS_AT + 2 * size, 7):
        path.write_bytes(data[:at] + bytes((data[at] ^ 0x41,)) + data[at + 1 :])
        reader = reader_of(tmp_path, journal_id)
        stretch = reader.read(0, 1 << 30)
        assert points_of(stretch, reader.definitions) == as_written(RUN, points), at
        assert len(stretch.damages) == 1


@pytest.mark.parametrize("bit", [2, 4, 8, 17])
def test_a_record_whose_size_does_not_fit_its_columns_is_damage(tmp_path: Path, bit: int) -> None:
    """The checksums of the record are right."""
    points = column_points([Point("a", 1.5, 1, 1), Point("a", 2.5, 2, 2)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bridge.journal.column_record.OF_TIMESTAMPS", bit)
        journal_id = write(tmp_path, [[Point("b", 1, 1, 1)], points, [Point("b", 2, 2, 2)]])
    reader = reader_of(tmp_path, journal_id)
    stretch = reader.read(0, 1 << 30)
    assert points_of(stretch, reader.definitions) == as_written(RUN, [Point("b", 1, 1, 1), Point("b", 2, 2, 2)])
    assert len(stretch.damages) == 1 and stretch.closed
