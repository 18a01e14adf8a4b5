"""Delivers runs, with the snapshots of their source folders, to another workspace."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bridge.errors import InvalidState, InvalidValue, NotFound
from bridge.records.run import RunRecord
from bridge.source.empty import SNAPSHOT_PROPERTY
from bridge.source.recorded_environment import ENVIRONMENT_PROPERTY, copy_environment
from bridge.source.snapshot import copy_snapshot
from bridge.store.deliver import deliver, runs_to_deliver

if TYPE_CHECKING:
    from bridge.store.workspace_stores import WorkspaceStores

logger = logging.getLogger("bridge")


def deliver_runs(stores: WorkspaceStores, target: WorkspaceStores, run_ids: str | Sequence[str] | None) -> list[str]:
    """Copy runs to another workspace and return the ids of the delivered runs; see `Workspace.deliver`."""
    if target.id == stores.id:
        raise InvalidValue("target", target.address, "must be another workspace")
    wanted = (run_ids,) if isinstance(run_ids, str) else run_ids
    if wanted is not None and not isinstance(wanted, Iterable):
        raise InvalidValue("run_ids", run_ids, "must be the id of a run, or a list of ids")
    runs = runs_to_deliver(stores.tracking, wanted)
    _deliver_sources(stores, target, runs)
    return deliver(stores, target, runs)


def _deliver_sources(stores: WorkspaceStores, target: WorkspaceStores, runs: Sequence[RunRecord]) -> None:
    """Copy the snapshots and the recorded environments of runs; log a warning for each that cannot be read."""
    for run in runs:
        if snapshot_id := run.properties.get(SNAPSHOT_PROPERTY):
            try:
                copy_snapshot(stores.artifacts, target.artifacts, snapshot_id)
            except (NotFound, InvalidState, InvalidValue) as error:
                logger.warning("The snapshot of run %s was not delivered: %s", run.id, error)
        if environment_id := run.properties.get(ENVIRONMENT_PROPERTY):
            try:
                copy_environment(stores.artifacts, target.artifacts, environment_id)
            except (NotFound, InvalidValue) as error:
                logger.warning("The recorded environment of run %s was not delivered: %s", run.id, error)
