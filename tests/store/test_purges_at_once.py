"""Two processes purge the same run at the same time, while another run gets the key of its row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bridge.records.run import RunRecord
from bridge.store.one_run import create_run, get_run
from bridge.store.sql import purge
from bridge.store.sql.database import Database
from bridge.store.sql.sqlite import open_sqlite


def test_a_run_that_has_reused_the_key_of_a_purged_run_is_not_purged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (open_sqlite(tmp_path / "workspace.db") for _ in range(2))
    create_run(first, RunRecord("old", "0"))
    first.delete_runs(("old",), 1)
    hide = purge.hide_runs

    def after_another(database: Database, runs: Sequence[str]) -> None:
        monkeypatch.setattr(purge, "hide_runs", hide)
        second.purge_runs(["old"])
        create_run(second, RunRecord("new", "0"))
        hide(database, runs)

    monkeypatch.setattr(purge, "hide_runs", after_another)
    first.purge_runs(["old"])
    assert get_run(first, "new").lifecycle_stage == "active"
    assert first.get_runs(["old", "new"]).keys() == {"new"}
    for store in (first, second):
        store.close()
