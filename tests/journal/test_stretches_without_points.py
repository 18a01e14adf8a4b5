"""Points stay in order even if a stretch of a journal has only definitions, so that its next time is not known yet."""

from __future__ import annotations

import os
from pathlib import Path
from zlib import crc32

import pytest

from bridge.journal.format import DEFINITION, FIRST_HEADER_SIZE, HEAD, HEAD_SIZE, NUMBER, TYPE_DEFINITION, TYPE_NUMBER
from bridge.records.run import RunRecord
from bridge.records.series import COLUMN, Point
from bridge.store import cuts
from bridge.store.journaled import JournaledStore
from bridge.store.one_run import create_run, get_run, get_series
from bridge.store.sql.sqlite import open_sqlite


def test_a_wide_row_stays_before_a_row_that_another_process_logs_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, untended: None
) -> None:
    """Its definitions are already more than one transaction takes."""
    monkeypatch.setattr(cuts, "FOLD_BYTES", 4096)
    monkeypatch.setattr(cuts, "LEAST_BYTES", 4096)
    first, second = (JournaledStore(open_sqlite(tmp_path / "workspace.db"), tmp_path / "journal") for _ in range(2))
    create_run(first, RunRecord("r1", "0"))
    columns = [f"column {number} {'x' * 60}" for number in range(200)]
    first.log_points("r1", [Point("t", 1.0, 1, None, COLUMN, name, at > 0) for at, name in enumerate(columns)])
    second.log_points("r1", [Point("t", 2.0, 2, None, COLUMN, "other")])
    first.log_points("r1", [Point("t", 3.0, 3, None, COLUMN, columns[0])])

    positions = {record.column: record.positions.tolist() for record in get_series(second, "r1")}
    assert positions == {columns[0]: [0, 2], "other": [1], **dict.fromkeys(columns[1:], [0])}
    for store in (first, second):
        store.close()


def first_journal_without_a_header(run_id: str) -> bytes:
    """Return a journal of format 1 with one point, and with a damaged header."""
    text = DEFINITION.pack(0, 0, len(run_id), 1, 0) + f"{run_id}a".encode()
    definition = HEAD.pack(HEAD_SIZE + len(text), TYPE_DEFINITION, 0, 0, 1) + text
    point = NUMBER.pack(4 + NUMBER.size, TYPE_NUMBER, 0, 0, 1, 1, 1, 0, 0.5)
    records = b"".join(crc32(record).to_bytes(4, "little") + record for record in (definition, point))
    return bytes(FIRST_HEADER_SIZE) + records


def test_a_journal_without_a_header_that_waits_for_such_a_stretch_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, untended: None, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cuts, "FOLD_BYTES", 4096)
    monkeypatch.setattr(cuts, "LEAST_BYTES", 4096)
    store = JournaledStore(open_sqlite(tmp_path / "workspace.db"), tmp_path / "journal")
    create_run(store, RunRecord("r1", "0"))
    columns = [f"column {number} {'x' * 60}" for number in range(200)]
    store.log_points("r1", [Point("t", 1.0, 1, None, COLUMN, name, at > 0) for at, name in enumerate(columns)])
    (tmp_path / "journal" / f"{os.urandom(16).hex()}.log").write_bytes(first_journal_without_a_header("r1"))

    found = {record.key: record.numbers for record in get_series(store, "r1")}
    assert found["a"] is not None and found["a"].tolist() == [0.5]
    assert caplog.text.count("its header cannot be read") == 1
    assert len(get_run(store, "r1").warnings) == 1
    store.close()
