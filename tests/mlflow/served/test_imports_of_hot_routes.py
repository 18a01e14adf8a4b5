"""Routes that Runbridge answers itself import MLflow without its usage data, and models stay in their experiment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, os, sys
from pathlib import Path

from server_site import bearer, new_token, server_site

from bridge.records.run import RunRecord
from bridge.store.create import create_store

folder = Path(sys.argv[1])
stores = create_store(folder / "demo", "demo")
experiments = [stores.tracking.create_experiment(name, 1).id for name in ("ours", "theirs")]
runs = ["a" * 32, "b" * 32]
stores.tracking.create_runs([RunRecord(id, of, status="Running", start_time=1) for id, of in zip(runs, experiments)])
JSON = ("Content-Type", "application/json")


def log(token, run_id, model_id):
    metric = {"key": "loss", "value": 1, "timestamp": 1, "model_id": model_id}
    found = []
    for path, body in (("log-metric", metric), ("log-batch", {"metrics": [metric]})):
        content = json.dumps({"run_id": run_id, **body}).encode()
        found.append(site.ask("POST", f"/api/2.0/mlflow/runs/{path}", token, JSON, body=content).status)
    return found


with server_site({"demo": stores}, folder / "home", mlflow=sys.argv[2]) as site:
    admin, ours = bearer(new_token(site.home, "admin")), bearer(new_token(site.home, "writer", "demo", "1"))
    assert "mlflow" not in sys.modules
    print("unknown", log(admin, runs[0], "m-0"), "mlflow" in sys.modules)
    if sys.argv[2] == "off":
        (folder / "demo" / "mlflow.db").touch()  # MLflow's own tables, as far as a change of a run looks at them
        metric = {"run_id": runs[0], "key": "loss", "value": 1, "timestamp": 1}
        for path, body in (("log-metric", metric), ("delete", {"run_id": runs[0]}), ("restore", {"run_id": runs[0]})):
            print(path, site.ask("POST", f"/api/2.0/mlflow/runs/{path}", admin, JSON, body=json.dumps(body).encode()))
        print("mlflow" in sys.modules)
        sys.exit()
    from mlflow.telemetry import get_telemetry_client

    print("usage data", get_telemetry_client(), os.environ.get("MLFLOW_DISABLE_TELEMETRY"))
    from bridge.server.workspaces import ServedWorkspace, current
    from bridge_mlflow.companion import Companion

    current.set(ServedWorkspace("demo", stores))  # as in a request
    models = [Companion.of(stores).call("create_logged_model", of).model_id for of in experiments]
    print("theirs", log(ours, runs[0], models[1]))
    print("ours", log(ours, runs[0], models[0]))
stores.close()
"""


def printed(folder: Path, mode: str) -> list[str]:
    """Return the lines that the script prints, on a server with this mode for MLflow's application."""
    silent = ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "CI", "GITHUB_ACTIONS", "PYTEST_CURRENT_TEST")
    environment = {name: value for name, value in os.environ.items() if name not in silent}
    places = [path for path in sys.path if path]
    environment["PYTHONPATH"] = os.pathsep.join(places)
    command = [sys.executable, "-c", SCRIPT, str(folder), mode]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_a_metric_of_a_model_starts_no_usage_data_and_stays_in_the_experiment(tmp_path: Path) -> None:
    assert printed(tmp_path, "lazy") == [
        "unknown [400, 400] True",
        "usage data None true",
        "theirs [403, 403]",
        "ours [200, 200]",
    ]


@pytest.mark.slow
def test_a_server_whose_operator_has_switched_mlflow_off_does_not_import_it(tmp_path: Path) -> None:
    first, *others, last = printed(tmp_path, "off")
    assert (first, last) == ("unknown [404, 404] False", "False")
    assert len(others) == 3 and all("status=200" in line for line in others)
