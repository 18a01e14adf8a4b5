"""A damaged journal loses only its damaged records, and the damage is reported with file and offset."""

from __future__ import annotations

import logging
import os
import shutil
import struct
from copy import copy
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

import pytest

from bridge import Experiment, Run, Workspace
from bridge.journal.folder import JournalFolder
from bridge.journal.format import (
    CELL_SIZE,
    DEFINITION,
    HEADER,
    HEADER_SIZE,
    NUMBER_SIZE,
    POINT,
    RECORDS_AT,
    REST_AT,
    SUFFIX,
    TYPE_ROW,
)
from bridge.journal.reader import JournalReader
from bridge.records.run import RunRecord
from bridge.store.create import create_store
from bridge.store.one_run import create_run, get_series
from bridge.store.open import open_store
from bridge.testing.strategies import row

SomeWritten = TypeVar("SomeWritten", bound="Written")

KEYS = ("loss", "accuracy")
POINTS = 100
ROW_SIZE = REST_AT + POINT.size
"""The size of a row without its cells and texts."""


pytestmark = pytest.mark.usefixtures("untended")  # else the background may fold what is to be damaged first


@pytest.fixture(autouse=True)
def checked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verify the checksums of few records together too, as those of many."""
    monkeypatch.setattr("bridge.journal.reader.MANY", 2)


def reader_of(path: Path) -> JournalReader:
    folder = JournalFolder(path.parent)
    folder.look()
    return JournalReader(folder, path.stem)


class Written:
    """A workspace with the complete and unfolded journal of a killed process."""

    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace.create("work", path=folder)
        run = Experiment(self.workspace, "damage").start_logging()
        run.complete()
        self.run_id = run.id
        self.workspace.close()  # or its background thread may fold the journal before the test damages it
        own = set((folder / "journal").glob("*" + SUFFIX))
        pid = os.fork()
        if pid == 0:
            try:
                self.log(Workspace.open(folder))
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        (self.path,) = set((folder / "journal").glob("*" + SUFFIX)) - own
        self.data = self.path.read_bytes()

    def log(self, workspace: Workspace) -> None:
        """Return the points that the other process logs."""
        run = Run.get(workspace, self.run_id)
        for number in range(POINTS):
            for key in KEYS:
                run.log(key, number)
        run.log("note", "the end")

    def copied(self: SomeWritten, folder: Path) -> SomeWritten:
        """Return a copy of the workspace in another folder."""
        copied = copy(self)
        copied.workspace = Workspace.open(shutil.copytree(self.workspace.path, folder))
        copied.workspace.close()
        copied.path = folder / "journal" / self.path.name
        return copied

    def damage(self, data: bytes) -> None:
        self.path.write_bytes(data)

    def flip(self, offset: int) -> None:
        self.damage(self.data[:offset] + bytes([self.data[offset] ^ 0x40]) + self.data[offset + 1 :])

    def point_offset(self, key: str, number: int) -> int:
        """Return the offset of a point's record."""
        reader = reader_of(self.path)
        stretch = reader.read(0, len(self.data))
        series = {definition.key: n for n, definition in reader.definitions.items()}[key]
        rows = [at for at, row in enumerate(stretch.rows) if row["series"] == series]
        return int(stretch.row_ends[rows[number]]) - NUMBER_SIZE

    def read(self) -> dict[str, object]:
        return Run.get(Workspace.open(self.workspace.path), self.run_id).get_metrics()

    @property
    def warnings(self) -> tuple[str, ...]:
        return Run.get(self.workspace, self.run_id).warnings


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path / "work")


ALL = {"loss": list(range(POINTS)), "accuracy": list(range(POINTS)), "note": "the end"}


def test_an_undamaged_journal_is_read_completely_and_removed(written, caplog):
    assert written.read() == ALL
    assert not written.path.exists()
    assert caplog.records == []
    assert written.warnings == ()


@pytest.mark.parametrize("cut", [1, 3, 16, 40])
def test_a_torn_tail_ends_a_journal(written, caplog, cut):
    """Only the torn record is missing, and its offset is reported."""
    written.damage(written.data[:-cut])
    offset = len(written.data) - (REST_AT + POINT.size + len("the end"))

    assert written.read() == {key: value for key, value in ALL.items() if key != "note"}
    assert f"{written.path}" in caplog.text and f"offset {offset}" in caplog.text


class WrittenRows(Written):
    """A workspace like `killed`, with the rows of a table, and scalars between them."""

    def log(self, workspace: Workspace) -> None:
        tracking = open_store(str(workspace.path)).tracking
        for number in range(POINTS):
            cells: dict[str, Any] = {"x": number, "text": f"word {number}", "y": -0.0, "z": None}
            tracking.log_points(self.run_id, row("t", cells, number))
            tracking.log(self.run_id, "loss", number, number)

    def row_offset(self, number: int) -> tuple[int, int]:
        """Return the offset and the size of a row's record."""
        stretch = reader_of(self.path).read(0, len(self.data))
        first = [at for at, one in enumerate(stretch.rows) if one["type"] == TYPE_ROW and not stretch.joined[at]]
        end = int(stretch.row_ends[first[number]])
        size = ROW_SIZE + 4 * CELL_SIZE + len(f"word {number}")
        return end - size, size

    def cells(self) -> dict[str, list[object]]:
        """Return the cells of the table by column, and the scalars beside it."""
        records = get_series(open_store(str(self.workspace.path)).tracking, self.run_id)
        return {
            record.column or record.key: record.texts if record.numbers is None else record.numbers.tolist()
            for record in records
        }


def rows_but(*lost: int) -> dict[str, list[Any]]:
    kept = [number for number in range(POINTS) if number not in lost]
    rows: dict[str, list[Any]] = {
        "x": kept,
        "text": [f"word {number}" for number in kept],
        "y": [-0.0] * len(kept),
        "z": [None] * len(kept),
    }
    return {**rows, "loss": list(range(POINTS))}


def test_a_flipped_byte_of_a_row_loses_the_whole_row_and_no_other(tmp_path, caplog):
    first = WrittenRows(tmp_path / "first")
    offset, size = first.row_offset(50)
    assert size == ROW_SIZE + 4 * CELL_SIZE + len("word 50")
    for byte in range(0, size, 7):
        written = first.copied(tmp_path / str(byte))
        written.flip(offset + byte)
        caplog.clear()

        assert written.cells() == rows_but(50)
        assert f"{written.path} is damaged at offset {offset}: {size} bytes" in caplog.text


def test_a_damaged_row_among_rows_of_equal_size_is_the_only_one_lost(tmp_path, caplog):
    """Such rows are read together, but each has its own checksum."""

    class OnlyRows(WrittenRows):
        def log(self, workspace: Workspace) -> None:
            tracking = open_store(workspace.path).tracking
            for number in range(POINTS):
                tracking.log_points(self.run_id, row("t", {"x": number, "y": number}, number))

    written = OnlyRows(tmp_path / "work")
    size = ROW_SIZE + 2 * CELL_SIZE
    first = len(written.data) - POINTS * size
    data = bytearray(written.data)
    for number, byte in ((0, 3), (1, 8), (50, ROW_SIZE + 10), (98, 9)):
        data[first + number * size + byte] ^= 0x40
    written.damage(bytes(data))

    kept = [float(number) for number in range(POINTS) if number not in (0, 1, 50, 98)]
    assert written.cells() == {"x": kept, "y": kept}
    assert f"damaged at offset {first + 50 * size}: {size} bytes" in caplog.text


@pytest.mark.parametrize("cut", [1, 60, 100])
def test_no_cell_of_a_torn_row_is_read(tmp_path, caplog, cut):
    """A row is stored completely or not at all."""
    written = WrittenRows(tmp_path / "work")
    offset, size = written.row_offset(POINTS - 1)
    written.damage(written.data[: offset + size - cut])

    assert written.cells() == {**rows_but(POINTS - 1), "loss": list(range(POINTS - 1))}
    assert f"{written.path}" in caplog.text and f"offset {offset}" in caplog.text


def test_a_lost_definition_of_a_column_loses_only_that_column(tmp_path, caplog):
    """The other cells of its rows are read as rows."""
    written = WrittenRows(tmp_path / "work")
    data = bytearray(written.data)
    for definition in (0, 1):  # it is written twice, and that of `x` comes first
        data[RECORDS_AT + definition * (REST_AT + DEFINITION.size + 32 + 1 + 1) + REST_AT] ^= 0x40
    written.damage(bytes(data))

    expected = rows_but()
    del expected["x"]
    assert written.cells() == expected
    records = get_series(open_store(str(written.workspace.path)).tracking, written.run_id, ["t"])
    assert [record.positions.tolist() for record in records] == [list(range(POINTS))] * 3
    assert "points whose series is not defined" in caplog.text


def test_a_flipped_byte_of_a_point_loses_only_that_point(tmp_path, caplog):
    """Whichever byte of a record is wrong, all other points are read, and the record's offset is reported."""
    first = Written(tmp_path / "first")
    offset = first.point_offset("loss", 50)
    for byte in range(0, NUMBER_SIZE, 5):
        written = first.copied(tmp_path / str(byte))
        written.flip(offset + byte)
        caplog.clear()

        expected = [number for number in range(POINTS) if number != 50]
        assert written.read() == {**ALL, "loss": expected}
        assert f"{written.path} is damaged at offset {offset}" in caplog.text
        assert len(caplog.records) == 1
        assert [warning for warning in written.warnings if f"offset {offset}" in warning] == list(written.warnings)
        assert len(written.warnings) == 1


def test_a_flipped_byte_in_a_definition_loses_nothing(written, caplog):
    """A definition is written twice."""
    written.flip(RECORDS_AT + 20)

    assert written.read() == ALL
    assert f"damaged at offset {RECORDS_AT}" in caplog.text


@pytest.mark.parametrize("byte", [0, 8, 10, 20, 40, 60, HEADER.size + 3, HEADER_SIZE - 1, HEADER_SIZE, RECORDS_AT - 1])
def test_a_flipped_byte_in_the_header_loses_nothing(written, caplog, byte):
    """The header is written twice, because without its salt no record can be read."""
    written.flip(byte)

    assert written.read() == ALL
    assert caplog.records == []


def test_a_journal_without_a_header_is_preserved_and_reported(written, caplog):
    data = bytearray(written.data)
    data[60] ^= 0x40
    data[HEADER_SIZE + 60] ^= 0x40
    written.damage(bytes(data))

    assert written.read() == {}
    assert f"{written.path} is damaged at offset 0" in caplog.text
    assert written.path.with_suffix(".damaged").read_bytes() == bytes(data)


def test_a_truncated_journal_is_read_up_to_the_cut(written, caplog):
    """The file ends in the middle of a record."""
    offset = written.point_offset("loss", 50)
    written.damage(written.data[: offset + 20])

    assert written.read() == {"loss": list(range(50)), "accuracy": list(range(50))}
    assert f"{written.path}" in caplog.text and f"offset {offset}" in caplog.text


def test_a_journal_shorter_than_its_header_is_reported(written, caplog):
    written.damage(written.data[: HEADER_SIZE // 2])

    assert written.read() == {}
    assert f"{written.path}" in caplog.text and "offset 0" in caplog.text


def test_an_empty_file_is_reported_and_everything_else_is_read(written, caplog):
    empty = written.path.with_name("0" * 32 + SUFFIX)
    empty.write_bytes(b"")

    assert written.read() == ALL
    assert f"{empty}" in caplog.text and "offset 0" in caplog.text


def test_a_journal_of_a_newer_version_is_not_changed(written, caplog):
    """It is reported by name, stays the same byte by byte, and other journals are read."""
    newer = written.path.with_name("f" * 32 + SUFFIX)
    header = written.data[:8] + struct.pack("<H", 3) + written.data[10 : HEADER.size]
    data = header + struct.pack("<I", crc32(header)) + os.urandom(300)
    newer.write_bytes(data)

    assert written.read() == ALL
    assert newer.read_bytes() == data
    assert str(newer) in caplog.text and "Upgrade runbridge" in caplog.text


def test_garbage_in_the_middle_is_skipped_up_to_the_next_record(written, caplog):
    offset = written.point_offset("accuracy", 30)
    written.damage(written.data[:offset] + os.urandom(10 * NUMBER_SIZE) + written.data[offset + 10 * NUMBER_SIZE :])

    lost = range(30, 35)
    expected = [number for number in range(POINTS) if number not in lost]
    found = written.read()
    assert (found["accuracy"], found["note"]) == (expected, "the end")
    assert f"damaged at offset {offset}: {10 * NUMBER_SIZE} bytes" in caplog.text


def test_a_damaged_journal_is_preserved_and_reported_once(written, caplog):
    """The damaged part can still be inspected, and later readers ignore it."""
    written.flip(written.point_offset("loss", 3))
    written.read()
    caplog.clear()

    written.read()
    assert caplog.records == []
    assert written.path.with_suffix(".damaged").exists()
    assert not written.path.exists()


def test_a_damaged_journal_is_preserved_when_another_process_removes_it(tmp_path):
    """The process that finds the damage ends before the process that writes the journal."""
    workspace = Workspace.create("work", path=tmp_path / "work")
    run = Experiment(workspace, "damage").start_logging(outputs=False, snapshot_directory=None)
    for number in range(10):
        run.log("loss", number)
    (path,) = (workspace.path / "journal").glob("*" + SUFFIX)
    data = bytearray(path.read_bytes())
    data[-NUMBER_SIZE - 5] ^= 0xFF
    with path.open("r+b") as file:
        file.write(data)

    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if len(Run.get(Workspace.open(workspace.path), run.id).get_metrics()["loss"]) == 9 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    run.complete()
    run.place.stores.tracking.close()
    assert len(run.get_metrics()["loss"]) == 9
    assert not path.exists()
    assert path.with_suffix(".damaged").read_bytes()[: len(data)] == bytes(data)


def test_after_a_failed_write_a_new_journal_starts_with_that_record(tmp_path):
    """After a short write nothing is appended to the torn file: no point is lost, and none is stored twice."""
    workspace = Workspace.create("work", path=tmp_path / "work")
    run = Experiment(workspace, "short").start_logging()
    pid = os.fork()
    if pid == 0:
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        own = Run.get(Workspace.open(workspace.path), run.id)
        own.log("point", 0)
        size = max(path.stat().st_size for path in (workspace.path / "journal").glob("*.log"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
        for number in range(1, 6):
            own.log("point", number)
        own.flush()
        os._exit(len(list((workspace.path / "journal").glob("*.log"))))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) >= 3  # one of them belongs to the owner of the run

    assert run.get_metrics()["point"] == list(range(6))
    run.complete()


def test_a_row_that_is_written_partly_is_written_again_completely(tmp_path):
    """No cell is lost, and none is stored twice."""
    tracking = create_store(tmp_path / "work", "work").tracking
    create_run(tracking, RunRecord("r1", "0"))
    columns = [f"column {number}" for number in range(8)]
    pid = os.fork()
    if pid == 0:
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        own = open_store(tmp_path / "work").tracking
        own.log_points("r1", row("t", dict.fromkeys(columns, 0), 1))
        size = next((tmp_path / "work" / "journal").glob("*.log")).stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
        own.log_points("r1", [*row("t", dict.fromkeys(columns, 1), 1), *row("t", dict.fromkeys(columns, 2), 1)])
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        own.log_points("r1", row("t", dict.fromkeys(columns, 3), 1))
        own.flush()
        os._exit(len(list((tmp_path / "work" / "journal").glob("*.log"))))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) >= 2

    records = get_series(tracking, "r1")
    assert [record.column for record in records] == columns
    assert [record.numbers.tolist() for record in records] == [[0.0, 1.0, 2.0, 3.0]] * 8
    assert [record.positions.tolist() for record in records] == [[0, 1, 2, 3]] * 8


@pytest.fixture(autouse=True)
def _warnings_are_captured(caplog):
    caplog.set_level(logging.WARNING, logger="bridge")
