"""The native API sends the changes of a workspace as events, and a token for one experiment gets only its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from server_site import ServerSite, new_token, server_site

from bridge.records.run import RunChanges, RunRecord
from bridge.store.create import create_store
from bridge.store.http.methods import PREFIX, PROTOCOL, PROTOCOL_HEADER
from bridge.store.workspace_stores import WorkspaceStores


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[WorkspaceStores]:
    stores = create_store(tmp_path / "demo", "demo")
    stores.tracking.create_experiment("other", 1)
    stores.tracking.create_runs([RunRecord("ours", "0"), RunRecord("theirs", "1")])
    yield stores
    stores.close()


@pytest.fixture
def site(stores: WorkspaceStores, tmp_path: Path) -> Iterator[ServerSite]:
    with server_site({"demo": stores}, tmp_path / "home") as site:
        yield site


def ask(site: ServerSite, query: str = "", experiment: str | None = None, kind: str = "text/event-stream") -> Any:
    token = new_token(site.home, "reader", "demo", experiment)
    headers = {"Authorization": f"Bearer {token}", "Accept": kind}
    return requests.get(f"{site.origin}/w/demo{PREFIX}/changes{query}", headers=headers, stream=True, timeout=30)


def events(answer: Any) -> Iterator[dict[str, Any]]:
    for line in answer.iter_lines(chunk_size=1):
        if line.startswith(b"data: "):
            yield json.loads(line[len(b"data: ") :])


def test_changes_arrive_as_events(site: ServerSite, stores: WorkspaceStores) -> None:
    with ask(site) as answer:
        assert (answer.status_code, answer.headers[PROTOCOL_HEADER]) == (200, str(PROTOCOL))
        read = events(answer)
        first = next(read)
        assert (first["runs"], first["complete"]) == ([], True)
        stores.tracking.update_runs(["ours"], RunChanges(tags={"a": "b"}))
        assert next(read)["runs"] == ["ours"]
    since = ask(site, f"?since={first['cursor']}", kind="application/json").json()
    assert since["runs"] == ["ours"]


def test_a_token_for_one_experiment_gets_only_its_changes(site: ServerSite, stores: WorkspaceStores) -> None:
    cursor = ask(site, kind="application/json").json()["cursor"]
    stores.tracking.update_runs(["ours", "theirs"], RunChanges(tags={"a": "b"}))
    assert ask(site, f"?since={cursor}", kind="application/json").json()["runs"] == ["ours", "theirs"]
    for query in ("", "&experiment=0", "&run=ours"):
        found = ask(site, f"?since={cursor}{query}", "0", "application/json").json()
        assert (found["runs"], found["experiments"]) == (["ours"], []), query
    for query in ("experiment=1", "experiment=0,1", "run=theirs", "experiment=0&run=ours,theirs"):
        assert ask(site, f"?since={cursor}&{query}", "0", "application/json").status_code == 403, query
