"""Cancels runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bridge.capture.session import RunSession
from bridge.cli.changed import names_of, report
from bridge.cli.names import find_runs
from bridge.cli.output import notice
from bridge.cli.progress import waiting
from bridge.errors import InvalidState
from bridge.records.run import SCRIPT_RUN
from bridge.runs.script_runs import request_cancel, wait_for_cancel
from bridge.store.run_place import RunPlace

if TYPE_CHECKING:
    from bridge.records.run import RunRecord
    from bridge.store.workspace_stores import WorkspaceStores


def cancel_runs(stores: WorkspaceStores, names: Sequence[str], json: bool) -> None:
    """Cancel runs. All launchers are asked first, so that their scripts stop at the same time."""
    runs = find_runs(stores, names, "active")
    for run in runs:
        if run.status in ("Completed", "Failed"):
            raise InvalidState("run", run.id, run.status, "Canceled or not ended")
    with waiting(f"Canceling {names_of(runs)}"):
        asked = [place for run in runs if (place := _asked(stores, run))]
        for place in asked:
            wait_for_cancel(place)
    report(stores, runs, "Canceled {}.", json)
    others = [run for run in runs if run.type != SCRIPT_RUN and run.status != "Canceled"]
    if others:
        notice(f"The program that started {names_of(others)} continues, because no launcher runs it.")


def _asked(stores: WorkspaceStores, run: RunRecord) -> RunPlace | None:
    """Cancel a run, or ask its launcher to cancel it. Return the run in the second case."""
    place = RunPlace(stores, run.experiment_id, run.id)
    if run.type == SCRIPT_RUN:
        return place if request_cancel(place) else None
    if run.status != "Canceled":
        RunSession(place).end("Canceled")
    return None
