"""MLflow within a submitted script, and nested runs at both APIs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import mlflow
import pytest
from interpreter import Interpreter
from mlflow import MlflowClient
from mlflow.entities import RunStatus

from bridge import Experiment, Run, Workspace
from bridge.records.run import SCRIPT_RUN, RunChanges, RunRecord
from bridge.store.one_run import create_run
from bridge_mlflow.tracking_store import BridgeTrackingStore

Script: TypeAlias = Callable[[str], list[str]]


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.create("demo", path=tmp_path / "ws")


@pytest.fixture
def launched(ws: Workspace) -> Run:
    """A run of a launcher whose script is running."""
    experiment = Experiment(ws, "launched")
    record = RunRecord("launched", experiment.id, "train", status="Running", start_time=1, type=SCRIPT_RUN)
    create_run(ws.stores.tracking, record)
    return Run.get(ws, record.id)


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interpreter]:
    interpreter = Interpreter(tmp_path_factory.mktemp("interpreter"))
    yield interpreter
    interpreter.close()


@pytest.fixture
def script(interpreter: Interpreter, ws: Workspace, launched: Run) -> Script:
    """Return a function that runs code as the launcher does, and returns the words that it prints."""
    variables = {
        "BRIDGE_WORKSPACE": str(ws.path),
        "BRIDGE_RUN_ID": launched.id,
        "MLFLOW_TRACKING_URI": ws.get_mlflow_tracking_uri(),
        "MLFLOW_RUN_ID": launched.id,
        "MLFLOW_EXPERIMENT_ID": launched.experiment.id,
        "MLFLOW_EXPERIMENT_NAME": launched.experiment.name,
    }
    return lambda code: interpreter.run(code, variables).split()


@pytest.mark.slow  # a process of its own
def test_the_first_start_uses_the_run_and_the_second_creates_a_child(
    ws: Workspace, launched: Run, script: Script
) -> None:
    code = (
        "import mlflow\n"
        "mlflow.autolog(disable=True)\n"
        "with mlflow.start_run() as first:\n"
        "    mlflow.log_metric('loss', 0.5)\n"
        "with mlflow.start_run(run_name='second') as second:\n"
        "    mlflow.log_metric('loss', 0.25)\n"
        "    with mlflow.start_run(nested=True) as third: pass\n"
        "print(first.info.run_id, second.info.run_id, third.info.run_id)\n"
    )
    first, second, third = script(code)
    assert first == launched.id
    assert launched.status == "Running"
    assert [run.id for run in launched.get_children()] == [second]
    assert {run.id for run in launched.get_children(recursive=True)} == {second, third}
    child = Run.get(ws, second)
    assert (child.display_name, child.status, child.get_metrics()) == ("second", "Completed", {"loss": 0.25})
    assert child.parent is not None and child.parent.id == launched.id
    assert launched.get_metrics(recursive=True) == {launched.id: {"loss": 0.5}, second: {"loss": 0.25}}


@pytest.mark.slow  # a process of its own
def test_metrics_logged_without_a_start_are_stored_in_the_run(launched: Run, script: Script) -> None:
    script("import mlflow\nmlflow.log_metric('loss', 0.5)\nmlflow.log_param('lr', 0.1)\n")
    assert (launched.get_metrics(), launched.params, launched.status) == ({"loss": 0.5}, {"lr": "0.1"}, "Running")
    assert list(launched.get_children()) == []


@pytest.mark.slow  # a process of its own
@pytest.mark.parametrize(
    "end",
    [
        "mlflow.end_run()",
        "mlflow.end_run('FAILED')",
        "mlflow.end_run('KILLED')",
        "mlflow.MlflowClient().set_terminated(run.info.run_id, 'FAILED')",
        "mlflow.MlflowClient().update_run(run.info.run_id, status='FINISHED')",
    ],
)
def test_no_end_within_the_script_ends_the_run(launched: Run, end: str, script: Script) -> None:
    script(f"import mlflow\nrun = mlflow.start_run()\n{end}\n")
    record = launched.place.record()
    assert (record.status, record.end_time) == ("Running", None)


@pytest.mark.slow  # a process of its own
def test_an_exception_within_a_with_block_does_not_end_the_run(launched: Run, script: Script) -> None:
    code = "import mlflow\ntry:\n    with mlflow.start_run(): 1 / 0\nexcept ZeroDivisionError: pass\n"
    script(code)
    assert launched.status == "Running"


@pytest.mark.slow  # a process of its own
def test_a_run_that_a_logger_creates_within_a_script_is_a_child(launched: Run, script: Script) -> None:
    """Lightning's logger without a run creates one with the client, with the tags of the run context."""
    code = (
        "from mlflow import MlflowClient\n"
        "from mlflow.tracking.context.registry import resolve_tags\n"
        f"run = MlflowClient().create_run({launched.experiment.id!r}, tags=resolve_tags({{}}))\n"
        "print(run.info.run_id)\n"
    )
    (made,) = script(code)
    assert [run.id for run in launched.get_children()] == [made]


@pytest.mark.parametrize("status", ["Preparing", "Running", "CancelRequested", "Finalizing", "NotResponding"])
def test_a_launchers_run_keeps_its_status_and_accepts_other_changes(ws: Workspace, launched: Run, status: str) -> None:
    launched.place.update(RunChanges(status=status))  # type: ignore[arg-type]  # it is one
    store = BridgeTrackingStore(ws.get_mlflow_tracking_uri())
    for number in (RunStatus.RUNNING, RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED, RunStatus.SCHEDULED):
        info = store.update_run_info(launched.id, number, 99, f"name {number}")
        assert info.run_name == f"name {number}"
        record = launched.place.record()
        assert (record.status, record.start_time, record.end_time) == (status, 1, None)
        assert record.display_name == f"name {number}"


def test_a_launchers_run_that_has_ended_can_be_reopened(ws: Workspace, launched: Run) -> None:
    launched.place.update(RunChanges(status="Completed", end_time=5))
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    client.update_run(launched.id, status="RUNNING")
    assert launched.status == "Running"


def test_the_final_status_of_a_launchers_run_stays(ws: Workspace, launched: Run) -> None:
    """`mlflow run` sets the status of a run that it has waited for, and sets FAILED on a canceled run."""
    launched.place.update(RunChanges(status="Canceled", end_time=5))
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    for status in ("FAILED", "FINISHED", "KILLED"):
        client.set_terminated(launched.id, status)
        assert (launched.status, launched.place.record().end_time) == ("Canceled", 5)


def test_each_api_finds_the_runs_that_the_other_nests(fluent: str) -> None:
    ws = Workspace.open(fluent.removeprefix("bridge://"))
    experiment = Experiment(ws, "nested")
    client = MlflowClient(fluent)
    run = experiment.start_logging(outputs=False, snapshot_directory=None)
    (child,) = run.create_children(1)
    assert client.get_run(child.id).data.tags["mlflow.parentRunId"] == run.id
    found = client.search_runs([experiment.id], f"tags.mlflow.parentRunId = '{run.id}'")
    assert [one.info.run_id for one in found] == [child.id]

    mlflow.set_experiment("nested")
    with mlflow.start_run() as parent, mlflow.start_run(nested=True) as inner:
        pass
    theirs = Run.get(ws, parent.info.run_id)
    assert [one.id for one in theirs.get_children()] == [inner.info.run_id]
    found_parent = Run.get(ws, inner.info.run_id).parent
    assert found_parent is not None and found_parent.id == parent.info.run_id
    assert {one.id for one in experiment.get_runs()} == {run.id, parent.info.run_id}
    run.complete()


def test_mlflows_api_shows_a_run_that_does_not_respond_as_running(ws: Workspace, launched: Run) -> None:
    launched.place.update(RunChanges(status="NotResponding"))
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    assert client.get_run(launched.id).info.status == "RUNNING"
    found = client.search_runs([launched.experiment.id], "attributes.status = 'RUNNING'")
    assert [one.info.run_id for one in found] == [launched.id]
