"""A search with patterns that are expensive to compare ends soon after its time limit, and long ones are refused."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from server_site import Header, ServerSite, bearer, new_token, server_site

from bridge.errors import StoreUnavailable
from bridge.records.run import RunRecord
from bridge.records.search import Comparison, RunQuery
from bridge.server.patterns import MOST_CHARACTERS
from bridge.store.create import create_store
from bridge.store.sql.time_limit import limited_to
from bridge.store.workspace_stores import WorkspaceStores

LONG = "[" * 20_000
RUNS = 600
JSON: Header = ("Content-Type", "application/json")


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[WorkspaceStores]:
    stores = create_store(tmp_path / "demo", "demo")
    experiment = stores.tracking.create_experiment("ours", 1).id
    runs = [RunRecord(f"{number:032x}", experiment, tags={"text": LONG}) for number in range(RUNS)]
    stores.tracking.create_runs(runs)
    yield stores
    stores.close()


@pytest.mark.slow
def test_the_time_limit_holds_while_texts_are_compared_with_a_pattern(stores: WorkspaceStores) -> None:
    """The whole search would take 40 seconds of processor time."""
    pattern = "%" + "[" * (MOST_CHARACTERS - 2) + "b"
    query = RunQuery(("1",), (Comparison("tag", "text", "LIKE", pattern),))
    begun = time.thread_time()
    with pytest.raises(StoreUnavailable, match="took longer than its time limit"), limited_to(0.5):
        stores.tracking.search_runs(query)
    assert time.thread_time() - begun < 15


def test_long_patterns_are_refused(stores: WorkspaceStores, tmp_path: Path) -> None:
    with server_site({"demo": stores}, tmp_path / "home") as site:
        for length, expected in ((MOST_CHARACTERS, 200), (MOST_CHARACTERS + 1, 400)):
            assert statuses(site, "x" * length) == [expected] * 3


def statuses(site: ServerSite, pattern: str) -> list[int]:
    """Search with a pattern through each API, and return the statuses of the answers."""
    token = bearer(new_token(site.home, "reader"))
    native = {"query": {"experiment_ids": ["1"], "filter": [_clause(pattern)]}}
    text = f"tags.text ILIKE '{pattern[:10]}' AND tags.text LIKE '{pattern[10:]}'"
    hot = {"experiment_ids": ["1"], "filter": text}
    return [
        site.ask("POST", "/api/bridge/v1/search_run_ids", token, JSON, body=json.dumps(native).encode()).status,
        site.ask("POST", "/api/2.0/mlflow/runs/search", token, JSON, body=json.dumps(hot).encode()).status,
        site.ask("GET", f"/portal/api/experiments/1/match?q={quote(text)}", token).status,
    ]


def _clause(pattern: str) -> dict[str, str]:
    return {"entity": "tag", "key": "text", "comparator": "LIKE", "operand": pattern}
