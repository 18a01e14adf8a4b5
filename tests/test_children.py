"""Child runs: creating them, finding them, and the number of SQL statements for that."""

from __future__ import annotations

import pickle
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from both_places import IN_A_FOLDER, PLACES, new_experiment, opened_at

from bridge import Experiment, Run, Workspace
from bridge.errors import AlreadyExists, InvalidState, InvalidValue
from bridge.records.run import RunChanges, RunRecord
from bridge.store.one_run import create_run, get_run
from bridge.store.sql.database import Database


@pytest.fixture(params=PLACES)
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    with opened_at(request, tmp_path) as workspace:
        yield workspace


@pytest.fixture
def experiment(workspace: Workspace) -> Experiment:
    return new_experiment(workspace)


@pytest.fixture
def run(experiment: Experiment) -> Run:
    return experiment.start_logging(outputs=False, snapshot_directory=None)


def ids(runs: object) -> list[str]:
    return [run.id for run in runs]  # type: ignore[attr-defined]


def test_a_child_is_a_running_run_of_the_same_experiment_with_its_parent(experiment, run):
    child = run.child_run("fold 1", run_id="child-1")
    assert (child.id, child.display_name, child.status, child.type) == ("child-1", "fold 1", "Running", None)
    assert child.experiment.id == experiment.id
    assert child.parent is not None and child.parent.id == run.id
    assert child.parent is child.parent
    assert run.parent is None
    assert ids(run.get_children()) == ["child-1"]
    assert ids(Run.get(experiment.workspace, "child-1").get_children()) == []
    assert len(run.child_run().id) == 32
    assert run.child_run().display_name != ""


def test_invalid_children_are_refused_and_no_run_is_created(run):
    run.child_run(run_id="taken")
    time.sleep(0.002)  # the same id in the same millisecond counts as a repeated call
    for call, error in (
        (lambda: run.child_run(run_id="taken"), AlreadyExists),
        (lambda: run.child_run(run_id="no/id"), InvalidValue),
        (lambda: run.child_run(name=5), InvalidValue),
        (lambda: run.create_children(), InvalidValue),
        (lambda: run.create_children(2, "alpha", [1]), InvalidValue),
        (lambda: run.create_children(2, tag_key="alpha"), InvalidValue),
        (lambda: run.create_children(tag_key="alpha"), InvalidValue),
        (lambda: run.create_children(tag_key="alpha", tag_values="abc"), InvalidValue),
        (lambda: run.create_children(-1), InvalidValue),
        (lambda: run.create_children(True), InvalidValue),
        (lambda: run.create_children(tag_key="mlflow.parentRunId", tag_values=["x"]), InvalidValue),
    ):
        with pytest.raises(error):
            call()
    assert ids(run.get_children()) == ["taken"]


def test_children_made_by_count_are_numbered_by_a_tag(run):
    children = run.create_children(3)
    assert [child.tags for child in children] == [{"azureml.batch_child_number": str(n)} for n in range(3)]
    assert [child.number for child in children] == [2, 3, 4]
    assert {child.status for child in children} == {"Running"}
    assert ids(run.get_children()) == ids(children)[::-1]
    assert run.create_children(0) == []


def test_children_made_by_a_tag_differ_by_it(run):
    children = run.create_children(tag_key="alpha", tag_values=[0.1, None, "a"])
    assert [child.tags for child in children] == [{"alpha": "0.1"}, {"alpha": None}, {"alpha": "a"}]


@IN_A_FOLDER
def test_more_children_than_a_page_are_listed_newest_first(run):
    children = run.create_children(1100)
    found = [child.tags["azureml.batch_child_number"] for child in run.get_children()]
    assert len(found) == len(set(found)) == len(children)


def test_a_with_block_ends_the_child_and_an_exception_fails_both(experiment):
    with experiment.start_logging(outputs=False, snapshot_directory=None) as parent:
        with parent.child_run() as child:
            child.log("loss", 0.5)
        assert (child.status, parent.status) == ("Completed", "Running")
    with pytest.raises(ZeroDivisionError):
        with experiment.start_logging(outputs=False, snapshot_directory=None) as parent, parent.child_run() as child:
            1 / 0  # noqa: B018
    assert (child.status, parent.status) == ("Failed", "Failed")
    assert "ZeroDivisionError" in child.error["message"]


def test_the_statuses_of_a_parent_and_its_children_are_independent(run):
    first, second, third = run.create_children(3)
    first.fail("no")
    second.cancel()
    assert (run.status, third.status) == ("Running", "Running")
    run.complete()
    assert [one.status for one in (first, second, third)] == ["Failed", "Canceled", "Running"]


def test_children_are_found_by_depth_label_type_and_status(experiment, run):
    first = run.child_run()
    second = run.child_run()
    below = first.child_run()
    first.tag("team", "vision")
    below.tag("team", "audio")
    second.add_properties({"azureml.runsource": "sweep", "kind": "a"})
    below.complete()
    assert set(ids(run.get_children())) == {first.id, second.id}
    assert set(ids(run.get_children(recursive=True))) == {first.id, second.id, below.id}
    assert ids(run.get_children(tags={"team": "vision"})) == [first.id]
    assert set(ids(run.get_children(recursive=True, tags="team"))) == {first.id, below.id}
    assert ids(run.get_children(properties={"kind": "a"})) == [second.id]
    assert ids(run.get_children(type="sweep")) == [second.id]
    assert ids(run.get_children(recursive=True, status="Completed")) == [below.id]
    assert ids(run.get_children(type="azureml.scriptrun")) == []
    with pytest.raises(InvalidValue):
        run.get_children(status="Finished")
    with pytest.raises(InvalidValue):
        run.get_children(tags=["team"])


def test_descendants_in_another_experiment_have_that_experiment(experiment, run):
    other = new_experiment(experiment.workspace)
    away = other.start_logging(outputs=False, snapshot_directory=None)
    away.place.update(RunChanges(parent_id=run.id))
    (found,) = run.get_children()
    assert (found.id, found.experiment.name) == (away.id, other.name)
    assert away.parent is not None and away.parent.experiment.name == experiment.name


def test_a_parent_that_does_not_exist_is_none(run):
    run.place.update(RunChanges(parent_id="gone"))
    assert run.parent is None


def test_runs_are_listed_by_type_label_and_status(experiment, run):
    tracking = experiment.workspace.stores.tracking
    create_run(tracking, RunRecord("script", experiment.id, status="Completed", start_time=1, type="azureml.scriptrun"))
    child = run.child_run()
    assert ids(experiment.get_runs()) == [run.id, "script"]
    assert ids(experiment.get_runs(type="azureml.scriptrun")) == ids(Run.list(experiment, "azureml.scriptrun"))
    assert ids(Run.list(experiment, status="Completed")) == ["script"]
    assert ids(Run.list(experiment, status="Running")) == [run.id]
    assert set(ids(Run.list(experiment, status="Running", include_children=True))) == {run.id, child.id}
    (script,) = Run.list(experiment, type="azureml.scriptrun")
    assert script.type == "azureml.scriptrun"
    assert "Type: azureml.scriptrun" in repr(script)


def test_a_run_that_another_process_created_can_be_started(experiment):
    tracking = experiment.workspace.stores.tracking
    create_run(tracking, RunRecord("made", experiment.id, status="NotStarted"))
    made = Run.get(experiment.workspace, "made")
    assert made.get_detailed_status() == {"status": "NotStarted", "details": None}
    made.start()
    made.start()
    assert made.status == "Running"
    assert get_run(tracking, "made").start_time is not None
    made.complete()
    with pytest.raises(InvalidState):
        made.start()


def test_a_child_can_be_pickled(run):
    child = run.child_run()
    again = pickle.loads(pickle.dumps(child))
    assert (again.id, again.parent.id) == (child.id, run.id)


def test_children_can_log_their_results_to_the_parent(run):
    for child in run.create_children(3):
        child.parent.log("best", child.number)
    assert run.get_metrics() == {"best": [2, 3, 4]}


# The number of SQL statements


@pytest.fixture
def statements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that SQLite executes for this test after this call, in any thread."""
    executed: list[str] = []
    connect = Database._connect

    def connect_traced(self: Database) -> sqlite3.Connection:
        connection = connect(self)
        if tmp_path in self.path.parents:  # and not for background work of an earlier test
            connection.set_trace_callback(executed.append)
        return connection

    monkeypatch.setattr(Database, "_connect", connect_traced)
    return executed


def counted(statements: list[str], call: Callable[[], Any]) -> tuple[int, Any]:
    """Return the number of statements of a call, without background work, and its result."""
    statements.clear()
    result = call()
    return len(statements), result


def test_the_number_of_statements_does_not_grow_with_the_children(tmp_path, statements, monkeypatch, untended):
    for name in ("SWEEP_SECONDS", "TURN_SECONDS"):  # a busy machine must not add a check or a transaction
        monkeypatch.setattr(f"bridge.store.fold.{name}", 3600.0)
    costs = {}
    for count in (10, 100):
        experiment = Experiment(Workspace.create("work", path=tmp_path / str(count)), "family")
        run = experiment.start_logging(outputs=False, snapshot_directory=None)

        created, children = counted(statements, lambda run=run, count=count: run.create_children(count))
        logged, _ = counted(statements, lambda children=children: [child.log("loss", 0.5) for child in children])
        for child in children:
            child.log("text", "a")
            child.log_row("table", x=1, y=2.0)
        folded, _ = counted(statements, run.get_metrics)
        found, below = counted(statements, lambda run=run: list(run.get_children(recursive=True)))
        read, metrics = counted(statements, lambda run=run: run.get_metrics(recursive=True))

        assert len(below) == count
        assert {run_id: one["loss"] for run_id, one in metrics.items()} == {child.id: 0.5 for child in children}
        tended, _ = counted(statements, run.place.stores.tracking.tend)
        costs[count] = {"create": created, "log": logged, "fold": folded, "find": found, "read": read, "tend": tended}
    assert costs[10] == costs[100]
    assert costs[100]["log"] == 0
    assert max(costs[100].values()) < 60
