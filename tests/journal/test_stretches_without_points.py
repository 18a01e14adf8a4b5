"""The order of points, where a stretch of a journal has definitions only: nobody knows yet what time follows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.records.run import RunRecord
from bridge.records.series import COLUMN, Point
from bridge.store import drain
from bridge.store.journaled import JournaledStore
from bridge.store.sql.sqlite import open_sqlite


def test_a_wide_row_stays_before_a_row_that_another_process_logs_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its definitions alone are more than one transaction takes."""
    monkeypatch.setattr(JournaledStore, "_be_tended", lambda self: None)
    monkeypatch.setattr(drain, "FOLD_BYTES", 4096)
    monkeypatch.setattr(drain, "LEAST_BYTES", 4096)
    first, second = (JournaledStore(open_sqlite(tmp_path / "workspace.db"), tmp_path / "journal") for _ in range(2))
    first.create_run(RunRecord("r1", "0"))
    columns = [f"column {number} {'x' * 60}" for number in range(200)]
    first.log_points("r1", [Point("t", 1.0, 1, None, COLUMN, name, at > 0) for at, name in enumerate(columns)])
    second.log_points("r1", [Point("t", 2.0, 2, None, COLUMN, "other")])
    first.log_points("r1", [Point("t", 3.0, 3, None, COLUMN, columns[0])])

    positions = {record.column: record.positions.tolist() for record in second.get_series("r1")}
    assert positions == {columns[0]: [0, 2], "other": [1], **dict.fromkeys(columns[1:], [0])}
    for store in (first, second):
        store.close()
