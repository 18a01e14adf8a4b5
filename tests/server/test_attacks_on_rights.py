"""Attacks of users on each other: journals, places for uploads and streams, the audit log, parents, and sessions."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from server_site import Header, ServerSite, bearer, new_token, server_site

from bridge.records.run import RunRecord
from bridge.records.times import now_ms
from bridge.server import admission, recheck
from bridge.server.identity import sessions
from bridge.server.identity.audit import AuditLog
from bridge.server.identity.database import ServerDatabase
from bridge.store.create import create_store
from bridge.store.sql.senders import Sender
from bridge.store.workspace_stores import WorkspaceStores

OURS, THEIRS = "1", "2"
OWN, FOREIGN = "a" * 32, "b" * 32
NATIVE, HOT = "/api/bridge/v1", "/api/2.0/mlflow"
JSON: Header = ("Content-Type", "application/json")
FROM_PAGE: tuple[Header, ...] = (("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "cors"))


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[WorkspaceStores]:
    stores = create_store(tmp_path / "demo", "demo")
    assert [stores.tracking.create_experiment(name, 1).id for name in ("ours", "theirs")] == [OURS, THEIRS]
    runs = [RunRecord(OWN, OURS, start_time=1), RunRecord(FOREIGN, THEIRS, start_time=1)]
    stores.tracking.create_runs(runs)
    yield stores
    stores.close()


@pytest.fixture
def site(stores: WorkspaceStores, tmp_path: Path) -> Iterator[ServerSite]:
    new_token(tmp_path / "home", "admin")
    with server_site({"demo": stores}, tmp_path / "home") as running:
        yield running


def targets(site: ServerSite) -> list[str]:
    """Return the targets in the audit log, the newest one first."""
    with ServerDatabase(site.home) as database:
        return [entry.target for entry in AuditLog(database).entries(100)]


# Users whom a proxy has signed in


def test_users_without_tokens_are_different_senders() -> None:
    ann, ben = Sender("", "ann"), Sender("", "ben")
    assert not ann.is_same(ben)
    assert ann.is_same(Sender("", "ann")) and ann.is_same(Sender("t", "ann"))
    assert Sender("t", "ann").is_same(Sender("t", "ben")) and not Sender("t", "ann").is_same(Sender("u", "ben"))
    assert Sender("", "").is_same(Sender("", "")) and not Sender("", "").is_same(ann)


def test_a_user_of_a_proxy_cannot_end_the_leases_of_another_one(stores: WorkspaceStores, tmp_path: Path) -> None:
    with server_site({"demo": stores}, tmp_path / "home", **BEHIND_PROXY) as site:
        run = {"id": "c" * 32, "experiment_id": OURS, "status": "Running", "start_time": 1}
        created = {"records": [run], "leases": [["c" * 32, "journal-of-ann", 1]]}
        answer = site.ask("POST", f"{NATIVE}/create_runs", *signed_in_by_proxy(site, "ann"), body=_json(created))
        assert answer.status == 200, answer.body
        ended = _json({"gone": {"journal-of-ann": 1}})
        for user, status in (("ben", 403), ("ann", 200)):
            answer = site.ask("POST", f"{NATIVE}/end_leases", *signed_in_by_proxy(site, user), body=ended)
            assert answer.status == status, (user, answer.body)


def test_the_streams_of_each_user_of_a_proxy_are_counted(
    stores: WorkspaceStores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "STREAMS", 0)
    with server_site({"demo": stores}, tmp_path / "home", **BEHIND_PROXY) as site:
        answer = site.ask("GET", f"{NATIVE}/changes", *signed_in_by_proxy(site, "ann"))
    assert answer.status == 429


BEHIND_PROXY = {
    "trust_proxy": ("127.0.0.1",),
    "user_header": "X-Forwarded-User",
    "host_names": ("runs.example.com",),
}


def signed_in_by_proxy(site: ServerSite, user: str) -> list[Header]:
    """Return the headers of a request of the page that a proxy has passed on."""
    return [("X-Forwarded-User", user), ("Origin", site.origin), JSON]


# The audit log


def test_no_form_of_a_request_hides_what_it_deletes(site: ServerSite) -> None:
    admin = bearer(new_token(site.home, "admin"))
    padded = {"x": "y" * 9_000, "run_ids": [OWN], "time": 1}
    assert site.ask("POST", f"{NATIVE}/delete_runs", admin, JSON, body=_json(padded)).status == 200
    assert OWN in targets(site)[0]
    twice = json.dumps(json.dumps({"run_id": FOREIGN})).encode()
    assert site.ask("POST", f"{HOT}/runs/delete", admin, JSON, body=twice).status == 200
    assert targets(site)[0] == FOREIGN
    query = f"root={OURS}/{OWN}/artifacts&path=model.bin"
    assert site.ask("DELETE", f"{NATIVE}/files?{query}", admin).status == 200
    assert targets(site)[0] == f"{OURS}/{OWN}/artifacts model.bin"


def test_a_request_with_very_many_fields_is_not_audited_in_part(site: ServerSite) -> None:
    admin, before = bearer(new_token(site.home, "admin")), targets(site)
    body = _json({**{f"x{number}": "y" for number in range(100)}, "run_ids": [OWN], "time": 1})
    answer = site.ask("POST", f"{NATIVE}/delete_runs", admin, JSON, body=body)
    assert (answer.status, answer.kind) == (400, "InvalidValue")
    frame = ("Content-Type", "application/vnd.runbridge.frame")
    assert site.ask("POST", f"{NATIVE}/delete_runs", admin, frame, body=b"{}").status == 400
    assert targets(site) == before


def test_a_long_list_and_texts_with_spaces_are_shown_as_such(site: ServerSite) -> None:
    admin = bearer(new_token(site.home, "admin"))
    runs = [f"run {number}" for number in range(1_000)] + [OWN]
    answer = site.ask("POST", f"{NATIVE}/restore_runs", admin, JSON, body=_json({"run_ids": [OWN]}))
    assert answer.status == 200 and targets(site)[0] == OWN
    experiment = _json({"experiment_id": OURS, "time": 1, "note": "an experiment\n2"})
    assert site.ask("POST", f"{NATIVE}/delete_experiment", admin, JSON, body=experiment).status == 200
    assert targets(site)[0] == f'{OURS} 1 "an experiment\\n2"'
    experiment = _json({"experiment_id": OURS, "time": 1, "note": runs})
    assert site.ask("POST", f"{NATIVE}/restore_experiment", admin, JSON, body=experiment).status == 200
    assert targets(site)[0].startswith(f'{OURS} 1 "run 0" "run 1" ') and targets(site)[0].endswith("… (1001 in all)")


@pytest.mark.parametrize("path", [f"{NATIVE}/delete_runs", f"{HOT}/runs/delete", "/portal/api/runs/archive"])
@pytest.mark.parametrize("start", [b"[", b'{"a":'])
def test_deep_json_in_an_audited_request_is_refused(site: ServerSite, path: str, start: bytes) -> None:
    answer = site.ask("POST", path, bearer(new_token(site.home, "admin")), JSON, body=start * 100_000)
    assert answer.status == 400, answer.body


# Tokens for one experiment


def test_a_token_for_one_experiment_cannot_add_children_to_runs_of_another_one(site: ServerSite) -> None:
    token = bearer(new_token(site.home, "writer", "demo", OURS))
    tag = {"key": "mlflow.parentRunId", "value": FOREIGN}
    new = {"id": "d" * 32, "experiment_id": OURS, "start_time": 1, "parent_id": FOREIGN}
    for path, body in (
        (f"{NATIVE}/create_runs", {"records": [new]}),
        (f"{NATIVE}/update_runs", {"run_ids": [OWN], "changes": {"parent_id": FOREIGN}}),
        (f"{HOT}/runs/create", {"experiment_id": OURS, "tags": [tag]}),
        (f"{HOT}/runs/set-tag", {"run_id": OWN, **tag}),
        (f"{HOT}/runs/log-batch", {"run_id": OWN, "tags": [tag]}),
    ):
        assert site.ask("POST", path, token, JSON, body=_json(body)).status == 403, path
    tag["value"] = OWN
    child = _json({"experiment_id": OURS, "tags": [tag]})
    assert site.ask("POST", f"{HOT}/runs/create", token, JSON, body=child).status == 200


# Files


@pytest.mark.parametrize(
    "root", [OURS, f"{OURS}/{OWN}", "other", "artifacts", "other/artifacts", f"{OURS}/models/artifacts", "snapshots/x"]
)
def test_files_are_changed_only_below_their_owners(site: ServerSite, root: str) -> None:
    content = b"x" + sha256(b"x").digest()
    for role in ("writer", "admin"):
        token = bearer(new_token(site.home, role))
        for method, path in (("PUT", "/content"), ("POST", "/content"), ("DELETE", "")):
            answer = site.ask(method, f"{NATIVE}/files{path}?root={root}&path=x", token, body=content)
            assert (answer.status, answer.kind) == (403, "NotAllowed"), (method, answer.body)
    assert site.ask("GET", f"{NATIVE}/files?root={root}", bearer(new_token(site.home, "reader"))).status == 200


def test_only_an_admin_deletes_the_files_of_all_runs(site: ServerSite) -> None:
    writer, admin = (bearer(new_token(site.home, role)) for role in ("writer", "admin"))
    content = b"x" + sha256(b"x").digest()
    hash = sha256(b"x").hexdigest()
    for root, stored in (("snapshots", f"files/{hash[:2]}/{hash}"), ("environments", "x")):
        address = f"{NATIVE}/files/content?root={root}&path={stored}"
        assert site.ask("PUT", address, writer, body=content).status == 200
        for path in (stored, ""):
            address = f"{NATIVE}/files?root={root}&path={path}"
            assert site.ask("DELETE", address, writer).status == 403
        assert site.ask("DELETE", address, admin).status == 200


# Sessions


def test_a_token_has_a_bounded_number_of_sessions(site: ServerSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_SESSIONS", 2)
    now = now_ms()
    monkeypatch.setattr(sessions, "now_ms", lambda: now)  # all start in the same millisecond
    token, other = new_token(site.home, "reader"), new_token(site.home, "reader")
    kept = _sign_in(site, other)
    cookies = [_sign_in(site, token) for _ in range(3)]
    answers = [site.ask("GET", "/portal/api/home", cookie, *FROM_PAGE).status for cookie in (kept, *cookies)]
    assert answers == [200, 401, 200, 200]


def test_a_stream_ends_when_its_session_ends(site: ServerSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recheck, "CHECK_SECONDS", 0.1)
    token = new_token(site.home, "reader")
    kept, ended = _sign_in(site, token), _sign_in(site, token)
    # A silent stream sends a comment every 15 seconds. A stream that does not end fails before that.
    connections = [http.client.HTTPConnection("127.0.0.1", site.server.port, timeout=12) for _ in range(2)]
    streams = []
    for connection, cookie in zip(connections, (kept, ended), strict=True):
        connection.request("GET", "/portal/api/changes", headers=dict([cookie, *FROM_PAGE]))
        streams.append(connection.getresponse())
        assert streams[-1].status == 200 and streams[-1].readline().startswith(b"retry")
    assert site.ask("POST", "/logout", ended, ("Origin", site.origin)).status == 303
    while streams[1].readline():
        pass
    assert streams[1].isclosed()
    site.ask("POST", f"{HOT}/experiments/create", bearer(new_token(site.home, "admin")), JSON, body=b'{"name": "new"}')
    line = b"first"
    while line and b'"experiments":["' not in line:
        line = streams[0].readline()
    assert line, "the other stream goes on"
    for stream, connection in zip(streams, connections, strict=True):
        stream.close()
        connection.close()


def _sign_in(site: ServerSite, token: str) -> Header:
    answer = site.ask("POST", "/login", ("Origin", site.origin), body=f"token={token}".encode())
    return "Cookie", answer.headers["set-cookie"].partition(";")[0]


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
