"""The experiment, the status and the times of every active run, kept between requests for the home page."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy

from bridge.records.run import Status
from bridge.records.search import Comparison, RunQuery
from bridge.records.views import Column, Numbers, RunColumns, Texts

if TYPE_CHECKING:
    from bridge.records.views import Array
    from bridge.store.views import RunViews

COLUMNS = tuple(Column("attribute", key) for key in ("experiment_id", "status", "start_time", "end_time"))
STATUSES: tuple[str, ...] = get_args(Status)
MOST_CHANGED = 500
"""If more runs have changed since the last request, all runs are read."""

DAYS, DAY_MS = 30, 86_400_000
NO_RUNS: dict[str, Any] = {"runs": 0, "by_status": {}, "last_activity": None, "days": [0] * DAYS}
NOBODY = -1
"""The code of the experiment of a row whose run is not active any more."""


class HomeRows:
    """One row for each active run of a workspace. A request reads only the runs that have changed since the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cursor: str | None = None

    def facts(self, views: RunViews, experiment_ids: Sequence[str], now: int) -> dict[str, dict[str, Any]]:
        """Return facts about the runs of each experiment that has runs, by id.

        `days` is the number of runs that started on each of the last 30 days, the last of them today, in UTC.

        Args:
            views: the reads of the workspace.
            experiment_ids: the ids of all experiments.
            now: the present time in milliseconds since 1970 UTC.
        """
        with self._lock:
            self._update(views, experiment_ids)
            return self._facts(now)

    def _update(self, views: RunViews, experiment_ids: Sequence[str]) -> None:
        changes = views.get_changes(self._cursor)
        ids = changes.created + changes.runs
        is_small = changes.is_complete and not changes.experiments and len(ids) <= MOST_CHANGED
        if self._cursor is None or not is_small:
            self._fill(views.get_columns(RunQuery(tuple(experiment_ids)), COLUMNS))
        elif ids or changes.removed:
            chosen = (Comparison("attribute", "run_id", "IN", ids),)
            self._take(ids + changes.removed, views.get_columns(RunQuery(tuple(experiment_ids), chosen), COLUMNS))
        self._cursor = changes.cursor

    def _fill(self, found: RunColumns) -> None:
        self._experiments: list[str] = []
        self._rows = {id: row for row, id in enumerate(found.ids)}
        self._columns = self._coded(found)

    def _take(self, ids: Sequence[str], found: RunColumns) -> None:
        """Replace the rows of some runs. Runs that were not found are not active any more."""
        new = [id for id in found.ids if id not in self._rows]
        self._rows.update({id: len(self._rows) + number for number, id in enumerate(new)})
        gone = [self._rows[id] for id in ids if id in self._rows]
        rows = [self._rows[id] for id in found.ids]
        for at, column in enumerate(self._coded(found)):
            grown = numpy.concatenate([self._columns[at], numpy.zeros(len(new), column.dtype)])
            if at == 0:
                grown[gone] = NOBODY
            grown[rows] = column
            self._columns[at] = grown

    def _coded(self, found: RunColumns) -> list[Array]:
        """Return the codes of experiments and of statuses, the start times and the times of the last activity."""
        experiment, status, start, end = found.columns
        assert isinstance(experiment, Texts) and isinstance(status, Texts)
        assert isinstance(start, Numbers) and isinstance(end, Numbers)
        self._experiments += [str(id) for id in experiment.words if id not in self._experiments]
        codes = numpy.array([self._experiments.index(str(id)) for id in experiment.words], numpy.int64)
        statuses = numpy.array([STATUSES.index(str(word)) for word in status.words], numpy.int64)
        empty = numpy.empty(0, numpy.int64)
        return [
            codes[experiment.codes] if len(codes) else empty,
            statuses[status.codes] if len(statuses) else empty,
            start.values,
            numpy.fmax(start.values, end.values),
        ]

    def _facts(self, now: int) -> dict[str, dict[str, Any]]:
        active = self._columns[0] != NOBODY
        experiment, status, start, last = (column[active] for column in self._columns)
        size = len(self._experiments)
        counts = _table(experiment, status, size, len(STATUSES))
        today = now // DAY_MS
        day = numpy.where(numpy.isnan(start), -1, today - numpy.nan_to_num(start) // DAY_MS)
        recent = (day >= 0) & (day < DAYS)
        days = _table(experiment[recent], DAYS - 1 - day[recent].astype(numpy.int64), size, DAYS)
        latest = numpy.full(size, -numpy.inf)
        numpy.maximum.at(latest, experiment, numpy.nan_to_num(last, nan=-numpy.inf))
        return {
            id: {
                "runs": int(counts[code].sum()),
                "by_status": {word: int(count) for word, count in zip(STATUSES, counts[code], strict=True) if count},
                "last_activity": int(latest[code]) if numpy.isfinite(latest[code]) else None,
                "days": days[code].tolist(),
            }
            for code, id in enumerate(self._experiments)
            if counts[code].any()
        }


def _table(rows: Array, columns: Array, height: int, width: int) -> Array:
    """Return how often each pair of a row and a column occurs."""
    return numpy.bincount(rows * width + columns, minlength=height * width).reshape(height, width)
