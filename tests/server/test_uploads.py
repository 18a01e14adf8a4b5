"""An upload is stored completely or not at all, within the limits of the server, and in little memory."""

from __future__ import annotations

import hashlib
import resource
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from served_workspaces import served

from bridge.errors import NotFound, QuotaExceeded, StoreUnavailable
from bridge.records.run import RunRecord
from bridge.server.files import body
from bridge.server.files.rules import FileRules
from bridge.server.serve import RunningServer
from bridge.server.settings import Settings
from bridge.server.workspaces import ServedWorkspace, Workspaces
from bridge.store.create import create_store
from bridge.store.http.artifacts import HttpArtifacts
from bridge.store.http.requests_sent import Requests
from bridge.store.workspace_stores import WorkspaceStores

ROOT = "0/r/artifacts"
NATIVE = f"/api/bridge/v1/files/content?root={ROOT}&path=x"
MLFLOW = f"/api/2.0/mlflow-artifacts/artifacts/{ROOT}/x"
UPLOADS = pytest.mark.parametrize("target", [NATIVE, MLFLOW], ids=["native", "mlflow"])


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceStores]:
    stores = create_store(tmp_path_factory.mktemp("uploads") / "demo", "demo")
    stores.tracking.create_runs([RunRecord("r", "0")])
    yield stores
    stores.close()


@pytest.fixture(autouse=True)
def before(stores: WorkspaceStores) -> None:
    """Leave one file in the run."""
    stores.artifacts.delete(ROOT)
    stores.artifacts.put(ROOT, "x", b"before")


@pytest.fixture(scope="module")
def workspace(stores: WorkspaceStores) -> ServedWorkspace:
    return ServedWorkspace("demo", stores)


@pytest.fixture(scope="module")
def server(workspace: ServedWorkspace) -> Iterator[RunningServer]:
    with RunningServer(Workspaces([workspace]), Settings(port=0, no_token=True, mlflow="off")) as running:
        yield running


@pytest.fixture
def artifacts(server: RunningServer) -> HttpArtifacts:
    return HttpArtifacts(Requests(server.address, patience_seconds=5))


def is_unchanged(stores: WorkspaceStores) -> bool:
    """Return whether the run has its one file, and the folder of the workspace no other."""
    folder = Path(stores.address) / "artifacts"
    found = {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()}
    content = b"".join(stores.artifacts.get(ROOT, "x"))
    return content == b"before" and found <= {f"{ROOT}/x", ".pending/lock"}


def limit(workspace: ServedWorkspace, rules: FileRules) -> None:
    """Give a workspace other rules; the next upload uses them."""
    workspace.file_rules = rules
    workspace.served._kept.pop("uploads", None)


@UPLOADS
@pytest.mark.parametrize("has_length", [True, False], ids=["length", "chunked"])
def test_a_cut_upload_leaves_nothing(
    server: RunningServer, stores: WorkspaceStores, target: str, has_length: bool
) -> None:
    connection = socket.create_connection(("127.0.0.1", server.port))
    framing = b"Content-Length: 9000000" if has_length else b"Transfer-Encoding: chunked"
    connection.sendall(f"PUT {target} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n".encode() + framing + b"\r\n\r\n")
    for _ in range(20):
        connection.sendall(b"x" * 100_000 if has_length else b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
    pending = Path(stores.address) / "artifacts" / ".pending"
    while not any(one.name != "lock" for one in pending.iterdir()):
        pass  # the server has begun to write
    connection.close()
    while any(one.name != "lock" for one in pending.iterdir()):
        pass  # the server has noticed
    assert is_unchanged(stores)


def test_a_body_with_another_hash_is_refused(server: RunningServer, stores: WorkspaceStores) -> None:
    content = b"after"
    for digest in (b"", b"short", hashlib.sha256(b"other").digest()):
        answer = requests.put(server.address + NATIVE, data=content + digest, timeout=20)
        assert (answer.status_code, "SHA-256" in answer.json()["error"]["sentence"]) == (400, True)
        assert is_unchanged(stores)
    good = requests.put(server.address + NATIVE, data=content + hashlib.sha256(content).digest(), timeout=20)
    assert good.json()["file"]["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_refused_body_that_has_arrived_is_answered_at_once(server, workspace, monkeypatch):
    """A body without a length is refused only after the server has received it."""
    monkeypatch.setattr(body, "DROPPED_SECONDS", 3_600.0)
    limit(workspace, FileRules(upload_bytes=1_000))
    try:
        answer = requests.put(server.address + MLFLOW, data=iter([b"x" * 4_000]), timeout=60)
        assert answer.status_code == 507
    finally:
        limit(workspace, FileRules())


@pytest.mark.parametrize("size", [1_001, 30_000_000])
@pytest.mark.parametrize(
    "rules, words",
    [
        (FileRules(upload_bytes=1_000), "at most 1000 bytes for one file"),
        (FileRules(workspace_bytes=1_000), "at most 994 bytes for more files of this workspace"),
    ],
    ids=["file", "workspace"],
)
def test_a_quota_is_one_sentence_and_507(
    server: RunningServer,
    workspace: ServedWorkspace,
    stores: WorkspaceStores,
    artifacts: HttpArtifacts,
    rules: FileRules,
    words: str,
    size: int,
) -> None:
    limit(workspace, rules)
    try:
        with pytest.raises(QuotaExceeded, match=words):
            artifacts.put(ROOT, "x", b"x" * size)
        with pytest.raises(QuotaExceeded, match=words):
            artifacts.append(ROOT, "x", b"x" * size, offset=6)
        for data in (b"x" * size, (b"x" * 1_000 for _ in range(size // 1_000 + 1))):
            answer = requests.put(server.address + MLFLOW, data=data, timeout=60)
            assert (answer.status_code, answer.json()["error_code"]) == (507, "RESOURCE_EXHAUSTED")
            assert words in answer.json()["message"]
        assert is_unchanged(stores)
        assert artifacts.put(ROOT, "small", b"x" * 900).size_bytes == 900
    finally:
        limit(workspace, FileRules())


def test_deleted_files_make_room(workspace: ServedWorkspace, artifacts: HttpArtifacts) -> None:
    limit(workspace, FileRules(workspace_bytes=1_000))
    try:
        artifacts.put(ROOT, "a", b"x" * 900)
        with pytest.raises(QuotaExceeded):
            artifacts.put(ROOT, "b", b"x" * 900)
        artifacts.delete(ROOT, "a")
        artifacts.put(ROOT, "b", b"x" * 900)
    finally:
        limit(workspace, FileRules())


def test_an_almost_full_disk_is_503_before_anything_is_written(
    server: RunningServer, workspace: ServedWorkspace, stores: WorkspaceStores, artifacts: HttpArtifacts
) -> None:
    limit(workspace, replace(FileRules(), free_bytes=1 << 60))
    try:
        for target, name in ((NATIVE, "kind"), (MLFLOW, "error_code")):
            answer = requests.put(server.address + target, data=b"x" * 100, timeout=20)
            error = answer.json().get("error", answer.json())
            assert (answer.status_code, error[name]) in ((503, "StoreUnavailable"), (503, "TEMPORARILY_UNAVAILABLE"))
            assert int(answer.headers["Retry-After"]) > 0
        with pytest.raises(StoreUnavailable, match="disk"):
            artifacts.append(ROOT, "x", b"more")
        assert is_unchanged(stores)
    finally:
        limit(workspace, FileRules())


def test_files_of_missing_runs_are_not_stored(artifacts: HttpArtifacts) -> None:
    for root in ("0/none/artifacts", "7/r/artifacts"):
        with pytest.raises(NotFound):
            artifacts.put(root, "x", b"1")


@pytest.mark.parametrize("use", ["script", "style", "worker", "serviceworker", "sharedworker"])
@pytest.mark.parametrize("target", [NATIVE, MLFLOW, "/get-artifact?run_id=r&path=x", "/portal/api/runs/r/files/x"])
def test_no_route_sends_a_file_as_a_script(server: RunningServer, target: str, use: str) -> None:
    own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors"}
    answer = requests.get(server.address + target, headers={**own, "Sec-Fetch-Dest": use}, timeout=20)
    assert (answer.status_code, b"before" in answer.content) == (403, False)
    shown = requests.get(server.address + target, headers={**own, "Sec-Fetch-Dest": "empty"}, timeout=20)
    assert (shown.status_code, shown.content) == (200, b"before")
    assert shown.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert shown.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


@UPLOADS
def test_a_growing_file_is_read_by_ranges(server: RunningServer, stores: WorkspaceStores, target: str) -> None:
    stores.artifacts.delete(ROOT)
    read = b""
    for number in range(5):
        stores.artifacts.append(ROOT, "x", f"line {number}\n".encode())
        answer = requests.get(server.address + target, headers={"Range": f"bytes={len(read)}-"}, timeout=20)
        assert (answer.status_code, answer.content) == (206, f"line {number}\n".encode())
        read += answer.content
    behind = requests.get(server.address + target, headers={"Range": f"bytes={len(read)}-"}, timeout=20)
    assert (behind.status_code, behind.headers["Content-Range"]) == (416, f"bytes */{len(read)}")


@pytest.mark.slow
def test_large_files_pass_in_little_memory(tmp_path: Path) -> None:
    """The memory of the server grows by less than 60 MB while 200 MB are sent in each direction by each protocol."""
    stores = create_store(tmp_path / "demo", "demo")
    stores.tracking.create_runs([RunRecord("r", "0")])
    stores.close()
    piece, count = bytes(range(256)) * 4_096, 200
    with served({"demo": tmp_path / "demo"}, tmp_path / "log", "--mlflow", "off") as running:
        artifacts = HttpArtifacts(Requests(running.address))
        artifacts.put(ROOT, "small", b"x")
        before = peak_of(running.process.pid)
        (tmp_path / "large").write_bytes(b"")
        with (tmp_path / "large").open("wb") as file:
            file.writelines(piece for _ in range(count))
        expected = hashlib.sha256(b"").copy()
        for _ in range(count):
            expected.update(piece)
        assert artifacts.put(ROOT, "native", tmp_path / "large").sha256 == expected.hexdigest()
        with (tmp_path / "large").open("rb") as file:
            sent = requests.put(running.address + MLFLOW.replace("/x", "/mlflow"), data=file, timeout=120)
        assert sent.status_code == 200
        for path in ("native", "mlflow"):
            received = hashlib.sha256()
            for part in artifacts.get(ROOT, path):
                received.update(part)
            assert received.digest() == expected.digest()
        assert peak_of(running.process.pid) - before < 60 << 20


def peak_of(pid: int) -> int:
    """Return the greatest resident memory that a process has had, in bytes."""
    (line,) = [one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmHWM:")]
    return int(line.split()[1]) << 10


@pytest.mark.slow
def test_a_disk_that_becomes_full_is_503(tmp_path: Path) -> None:
    """The limit of the sizes of files stands for the full disk: the write fails in the middle of a file."""
    stores = create_store(tmp_path / "demo", "demo")
    stores.tracking.create_runs([RunRecord("r", "0")])
    stores.close()
    with served({"demo": tmp_path / "demo"}, tmp_path / "log", "--mlflow", "off") as running:
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (8 << 20, 8 << 20))
        artifacts = HttpArtifacts(Requests(running.address, patience_seconds=5))
        with pytest.raises(StoreUnavailable, match="file too large"):
            artifacts.put(ROOT, "x", b"x" * (20 << 20))
        answer = requests.put(running.address + MLFLOW, data=b"x" * (20 << 20), timeout=60)
        assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) > 0
        assert artifacts.list(ROOT) == []
        assert artifacts.put(ROOT, "x", b"x" * 1_000).size_bytes == 1_000
    names = [one.name for one in (tmp_path / "demo" / "artifacts").rglob("*") if one.is_file()]
    assert sorted(names) == ["lock", "x"]
