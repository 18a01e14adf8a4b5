"""Views in SQL. Each method opens a transaction and calls functions that run SQL in this transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bridge.store.views import RunViews

if TYPE_CHECKING:
    from bridge.records.page import Page
    from bridge.records.search import RunQuery
    from bridge.records.series import Series, SeriesRecord
    from bridge.records.views import (
        Changes,
        Column,
        KeyEntity,
        KeyRecord,
        RunColumns,
        RunGroup,
        SampledSeries,
        SeriesSummary,
    )
    from bridge.store.sql.database import Database


class SqlViews(RunViews):
    """Views of the runs in a SQL database. A method imports the modules that it needs, because some load numpy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get_columns(
        self, query: RunQuery, columns: Sequence[Column], offset: int = 0, limit: int | None = None
    ) -> RunColumns:
        from bridge.store.sql.views.tables import read_table
        from bridge.store.view_arguments import check_limits

        check_limits(offset, limit)
        with self._database.read() as c:
            c.prepare_for_searches()
            return read_table(c, query, columns, offset, limit)

    def list_keys(
        self,
        experiment_ids: Sequence[str],
        entity: KeyEntity | None = None,
        prefix: str = "",
        limit: int = 500,
        page_token: str | None = None,
    ) -> Page[KeyRecord]:
        from bridge.store.sql.views.keys import list_keys
        from bridge.store.view_arguments import check_limits

        check_limits(0, limit, least=1)
        with self._database.read() as c:
            c.prepare_for_searches()
            return list_keys(c, experiment_ids, entity, prefix, limit, page_token)

    def count_runs(self, query: RunQuery, by: Column | None = None) -> list[tuple[str | float | None, int]]:
        from bridge.store.sql.views.whole import count_in_sql

        with self._database.read() as c:
            c.prepare_for_searches()
            counts = count_in_sql(c, query, by)
            if counts is not None:
                return counts
            from bridge.store.sql.views.groups import count_matches

            return count_matches(c, query, by)

    def group_runs(
        self, query: RunQuery, by: Sequence[Column], of: Sequence[Column], limit: int = 1000
    ) -> list[RunGroup]:
        from bridge.store.sql.views.groups import group
        from bridge.store.view_arguments import check_groups

        check_groups(by, of, limit)
        with self._database.read() as c:
            c.prepare_for_searches()
            return group(c, query, by, of, limit)

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
        from bridge.store.sql.views.samples import sample
        from bridge.store.view_arguments import check_buckets

        check_buckets(buckets, x, low, high)
        with self._database.read() as c:
            return sample(c, run_ids, keys, buckets, x, low, high, groups)

    def list_series(self, run_id: str) -> list[SeriesSummary]:
        from bridge.store.sql.views.summaries import list_series

        with self._database.read() as c:
            return list_series(c, run_id)

    def get_tail(self, series: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], list[SeriesRecord]]:
        from bridge.store.sql.views.tails import read_tails

        with self._database.read() as c:
            return read_tails(c, series)

    def get_history(self, run_id: str, key: str, offset: int = 0, limit: int | None = None) -> Series:
        from bridge.store.sql.views.histories import read_history
        from bridge.store.view_arguments import check_limits, end_of

        check_limits(offset, limit)
        with self._database.read() as c:
            return read_history(c, run_id, key, offset, end_of(offset, limit))

    def get_changes(
        self, cursor: str | None = None, experiment_ids: Sequence[str] = (), run_ids: Sequence[str] = ()
    ) -> Changes:
        from bridge.store.sql.views.changes import changes_since

        with self._database.read() as c:
            return changes_since(c, cursor, experiment_ids, run_ids)
