"""Views that are computed from whole records and series: slow, but possible with every backend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bridge.records.page import Page
from bridge.records.search import RunQuery
from bridge.records.series import Series
from bridge.records.views import (
    FIRST_IDS,
    Changes,
    Column,
    KeyEntity,
    KeyRecord,
    RunColumns,
    RunGroup,
    SampledSeries,
    SeriesSummary,
)
from bridge.store.history import mlflow_history
from bridge.store.record_views.changes import changes_between
from bridge.store.record_views.columns import as_array, plain_value, spread_of, value_of
from bridge.store.record_views.keys import keys_of
from bridge.store.record_views.samples import sample
from bridge.store.record_views.series import after, has_name, summary_of
from bridge.store.view_arguments import (
    by_frequency,
    check_buckets,
    check_groups,
    check_limits,
    end_of,
    key_page,
    name_of,
)
from bridge.store.views import RunViews

if TYPE_CHECKING:
    from bridge.records.run import RunRecord
    from bridge.records.series import SeriesRecord
    from bridge.store.backend import Backend

FROM_RECORD = ("last", "step")
"""The statistics that the record of a run contains. The others are computed from all points."""


class RecordViews(RunViews):
    """Views of the runs of a backend, computed from what its other interfaces return.

    Tests compare faster implementations with this one.
    A cursor of `get_changes` contains a checksum of each run and experiment.
    """

    def __init__(self, store: Backend) -> None:
        self._store = store

    def get_columns(
        self, query: RunQuery, columns: Sequence[Column], offset: int = 0, limit: int | None = None
    ) -> RunColumns:
        import numpy

        check_limits(offset, limit)
        found = self._search(query)
        shown = found[offset : end_of(offset, limit)]
        table = self._values(shown, columns)
        return RunColumns(
            tuple(record.id for record in shown),
            numpy.array([record.number for record in shown], dtype=numpy.int64),
            len(found),
            tuple(as_array(column, [row[at] for row in table]) for at, column in enumerate(columns)),
        )

    def list_keys(
        self,
        experiment_ids: Sequence[str],
        entity: KeyEntity | None = None,
        prefix: str = "",
        limit: int = 500,
        page_token: str | None = None,
    ) -> Page[KeyRecord]:
        check_limits(0, limit, least=1)
        records = self._search(RunQuery(tuple(experiment_ids), view="all"))
        series = self._store.get_series_of([record.id for record in records])
        keys = keys_of((record, series.get(record.id, [])) for record in records)
        chosen = [key for key in keys if entity in (None, key.entity) and key.key.startswith(prefix)]
        return key_page(sorted(chosen, key=name_of), limit, page_token)

    def count_runs(self, query: RunQuery, by: Column | None = None) -> list[tuple[str | float | None, int]]:
        records = self._search(query)
        if by is None:
            return [(None, len(records))]
        return by_frequency(Counter(plain_value(row[0]) for row in self._values(records, [by])))

    def group_runs(
        self, query: RunQuery, by: Sequence[Column], of: Sequence[Column], limit: int = 1000
    ) -> list[RunGroup]:
        check_groups(by, of, limit)
        records = self._search(query)
        members: dict[tuple[Any, ...], list[int]] = {}
        for at, row in enumerate(self._values(records, by)):
            members.setdefault(tuple(plain_value(value) for value in row), []).append(at)
        table = self._values(records, of)
        return [
            RunGroup(
                values,
                len(own),
                tuple(records[at].id for at in own[:FIRST_IDS]),
                tuple(spread_of([value for row in own for value in table[row][at]]) for at in range(len(of))),
            )
            for values, own in list(members.items())[:limit]
        ]

    def sample_series(
        self,
        run_ids: Sequence[str],
        keys: Sequence[str],
        buckets: int,
        x: str = "step",
        low: float | None = None,
        high: float | None = None,
        groups: Mapping[str, str] | None = None,
    ) -> list[SampledSeries]:
        check_buckets(buckets, x, low, high)
        records = self._store.get_runs(run_ids, latest=False)
        runs = [(record, self._store.get_series_of([record.id])[record.id]) for record in records.values()]
        return [one for key in keys for one in sample(runs, key, buckets, x, low, high, groups)]

    def list_series(self, run_id: str) -> list[SeriesSummary]:
        return [summary_of(record) for record in self._store.get_series_of([run_id]).get(run_id, [])]

    def get_tail(self, series: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], list[SeriesRecord]]:
        found = self._store.get_series_of([run_id for run_id, _ in series])
        tails = {
            (run_id, key): [tail for one in found.get(run_id, []) if one.key == key and (tail := after(one, position))]
            for (run_id, key), position in series.items()
        }
        return {name: records for name, records in tails.items() if records}

    def get_history(self, run_id: str, key: str, offset: int = 0, limit: int | None = None) -> Series:
        check_limits(offset, limit)
        records = self._store.get_series_of([run_id]).get(run_id, [])
        history = mlflow_history([record for record in records if has_name(record, key)])
        return Series(*(column[offset : end_of(offset, limit)] for column in history))

    def get_changes(
        self, cursor: str | None = None, experiment_ids: Sequence[str] = (), run_ids: Sequence[str] = ()
    ) -> Changes:
        return changes_between(cursor, self._store, experiment_ids, run_ids)

    def _search(self, query: RunQuery) -> tuple[RunRecord, ...]:
        return self._store.search_runs(replace(query, max_results=None, page_token=None)).items

    def _values(self, records: Sequence[RunRecord], columns: Sequence[Column]) -> list[list[tuple[Any, ...]]]:
        """Return the values of columns, one row for each record. A value is a tuple with one element, or empty."""
        ids = [record.id for record in records]
        deep = any(column.entity == "metric" and column.statistic not in FROM_RECORD for column in columns)
        series = self._store.get_series_of(ids) if deep else {}
        return [[value_of(column, record, series.get(record.id, [])) for column in columns] for record in records]
