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


with server_site({"demo": stores}, folder / "home") as site:
    admin, ours = bearer(new_token(site.home, "admin")), bearer(new_token(site.home, "writer", "demo", "1"))
    assert "mlflow" not in sys.modules
    print("unknown", log(admin, runs[0], "m-0"), "mlflow" in sys.modules)
    from mlflow.telemetry import get_telemetry_client

    print("usage data", get_telemetry_client(), os.environ.get("MLFLOW_DISABLE_TELEMETRY"))
    from bridge_mlflow.companion import Companion

    models = [Companion.of(stores).call("create_logged_model", of).model_id for of in experiments]
    print("theirs", log(ours, runs[0], models[1]))
    print("ours", log(ours, runs[0], models[0]))
stores.close()
"""


@pytest.mark.slow
def test_a_metric_of_a_model_starts_no_usage_data_and_stays_in_the_experiment(tmp_path: Path) -> None:
    silent = ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "CI", "GITHUB_ACTIONS", "PYTEST_CURRENT_TEST")
    environment = {name: value for name, value in os.environ.items() if name not in silent}
    places = [path for path in sys.path if path]
    environment["PYTHONPATH"] = os.pathsep.join(places)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "unknown [400, 400] True",
        "usage data None None",
        "theirs [403, 403]",
        "ours [200, 200]",
    ]
