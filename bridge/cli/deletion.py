"""Deletes and restores runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bridge.cli.changed import names_of, report
from bridge.cli.names import find_runs
from bridge.cli.question import ask
from bridge.cli.texts import plural
from bridge.errors import InvalidState
from bridge.records.run import TERMINAL_STATUSES
from bridge.records.times import now_ms

if TYPE_CHECKING:
    from bridge.records.run import RunRecord
    from bridge.store.workspace_stores import WorkspaceStores


def delete_runs(stores: WorkspaceStores, names: Sequence[str], yes: bool, json: bool) -> None:
    """Mark runs as deleted, all or none of them."""
    runs = find_runs(stores, names, "active")
    _check_stage(runs, "active")
    ask("delete", names_of(runs), _hint(runs), yes)
    stores.tracking.delete_runs([run.id for run in runs], now_ms())
    report(stores, runs, "Deleted {}. `runbridge restore` restores deleted runs.", json)


def restore_runs(stores: WorkspaceStores, names: Sequence[str], json: bool) -> None:
    """Mark runs as active, all or none of them."""
    runs = find_runs(stores, names, "deleted")
    _check_stage(runs, "deleted")
    stores.tracking.restore_runs([run.id for run in runs])
    report(stores, runs, "Restored {}.", json)


def _hint(runs: Sequence[RunRecord]) -> str:
    """Return a sentence about runs that have not ended: their processes get errors when they log."""
    going = sum(run.status not in TERMINAL_STATUSES for run in runs)
    return f"{plural(going, 'run')} of them {'has' if going == 1 else 'have'} not ended." if going else ""


def _check_stage(runs: Sequence[RunRecord], wanted: str) -> None:
    for run in runs:
        if run.lifecycle_stage != wanted:
            raise InvalidState("run", run.id, run.lifecycle_stage, wanted)
