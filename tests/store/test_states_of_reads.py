"""An exception of a signal handler within a read ends that read, even while the exception is referenced.

SQLite keeps the state that a query sees until its rows are all read or its cursor is gone. A cursor in a variable lives
as long as the traceback does, and a notebook keeps the last traceback. This thread's later reads would miss the changes
of other processes, and its writes would be refused.
"""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from interrupting import Interrupts, Own, places
from longer import LONG

from bridge.records.artifact import ArtifactRecord
from bridge.records.run import Dataset, DatasetInput, Lease, RunChanges, RunRecord
from bridge.records.search import ExperimentQuery, RunQuery
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.sqlite import open_sqlite
from bridge.testing.strategies import row, scalar

FILES = ("/store/sql/",)
RUNS = [f"r{number}" for number in range(5)]

READS: dict[str, Callable[[SqlBackend], object]] = {
    "runs": lambda store: store.get_runs(RUNS),
    "a search": lambda store: store.search_runs(RunQuery(("0",))),
    "experiments": lambda store: store.search_experiments(ExperimentQuery()),
    "series": lambda store: store.get_series_of(RUNS),
    "leases": lambda store: store.get_leases(),
    "data sets": lambda store: store.search_datasets(["0"]),
    "files": lambda store: store.list_artifacts("root", recursive=True),
    "a folder": lambda store: store.list_artifacts("root"),
    "active runs": lambda store: store.get_active_runs(RUNS),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlBackend]:
    store = open_sqlite(tmp_path / "workspace.db")
    store.create_runs([RunRecord(one, "0") for one in RUNS], [Lease(one, "j", 1) for one in RUNS])
    inputs = tuple(DatasetInput(Dataset(f"d{number}", "1", "local", "/data")) for number in range(3))
    store.update_runs(RUNS, RunChanges(params={"p": "1", "q": "2"}, tags={"a": "1", "b": "2"}, dataset_inputs=inputs))
    for one in RUNS:
        store.log_points(one, [scalar("m", 1.0, 1, None), *row("table", {"x": 1.0, "y": 2.0}, 1)])
    store.set_artifacts("root", [ArtifactRecord(f"folder{number}/file", 1, time=1) for number in range(5)])
    yield store
    store.close()


@pytest.mark.parametrize("kind", READS)
def test_after_an_interrupt_this_thread_sees_and_makes_changes(store: SqlBackend, kind: str) -> None:
    stranger = sqlite3.connect(store.database.path, isolation_level=None)
    READS[kind](store)
    gc.collect()
    count = places(FILES, lambda: READS[kind](store))
    assert count > 10
    kept: list[BaseException] = []
    for at in range(0, count, 1 if LONG else 1 + count // 40):
        try:
            with Interrupts(FILES, at) as interrupts:
                READS[kind](store)
        except Own as error:
            kept.append(error)
        stranger.execute("UPDATE experiment SET name = ? WHERE id = 0", (f"theirs {at}",))
        assert store.get_experiment("0").name == f"theirs {at}", interrupts.where
        store.rename_experiment("0", f"ours {at}", at)
    assert len(kept) > 10
    stranger.close()
