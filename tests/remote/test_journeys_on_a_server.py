"""Runs, files, snapshots, children and submitted scripts of a workspace on a server are those of a folder."""

from __future__ import annotations

import os
import pickle
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from served_workspaces import served
from submitting import log_of

from bridge import Experiment, NotAllowed, Run, Workspace
from bridge.launch.script import ScriptRunConfig
from bridge.store.server_records import running_servers
from bridge.store.token import FILE_VARIABLE, VARIABLE
from bridge_mlflow.models import Model

pytestmark = [pytest.mark.slow, pytest.mark.processes]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, str, str]]:
    """The workspace in its folder, its address on a server, and the token of the server."""
    folder = tmp_path_factory.mktemp("site")
    home = {"BRIDGE_HOME": str(folder / "home")}
    with (
        Workspace.create("demo", path=folder / "demo") as local,
        served({"demo": local.path}, folder / "log", "--mlflow", "off", environment=home, tokens=True) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("BRIDGE_HOME", home["BRIDGE_HOME"])
        (record,) = running_servers()
        yield local, server.at("demo"), record["token"]


@pytest.fixture
def local(site: tuple[Workspace, str, str]) -> Workspace:
    return site[0]


@pytest.fixture
def remote(site: tuple[Workspace, str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv(VARIABLE, site[2])
    with Workspace.open(site[1]) as workspace:
        yield workspace


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a module, for snapshots."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "model.py").write_text("LAYERS = 3\n", encoding="utf-8")
    return folder


def test_an_interactive_run_is_the_same_at_both_ends(remote, local, source, tmp_path):
    run = Experiment(remote, "interactive").start_logging(snapshot_directory=source, display_name="first")
    run.log("loss", 0.5)
    run.log("count", 3)
    run.log("name", "Red")
    run.log_list("list", [1, 2.5, float("inf")])
    run.log_row("row", a=1, b="x")
    run.log_table("table", {"x": [1, 2], "y": [0.5, 0.25]})
    run.log_image("image", plot=None, path=str(picture(tmp_path)))
    run.log_params({"depth": 3})
    run.tag("team", "vision")
    run.add_properties({"data": "v2"})
    os.makedirs("outputs", exist_ok=True)
    Path("outputs/result.txt").write_text("42", encoding="utf-8")
    run.upload_file("notes/one.txt", str(source / "model.py"))
    child = run.child_run("fold 1")
    child.log("loss", 0.25)
    child.complete()
    run.complete()

    for workspace in (remote, local):
        seen = workspace.get_run(run.id)
        assert seen.status == "Completed" and seen.display_name == "first"
        metrics = seen.get_metrics()
        assert metrics["loss"] == 0.5 and metrics["count"] == 3 and metrics["name"] == "Red"
        assert metrics["list"] == [1, 2.5, float("inf")] and metrics["row"] == {"a": 1, "b": "x"}
        assert metrics["table"] == {"x": [1, 2], "y": [0.5, 0.25]}
        assert seen.get_tags() == {"team": "vision"} and seen.get_properties()["data"] == "v2"
        assert {"notes/one.txt", "outputs/result.txt"} <= set(seen.get_file_names())
        (found,) = seen.get_children()
        assert found.id == child.id and found.get_metrics() == {"loss": 0.25}
        seen.download_file("notes/one.txt", str(tmp_path / workspace.stores.kind_of_address))
        assert (tmp_path / workspace.stores.kind_of_address).read_text(encoding="utf-8") == "LAYERS = 3\n"
        restored = Path(seen.restore_snapshot(path=str(tmp_path / f"snapshot-{workspace.stores.kind_of_address}")))
        assert (restored / "model.py").exists() or restored.suffix == ".zip"


def picture(folder: Path) -> Path:
    file = folder / "picture.png"
    file.write_bytes(
        bytes.fromhex(
            "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
            "1f15c4890000000a49444154789c63000100000500010d0a2db40000000049454e44ae426082"
        )
    )
    return file


def test_a_submitted_script_finds_its_run_and_its_token(remote, local, source, site):
    code = f"""
        import os
        from bridge import Run
        run = Run.get_context()
        run.log("loss", 0.125)
        os.makedirs("outputs", exist_ok=True)
        open("outputs/model.bin", "wb").write(b"model")
        child = run.child_run("inner")
        child.log("step", 1)
        child.complete()
        print("token in environment:", os.environ.get({VARIABLE!r}))
        print("file:", os.environ[{FILE_VARIABLE!r}], oct(os.stat(os.environ[{FILE_VARIABLE!r}]).st_mode & 0o777))
        print("workspace:", run.experiment.workspace)
    """
    (source / "train.py").write_text(textwrap.dedent(code), encoding="utf-8")
    run = Experiment(remote, "submitted").submit(ScriptRunConfig(source, script="train.py"))
    run.wait_for_completion(raise_on_error=False)
    text = log_of(run)
    assert run.status == "Completed", text
    assert "token in environment: None" in text
    token_file = Path(text.split("file: ")[1].split()[0])
    assert "0o600" in text and not token_file.exists()
    seen = local.get_run(run.id)
    assert seen.get_metrics()["loss"] == 0.125
    assert "outputs/model.bin" in seen.get_file_names()
    assert [child.display_name for child in seen.get_children()] == ["inner"]
    for place in everything_stored(local):
        assert site[2].encode() not in place.read_bytes(), place


def everything_stored(local: Workspace) -> list[Path]:
    return [file for file in local.path.rglob("*") if file.is_file()]


def test_no_object_shows_the_token(remote, site):
    run = Experiment(remote, "shown").start_logging(outputs=False, snapshot_directory=None)
    token = site[2]
    for thing in (remote, run, run.experiment, remote.stores.tracking.server, remote.stores.tracking.server.connection):
        assert token not in repr(thing) and token not in str(thing)
    for thing in (remote, run, run.experiment):
        assert token.encode() not in pickle.dumps(thing)
        assert type(pickle.loads(pickle.dumps(thing))) is type(thing)
    assert token not in str(run.get_details()) and token not in str(remote.get_details())
    assert run.get_portal_url() == f"{site[1]}/portal/runs/{run.id}"
    run.complete()


def test_arrays_images_and_charts_are_stored(remote, local):
    run = Experiment(remote, "arrays").start_logging(outputs=False, snapshot_directory=None)
    values = numpy.arange(10_000) / 7
    run.log_series("series", values)
    run.log_metrics({"a": 1, "b": 2.0}, step=3)
    run.log_confusion_matrix("matrix", {"schema_type": "confusion_matrix", "schema_version": "1.0.0", "data": {
        "class_labels": ["a", "b"], "matrix": [[1, 2], [3, 4]]}})  # fmt: skip
    run.complete()
    seen = local.get_run(run.id)
    assert numpy.array_equal(seen.get_series("series").values, values)
    assert seen.get_metrics()["a"] == 1
    assert "matrix" in run.get_metrics() and "matrix" in seen.get_metrics()


def test_runs_are_listed_searched_and_deleted(remote, local):
    experiment = Experiment(remote, "listed")
    runs = [experiment.start_logging(outputs=False, snapshot_directory=None) for _ in range(3)]
    for number, run in enumerate(runs):
        run.log("loss", number)
        run.complete()
    assert [run.id for run in Run.list(experiment)] == [run.id for run in reversed(runs)]
    assert {run.id for run in experiment.get_runs()} == {run.id for run in runs}
    assert [record.name for record in remote.experiments.values()].count("listed") == 1
    assert local.experiments["listed"].id == experiment.id


def test_a_local_file_cannot_be_registered_without_a_run(remote, local, source):
    with pytest.raises(NotAllowed, match=r"call run\.register_model"):
        Model.register(remote, source / "model.py", "model")
    assert not (local.path / "artifacts" / "models").exists()
