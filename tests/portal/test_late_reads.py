"""The page shows what is stored while the newest points cannot be stored, for example because the disk is full."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from portal_calls import Api, run_loop
from sent_events import listening

from bridge.errors import StoreUnavailable
from bridge.records.run import RunRecord
from bridge.records.series import Point
from bridge.store import fold
from bridge.store.sql import database
from bridge.store.workspace_stores import WorkspaceStores


def test_pages_hear_that_the_newest_points_wait(
    stores: WorkspaceStores, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(fold, "PAUSE_SECONDS", 0.05)
    stores.tracking.close()
    stores.tracking.create_runs([RunRecord("r", "0")])
    stores.tracking.log_points("r", [Point("loss", 0.5, 1, 0)])

    async def test() -> None:
        async with listening(api) as events:
            assert not events.read[-1]["late"]
            with closing(sqlite3.connect(Path(stores.address) / "workspace.db", isolation_level=None)) as stopped:
                stopped.execute("BEGIN IMMEDIATE")
                stores.tracking.log_points("r", [Point("loss", 0.4, 1, 1)])
                await events.until(lambda read: read[-1]["late"])
            (*_, last) = await events.until(lambda read: not read[-1]["late"] and read[-1]["runs"] == ["r"])
            assert last["complete"]

    run_loop(test())


def test_reads_answer_while_another_process_does_not_end_its_change(
    stores: WorkspaceStores, api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    stores.tracking.close()  # later connections wait for a shorter time
    stores.tracking.create_runs([RunRecord("r", "0")])
    stores.tracking.log_points("r", [Point("loss", 0.5, 1, 0)])

    def steps() -> list[int]:
        answer = api.get("/runs/r/values/loss")
        assert answer.status == 200
        found: list[int] = answer.json["points"]["steps"]
        return found

    assert steps() == [0]
    stores.tracking.log_points("r", [Point("loss", 0.4, 1, 1)])
    file = Path(stores.address) / "workspace.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as stopped:
        stopped.execute("BEGIN IMMEDIATE")
        assert steps() == [0]
        assert "The newest points are not stored yet" in caplog.text
        caplog.clear()
        for path in ("/home", "/experiments/0/table", "/experiments/0/keys", "/runs/r"):
            assert api.get(path).status == 200, path
        assert not caplog.text, "reads do not try it again soon"
        answer = api.send("PATCH", "/runs", b'{"runs": ["r"], "changes": {"name": "new"}}')
        assert answer.status == 503, "a change is refused, and never late"
        with pytest.raises(StoreUnavailable):
            stores.tracking.get_series_of(["r"])
    stores.tracking.get_series_of(["r"])
    assert steps() == [0, 1]
