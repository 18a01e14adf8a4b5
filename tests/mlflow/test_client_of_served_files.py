"""An unmodified MLflow client stores and reads files of the runs that its token may use, in each workspace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from server_site import ServerSite, new_token, server_site

from bridge.errors import NotAllowed
from bridge.records.run import RunRecord
from bridge.server.files.rules import FileRules
from bridge.server.workspaces import ServedWorkspace, current
from bridge.store.create import create_store
from bridge.store.http.artifacts import HttpArtifacts
from bridge.store.http.requests_sent import Requests
from bridge.store.workspace_stores import WorkspaceStores
from bridge_mlflow.confinement import check_location, check_trace_tags

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, WorkspaceStores]]:
    """Two workspaces."""
    folder = tmp_path_factory.mktemp("named")
    found = {name: create_store(folder / name, name) for name in ("anna", "boris")}
    yield found
    for stores in found.values():
        stores.close()


@pytest.fixture(scope="module")
def site(named: dict[str, WorkspaceStores], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerSite]:
    with server_site(named, tmp_path_factory.mktemp("home"), allow_artifacts=("s3://team/",)) as running:
        yield running


@pytest.fixture
def use(site: ServerSite, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]


def as_role(site: ServerSite, monkeypatch: pytest.MonkeyPatch, *grant: str) -> str:
    """Let MLflow's client use a new token, and return the token."""
    token = new_token(site.home, *grant)  # type: ignore[arg-type]
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
    return token


def test_files_of_two_workspaces_are_apart(
    site: ServerSite, named: dict[str, WorkspaceStores], use: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    as_role(site, monkeypatch, "writer")
    runs = {}
    for name in named:
        mlflow.set_tracking_uri(f"{site.server.address}/w/{name}")
        with mlflow.start_run() as run:
            mlflow.log_text(f"text of {name}", "folder/a.txt")
            mlflow.log_dict({"name": name}, "b.json")
        runs[name] = run.info
        assert run.info.artifact_uri == f"mlflow-artifacts:/0/{run.info.run_id}/artifacts"
        client = MlflowClient()
        assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["b.json", "folder"]
        assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/folder/a.txt") == f"text of {name}"
        found = client.download_artifacts(run.info.run_id, "folder", str(tmp_path))
        assert (Path(found) / "a.txt").read_text() == f"text of {name}"
        assert b"".join(named[name].artifacts.get(f"0/{run.info.run_id}/artifacts", "folder/a.txt")).decode() == (
            f"text of {name}"
        )
    mlflow.set_tracking_uri(f"{site.server.address}/w/anna")
    with pytest.raises(MlflowException, match="not found"):
        MlflowClient().list_artifacts(runs["boris"].run_id)
    with pytest.raises((MlflowException, requests.HTTPError), match="not found"):
        mlflow.artifacts.load_text(f"{runs['boris'].artifact_uri}/folder/a.txt")


@pytest.mark.parametrize("grant, may_read, may_write", [
    (("reader", "anna"), True, False),
    (("writer", "anna"), True, True),
    (("writer", "boris"), False, False),
    (("writer", "anna", "0"), True, True),
    (("writer", "anna", "other"), False, False),
])  # fmt: skip
def test_each_role_reads_and_writes_what_it_may(
    site: ServerSite, named: dict[str, WorkspaceStores], grant: tuple[str, ...], may_read: bool, may_write: bool
) -> None:
    stores = named["anna"]
    if grant[-1] == "other":
        known = stores.tracking.find_experiment("other")
        grant = (*grant[:-1], known.id if known else stores.tracking.create_experiment("other", 1).id)
    run = _run_in(stores)
    root = f"0/{run}/artifacts"
    stores.artifacts.put(root, "x", b"content")
    headers = {"Authorization": f"Bearer {new_token(site.home, *grant)}"}  # type: ignore[arg-type]
    address = f"{site.server.address}/w/anna"
    content = f"/api/bridge/v1/files/content?root={root}&path=x"
    proxied = f"/api/2.0/mlflow-artifacts/artifacts/{root}/x"
    for target in (
        content,
        proxied,
        f"/get-artifact?run_id={run}&path=x",
        f"/api/2.0/mlflow/artifacts/list?run_id={run}",
    ):
        status = requests.get(address + target, headers=headers, timeout=20).status_code
        assert (status == 200) is may_read and status in (200, 403, 404), target
    for method, target in (("PUT", proxied), ("POST", f"{content}&offset=3"), ("DELETE", f"{proxied}y")):
        status = requests.request(method, address + target, data=b"new", headers=headers, timeout=20).status_code
        assert (status in (200, 409)) is may_write and status in (200, 403, 404, 409), (method, target)
    if may_read:
        artifacts = HttpArtifacts(Requests(address, headers["Authorization"][7:]))
        assert [one.path for one in artifacts.list(root)] == ["x"]
        if len(grant) == 3:
            with pytest.raises(NotAllowed, match="only for experiment 0"):
                artifacts.list("")
            with pytest.raises(NotAllowed, match="only for experiment 0"):
                artifacts.list("snapshots")


def _run_in(stores: WorkspaceStores) -> str:
    if not stores.tracking.get_runs(["shared"]):
        stores.tracking.create_runs([RunRecord("shared", "0")])
    return "shared"


def test_an_experiment_may_be_stored_where_the_operator_allows_it(
    site: ServerSite, use: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_role(site, monkeypatch, "writer")
    mlflow.set_tracking_uri(f"{site.server.address}/w/anna")
    client = MlflowClient()
    for location in (
        "file:///etc",
        "/etc",
        "s3://other/x",
        "mlflow-artifacts:/0",
        "mlflow-artifacts:/%2e%2e",
        "models:/m/1",
    ):
        with pytest.raises(MlflowException, match="[Ii]nvalid"):
            client.create_experiment("refused", artifact_location=location)
    assert client.get_experiment_by_name("refused") is None
    inside = client.create_experiment("inside", artifact_location="mlflow-artifacts:/mine")
    with mlflow.start_run(experiment_id=inside) as run:
        mlflow.log_text("text", "a.txt")
    assert run.info.artifact_uri == f"mlflow-artifacts:/mine/{run.info.run_id}/artifacts"
    assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["a.txt"]
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/a.txt") == "text"
    outside = client.create_experiment("outside", artifact_location="s3://team/x")
    assert client.create_run(outside).info.artifact_uri.startswith("s3://team/x/")


def test_models_and_traces_are_stored_where_experiments_may_be(named: dict[str, WorkspaceStores]) -> None:
    token = current.set(ServedWorkspace("anna", named["anna"], FileRules(allowed=("s3://team/",))))
    try:
        source = "model version source"
        for good in ("mlflow-artifacts:/0/r/artifacts/m", "s3://team/m", "models:/m-1", "models:/m/1", "dummy-source"):
            check_location(good, source)
        for bad in (
            "file:///etc",
            "/etc",
            "etc",
            "s3://other/m",
            "models:/../x",
            "models:/m/1/../..",
            "runs:/a/b",
            "x?y",
        ):
            with pytest.raises(MlflowException, match="Invalid"):
                check_location(bad, source)
        check_trace_tags({"mlflow.artifactLocation": "mlflow-artifacts:/0/traces/t/artifacts", "other": "file:///etc"})
        for key, value in {
            "mlflow.artifactLocation": "file:///etc",
            "mlflow.trace.archiveLocation": "s3://other/x",
            "mlflow.trace.spansLocation": "ARCHIVE_REPO",
        }.items():
            with pytest.raises(MlflowException, match="Invalid"):
                check_trace_tags({key: value})
    finally:
        current.reset(token)
