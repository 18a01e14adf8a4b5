"""Files of runs are sent as they are, in parts, and never so that a browser runs them."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from portal_calls import Api
from starlette.requests import ClientDisconnect
from starlette.types import Message, Scope

from bridge.records.run import RunRecord
from bridge.server.files.contents import Span, file_answer
from bridge.server.portal import files
from bridge.source.empty import SNAPSHOT_PROPERTY
from bridge.source.snapshot import take_snapshot
from bridge.store.workspace_stores import WorkspaceStores

ROOT = "0/r/artifacts"
CONTENT = bytes(range(256)) * 40
HOSTILE = [
    "../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/x",
    "/etc/passwd",
    "a//b",
    "a/./b",
    "x%00y",
    "a/../b",
]


@pytest.fixture(autouse=True)
def run(stores: WorkspaceStores) -> str:
    """A run with some files."""
    stores.tracking.create_runs([RunRecord("r", "0", display_name="na/me")])
    for path in ("data/a.bin", "data/b/c.txt", "top.txt", "page.html", "picture.svg", "photo.png", "run.js", "doc.pdf"):
        stores.artifacts.put(ROOT, path, CONTENT if path.startswith("data") else path.encode())
    return "r"


def test_a_folder_is_listed_with_sizes(api: Api) -> None:
    found = api.get("/runs/r/files").json["files"]
    assert [(one["path"], one["folder"]) for one in found][:2] == [("data", True), ("doc.pdf", False)]
    found = api.get("/runs/r/files", folder="data").json["files"]
    assert [(one["path"], one["name"], one["size"]) for one in found] == [
        ("data/a.bin", "a.bin", len(CONTENT)), ("data/b", "b", None),
    ]  # fmt: skip
    assert len(api.get("/runs/r/files", recursive=1).json["files"]) == 8
    assert api.get("/runs/r/files", folder="none").json["files"] == []


@pytest.mark.parametrize(
    "asked, start, end",
    [
        ("", 0, None),
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=10000-", 10_000, 10_240),
        ("bytes=-3", 10_237, 10_240),
        ("bytes=-99999", 0, 10_240),
        ("bytes=10-99999", 10, 10_240),
        ("bytes=9-5", 0, None),
        ("bytes=0-1,5-6", 0, None),
        ("lines=1-2", 0, None),
        ("bytes=a-b", 0, None),
        ("bytes=-", 0, None),
    ],
)
def test_a_part_of_a_file_is_sent(api: Api, asked: str, start: int, end: int | None) -> None:
    answer = api.send("GET", "/runs/r/files/data/a.bin", headers={"range": asked})
    assert answer.body == CONTENT[start:end]
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert answer.status == (200 if end is None else 206)
    if end is not None:
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"


def test_a_part_behind_the_end_is_refused(api: Api) -> None:
    for asked in ("bytes=10240-", "bytes=99999-100000"):
        answer = api.send("GET", "/runs/r/files/data/a.bin", headers={"range": asked})
        assert (answer.status, answer.headers["content-range"], answer.body) == (416, "bytes */10240", b"")


def test_a_file_that_a_browser_knows_is_not_sent_again(stores: WorkspaceStores, api: Api) -> None:
    etag = api.get("/runs/r/files/top.txt").headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}'):
        assert api.send("GET", "/runs/r/files/top.txt", headers={"if-none-match": known}).status == 304
    old = api.send("GET", "/runs/r/files/top.txt", headers={"range": "bytes=0-1", "if-range": '"other"'})
    assert (old.status, old.body) == (200, b"top.txt")
    stores.artifacts.put(ROOT, "top.txt", b"new")
    assert api.send("GET", "/runs/r/files/top.txt", headers={"if-none-match": etag}).body == b"new"


@pytest.mark.parametrize(
    "path, use, media_type",
    [
        ("page.html", "document", "text/plain; charset=utf-8"),
        ("page.html", "", "text/plain; charset=utf-8"),
        ("page.html", "iframe", "text/html; charset=utf-8"),
        ("picture.svg", "document", "text/plain; charset=utf-8"),
        ("picture.svg", "image", "image/svg+xml"),
        ("photo.png", "document", "image/png"),
        ("run.js", "empty", "text/plain; charset=utf-8"),
        ("doc.pdf", "iframe", "application/octet-stream"),
        ("data/a.bin", "empty", "application/octet-stream"),
    ],
)
def test_only_harmless_files_have_their_own_type(api: Api, path: str, use: str, media_type: str) -> None:
    answer = api.send("GET", f"/runs/r/files/{path}", headers={"sec-fetch-dest": use} if use else {})
    assert answer.headers["content-type"] == media_type
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "use", ["script", "style", "worker", "sharedworker", "serviceworker", "object", "embed", "manifest"]
)
def test_no_file_becomes_a_script_or_a_style(api: Api, use: str) -> None:
    for path in ("files/run.js", "logs/run.js", "zip", "source?path=x"):
        answer = api.send("GET", f"/runs/r/{path.partition('?')[0]}", headers={"sec-fetch-dest": use},
                          parameters={"path": "x"} if "source" in path else {})  # fmt: skip
        assert answer.status in (403, 404)
        assert "run.js" not in answer.body.decode() or answer.json["error"]


@pytest.mark.parametrize("path", HOSTILE)
def test_no_path_leads_out_of_a_run(api: Api, stores: WorkspaceStores, path: str) -> None:
    (Path(stores.address) / "secret").write_text("secret")
    for place in (f"/runs/r/files/{path}", f"/runs/r/logs/{path}"):
        answer = api.get(place)
        assert answer.status in (400, 404), place
        assert b"secret" not in answer.body
    assert api.get("/runs/r/files", folder=path.replace("%2e", ".").replace("%2f", "/")).status in (200, 400)
    assert api.get("/runs/..%2f..%2fx/files").status == 404


def test_a_name_cannot_add_a_header(stores: WorkspaceStores, api: Api) -> None:
    stores.artifacts.put(ROOT, 'a";x\u202e\u00e9.txt', b"1")
    answer = api.get("/runs/r/files/a%22%3Bx%E2%80%AE%C3%A9.txt", download=1)
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''a%22%3Bx%E2%80%AE%C3%A9.txt"


def test_a_folder_is_sent_as_a_zip_file(api: Api) -> None:
    answer = api.get("/runs/r/zip", folder="data")
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {"a.bin": CONTENT, "b/c.txt": CONTENT}
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''data.zip"
    whole = api.get("/runs/r/zip")
    assert whole.headers["content-disposition"] == "attachment; filename*=UTF-8''na_me.zip"
    assert len(zipfile.ZipFile(io.BytesIO(whole.body)).namelist()) == 8
    assert zipfile.ZipFile(io.BytesIO(api.get("/runs/r/zip", folder="none").body)).namelist() == []


def test_a_folder_with_too_many_files_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_ZIPPED", 7)
    assert "at most 7 files" in api.get("/runs/r/zip").sentence


def test_files_outside_the_workspace_are_not_read(stores: WorkspaceStores, api: Api) -> None:
    id = stores.tracking.create_experiment("elsewhere", 1, "file:///etc").id
    stores.tracking.create_runs([RunRecord("e", id)])
    for path in ("files", "files/passwd", "logs", "logs/passwd", "zip"):
        answer = api.get(f"/runs/e/{path}")
        assert (answer.status, "file:///etc" in answer.sentence) == (403, True)
    assert api.get("/runs/e").json["local_files"] is False


@pytest.fixture
def sources(stores: WorkspaceStores, tmp_path: Path) -> None:
    """Two runs whose sources differ."""
    for id, texts in (
        ("s1", {"a.py": "1", "b.py": "2", "c.py": "3"}),
        ("s2", {"a.py": "1", "b.py": "two", "d.py": "4"}),
    ):
        folder = tmp_path / id
        folder.mkdir()
        for name, text in texts.items():
            (folder / name).write_text(text)
        snapshot = take_snapshot(stores.artifacts, folder)
        stores.tracking.create_runs([RunRecord(id, "0", properties={SNAPSHOT_PROPERTY: str(snapshot.id)})])


def test_the_source_of_a_run_is_shown(api: Api, sources: None) -> None:
    found = api.get("/runs/s1/source").json
    assert [(one["path"], one["size"]) for one in found["files"]] == [("a.py", 1), ("b.py", 1), ("c.py", 1)]
    answer = api.get("/runs/s1/source", path="b.py")
    assert (answer.body, answer.headers["content-type"]) == (b"2", "text/plain; charset=utf-8")
    assert api.get("/runs/s1/source", path="../b.py").status == 404
    assert api.get("/runs/r/source").status == 404


def test_sources_are_compared(api: Api, sources: None) -> None:
    found = api.get("/runs/s1/source/difference", to="s2").json
    assert [one["path"] for one in found["removed"]] == ["c.py"]
    assert [one["path"] for one in found["added"]] == ["d.py"]
    assert ([one["path"] for one in found["changed"]], found["same"]) == (["b.py"], 1)
    assert api.get("/runs/s1/source/difference", to="s2", path="b.py").json == {
        "path": "b.py",
        "left": "2",
        "right": "two",
    }
    assert api.get("/runs/s1/source/difference", to="s2", path="c.py").json["right"] is None
    assert api.get("/runs/s1/source/difference", to="none").status == 404
    compared = api.get("/compare", runs="s1,s2").json["runs"]
    assert [[path for path, _ in one["source"]] for one in compared] == [
        ["a.py", "b.py", "c.py"],
        ["a.py", "b.py", "d.py"],
    ]


@pytest.mark.parametrize("sent", [0, 1])
def test_a_file_is_closed_when_the_browser_has_gone(sent: int) -> None:
    closed = []

    def pieces() -> Iterator[bytes]:
        try:
            yield b"opened"
            yield b"a"
            yield b"b"
        finally:
            closed.append(True)

    opened = pieces()
    next(opened)
    answer = file_answer(opened, Span(0, 2), "text/plain")

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" or not sent:
            raise OSError("the browser has gone")

    scope: Scope = {"type": "http", "asgi": {"spec_version": "2.4"}, "method": "GET", "headers": []}
    with pytest.raises((OSError, ClientDisconnect)):
        asyncio.run(answer(scope, receive, send))
    assert closed == [True]


def test_a_file_that_becomes_shorter_ends_the_connection_with_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    answer = file_answer([b"abc"], Span(0, 10), "text/plain")
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "asgi": {"spec_version": "2.3"}, "method": "GET", "headers": []}
    asyncio.run(answer(scope, receive, send))
    assert all(message.get("more_body", True) for message in sent), "the answer is not complete"
    assert "its last 7 bytes are missing" in caplog.text
