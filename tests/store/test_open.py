"""Opening and making a workspace's stores, also at once."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

import pytest

from bridge import Experiment, SchemaMismatch, Workspace
from bridge.store.open import create_store, open_store
from bridge.store.sql.migrate import SCHEMA


def test_the_workspaces_own_durability_holds_after_another_was_asked_for(tmp_path):
    create_store(tmp_path / "made", "work", durability="power").tracking.close()
    (tmp_path / "made").rename(tmp_path / "work")

    assert open_store(tmp_path / "work", "process").durability == "process"
    assert open_store(tmp_path / "work").durability == "power"
    assert open_store(tmp_path / "work", "power") is open_store(tmp_path / "work")


def test_threads_may_make_one_workspace_at_once(tmp_path):
    """All of them get it, whoever made it; nothing half made is left."""
    for attempt in range(5):
        barrier, ids = threading.Barrier(4), []

        def make(folder=tmp_path / str(attempt), barrier=barrier, ids=ids):
            barrier.wait()
            ids.append(create_store(folder, "work", exist_ok=True).id)

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(ids) == 4 and len(set(ids)) == 1
        assert list((tmp_path / str(attempt)).glob(".*.part*")) == []


def test_every_file_of_a_shared_workspace_is_the_groups_too(tmp_path):
    before = os.umask(0o022)
    try:
        store = create_store(tmp_path / "work", "work", shared=True).tracking
        (tmp_path / "work" / "journal" / "0.log").write_bytes(b"")
        store._drain.fold()
    finally:
        os.umask(before)

    lock = tmp_path / "work" / "journal" / ".fold.lock"
    assert lock.stat().st_mode & 0o777 == 0o664


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    """Opening it says what to do; one that was open when it became newer refuses writes and loses no point."""
    workspace = Workspace.create("work", path=tmp_path / "work")
    run = Experiment(workspace, "newer").start_logging()
    run.log("loss", 0.5)
    database = sqlite3.connect(workspace.path / "workspace.db")
    database.execute("PRAGMA user_version=99")
    database.commit()

    with pytest.raises(
        SchemaMismatch, match=rf"has format 99, and this version of Runbridge knows {SCHEMA}: upgrade runbridge\."
    ):
        run.tag("a", "b")
    run.log("loss", 0.25)  # goes to the journal, which a newer process folds
    with pytest.raises(SchemaMismatch, match="upgrade runbridge"):
        Workspace.open(workspace.path, durability="power")
    assert list((workspace.path / "journal").glob("*.log"))

    database.execute(f"PRAGMA user_version={SCHEMA}")
    database.commit()
    database.close()
    assert run.get_metrics() == {"loss": [0.5, 0.25]}
    assert run.tags == {}
    run.complete()
