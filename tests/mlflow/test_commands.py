"""MLflow's commands print the same for a workspace and for MLflow's own SQL store."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
import requests
from answers import difference
from command_stories import MODEL, STORIES
from commands import COMPARED, ELSEWHERE, WITHOUT_A_STORE, CommandLine, every_command
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from serving import model_server

pytestmark = [
    pytest.mark.slow,
    # Warnings of MLflow's tracing and server about its own type hints and about Starlette.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]


@pytest.mark.rules
def test_every_command_of_mlflow_is_tested_or_uses_no_store() -> None:
    """This test fails if a new release adds or removes a command."""
    known = {" ".join(words) for words in every_command()}
    asks_none = {name for name in known for alone in WITHOUT_A_STORE if f"{name} ".startswith(f"{alone} ")}
    assert COMPARED | set(ELSEWHERE) | asks_none == known
    assert not asks_none & (COMPARED | set(ELSEWHERE))
    assert {alone for alone in WITHOUT_A_STORE if any(f"{name} ".startswith(f"{alone} ") for name in known)} == set(
        WITHOUT_A_STORE
    )


@pytest.mark.rules
def test_every_command_that_uses_a_store_prints_the_same_for_a_workspace_and_mlflows_own_store(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("mlflow.store.db.utils"), "level", logging.WARNING)
    theirs_uri, folder = f"sqlite:///{tmp_path}/theirs.db", tmp_path / "theirs"
    theirs = CommandLine(theirs_uri, folder, {f"{folder}/mlruns": "<root>"})
    root = f"{uri}/artifacts"
    ours = CommandLine(uri, tmp_path / "ours", {root: "<root>", root.replace("///", "/"): "<root>"})
    for story in STORIES:
        for side in (theirs, ours):
            side.seen.clear()
            story(side)
        assert len(theirs.seen) > 4
        assert ours.seen == theirs.seen, difference(_told(theirs), _told(ours))
    assert ours.called == theirs.called == COMPARED


def _told(side: CommandLine) -> list[list[object]]:
    return [list(one) for one in side.seen]


def run(uri: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    environment = {**os.environ, "MLFLOW_TRACKING_URI": uri}
    command = [sys.executable, "-m", "mlflow", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def test_a_command_gets_the_workspace_from_the_environment_and_reports_an_error_in_one_sentence(
    uri: str, tmp_path: Path
) -> None:
    MlflowClient(uri).create_experiment("digits")
    listed = run(uri, tmp_path, "experiments", "search")
    assert (listed.returncode, listed.stdout.splitlines()[-1].split()[:2]) == (0, ["1", "digits"]), listed.stderr
    failed = run(uri, tmp_path, "runs", "describe", "--run-id", "none")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1] == "mlflow.exceptions.MlflowException: Run with id=none not found"


def test_a_command_serves_logged_and_registered_models(fluent: str, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    with mlflow.start_run() as run:
        mlflow.pyfunc.log_model(
            name="twice", python_model=tmp_path / "model.py", pip_requirements=[], registered_model_name="double"
        )
    asked = {"inputs": [{"x": 1}, {"x": 21}]}
    for number, uri in enumerate((f"runs:/{run.info.run_id}/twice", "models:/double/1")):
        with model_server(fluent, uri, tmp_path / f"{number}.log") as url:
            assert requests.get(f"{url}/ping", timeout=60).status_code == 200
            answer = requests.post(f"{url}/invocations", json=asked, timeout=60)
            assert (answer.status_code, answer.json()) == (200, {"predictions": [2, 42]})
            assert requests.post(f"{url}/invocations", json={}, timeout=60).status_code == 400


def test_commands_that_need_a_database_or_mlflows_workspaces_fail_with_mlflows_own_errors(
    uri: str, tmp_path: Path
) -> None:
    mlflow_ = CommandLine(uri, tmp_path / "person", {})
    for words in ("upgrade", "migrate-to-default-workspace --yes"):
        mlflow_("db", *words.split(), uri)
        assert mlflow_.seen[-1].complaint.endswith("Can't load plugin: sqlalchemy.dialects:bridge")
    mlflow_("migrate-filestore", "--source", str(tmp_path), "--target", uri)
    assert mlflow_.seen[-1].complaint.endswith("Must be a SQLite URI starting with 'sqlite:///'")
    served = run(uri, tmp_path, "server", "--backend-store-uri", uri, "--enable-workspaces", "--port", "1")
    assert served.returncode == 1
    assert f"Workspace functionality is unavailable; got unsupported URI '{uri}'" in served.stderr.splitlines()[-1]


def test_a_workspace_is_mlflows_default_workspace_whatever_the_environment_is(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team")
    for client in (MlflowClient(uri), MlflowClient(f"sqlite:///{tmp_path}/theirs.db")):
        assert [one.workspace for one in client.search_experiments()] == ["default"]
    with pytest.raises(MlflowException, match="Workspace operations are not supported by the configured workspace URI"):
        MlflowClient(uri).list_workspaces()
