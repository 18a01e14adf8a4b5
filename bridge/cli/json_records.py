"""The JSON records that the command prints. `docs/command.md` documents every field, and a test compares them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.records.experiment import ExperimentRecord
    from bridge.records.run import RunRecord
    from bridge.store.workspace_stores import WorkspaceStores


def workspace_json(stores: WorkspaceStores) -> dict[str, Any]:
    """Return a workspace as JSON."""
    return {
        "kind": "workspace",
        "name": stores.name,
        "path": stores.address,
        "id": stores.id,
        "creation_time": stores.creation_time,
    }


def experiment_json(record: ExperimentRecord, runs: int) -> dict[str, Any]:
    """Return an experiment as JSON."""
    return {
        "kind": "experiment",
        "id": record.id,
        "name": record.name,
        "stage": record.lifecycle_stage,
        "creation_time": record.creation_time,
        "runs": runs,
    }


def run_json(record: RunRecord, experiment: str) -> dict[str, Any]:
    """Return a run as JSON, with its params, its tags, and the latest value of each metric."""
    return {
        "kind": "run",
        "id": record.id,
        "name": record.display_name,
        "experiment": experiment,
        "number": record.number,
        "status": record.status,
        "stage": record.lifecycle_stage,
        "start_time": record.start_time,
        "end_time": record.end_time,
        "user": record.user,
        "parent_id": record.parent_id,
        "description": record.description,
        "params": dict(record.params),
        "metrics": {key: latest.value for key, latest in record.latest.items()},
        "tags": dict(record.tags),
    }
