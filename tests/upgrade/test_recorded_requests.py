"""Requests of clients of earlier versions get the answers of these versions; `record_requests.py` has recorded both.

A later version may add fields to answers. Everything else must be equal, except times of the server's clock.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from record_requests import send

from bridge.server.files.native_routes import file_routes
from bridge.server.serve import serve_background
from bridge.store import create
from bridge.store.frames import read_frame
from bridge.store.http.codec import FRAME_TYPE, JSON_TYPE
from bridge.store.http.methods import KEY_HEADER, METHODS, PREFIX

pytestmark = pytest.mark.slow

RECORDINGS = sorted(Path(__file__).parent.glob("requests-*.json"))
BY_SERVER = {
    "/files": "time",
    "/files/record": "time",
    "/files/content": "time",
    "/list_artifacts": "time",
    "/get_facts": "created",
}
"""Fields of answers that the clock of the server determines, by the end of the path."""


def test_the_recording_of_this_version_has_every_request() -> None:
    exchanges = load(Path(__file__).parent / "requests-0.1.0.json")["exchanges"]
    sent = {(one["request"]["method"], one["request"]["path"].partition("?")[0]) for one in exchanges}
    assert sent == {("POST", f"{PREFIX}/{name}") for name in METHODS} | {
        (route.method, route.path) for route in file_routes()
    }


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_recorded_requests_get_equal_answers(recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change is sent twice, because its first answer may have been lost."""
    recorded = load(recording)
    monkeypatch.setattr(create, "new_run_id", lambda: recorded["workspace"])  # requests contain the workspace's id
    stores = create.create_store(tmp_path / "demo", "demo")
    with serve_background([stores]) as server:
        for number, exchange in enumerate(recorded["exchanges"]):
            request, wanted = exchange["request"], exchange["answer"]
            method, path, headers = request["method"], request["path"], request["headers"]
            for _ in range(2 if KEY_HEADER in headers and wanted["status"] == 200 else 1):
                status, answered, body = send(server.port, method, path, headers, bytes_of(request))
                kind = answered.get("content-type", "")
                assert (status, kind) == (wanted["status"], wanted["type"]), (number, path, body)
                found = json_of(kind, body, path)
                assert not difference(json_of(kind, bytes_of(wanted), path), found), (number, path)
    stores.close()


def load(recording: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(recording.read_text(encoding="utf-8"))
    return found


def bytes_of(part: Mapping[str, Any]) -> bytes:
    return b64decode(part["base64"]) if "base64" in part else part["text"].encode()


def json_of(kind: str, content: bytes, path: str) -> Any:
    """Return the values in an answer, without those of the server's clock."""
    if kind.startswith(JSON_TYPE):
        name = next((name for end, name in BY_SERVER.items() if path.partition("?")[0].endswith(end)), "")
        found = without(json.loads(content), name)
        if path.endswith("/get_leases"):
            found["result"] = [lease[:4] for lease in found["result"]]  # the fifth value is the time of the delivery
        if path.endswith("/get_active_runs"):
            found["result"].sort()  # a set
        return found
    if kind.startswith(FRAME_TYPE):
        head, columns = read_frame(content)
        return {"head": head["body"], **{name: column.tobytes().hex() for name, column in columns.items()}}
    return content.hex()


def without(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: without(one, name) for key, one in value.items() if key not in (name, "request_id")}
    return [without(one, name) for one in value] if isinstance(value, list) else value


def difference(sought: Any, found: Any, where: str = "") -> str:
    """Return the first value that an answer should have, with its path; empty if it has all of them."""
    if isinstance(sought, dict) and isinstance(found, dict):
        places = (difference(one, found.get(name, ...), f"{where}/{name}") for name, one in sought.items())
        return next(filter(None, places), "")
    if isinstance(sought, list) and isinstance(found, list) and len(sought) == len(found):
        pairs = enumerate(zip(sought, found, strict=True))
        return next(filter(None, (difference(*pair, f"{where}/{number}") for number, pair in pairs)), "")
    return "" if sought == found and type(sought) is type(found) else f"{where}: {found!r} instead of {sought!r}"
