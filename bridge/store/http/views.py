"""Reads for tables and charts that a server answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bridge.store.http.parts import history_in_pages, in_parts
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
        RunMatches,
        SampledSeries,
        SeriesSummary,
    )


class HttpViews(RunViews):
    """The views of a workspace on a server.

    Args:
        call: calls a method of the server.
    """

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def get_columns(
        self, query: RunQuery, columns: Sequence[Column], offset: int = 0, limit: int | None = None
    ) -> RunColumns:
        found: RunColumns = self._call("get_columns", query=query, columns=columns, offset=offset, limit=limit)
        return found

    def match(self, query: RunQuery) -> RunMatches:
        found: RunMatches = self._call("match", query=query)
        return found

    def list_keys(
        self,
        experiment_ids: Sequence[str],
        entity: KeyEntity | None = None,
        prefix: str = "",
        limit: int = 500,
        page_token: str | None = None,
    ) -> Page[KeyRecord]:
        found: Page[KeyRecord] = self._call(
            "list_keys",
            experiment_ids=experiment_ids,
            entity=entity,
            prefix=prefix,
            limit=limit,
            page_token=page_token,
        )
        return found

    def count_runs(self, query: RunQuery, by: Column | None = None) -> list[tuple[str | float | None, int]]:
        found: list[tuple[str | float | None, int]] = self._call("count_runs", query=query, by=by)
        return found

    def group_runs(
        self, query: RunQuery, by: Sequence[Column], of: Sequence[Column], limit: int = 1000
    ) -> list[RunGroup]:
        found: list[RunGroup] = self._call("group_runs", query=query, by=by, of=of, limit=limit)
        return found

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
        found: list[SampledSeries] = self._call(
            "sample_series", run_ids=run_ids, keys=keys, buckets=buckets, x=x, low=low, high=high, groups=groups
        )
        return found

    def list_series(self, run_id: str) -> list[SeriesSummary]:
        found: list[SeriesSummary] = self._call("list_series", run_id=run_id)
        return found

    def get_tail(self, series: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], list[SeriesRecord]]:
        return in_parts(list(series.items()), lambda some: self._call("get_tail", series=dict(some)))

    def get_history(self, run_id: str, key: str, offset: int = 0, limit: int | None = None) -> Series:
        def read(start: int, most: int | None) -> Series:
            found: Series = self._call("get_history", run_id=run_id, key=key, offset=start, limit=most)
            return found

        return history_in_pages(offset, limit, read)

    def get_changes(
        self, cursor: str | None = None, experiment_ids: Sequence[str] = (), run_ids: Sequence[str] = ()
    ) -> Changes:
        found: Changes = self._call("get_changes", cursor=cursor, experiment_ids=experiment_ids, run_ids=run_ids)
        return found
