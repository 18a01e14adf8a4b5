"""A process that logs to many runs, such as a server, asks for only some of them each second."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.errors import InvalidState
from bridge.records.run import RunRecord
from bridge.store import journaled
from bridge.store.journaled import JournaledStore
from bridge.store.sql.sqlite import open_sqlite


def test_only_the_newest_runs_are_checked_each_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All runs can be logged to afterwards, except one that was deleted."""
    monkeypatch.setattr(journaled, "MOST_ACTIVE", 3)
    backend = open_sqlite(tmp_path / "workspace.db")
    store = JournaledStore(backend, tmp_path / "journal")
    other = JournaledStore(open_sqlite(tmp_path / "workspace.db"), tmp_path / "journal")
    ids = [f"run{number}" for number in range(10)]
    store.create_runs([RunRecord(run_id, "0") for run_id in ids])
    for run_id in ids:
        store.log(run_id, "loss", 1.0, 5)
    other.delete_runs([ids[0]], 7)
    asked: list[str] = []
    get_active_runs = backend.get_active_runs
    monkeypatch.setattr(backend, "get_active_runs", lambda found: asked.extend(found) or get_active_runs(found))

    store.tend()

    assert asked == ids[-3:]
    for run_id in ids[1:]:
        assert not store.quick_log(run_id, "loss", 2.0, 6, None, 0) or run_id in ids[-3:]
        store.log(run_id, "loss", 2.0, 6)
    with pytest.raises(InvalidState):
        store.log(ids[0], "loss", 2.0, 6)
    found = store.get_series_of(ids, ["loss"])
    assert [len(found[run_id][0].steps) for run_id in ids[:2]] == [1, 2]
    store.close()
    other.close()
