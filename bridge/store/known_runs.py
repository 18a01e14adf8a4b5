"""The records of the runs that a client writes to, as it last read them. It needs them while its server is away."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from bridge.records.experiment import ExperimentRecord
from bridge.records.run import RunChanges, RunRecord

MOST_RUNS = 1_000
"""The number of runs that are remembered: those that were read or changed last."""


class Known(NamedTuple):
    """The record of a run, when it was read, and the position in the journal up to which it contains the points."""

    record: RunRecord
    read_at: float
    position: tuple[str, int]


class KnownRuns:
    """The records of runs and experiments. Any thread may use it: each step is one operation of a dict."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, Known] = OrderedDict()
        self._experiments: dict[str, ExperimentRecord] = {}

    def add(self, records: Iterable[RunRecord], position: tuple[str, int]) -> None:
        """Remember runs that were just read or created.

        Args:
            records: the runs.
            position: the position in the journal of this process up to which its points were delivered before.
        """
        for record in records:
            before = self._runs.pop(record.id, None)
            if before is not None and not record.latest:
                # A read without the latest values does not know them. Points are never deleted.
                latest, columns, position = before.record.latest, before.record.latest_columns, before.position
                record = replace(record, latest=latest, latest_columns=columns)
            self._runs[record.id] = Known(record, time.monotonic(), position)
        while len(self._runs) > MOST_RUNS:
            self._runs.popitem(last=False)

    def find(self, run_ids: Sequence[str]) -> dict[str, Known] | None:
        """Return what is known about runs; None if one of them is not known."""
        found = {run_id: known for run_id in run_ids if (known := self._runs.get(run_id)) is not None}
        return found if found and len(found) == len(set(run_ids)) else None

    def age_of_active(self, run_id: str) -> float | None:
        """Return how many seconds ago a run was read as active; None if it is not known, or was deleted then."""
        known = self._runs.get(run_id)
        if known is None or known.record.lifecycle_stage != "active":
            return None
        return time.monotonic() - known.read_at

    def change(self, run_ids: Sequence[str], changes: RunChanges) -> None:
        """Apply changes that the server has stored."""
        for run_id in run_ids:
            known = self._runs.get(run_id)
            if known is not None:
                self._runs[run_id] = known._replace(record=changed(known.record, changes))

    def forget(self, run_ids: Iterable[str]) -> None:
        """Forget runs that were deleted."""
        for run_id in run_ids:
            self._runs.pop(run_id, None)

    def clear(self) -> None:
        """Forget everything."""
        self._runs.clear()
        self._experiments.clear()

    def add_experiment(self, record: ExperimentRecord) -> None:
        """Remember an experiment that was just read."""
        self._experiments[record.id] = record

    def find_experiment(self, experiment_id: str) -> ExperimentRecord | None:
        """Return an experiment if it is known."""
        return self._experiments.get(experiment_id)


def changed(record: RunRecord, changes: RunChanges) -> RunRecord:
    """Return a record after changes; see `RunChanges`."""
    values = {
        name: getattr(changes, name)
        for name in ("status", "start_time", "end_time", "display_name", "description", "parent_id", "error")
        if getattr(changes, name) is not None
    }
    for name in ("description", "parent_id"):
        if values.get(name) == "":
            values[name] = None
    tags = {key: value for key, value in record.tags.items() if key not in changes.removed_tags}
    return replace(
        record,
        **values,
        params={**record.params, **changes.params},
        tags={**tags, **changes.tags},
        properties={**record.properties, **changes.properties},
        dataset_inputs=(*record.dataset_inputs, *changes.dataset_inputs),
        model_inputs=(*record.model_inputs, *changes.model_inputs),
        model_outputs=(*record.model_outputs, *changes.model_outputs),
        warnings=(*record.warnings, *changes.warnings),
    )
