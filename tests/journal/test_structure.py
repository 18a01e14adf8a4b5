"""Logged data is never mistaken for the structure of a journal, however it is cut, damaged or read in parts."""

from __future__ import annotations

import os
import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from longer import SCALE
from raw_journals import RUN, as_written, points_of, read_in_parts, reader_of, write

from bridge import Experiment, Run, Workspace
from bridge.journal.format import (
    END_SIZE,
    MARK_BYTES,
    MAY_SKIP,
    NUMBER_SIZE,
    RECORDS_AT,
    _record,
    encode_definition,
    encode_end,
    encode_lease,
    encode_number,
    encode_text,
)
from bridge.records.series import COLUMN, SCALAR, Definition, Point
from bridge.testing.columns import column_points

FIRST_END = bytes.fromhex("692587f3100000000400000000000000")
"""The closing record of format 1. It has no salt, so a number can have the same bytes."""


def int64(data: bytes) -> int:
    return int(struct.unpack("<q", data)[0])


def float64(data: bytes) -> float:
    return float(struct.unpack("<d", data)[0])


def spelled(data: bytes) -> list[Point]:
    """Return number points whose timestamp, step and value have the given bytes."""
    data += bytes(-len(data) % 24)
    return [
        Point("spelled", float64(data[at + 16 : at + 24]), int64(data[at : at + 8]), int64(data[at + 8 : at + 16]))
        for at in range(0, len(data), 24)
    ]


def forged() -> list[bytes]:
    """Return records with the salt 0, as at the start of a journal."""
    definition = Definition(RUN, "invented", "", SCALAR, "number")
    return [
        FIRST_END,
        encode_end(0, "0" * 32, 0),
        encode_number(0, 0, 0, 0, 0, 0, 666.0),
        encode_definition(0, 0, definition),
        encode_lease(0, RUN, 1 << 60, 1 << 60, False),
        encode_text(0, 1, 0, 0, 0, 0, "invented"),
        3 * MARK_BYTES,
    ]


PIECES = st.sampled_from(forged())
NUMBERS = st.builds(lambda pieces: spelled(b"".join(pieces)), st.lists(PIECES, min_size=1, max_size=3))
TEXTS = st.builds(
    lambda piece, times: [Point("text", piece.decode("latin-1") * times, 1, None)], PIECES, st.sampled_from((1, 2, 40))
)
ROWS = st.builds(
    lambda piece: (
        [Point("row", point.value, 7, 3, COLUMN, f"c{at}", at > 0) for at, point in enumerate(spelled(2 * piece))]
        + [Point("row", piece.decode("latin-1"), 7, 3, COLUMN, "text", True)]
    ),
    PIECES,
)
COLUMNS = st.builds(
    lambda piece, keys, step: column_points(
        [
            Point(keys[at % len(keys)], point.value, point.timestamp, point.step if step == "own" else step)
            for at, point in enumerate(spelled(2 * piece))
        ]
    ),
    PIECES,
    st.sampled_from(("a", "b", "ab")),
    st.sampled_from(("own", None, 5)),
)
PLAIN = st.builds(lambda key, value: [Point(key, value, 1, value)], st.sampled_from(("a", "b")), st.integers(0, 9))
CALLS = st.lists(st.one_of(NUMBERS, TEXTS, ROWS, COLUMNS, PLAIN), min_size=1, max_size=12)


def is_part_of(found: list, logged: list) -> bool:
    """Return whether all found points were logged, and are in log order."""
    rest = iter(logged)
    return all(any(one == other for other in rest) for one in found)


@settings(max_examples=60 * SCALE)
@given(CALLS, st.sampled_from((1, 7, 100, 5000, None)), st.booleans())
def test_exactly_the_logged_points_are_read(calls, wanted, close):
    with tempfile.TemporaryDirectory() as folder:
        journal_id = write(Path(folder), calls, close)
        found, last = read_in_parts(Path(folder), journal_id, wanted or 1 << 30)
    assert found == [point for points in calls for point in as_written(RUN, points)]
    assert (last.torn, last.closed) == (False, close)


@settings(max_examples=120 * SCALE)
@given(
    CALLS,
    st.sampled_from((1, 100, 5000)),
    st.floats(0, 1),
    st.integers(0, 60),
    st.sampled_from(("cut", "flip", "zero")),
)
def test_a_damaged_journal_has_no_point_that_was_not_logged(calls, wanted, where, size, how):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal_id = write(folder, calls)
        path = folder / f"{journal_id}.log"
        data = path.read_bytes()
        at = RECORDS_AT + int(where * (len(data) - RECORDS_AT))
        middle = (
            bytes(byte ^ 0x5A for byte in data[at : at + size]) if how == "flip" else bytes(len(data[at : at + size]))
        )
        path.write_bytes(data[:at] if how == "cut" else data[:at] + middle + data[at + size :])
        found, last = read_in_parts(folder, journal_id, wanted)
    logged = [point for points in calls for point in as_written(RUN, points)]
    assert is_part_of(found, logged)
    if how == "cut" and at < len(data):
        assert found == logged[: len(found)] and not last.closed


@settings(max_examples=60 * SCALE)
@given(st.data())
def test_a_record_is_valid_only_at_the_offset_where_it_was_written(data):
    """Records of the journal are copied to other offsets in it, as a broken disk may do."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        calls = [[Point("a", number, number, number)] for number in range(20)]
        journal_id = write(folder, calls)
        path = folder / f"{journal_id}.log"
        content = path.read_bytes()
        first = len(content) - END_SIZE - 20 * NUMBER_SIZE
        starts = [first + NUMBER_SIZE * number for number in range(20)] + [len(content) - END_SIZE]
        source = data.draw(st.sampled_from(starts))
        target = data.draw(st.sampled_from([start for start in starts[:-1] if start != source]))
        copied = content[source : source + NUMBER_SIZE]
        path.write_bytes(content[:target] + copied + content[target + len(copied) :])
        found, last = read_in_parts(folder, journal_id, 1 << 20)
    expected = [number for number in range(20) if number != (target - first) // NUMBER_SIZE]
    assert [point[4] for point in found] == expected
    assert last.closed


def test_a_number_with_the_bytes_of_the_closing_record_changes_nothing(tmp_path):
    """`step=72805197161` and the value 2e-323 have the bytes of the closing record of format 1."""
    workspace = Workspace.create("work", path=tmp_path / "work")
    run = Experiment(workspace, "closing").start_logging(outputs=False, snapshot_directory=None)
    run.log("x", 2e-323, step=72805197161)
    for point in spelled(FIRST_END + FIRST_END[:8] + FIRST_END):
        run.log(point.key, point.value, step=point.step)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            other = Run.get(Workspace.open(workspace.path), run.id)
            code = 0 if (other.status, other.get_metrics()["x"]) == ("Running", 2e-323) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert len(list((workspace.path / "journal").glob("*.log"))) == 1
    run.log("x", 1.0)
    assert run.get_metrics()["x"] == [2e-323, 1.0]
    run.complete()
    assert run.status == "Completed"


def test_a_row_larger_than_the_read_buffer_hides_nothing(tmp_path):
    """The rows have the maximum size, with definitions of later series between them."""
    text = "x" * 65_000
    large = [Point("row", text, 1, 1, COLUMN, f"c{n}", n > 0) for n in range(128)]
    calls = [large, [Point("after", 1, 1, 1)], large, [Point("last", 2, 2, 2)]]
    journal_id = write(tmp_path / "journal", calls)
    expected = [point for points in calls for point in as_written(RUN, points)]
    assert read_in_parts(tmp_path / "journal", journal_id, 1 << 20)[0] == expected

    reader = reader_of(tmp_path / "journal", journal_id)
    size = (tmp_path / "journal" / f"{journal_id}.log").stat().st_size
    late = reader.read(size - END_SIZE - NUMBER_SIZE, size)  # another reader has stored everything before
    assert points_of(late, reader.definitions) == as_written(RUN, calls[-1])


def test_damage_is_skipped_in_linear_time(tmp_path):
    """Megabytes that look like starts of records take linear time, not quadratic time."""
    size = min(2 * SCALE, 8) << 20
    journal_id = write(tmp_path / "journal", [[Point("a", 1, 1, 1)], [Point("a", 2, 2, 2)]], close=False)
    path = tmp_path / "journal" / f"{journal_id}.log"
    data = path.read_bytes()
    head = struct.pack("<IIBBHI", 0, size, 2, 0, 0xFEFF, 0)
    path.write_bytes(data[:-NUMBER_SIZE] + head * (size // len(head)))
    read = CountedBytes()
    reader = reader_of(tmp_path / "journal", journal_id)
    with pytest.MonkeyPatch.context() as patch:
        for module in ("reader", "scanner"):
            patch.setattr(f"bridge.journal.{module}.crc32", read.crc32)
        stretch = reader.read(0, path.stat().st_size)
    assert points_of(stretch, reader.definitions) == as_written(RUN, [Point("a", 1, 1, 1)])
    assert stretch.torn
    assert read.count < 2 * size


class CountedBytes:
    """Return how many bytes were checksummed."""

    def __init__(self) -> None:
        self.count = 0

    def crc32(self, data: bytes, value: int = 0) -> int:
        from zlib import crc32

        self.count += len(data)
        return crc32(data, value)


@pytest.mark.usefixtures("untended")
@pytest.mark.parametrize("skippable", [True, False])
def test_a_record_of_an_unknown_type_is_skipped_only_if_it_is_optional(tmp_path, caplog, skippable):
    """Otherwise its journal is read up to there, preserved, and reported once."""
    workspace = Workspace.create("work", path=tmp_path / "work")
    run = Experiment(workspace, "newer").start_logging(outputs=False, snapshot_directory=None)
    run.complete()
    before = set((workspace.path / "journal").glob("*.log"))
    pid = os.fork()
    if pid == 0:
        try:
            own = Run.get(Workspace.open(workspace.path), run.id)
            own.log("before", 1)
            writer = own.place.stores.tracking._writer
            file = writer._files.current
            record = _record(file.seed, (MAY_SKIP if skippable else 0) | 60, 0, 0, b"from a later version")
            os.write(file.fd, record)
            file.seed += len(record)
            own.log("after", 2)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)

    other = Run.get(workspace, run.id)
    assert other.get_metrics() == ({"before": 1, "after": 2} if skippable else {"before": 1})
    assert other.get_metrics()["before"] == 1
    kept = set((workspace.path / "journal").glob("*.log")) - before
    reports = [record for record in caplog.records if "of type 60" in record.getMessage()]
    assert (bool(kept), len(reports)) == (not skippable, 0 if skippable else 1)


@example("\ud7ff")
@given(st.text(max_size=200))
def test_no_text_contains_the_mark_of_a_record(text):
    assert MARK_BYTES not in text.encode(errors="ignore")
