"""A workspace with only runs never creates MLflow's own tables, and does not import the code that creates them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bridge.store.workspace_stores import WorkspaceStores
from bridge_mlflow.tracking_store import BridgeTrackingStore

SCRIPT = """
import json
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

before = set(sys.modules)
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("digits")
with mlflow.start_run() as outer:
    mlflow.log_params({"depth": 3})
    mlflow.log_metrics({"loss": 0.5}, step=1)
    mlflow.log_metric("late", 1.0, synchronous=False).wait()
    mlflow.log_text("hello", "notes/hello.txt")
    mlflow.set_tag("team", "vision")
    with mlflow.start_run(nested=True):
        mlflow.log_input(mlflow.data.from_numpy(__import__("numpy").zeros(3), name="zeros"), context="train")
assert len(mlflow.search_runs(filter_string="metrics.loss < 1", output_format="list")) == 1
client = MlflowClient()
run = client.create_run(outer.info.experiment_id).info.run_id
client.log_batch(run, [Metric("loss", 1.0, 1, 1)], [Param("depth", "4")], [])
client.get_metric_history(run, "loss")
client.search_experiments()
assert [one.path for one in client.list_artifacts(outer.info.run_id)] == ["notes"]
client.delete_run(run)
client.restore_run(run)
client.set_terminated(run)
client.rename_experiment(outer.info.experiment_id, "renamed")
client.delete_experiment(outer.info.experiment_id)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


IN_A_NEW_EXPERIMENT = """
import json
import sys

import mlflow

before = set(sys.modules)
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("new")
with mlflow.start_run():
    mlflow.log_metric("loss", 0.5)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.mark.slow
def test_runs_create_and_import_nothing_of_mlflows_database(opened: WorkspaceStores, uri: str, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    assert loaded_of_mlflows_database(SCRIPT, uri, tmp_path, os.environ | {"TMPDIR": str(temporary)}) == []
    assert not [path for path in Path(opened.address).rglob("*") if "mlflow.db" in path.name]
    assert list(temporary.iterdir()) == []


@pytest.mark.slow  # MLflow's own tables are created
def test_a_run_in_a_new_experiment_imports_nothing_of_an_existing_database_of_mlflows(uri: str, tmp_path: Path) -> None:
    store: Any = BridgeTrackingStore(uri)
    store.create_logged_model("0", "m")
    assert store.companion.exists
    assert loaded_of_mlflows_database(IN_A_NEW_EXPERIMENT, uri, tmp_path, os.environ) == []
    experiment_id = store.get_experiment_by_name("new").experiment_id
    assert store.create_logged_model(experiment_id, "n").experiment_id == experiment_id


def loaded_of_mlflows_database(script: str, uri: str, folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Return the modules of MLflow's database that a script imports."""
    command = [sys.executable, "-c", script, uri]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    wanted = ("sqlalchemy", "alembic", "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.db")
    return [name for name in json.loads(done.stdout.splitlines()[-1]) if name.startswith(wanted)]
