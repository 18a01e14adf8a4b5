"""A token for one experiment reaches only this experiment through the native API, and journals have one user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from native_calls import CALLS, OURS, THEIRS, fill
from server_site import ServerSite, server_site

from bridge.errors import BridgeError, InvalidValue, NotAllowed
from bridge.records.run import Lease, RunRecord
from bridge.records.search import ExperimentQuery
from bridge.server.identity.database import ServerDatabase
from bridge.server.identity.token_store import TokenStore
from bridge.server.identity.tokens import Grant
from bridge.store.create import create_store
from bridge.store.http.artifacts import HttpArtifacts
from bridge.store.http.backend import HttpBackend
from bridge.store.http.methods import METHODS
from bridge.store.slices import LeaseRecord
from bridge.store.workspace_stores import WorkspaceStores
from bridge.testing.slices import Entry, make_slice

REFUSED: dict[str, dict[str, Any]] = {
    "create_experiment": {"name": "n", "creation_time": 1},
    "resume_purge": {},
    "end_unclaimed": {"now": 1},
}


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[WorkspaceStores]:
    stores = create_store(tmp_path / "demo", "demo")
    fill(stores)
    yield stores
    stores.close()


@pytest.fixture
def site(stores: WorkspaceStores, tmp_path: Path) -> Iterator[ServerSite]:
    with server_site({"demo": stores}, tmp_path / "home") as site:
        yield site


@pytest.fixture
def store_of(site: ServerSite) -> Iterator[Callable[..., HttpBackend]]:
    made = []

    def store_of(role: Any, experiment: str | None = None, user: str = "ann") -> HttpBackend:
        with ServerDatabase(site.home) as database:
            token = str(TokenStore(database).create_token(user, [Grant(role, "demo", experiment)])[1])
        made.append(HttpBackend(f"{site.origin}/w/demo", token, patience_seconds=5))
        return made[-1]

    yield store_of
    for store in made:
        store.close()


def test_a_token_for_one_experiment_reaches_nothing_else(store_of: Callable[..., HttpBackend]) -> None:
    store = store_of("admin", OURS)
    scopes = {name: method.scope for name, method in METHODS.items()}
    assert set(CALLS) == {name for name, scope in scopes.items() if scope == "arguments"}
    assert set(REFUSED) == {name for name, scope in scopes.items() if scope == "none"}
    last = ("restore_experiment", "delete_experiment", "purge_experiment", "delete_runs")
    for name in sorted(CALLS, key=lambda name: (name in last, name)):
        allowed, replaced = CALLS[name]
        with pytest.raises(NotAllowed, match=f"Cannot call {name}: your token is only for experiment {OURS}"):
            store._call(name, **{**allowed, **replaced})
        try:
            store._call(name, **allowed)
        except NotAllowed:
            raise
        except BridgeError:  # for example because the experiment is active
            assert name in (*last, "group_runs")
    for name, arguments in REFUSED.items():
        with pytest.raises(NotAllowed, match="your token is only for experiment"):
            store._call(name, **arguments)


def test_results_contain_only_the_own_experiment(store_of: Callable[..., HttpBackend], stores: WorkspaceStores) -> None:
    everything, store = store_of("admin"), store_of("reader", OURS)
    for run_id, experiment_id in (("a", OURS), ("b", THEIRS)):
        record = RunRecord(run_id, experiment_id, status="Running", start_time=1)
        everything.create_runs([record], [Lease(run_id, f"journal {run_id}", 1)])
    assert {record.id for record in everything.search_experiments(ExperimentQuery()).items} == {"0", OURS, THEIRS}
    assert [record.id for record in store.search_experiments(ExperimentQuery()).items] == [OURS]
    assert store.find_experiment("ours") == everything.get_experiment(OURS)
    assert store.find_experiment("theirs") is None
    assert [lease.run_id for lease in everything.get_leases()] == ["a", "b"]
    assert [lease.run_id for lease in store.get_leases()] == ["a"]
    assert store.find_workspace_id() == stores.id
    assert store.get_receipts(["journal a"]) == {}


def test_files_of_the_own_experiment_are_stored_and_others_are_refused(store_of: Callable[..., HttpBackend]) -> None:
    files = HttpArtifacts(store_of("writer", OURS).connection)
    assert files.put(f"{OURS}/ours/artifacts", "a.txt", b"text").size_bytes == 4
    assert [record.path for record in files.list(f"{OURS}/ours/artifacts")] == ["a.txt"]
    root = f"{THEIRS}/theirs/artifacts"
    calls: list[Callable[[], object]] = [
        lambda: files.put(root, "a.txt", b"text"),
        lambda: files.append(root, "a.txt", b"text"),
        lambda: files.list(root),
        lambda: files.stat(root, "a.txt"),
        lambda: files.delete(root, "a.txt"),
        lambda: list(files.get(root, "a.txt")),
        lambda: files.list(""),
    ]
    for call in calls:
        with pytest.raises(NotAllowed, match="your token is only for experiment"):
            call()


def test_a_journal_belongs_to_the_first_that_uses_it(store_of: Callable[..., HttpBackend]) -> None:
    first, other, admin = store_of("writer"), store_of("writer", OURS, "bob"), store_of("admin", user="root")
    first.append([make_slice("j1", 0, 1, [Entry("ours", "a", 1.0)])])
    for call in (
        lambda: other.append([make_slice("j1", 1, 2, [Entry("ours", "a", 2.0)])]),
        lambda: other.create_runs([RunRecord("new", OURS, start_time=1)], [Lease("new", "j1", 1)]),
        lambda: other.claim_run("waiting", Lease("waiting", "j1", 1)),
    ):
        with pytest.raises(NotAllowed, match="belongs to another user"):
            call()
    again = store_of("writer")  # another token of the same user
    assert again.append([make_slice("j1", 1, 2, [Entry("ours", "a", 2.0)])]) == {"j1": 2}
    assert admin.append([make_slice("j1", 2, 3, [Entry("ours", "a", 3.0)])]) == {"j1": 3}


def test_only_the_owner_of_a_journal_ends_its_leases(store_of: Callable[..., HttpBackend]) -> None:
    first, other = store_of("writer"), store_of("writer", user="bob")
    first.create_runs([RunRecord("a", OURS, status="Running", start_time=1)], [Lease("a", "j1", 1)])
    for gone, silent in (({"j1": 1}, []), ({}, ["j1"]), ({"unknown": 1}, [])):
        with pytest.raises(NotAllowed, match="belongs to another user"):
            other.end_leases(gone, silent)
    assert first.end_leases({"j1": 1}) == ["a"]
    assert store_of("admin").end_leases({"unknown": 1}) == []


def test_the_user_of_a_run_is_that_of_the_token(store_of: Callable[..., HttpBackend]) -> None:
    (made,) = store_of("writer").create_runs([RunRecord("a", OURS, user="carl")])
    assert made.user == "ann"
    (made,) = store_of("admin").create_runs([RunRecord("b", OURS, user="carl")])
    assert made.user == "carl"


def test_an_experiment_stores_its_files_only_where_the_server_allows_it(store_of: Callable[..., HttpBackend]) -> None:
    with pytest.raises(InvalidValue, match="artifact location"):
        store_of("admin").create_experiment("files", 1, "file:///etc")


@pytest.mark.parametrize(
    "change",
    [
        {"values": [[0.5, 9.0]]},
        {"values": [[0.5, 0.5]]},
        {"values": [[0.5, float("nan")]]},
        {"values": [[0.5, -1.0]]},
        {"series": [[0, 7]]},
        {"apis": [[0, 9]]},
        {"joined": [[True, False]]},
        {"joined": [[False, True]]},
        {"steps": [[1]]},
        {"steps": [[1.0, 2.0]]},
        {"definitions": {}},
        {"texts": ["\ud800"]},
        {"texts": ["x" * 70_000]},
        {"warnings": (("ours", "\ud800"),)},
        {"leases": (LeaseRecord("ours", 2**70, True),)},
        {"boot_time": 2**64},
        {"journal_id": ""},
        {"journal_id": "\ud800"},
        {"start": -1},
        {"end": 2**63},
        {"start": 9},
    ],
)
def test_a_slice_that_cannot_be_stored_is_refused(
    store_of: Callable[..., HttpBackend], stores: WorkspaceStores, change: dict[str, Any]
) -> None:
    import numpy

    piece = make_slice("j", 0, 1, [Entry("ours", "a", 0.5), Entry("ours", "t", "x")])
    changed: dict[str, Any] = dict(change)
    for name, value in change.items():
        if type(value) is list and type(value[0]) is list:
            changed[name] = numpy.array(value[0])
            if changed[name].dtype.kind == "i":
                changed[name] = changed[name].astype(getattr(piece, name).dtype)
    with pytest.raises(InvalidValue):
        store_of("writer").append([replace(piece, **changed)])
    assert stores.tracking.get_series_of(["ours"]) == {"ours": []}
