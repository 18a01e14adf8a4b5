"""The page of a person whose token is for one experiment shows this experiment, and nothing of the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from portal_requests import request_of
from server_site import ServerSite, bearer, new_token, server_site

from bridge.records.run import RunRecord
from bridge.server.portal.routes import TABLE, Entry
from bridge.source.empty import EMPTY, SNAPSHOT_PROPERTY
from bridge.store.create import create_store
from bridge.store.workspace_stores import WorkspaceStores

OURS, THEIRS = "1", "2"
API = "/w/demo/portal/api"


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceStores]:
    """Two experiments with a run, a child of the other experiment, files, sources, views and a table each."""
    stores = create_store(tmp_path_factory.mktemp("one") / "demo", "demo")
    for id, name in ((OURS, "ours"), (THEIRS, "theirs")):
        assert stores.tracking.create_experiment(name, 1).id == id
    for id, name, other in ((OURS, "ours", THEIRS), (THEIRS, "theirs", OURS)):
        records = [
            RunRecord(name, id, status="Running", start_time=1, display_name=f"run-{name}",
                      properties={SNAPSHOT_PROPERTY: EMPTY}),
            RunRecord(f"{name}-child", id, parent_id=name, display_name=f"child-{name}"),
            RunRecord(f"far{id}", other, parent_id=name, display_name=f"far{id}"),
        ]  # fmt: skip
        stores.tracking.create_runs(records)
        stores.tracking.set_experiment_tags(id, {"runbridge.view.view": f"q={name}", f"runbridge.short.{name}": name})
        stores.tracking.log(name, f"loss-{name}", 0.5, 1)
        stores.artifacts.put(f"{id}/{name}/artifacts", f"x-{name}.txt", b"x")
        stores.artifacts.put(f"{id}/{name}/artifacts", f"logs/{name}.txt", b"x")
    yield stores
    stores.close()


@pytest.fixture(scope="module")
def site(stores: WorkspaceStores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerSite]:
    home = tmp_path_factory.mktemp("home")
    new_token(home, "admin")
    with server_site({"demo": stores}, home) as site:
        yield site


@pytest.fixture(scope="module")
def ours(site: ServerSite) -> Any:
    """Send a request with a token for one experiment, and return the status and the text of the answer."""
    token = bearer(new_token(site.home, "admin", "demo", OURS))

    def send(method: str, path: str, body: object = None, *headers: tuple[str, str]) -> tuple[int, str]:
        content = None if body is None else json.dumps(body).encode()
        answer = site.ask(method, API + path, token, ("Accept", "application/json"), *headers, body=content)
        return answer.status, answer.body.decode(errors="replace")

    return send


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: f"{entry.method} {entry.path}")
def test_a_route_shows_and_changes_only_the_own_experiment(ours: Any, stores: WorkspaceStores, entry: Entry) -> None:
    path, body = request_of(entry, THEIRS, "theirs")
    before = repr(stores.tracking.get_runs(["theirs"])), repr(stores.tracking.get_experiment(THEIRS))
    status, text = ours(entry.method, path, body)
    assert status in (403, 404) or (status == 200 and entry.path in ("/home", "/search", "/check")), text
    assert "run-theirs" not in text and "child-theirs" not in text
    assert (repr(stores.tracking.get_runs(["theirs"])), repr(stores.tracking.get_experiment(THEIRS))) == before
    if entry.path == "/runs/purge":
        return
    path, body = request_of(entry, OURS, "ours")
    status, text = ours(entry.method, path, body)
    assert status == 200 and "theirs" not in text, text
    if entry.path == "/runs/archive":
        stores.tracking.restore_runs(["ours"])
    if entry.method == "DELETE":
        stores.tracking.set_experiment_tags(OURS, {"runbridge.view.view": "q=ours"})


def test_lists_without_a_name_contain_only_the_own_experiment(ours: Any) -> None:
    status, text = ours("GET", "/home?view=all")
    assert status == 200 and [one["name"] for one in json.loads(text)["experiments"]] == ["ours"]
    assert {one["id"] for one in json.loads(text)["running"]} == {"ours", "ours-child", "far2"}
    for words in ("run", "far", "x-", "loss", "theirs"):
        found = json.loads(ours("GET", f"/search?text={words}")[1])
        seen = {one["experiment_id"] for kind in ("runs", "keys") for one in found[kind]}
        assert seen <= {OURS} and "theirs" not in json.dumps(found["files"])
    workspace = json.loads(ours("GET", "/home")[1])["cursor"].partition("@")[2]
    everything = json.loads(ours("GET", f"/changes?since=0@{workspace}")[1])
    assert "ours" in everything["created"]
    assert "theirs" not in everything["created"] and THEIRS not in everything["experiments"]


def test_a_run_shows_no_relatives_in_other_experiments(ours: Any) -> None:
    assert json.loads(ours("GET", "/runs/ours")[1])["children"] == 1
    below = ours("GET", f"/experiments/{OURS}/table?below=ours")
    assert below[0] == 200 and "far1" not in below[1]
    stray = json.loads(ours("GET", "/runs/far2")[1])
    assert stray["parents"] == [] and stray["experiment"]["id"] == OURS
    assert ours("GET", f"/experiments/{OURS}/table?below=theirs")[0] == 403


def test_the_etags_of_two_tokens_differ(site: ServerSite) -> None:
    tags = set()
    for experiment in (None, OURS):
        token = bearer(new_token(site.home, "admin", "demo", experiment))
        answer = site.ask("GET", f"{API}/experiments/{OURS}", token)
        assert answer.status == 200
        tags.add(answer.headers["etag"])
    assert len(tags) == 2


def test_the_document_of_the_page_is_shown(site: ServerSite) -> None:
    token = bearer(new_token(site.home, "reader", "demo", OURS))
    assert site.ask("GET", "/w/demo/portal", token).status == 303
    assert site.ask("GET", "/w/demo/portal/runs/ours", token).status in (200, 503)  # 503 without the packages
