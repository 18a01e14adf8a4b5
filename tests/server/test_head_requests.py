"""A request with HEAD gets the headers of the same request with GET, and no body."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest
from open_files import open_below
from server_site import server_site

from bridge.records.run import RunRecord
from bridge.server.serve import RunningServer, serve_background
from bridge.store.create import create_store
from bridge.store.workspace_stores import WorkspaceStores

CONTENT = b"0123456789" * 100_000
FILE = "/portal/api/runs/r/files/a/x.txt"
NATIVE_FILE = "/api/bridge/v1/files/content?root=0/r/artifacts&path=a/x.txt"
OF_EACH_REQUEST = ("date", "x-request-id")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceStores]:
    stores = create_store(tmp_path_factory.mktemp("head") / "demo", "demo")
    stores.tracking.create_runs([RunRecord("r", "0", start_time=1)])
    stores.artifacts.put("0/r/artifacts", "a/x.txt", CONTENT)
    yield stores
    stores.close()


@pytest.fixture(scope="module")
def server(stores: WorkspaceStores) -> Iterator[RunningServer]:
    with serve_background([stores]) as server:
        yield server


@pytest.fixture
def connection(server: RunningServer) -> Iterator[http.client.HTTPConnection]:
    """A connection that all requests of a test use, so that a body would be read as the next answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    yield connection
    connection.close()


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    given = {name.lower(): value for name, value in answer.getheaders() if name.lower() not in OF_EACH_REQUEST}
    given.pop("transfer-encoding", None)  # it describes how the body is sent
    return answer.status, given, answer.read()


@pytest.mark.parametrize(
    "path",
    [
        "/healthz", "/metrics", "/portal/", "/portal", "/portal/api/home", "/portal/api/runs/r",
        "/portal/api/runs/none", "/portal/api/runs/r/zip", FILE, NATIVE_FILE, "/portal/api/experiments/0/table",
        "/portal/api/nothing", "/nothing", "/api/bridge/v1/get_runs",
        "/api/2.0/mlflow/experiments/get-by-name?experiment_name=none",
        "/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/a/x.txt", "/static-files/none", "/version",
    ],
)  # fmt: skip
def test_the_headers_are_those_of_get(connection: http.client.HTTPConnection, path: str) -> None:
    for _ in range(2):
        status, headers, body = ask(connection, "HEAD", path)
        assert body == b""
        if "mlflow/experiments" in path:
            assert status == 400  # MLflow's server reads the parameters in an address only for GET
            continue
        wanted, expected, content = ask(connection, "GET", path)
        assert status == wanted
        if path != "/metrics":  # the figures have changed
            assert headers == expected
            assert headers.get("content-length", str(len(content))) == str(len(content))


@pytest.mark.parametrize("path", [FILE, NATIVE_FILE])
def test_a_range_is_ignored_and_the_file_is_closed(
    connection: http.client.HTTPConnection, stores: WorkspaceStores, path: str
) -> None:
    status, headers, _ = ask(connection, "HEAD", path, Range="bytes=5-9")
    assert (status, headers["content-length"]) == (200, str(len(CONTENT)))
    connection.request("HEAD", path, headers={"If-None-Match": headers["etag"]})
    assert connection.getresponse().status == 304
    assert not [name for name in open_below(Path(stores.address)) if name.endswith("x.txt")]


@pytest.mark.parametrize("path", ["/portal/api/changes", "/api/bridge/v1/changes"])
def test_a_stream_of_events_sends_no_event(connection: http.client.HTTPConnection, path: str) -> None:
    status, headers, body = ask(connection, "HEAD", path)
    assert (status, body) == (200, b"") and headers["content-type"].startswith("text/event-stream")
    assert ask(connection, "GET", "/healthz")[0] == 200


def test_what_changes_something_is_not_answered(connection: http.client.HTTPConnection) -> None:
    assert ask(connection, "HEAD", "/portal/api/runs/archive")[0] == 404
    assert ask(connection, "HEAD", "/logout")[0] == 404


def test_a_link_with_a_code_can_be_looked_at_before_it_is_opened(stores: WorkspaceStores, tmp_path: Path) -> None:
    with server_site({"demo": stores}, tmp_path) as site:
        assert site.server.access is not None
        path = f"/?code={site.server.access.new_code()}"
        assert site.ask("HEAD", path).status == site.ask("HEAD", "/").status == 401
        assert site.ask("GET", path).status == 303
