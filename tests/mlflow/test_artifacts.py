"""Both APIs, MLflow's UI server and a plain HTTP client return the same files."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import mlflow.artifacts
import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from serving import mlflow_server

from bridge import Experiment, Run, Workspace
from bridge.errors import NotAllowed, NotFound
from bridge_mlflow.addresses import DESTINATION_VARIABLE, artifacts_uri, split_artifact_uri, split_root
from bridge_mlflow.artifact_repository import BridgeArtifactRepository


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.create("demo", path=tmp_path / "a ws")


@pytest.fixture
def run(ws: Workspace) -> Run:
    return Experiment(ws, "files").start_logging()


@pytest.fixture
def repository(ws: Workspace, run: Run) -> BridgeArtifactRepository:
    uri = MlflowClient(ws.get_mlflow_tracking_uri()).get_run(run.id).info.artifact_uri
    made = get_artifact_repository(uri)
    assert isinstance(made, BridgeArtifactRepository)
    return made


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_files_with_special_names_and_path_objects_are_logged(
    repository: BridgeArtifactRepository, run: Run, tmp_path: Path
) -> None:
    file = _write(tmp_path / "epoch=0-val=0.7 ü.ckpt", "weights")
    repository.log_artifact(file)
    repository.log_artifact(str(file), "epoch=0/deep")
    assert run.get_file_names() == ["epoch=0-val=0.7 ü.ckpt", "epoch=0/deep/epoch=0-val=0.7 ü.ckpt"]
    target = tmp_path / "back"
    target.mkdir()
    local = repository.download_artifacts("epoch=0", str(target))
    assert Path(local, "deep", file.name).read_text() == "weights"


def test_a_folder_is_logged_whole_and_listed_exactly(
    repository: BridgeArtifactRepository, run: Run, tmp_path: Path
) -> None:
    for name in ("b.txt", "a/one.txt", "a/two.txt", "ab.txt"):
        _write(tmp_path / "source" / name, name)
    repository.log_artifacts(tmp_path / "source", "top")
    listed = [(one.path, one.is_dir, one.file_size) for one in repository.list_artifacts("top")]
    assert listed == [("top/a", True, None), ("top/ab.txt", False, 6), ("top/b.txt", False, 5)]
    assert [one.path for one in repository.list_artifacts("top/a/")] == ["top/a/one.txt", "top/a/two.txt"]
    assert [one.path for one in repository.list_artifacts()] == ["top"]
    assert repository.list_artifacts("top/b.txt") == []
    assert repository.list_artifacts("nothing") == []


def test_a_file_a_folder_and_everything_can_be_deleted(
    repository: BridgeArtifactRepository, run: Run, tmp_path: Path
) -> None:
    for name in ("b.txt", "a/one.txt", "a/two.txt", "c/three.txt"):
        _write(tmp_path / "source" / name, name)
    repository.log_artifacts(tmp_path / "source")
    repository.delete_artifacts("a/one.txt")
    assert run.get_file_names() == ["a/two.txt", "b.txt", "c/three.txt"]
    repository.delete_artifacts("a")
    repository.delete_artifacts("nothing")
    assert run.get_file_names() == ["b.txt", "c/three.txt"]
    repository.delete_artifacts()
    assert run.get_file_names() == []


def test_the_folders_above_the_roots_list_experiments_and_runs(ws: Workspace, run: Run, tmp_path: Path) -> None:
    whole = get_artifact_repository(ws.get_mlflow_tracking_uri())
    assert whole.list_artifacts() == []
    run.upload_file("a.txt", str(_write(tmp_path / "a.txt", "a")))
    above = [found.path for path in (None, "1", f"1/{run.id}") for found in whole.list_artifacts(path)]
    assert above == ["1", f"1/{run.id}", f"1/{run.id}/artifacts"]
    assert [found.path for found in whole.list_artifacts(f"1/{run.id}/artifacts")] == [f"1/{run.id}/artifacts/a.txt"]


def test_a_uri_below_a_workspace_may_omit_the_artifacts_folder(ws: Workspace, run: Run, tmp_path: Path) -> None:
    run.upload_file("a.txt", str(_write(tmp_path / "a.txt", "a")))
    joined = get_artifact_repository(f"{ws.get_mlflow_tracking_uri()}/1/{run.id}/artifacts")
    assert [found.path for found in joined.list_artifacts()] == ["a.txt"]


def test_a_file_outside_of_a_run_is_refused_with_the_form_of_a_root(ws: Workspace, run: Run, tmp_path: Path) -> None:
    run.upload_file("a.txt", file := str(_write(tmp_path / "a.txt", "a")))
    uri = ws.get_mlflow_tracking_uri()
    for call in (
        lambda: get_artifact_repository(uri).log_artifact(file),
        lambda: get_artifact_repository(f"{uri}/artifacts/1").log_artifact(file, run.id),
        lambda: get_artifact_repository(f"{uri}/artifacts/1").delete_artifacts(run.id),
    ):
        with pytest.raises(MlflowException, match="must be in an artifact root, for example"):
            call()
    assert run.get_file_names() == ["a.txt"]


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../secret", "a\x00b"])
def test_a_path_that_leaves_the_root_is_refused_everywhere(
    repository: BridgeArtifactRepository, run: Run, tmp_path: Path, path: str
) -> None:
    file = _write(tmp_path / "f.txt", "text")
    for call in (
        lambda: repository.log_artifact(file, path),
        lambda: repository.list_artifacts(path),
        lambda: repository._download_file(path, str(tmp_path / "out")),
        lambda: repository.delete_artifacts(path),
    ):
        with pytest.raises(MlflowException):
            call()
    assert run.get_file_names() == []
    assert not (tmp_path / "out").exists()


def test_a_missing_file_cannot_be_downloaded(repository: BridgeArtifactRepository, tmp_path: Path) -> None:
    with pytest.raises(MlflowException, match="No such artifact: 'never'") as raised:
        repository._download_file("never", str(tmp_path / "out"))
    assert raised.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert not (tmp_path / "out").exists()


def test_both_apis_return_the_same_files_after_a_move_too(ws: Workspace, run: Run, tmp_path: Path) -> None:
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    run.upload_file("native/a.txt", _write(tmp_path / "a.txt", "from the native API"))
    client.log_artifact(run.id, str(_write(tmp_path / "b.txt", "from mlflow")), "mlflow")
    run.complete()
    _assert_both(ws, run.id, tmp_path / "before")
    moved = tmp_path / "elsewhere" / "moved"
    moved.parent.mkdir()
    shutil.move(ws.path, moved)
    _assert_both(Workspace.open(moved), run.id, tmp_path / "after")


def _assert_both(ws: Workspace, run_id: str, folder: Path) -> None:
    folder.mkdir()
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    native = ws.get_run(run_id)
    assert native.get_file_names() == ["mlflow/b.txt", "native/a.txt"]
    assert [one.path for one in client.list_artifacts(run_id)] == ["mlflow", "native"]
    uri = f"{client.get_run(run_id).info.artifact_uri}/native/a.txt"
    # By its URI, because MLflow caches repositories by run id only.
    assert Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder))).read_text() == "from the native API"
    native.download_file("mlflow/b.txt", folder / "b.txt")
    assert (folder / "b.txt").read_text() == "from mlflow"


def test_an_experiment_keeps_its_own_artifact_location(ws: Workspace, tmp_path: Path) -> None:
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    experiment = client.create_experiment("elsewhere", artifact_location=f"file://{tmp_path}/place")
    made = client.create_run(experiment)
    client.log_text(made.info.run_id, "hello", "note.txt")
    assert (tmp_path / "place" / made.info.run_id / "artifacts" / "note.txt").read_text() == "hello"
    assert [one.path for one in client.list_artifacts(made.info.run_id)] == ["note.txt"]

    native = ws.get_run(made.info.run_id)  # reports it, instead of finding nothing or writing elsewhere
    for call in (
        native.get_file_names,
        lambda: native.download_file("note.txt", tmp_path / "copy"),
        lambda: native.upload_file("more.txt", tmp_path / "place" / made.info.run_id / "artifacts" / "note.txt"),
        lambda: native.upload_folder("more", tmp_path / "place"),
    ):
        with pytest.raises(NotAllowed, match="stores files at file://.*/place"):
            call()


def test_both_spellings_of_a_uri_are_accepted(ws: Workspace) -> None:
    folder = str(ws.path)
    quoted = ws.get_mlflow_tracking_uri().removeprefix("bridge://")
    for uri in (f"bridge://{quoted}", f"bridge:{quoted}", f"bridge://{quoted}/", f"BRIDGE://{quoted}"):
        assert split_artifact_uri(uri.rstrip("/") + "/artifacts/1/r/artifacts/x") == (folder, "1/r/artifacts/x")
    assert split_artifact_uri(f"bridge://{quoted}") == (folder, "")


def test_an_uploaded_file_does_not_count_as_a_workspace(ws: Workspace, run: Run) -> None:
    run.upload_file("artifacts/workspace.db", _write(ws.path.parent / "w", ""))
    uri = f"{ws.get_mlflow_tracking_uri()}/artifacts/1/{run.id}/artifacts/artifacts/artifacts/x"
    assert split_artifact_uri(uri) == (str(ws.path), f"1/{run.id}/artifacts/artifacts/artifacts/x")


def test_a_workspace_can_be_in_the_folder_of_another(tmp_path: Path, make_workspace: Callable[[Path], str]) -> None:
    make_workspace(tmp_path)
    inner = tmp_path / "inner"
    uri = make_workspace(inner)
    for below in ("1/r/artifacts/x", "artifacts/1/r/artifacts/x"):
        assert split_artifact_uri(f"{uri}/{below}") == (str(inner), "1/r/artifacts/x")
        assert split_artifact_uri(f"bridge://{tmp_path}/{below}") == (str(tmp_path), "1/r/artifacts/x")
    assert split_artifact_uri(uri) == (str(inner), "")
    assert split_artifact_uri(f"bridge://{tmp_path}/artifacts/inner") == (str(tmp_path), "inner")


def test_a_uri_in_no_workspace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        split_artifact_uri(f"bridge://{tmp_path}/artifacts/1")


def test_a_root_ends_at_the_first_folder_of_artifacts_below_an_experiment() -> None:
    assert split_root("1/r/artifacts/a/artifacts/b") == ("1/r/artifacts", "a/artifacts/b")
    assert split_root("1/models/m-1/artifacts/MLmodel") == ("1/models/m-1/artifacts", "MLmodel")
    assert split_root("1/r/artifacts") == ("1/r/artifacts", "")
    assert split_root("a.txt") == ("", "a.txt")


def test_artifact_uris_name_the_server_only_if_it_stores_artifacts_in_the_same_workspace(
    ws: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = MlflowClient(ws.get_mlflow_tracking_uri())
    uri = f"{ws.get_mlflow_tracking_uri()}/artifacts"
    for destination, expected in {
        uri: f"mlflow-artifacts:/1/{run.id}/artifacts",
        f"{uri}/1": f"{uri}/1/{run.id}/artifacts",
        "bridge:///nowhere/artifacts": f"{uri}/1/{run.id}/artifacts",
        "./mlartifacts": f"{uri}/1/{run.id}/artifacts",
    }.items():
        monkeypatch.setenv(DESTINATION_VARIABLE, destination)
        assert client.get_run(run.id).info.artifact_uri == expected
    assert artifacts_uri(str(ws.path)) == uri


def _server(ws: Workspace, *arguments: str) -> AbstractContextManager[str]:
    return mlflow_server(ws.get_mlflow_tracking_uri(), ws.path.parent / "server.log", "--workers", "1", *arguments)


@pytest.mark.processes
def test_a_plain_http_client_uses_a_server_that_proxies_artifacts(ws: Workspace, run: Run, tmp_path: Path) -> None:
    run.upload_file("native/a b=1.txt", _write(tmp_path / "a.txt", "from the native API"))
    run.complete()
    ws.stores.tracking.close()
    ws = Workspace.open(ws.path.rename(tmp_path / "moved ws"))
    with _server(ws, "--artifacts-destination", f"{ws.get_mlflow_tracking_uri()}/artifacts") as url:
        client = MlflowClient(url)
        seen = client.get_run(run.id)
        assert seen.info.artifact_uri == f"mlflow-artifacts:/1/{run.id}/artifacts"
        assert [one.path for one in client.list_artifacts(run.id)] == ["native"]
        listed = client.list_artifacts(run.id, "native")
        assert [(one.path, one.file_size) for one in listed] == [("native/a b=1.txt", 19)]
        local = client.download_artifacts(run.id, "native/a b=1.txt", str(tmp_path))
        assert Path(local).read_text() == "from the native API"
        made = client.create_run(run.experiment.id, run_name="over http")
        client.log_text(made.info.run_id, "hello", "deep/note.txt")
        client.log_metric(made.info.run_id, "m", 1.0)
        native = ws.get_run(made.info.run_id)
        assert native.get_file_names() == ["deep/note.txt"]
        assert native.get_metrics() == {"m": 1.0}
        native.download_file("deep/note.txt", tmp_path / "note.txt")
        assert (tmp_path / "note.txt").read_text() == "hello"


@pytest.mark.processes
@pytest.mark.rules
def test_a_server_refuses_to_send_a_folder_without_copying_it(ws: Workspace, run: Run, tmp_path: Path) -> None:
    for name in ("a/one.txt", "a/deep/two.txt"):
        run.upload_file(name, _write(tmp_path / "a.txt", "x" * 1000))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    uri = ws.get_mlflow_tracking_uri()
    words, environment = ("--workers", "1", "--artifacts-destination", uri), {"TMPDIR": str(temporary)}
    with mlflow_server(uri, tmp_path / "server.log", *words, environment=environment) as url:
        place, paths = f"1/{run.id}/artifacts", ("a", "a/", "a/deep", "")
        asked = [f"api/2.0/mlflow-artifacts/artifacts/{place}/{path}".rstrip("/") for path in paths]
        asked += ["api/2.0/mlflow-artifacts/artifacts/", "api/2.0/mlflow-artifacts/artifacts/1"]
        asked += [f"get-artifact?run_id={run.id}&path={path}" for path in paths]
        before = _used_by(temporary)
        for path in asked:
            answer = requests.get(f"{url}/{path}", timeout=60)
            assert (answer.status_code, "directory" in answer.text) == (400, True), (path, answer.text)
        assert _used_by(temporary) == before, "files were copied"
        file = requests.get(f"{url}/api/2.0/mlflow-artifacts/artifacts/{place}/a/one.txt", timeout=60)
        assert (file.status_code, file.text) == (200, "x" * 1000)
    run.complete()


def _used_by(folder: Path) -> int:
    """Return the time of the last change in a folder, which shows a temporary copy too."""
    return folder.stat().st_mtime_ns


def test_files_of_a_workspace_are_downloaded_without_a_progress_bar(
    repository: BridgeArtifactRepository,
    run: Run,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "true")
    names = ["a/deep/two.txt", "a/one.txt", "b.txt"]
    for name in names:
        run.upload_file(name, _write(tmp_path / "a.txt", name))
    (tmp_path / "target").mkdir()
    for path in ("b.txt", "a", "", None):
        for target in (None, str(tmp_path / "target")):
            local = Path(repository.download_artifacts(path or "", target))
            found = [local] if local.is_file() else [one for one in sorted(local.rglob("*")) if one.is_file()]
            assert [one.read_text() for one in found] == [name for name in names if name.startswith(path or "")]
    with pytest.raises(MlflowException, match="does not exist"):
        repository.download_artifacts("a", str(tmp_path / "nowhere"))
    printed = capfd.readouterr()
    assert "Downloading" not in printed.err + printed.out
    with pytest.raises(MlflowException, match="No such artifact: 'a/none.txt'"):
        repository.download_artifacts("a/none.txt", str(tmp_path))
    run.complete()


@pytest.mark.processes
def test_the_server_of_mlflow_ui_lists_and_shows_natively_logged_files(ws: Workspace, run: Run, tmp_path: Path) -> None:
    run.upload_file("native/a.txt", _write(tmp_path / "a.txt", "from the native API"))
    with _server(ws) as url:
        listed = _get(f"{url}/ajax-api/2.0/mlflow/artifacts/list?run_id={run.id}&path=native")
        assert '"path": "native/a.txt"' in listed
        shown = _get(f"{url}/get-artifact?run_id={run.id}&path=native%2Fa.txt")
        assert shown == "from the native API"


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read().decode()
