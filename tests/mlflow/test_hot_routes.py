"""Our server answers requests of MLflow's REST API as MLflow's server does, valid or not."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import mlflow
import pytest
from broken_requests import broken
from good_requests import Request, good_requests, spellings
from longer import SCALE
from pair import without_waiting_for_the_disk

from bridge.store.workspace_stores import WorkspaceStores

if TYPE_CHECKING:
    from hot_server import HotServers

SEED = 20_252
BROKEN = 4
API = "/api/2.0/mlflow"
TIMED = {"timestamp": 5, "step": 1}


@pytest.fixture
def servers(tmp_path: Path, opened: WorkspaceStores, monkeypatch: pytest.MonkeyPatch) -> Iterator[HotServers]:
    from hot_server import HotServers

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    before = mlflow.get_tracking_uri()
    logging.disable(logging.ERROR)  # every invalid request logs an error there
    try:
        with without_waiting_for_the_disk():
            both = HotServers(tmp_path, opened)
            yield both
            both.close()
    finally:
        logging.disable(logging.NOTSET)
        mlflow.set_tracking_uri(before)


@pytest.mark.rules
@pytest.mark.slow
@pytest.mark.timeout(900 * SCALE)
def test_every_request_is_answered_as_by_mlflow(servers: HotServers) -> None:
    from hot_server import HOT

    random = Random(SEED if SCALE == 1 else None)
    statuses: dict[tuple[str, str], Counter[int]] = {route: Counter() for route in HOT}

    def ask(request: Request) -> None:
        number = servers.calls
        what = f"request {number}, {request}"
        servers.both(what, lambda at: at.ask(request, number), lambda *both: known(request, *both))
        statuses[request.method, request.path][servers.ours.status] += 1

    often, once = ([request for request in some if _is_hot(request)] for some in good_requests())
    with servers.same_chance():
        for request in often:
            for good in spellings(request):
                ask(good)
        for request in (*often, *MORE):
            for one in spellings(request):
                ask(one)
            for _ in range(BROKEN * SCALE):
                changed = broken(random.choice(spellings(request)), random)
                if (changed.method, changed.path) in HOT:
                    ask(changed)
        for body in BODIES:
            for path in ("runs/log-batch", "runs/log-metric", "runs/create", "runs/search", "experiments/create"):
                ask(Request("POST", f"{API}/{path}", body))
        for request in once:
            for good in spellings(request):
                ask(good)
        ask(ELSEWHERE)  # the last request: MLflow creates the experiment, and the next ids would differ
    assert servers.calls >= 600 * SCALE
    assert servers.deviations == LINES
    answered = {path.replace("/ajax-api/", "/api/") for (_, path), seen in statuses.items() if seen[200]}
    assert [path for _, path in HOT if path.replace("/ajax-api/", "/api/") not in answered] == [], "never asked rightly"


def _is_hot(request: Request) -> bool:
    from hot_server import HOT

    return all((one.method, one.path) in HOT for one in spellings(request)) and "model_id" not in request.body


def _batch(metrics: str, **more: Any) -> Request:
    """Return a request to log metrics, whose JSON is given as text."""
    text = json.dumps({"run_id": "<run>", "metrics": "here", **more}).replace('"here"', metrics)
    return Request("POST", f"{API}/runs/log-batch", text)


def _metric(value: str, timestamp: str = "5", step: str = "1", key: str = '"m"') -> str:
    return f'{{"key": {key}, "value": {value}, "timestamp": {timestamp}, "step": {step}}}'


NUMBERS = (
    "NaN", "Infinity", "-Infinity", '"NaN"', '"Infinity"', '"nan"', "1e400", "-1e400", '"1e400"', "true", "null", '""',
    "1", "-0.0", "18446744073709551616", "9223372036854775808", "9007199254740993", "1" * 400, '"' + "1" * 400 + '"',
    "1.7976931348623157e308", "5e-324", '"0x1"', '" 1"', '"1_0"', "[1]", '{"a": 1}', '"\\ud800"', '"１"',
)  # fmt: skip
INTEGERS = (
    "0", "-1", "1.0", "1.5", '"7"', '" 7"', '"7.0"', '"1e3"', "1e3", "true", "null", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "1" * 30, "1" * 5000, '"x"', "[]", "NaN",
)  # fmt: skip
KEYS = ('"m"', '"a b"', '"a//b"', '""', '"\\ud800"', '"é"', '"x\\u0000"', '"x\\ty"', "1", "null", json.dumps("k" * 251))
MORE = [
    *(_batch(f"[{_metric(value)}, {_metric('0.5')}]") for value in NUMBERS),
    *(_batch(f"[{_metric('1.5', number)}, {_metric('2.5')}]") for number in INTEGERS),
    *(_batch(f"[{_metric('1.5', '5', number)}, {_metric('2.5')}]") for number in INTEGERS),
    *(_batch(f"[{_metric('1.5', key=key)}, {_metric('2.5')}]") for key in KEYS),
    *(Request("POST", f"{API}/runs/log-metric", _metric(value)[:-1] + ', "run_id": "<run>"}') for value in NUMBERS),
    *(
        Request("POST", f"{API}/runs/log-metric", _metric("1", step=number)[:-1] + ', "run_id": "<run>"}')
        for number in INTEGERS
    ),
    _batch("[" + ", ".join([_metric("1.5")] * 1001) + "]"),
    _batch("[]"),
    _batch("null"),
    _batch('["value"]'),
    _batch("[[]]"),
    _batch('[{"key": "m", "value": 1, "value": 2, "timestamp": 3}, {"key": "m", "value": 3, "timestamp": 4, "x": 1}]'),
    _batch("[]", params=[{"key": "same", "value": "1"}, {"key": "same", "value": "1"}]),
    _batch("[]", params=[{"key": "p", "value": "other"}]),
    _batch("[]", tags=[{"key": "long", "value": "v" * 8001}]),
    replace(_batch("[]"), body='{"run_id": "none", "metrics": [' + _metric("1") + "]}"),
    Request("GET", f"{API}/runs/get", {"run_id": "<run>", "run_uuid": "x"}),
    Request("GET", f"{API}/runs/get", {"run_id": ["<run>", "x"]}),
    Request("GET", f"{API}/metrics/get-history", {"run_id": "<run>", "metric_key": "m", "max_results": "0"}),
    Request("GET", f"{API}/metrics/get-history", {"run_id": "<run>", "metric_key": "m"}),
    Request("POST", f"{API}/runs/search", {"experiment_ids": ["0"], "filter": "metrics.m = ", "max_results": 5}),
    Request("POST", f"{API}/runs/search", {"experiment_ids": ["0"], "order_by": ["a b c"], "max_results": 5}),
    Request("POST", f"{API}/runs/search", {"experiment_ids": ["0"], "run_view_type": 3, "max_results": "5"}),
    Request("POST", f"{API}/runs/search", {"experiment_ids": ["x"]}),
    Request("POST", f"{API}/runs/search", {"experiment_ids": ["0"], "page_token": "eyJvZmZzZXQiOiAxfQ=="}),
    Request("POST", f"{API}/runs/search", {"experiment_ids": ["9" * 30]}),
    Request("POST", f"{API}/runs/search", {"experiment_ids": ["0"], "max_results": 50_001}),
    Request("POST", f"{API}/runs/create", {"experiment_id": "999", "start_time": 1}),
    Request("POST", f"{API}/runs/create", {"experiment_id": " 0 ", "start_time": 1}),
    Request("POST", f"{API}/runs/set-tag", {"run_id": "<run>", "key": "mlflow.runName", "value": "new name"}),
    Request("POST", f"{API}/runs/set-tag", "key=a&value=b", content_type="application/x-www-form-urlencoded"),
    Request("POST", f"{API}/experiments/create", {"name": "one 0"}),
]
"""Requests beside those of good_requests.txt; each is also changed at random."""

ELSEWHERE = Request("POST", f"{API}/experiments/create", {"name": "elsewhere", "artifact_location": "s3://bucket/a"})

BODIES = (
    "", " ", "{}", "[]", "null", "0", '"{}"', '"\\"{}\\""', "{", "\ufeff{}", '{"a": 1, "a": 2}', "[" * 500 + "]" * 500,
    '{"x": ' * 90 + "1" + "}" * 90, "[" * 100_000, '{"run_id": "<run>", "runId": "x"}', '{"[x]": 1}', '{"run_id": 1}',
    '{"name": "\\ud800"}', '{"experiment_id": "0", "start_time": NaN}', "\x00", "nan",
)  # fmt: skip

LINES = {
    "http/page of an error",
    "http/body without an object",
    "http/page token",
    "http/artifact location",
    "http/spelling of an id",
    "server/words of a database",
    "server/number beyond 64 bits",
}
"""The lines of deviations.toml that the requests meet."""


def known(request: Request, theirs: Any, ours: Any) -> str | None:
    """Return the line of deviations.toml that accepts the difference of two answers."""
    sentence = str(ours["body"].get("message", ""))
    if theirs["status"] == 500 > ours["status"] and theirs["type"].startswith("text/html"):
        return "http/page of an error"
    if "must be a JSON object" in sentence or "too many nested values" in sentence:
        return "http/body without an object"
    if "Pass the token that a page has returned" in sentence or "pass the token that a page has returned" in sentence:
        return "http/page token"
    if sentence.startswith("Invalid artifact location: "):
        return "http/artifact location"
    if theirs["status"] == 500 > ours["status"] and re.search(r"\d{19}", str(request)):
        return "server/number beyond 64 bits"
    if ours["status"] == 200 and request.path.endswith("/runs/create") and _spells_ids_differently(theirs, ours):
        return "http/spelling of an id"
    if re.search(r"sqlite3\.", str(theirs["body"])) and theirs["status"] == ours["status"]:
        return "server/words of a database"
    return None


def _spells_ids_differently(theirs: Any, ours: Any) -> bool:
    """Return whether the experiment ids of two new runs are the only difference, and are the same number."""
    one, other = theirs["body"]["run"]["info"], ours["body"]["run"]["info"]
    changed = {**one, "experiment_id": other["experiment_id"], "artifact_uri": other["artifact_uri"]}
    return int(one["experiment_id"]) == int(other["experiment_id"]) and changed == other
