"""If a process is killed after the workspace and before MLflow's tables, their next use makes them equal."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from forked import Child
from mlflow.entities import Metric, ViewType
from sqlalchemy import text

from bridge.store.create import create_store
from bridge.store.open import open_store
from bridge.store.workspace_stores import WorkspaceStores
from bridge_mlflow import companion as companions
from bridge_mlflow import mirror
from bridge_mlflow.companion import Companion
from bridge_mlflow.tracking_store import BridgeTrackingStore

pytestmark = pytest.mark.slow  # MLflow's own tables are created


class Halves:
    """A workspace and MLflow's tables, with an experiment, a run and a model, and functions that read both."""

    def __init__(self, opened: WorkspaceStores) -> None:
        self.opened = opened
        self.store: Any = BridgeTrackingStore(f"bridge://{opened.address}")
        self.made = 0

    def begin(self) -> None:
        """Create an experiment with a run, which MLflow's tables have because of a metric of its model."""
        self.made += 1
        self.experiment = self.store.create_experiment(f"experiment {self.made}")
        self.run = self.store.create_run(self.experiment, "ann", 1, [], "a").info.run_id
        self.model = self.store.create_logged_model("0", f"m{self.made}").model_id
        self.store.log_metric(self.run, Metric("acc", 0.5, 1, 1, model_id=self.model))

    def kill_before(self, method: str, call: Callable[[Any], object]) -> None:
        """Make a call in a process that is killed when it calls a method of the companion."""

        def work(say: Callable[[str], None]) -> None:
            store: Any = BridgeTrackingStore(f"bridge://{self.opened.address}")
            setattr(store.companion, method, lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL))
            call(store)

        child = Child(work)
        try:
            assert child.wait() == -signal.SIGKILL
        finally:
            child.close()

    def ours(self) -> dict[str, Any]:
        """Return the expected content of MLflow's tables."""
        found = self.opened.tracking.get_runs([self.run], latest=False)
        experiments = self.store.search_experiments(ViewType.ALL)
        return {
            "experiments": {(int(one.experiment_id), one.name, one.lifecycle_stage) for one in experiments},
            "run": [(one.id, one.lifecycle_stage, "") for one in found.values()],
            "metrics": [(one.id, "acc") for one in found.values()],
        }

    def theirs(self, companion: Companion) -> dict[str, Any]:
        """Return the content of MLflow's tables after a use."""
        companion.call("search_logged_models", experiment_ids=["0"])
        with companion.session() as session:

            def rows(statement: str) -> list[tuple[Any, ...]]:
                return [tuple(row) for row in session.execute(text(statement), {"run": self.run, "model": self.model})]

            return {
                "experiments": set(rows("SELECT experiment_id, name, lifecycle_stage FROM experiments")),
                "run": rows("SELECT run_uuid, lifecycle_stage, source_name FROM runs WHERE run_uuid = :run"),
                "metrics": rows("SELECT run_id, metric_name FROM logged_model_metrics WHERE model_id = :model"),
            }


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Halves]:
    halves = Halves(create_store(tmp_path_factory.mktemp("halves") / "workspace", "tests"))
    yield halves


CHANGES: dict[str, tuple[str, list[Callable[[Any, Halves], object]]]] = {
    "run deleted": ("_follow_run", [lambda store, at: store.delete_run(at.run)]),
    "run restored": (
        "_follow_run",
        [lambda store, at: store.delete_run(at.run), lambda store, at: store.restore_run(at.run)],
    ),
    "run deleted permanently": (
        "_follow_run",
        [lambda store, at: store.delete_run(at.run), lambda store, at: store._hard_delete_run(at.run)],
    ),
    "active run deleted permanently": ("_follow_run", [lambda store, at: store._hard_delete_run(at.run)]),
    "experiment renamed": ("_mirror", [lambda store, at: store.rename_experiment(at.experiment, f"new {at.made}")]),
    "experiment deleted": ("_mirror", [lambda store, at: store.delete_experiment(at.experiment)]),
    "experiment restored": (
        "_mirror",
        [
            lambda store, at: store.delete_experiment(at.experiment),
            lambda store, at: store.restore_experiment(at.experiment),
        ],
    ),
    "experiment deleted permanently": (
        "_mirror",
        [
            lambda store, at: store.delete_experiment(at.experiment),
            lambda store, at: store._hard_delete_experiment(at.experiment),
        ],
    ),
}
"""Changes by name: the method at which the process is killed in the last call, and all calls."""


@pytest.mark.parametrize("change", CHANGES)
def test_the_next_process_completes_the_change_of_a_killed_one(change: str, halves: Halves) -> None:
    leave_halfway(change, halves)
    assert halves.theirs(Companion(open_store(halves.opened.address))) == halves.ours()


def test_a_running_process_completes_it_too(halves: Halves, monkeypatch: pytest.MonkeyPatch) -> None:
    halves.begin()
    halves.theirs(halves.store.companion)
    halves.kill_before("_follow_run", lambda store: store._hard_delete_run(halves.run))
    monkeypatch.setattr(companions, "FULL_COMPARISON_SECONDS", 0.0)
    assert halves.theirs(halves.store.companion) == halves.ours()
    assert halves.ours()["run"] == []


def test_a_change_that_was_not_made_leaves_everything_unchanged(halves: Halves) -> None:
    halves.begin()
    before = halves.theirs(halves.store.companion)

    def change_nothing(store: Any) -> None:
        with store.companion.changing_run(halves.run):
            os.kill(os.getpid(), signal.SIGKILL)

    halves.kill_before("abandon", change_nothing)
    assert halves.theirs(Companion(open_store(halves.opened.address))) == before == halves.ours()


def test_a_newer_state_of_another_process_is_not_overwritten(halves: Halves, monkeypatch: pytest.MonkeyPatch) -> None:
    halves.begin()
    deleting, mirror_run = threading.Thread(target=halves.store.delete_run, args=(halves.run,)), mirror.mirror_run

    def mirror_late(*row: Any) -> None:
        if threading.current_thread() is not deleting:
            deleting.start()
            deleting.join(1)
        mirror_run(*row)

    monkeypatch.setattr(mirror, "mirror_run", mirror_late)
    other = Companion(open_store(halves.opened.address))
    other._follow_run(other._database(writes=True), halves.run)
    deleting.join()
    monkeypatch.undo()
    assert halves.ours()["run"] == [(halves.run, "deleted", "")]
    assert halves.theirs(other) == halves.ours()


def test_a_lock_of_an_interrupted_call_is_released(halves: Halves, monkeypatch: pytest.MonkeyPatch) -> None:
    halves.begin()
    database = halves.store.companion._database(writes=True)

    def interrupted(*given: object, **named: object) -> None:
        pooled = database.tracking.engine.raw_connection()
        connection = pooled.dbapi_connection
        pooled.close()
        connection.execute("BEGIN IMMEDIATE")
        raise KeyboardInterrupt

    monkeypatch.setattr(database.tracking, "delete_logged_model", interrupted)
    with pytest.raises(KeyboardInterrupt):
        halves.store.delete_logged_model(halves.model)
    with closing(sqlite3.connect(database.file, timeout=0)) as another:
        another.execute("BEGIN IMMEDIATE")


def leave_halfway(change: str, halves: Halves) -> None:
    halves.begin()
    method, calls = CHANGES[change]
    for call in calls[:-1]:
        call(halves.store, halves)
    before = halves.ours()
    halves.kill_before(method, lambda store: calls[-1](store, halves))
    assert halves.ours() != before, "the first half was made"
