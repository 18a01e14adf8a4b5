"""The hot routes: no import of MLflow, quick paths, limits of searches, and tokens of one experiment."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from bridge.errors import NotAllowed
from bridge.records.run import RunRecord
from bridge.server.roles import Caller
from bridge.server.serve import RunningServer, serve_background
from bridge.server.workspaces import ServedWorkspace
from bridge.store.one_run import create_run, get_run
from bridge.store.workspace_stores import WorkspaceStores
from bridge_mlflow.server.hot import batch, runs
from bridge_mlflow.server.hot.asking import Asked
from bridge_mlflow.server.hot.limits import CLAUSES, FILTER_BYTES, ORDER_KEYS, VALUES
from bridge_mlflow.server.hot.scope import Scope
from bridge_mlflow.server.hot.workspace import HotWorkspace

API = "/api/2.0/mlflow"
RUN = "a" * 32


@pytest.fixture
def workspace(opened: WorkspaceStores) -> HotWorkspace:
    """A workspace with one run."""
    create_run(opened.tracking, RunRecord(RUN, "0", status="Running", start_time=1))
    return HotWorkspace.of(ServedWorkspace("tests", opened))


@pytest.fixture
def server(opened: WorkspaceStores, workspace: HotWorkspace) -> Iterator[RunningServer]:
    """A server of the workspace."""
    with serve_background([opened]) as running:
        yield running


def _body(count: int, value: str = "0.5", first_step: int = 0) -> bytes:
    metrics = ", ".join(
        f'{{"key": "m{at % 3}", "value": {value}, "timestamp": 5, "step": {first_step + at}}}' for at in range(count)
    )
    return f'{{"run_id": "{RUN}", "metrics": [{metrics}]}}'.encode()


@pytest.mark.slow
def test_no_call_imports_mlflow() -> None:
    code = f"""
        import pathlib, sys, tempfile
        import requests
        from bridge.server.serve import serve_background
        from bridge.store.create import create_store
        stores = create_store(pathlib.Path(tempfile.mkdtemp()) / "demo", "demo")
        with serve_background([stores]) as server:
            api = server.address + "{API}"
            run = requests.post(api + "/runs/create", json={{"experiment_id": "0", "start_time": 1}}).json()
            run_id = run["run"]["info"]["run_id"]
            points = [{{"key": "a", "value": 0.5, "timestamp": 1, "step": step}} for step in range(9)]
            for path, body in (
                ("runs/log-batch", {{"metrics": points, "params": [{{"key": "p", "value": "1"}}]}}),
                ("runs/log-batch", {{"metrics": points}}),
                ("runs/log-metric", points[0]),
                ("runs/set-tag", {{"key": "a", "value": "b"}}),
                ("runs/update", {{"status": "FINISHED"}}),
                ("runs/delete", {{}}),
                ("runs/restore", {{}}),
                ("runs/search", {{"experiment_ids": ["0"], "filter": "metrics.a < 1"}}),
                ("experiments/create", {{"name": "new"}}),
                ("experiments/delete", {{"experiment_id": "1"}}),
            ):
                answer = requests.post(f"{{api}}/{{path}}", json={{"run_id": run_id, **body}})
                assert answer.status_code == 200, answer.text
            assert requests.get(f"{{api}}/runs/get?run_id={{run_id}}").json()["run"]["data"]["metrics"]
            assert requests.get(f"{{api}}/runs/get?run_id=none").status_code == 404
            refused = requests.post(f"{{api}}/runs/search", json={{"experiment_ids": ["0"], "filter": "a b c"}})
            assert refused.status_code == 400 and refused.json()["message"]
        assert [name for name in sys.modules if name.partition(".")[0] == "mlflow"] == []
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("count", [2, 30])
def test_later_batches_take_the_quick_path(workspace: HotWorkspace, count: int) -> None:
    first = batch.points_of_batch(_body(count))
    assert first is not None and not batch.log_quickly(*first, workspace)  # the journal has no series of the run yet
    batch.log_points(*first, workspace)
    second = batch.points_of_batch(_body(count, "1.5", count))
    assert second is not None and batch.log_quickly(*second, workspace)
    assert len(workspace.tracking.views.get_history(RUN, "m0").steps) == 2 * len(range(0, count, 3))


@pytest.mark.parametrize(
    "value", ["18446744073709551616", "1e19", "NaN", "1e400", "true", "null", '"1"', '"\\ud800"', "[1]"]
)
def test_a_value_that_may_be_read_wrongly_takes_the_slow_path(value: str) -> None:
    assert batch.points_of_batch(_body(3)) is not None
    assert batch.points_of_batch(_body(3, value)) is None


def test_the_points_of_a_run_that_does_not_exist_are_refused(server: RunningServer) -> None:
    body = _body(5).replace(RUN.encode(), b"b" * 32)
    answer = _post(server, "runs/log-batch", body)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"filter": f"params.p = '{'x' * FILTER_BYTES}'"}, "too long"),
        ({"filter": " AND ".join(["params.p = 'x'"] * (CLAUSES + 1))}, f"at most {CLAUSES}"),
        ({"filter": "run_id IN (" + ", ".join(["'a'"] * (VALUES + 1)) + ")"}, f"at most {VALUES}"),
        ({"order_by": [f"params.p{number}" for number in range(ORDER_KEYS + 1)]}, f"at most {ORDER_KEYS}"),
    ],
)
def test_a_search_that_is_too_large_is_refused(server: RunningServer, given: dict[str, Any], says: str) -> None:
    answer = _post(server, "runs/search", json.dumps({"experiment_ids": ["0"], **given}).encode())
    assert answer.status_code == 400 and says in answer.json()["message"]


def test_the_greatest_search_is_answered(server: RunningServer) -> None:
    given = {
        "filter": " AND ".join(["params.p != 'x'"] * CLAUSES),
        "order_by": [f"params.p{number}" for number in range(ORDER_KEYS)],
    }
    assert _post(server, "runs/search", json.dumps({"experiment_ids": ["0"], **given}).encode()).status_code == 200


def test_a_page_token_belongs_to_one_search(server: RunningServer, opened: WorkspaceStores) -> None:
    create_run(opened.tracking, RunRecord("b" * 32, "0", status="Running", start_time=1))
    search = {"experiment_ids": ["0"], "max_results": 1}
    first = _post(server, "runs/search", json.dumps(search).encode()).json()
    token = first["next_page_token"]
    second = _post(server, "runs/search", json.dumps({**search, "page_token": token}).encode()).json()
    assert [page["runs"][0]["info"]["run_id"] for page in (first, second)] == [RUN, "b" * 32]
    for changed in ({"filter": "params.p = 'x'"}, {"experiment_ids": ["1"]}, {"page_token": f"{token}x"}):
        body = json.dumps({**search, "page_token": token, **changed}).encode()
        assert _post(server, "runs/search", body).status_code == 400


def test_a_token_of_one_experiment_uses_only_that_experiment(workspace: HotWorkspace) -> None:
    other = workspace.tracking.create_experiment("other", 1).id
    create_run(workspace.tracking, RunRecord("c" * 32, other, status="Running", start_time=1))
    scope = Scope(Caller("writer", experiment_id=other), workspace)
    for allowed in ({"run_id": "c" * 32}, {"experiment_id": other}, {"run_ids": ["c" * 32]}, {"run_id": "none"}, {}):
        scope.check(allowed)
    for refused in (
        {"run_id": RUN},
        {"run_uuid": RUN},
        {"run_id": "c" * 32, "run_uuid": RUN},
        {"run_ids": ["c" * 32, RUN]},
        {"experiment_id": "0"},
        {"experiment_id": ""},
        {"experiment_ids": [other, " 0 "]},
    ):
        with pytest.raises(NotAllowed, match="your token is only for experiment"):
            scope.check(refused)


@pytest.mark.parametrize(("role", "user"), [("writer", "ada"), ("admin", "bob")])
def test_a_run_has_the_user_of_the_token(workspace: HotWorkspace, role: Any, user: str) -> None:
    body = json.dumps({"experiment_id": "0", "start_time": 1, "user_id": "bob"}).encode()
    asked = Asked("POST", b"", "application/json", body, Caller(role, user="ada"), lambda values: None)
    made = runs.create(asked, workspace)["run"]["info"]
    assert made["user_id"] == user == get_run(workspace.tracking, made["run_id"]).user


def _post(server: RunningServer, path: str, body: bytes) -> requests.Response:
    headers = {"Content-Type": "application/json"}
    return requests.post(f"{server.address}{API}/{path}", body, headers=headers, timeout=60)


def test_the_first_request_to_a_workspace_delays_no_other(opened: WorkspaceStores, server: RunningServer) -> None:
    opened.tracking.delete_experiment("0", 1)
    opened.tracking.purge_experiment("0")  # so that the first request creates the experiment again
    answers = []

    def ask() -> None:
        answers.append(requests.get(f"{server.address}{API}/experiments/get?experiment_id=0", timeout=30).status_code)

    thread = threading.Thread(target=ask)
    with opened.open_store.sql_database.write():
        thread.start()
        while server.connections.open == 0 and not answers:
            time.sleep(0.01)
        for _ in range(20):
            assert requests.get(f"{server.address}/healthz", timeout=30).status_code == 200
        assert not answers
    thread.join(30)
    assert answers == [200]
