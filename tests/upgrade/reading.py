"""Everything in a workspace as plain JSON, read by the imported version of Runbridge.

Run as a script it prints the JSON, so that the earlier version can be used: `reading.py FOLDER`, or
`reading.py FOLDER COPY` to read as a user without write access. The copy is read before, to load the needed modules.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bridge import Workspace
from bridge.records.search import ExperimentQuery, RunQuery

NOBODY = 65534
NAMES_BEFORE = {"apis": "doors"}
"""Fields of records that the earlier version calls by another name; the JSON has that name."""


def read_everything(folder: Path) -> dict[str, Any]:
    """Return experiments, runs, series, artifacts, and metrics by MLflow's rules; numbers as their 64 bits."""
    workspace = Workspace.open(folder)
    stores = getattr(workspace, "stores", None) or workspace._opened  # type: ignore[attr-defined]  # the earlier version has these modules
    tracking, artifacts = stores.tracking, stores.artifacts
    experiments = tracking.search_experiments(ExperimentQuery(view="all")).items
    runs = tracking.search_runs(RunQuery(tuple(one.id for one in experiments), view="all")).items
    series = tracking.get_series_of([run.id for run in runs])
    kept = {root: artifacts.list(root, recursive=True) for root in _roots(experiments, runs)}
    return {
        "workspace": {"id": workspace.id, "name": workspace.name},
        "experiments": {one.name: plain(one) for one in experiments},
        "runs": {run.id: plain(run) for run in runs},
        "series": {run_id: [plain(one) for one in found] for run_id, found in sorted(series.items()) if found},
        "artifacts": {
            root: {one.path: _content(artifacts, root, one) for one in found} for root, found in kept.items() if found
        },
        "environments": {name: one.version for name, one in workspace.environments.items()},
        "mlflow": _metrics_of_mlflow(workspace, [run.id for run in runs]),
    }


def _roots(experiments: Sequence[Any], runs: Sequence[Any]) -> list[str]:
    return sorted({run.artifact_root for run in runs} | {"environments", "snapshots"})


def _content(artifacts: Any, root: str, record: Any) -> list[Any] | None:
    if record.is_folder:
        return None
    data = b"".join(artifacts.get(root, record.path))
    return [record.size_bytes, hashlib.sha256(data).hexdigest()]


def _metrics_of_mlflow(workspace: Workspace, run_ids: list[str]) -> dict[str, Any]:
    from mlflow import MlflowClient

    client = MlflowClient(workspace.get_mlflow_tracking_uri())
    return {
        run_id: {
            key: [
                [metric.step, metric.timestamp, bits(metric.value)] for metric in client.get_metric_history(run_id, key)
            ]
            for key in client.get_run(run_id).data.metrics
        }
        for run_id in run_ids
    }


def bits(value: float) -> str:
    """Return the 64 bits of a float64 as hex."""
    return struct.pack(">d", value).hex()


def plain(value: Any) -> Any:
    """Return a record as JSON: floats as their bits, mappings in their order as pairs."""
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.compare]
        return {NAMES_BEFORE.get(name, name): plain(getattr(value, name)) for name in names}
    if hasattr(value, "dtype"):
        return [plain(item) for item in value.tolist()]
    if isinstance(value, float):
        return bits(value)
    if hasattr(value, "items"):
        return [[plain(key), plain(item)] for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        read_everything(Path(sys.argv[2]))
        become_nobody()
    print(json.dumps(read_everything(Path(sys.argv[1]))))
