"""Permanent removal of runs, with their files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from bridge.records.search import Comparison, ExperimentQuery, Ordering, RunQuery

if TYPE_CHECKING:
    from bridge.records.experiment import ExperimentRecord
    from bridge.store.workspace_stores import WorkspaceStores


def deleted_runs(stores: WorkspaceStores, before: int) -> list[str]:
    """Return the ids of the runs that were deleted at a time or earlier, oldest first."""
    experiments = tuple(each.id for each in stores.tracking.search_experiments(ExperimentQuery(view="all")).items)
    old = Comparison("attribute", "deletion_time", "<=", before)
    query = RunQuery(experiments, (old,), (Ordering("attribute", "start_time"),), "deleted")
    return list(stores.tracking.search_run_ids(query).items)


def deleted_experiments(stores: WorkspaceStores, before: int, removed: Collection[str]) -> list[ExperimentRecord]:
    """Return the experiments that were deleted at a time or earlier, and have no runs except those in `removed`.

    A deleted experiment can have active runs, because runs can be restored alone.
    """
    found = stores.tracking.search_experiments(ExperimentQuery(view="deleted")).items
    gone = set(removed)
    return [each for each in found if each.last_update_time <= before and gone.issuperset(_run_ids(stores, each.id))]


def _run_ids(stores: WorkspaceStores, experiment_id: str) -> Sequence[str]:
    return stores.tracking.search_run_ids(RunQuery((experiment_id,), view="all")).items


def has_runs(stores: WorkspaceStores, experiment_id: str) -> bool:
    """Return whether an experiment has runs, active or deleted."""
    return bool(_run_ids(stores, experiment_id))


def remove_runs(stores: WorkspaceStores, run_ids: Sequence[str]) -> None:
    """Remove runs permanently, with everything that they logged and with their files."""
    for record in stores.tracking.get_runs(run_ids, latest=False).values():
        stores.artifacts.delete(record.artifact_root)  # the files are removed first, because only the record names them
    stores.tracking.purge_runs(run_ids)
