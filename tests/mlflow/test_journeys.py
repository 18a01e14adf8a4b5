"""Scripts of fluent and client calls return the same and store the same on MLflow's own store and ours."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import journeys_artifacts  # noqa: F401  # registers its journeys
import journeys_logging  # noqa: F401
import journeys_runs  # noqa: F401
import journeys_search  # noqa: F401
import mlflow
import pytest
from answers import check_same, difference
from journeys import JOURNEYS, Journey, fluent_on, travel
from mlflow import MlflowClient

CPU = "system/cpu_utilization_percentage"

pytestmark = [
    pytest.mark.rules,
    pytest.mark.filterwarnings("ignore:.*"),  # warnings of matplotlib, torch and MLflow
]


@pytest.fixture(scope="module")
def uris(tmp_path_factory: pytest.TempPathFactory, make_mlflow_database, make_workspace) -> tuple[str, str]:
    """MLflow's own store and ours."""
    folder = tmp_path_factory.mktemp("journeys")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # relative artifact locations start there
        theirs = make_mlflow_database(folder / "mlflow.db")
        MlflowClient(theirs)
    return theirs, make_workspace(folder / "workspace")


LONG = (
    "client_limits",
    "fluent_asynchronous",
    "fluent_deletions",
    "fluent_ends",
    "fluent_environment",
    "fluent_fetching",
    "fluent_files",
    "fluent_inputs",
    "fluent_metrics",
    "fluent_odd_steps",
    "fluent_pictures",
    "fluent_search",
    "fluent_starts",
    "fluent_tables",
    "fluent_tensors",
    "fluent_threads",
)
"""Journeys that take more than half a second."""


def marks_of(name: str) -> tuple[pytest.MarkDecorator, ...]:
    return (pytest.mark.slow,) * (name in LONG) + (pytest.mark.torch,) * (name == "fluent_tensors")


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks_of(name)) for name in JOURNEYS])
def test_both_stores_return_and_store_the_same(name: str, uris: tuple[str, str], tmp_path: Path) -> None:
    theirs, ours = (travel(name, uri, tmp_path / place) for uri, place in zip(uris, ("theirs", "ours"), strict=True))
    check_same(name, theirs, ours)


def test_system_metrics_have_the_same_names(uris: tuple[str, str], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", "1")
    theirs, ours = (_system_metrics(uri) for uri in uris)
    assert theirs == ours
    assert CPU in ours


def _system_metrics(uri: str) -> set[str]:
    """Return the names of the system metrics of a run and a resumed run, and check that their steps have no gaps."""
    with fluent_on(uri):
        client = MlflowClient(uri)
        with mlflow.start_run(log_system_metrics=True) as run:
            _wait_for_step(client, run.info.run_id, 2)
        before = len(client.get_metric_history(run.info.run_id, CPU))
        with mlflow.start_run(run_id=run.info.run_id, log_system_metrics=True):
            _wait_for_step(client, run.info.run_id, before + 1)
        steps = [point.step for point in client.get_metric_history(run.info.run_id, CPU)]
        assert steps == list(range(len(steps)))
        return set(client.get_run(run.info.run_id).data.metrics)


def _wait_for_step(client: MlflowClient, run_id: str, step: int) -> None:
    end = time.monotonic() + 60
    while not any(point.step >= step for point in client.get_metric_history(run_id, CPU)):
        assert time.monotonic() < end, "no metrics of the system were logged"
        time.sleep(0.02)


ENDS = """
    import os, signal, sys
    import mlflow
    # Each child would import these.
    import git, IPython, mlflow.store.model_registry.sqlalchemy_store, mlflow.store.tracking.sqlalchemy_store

    def left_open():
        mlflow.start_run(run_name="left open, outer")
        mlflow.start_run(run_name="left open, inner", nested=True)
        raise ValueError("sorry")

    def exit_within_a_block():
        with mlflow.start_run(run_name="exit within a block"):
            sys.exit(3)

    def exit_with_zero_within_a_block():
        with mlflow.start_run(run_name="exit with zero within a block"):
            sys.exit(0)

    def interrupted_within_a_block():
        with mlflow.start_run(run_name="interrupted within a block"):
            signal.raise_signal(signal.SIGINT)

    def terminated():
        with mlflow.start_run(run_name="terminated"):
            signal.raise_signal(signal.SIGTERM)

    def gone_at_once():
        with mlflow.start_run(run_name="gone immediately"):
            os._exit(0)

    def nobody_waited():
        with mlflow.start_run(run_name="nobody waited"):
            for step in range(50):
                mlflow.log_metrics({"m": step}, step=step, timestamp=1, synchronous=False)
            mlflow.log_param("p", 1, synchronous=False)

    cases = (left_open, exit_within_a_block, exit_with_zero_within_a_block, interrupted_within_a_block, terminated,
             gone_at_once, nobody_waited)
    for uri in sys.argv[1:]:
        for case in cases:
            pid = os.fork()
            if pid == 0:
                mlflow.set_tracking_uri(uri)
                mlflow.set_experiment("ends of processes")
                case()
                sys.exit()
            os.waitpid(pid, 0)
"""


@pytest.mark.slow
def test_processes_that_end_in_any_way_leave_the_same(uris: tuple[str, str], tmp_path: Path) -> None:
    journeys = [Journey(uri, tmp_path) for uri in uris]
    code = [sys.executable, "-c", textwrap.dedent(ENDS)]
    place = Path(uris[0].removeprefix("sqlite:///")).parent  # relative artifact locations start there
    assert subprocess.run([*code, *uris], stderr=subprocess.DEVNULL, cwd=place).returncode == 0
    for mine in journeys:
        with fluent_on(mine.uri):
            mine.keep()
    theirs, ours = (mine.seen for mine in journeys)
    assert theirs == ours, difference(theirs, ours)
    statuses = {seen["info"]["run_name"]: seen["info"]["status"] for seen in ours.values() if "info" in seen}
    assert statuses == {
        "left open, outer": "RUNNING",
        "left open, inner": "FINISHED",
        "exit within a block": "FAILED",
        "exit with zero within a block": "FAILED",
        "interrupted within a block": "FAILED",
        "terminated": "RUNNING",
        "gone immediately": "RUNNING",
        "nobody waited": "FINISHED",
    }
