"""MLflow's own client sends and receives artifacts through a server, without a plugin on its side."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import mlflow
import pytest
import requests
from mlflow.entities import TraceInfo, TraceLocation, TraceState
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository

from bridge.address import uri_of_folder
from bridge.records.run import RunRecord
from bridge.server.serve import RunningServer, serve_background
from bridge.store.create import create_store
from bridge.store.workspace_stores import WorkspaceStores
from bridge_mlflow import model_registry
from bridge_mlflow.tracking_store import BridgeTrackingStore

pytestmark = pytest.mark.slow

RUN, TRACE = "a" * 32, f"tr-{'c' * 32}"
ROOT = f"0/{RUN}/artifacts"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceStores]:
    """A workspace with a run, and with a logged model, a trace and a model version in MLflow's tables."""
    stores = create_store(tmp_path_factory.mktemp("mlflow") / "demo", "demo")
    stores.tracking.create_runs([RunRecord(RUN, "0")])
    tracking = BridgeTrackingStore(uri_of_folder(stores.address))  # type: ignore[abstract]
    model = tracking.create_logged_model("0", "model").model_id
    tracking.start_trace(TraceInfo(TRACE, TraceLocation.from_experiment_id("0"), 1, TraceState.OK))
    mlflow.set_tracking_uri(uri_of_folder(stores.address))  # the registry looks for logged models there
    registry = model_registry.build(uri_of_folder(stores.address))
    registry.create_registered_model("m")
    for source in (f"models:/{model}", f"mlflow-artifacts:/{ROOT}/model", f"file://{stores.address}", "s3://a/b"):
        registry.create_model_version("m", source)
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
    yield stores
    stores.close()


@pytest.fixture(scope="module")
def model(stores: WorkspaceStores) -> str:
    """The id of the logged model."""
    tracking = BridgeTrackingStore(uri_of_folder(stores.address))  # type: ignore[abstract]
    (found,) = tracking.search_logged_models(["0"])
    return str(found.model_id)


@pytest.fixture(scope="module")
def roots(model: str) -> dict[str, str]:
    """The artifact roots of the run, the model and the trace."""
    return {"run": ROOT, "model": f"0/models/{model}/artifacts", "trace": f"0/traces/{TRACE}/artifacts"}


@pytest.fixture(scope="module")
def server(stores: WorkspaceStores) -> Iterator[RunningServer]:
    with serve_background([stores]) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing(stores: WorkspaceStores, roots: dict[str, str]) -> None:
    """Remove the files of other tests."""
    for root in roots.values():
        stores.artifacts.delete(root)


def repository(server: RunningServer, root: str = ROOT) -> MlflowArtifactsRepository:
    return MlflowArtifactsRepository(f"mlflow-artifacts:/{root}", tracking_uri=server.address)


@pytest.mark.parametrize("owner", ["run", "model", "trace"])
def test_files_and_folders_make_the_round_trip(
    server: RunningServer, tmp_path: Path, roots: dict[str, str], owner: str
) -> None:
    content = os.urandom(3_000_000)
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "a.bin").write_bytes(content)
    (source / "sub" / "empty").write_bytes(b"")
    artifacts = repository(server, roots[owner])
    artifacts.log_artifact(str(source / "a.bin"))
    artifacts.log_artifacts(str(source), "folder")
    assert [(one.path, one.is_dir, one.file_size) for one in artifacts.list_artifacts()] == [
        ("a.bin", False, 3_000_000), ("folder", True, None),
    ]  # fmt: skip
    assert [one.path for one in artifacts.list_artifacts("folder")] == ["folder/a.bin", "folder/sub"]
    assert artifacts.list_artifacts("a.bin") == []
    target = tmp_path / "target"
    target.mkdir()
    artifacts.download_artifacts("", str(target))
    assert (target / "a.bin").read_bytes() == content == (target / "folder" / "a.bin").read_bytes()
    assert (target / "folder" / "sub" / "empty").read_bytes() == b""
    artifacts.delete_artifacts("folder")
    assert [one.path for one in artifacts.list_artifacts()] == ["a.bin"]
    artifacts.delete_artifacts()
    assert artifacts.list_artifacts() == []


def test_a_multipart_upload_becomes_one_request(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "1000")
    (tmp_path / "x.bin").write_bytes(b"x" * 5_000)
    artifacts = repository(server)
    artifacts.log_artifact(str(tmp_path / "x.bin"))
    assert Path(artifacts.download_artifacts("x.bin", str(tmp_path.parent))).read_bytes() == b"x" * 5_000


def test_the_page_of_mlflow_reads_and_uploads_files(server: RunningServer, stores: WorkspaceStores, model: str) -> None:
    ajax = f"{server.address}/ajax-api/2.0/mlflow"
    sent = requests.post(f"{ajax}/upload-artifact?run_uuid={RUN}&path=model/notes.md", data=b"notes", timeout=20)
    assert sent.status_code == 200
    stores.artifacts.put(f"0/models/{model}/artifacts", "MLmodel", b"flavors")
    stores.artifacts.put(f"0/traces/{TRACE}/artifacts", "traces.json", b'{"spans": []}')
    stores.artifacts.put(f"0/traces/{TRACE}/artifacts", "attachments/a.png", b"png")
    listed = requests.get(f"{ajax}/artifacts/list?run_id={RUN}&path=model", timeout=20).json()
    assert listed == {
        "root_uri": f"mlflow-artifacts:/{ROOT}",
        "files": [{"path": "model/notes.md", "is_dir": False, "file_size": 5}],
    }
    for place, content in {
        f"/get-artifact?run_id={RUN}&path=model%2Fnotes.md": b"notes",
        f"/get-artifact?run_uuid={RUN}&path=model/notes.md": b"notes",
        f"/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files?artifact_file_path=MLmodel": b"flavors",
        f"/ajax-api/2.0/mlflow/get-trace-artifact?request_id={TRACE}": b'{"spans": []}',
        f"/ajax-api/3.0/mlflow/get-trace-artifact?request_id={TRACE}&path=a.png": b"png",
        "/model-versions/get-artifact?name=m&version=1&path=MLmodel": b"flavors",
        "/model-versions/get-artifact?name=m&version=2&path=notes.md": b"notes",
    }.items():
        answer = requests.get(server.address + place, timeout=20)
        assert (answer.status_code, answer.content) == (200, content), place
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_files_elsewhere_are_not_opened(server: RunningServer, stores: WorkspaceStores) -> None:
    (Path(stores.address) / "secret").write_text("secret")
    for version in (3, 4):
        answer = requests.get(
            f"{server.address}/model-versions/get-artifact?name=m&version={version}&path=secret", timeout=20
        )
        assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
    experiment = stores.tracking.create_experiment("old", 1, f"file://{stores.address}").id
    stores.tracking.create_runs([RunRecord("d" * 32, experiment)])
    for place in (
        f"/get-artifact?run_id={'d' * 32}&path=secret",
        f"/api/2.0/mlflow/artifacts/list?run_id={'d' * 32}",
        f"{PROXY}/{experiment}/{'d' * 32}/artifacts/secret",
    ):
        answer = requests.get(server.address + place, timeout=20)
        assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
        assert "does not open" in answer.json()["message"]


HOSTILE = [
    "../secret", "..", "../../workspace.db", "a/../../../secret", "/etc/passwd", "//etc/passwd", "./../secret",
    "..%2fsecret", "%2e%2e/secret", "%2e%2e%2fsecret", "%2e%2e%2f%2e%2e%2fworkspace.db", "..%5csecret", "a%00b",
    "%252e%252e%252fsecret", "%c0%ae%c0%ae/secret", "%ff/secret", "..%c0%afsecret", "．．/secret", "․․/secret",
    "..;/secret", "a%0ab", "%u002e%u002e/secret", "file:///etc/passwd", "a//b",
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE)
def test_no_spelling_of_a_path_leaves_the_artifacts(server: RunningServer, stores: WorkspaceStores, path: str) -> None:
    (Path(stores.address) / "secret").write_text("secret")
    before = sorted(Path(stores.address).rglob("secret*"))
    raw = path if path.isascii() else quote(path)
    places = [f"{PROXY}/{ROOT}/{raw}", f"{PROXY}/{raw}", f"{PROXY}/0/{raw}", f"{PROXY}/{ROOT}/%2e%2e/{raw}"]
    for place in (*places, f"/get-artifact?run_id={RUN}&path={raw}", f"/get-artifact?run_id={raw}&path=secret"):
        for method in ("GET", "PUT", "DELETE"):
            status, body = send(server, method, place)
            assert status in (200, 400, 404, 405) and b"secret" not in body[:6], (method, place, status)
    assert (Path(stores.address) / "secret").read_text() == "secret"
    assert sorted(one for one in Path(stores.address).rglob("secret*") if "artifacts" not in one.parts) == before[:1]
    assert (Path(stores.address) / "workspace.db").stat().st_size > 1_000


def send(server: RunningServer, method: str, target: str) -> tuple[int, bytes]:
    """Send a request with exactly this target, which no client normalizes."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        connection.putheader("Content-Length", "3" if method == "PUT" else "0")
        connection.endheaders(b"put" if method == "PUT" else None)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_only_artifacts_of_something_that_exists_are_written(
    server: RunningServer, stores: WorkspaceStores, model: str
) -> None:
    for path in (
        f"0/{'e' * 32}/artifacts/x", f"1/{RUN}/artifacts/x", f"0/models/m-{'e' * 32}/artifacts/x",
        f"1/models/{model}/artifacts/x", "0/traces/tr-1/artifacts/x", "environments/x", "snapshots/x", "0/x", "x",
        f"0/{RUN}/artifacts", f"0/{RUN}/x", f"x/{RUN}/artifacts/x",
    ):  # fmt: skip
        answer = requests.put(f"{server.address}{PROXY}/{path}", data=b"x", timeout=20)
        assert answer.status_code in (400, 404), path
        assert answer.json()["error_code"] in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")
    assert stores.artifacts.list("") == []


def test_a_missing_file_is_reported_as_by_mlflow(server: RunningServer, tmp_path: Path) -> None:
    with pytest.raises(MlflowException, match="No such artifact"):
        repository(server).download_artifacts("nothing", str(tmp_path))
