"""`kill -9` loses no point whose log call has returned, and a killed fold stores each point exactly once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from bridge import Experiment, Run, Workspace
from bridge.records.run import RunRecord
from bridge.store.create import create_store
from bridge.store.one_run import create_run, get_series
from bridge.store.open import open_store
from bridge.testing.strategies import row

pytestmark = pytest.mark.processes

LOGGED_AT_MOST = 1_000_000


def log_natively(workspace: Workspace, run_id: str) -> Callable[[int], object]:
    run = Run.get(Workspace.open(workspace.path), run_id)
    return lambda number: run.log("point", number)


def log_through_mlflow(workspace: Workspace, run_id: str) -> Callable[[int], object]:
    from mlflow import MlflowClient

    client = MlflowClient(workspace.get_mlflow_tracking_uri())
    return lambda number: client.log_metric(run_id, "point", number, step=number)


def acknowledged_until_killed(child, chance: random.Random) -> int:
    """Kill a process that reports each logged point, at a random moment; return the number of reported points."""
    child.line()
    time.sleep(chance.random() * 0.03)
    child.kill()
    acknowledged = 1 + len(child.rest())
    assert child.wait() == -9
    child.close()
    return acknowledged


@pytest.mark.parametrize("api", [log_natively, log_through_mlflow])
def test_no_acknowledged_point_is_lost_when_the_writer_is_killed(fork, tmp_path, scale, api):
    """All points that the killed process reported are stored, in order, with at most one more."""
    api(Workspace.create("warm", path=tmp_path / "warm"), _new_run(tmp_path / "warm"))(0)  # import the modules once
    chance = random.Random(4)
    for attempt in range(60 * scale):
        workspace = Workspace.create("work", path=tmp_path / str(attempt % 10), exist_ok=True)
        run_id = _new_run(workspace.path)

        def write(say, workspace=workspace, run_id=run_id):
            log = api(workspace, run_id)
            for number in range(LOGGED_AT_MOST):
                log(number)
                say(str(number))

        acknowledged = acknowledged_until_killed(fork(write), chance)
        logged = Run.get(workspace, run_id).get_series("point").values.tolist()

        assert logged == list(range(len(logged)))
        assert acknowledged <= len(logged) <= acknowledged + 1


def test_a_killed_writer_leaves_only_complete_rows(fork, tmp_path, scale):
    """At whatever moment, every stored row has all its cells, and no acknowledged row is missing."""
    chance = random.Random(6)
    columns = [f"column {number}" for number in range(50)]
    store = create_store(tmp_path / "work", "work").tracking
    for attempt in range(20 * scale):
        run_id = create_run(store, RunRecord(f"r{attempt}", "0")).id

        def write(say, run_id=run_id):
            own = open_store(tmp_path / "work").tracking
            for number in range(LOGGED_AT_MOST):
                own.log_points(run_id, row("table", dict.fromkeys(columns, number), number))
                say(str(number))

        acknowledged = acknowledged_until_killed(fork(write), chance)
        records = get_series(store, run_id)

        assert [record.column for record in records] == columns
        rows = {tuple(record.numbers.tolist()) for record in records}
        places = {tuple(record.positions.tolist()) for record in records}
        assert len(rows) == len(places) == 1
        (logged,) = rows
        assert list(logged) == list(range(len(logged)))
        assert acknowledged <= len(logged) <= acknowledged + 1


def test_a_killed_writer_leaves_only_complete_metrics_of_a_step(fork, tmp_path, scale):
    """Arrays of the same length are logged in between, so that their records are cut by the kill too."""
    chance = random.Random(7)
    keys = [f"metric {number}" for number in range(50)]
    workspace = Workspace.create("work", path=tmp_path / "work")
    for _ in range(20 * scale):
        run_id = _new_run(workspace.path)

        def write(say, run_id=run_id):
            own = Run.get(Workspace.open(workspace.path), run_id)
            for number in range(LOGGED_AT_MOST):
                own.log_metrics(dict.fromkeys(keys, float(number)), step=number)
                own.log_list("list", [float(number)] * len(keys))
                say(str(number))

        acknowledged = acknowledged_until_killed(fork(write), chance)
        read = {record.key: record.numbers.tolist() for record in get_series(workspace.stores.tracking, run_id)}
        elements = read.pop("list")
        (logged,) = {tuple(values) for values in read.values()}

        assert list(read) == keys
        assert list(logged) == list(range(len(logged)))
        assert elements == [number for number in range(len(elements) // len(keys)) for _ in keys]
        assert acknowledged <= len(elements) // len(keys) <= len(logged) <= acknowledged + 1


def test_a_killed_fold_stores_each_point_exactly_once(fork, tmp_path, scale):
    """A folding process is killed repeatedly at random moments, and no point is missing or stored twice."""
    chance = random.Random(5)
    workspace = Workspace.create("work", path=tmp_path / "work")
    run = Experiment(workspace, "folds").start_logging()
    logged = 0
    for _ in range(100 * scale):
        for _ in range(chance.randrange(1, 400)):
            run.log("point", logged)
            logged += 1

        def fold(say):
            other = Run.get(Workspace.open(workspace.path), run.id)
            say("begun")
            while True:
                other.log("beside", 1.0)
                other.get_metrics("point")

        child = fork(fold)
        child.line()
        time.sleep(chance.random() * 0.02)
        child.kill()
        assert child.wait() == -9
        child.close()

    assert run.get_series("point").values.tolist() == list(range(logged))
    steps = run.get_series("beside").steps.tolist() if "beside" in run.get_metrics() else []
    assert steps == list(range(len(steps)))
    run.complete()


def _new_run(folder) -> str:
    run = Experiment(Workspace.open(folder), "killed").start_logging()
    run.complete()
    return run.id
