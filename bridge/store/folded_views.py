"""Views of a journaled store: each read folds first, so that it sees all points in the journals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from bridge.store.packages import check_package
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


class FoldedViews(RunViews):
    """Views that copy new points from the journals into the database before each read.

    Args:
        inner: the views of the database.
        fold: copies all points that are in the journals into the database.
    """

    def __init__(self, inner: RunViews, fold: Callable[[], None]) -> None:
        self._inner, self._fold = inner, fold

    def _folded(self) -> RunViews:
        check_package("numpy", "reading metrics")
        self._fold()
        return self._inner

    def get_columns(
        self, query: RunQuery, columns: Sequence[Column], offset: int = 0, limit: int | None = None
    ) -> RunColumns:
        return self._folded().get_columns(query, columns, offset, limit)

    def list_keys(
        self,
        experiment_ids: Sequence[str],
        entity: KeyEntity | None = None,
        prefix: str = "",
        limit: int = 500,
        page_token: str | None = None,
    ) -> Page[KeyRecord]:
        return self._folded().list_keys(experiment_ids, entity, prefix, limit, page_token)

    def count_runs(self, query: RunQuery, by: Column | None = None) -> list[tuple[str | float | None, int]]:
        # No point changes how many runs an experiment has, so nothing is folded to count them all.
        return (self._inner if query.is_whole and by is None else self._folded()).count_runs(query, by)

    def group_runs(
        self, query: RunQuery, by: Sequence[Column], of: Sequence[Column], limit: int = 1000
    ) -> list[RunGroup]:
        return self._folded().group_runs(query, by, of, limit)

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
        return self._folded().sample_series(run_ids, keys, buckets, x, low, high, groups)

    def list_series(self, run_id: str) -> list[SeriesSummary]:
        return self._folded().list_series(run_id)

    def get_tail(self, series: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], list[SeriesRecord]]:
        return self._folded().get_tail(series)

    def get_history(self, run_id: str, key: str, offset: int = 0, limit: int | None = None) -> Series:
        return self._folded().get_history(run_id, key, offset, limit)

    def get_changes(
        self, cursor: str | None = None, experiment_ids: Sequence[str] = (), run_ids: Sequence[str] = ()
    ) -> Changes:
        return self._folded().get_changes(cursor, experiment_ids, run_ids)
