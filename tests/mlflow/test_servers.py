"""MLflow's servers on a workspace: clients without the plugin, permissions, and the end of servers."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests
from commands import CommandLine
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from serving import Server, mlflow_server, running

from bridge import Experiment, Workspace

pytestmark = [
    pytest.mark.processes,
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.create("demo", path=tmp_path / "ws")


@pytest.mark.rules
def test_a_server_of_two_workers_with_basic_auth_serves_runs_files_and_permissions(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Experiment(ws, "native").start_logging(outputs=False, snapshot_directory=None)
    run.log("loss", 0.5)
    (tmp_path / "auth.ini").write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{tmp_path}/auth.db\n"
        "admin_username = admin\nadmin_password = correct-horse-7\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    words = ["--workers", "2", "--app-name", "basic-auth", "--serve-artifacts"]
    words += ["--artifacts-destination", ws.get_mlflow_tracking_uri()]
    environment = {"MLFLOW_FLASK_SERVER_SECRET_KEY": "secret", "MLFLOW_AUTH_CONFIG_PATH": str(tmp_path / "auth.ini")}
    log = tmp_path / "server.log"

    def client(user: str, password: str) -> MlflowClient:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
        return MlflowClient(url)

    def ask(path: str, **asked: str) -> None:
        requests.post(f"{url}/api/{path}", json=asked, auth=ADMIN, timeout=60).raise_for_status()

    with mlflow_server(ws.get_mlflow_tracking_uri(), log, *words, environment=environment) as url:
        for path in ("experiments/search", "runs/search", "registered-models/create"):
            assert requests.post(f"{url}/api/2.0/mlflow/{path}", json={"name": "a"}, timeout=60).status_code == 401

        admin = client(*ADMIN)
        made = admin.create_run(run.experiment.id, run_name="over http").info
        assert made.artifact_uri == f"mlflow-artifacts:/{run.experiment.id}/{made.run_id}/artifacts"
        admin.log_text(made.run_id, "hello", "deep/note.txt")
        # Each request may reach the other of the two workers, and each immediately reads what another has written.
        for step in range(8):
            admin.log_metric(made.run_id, "m", step, step=step)
            assert admin.get_run(made.run_id).data.metrics == {"m": step}
        assert [one.path for one in admin.list_artifacts(made.run_id, "deep")] == ["deep/note.txt"]
        native = ws.get_run(made.run_id)
        assert native.get_file_names() == ["deep/note.txt"]
        assert native.get_metrics() == {"m": list(range(8))}
        admin.create_registered_model("theirs")

        ask("2.0/mlflow/users/create", username="bob", password=BOB[1])
        reader = client(*BOB)
        assert reader.get_run(run.id).data.metrics == {"loss": 0.5}
        assert reader.get_registered_model("theirs").name == "theirs"
        for refused in (
            lambda: reader.log_metric(run.id, "loss", 0.25),
            lambda: reader.log_text(run.id, "a", "a.txt"),
            lambda: reader.delete_experiment(run.experiment.id),
            lambda: reader.delete_registered_model("theirs"),
        ):
            with pytest.raises((MlflowException, requests.HTTPError), match="Permission denied"):
                refused()
        own = reader.create_run(reader.create_experiment("of bob")).info
        reader.log_metric(own.run_id, "mine", 1)
        assert reader.get_run(own.run_id).data.metrics == {"mine": 1}
        reader.create_registered_model("of bob")

        for resource, which, permission in (
            ("experiment", run.experiment.id, "EDIT"),
            ("registered_model", "theirs", "DENY"),
        ):
            given = {"resource_type": resource, "resource_id": which, "permission": permission}
            ask("3.0/mlflow/users/permissions/grant", username="bob", **given)
        reader.log_metric(run.id, "loss", 0.25)
        assert run.get_metrics() == {"loss": [0.5, 0.25]}
        with pytest.raises(MlflowException, match="Permission denied"):
            reader.get_registered_model("theirs")
        assert [one.name for one in reader.search_registered_models()] == ["of bob"]
        client("bob", "wrong-password-7")
        with pytest.raises(MlflowException, match="401"):
            reader.get_run(run.id)
    assert "Traceback" not in log.read_text()
    run.complete()


ADMIN, BOB = ("admin", "correct-horse-7"), ("bob", "battery-staple-7")


def write_over_http(url: str, ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Log everything that a client can log, with each of its calls, and check that it is in the workspace."""
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "100000")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", "100000")
    big = tmp_path / "big.bin"
    big.write_bytes(os.urandom(1_000_000))
    client = MlflowClient(url)
    run_id = client.create_run(client.create_experiment(f"of {url}")).info.run_id
    client.log_metric(run_id, "one", 0.5, step=3, timestamp=7)
    points = [Metric("many", step / 8, 1, step) for step in range(1000)]
    client.log_batch(run_id, metrics=points)
    client.log_batch(run_id, params=[Param("p", "1")], tags=[RunTag("t", "a")])
    for wait in [client.log_metric(run_id, "later", step, step=step, synchronous=False) for step in range(50)]:
        wait.wait()
    client.log_artifact(run_id, str(big), "deep")
    client.set_terminated(run_id)
    assert Path(client.download_artifacts(run_id, "deep/big.bin", str(tmp_path))).read_bytes() == big.read_bytes()

    run = ws.get_run(run_id)
    found = run.get_metrics()
    found["later"].sort()  # MLflow's client sends them from several threads
    assert found == {"one": 0.5, "many": [step / 8 for step in range(1000)], "later": list(range(50))}
    assert (run.status, run.get_tags()["t"], run.get_file_names()) == ("Completed", "a", ["deep/big.bin"])
    run.download_file("deep/big.bin", str(tmp_path / "native.bin"))
    assert (tmp_path / "native.bin").read_bytes() == big.read_bytes()


def ends(server: Server, number: int) -> None:
    """End a server as a batch system does, and check that no process of it remains."""
    group = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError):  # a process of another test may end now
            if os.getpgid(process.pid) == server.process.pid:
                group.append(process)
    assert len(group) >= 3
    server.end(number)
    assert psutil.wait_procs(group, timeout=20)[1] == []


def test_a_server_that_is_ended_or_killed_loses_no_request_and_leaves_no_files(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, temporary = ws.get_mlflow_tracking_uri(), tmp_path / "temporary"
    temporary.mkdir()
    words = ["server", "--backend-store-uri", uri, "--artifacts-destination", uri, "--workers", "2"]
    for number in (signal.SIGKILL, signal.SIGTERM):
        log = tmp_path / f"{number}.log"
        with running(words, log, environment={"TMPDIR": str(temporary)}) as server:
            client = MlflowClient(server.url)
            assert client.search_traces(locations=["0"]) == []  # MLflow's empty store in a temporary file
            assert len(list(temporary.glob("runbridge-mlflow-*"))) in (1, 2)  # and no file of the previous server
            if number == signal.SIGTERM:
                write_over_http(server.url, ws, tmp_path, monkeypatch)
            run_id = client.create_run("0").info.run_id
            client.log_metric(run_id, "last", 1)
            ends(server, number)
        assert ws.get_run(run_id).get_metrics() == {"last": 1}
        assert "Traceback" not in log.read_text()
    assert {path.name for path in ws.path.iterdir()} - {"workspace.db-shm", "workspace.db-wal"} == {
        "artifacts", "journal", "workspace.db", "workspace.lock",
    }  # fmt: skip
    assert [path.name for path in (ws.path / "journal").iterdir()] == [".fold.lock"]


@pytest.mark.rules
def test_mlflow_ui_works_without_an_artifact_proxy_below_a_prefix_and_with_a_separate_registry(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mlflow ui` is another name of `mlflow server`. Clients with the plugin write files themselves."""
    words = ["ui", "--backend-store-uri", ws.get_mlflow_tracking_uri(), "--workers", "1", "--static-prefix", "/lab"]
    words += ["--no-serve-artifacts", "--registry-store-uri", f"sqlite:///{tmp_path}/registry.db"]
    words += ["--default-artifact-root", str(tmp_path / "elsewhere")]
    log = tmp_path / "ui.log"
    with running(words, log, "/lab/health") as server:
        page = requests.get(f"{server.url}/lab/", timeout=60)
        assert page.status_code == 200 and "<title>MLflow</title>" in page.text
        assert requests.get(f"{server.url}/health", timeout=60).status_code == 404
        client = MlflowClient(f"{server.url}/lab")
        run = client.create_run("0").info
        assert run.artifact_uri == f"{ws.get_mlflow_tracking_uri()}/artifacts/0/{run.run_id}/artifacts"
        client.log_text(run.run_id, "a", "a.txt")
        client.create_registered_model("elsewhere")
        asked = requests.get(
            f"{server.url}/lab/get-artifact", params={"run_uuid": run.run_id, "path": "a.txt"}, timeout=60
        )
        assert (asked.status_code, asked.text) == (200, "a")
    assert ws.get_run(run.run_id).get_file_names() == ["a.txt"]
    assert MlflowClient(ws.get_mlflow_tracking_uri()).search_registered_models() == []
    assert not (tmp_path / "elsewhere").exists() and "Traceback" not in log.read_text()


def test_a_server_of_artifacts_only_stores_them_in_the_workspace(ws: Workspace, tmp_path: Path) -> None:
    words = ["server", "--artifacts-only", "--artifacts-destination", ws.get_mlflow_tracking_uri(), "--workers", "1"]
    run = Experiment(ws, "native").start_logging(outputs=False, snapshot_directory=None)
    log = tmp_path / "artifacts.log"
    without_jobs = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # seven processes on a database of MLflow's own
    with running(words, log, environment=without_jobs) as server:
        (tmp_path / "a.txt").write_text("a")
        host, place = server.url.removeprefix("http://"), f"{run.experiment.id}/{run.id}/artifacts"
        files = get_artifact_repository(f"mlflow-artifacts://{host}/{place}", server.url)
        files.log_artifact(str(tmp_path / "a.txt"), "deep")
        assert run.get_file_names() == ["deep/a.txt"]
        assert Path(files.download_artifacts("deep/a.txt", str(tmp_path))).read_text() == "a"
        asked = requests.get(f"{server.url}/api/2.0/mlflow/runs/get", params={"run_id": run.id}, timeout=60)
        assert (asked.status_code, "artifacts-only" in asked.text) == (503, True)
    assert "Traceback" not in log.read_text()
    run.complete()


@pytest.mark.filterwarnings("ignore")  # a warning of MLflow about its use of pandas
def test_mlflows_demo_works_in_a_workspace(ws: Workspace, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    uri = ws.get_mlflow_tracking_uri()
    with mlflow_server(uri, log, "--workers", "1", "--artifacts-destination", uri) as url:
        person = CommandLine(url, tmp_path / "person", {})
        for _ in range(2):
            person("demo", "--tracking-uri", url, "--no-browser")
    first, second = person.seen
    assert (first.exit_code, second.exit_code) == (0, 0), person.seen
    assert "Generated: " in first.printed and "Demo data already exists (skipped generation)." in second.printed
    assert "Traceback" not in log.read_text()
