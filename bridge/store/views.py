"""The interface of reads for tables and charts: chosen values of many runs instead of whole records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

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


class RunViews(ABC):
    """Reads for tables and charts of the runs in a tracking store. No method changes anything.

    Every method may be called from any thread.
    A method sees everything that was stored or logged before the call, as the reads of the `TrackingStore` do.
    Experiments and runs that do not exist are skipped.
    In queries, `max_results` and `page_token` are ignored.
    Arrays are numpy arrays, which the caller must not change.
    """

    @abstractmethod
    def get_columns(
        self, query: RunQuery, columns: Sequence[Column], offset: int = 0, limit: int | None = None
    ) -> RunColumns:
        """Return columns of the runs that match a query, in the query's order.

        Args:
            query: the query.
            columns: the columns. The same column may be requested twice.
            offset: the number of runs to skip at the start.
            limit: the greatest number of runs to return; None means all runs.

        Raises:
            InvalidValue: `offset` or `limit` is negative.
        """

    def match(self, query: RunQuery) -> RunMatches:
        """Return the ids and the run numbers of the runs that match a query, in the query's order."""
        from bridge.records.views import RunMatches

        found = self.get_columns(query, ())
        return RunMatches(found.ids, found.numbers)

    @abstractmethod
    def list_keys(
        self,
        experiment_ids: Sequence[str],
        entity: KeyEntity | None = None,
        prefix: str = "",
        limit: int = 500,
        page_token: str | None = None,
    ) -> Page[KeyRecord]:
        """Return the keys that runs of experiments use, by (entity, key, kind, column, value type).

        Runs of all lifecycle stages count. A key that only purged runs had is absent. Texts are sorted by code point.

        Args:
            experiment_ids: the ids of the experiments.
            entity: only keys of this entity are returned; None means all entities.
            prefix: only keys that begin with this text are returned. Upper and lower case are different.
            limit: the greatest number of keys on a page.
            page_token: the `next_token` of the page before.

        Raises:
            InvalidValue: `limit` is not positive, or the page token is not valid.
        """

    @abstractmethod
    def count_runs(self, query: RunQuery, by: Column | None = None) -> list[tuple[str | float | None, int]]:
        """Return the number of runs that match a query, for each value of a column.

        Without a column, the result is one pair of None and the number of all matching runs.
        With a column, the pairs are sorted by the number of runs, greatest first. Pairs with the same number are sorted
        by value, then NaN, then None. None stands for runs without a value, or with a tag without a value.
        """

    @abstractmethod
    def group_runs(
        self, query: RunQuery, by: Sequence[Column], of: Sequence[Column], limit: int = 1000
    ) -> list[RunGroup]:
        """Return groups of the runs that match a query. The runs of a group have the same values in some columns.

        The groups are in the order of their first runs in the query's order.
        Values that are missing are equal, and so are all NaN. A tag without a value counts as missing.

        Args:
            query: the query.
            by: the columns whose values distinguish the groups.
            of: the columns of numbers that are summarised in each group.
            limit: the greatest number of groups.

        Raises:
            InvalidValue: `by` is empty, `limit` is not positive, or a column in `of` contains texts.
        """

    @abstractmethod
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
        """Return metrics of runs in a form for charts of limited width, in the order of `keys` and then of `run_ids`.

        A key names a series like the key of a `Column` with the entity `metric`. A series without points in the range
        is absent. Only finite x are in the range.

        Args:
            run_ids: the ids of the runs.
            keys: the keys of the metrics.
            buckets: the number of buckets, at least 1.
            x: the horizontal axis. `step` is the step of a point, and `time` is its timestamp. `relative` is its
                timestamp minus the start time of its run, or minus the least timestamp of the series if the run has no
                start time. `metric:<key>` is the value of another metric of the run at the same step; if that metric
                has several points at the step, the last logged one counts, and if it has none, the point is skipped.
                Integers beyond ±2**53 are rounded to the nearest float64.
            low: points with a lesser x are skipped. If it is None, the buckets start at the least x of the key.
            high: points with a greater x are skipped. If it is None, the buckets end at the greatest x of the key.
            groups: the name of a group for each run id. One series is returned for each group that has points, in the
                order of the group's first run in `run_ids`. It always has buckets. Runs without a group are skipped.

        Raises:
            InvalidValue: `buckets` is not positive, `x` does not exist, or `low` or `high` is not finite.
        """

    @abstractmethod
    def list_series(self, run_id: str) -> list[SeriesSummary]:
        """Return facts about the series of a run without their points, in the order in which they were first logged.

        The cost does not depend on the number of points. The result is empty if the run does not exist.
        """

    @abstractmethod
    def get_tail(self, series: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], list[SeriesRecord]]:
        """Return the points of keys that come after a position, in the order of `series`.

        A series without such points is absent, and so is a key without such series.

        Args:
            series: the last known position for each pair of a run id and a key, of at most 64 bits. With -1 or less,
                all points are returned.
        """

    @abstractmethod
    def get_history(self, run_id: str, key: str, offset: int = 0, limit: int | None = None) -> Series:
        """Return a part of the history of a metric: its numbers without duplicates, by (timestamp, step, value).

        A point is a duplicate if another point has the same step, timestamp and value. For the order and the values,
        see `bridge.store.history.mlflow_history`. Scalars and columns of tables are returned together if both have the
        name `key`. The result is empty if the run or the metric does not exist.

        Args:
            run_id: the id of the run.
            key: the name of the metric, like the key of a `Column` with the entity `metric`.
            offset: the number of points to skip at the start.
            limit: the greatest number of points to return; None means all points.

        Raises:
            InvalidValue: `offset` or `limit` is negative.
        """

    @abstractmethod
    def get_changes(
        self, cursor: str | None = None, experiment_ids: Sequence[str] = (), run_ids: Sequence[str] = ()
    ) -> Changes:
        """Return the changes since a cursor.

        Which series of a run have changed is not part of the answer. `get_tail` returns their new points.

        Args:
            cursor: the `cursor` of an earlier answer. With None, the answer contains only the present cursor.
            experiment_ids: only changes of these experiments and of their runs are returned.
            run_ids: changes of these runs are returned too. If this and `experiment_ids` are empty, all changes are
                returned.

        Raises:
            InvalidValue: no answer contained the cursor.
        """
