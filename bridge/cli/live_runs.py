"""The running runs of an experiment, which `runbridge watch` shows while they change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.records.run import OPEN_STATUSES
from bridge.records.search import Comparison, RunQuery
from bridge.runs.patient_reads import PatientReads
from bridge.store.late_reads import late_reads

if TYPE_CHECKING:
    from bridge.records.experiment import ExperimentRecord
    from bridge.records.run import RunRecord
    from bridge.store.workspace_stores import WorkspaceStores

MOST = 200
"""The greatest number of running runs that are read."""

OPEN = Comparison("attribute", "status", "IN", OPEN_STATUSES)


class LiveRuns:
    """The runs of an experiment that run, and those that have ended since it exists.

    Args:
        stores: the workspace.
        experiment: the experiment.
    """

    def __init__(self, stores: WorkspaceStores, experiment: ExperimentRecord) -> None:
        self._stores, self._experiment = stores, experiment
        self._reads = PatientReads(stores)
        self._cursor: str | None = None
        self._runs: dict[str, RunRecord] = {}

    @property
    def runs(self) -> list[RunRecord]:
        """The runs, newest first."""
        return sorted(self._runs.values(), key=lambda run: (run.start_time or 0, run.number), reverse=True)

    def update(self) -> list[RunRecord]:
        """Read what has changed, and return the runs that have. The first call returns all running runs.

        If nothing has changed, only the counter of changes is read. While a server does not answer, this method waits.
        """
        return self._reads.read(self._update)

    def _update(self) -> list[RunRecord]:
        with late_reads():
            views = self._stores.tracking.views
            changes = views.get_changes(self._cursor, (self._experiment.id,))
            is_whole = self._cursor is None or not changes.is_complete
            if is_whole:
                found = self._running()
                known = [id for id in self._runs if id not in {run.id for run in found}]
                found += list(self._stores.tracking.get_runs(known).values())
            else:
                found = list(self._stores.tracking.get_runs(changes.created + changes.runs).values())
            for id in changes.removed:
                self._runs.pop(id, None)
        self._cursor = changes.cursor  # last, so that nothing is missed if a read fails and this call is repeated
        new = set(changes.created)
        return [run for run in found if self._take(run, run.id in new)]

    def _running(self) -> list[RunRecord]:
        query = RunQuery((self._experiment.id,), (OPEN,), max_results=MOST)
        return list(self._stores.tracking.search_runs(query).items)

    def _take(self, run: RunRecord, is_new: bool) -> bool:
        """Store the new state of a run. Return False if the run is not shown, or has the same state."""
        known = self._runs.get(run.id)
        if run.lifecycle_stage != "active":
            self._runs.pop(run.id, None)
            return False
        if known is None and not is_new and run.status not in OPEN_STATUSES:
            return False
        self._runs[run.id] = run
        return run != known
