"""`mlflow server --app-name bridge` serves a workspace as `runbridge server` does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from mlflow import MlflowClient
from serving import mlflow_server

from bridge.store.create import create_store
from bridge_mlflow.server.command import LIMITED, application


@pytest.mark.slow
@pytest.mark.processes
def test_mlflows_command_starts_the_same_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    create_store(tmp_path / "demo", "demo")
    options = ("--app-name", "bridge", "--workers", "1", "--uvicorn-opts", f"--http {LIMITED} --no-proxy-headers")
    with mlflow_server(f"bridge://{tmp_path}/demo", tmp_path / "server.log", *options) as address:
        client = MlflowClient(address, address)
        run = client.create_run("0", run_name="first")
        assert run.info.artifact_uri == f"mlflow-artifacts:/0/{run.info.run_id}/artifacts"
        client.log_text(run.info.run_id, "written", "notes.txt")
        assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["notes.txt"]
        client.create_registered_model("reader")
        assert [model.name for model in MlflowClient(f"{address}/w/demo").search_registered_models()] == ["reader"]
        assert requests.get(f"{address}/portal", timeout=60).status_code == 200
        assert requests.get(f"{address}/ajax-api/2.0/mlflow/webhooks", timeout=60).status_code == 404
        assert requests.get(address, timeout=60).headers["Content-Security-Policy"].startswith("default-src 'self'")
        check_limits(int(address.rpartition(":")[2]))
    assert "start it with --uvicorn-opts" not in (tmp_path / "server.log").read_text()


def check_limits(port: int) -> None:
    """Check that a server refuses a long head, many headers, and many connections."""
    long, many = b"X-Long: " + b"x" * 33_000 + b"\r\n", b"X-Many: x\r\n" * 101
    for headers in (long, many):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n" % (port, headers))
            assert connection.recv(100).startswith(b"HTTP/1.1 431 ")
    with ExitStack() as stack:
        address = "127.0.0.1", port
        opened = [stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(120)]
        for connection in opened[-20:]:  # the server answers these immediately, and waits for a request on the others
            assert connection.recv(100).startswith(b"HTTP/1.1 503 ")


def test_a_server_without_the_limits_of_connections_warns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", f"bridge://{tmp_path}/demo")
    for words, is_warned in ((["--port", "5000"], True), (["--http", LIMITED], False)):
        caplog.clear()
        monkeypatch.setattr(sys, "argv", ["uvicorn", *words])
        application()
        assert (f"--uvicorn-opts '--http {LIMITED}'" in caplog.text) is is_warned


@pytest.mark.slow
@pytest.mark.parametrize(
    ("uri", "host", "sentence"),
    [
        ("sqlite:///runs.db", "127.0.0.1", "must be the bridge: URI of a workspace"),
        ("bridge://{}/demo", "0.0.0.0", "it has no tokens: create one with runbridge token create"),
    ],
)
def test_another_store_or_an_open_server_is_refused(tmp_path: Path, uri: str, host: str, sentence: str) -> None:
    code = "from bridge_mlflow.server.command import application; application()"
    environment = {
        **os.environ,
        "BRIDGE_HOME": str(tmp_path / "home"),
        "_MLFLOW_SERVER_FILE_STORE": uri.format(tmp_path),
    }
    words = [sys.executable, "-c", code, "--host", host, "--port", "5000"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert sentence in done.stderr.splitlines()[-1]
    assert not (tmp_path / "demo").exists()
