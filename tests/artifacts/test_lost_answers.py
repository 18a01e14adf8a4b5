"""Lost answers, hostile servers and swapped folders: files on a server stay exactly what was stored."""

from __future__ import annotations

import http.server
import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cutting_proxy import CuttingProxy

from bridge.errors import AlreadyExists, InvalidState, InvalidValue, NotFound, StoreUnavailable
from bridge.records.run import RunRecord
from bridge.server.serve import RunningServer, serve_background
from bridge.store.create import create_store
from bridge.store.http import requests_sent
from bridge.store.http.artifacts import HttpArtifacts
from bridge.store.http.requests_sent import Requests
from bridge.store.workspace_stores import WorkspaceStores

ROOT = "0/r/artifacts"
HEAD_BYTES = 400
"""The first bytes of an answer contain some of its headers, with its length."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceStores]:
    stores = create_store(tmp_path_factory.mktemp("lost") / "demo", "demo")
    stores.tracking.create_runs([RunRecord("r", "0")])
    yield stores
    stores.close()


@pytest.fixture(autouse=True)
def no_files(stores: WorkspaceStores) -> None:
    stores.artifacts.delete(ROOT)


@pytest.fixture(scope="module")
def server(stores: WorkspaceStores) -> Iterator[RunningServer]:
    with serve_background([stores]) as running:
        yield running


@pytest.fixture
def proxy(server: RunningServer) -> Iterator[CuttingProxy]:
    with CuttingProxy(server.port) as running:
        yield running


def test_an_append_whose_answer_is_lost_appends_once(proxy: CuttingProxy, stores: WorkspaceStores) -> None:
    artifacts = HttpArtifacts(Requests(proxy.address))
    expected = b""
    for number in range(20):
        artifacts.stat(ROOT, "log")
        offset, expected = len(expected), expected + b"same line\n"
        proxy.lost = number % 3
        assert artifacts.append(ROOT, "log", b"same line\n", offset=offset).size_bytes == len(expected)
    assert b"".join(stores.artifacts.get(ROOT, "log")) == expected
    proxy.lost = 1
    with pytest.raises(InvalidState, match="200 bytes long"):
        artifacts.append(ROOT, "log", b"another", offset=10)


def test_a_put_whose_answer_is_lost_stores_once(proxy: CuttingProxy, stores: WorkspaceStores) -> None:
    artifacts = HttpArtifacts(Requests(proxy.address))
    for path, source in (("bytes", b"content"), ("stream", io.BytesIO(b"content"))):
        artifacts.list(ROOT)
        proxy.lost = 1
        assert artifacts.put(ROOT, path, source, replace=False).size_bytes == 7
        assert proxy.lost == 0
        assert b"".join(stores.artifacts.get(ROOT, path)) == b"content"
        artifacts.list(ROOT)
        proxy.lost = 1
        with pytest.raises(AlreadyExists):
            artifacts.put(ROOT, path, b"other content", replace=False)


@pytest.mark.parametrize("after_bytes", range(20, 640, 100))
def test_a_request_whose_answer_is_cut_is_repeated(
    proxy: CuttingProxy, stores: WorkspaceStores, after_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cut is in the head of the answer, or in its body."""
    monkeypatch.setattr(requests_sent, "FIRST_PAUSE_SECONDS", 0.01)
    artifacts = HttpArtifacts(Requests(proxy.address))
    calls: list[Callable[[], object]] = [
        lambda: artifacts.put(ROOT, "log", b"a").size_bytes,
        lambda: artifacts.append(ROOT, "log", b"b", offset=1).size_bytes,
        lambda: artifacts.stat(ROOT, "log") == stores.artifacts.stat(ROOT, "log"),
        lambda: [record.path for record in artifacts.list(ROOT)],
    ]
    results = []
    for call in calls:
        proxy.lost, proxy.after_bytes = 1, after_bytes
        results.append(call())
        assert proxy.lost == 0
    assert results == [1, 2, True, ["log"]]
    proxy.lost = 3
    assert b"".join(artifacts.get(ROOT, "log")) == b"ab"
    assert proxy.lost == 0
    proxy.lost = 1
    with pytest.raises(NotFound, match="absent"):
        artifacts.get(ROOT, "absent")
    assert proxy.lost == 0


def test_a_stream_that_cannot_be_rewound_is_sent_once(proxy: CuttingProxy) -> None:
    class Once(io.BytesIO):
        def seekable(self) -> bool:
            return False

    artifacts = HttpArtifacts(Requests(proxy.address))
    proxy.lost = 1
    with pytest.raises(StoreUnavailable, match="is not available"):
        artifacts.put(ROOT, "x", Once(b"content"))


def test_a_cut_download_goes_on_where_it_was_cut(proxy: CuttingProxy, stores: WorkspaceStores, tmp_path: Path) -> None:
    artifacts, content = HttpArtifacts(Requests(proxy.address)), os.urandom(5_000_000)
    stores.artifacts.put(ROOT, "x", content)
    stores.artifacts.append(ROOT, "grown", content)
    for path in ("x", "grown"):
        proxy.lost, proxy.after_bytes = 3, 1_200_000
        artifacts.download(ROOT, path, tmp_path / path)
        assert proxy.lost == 0
        assert (tmp_path / path).read_bytes() == content


def test_a_download_that_is_always_cut_ends_with_an_error(proxy: CuttingProxy, stores: WorkspaceStores) -> None:
    """No answer has more than its first bytes, so only the first one brings a part of the file."""
    artifacts = HttpArtifacts(Requests(proxy.address, patience_seconds=0.5))
    stores.artifacts.put(ROOT, "x", os.urandom(2_000_000))
    proxy.lost, proxy.after_bytes = 1, 1_200_000
    pieces = artifacts.get(ROOT, "x")
    next(pieces)
    proxy.lost, proxy.after_bytes = 10**9, HEAD_BYTES
    with pytest.raises(StoreUnavailable, match="the connection was lost within an answer"):
        b"".join(pieces)


def test_a_download_of_a_file_that_is_replaced_is_no_mixture(
    proxy: CuttingProxy, stores: WorkspaceStores, tmp_path: Path
) -> None:
    artifacts = HttpArtifacts(Requests(proxy.address))
    stores.artifacts.put(ROOT, "x", b"a" * 3_000_000)
    proxy.lost, proxy.after_bytes = 1, 1_200_000
    pieces = artifacts.get(ROOT, "x")
    next(pieces)
    stores.artifacts.put(ROOT, "x", b"b" * 3_000_000)
    with pytest.raises(StoreUnavailable, match="read it again"):
        b"".join(pieces)


@contextmanager
def answering(value: object) -> Iterator[HttpArtifacts]:
    """Yield the client of a server that answers every request with the same JSON."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as hostile:
        thread = threading.Thread(target=hostile.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield HttpArtifacts(Requests(f"http://127.0.0.1:{hostile.server_port}", patience_seconds=1))
        hostile.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "path",
    ["../../.bashrc", "/etc/passwd", "a/../../x", "..", "", "a//b", "other/x", "folder", "folderx/y", "x\0", 7, None],
)
def test_names_that_a_hostile_server_sends_are_refused(path: object) -> None:
    record = {"path": path, "size_bytes": 1, "sha256": None, "time": 1}
    with answering({"files": [record], "file": record}) as artifacts:
        with pytest.raises(InvalidValue):
            artifacts.list(ROOT, "folder")
        with pytest.raises(InvalidValue):
            artifacts.list(ROOT, "folder", recursive=True)
        with pytest.raises(InvalidValue):
            artifacts.stat(ROOT, "folder/x")


@pytest.mark.parametrize(
    "value", [b"", b"<html>", b"[]", b"[1]", b"7", b'{"files": 1}', b'{"files": {}}', b'{"file": []}', b"\xff"]
)
def test_an_answer_of_another_form_is_one_sentence(value: bytes) -> None:
    with answering(value) as artifacts:
        with pytest.raises(StoreUnavailable, match="not one of Runbridge"):
            artifacts.list(ROOT)
        with pytest.raises(StoreUnavailable, match="not one of Runbridge"):
            artifacts.stat(ROOT, "x")


def test_a_folder_that_becomes_a_link_leads_nowhere(
    server: RunningServer, stores: WorkspaceStores, tmp_path: Path
) -> None:
    artifacts = HttpArtifacts(Requests(server.address))
    artifacts.put(ROOT, "folder/secret", b"mine")
    artifacts.append(ROOT, "folder/log", b"mine")
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("secret", "log"):
        (outside / name).write_bytes(b"outside")
    folder = Path(stores.address) / "artifacts" / ROOT / "folder"
    folder.rename(folder.with_name("moved"))
    folder.symlink_to(outside)
    try:
        for call in (
            lambda: b"".join(artifacts.get(ROOT, "folder/secret")),
            lambda: b"".join(artifacts.get(ROOT, "folder/secret", 2)),
            lambda: artifacts.put(ROOT, "folder/new", b"x"),
            lambda: artifacts.append(ROOT, "folder/log", b"x"),
            lambda: artifacts.delete(ROOT, "folder/secret"),
        ):
            with pytest.raises(InvalidValue, match="symbolic link"):
                call()
    finally:
        folder.unlink()
        folder.with_name("moved").rename(folder)
    assert {one.name: one.read_bytes() for one in outside.iterdir()} == {"secret": b"outside", "log": b"outside"}
