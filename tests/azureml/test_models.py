"""Models of Azure ML scripts are versions in MLflow's registry. Their files are artifacts of runs."""

from __future__ import annotations

import pickle
import re
import subprocess
import venv
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

import bridge
from bridge import AlreadyExists, Experiment, InvalidValue, NotFound, Run, Workspace
from bridge.handles.models import model_class
from bridge_mlflow.models import Model

# A warning that MLflow gives about its own type hints when it loads models.
pytestmark = [
    pytest.mark.slow,  # each makes MLflow's own tables
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with a pickle and a folder among its files."""
    run = Experiment(Workspace.create("models", path=tmp_path / "ws"), "training").start_logging()
    (tmp_path / "ridge.pkl").write_bytes(pickle.dumps({"alpha": 0.4}))
    run.upload_file("outputs/ridge.pkl", str(tmp_path / "ridge.pkl"))
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "weights").write_bytes(b"w")
    (tmp_path / "net" / "deeper").mkdir()
    (tmp_path / "net" / "deeper" / "more").write_bytes(b"m")
    run.upload_folder("outputs/net", tmp_path / "net")
    run.complete()
    return run


def test_a_run_registers_its_files(run: Run, tmp_path: Path) -> None:
    model = run.register_model(
        model_name="best_ridge",
        model_path="./outputs/ridge.pkl",
        tags={"area": "diabetes", "n": 1},
        properties={"author": "ada"},
        model_framework="ScikitLearn",
        model_framework_version="1.4",
        description="d",
        datasets=None,
    )
    assert isinstance(model, model_class())
    assert (model.name, model.version, model.id, model.url) == ("best_ridge", 1, "best_ridge:1", "models:/best_ridge/1")
    again = run.experiment.workspace.models["best_ridge"]
    assert (again.tags, again.properties) == ({"area": "diabetes", "n": "1"}, {"author": "ada"})
    assert (again.run_id, again.experiment_name, again.description) == (run.id, "training", "d")
    assert (again.model_framework, again.model_framework_version) == ("ScikitLearn", "1.4")
    assert again.created_time.tzinfo is not None
    where = again.download(tmp_path / "got")
    assert Path(where) == tmp_path / "got" / "ridge.pkl"
    assert pickle.loads(Path(where).read_bytes()) == {"alpha": 0.4}
    with pytest.raises(AlreadyExists):
        again.download(tmp_path / "got")
    again.download(tmp_path / "got", exist_ok=True)


def test_registering_prints_nothing_and_leaves_no_files(
    run: Run, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run.register_model("best_ridge", "outputs/ridge.pkl")
    assert capfd.readouterr() == ("", "")
    assert list(Path().iterdir()) == []


def test_a_folder_of_a_run_is_a_model_too(run: Run, tmp_path: Path) -> None:
    model = run.register_model("net", "outputs/net")
    where = Path(model.download(tmp_path / "got"))
    assert {file.relative_to(where).as_posix() for file in where.rglob("*") if file.is_file()} == {
        "weights",
        "deeper/more",
    }


def test_versions_count_up_and_a_name_means_the_newest(run: Run) -> None:
    ws = run.experiment.workspace
    for number in range(3):
        run.register_model("m", "outputs/ridge.pkl", tags={"number": number})
    run.register_model("other", "outputs/ridge.pkl")
    assert {name: model.version for name, model in ws.models.items()} == {"m": 3, "other": 1}
    assert Model(ws, "m").version == 3
    assert Model(ws, "m", version=2).tags == {"number": "1"}
    assert Model(ws, id="m:1").tags == {"number": "0"}
    assert [model.id for model in Model.list(ws, "m")] == ["m:3", "m:2", "m:1"]
    assert [model.id for model in Model.list(ws, tags=[["number", "1"]])] == ["m:2"]
    assert [model.id for model in Model.list(ws, tags={"number": "1"})] == ["m:2"]
    assert [model.id for model in Model.list(ws, tags="number")] == ["m:3", "m:2", "m:1"]
    assert {model.id for model in Model.list(ws, latest=True)} == {"m:3", "other:1"}
    Model(ws, "m").delete()
    assert Model(ws, "m").version == 2


def test_tags_and_description_of_a_version_change(run: Run) -> None:
    model = run.register_model("m", "outputs/ridge.pkl", tags={"a": "1"})
    model.add_tags({"b": 2})
    model.update(description="better")
    again = Model(run.experiment.workspace, "m")
    assert (again.tags, again.description) == ({"a": "1", "b": "2"}, "better")


def test_mlflow_sees_and_fetches_what_was_registered(run: Run, tmp_path: Path) -> None:
    run.register_model("best_ridge", "outputs/ridge.pkl")
    uri = run.experiment.workspace.get_mlflow_tracking_uri()
    version = MlflowClient(uri, uri).get_model_version("best_ridge", "1")
    assert version.run_id == run.id
    fetched = mlflow.artifacts.download_artifacts(version.source, dst_path=str(tmp_path / "got"), tracking_uri=uri)
    assert pickle.loads(Path(fetched).read_bytes()) == {"alpha": 0.4}


def test_a_model_that_mlflow_has_logged_for_a_run_is_registered_and_fetched(run: Run, tmp_path: Path) -> None:
    workspace = run.experiment.workspace
    client = MlflowClient(workspace.get_mlflow_tracking_uri(), workspace.get_mlflow_tracking_uri())
    for content in ("old", "new"):
        (tmp_path / "net" / "weights").write_text(content)
        logged = client.create_logged_model(run.experiment.id, "line", source_run_id=run.id)
        client.log_model_artifacts(logged.model_id, str(tmp_path / "net"))
        client.finalize_logged_model(logged.model_id, "READY")
    model = run.register_model("best", "line")
    assert (model.version, model.run_id) == (1, run.id)
    assert (Path(model.download(tmp_path / "got")) / "weights").read_text() == "new"

    client.create_registered_model("plain")
    client.create_model_version("plain", logged.artifact_location, run.id)
    fetched = Path(workspace.models["plain"].download(tmp_path / "got"))
    assert fetched == tmp_path / "got" / "plain"
    assert sorted(file.name for file in fetched.rglob("*") if file.is_file()) == ["more", "weights"]
    with pytest.raises(NotFound, match="There is no file 'circle'"):
        run.register_model("best", "circle")


def test_files_from_elsewhere_are_uploaded(run: Run, tmp_path: Path) -> None:
    ws = run.experiment.workspace
    Model.register(ws, tmp_path / "ridge.pkl", "mine", tags={"k": "v"}, description="d")
    Model.register(ws, str(tmp_path / "net"), "net")
    assert Model(ws, "mine").run_id is None
    assert Path(Model(ws, "mine").download(tmp_path / "got")).read_bytes() == (tmp_path / "ridge.pkl").read_bytes()
    assert (Path(Model(ws, "net").download(tmp_path / "got")) / "deeper" / "more").read_bytes() == b"m"


def test_a_folder_is_registered_with_the_targets_of_its_links(run: Run, tmp_path: Path) -> None:
    ws = run.experiment.workspace
    (tmp_path / "net" / "linked").symlink_to(tmp_path / "shards")
    (tmp_path / "net" / "round").symlink_to(tmp_path / "net")
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "part-1").write_bytes(b"1")
    where = Path(Model.register(ws, tmp_path / "net", "net").download(tmp_path / "got"))
    assert sorted(file.relative_to(where).as_posix() for file in where.rglob("*") if file.is_file()) == [
        "deeper/more",
        "linked/part-1",
        "weights",
    ]


def test_a_folder_is_registered_by_any_path_that_names_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "net" / "deeper")
    paths: tuple[str | Path, ...] = (".", "../deeper", tmp_path / "net" / "deeper" / "..")
    for number, path in enumerate(paths):
        model = Model.register(run.experiment.workspace, path, "net")
        where = Path(model.download(tmp_path / str(number)))
        assert where.name == ("net" if number == 2 else "deeper")
        assert (where / ("deeper/more" if number == 2 else "more")).read_bytes() == b"m"


def test_a_folder_that_cannot_be_registered_leaves_nothing(run: Run, tmp_path: Path) -> None:
    ws = run.experiment.workspace
    (tmp_path / "empty" / "below").mkdir(parents=True)
    with pytest.raises(InvalidValue, match="model_path .*empty.*: must be a folder that has files"):
        Model.register(ws, tmp_path / "empty", "net")
    (tmp_path / "net" / "z").symlink_to(tmp_path / "nowhere")
    with pytest.raises(NotFound, match="net/z"):
        Model.register(ws, tmp_path / "net", "net")
    assert ws.models == {}
    assert [root.path for root in ws.stores.artifacts.list("")] == [run.experiment.id]


def test_a_workspace_that_was_moved_keeps_its_models(run: Run, tmp_path: Path) -> None:
    run.register_model("m", "outputs/ridge.pkl")
    (tmp_path / "ws").rename(tmp_path / "elsewhere")
    moved = Workspace.open(tmp_path / "elsewhere").models["m"]
    assert pickle.loads(Path(moved.download(tmp_path / "got")).read_bytes()) == {"alpha": 0.4}


def test_invalid_registrations_are_refused_with_the_reason(run: Run) -> None:
    with pytest.raises(NotFound, match="outputs/ridge.pkl") as missing:
        run.register_model("m", "outputs/none.pkl")
    assert run.id in str(missing.value)
    with pytest.raises(NotFound):  # the path is the name by default
        run.register_model("m")
    with pytest.raises(NotFound):  # no file begins with a half name
        run.register_model("m", "outputs/rid")
    for name in ("", "-m", "a b", "a/b", "m" * 256):
        with pytest.raises(InvalidValue, match="model name"):
            run.register_model(name, "outputs/ridge.pkl")
    assert run.experiment.workspace.models == {}
    with pytest.raises(NotFound, match="There is no model 'none'"):
        Model(run.experiment.workspace, "none")


@pytest.mark.parametrize(
    "facts",
    [
        {"tags": ["a"]},
        {"tags": {"a\nb": 1}},
        {"properties": "author"},
        {"properties": {"author": "\udcff"}},
        {"description": 5},
        {"model_framework": "\udcff"},
        {"model_framework_version": 10**5000},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_facts_that_cannot_be_stored_are_refused_before_files_are_stored(
    run: Run, tmp_path: Path, facts: dict[str, Any]
) -> None:
    ws = run.experiment.workspace
    with pytest.raises(InvalidValue):
        run.register_model("m", "outputs/ridge.pkl", **facts)
    with pytest.raises(InvalidValue):
        Model.register(ws, tmp_path / "ridge.pkl", "m", **facts)
    assert [root.path for root in ws.stores.artifacts.list("")] == [run.experiment.id]


def test_without_mlflow_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    root = Path(bridge.__file__).parents[1]
    (site / "runbridge.pth").write_text(f"{root}\n{root / 'plugins'}\n", encoding="utf-8")
    points = site / "runbridge-0.dist-info" / "entry_points.txt"
    points.parent.mkdir()
    points.write_text("[runbridge.models]\nmlflow = bridge_mlflow.models:Model\n", encoding="utf-8")
    code = """
import bridge_azureml
from azureml.core import Model, Run, Workspace
from azureml.exceptions import AzureMLException

ws = Workspace.create("bare", path="./ws")
try:
    ws.models
except AzureMLException as error:
    print(error)
"""
    python = tmp_path / "venv" / "bin" / "python"
    done = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert re.search(
        r"There is no model registry 'mlflow': install MLflow with: pip install .runbridge\[mlflow\].", done.stdout
    ), done.stderr
    points.unlink()  # as in a checkout that is not installed
    for use in ("bridge.Workspace.open('ws').models", "azureml.core.Model.list(bridge.Workspace.open('ws'))"):
        code = f"import bridge, bridge_azureml, azureml.core; from azureml.core import Model; {use}"
        done = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True)
        assert 'pip install "runbridge[mlflow]"' in done.stderr.splitlines()[-1]
