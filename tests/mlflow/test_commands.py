"""MLflow's commands, as processes of their own, answer on a workspace what they answer on MLflow's own SQL store."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import mlflow
import pytest
import requests
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from serving import mlflow_server

from bridge import Experiment, Workspace

pytestmark = [
    pytest.mark.slow,
    # Said while MLflow starts its tracing and its server, about a type hint of its own and about Starlette.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]


class Said(NamedTuple):
    """How a command ended: its exit code, what it printed, and the last line of what it complained of."""

    exit_code: int
    printed: str
    complaint: str


Invoke = Callable[..., Said]


def as_a_process(uri: str, folder: Path) -> Invoke:
    def invoke(*words: str) -> Said:
        command = [sys.executable, "-m", "mlflow", *words]
        environment = {**os.environ, "MLFLOW_TRACKING_URI": uri}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
        complaint = done.stderr.strip().splitlines()[-1] if done.returncode else ""
        return Said(done.returncode, done.stdout, complaint)

    return invoke


def as_a_call(uri: str, folder: Path) -> Invoke:
    """The same words, in this process: what MLflow's own store says need not start an interpreter each time."""

    def invoke(*words: str) -> Said:
        from mlflow.cli import cli

        done = CliRunner().invoke(cli, list(words))
        error = done.exception
        name = f"{type(error).__module__}.{type(error).__name__}"
        complaint = f"{name}: {error}" if error and not isinstance(error, SystemExit) else done.stderr.strip()
        return Said(done.exit_code, done.stdout, complaint.splitlines()[-1] if done.exit_code else "")

    return invoke


def tell(invoke: Invoke, folder: Path) -> dict[str, object]:
    """What a person sees who makes an experiment, a run and its files, and deletes and restores them, by command."""
    seen: dict[str, object] = {}
    run_id = ""

    def run(name: str, *words: str) -> Said:
        said = invoke(*words)
        seen[name] = (said.exit_code, _plain(said.printed, run_id), _plain(said.complaint, run_id))
        return said

    run("create", "experiments", "create", "-n", "digits")
    run("rename", "experiments", "rename", "-x", "1", "--new-name", "numbers")
    run_id = json.loads(
        run("run", "runs", "create", "--experiment-name", "numbers", "--run-name", "first", "--tags", "a=b").printed
    )["run_id"]
    described = json.loads(run("describe", "runs", "describe", "--run-id", run_id).printed)
    seen["run"] = None
    seen["describe"] = _known(described, run_id)
    run("delete run", "runs", "delete", "--run-id", run_id)
    run("deleted runs", "runs", "list", "--experiment-id", "1", "-v", "deleted_only")
    run("restore run", "runs", "restore", "--run-id", run_id)
    run("no run", "runs", "describe", "--run-id", "0" * 32)
    run("log file", "artifacts", "log-artifact", "-l", str(folder / "one.txt"), "-r", run_id, "-a", "sub")
    run("log folder", "artifacts", "log-artifacts", "-l", str(folder / "more"), "-r", run_id)
    run("list files", "artifacts", "list", "-r", run_id)
    run("download", "artifacts", "download", "-r", run_id, "-d", str(folder / "got"))
    got = folder / "got"
    seen["files"] = {
        path.relative_to(got).as_posix(): path.read_text() for path in sorted(got.rglob("*")) if path.is_file()
    }
    run("csv", "experiments", "csv", "-x", "1", "-o", str(folder / "runs.csv"))
    with (folder / "runs.csv").open() as file:
        (row,) = csv.DictReader(file)
    seen["row"] = {key: _plain(value, run_id) for key, value in sorted(row.items()) if "source.name" not in key}
    run("delete", "experiments", "delete", "-x", "1")
    run("deleted", "experiments", "search", "-v", "deleted_only")
    run("restore", "experiments", "restore", "-x", "1")
    return seen


def _plain(text: str, run_id: str) -> str:
    """Without what differs from store to store: the run's id, times, places, and how wide a table is."""
    text = text.replace(run_id, "<run>") if run_id else text
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+\+00:00| UTC)", "<time>", text)
    text = re.sub(r"\S*/(artifacts|mlruns)/(\d)", r"<root>/\2", text)
    text = re.sub(r"\S*/(got|runs\.csv)", r"<folder>/\1", text)
    return re.sub(r"[ -]{2,}", "  ", text).strip()


def _known(described: dict[str, dict[str, object]], run_id: str) -> dict[str, object]:
    info = {key: value for key, value in described["info"].items() if not key.endswith("_time")}
    tags = described["data"].pop("tags")
    assert isinstance(tags, dict)
    tags.pop("mlflow.source.name")
    return {"info": _plain(json.dumps(info, sort_keys=True), run_id), "tags": sorted(tags.items()), **described["data"]}


def prepare(folder: Path) -> Path:
    (folder / "more" / "below").mkdir(parents=True)
    for name in ("one.txt", "more/two.txt", "more/below/three.txt"):
        (folder / name).write_text(f"this is {name}")
    return folder


def test_commands_say_on_a_workspace_what_they_say_on_mlflows_own_store(uri: str, tmp_path: Path) -> None:
    theirs_uri = f"sqlite:///{tmp_path}/theirs.db"
    ours_folder, theirs_folder = prepare(tmp_path / "ours"), prepare(tmp_path / "theirs")
    with ThreadPoolExecutor(1) as aside:
        ours = aside.submit(lambda: tell(as_a_process(uri, ours_folder), ours_folder))
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(theirs_uri)
        try:
            theirs = tell(as_a_call(theirs_uri, theirs_folder), theirs_folder)
        finally:
            mlflow.set_tracking_uri(before)
            os.environ.pop("MLFLOW_EXPERIMENT_ID", None)  # left there by set_experiment
            mlflow.tracking.fluent._active_experiment_id = None
        assert ours.result() == theirs
    assert theirs["files"] == {
        "sub/one.txt": "this is one.txt",
        "two.txt": "this is more/two.txt",
        "below/three.txt": "this is more/below/three.txt",
    }
    assert theirs["restore"] == (0, "Experiment with id 1 has been restored.", "")


MODEL = """
import mlflow

class Twice(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[dict[str, int]]) -> list[int]:
        return [row["x"] * 2 for row in model_input]

mlflow.models.set_model(Twice())
"""


def test_a_logged_model_predicts_by_command(fluent: str, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    with mlflow.start_run() as run:
        mlflow.pyfunc.log_model(name="twice", python_model=tmp_path / "model.py", pip_requirements=[])
    (tmp_path / "asked.json").write_text(json.dumps({"inputs": [{"x": 1}, {"x": 21}]}))
    words = ["--env-manager", "local", "-i", str(tmp_path / "asked.json"), "-o", str(tmp_path / "answer.json")]
    said = as_a_process(fluent, tmp_path)("models", "predict", "-m", f"runs:/{run.info.run_id}/twice", *words)
    assert said.exit_code == 0, said
    assert json.loads((tmp_path / "answer.json").read_text()) == {"predictions": [2, 42]}


def test_commands_that_need_a_database_or_mlflows_workspaces_fail_in_mlflows_own_words(
    uri: str, tmp_path: Path
) -> None:
    invoke = as_a_process(uri, tmp_path)
    upgraded = invoke("db", "upgrade", uri)
    assert upgraded.exit_code == 1
    assert "NoSuchModuleError: Can't load plugin: sqlalchemy.dialects:bridge" in upgraded.complaint
    served = invoke("server", "--backend-store-uri", uri, "--enable-workspaces", "--port", "1")
    assert served.exit_code == 1
    assert f"Workspace functionality is unavailable; got unsupported URI '{uri}'" in served.complaint


def test_a_workspace_is_mlflows_default_workspace_whatever_the_environment_says(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team")
    for client in (MlflowClient(uri), MlflowClient(f"sqlite:///{tmp_path}/theirs.db")):
        assert [one.workspace for one in client.search_experiments()] == ["default"]
    with pytest.raises(MlflowException, match="Workspace operations are not supported by the configured workspace URI"):
        MlflowClient(uri).list_workspaces()


@pytest.mark.processes
def test_a_server_of_four_workers_with_basic_auth_serves_runs_files_and_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = Workspace.create("demo", path=tmp_path / "ws")
    run = Experiment(ws, "native").start_logging(outputs=False, snapshot_directory=None)
    run.log("loss", 0.5)
    (tmp_path / "auth.ini").write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{tmp_path}/auth.db\n"
        "admin_username = admin\nadmin_password = correct-horse-7\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    words = ["--workers", "4", "--app-name", "basic-auth", "--serve-artifacts"]
    words += ["--artifacts-destination", ws.get_mlflow_tracking_uri()]
    environment = {"MLFLOW_FLASK_SERVER_SECRET_KEY": "secret", "MLFLOW_AUTH_CONFIG_PATH": str(tmp_path / "auth.ini")}
    log = tmp_path / "server.log"
    with mlflow_server(ws.get_mlflow_tracking_uri(), log, *words, environment=environment) as url:
        search = f"{url}/api/2.0/mlflow/experiments/search"
        assert requests.post(search, json={"max_results": 5}, timeout=60).status_code == 401

        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct-horse-7")
        admin = MlflowClient(url)
        made = admin.create_run(run.experiment.id, run_name="over http").info
        assert made.artifact_uri == f"mlflow-artifacts:/{run.experiment.id}/{made.run_id}/artifacts"
        admin.log_text(made.run_id, "hello", "deep/note.txt")
        # Each request may meet another of the four: what one has written the others read at once.
        for step in range(8):
            admin.log_metric(made.run_id, "m", step, step=step)
            assert admin.get_run(made.run_id).data.metrics == {"m": step}
        assert [one.path for one in admin.list_artifacts(made.run_id, "deep")] == ["deep/note.txt"]
        native = ws.get_run(made.run_id)
        assert native.get_file_names() == ["deep/note.txt"]
        assert native.get_metrics() == {"m": list(range(8))}

        users = f"{url}/api/2.0/mlflow/users/create"
        bob = {"username": "bob", "password": "battery-staple-7"}
        requests.post(users, json=bob, auth=("admin", "correct-horse-7"), timeout=60).raise_for_status()
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bob")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", bob["password"])
        reader = MlflowClient(url)
        assert reader.get_run(run.id).data.metrics == {"loss": 0.5}
        with pytest.raises(MlflowException, match="Permission denied"):
            reader.log_metric(run.id, "loss", 0.25)
        own = reader.create_run(reader.create_experiment("of bob")).info
        reader.log_metric(own.run_id, "mine", 1)
        assert reader.get_run(own.run_id).data.metrics == {"mine": 1}
    assert "Traceback" not in log.read_text()
    run.complete()
