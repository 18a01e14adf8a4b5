"""Each route of the table answers only those who may use it, and every failure has one sentence."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
from portal_calls import Api

from bridge.records.run import RunRecord
from bridge.server.portal import routes, serve, tables
from bridge.server.portal.routes import TABLE, Entry
from bridge.server.roles import RANKS, Role
from bridge.source.empty import EMPTY, SNAPSHOT_PROPERTY
from bridge.store.workspace_stores import WorkspaceStores

JSON_ONLY = {"accept": "application/json"}
NAMES = {
    "{experiment}": "0",
    "{run}": "r",
    "{key:path}": "loss",
    "{path:path}": "x.txt",
    "{name:path}": "view",
    "{id}": "none",
}


def path_of(entry: Entry) -> str:
    path = entry.path
    for name, value in NAMES.items():
        path = path.replace(name, value)
    assert "{" not in path
    return path


QUERIES = {"/compare": {"runs": "r"}, "/experiments/{experiment}/groups": {"by": "status"}}
QUERIES["/runs/{run}/source/difference"] = {"to": "r"}


@pytest.fixture(autouse=True)
def run(stores: WorkspaceStores) -> None:
    """A run with points, a file and a source, and an experiment with views: all routes need some of it."""
    stores.tracking.create_runs([RunRecord("r", "0", properties={SNAPSHOT_PROPERTY: EMPTY})])
    stores.tracking.set_experiment_tags("0", {"runbridge.view.view": "q=x", "runbridge.short.none": "q=y"})
    stores.tracking.log("r", "loss", 1.0, 1)
    stores.artifacts.put("0/r/artifacts", "x.txt", b"x")


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: f"{entry.method} {entry.path}")
def test_a_route_answers_only_the_roles_that_may_use_it(stores: WorkspaceStores, entry: Entry) -> None:
    roles: tuple[Role | None, ...] = (None, "reader", "writer", "admin")
    for role in roles:
        answer = Api(stores, role).send(entry.method, path_of(entry), b"{}", headers=JSON_ONLY)
        if role is None:
            assert (answer.status, answer.json["error"]["kind"]) == (401, "NotAuthenticated")
        elif RANKS[role] < RANKS[entry.needs]:
            assert (answer.status, answer.json["error"]["kind"]) == (403, "NotAllowed")
            assert entry.needs in answer.sentence
        else:
            assert answer.status in (200, 400, 404), answer.body


def test_a_reader_can_use_every_read_and_no_change() -> None:
    for entry in TABLE:
        is_read = entry.method == "GET" or entry.path in ("/series", "/tail")
        assert (entry.needs == "reader") == is_read, entry
        assert not entry.is_tagged or entry.method == "GET"


def test_a_refused_change_changes_nothing(stores: WorkspaceStores) -> None:
    cursor = stores.tracking.views.get_changes().cursor
    body = json.dumps({"runs": ["r"], "changes": {"name": "x"}, "state": "x", "name": "x", "confirm": 1}).encode()
    for entry in TABLE:
        if entry.needs != "reader":
            Api(stores, "reader").send(entry.method, path_of(entry), body)
    assert stores.tracking.views.get_changes().cursor == cursor


def test_other_addresses_and_methods_are_refused(api: Api) -> None:
    for method, path in (
        ("GET", "/none"),
        ("POST", "/home"),
        ("DELETE", "/runs/r"),
        ("HEAD", "/none"),
        ("GET", "/runs/"),
    ):
        answer = api.send(method, path)
        assert (answer.status, answer.body) == (404, b"This server has no such address.\n")


def test_a_mistake_in_the_server_has_a_sentence_and_no_traceback(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret of the server")

    monkeypatch.setattr(tables, "columns_of", broken)
    with caplog.at_level(logging.CRITICAL, "bridge"):
        answer = api.get("/experiments/0/table")
    assert (answer.status, answer.json["error"]["kind"]) == (500, "BridgeError")
    assert "secret" not in answer.body.decode()


def test_a_read_that_takes_too_long_ends_with_a_sentence(
    stores: WorkspaceStores, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.tracking.create_runs([RunRecord(f"r{number}", "0", params={"p": "x" * number}) for number in range(900)])
    query = {"q": " and ".join("params.p LIKE '%x%x%x%x'" for _ in range(8)), "cols": "name,params.p"}
    expected = api.get("/experiments/0/table", **query)
    assert expected.status == 200
    monkeypatch.setattr(serve, "SECONDS", 0.0)
    answer = api.get("/experiments/0/table", **query)
    assert (answer.status, answer.json["error"]["kind"]) == (503, "StoreUnavailable")
    assert "longer than its time limit" in answer.sentence
    answer = api.post("/series", {"runs": ["r1"], "keys": ["loss"]})
    assert answer.status == 503, "a chart of very many series ends, too"
    monkeypatch.setattr(serve, "SECONDS", 60.0)
    assert api.get("/experiments/0/table", **query).body == expected.body


@pytest.mark.parametrize("entry", [one for one in TABLE if one.is_tagged], ids=lambda entry: entry.path)
def test_a_read_that_a_browser_knows_is_not_sent_again(stores: WorkspaceStores, entry: Entry) -> None:
    api, path, query = Api(stores, "reader"), path_of(entry), QUERIES.get(entry.path, {})
    answer = api.get(path, **query)
    assert answer.status == 200
    etag = answer.headers["etag"]
    again = api.send("GET", path, headers={"if-none-match": etag}, parameters=query)
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
    assert "Cookie" in answer.headers["vary"]
    known = {"if-none-match": etag}
    assert Api(stores, "writer").send("GET", path, headers=known, parameters=query).status == 200
    stores.tracking.log("r", "loss", 2.0, 2)
    assert api.send("GET", path, headers=known, parameters=query).status == 200


def test_the_table_of_routes_has_each_route_once() -> None:
    named = [(entry.method, entry.path) for entry in routes.TABLE]
    assert len(named) == len(set(named))


def test_long_json_is_compressed(stores: WorkspaceStores, api: Api) -> None:
    import gzip

    stores.tracking.create_runs([RunRecord("long", "0", description="x" * 10_000)])
    answer = api.send("GET", "/runs/long", headers={"accept-encoding": "br, gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(answer.body))["id"] == "long"
    assert "Accept-Encoding" in answer.headers["vary"]
    assert "content-encoding" not in api.get("/runs/long").headers


def test_every_route_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs/portal_api.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", text, re.MULTILINE)
    assert sorted(documented) == sorted(f"{one.method} {one.path}".replace(":path}", "}") for one in TABLE)
