"""MLflow's server answers valid and invalid requests equally on both stores."""

from __future__ import annotations

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import mlflow
import pytest
from broken_requests import broken
from deviations import DEVIATIONS
from good_requests import Request, good_requests, spellings
from longer import SCALE
from pair import without_waiting_for_the_disk

if TYPE_CHECKING:
    from endpoints import Servers

SEED = 20_251
ROUNDS, BROKEN = 2, 3
SETTINGS = {
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_MODEL_CATALOG_URI": "",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""Keep requests from leaving this machine."""

NEVER_ANSWERED = {
    "no store in the cloud": ("presigned", "/mpu/"),
    "no workspaces of MLflow's": ("/workspaces",),
    "not there in the open release": ("/unified-traces", "/get-online-trace-details", "2.0mlflow/"),
    "nothing is called that is not here": ("POST /gateway/", "/scorer/invoke", "/issues/invoke", "/evaluate/invoke"),
    "no jobs are run": ("/prompt-optimization/jobs", "/jobs/<job_id>", "/jobs/{job_id}", "/jobs/cancel", "3.0/jobs/"),
    "no such file": ("GET /static-files/", "GET /build/", "/artifacts/files"),
    "only a POST has a query": ("GET /graphql",),
}
"""Endpoints without a valid request even on MLflow's own store, by a part of their names."""


@pytest.fixture
def servers(
    tmp_path: Path, make_workspace: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Servers]:
    from endpoints import Servers

    monkeypatch.chdir(tmp_path)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "")  # restores the state that its handlers change
    monkeypatch.setattr("mlflow.tracking._model_registry.utils._registry_uri", None)
    before = mlflow.get_tracking_uri()
    logging.disable(logging.ERROR)  # every invalid request logs an error there
    try:
        with without_waiting_for_the_disk():
            yield Servers(tmp_path, make_workspace(tmp_path / "workspace"))
    finally:
        logging.disable(logging.NOTSET)
        mlflow.set_tracking_uri(before)


@pytest.mark.rules
@pytest.mark.slow
@pytest.mark.timeout(900 * SCALE)
def test_every_endpoint_answers_every_request_equally(servers: Servers) -> None:
    from endpoints import endpoints

    random = Random(SEED if SCALE == 1 else None)
    statuses: dict[str, Counter[int]] = defaultdict(Counter)

    def ask(request: Request) -> None:
        number = servers.calls
        what = f"request {number}, {request}"
        given = servers.both(what, lambda at: at.ask(request, number), lambda *both: known(request, *both))
        assert given is not None, f"{what} could not be made"
        statuses[servers.theirs.endpoint][servers.theirs.status] += 1

    often, once = good_requests()
    with servers.same_chance():
        for turn in range(ROUNDS * SCALE):
            for request in often if turn == 0 else random.sample(often, len(often)):
                for good in spellings(request) if turn == 0 else [random.choice(spellings(request))]:
                    ask(good)
                for _ in range(BROKEN - bool(turn)):
                    ask(broken(random.choice(spellings(request)), random))
        for request in once:
            for good in spellings(request):
                ask(good)
            for _ in range(BROKEN):
                ask(broken(random.choice(spellings(request)), random))
        for line, requests in KNOWN_EXAMPLES.items():
            servers.deviations.clear()
            for request in requests:
                ask(request)
            assert servers.deviations == {f"server/{line}"}, f"{line} no longer differs, take it out of deviations.toml"
    assert servers.calls >= 2_000 * SCALE
    assert set(KNOWN_EXAMPLES) == set(DEVIATIONS["server"])
    assert endpoints() <= statuses.keys(), "no request in good_requests.txt"
    answered = {one.replace("/ajax-api/", "/api/") for one, seen in statuses.items() if seen[200]}
    silent = {one for one in endpoints() if one.replace("/ajax-api/", "/api/") not in answered}
    wanted = [part for parts in NEVER_ANSWERED.values() for part in parts]
    assert sorted(one for one in silent if not any(part in one for part in wanted)) == [], "never asked rightly"
    assert [part for part in wanted if not any(part in one for one in silent)] == [], "are asked rightly"


KNOWN_SENTENCES = {
    "requires a backend store URI": "jobs",
    "requires a database backend store URI": "jobs",
    "artifact root": "artifacts of no run",
}
"""The line of deviations.toml for each of our errors where MLflow's store has no error or another one."""

FILE = "/api/2.0/mlflow-artifacts/artifacts/<experiment>/<run>/artifacts/only/a.json"
KNOWN_EXAMPLES = {
    "jobs": [Request("GET", "/ajax-api/3.0/mlflow/jobs/j", {})],
    "long path": [Request("GET", "/api/2.0/mlflow/artifacts/list", {"run_id": "<run>", "path": "x" * 5_001})],
    "artifacts of no run": [Request("PUT", "/api/2.0/mlflow-artifacts/artifacts/a.json", {"a": 1})],
    "folder without files": [
        Request("PUT", FILE, {"a": 1}),
        Request("DELETE", FILE, {}),
        Request("GET", "/api/2.0/mlflow-artifacts/artifacts", {"path": "<experiment>/<run>/artifacts"}),
    ],
    "number beyond 64 bits": [Request("GET", "/api/2.0/mlflow/experiments/get", {"experiment_id": "9" * 30})],
    "words of a database": [
        Request("POST", "/api/2.0/mlflow/experiments/restore", {"experiment_id": "0"}),
        Request("POST", "/api/2.0/mlflow/runs/create", {}),
    ],
}
"""A request for each line, so that the test fails if the line no longer differs."""


def known(request: Request, theirs: Any, ours: Any) -> str | None:
    """Return the line of deviations.toml that accepts the difference of two answers."""
    for sentence, line in KNOWN_SENTENCES.items():
        if sentence in str(ours["body"]):
            return f"server/{line}"
    if theirs["status"] == 500 > ours["status"] and "pass the token that a page has returned" in str(ours["body"]):
        return "odd_values/token 'MQ=='"
    if re.search(r"Invalid path: '[^']{256}", str(ours["body"])):
        return "server/long path"
    if theirs["status"] == 500 > ours["status"] and re.search(r"\d{19}", str(request)):
        return "server/number beyond 64 bits"
    if ours["status"] == 200 and _only_empty_folders_differ(theirs["body"], ours["body"]):
        return "server/folder without files"
    if request.path.endswith("runs/outputs") and ours["status"] == 200 and "UNIQUE" in str(theirs["body"]):
        return "inputs/outputs again"
    if "sqlite3." in str(theirs["body"]) and theirs["status"] == ours["status"]:
        if theirs["body"]["error_code"] == ours["body"]["error_code"]:
            return "server/words of a database"
    return None


def _only_empty_folders_differ(theirs: Any, ours: Any) -> bool:
    """Return whether the only difference is that MLflow's list of files has more folders."""
    if not isinstance(theirs, dict) or "files" not in theirs:
        return False
    listed = ours.get("files", [])
    more = [one for one in theirs["files"] if one not in listed]
    return all(one["is_dir"] for one in more) and [one for one in theirs["files"] if one not in more] == listed
