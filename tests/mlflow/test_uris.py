"""A `bridge:` URI opens the same workspace through the native API and through MLflow."""

from __future__ import annotations

import os
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from bridge import InvalidValue, Run, Workspace
from bridge.address import uri_of_folder


@pytest.mark.parametrize("uri", ["bridge://{}", "bridge:{}", "BRIDGE://{}/", "bridge:///x/..{}", "bridge:///{}//"])
def test_both_apis_open_the_workspace_that_a_uri_names(tmp_path: Path, uri: str) -> None:
    folder = tmp_path / os.fsdecode(b"\xff a?#%")
    workspace = Workspace.create("work", path=folder)
    given = uri.format(uri_of_folder(str(folder)).removeprefix("bridge://"))
    assert Workspace.open(given).id == workspace.id
    client = MlflowClient(given, given)
    run_id = client.create_run("0").info.run_id
    client.log_text(run_id, "text", "note.txt")
    if uri == "bridge://{}":
        client.create_registered_model("model")  # it creates MLflow's own tables, which takes long
    assert Run.get(workspace, run_id).get_file_names() == ["note.txt"]
    assert mlflow.artifacts.list_artifacts(run_id=run_id, tracking_uri=given)[0].path == "note.txt"


@pytest.mark.parametrize("uri", ["bridge://host{}", "bridge:work", "bridge://{}?", "bridge://{}\n", "BRIDGE:"])
def test_neither_api_opens_a_uri_that_names_no_folder(tmp_path: Path, uri: str) -> None:
    given = uri.format(Workspace.create("work", path=tmp_path / "work").path)
    with pytest.raises(InvalidValue, match="URI"):
        Workspace.open(given)
    with pytest.raises(mlflow.MlflowException, match="URI"):
        MlflowClient(given).get_run("0")
