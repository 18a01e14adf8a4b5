"""The native API answers every body with a result or with one sentence, and names the versions that fit."""

from __future__ import annotations

import json
import logging
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from longer import SCALE

from bridge.errors import InvalidValue, StoreUnavailable
from bridge.records.artifact import ArtifactRecord
from bridge.records.point_columns import PointColumns
from bridge.records.run import Lease, RunChanges, RunRecord
from bridge.records.search import RunQuery
from bridge.records.series import Point
from bridge.records.views import Column
from bridge.records.wire import load_error
from bridge.server.serve import RunningServer, serve_background
from bridge.store.create import create_store
from bridge.store.http.backend import HttpBackend
from bridge.store.http.codec import FRAME_TYPE, JSON_TYPE, dump_call
from bridge.store.http.methods import KEY_HEADER, METHODS, PREFIX, PROTOCOL, PROTOCOL_HEADER
from bridge.store.one_run import get_series
from bridge.store.workspace_stores import WorkspaceStores
from bridge.testing.slices import Entry, make_slice

MODEL, LOSS = Column("param", "model"), Column("metric", "loss")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceStores]:
    stores = create_store(tmp_path_factory.mktemp("native") / "demo", "demo")
    stores.tracking.create_runs([RunRecord(run_id, "0") for run_id in ("r", "quick")])
    yield stores
    stores.close()


@pytest.fixture(scope="module")
def server(stores: WorkspaceStores) -> Iterator[RunningServer]:
    with serve_background([stores]) as server:
        yield server


def post(server: RunningServer, name: str, content: Any, kind: str = JSON_TYPE, **headers: str) -> requests.Response:
    return requests.post(
        f"{server.address}{PREFIX}/{name}",
        data=content,
        headers={"Content-Type": kind, **{key.replace("_", "-"): value for key, value in headers.items()}},
        timeout=30,
    )


def test_a_call_is_a_json_object_of_the_arguments(server: RunningServer) -> None:
    answer = post(server, "get_runs", b'{"run_ids": ["r", "no"], "latest": false}')
    assert (answer.status_code, answer.headers[PROTOCOL_HEADER]) == (200, str(PROTOCOL))
    assert answer.json()["result"]["r"]["experiment_id"] == "0"
    assert list(answer.json()["result"]) == ["r"]


@pytest.mark.parametrize(
    "sent, status, sentence",
    [
        (str(PROTOCOL + 1), 409, "upgrade runbridge on the server"),
        ("0", 409, "upgrade runbridge on this computer"),
        ("x", 400, "must be a number"),
        ("9" * 5_000, 400, "must be a number"),
    ],
)
@pytest.mark.parametrize("path", [f"{PREFIX}/get_leases", f"{PREFIX}/files/content?root=0/r/artifacts&path=a&offset=0"])
def test_an_incompatible_client_is_told_what_to_upgrade(
    server: RunningServer, path: str, sent: str, status: int, sentence: str
) -> None:
    headers = {"Content-Type": JSON_TYPE, PROTOCOL_HEADER: sent}
    answer = requests.post(server.address + path, b"{}", headers=headers, timeout=30)
    error = load_error(answer.json())
    assert (answer.status_code, answer.headers[PROTOCOL_HEADER]) == (status, str(PROTOCOL))
    assert isinstance(error, StoreUnavailable if status == 409 else InvalidValue) and sentence in str(error)


def test_points_without_a_key_go_into_the_journal_of_the_server(server: RunningServer, stores: WorkspaceStores) -> None:
    points = PointColumns(("loss",), b"\0" * 80, 5, None)
    body = dump_call(METHODS["log_points"].function, {"run_id": "quick", "points": points})
    before = stores.tracking.inner.get_receipts(_journals(stores))
    assert post(server, "log_points", bytes(body.content), body.media_type).status_code == 200
    assert len(get_series(stores.tracking, "quick")[0].positions) == 10
    assert stores.tracking.inner.get_receipts(_journals(stores)) != before


def test_points_have_the_order_of_their_answers(server: RunningServer, stores: WorkspaceStores) -> None:
    store = HttpBackend(server.address)
    store.create_runs([RunRecord("mixed", "0")])

    def log(value: float, **headers: str) -> None:
        body = dump_call(METHODS["log_points"].function, {"run_id": "mixed", "points": [Point("a", value, 1)]})
        assert post(server, "log_points", bytes(body.content), body.media_type, **headers).status_code == 200

    log(1.0)
    log(2.0, Idempotency_Key=random.randbytes(16).hex())
    log(3.0)
    store.append([make_slice("of a client", 0, 9, [Entry("mixed", "a", 4.0)])])
    log(5.0)
    log(6.0, Idempotency_Key=random.randbytes(16).hex())
    (series,) = get_series(stores.tracking, "mixed", "a")
    assert series.numbers is not None and series.numbers.tolist() == [1, 2, 3, 4, 5, 6]
    store.close()


def _journals(stores: WorkspaceStores) -> list[str]:
    return [path.stem for path in (Path(stores.address) / "journal").glob("*.log")]


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"limit": 1_001}, "limit.*1001.*must be at most 1000"),
        ({"by": [MODEL] * 101}, "by.*101.*must have at most 100 columns"),
        ({"of": [LOSS] * 101}, "of.*101.*must have at most 100 columns"),
    ],
)
def test_groups_of_runs_have_limits(server: RunningServer, wrong: dict[str, Any], sentence: str) -> None:
    store = HttpBackend(server.address)
    given: dict[str, Any] = {"query": RunQuery(("0",)), "by": [MODEL] * 100, "of": [LOSS] * 100, "limit": 1_000}
    assert store.views.group_runs(**given)
    with pytest.raises(InvalidValue, match=sentence):
        store.views.group_runs(**{**given, **wrong})
    store.close()


def test_keys_are_listed_page_by_page(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.server.native.prepare.MOST_KEYS", 2)
    store = HttpBackend(server.address)
    store.create_runs([RunRecord("tagged", "0", tags=dict.fromkeys("abcde", "x"))])
    found: list[str] = []
    page = store.views.list_keys(["0"], "tag", limit=2**40)
    while page.next_token:
        assert len(page.items) == 2
        found += [key.key for key in page.items]
        page = store.views.list_keys(["0"], "tag", limit=2**40, page_token=page.next_token)
    assert [*found, *(key.key for key in page.items)] == list("abcde")
    store.close()


@pytest.mark.parametrize("key", ["x", "0" * 31, "0" * 34, "zz" * 16])
def test_a_key_has_one_form(server: RunningServer, key: str) -> None:
    content = b'{"name": "vision", "creation_time": 1}'
    answer = post(server, "create_experiment", content, **{KEY_HEADER: key})
    assert answer.status_code == 400 and "32 hexadecimal digits" in answer.json()["error"]["sentence"]


def test_a_large_query_is_refused(server: RunningServer) -> None:
    clause = {"entity": "tag", "key": "a", "comparator": "=", "operand": "b"}
    order = {"entity": "tag", "key": "a"}
    listed = {**clause, "comparator": "IN", "operand": ["a"] * 1_001}
    for query in ({"filter": [clause] * 65}, {"order": [order] * 9}, {"filter": [listed]}):
        content = json.dumps({"query": {"experiment_ids": ["0"], **query}}).encode()
        answer = post(server, "search_runs", content)
        assert answer.status_code == 400 and "must have at most" in answer.json()["error"]["sentence"]


@pytest.mark.parametrize(
    "record",
    [
        {"path": "a"},
        {"path": "a", "size_bytes": 1},
        {"path": "a", "size_bytes": -1, "time": 1},
        {"path": "../a", "size_bytes": 1, "time": 1},
        {"path": "./a", "size_bytes": 1, "time": 1},
        {"path": "a", "size_bytes": 2**64, "time": 1},
    ],
)
def test_only_files_with_valid_paths_are_listed(server: RunningServer, record: dict[str, Any]) -> None:
    content = json.dumps({"root": "0/r/artifacts", "records": [record]}).encode()
    assert post(server, "set_artifacts", content).status_code == 400


JSON_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**63,
    10**40,
    1.5,
    "",
    "r",
    "0",
    "\ud800",
    "a" * 3_000,
    [],
    {},
    ["r"],
    [[]],
    {"a": 1},
)


def mutated(value: Any, chance: random.Random) -> Any:
    """Return a JSON value in which parts are replaced by others."""
    if chance.random() < 0.06:
        return chance.choice(JSON_VALUES)
    if isinstance(value, dict):
        return {key: mutated(one, chance) for key, one in value.items() if chance.random() < 0.95}
    if isinstance(value, list):
        return [mutated(one, chance) for one in value]
    return value


EXAMPLES: dict[str, dict[str, Any]] = {
    "create_experiment": {"name": "n", "creation_time": 1, "tags": {"a": "b"}},
    "create_runs": {"records": [RunRecord("x", "0", params={"a": "b"}, tags={"c": None})]},
    "search_runs": {"query": RunQuery(("0",), max_results=3, page_token="x")},
    "log_points": {"run_id": "r", "points": [Point("a", 1.5, 1), Point("b", "x", 2)]},
    "update_runs": {"run_ids": ["r"], "changes": RunChanges("Running", ("NotStarted",), 1, tags={"a": "b"})},
    "claim_run": {"run_id": "r", "lease": Lease("r", "j", 1)},
    "end_leases": {"gone": {"j": 1}, "silent": ["k"]},
    "set_artifacts": {"root": "0/r/artifacts", "records": [ArtifactRecord("a/b", 1, "0" * 64, 1)]},
    "get_columns": {"query": RunQuery(("0",)), "columns": [Column("metric", "a", "min")], "offset": 0, "limit": 5},
    "group_runs": {"query": RunQuery(("0",)), "by": [Column("tag", "a")], "of": [Column("metric", "a")], "limit": 5},
    "sample_series": {"run_ids": ["r"], "keys": ["a"], "buckets": 5, "x": "step", "low": 0.0, "groups": {"r": "g"}},
    "get_tail": {"series": {("r", "a"): -1}},
    "get_changes": {"cursor": "1", "experiment_ids": ["0"], "run_ids": ["r"]},
    "append": {"slices": [make_slice("j", 0, 5, [Entry("r", "a", 1.5), Entry("r", "t", "x")])]},
}


def example(name: str) -> tuple[Any, bytes, str]:
    """Return the JSON of a call, the columns of its frame, and its media type."""
    method = METHODS[name]
    if name in EXAMPLES:
        body = dump_call(method.function, EXAMPLES[name])
        content = bytes(body.content)
        if body.media_type == FRAME_TYPE:
            length = int.from_bytes(content[:4], "little")
            return json.loads(content[4 : 4 + length]), content[-(-(4 + length) // 8) * 8 :], FRAME_TYPE
        return json.loads(content), b"", JSON_TYPE
    from bridge.store.http.hints import arguments_of

    texts = {"experiment_id": "0", "experiment_ids": ["0"], "run_id": "r", "run_ids": ["r"], "root": "0/r/artifacts"}
    found = {argument: texts.get(argument) for argument in arguments_of(method.function)[0]}
    return {key: "a" if value is None else value for key, value in found.items()}, b"", JSON_TYPE


@pytest.fixture
def disposable(tmp_path: Path) -> Iterator[RunningServer]:
    """A server of a workspace that a test may damage."""
    stores = create_store(tmp_path / "disposable", "disposable")
    stores.tracking.create_runs([RunRecord("r", "0")])
    with serve_background([stores]) as server:
        yield server
    stores.close()


@pytest.mark.slow
def test_no_body_makes_the_server_fail(disposable: RunningServer, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(7)
    session = requests.Session()
    session.trust_env = False
    for _ in range(800 * SCALE):
        name = chance.choice(sorted(METHODS))
        json_value, columns, kind = example(name)
        content = json.dumps(mutated(json_value, chance)).encode()
        if kind == FRAME_TYPE:
            head = len(content).to_bytes(4, "little") + content
            content = head + b"\0" * (-len(head) % 8) + columns
        key = {KEY_HEADER: random.randbytes(16).hex()} if chance.random() < 0.5 else {}
        with caplog.at_level(logging.ERROR, "bridge"):
            answer = session.post(
                f"{disposable.address}{PREFIX}/{name}",
                data=content,
                headers={"Content-Type": kind, **key},
                timeout=30,
            )
        assert answer.status_code < 500, (name, content[:2_000], answer.text, caplog.text)
        if answer.status_code != 200:
            assert "Traceback" not in answer.text and len(answer.json()["error"]["sentence"]) < 3_000
    session.close()


def test_changes_that_wait_delay_no_reads_and_no_points(server: RunningServer, stores: WorkspaceStores) -> None:
    store = HttpBackend(server.address)
    body = dump_call(METHODS["log_points"].function, {"run_id": "quick", "points": [Point("b", 1.0, 1)]})
    post(server, "log_points", bytes(body.content), body.media_type)  # the server learns that the run is active
    experiments = [f"waits {number}" for number in range(12)]
    threads = [threading.Thread(target=store.create_experiment, args=(name, 1)) for name in experiments]
    with stores.open_store.sql_database.write():
        for thread in threads:
            thread.start()
        for _ in range(20):
            assert store.get_active_runs(["r"]) == {"r"}
            assert post(server, "log_points", bytes(body.content), body.media_type).status_code == 200
        assert all(thread.is_alive() for thread in threads)
    for thread in threads:
        thread.join()
    assert all(store.find_experiment(name) for name in experiments)
    store.close()


def test_threads_of_a_client_get_their_own_answers(server: RunningServer) -> None:
    store = HttpBackend(server.address)
    found: list[str] = []

    def work(number: int) -> None:
        run_id = f"t{number}"
        store.create_runs([RunRecord(run_id, "0")])
        for step in range(10):
            store.log_points(run_id, [Point("a", float(step), step)])
        found.append(f"{run_id} {len(get_series(store, run_id)[0].positions)}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [f"t{number} 10" for number in range(8)]
    store.close()
