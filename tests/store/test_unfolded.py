"""A read-only reader counts the bytes of the points that it cannot show, and no other bytes of a journal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.journal import reader as reader_module
from bridge.journal import system
from bridge.journal.format import CELL_SIZE, NUMBER_SIZE, POINT, RECORDS_AT, REST_AT
from bridge.records.run import RunRecord
from bridge.records.series import COLUMN, Point
from bridge.store import fold as fold_module
from bridge.store.fold import Folding
from bridge.store.journaled import JournaledStore
from bridge.store.one_run import get_series
from bridge.store.sql.sqlite import open_sqlite

RUN = "r" * 32
ROW = [Point("table", 1.0, 1, None, COLUMN, "a"), Point("table", 2.0, 1, None, COLUMN, "b", True)]
ROW_SIZE = REST_AT + POINT.size + 2 * CELL_SIZE


@pytest.fixture
def store(tmp_path: Path, untended: None) -> Iterator[JournaledStore]:
    """Return a store that owns a run with one folded point."""
    store = JournaledStore(open_sqlite(tmp_path / "workspace.db"), tmp_path / "journal")
    store.begin_runs([RunRecord(RUN, "0", status="Running")])
    store.log(RUN, "loss", 1.0, 1)
    get_series(store, RUN)
    yield store
    store.close()


@pytest.fixture
def reader(store: JournaledStore, tmp_path: Path) -> Folding:
    """Return the result of a read-only store."""
    return Folding(store.inner, tmp_path / "journal", False, True)


def journal_of(tmp_path: Path) -> Path:
    (journal,) = (tmp_path / "journal").glob("*.log")
    return journal


def unfolded(reader: Folding) -> int:
    reader.fold()
    return reader.unfolded_bytes


def test_leases_are_not_counted_and_cause_no_warning(
    store: JournaledStore, reader: Folding, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    size = journal_of(tmp_path).stat().st_size
    store._writer.leases.renew()
    assert journal_of(tmp_path).stat().st_size > size
    assert unfolded(reader) == 0
    assert caplog.text == ""


@pytest.mark.parametrize("has_numpy", [True, False])
def test_points_are_counted_and_records_between_them_are_not(
    store: JournaledStore,
    reader: Folding,
    has_numpy: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(fold_module, "has_package", lambda name: has_numpy)
    store.log(RUN, "loss", 2.0, 1)
    assert unfolded(reader) == NUMBER_SIZE
    store._writer.leases.renew()
    store.log(RUN, "note", "four", 1)  # its definition precedes it
    text_size = REST_AT + POINT.size + len("four")
    assert unfolded(reader) == NUMBER_SIZE + text_size
    store.log_points(RUN, ROW)
    assert unfolded(reader) == NUMBER_SIZE + text_size + ROW_SIZE
    assert caplog.text.count(f"{NUMBER_SIZE} bytes of points") == 1
    monkeypatch.undo()
    get_series(store, RUN)
    assert unfolded(reader) == 0


def test_a_closed_journal_that_is_completely_folded_counts_nothing(store: JournaledStore, reader: Folding) -> None:
    store._writer.close()
    assert unfolded(reader) == 0


def test_points_after_damage_are_counted_and_a_torn_one_is_not(
    store: JournaledStore, reader: Folding, tmp_path: Path
) -> None:
    at = journal_of(tmp_path).stat().st_size
    for value in (2.0, 3.0, 4.0):
        store.log(RUN, "loss", value, 1)
    with journal_of(tmp_path).open("r+b") as file:
        file.seek(at + 20)
        file.write(b"\0\0\0")
        file.truncate(at + 3 * NUMBER_SIZE - 1)
    assert unfolded(reader) == NUMBER_SIZE


def test_only_the_beginning_of_a_large_rest_is_scanned(
    store: JournaledStore, reader: Folding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "COUNTED_BYTES", 100)
    store._writer.leases.renew()
    lease_size = REST_AT + 16 + len(RUN)
    for value in range(10):
        store.log(RUN, "loss", float(value), 1)
    assert lease_size < 100
    assert unfolded(reader) == 10 * NUMBER_SIZE


def test_a_journal_that_has_not_grown_is_scanned_once(
    store: JournaledStore, reader: Folding, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.log(RUN, "loss", 2.0, 1)
    reads = []
    point_bytes = reader_module.JournalReader.point_bytes

    def counted(self: reader_module.JournalReader, start: int, limit: int) -> int:
        reads.append(self.id)
        return point_bytes(self, start, limit)

    monkeypatch.setattr(reader_module.JournalReader, "point_bytes", counted)
    assert [unfolded(reader) for _ in range(3)] == [NUMBER_SIZE] * 3
    assert len(reads) == 1


def test_an_unreadable_journal_counts_with_all_its_bytes(
    store: JournaledStore, reader: Folding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, opened = journal_of(tmp_path), os.open

    def refuse(path: str, *arguments: int, **options: int) -> int:  # root may read everything
        if path == journal.name:
            raise PermissionError(13, "Permission denied", path)
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    # An exception that leaves a function outside of our packages counts as that of a signal handler.
    monkeypatch.setattr(system, "OURS", system.OURS | {__name__.partition(".")[0]})
    stored = store.inner.get_receipts([journal.stem])[journal.stem]
    store.log(RUN, "loss", 2.0, 1)
    assert unfolded(reader) == journal.stat().st_size - stored > 0
    assert stored > RECORDS_AT
