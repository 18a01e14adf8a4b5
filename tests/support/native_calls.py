"""Calls of the native API, and the runs that they name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bridge.records.artifact import ArtifactRecord
from bridge.records.run import SCRIPT_RUN, Lease, RunChanges, RunRecord
from bridge.records.search import RunQuery
from bridge.records.series import Point
from bridge.store.workspace_stores import WorkspaceStores
from bridge.testing.slices import Entry, make_slice

OURS, THEIRS = "1", "2"
HERE, THERE = RunQuery((OURS,)), RunQuery((THEIRS,))
SLICE = make_slice("j", 0, 1, [])

CALLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "get_experiment": ({"experiment_id": OURS}, {"experiment_id": THEIRS}),
    "rename_experiment": ({"experiment_id": OURS, "name": "n", "time": 1}, {"experiment_id": THEIRS}),
    "set_experiment_tags": ({"experiment_id": OURS, "tags": {}}, {"experiment_id": THEIRS}),
    "delete_experiment": ({"experiment_id": OURS, "time": 1}, {"experiment_id": THEIRS}),
    "restore_experiment": ({"experiment_id": OURS, "time": 1}, {"experiment_id": THEIRS}),
    "purge_experiment": ({"experiment_id": OURS}, {"experiment_id": THEIRS}),
    "create_runs": ({"records": [RunRecord("new", OURS)]}, {"records": [RunRecord("n", OURS), RunRecord("m", THEIRS)]}),
    "get_runs": ({"run_ids": ["ours", "no"]}, {"run_ids": ["ours", "theirs"]}),
    "get_active_runs": ({"run_ids": ["ours"]}, {"run_ids": ["theirs"]}),
    "check_writable": ({"run_id": "ours"}, {"run_id": "theirs"}),
    "update_runs": ({"run_ids": ["ours"], "changes": RunChanges(tags={"a": "b"})}, {"run_ids": ["theirs", "ours"]}),
    "delete_runs": ({"run_ids": ["ours"], "time": 1}, {"run_ids": ["theirs"]}),
    "restore_runs": ({"run_ids": ["ours"]}, {"run_ids": ["theirs"]}),
    "purge_runs": ({"run_ids": ["new"]}, {"run_ids": ["theirs"]}),
    "search_runs": ({"query": HERE}, {"query": THERE}),
    "search_run_ids": ({"query": HERE}, {"query": RunQuery((), below="theirs")}),
    "search_datasets": ({"experiment_ids": [OURS]}, {"experiment_ids": [OURS, THEIRS]}),
    "log_points": ({"run_id": "ours", "points": [Point("a", 1.0, 1)]}, {"run_id": "theirs"}),
    "get_series_of": ({"run_ids": ["ours"]}, {"run_ids": ["theirs"]}),
    "claim_run": ({"run_id": "waiting", "lease": Lease("waiting", "j", 1)}, {"run_id": "theirs"}),
    "append": (
        {"slices": [SLICE]},
        {"slices": [replace(make_slice("j", 0, 2, [Entry("theirs", "a", 1.0)]))]},
    ),
    "set_artifacts": (
        {"root": f"{OURS}/ours/artifacts", "records": [ArtifactRecord("a", 1, "0" * 64, 1)]},
        {"root": f"{THEIRS}/theirs/artifacts"},
    ),
    "list_artifacts": ({"root": f"{OURS}/ours/artifacts"}, {"root": ""}),
    "find_artifact": ({"root": f"{OURS}/ours/artifacts", "path": "a"}, {"root": f"{THEIRS}/theirs/artifacts"}),
    "delete_artifacts": ({"root": f"{OURS}/ours/artifacts"}, {"root": f"{THEIRS}/theirs/artifacts"}),
    "get_columns": ({"query": HERE, "columns": []}, {"query": RunQuery((OURS, THEIRS))}),
    "match": ({"query": HERE}, {"query": THERE}),
    "list_keys": ({"experiment_ids": [OURS]}, {"experiment_ids": [THEIRS]}),
    "count_runs": ({"query": HERE}, {"query": THERE}),
    "group_runs": ({"query": HERE, "by": [], "of": []}, {"query": THERE}),
    "sample_series": ({"run_ids": ["ours"], "keys": ["a"], "buckets": 1}, {"run_ids": ["theirs"]}),
    "list_series": ({"run_id": "ours"}, {"run_id": "theirs"}),
    "get_tail": ({"series": {("ours", "a"): -1}}, {"series": {("theirs", "a"): -1}}),
    "get_history": ({"run_id": "ours", "key": "a"}, {"run_id": "theirs"}),
    "get_changes": ({"experiment_ids": [OURS]}, {"experiment_ids": [], "run_ids": []}),
}
"""For each method with the scope `arguments`: allowed arguments, and those that replace them in a refused call."""


def fill(stores: WorkspaceStores) -> None:
    """Create the experiments and the runs that the calls name."""
    assert [stores.tracking.create_experiment(name, 1).id for name in ("ours", "theirs")] == [OURS, THEIRS]
    waiting = RunRecord("waiting", OURS, status="Queued", start_time=1, type=SCRIPT_RUN)
    stores.tracking.create_runs([RunRecord("ours", OURS), RunRecord("theirs", THEIRS), waiting])
