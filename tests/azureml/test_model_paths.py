"""`Model.get_model_path` finds the files of a model by its name, as scoring scripts ask for them."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from bridge import NotFound, StoreUnavailable, Workspace
from bridge_mlflow.model_paths import model_path
from bridge_mlflow.models import Model

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")


def put(folder: Path, *names: str) -> None:
    """Write files, each with its own path as text."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name, encoding="utf-8")


def nowhere(folder: Path) -> str | None:
    return None


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of models: several versions with one file each, one with several, one without versions."""
    put(tmp_path, "azureml-models/ridge/9/ridge.pkl", "azureml-models/ridge/10/ridge.pkl")
    put(tmp_path, "azureml-models/net/1/weights", "azureml-models/net/1/config")
    put(tmp_path, "azureml-models/plain.pkl")
    return tmp_path / "azureml-models"


@pytest.mark.parametrize(
    ("name", "version", "found"),
    [
        ("ridge", None, "ridge/10/ridge.pkl"),
        ("ridge", 9, "ridge/9/ridge.pkl"),
        ("ridge", 11, None),
        ("net", None, "net/1"),
        ("plain.pkl", None, "plain.pkl"),
        ("none", None, None),
    ],
)
@pytest.mark.parametrize("by_variable", [True, False])
def test_the_newest_version_of_a_folder_of_models(
    models: Path, monkeypatch: pytest.MonkeyPatch, by_variable: bool, name: str, version: int | None, found: str | None
) -> None:
    monkeypatch.delenv("AZUREML_MODEL_DIR", raising=False)
    if by_variable:
        monkeypatch.setenv("AZUREML_MODEL_DIR", str(models))
    else:
        monkeypatch.chdir(models.parent)
    path = model_path(name, version, nowhere)
    assert (None if path is None else os.path.abspath(path)) == (None if found is None else str(models / found))


@pytest.mark.parametrize(
    ("folder", "version", "found"),
    [
        ("ridge", None, "ridge/10/ridge.pkl"),
        ("ridge/9", None, "ridge/9/ridge.pkl"),
        ("ridge/9", 9, "ridge/9/ridge.pkl"),
        ("net/1", None, "net/1"),
    ],
)
def test_the_variable_may_name_one_model(
    models: Path, monkeypatch: pytest.MonkeyPatch, folder: str, version: int | None, found: str
) -> None:
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(models / folder))
    assert model_path(folder.partition("/")[0], version, nowhere) == str(models / found)


def test_a_file_beside_the_script_is_the_last_resort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path / "not-there"))
    monkeypatch.chdir(tmp_path)
    assert model_path("ridge", None, nowhere) is None
    put(tmp_path, "ridge")
    assert model_path("ridge", None, nowhere) == "ridge"
    assert model_path("ridge", 2, nowhere) is None, "the version of a folder without versions is unknown"


def test_the_workspace_has_the_newest_version_and_the_folder_a_named_one(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZUREML_MODEL_DIR", raising=False)
    monkeypatch.chdir(models.parent)
    assert model_path("ridge", None, lambda folder: "fetched") == "fetched"
    assert model_path("ridge", 9, lambda folder: "fetched") == "azureml-models/ridge/9/ridge.pkl"
    assert model_path("ridge", 11, lambda folder: "fetched") == "fetched"


@pytest.mark.slow
def test_models_of_the_project_are_written_to_the_working_folder(
    tmp_path: Path, working_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZUREML_MODEL_DIR", raising=False)
    ws = Workspace.create("models", path=tmp_path / "ws")
    put(tmp_path, "one/ridge.pkl", "two/ridge.pkl", "net/deep/weights")
    for folder in ("one", "two"):
        Model.register(ws, tmp_path / folder / "ridge.pkl", "ridge")
    Model.register(ws, tmp_path / "net", "net")
    with pytest.raises(NotFound, match="no model 'ridge': neither AZUREML_MODEL_DIR, nor the workspace"):
        Model.get_model_path("ridge")
    ws.write_config(working_folder)
    assert Model.get_model_path("ridge") == "azureml-models/ridge/2/ridge.pkl"
    assert Path("azureml-models/ridge/2/ridge.pkl").read_text(encoding="utf-8") == "two/ridge.pkl"
    assert Model.get_model_path(model_name="ridge", version="1") == "azureml-models/ridge/1/ridge.pkl"
    assert Model.get_model_path("ridge") == "azureml-models/ridge/2/ridge.pkl", "again"
    net = Path(Model.get_model_path("net", _workspace=ws))
    assert net.is_dir() and (net / "deep" / "weights").exists()
    with pytest.raises(NotFound, match="no model 'ridge:7'"):
        Model.get_model_path("ridge", version=7)


@pytest.mark.slow
def test_a_download_that_fails_leaves_no_part_of_a_model(
    tmp_path: Path, working_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZUREML_MODEL_DIR", raising=False)
    ws = Workspace.create("models", path=tmp_path / "ws")
    put(tmp_path, "net/config")
    (tmp_path / "net" / "weights").write_bytes(bytes(9_000_000))
    Model.register(ws, tmp_path / "net", "net")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000_000, before[1]))  # the disk is full
    try:
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="weights"):
                Model.get_model_path("net", version=1, _workspace=ws)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    net = Path(Model.get_model_path("net", version=1, _workspace=ws))
    assert {file.name for file in net.iterdir()} == {"config", "weights"}
    assert [folder.name for folder in net.parent.parent.iterdir()] == ["1"]
