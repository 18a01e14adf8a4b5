"""An operator sees what a server does: ids of requests, the access log, health, readiness and figures."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from loaded_server import Client, until
from server_site import bearer, new_token, server_site

from bridge.errors import BridgeError
from bridge.server.folding import FoldedWorkspace
from bridge.server.openapi import description_of
from bridge.server.routes import Route
from bridge.server.serve import RunningServer
from bridge.server.settings import Settings
from bridge.server.workspaces import ServedWorkspace, Workspaces
from bridge.store.create import create_store
from bridge.store.workspace_stores import WorkspaceStores

ID = re.compile(r"[0-9a-f]{16}")


@contextmanager
def running(stores: WorkspaceStores, folds: bool = True, **settings: str) -> Iterator[RunningServer]:
    """Serve a workspace in a thread as `runbridge server` does."""
    chosen = Settings(port=0, no_token=True, mlflow="off", **settings)  # type: ignore[arg-type]  # all are texts
    with RunningServer(Workspaces([ServedWorkspace("demo", stores)]), chosen, folds) as server:
        yield server


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[WorkspaceStores]:
    stores = create_store(tmp_path / "demo", "demo")
    yield stores
    stores.close()


@pytest.fixture
def server(stores: WorkspaceStores, tmp_path: Path) -> Iterator[RunningServer]:
    with running(stores, access_log=str(tmp_path / "access.log")) as server:
        yield server


def ready(server: RunningServer) -> Client:
    client = Client(server.address)
    until(lambda: client.ask("GET", "/readyz")[0] == 200, "the server becomes ready")
    return client


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def line_of(path: Path, field: str, value: object) -> dict[str, object]:
    """Return the line of a request. It is written after the end of the answer."""
    return until(lambda: [line for line in lines(path) if line[field] == value], f"a line with {value}")[-1]


def test_every_answer_and_every_error_has_the_id_of_its_request(server: RunningServer) -> None:
    client, ids = ready(server), set()
    for path, wanted in (("/healthz", 200), ("/nothing", 404), ("/portal/api/runs/x", 404), ("/portal/api/home", 200)):
        status, headers, body = client.ask("GET", path)
        id = headers["X-Request-Id"]
        assert status == wanted and ID.fullmatch(id)
        ids.add(id)
        if body.startswith(b'{"error"'):
            assert json.loads(body)["request_id"] == id
    assert len(ids) == 4


def test_a_client_cannot_choose_the_id(server: RunningServer) -> None:
    assert ready(server).ask("GET", "/healthz", X_Request_Id="mine")[1].get_all("X-Request-Id") != ["mine"]


def test_an_unexpected_failure_is_one_sentence_without_a_traceback(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = ready(server)

    async def fails(*arguments: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("bridge.server.dispatch.Dispatcher._prepare", fails)
    status, headers, body = client.ask("GET", "/portal/api/home")
    assert status == 500 and b"secret" not in body and b"Traceback" not in body
    assert json.loads(body)["request_id"] == headers["X-Request-Id"]
    assert headers["X-Request-Id"] in caplog.text and "ZeroDivisionError: secret" in caplog.text


def test_the_access_log_has_a_line_for_each_request(server: RunningServer, tmp_path: Path) -> None:
    client = ready(server)
    _, headers, body = client.ask("GET", "/w/demo/portal/api/home?token=secret", Authorization="Bearer secret")
    client.ask("GET", "/portal/api/%1b%5b31m%0a/x")
    text = (tmp_path / "access.log").read_text()
    assert "secret" not in text and "\x1b" not in text
    found = until(
        lambda: [line for line in lines(tmp_path / "access.log") if line["id"] == headers["X-Request-Id"]], ""
    )
    assert found[0] | {"time": "", "seconds": 0} == {
        "time": "",
        "id": headers["X-Request-Id"],
        "client": "127.0.0.1",
        "user": None,
        "token": None,
        "workspace": "demo",
        "method": "GET",
        "path": "/w/demo/portal/api/home",
        "status": 200,
        "bytes": len(body),
        "seconds": 0,
    }
    line_of(tmp_path / "access.log", "path", "/portal/api/%1b%5b31m%0a/x")
    text = (tmp_path / "access.log").read_text()
    assert "secret" not in text and "\x1b" not in text


def test_the_access_log_names_the_owner_of_the_token(tmp_path: Path) -> None:
    named = {"first": create_store(tmp_path / "first", "first")}
    text = str(new_token(tmp_path / "home", "reader"))
    with server_site(named, tmp_path / "home", access_log=str(tmp_path / "access.log")) as site:
        assert site.ask("GET", "/w/first/portal/api/home", bearer(text)).status == 200
        line = line_of(tmp_path / "access.log", "workspace", "first")
    assert line["user"] and line["token"] and text not in json.dumps(line)
    named["first"].close()


def test_a_renamed_access_log_is_created_again(server: RunningServer, tmp_path: Path) -> None:
    client = ready(server)
    (tmp_path / "access.log").rename(tmp_path / "access.log.1")
    until(lambda: client.ask("GET", "/healthz") and (tmp_path / "access.log").exists(), "a new log")
    client.ask("GET", "/nothing")
    line_of(tmp_path / "access.log", "path", "/nothing")


def test_a_server_is_not_ready_while_a_workspace_is_opened(
    stores: WorkspaceStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrated = threading.Event()
    opens = FoldedWorkspace.open

    def slow(self: FoldedWorkspace) -> None:
        assert migrated.wait(30)
        opens(self)

    monkeypatch.setattr(FoldedWorkspace, "open", slow)
    with running(stores) as server:
        client = Client(server.address)
        assert client.ask("GET", "/healthz")[0] == 200
        assert client.ask("GET", "/readyz")[0] == 503
        status, headers, body = client.ask("GET", "/portal/api/home")
        assert status == 503 and headers["Retry-After"] and b"being opened" in body
        migrated.set()
        ready(server)
        assert client.ask("GET", "/portal/api/home")[0] == 200


def test_a_workspace_that_cannot_be_opened_ends_the_server(stores: WorkspaceStores, tmp_path: Path) -> None:
    stores.close()
    (tmp_path / "demo" / "workspace.db").write_bytes(b"nothing")
    server = RunningServer(
        Workspaces([ServedWorkspace("demo", stores)]), Settings(port=0, no_token=True, mlflow="off"), True
    )
    with pytest.raises(BridgeError, match="workspace.db"):
        server.run()


def test_a_server_is_not_ready_while_its_workspace_is_missing(server: RunningServer, tmp_path: Path) -> None:
    client = ready(server)
    (tmp_path / "demo").rename(tmp_path / "moved")
    until(lambda: client.ask("GET", "/readyz")[0] == 503, "not ready without its folder")
    assert client.ask("GET", "/healthz")[0] == 200
    (tmp_path / "moved").rename(tmp_path / "demo")
    ready(server)


def test_the_figures_have_prometheus_format_and_few_labels(server: RunningServer) -> None:
    client = ready(server)
    run = client.new_run()
    client.log(run, "a secret metric", [1, 2])
    client.ask("GET", f"/portal/api/runs/{run}")
    client.ask("BREW", "/nothing/x")
    status, headers, body = client.ask("GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = body.decode()
    assert run not in text and "secret" not in text and "BREW" not in text
    sample = re.compile(r'[a-z_]+(\{([a-z]+="[^"\n]*",?)*\})? -?[0-9.e+-]+')
    names = set()
    for line in text.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or sample.fullmatch(line), line
        names.add(re.split(r"[ {]", line)[0])
    assert 'runbridge_requests_total{method="GET",route="/portal/api/runs/{run}",status="200"} 1' in text
    assert 'runbridge_backlog_bytes{workspace="demo"} ' in text
    assert {"runbridge_connections", "process_resident_memory_bytes", "runbridge_request_seconds_bucket"} <= names


def test_the_figures_need_a_reader_or_this_computer(tmp_path: Path) -> None:
    named = {"first": create_store(tmp_path / "first", "first")}
    text = str(new_token(tmp_path / "home", "reader"))
    with server_site(named, tmp_path / "home") as site:
        assert site.ask("GET", "/metrics").status == 200
        forwarded = ("X-Forwarded-For", "192.0.2.1")
        assert site.ask("GET", "/metrics", forwarded).status == 401
        assert site.ask("GET", "/metrics", ("Origin", "http://evil.example")).status == 401
        assert site.ask("GET", "/metrics", forwarded, bearer(text)).status == 200
        assert site.ask("GET", "/healthz", forwarded).status == 200
    named["first"].close()


def test_the_description_of_the_routes_is_made_once(stores: WorkspaceStores, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counting(*routes: Iterable[Route]) -> dict[str, object]:
        made.append(description_of(*routes))
        return made[-1]

    monkeypatch.setattr("bridge.server.serve.description_of", counting)
    with running(stores) as server:
        client = ready(server)
        first, second = (client.ask("GET", "/api/bridge/openapi.json") for _ in range(2))
    assert len(made) == 1 and first[0] == 200 and first[1]["Content-Type"] == "application/json"
    assert json.loads(first[2]) == made[0] == json.loads(second[2])
