"""`mlflow gc` does and prints the same for a workspace and for MLflow's own store."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
import sysconfig
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import numpy
import pytest
from click.testing import CliRunner
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import create_engine, text

from bridge.records.point_columns import PointColumns
from bridge.records.run import RunRecord
from bridge.store.one_run import create_run, get_run
from bridge.store.workspace_stores import WorkspaceStores
from bridge_mlflow.tracking_store import BridgeTrackingStore

pytestmark = pytest.mark.slow  # importing MLflow's commands takes seconds

HOUR = 3_600_000
POINTS, BATCH = 1_000_000, 1_000
MLFLOW = os.path.join(sysconfig.get_path("scripts"), "mlflow")
# If the command stops at one of several runs, the runs purged before it are random, so no case here does that.
OPTIONS = (
    "", "--older-than 12h", "--older-than soon", "--older-than 1d2h3m4s",
    "--run-ids <young>", "--run-ids <young>,<old>", "--run-ids <active> --experiment-ids <empty>",
    "--run-ids nothing --experiment-ids <empty>", "--run-ids <in deleted>",
    "--run-ids <young> --older-than 12h --experiment-ids <empty>", "--run-ids <old> --older-than 12h",
    "--experiment-ids <deleted>", "--experiment-ids <kept>", "--experiment-ids 99999", "--experiment-ids abc",
    "--experiment-ids <deleted> --older-than 12h", "--experiment-ids <old deleted> --older-than 12h",
    "--experiment-ids <deleted>,<kept>", "--experiment-ids <with restored>", "--experiment-ids <elsewhere>",
    "--run-ids <young> --experiment-ids <deleted>",
)  # fmt: skip
OF_MODELS = (
    "", "--older-than 12h", "--logged-model-ids <deleted model>", "--logged-model-ids <active model>",
    "--logged-model-ids nothing", "--logged-model-ids <deleted model> --older-than 12h",
)  # fmt: skip


def command_line() -> ModuleType:
    """Import the module of MLflow's commands, which warns about its own type hints."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.cli
    return mlflow.cli


@dataclass
class Side:
    """One of the two stores, and the names of its objects."""

    store: Any
    uri: str
    age: Callable[[str, str], None]
    ids: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)

    def make(self, case: str) -> None:
        """Create one experiment of each kind, with runs that have a file each."""
        self.ids = {name: self.experiment(f"{case} {name}") for name in ("kept", "deleted", "old deleted", "elsewhere")}
        self.ids["with restored"] = self.experiment(f"{case} with restored")
        for name in ("active", "young", "old"):
            self.ids[name] = self.run(self.ids["kept"])
        for name in ("deleted", "old deleted", "elsewhere", "with restored"):
            self.ids[f"in {name}"] = self.run(self.ids[name])
        for name in ("young", "old"):
            self.store.delete_run(self.ids[name])
        self.ids["empty"] = self.experiment(f"{case} empty")
        for name in ("deleted", "old deleted", "elsewhere", "with restored", "empty"):
            self.store.delete_experiment(self.ids[name])
        self.store.restore_run(self.ids["in with restored"])
        for name in ("old", "in old deleted"):
            self.age("run", self.ids[name])
        for name in ("old deleted", "empty"):
            self.age("experiment", self.ids[name])
        self.seen |= {given: f"<{case} {name}>" for name, given in self.ids.items()}

    def make_models(self, case: str) -> None:
        for name in ("active model", "deleted model"):
            model = self.store.create_logged_model(self.ids["kept"], name, self.ids["active"])
            self.ids[name] = model.model_id
            get_artifact_repository(model.artifact_location).log_artifact(__file__)
        self.store.delete_logged_model(self.ids["deleted model"])
        self.seen |= {given: f"<{case} {name}>" for name, given in self.ids.items()}

    def experiment(self, name: str) -> str:
        elsewhere = f"{Path(self.places) / name}" if name.endswith("elsewhere") else None
        return self.store.create_experiment(name, elsewhere, [])

    @property
    def places(self) -> str:
        return self.store.artifact_root_uri.removeprefix("bridge://") + "-elsewhere"

    def run(self, experiment_id: str) -> str:
        run = self.store.create_run(experiment_id, "ann", 1, [], "a run")
        self.store.log_batch(run.info.run_id, [Metric("m", 1.0, 1, 0)], [Param("p", "1")], [RunTag("t", "1")])
        get_artifact_repository(run.info.artifact_uri).log_artifact(__file__, "deep")
        return run.info.run_id

    def collect(self, options: str) -> list[str]:
        """Return the output and the error of `mlflow gc`."""
        for name, given in self.ids.items():
            options = options.replace(f"<{name}>", given)
        command = [*options.split(), "--backend-store-uri", self.uri, "--tracking-uri", self.uri]
        found = CliRunner().invoke(command_line().gc, command)
        error = found.exception
        raised = [] if error is None else [type(error).__name__, str(error), getattr(error, "error_code", "")]
        return [*sorted(self.plain(found.output).splitlines()), str(found.exit_code), *map(self.plain, raised)]

    def left(self) -> list[str]:
        """Return everything that remains, files included."""
        experiments = self.store.search_experiments(ViewType.ALL)
        runs = self.store.search_runs([one.experiment_id for one in experiments], "", ViewType.ALL)
        lines = [f"experiment {one.experiment_id} {one.name} {one.lifecycle_stage}" for one in experiments]
        for run in runs:
            files = [file.path for file in get_artifact_repository(run.info.artifact_uri).list_artifacts("deep")]
            lines.append(f"run {run.info.run_id} {run.info.lifecycle_stage} {run.data.metrics} {files}")
        return sorted(map(self.plain, lines))

    def models_left(self) -> list[str]:
        found = self.store.search_logged_models([self.ids["kept"]])
        return sorted(self.plain(f"{one.model_id} {one.name}") for one in found)

    def plain(self, said: str) -> str:
        for given, name in self.seen.items():
            if len(given) > 9:  # experiments have the same ids on both sides
                said = said.replace(given, name)
        return said.strip()


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory, make_workspace: Callable[[Path], str]) -> list[Side]:
    folder = tmp_path_factory.mktemp("gc")
    uri = f"sqlite:///{folder}/mlflow.db"
    theirs = SqlAlchemyStore(uri, f"{folder}/artifacts")
    ours = make_workspace(folder / "workspace")
    their_columns = {
        "run": "runs SET deleted_time = deleted_time - {} WHERE run_uuid",
        "experiment": "experiments SET last_update_time = last_update_time - {} WHERE experiment_id",
    }
    our_columns = {
        "run": "run SET deletion_time = deletion_time - {} WHERE id",
        "experiment": "experiment SET last_update_time = last_update_time - {} WHERE id",
    }
    return [
        Side(theirs, uri, ageing(uri, their_columns)),
        Side(BridgeTrackingStore(ours), ours, ageing(f"sqlite:///{folder}/workspace/workspace.db", our_columns)),
    ]


def ageing(database: str, columns: dict[str, str]) -> Callable[[str, str], None]:
    """Return a function that sets the deletion time of a run or an experiment back by a day."""
    engine = create_engine(database)

    def age(kind: str, given: str) -> None:
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE {columns[kind].format(24 * HOUR)} = :id"), {"id": given})
        engine.dispose()

    return age


@pytest.fixture(autouse=True)
def tracking_uri() -> Iterator[None]:
    before = mlflow.get_tracking_uri()
    yield
    mlflow.set_tracking_uri(before)


@pytest.mark.parametrize("options", OPTIONS)
def test_the_command_does_and_prints_the_same_on_both_stores(sides: list[Side], options: str) -> None:
    theirs, ours = ([said(side, options), side.left()] for side in sides)
    assert ours == theirs


def said(side: Side, options: str) -> list[str]:
    side.make(options)
    return side.collect(options)


@pytest.mark.parametrize("options", OF_MODELS)
def test_the_command_does_and_prints_the_same_for_models(sides: list[Side], options: str) -> None:
    answers = []
    for side in sides:
        side.make(f"models {options}")
        side.make_models(f"models {options}")
        answers.append([side.collect(options), side.left(), side.models_left()])
    assert answers[1] == answers[0]


def test_experiment_0_is_recreated_for_the_next_process(sides: list[Side]) -> None:
    answers = []
    for side in sides:
        side.store.delete_experiment("0")
        answers.append([side.collect("--experiment-ids 0"), side.collect("--experiment-ids 0")])
        again = SqlAlchemyStore(side.uri, "x") if "sqlite" in side.uri else BridgeTrackingStore(side.uri)
        assert again.get_experiment("0").name == "Default"
        assert again.get_experiment("0").lifecycle_stage == "active"
    assert answers[1] == answers[0]


def test_the_store_has_every_method_that_the_command_calls() -> None:
    called: set[str] = set()
    for function in (command_line()._gc_tracking_resources, command_line().gc.callback):
        for node in ast.walk(ast.parse(inspect.getsource(function))):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "backend_store":
                called.add(node.attr)
    assert {"_hard_delete_run", "get_logged_model"} <= called
    assert called - set(dir(BridgeTrackingStore)) == set()


# In a process of its own


def collect(uri: str) -> tuple[str, float]:
    """Run `mlflow gc` on a workspace; return its output and its peak memory in MB."""
    code = "import resource, subprocess, sys\nsubprocess.run(sys.argv[1:], check=True)\n" \
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)"  # fmt: skip
    command = [sys.executable, "-c", code, MLFLOW, "gc", "--backend-store-uri", uri]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, int(ended.stderr.split()[-1]) / (1024 if sys.platform == "linux" else 1 << 20)


def test_the_command_removes_files_and_does_not_create_mlflows_tables(opened: WorkspaceStores, uri: str) -> None:
    store = BridgeTrackingStore(uri)
    run = store.create_run("0", "ann", 1, [], "a run")
    get_artifact_repository(run.info.artifact_uri).log_artifact(__file__)
    store.delete_run(run.info.run_id)
    output, _ = collect(uri)
    assert output == f"Run with ID {run.info.run_id} has been permanently deleted.\n"
    left = {path.relative_to(opened.address).as_posix() for path in Path(opened.address).rglob("*.*")}
    assert not [path for path in left if path.endswith(".py") or "mlflow" in path]
    assert opened.tracking.list_artifacts(f"0/{run.info.run_id}/artifacts") == []
    assert store.search_runs(["0"], "", ViewType.ALL) == []


def batch_of_points(first: int) -> PointColumns:
    """Return points of three metrics with random values."""
    steps = numpy.arange(first, first + BATCH)
    keys = tuple(f"m{step % 3}" for step in steps.tolist())
    values = numpy.random.default_rng(first).random(BATCH)
    return PointColumns(keys, values.tobytes(), steps.tobytes(), steps.tobytes())


def test_the_memory_of_the_command_does_not_grow_with_the_points_of_a_run(
    tmp_path: Path, make_workspace: Callable[[Path], str]
) -> None:
    peaks = []
    for points in (0, POINTS):
        uri = make_workspace(tmp_path / str(points))
        tracking = BridgeTrackingStore(uri).workspace.tracking
        create_run(tracking, RunRecord("gone", "0"))
        for first in range(0, points, BATCH):
            tracking.log_points("gone", batch_of_points(first))
        tracking.close()
        get_run(tracking, "gone")
        tracking.delete_runs(("gone",), time.time_ns() // 1_000_000)
        tracking.close()
        output, peak = collect(uri)
        assert output == "Run with ID gone has been permanently deleted.\n"
        peaks.append(peak)
    assert POINTS * 33 > 30e6  # bytes, if all were in memory
    assert peaks[1] - peaks[0] < 15
