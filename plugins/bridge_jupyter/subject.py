"""The subject of a view: a run with its children, the runs of an experiment, or a list of runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from bridge.errors import InvalidValue, NotFound
from bridge.handles.experiment import Experiment
from bridge.handles.run import Run
from bridge.records.run import TERMINAL_STATUSES
from bridge.records.search import RunQuery
from bridge_jupyter.other_charts import OtherChart, other_charts

if TYPE_CHECKING:
    from bridge.records.run import RunRecord
    from bridge.records.series import Latest
    from bridge.records.views import Changes, SampledSeries
    from bridge.store.views import RunViews
    from bridge.store.workspace_stores import WorkspaceStores

Kind = Literal["run", "experiment", "runs"]

LISTED_RUNS = 100
"""The greatest number of runs in the table of a view."""

CHARTED_RUNS = 20
"""The greatest number of runs whose lines a chart shows."""

CHARTED_KEYS = 200
"""The greatest number of metrics that a view shows as charts."""

SYSTEM = "system/"
"""The start of the keys of system metrics. Their charts come last."""


class Subject:
    """The runs that a view shows, and the records that were last read. One thread uses an object at a time.

    `run` is the record of the run if the subject is a run, otherwise None.
    `listed` contains the records in the table: the children of the run, the runs of the experiment, or the listed runs.
    `others` are the charts of the run that are not lines; empty if the subject is not a run.
    `total` is the number of runs of which these are a part.

    Args:
        target: the run, the experiment or the list of runs.

    Raises:
        InvalidValue: the target is none of these, or the runs belong to different workspaces.
    """

    def __init__(self, target: Run | Experiment | Sequence[Run]) -> None:
        self.kind: Kind
        if isinstance(target, Run):
            self.kind, self.stores = "run", target.place.stores
        elif isinstance(target, Experiment):
            self.kind, self.stores = "experiment", target.workspace.stores
        else:
            self.kind, self.stores = "runs", _common_stores(target)
        self.target = target
        self.run: RunRecord | None = None
        self.listed: tuple[RunRecord, ...] = ()
        self.others: list[OtherChart] = []
        self.total = 0
        self._chosen: tuple[str, ...] | None = None
        self._cursor: str | None = None
        self._experiment = ""

    @property
    def views(self) -> RunViews:
        """The views of the workspace's store."""
        return self.stores.tracking.views

    @property
    def experiment_name(self) -> str:
        """The name of the experiment; empty for a list of runs."""
        return self._experiment

    @property
    def is_open(self) -> bool:
        """Whether a run of the subject has not ended."""
        shown = self.listed if self.run is None else (self.run,)
        return any(record.status not in TERMINAL_STATUSES for record in shown)

    @property
    def can_grow(self) -> bool:
        """Whether runs can be added although all runs of the subject have ended."""
        return self.kind == "experiment"

    @property
    def charted(self) -> tuple[RunRecord, ...]:
        """The runs whose metrics are shown as charts: the run, or its children if the run itself has no metrics."""
        if self.run is not None and (self.run.latest_metrics or not self.listed):
            return (self.run,)
        if self._chosen is not None:
            chosen = set(self._chosen)
            return tuple(record for record in self.listed if record.id in chosen)[:CHARTED_RUNS]
        return self.listed[:CHARTED_RUNS]

    def choose(self, run_ids: Iterable[str]) -> None:
        """Let the charts show these of the listed runs."""
        self._chosen = tuple(run_ids)

    def keys(self) -> list[str]:
        """Return the names of the charted metrics, in the order of their first points, system metrics last."""
        return self._all_keys()[:CHARTED_KEYS]

    def lines(self) -> list[str]:
        """Return the names of the metrics that can be drawn as lines: the charted ones, and the columns of tables."""
        return _ordered(name for record in self.charted for name in record.latest_metrics)

    @property
    def more_keys(self) -> int:
        """The number of metrics that have no chart, because there are too many."""
        return max(0, len(self._all_keys()) - CHARTED_KEYS)

    def _all_keys(self) -> list[str]:
        tables = {chart.key for chart in self.others if chart.kind == "table"} if self.charted == (self.run,) else ()
        names = self.lines() if not tables else _ordered(name for record in self.charted for name in record.latest)
        return [name for name in names if name not in tables]  # a value under the key of a table is part of the table

    def latest(self, key: str) -> tuple[Latest | None, ...]:
        """Return the latest points of a metric in the charted runs. They change when a later point is logged."""
        return tuple(record.latest_metrics.get(key) for record in self.charted)

    def refresh(self) -> bool:
        """Read what has changed since the last call. Return whether anything has changed; the first time, True.

        Raises:
            NotFound: the run or the experiment does not exist any more.
        """
        cursor, self._cursor = self._cursor, None  # if this call raises, the next one reads everything
        # The cursor is read before the records, so that a change in between is reported by the next call.
        changes = self.views.get_changes(cursor, *self._watched()) if cursor else None
        if changes is None or not changes.is_complete:
            cursor = self.views.get_changes().cursor
            self._read_all()
            is_new = True
        else:
            is_new, cursor = self._read_changed(changes), changes.cursor
        if is_new and self.run is not None:
            self.others = other_charts(self.views.list_series(self.run.id))
        self._cursor = cursor
        return is_new

    def sample(
        self, keys: Sequence[str], buckets: int, x: str, low: float | None, high: float | None
    ) -> list[SampledSeries]:
        """Return the charted metrics in a form for charts; see `RunViews.sample_series`."""
        return self.views.sample_series([record.id for record in self.charted], keys, buckets, x, low, high)

    def _watched(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the ids of the experiments and of the runs whose changes are read."""
        if isinstance(self.target, Experiment):
            return (self.target.id,), ()
        if isinstance(self.target, Run):  # a child may start at any time, normally in the same experiment
            return (self.target.experiment.id,), tuple(record.id for record in self.listed)
        return (), tuple(run.id for run in self.target)

    def _read_all(self) -> None:
        tracking = self.stores.tracking
        if isinstance(self.target, (Run, Experiment)):
            of_run = isinstance(self.target, Run)
            experiment_id = self.target.experiment.id if isinstance(self.target, Run) else self.target.id
            self._experiment = tracking.get_experiment(experiment_id).name
            query = RunQuery((), below=self.target.id) if of_run else RunQuery((self.target.id,))
            found = self.views.get_columns(query, (), limit=LISTED_RUNS)
            ids: tuple[str, ...] = found.ids
            self.total = found.total
        else:
            all_ids = tuple(dict.fromkeys(run.id for run in self.target))
            ids, self.total = all_ids[:LISTED_RUNS], len(all_ids)
        records = self._records(ids)
        self.listed = tuple(records[run_id] for run_id in ids if run_id in records)
        if isinstance(self.target, Run):
            self.run = self._records((self.target.id,)).get(self.target.id)
            if self.run is None:
                raise NotFound("run", self.target.id)

    def _read_changed(self, changes: Changes) -> bool:
        """Read the records of the shown runs that have changed. If runs may have been added or removed, read all."""
        shown = {record.id for record in (*self.listed, *((self.run,) if self.run else ()))}
        changed = shown.intersection(changes.runs)
        if changes.created or changes.removed or changes.experiments or changed.intersection(changes.created):
            self._read_all()
            return True
        if not changed:
            return False
        records = self._records(sorted(changed))
        if records.keys() != changed or any(record.lifecycle_stage == "deleted" for record in records.values()):
            self._read_all()
            return True
        self.listed = tuple(records.get(record.id, record) for record in self.listed)
        if self.run is not None:
            self.run = records.get(self.run.id, self.run)
        return True

    def _records(self, run_ids: Sequence[str]) -> Mapping[str, RunRecord]:
        return self.stores.tracking.get_runs(run_ids) if run_ids else {}


def _ordered(names: Iterable[str]) -> list[str]:
    """Return distinct names, those of system metrics last."""
    return sorted(dict.fromkeys(names), key=lambda name: name.startswith(SYSTEM))


def are_runs(target: object) -> bool:
    """Return whether an object is a list or tuple of at least one run, all of one workspace."""
    if not isinstance(target, (list, tuple)) or not target or not all(isinstance(one, Run) for one in target):
        return False
    return len({run.place.stores.address for run in target}) == 1


def _common_stores(target: Any) -> WorkspaceStores:
    if not are_runs(target):
        raise InvalidValue("target", target, "must be a run, an experiment, or a list of runs of one workspace")
    stores: WorkspaceStores = target[0].place.stores
    return stores
