"""The runs that a view shows, and the indexes of their values in arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from bridge.store.sql.statements import chunks, marks_for
from bridge.store.sql.views.whole import experiments_of

if TYPE_CHECKING:
    from bridge.records.search import RunQuery
    from bridge.store.sql.connection import Connection

    Array = numpy.ndarray[Any, Any]

SCAN_SHARE = 4
"""If less than one in this number of runs is shown, each shown run is looked up. Else all values of a name are read."""

DENSE = 16
"""The greatest number of entries for each shown run in a table that contains the index of each run."""


class Chosen:
    """Runs in the order of a view.

    Args:
        c: the connection.
        query: the query that the runs match.
        keys: the integer keys of the runs, in order, as an int64 array.

    Attributes:
        experiments: the ids of experiments that contain all these runs.
        is_scanned: whether values are best found by reading all values of a name.
        are_waiting: whether the index of values lacks the latest values of many runs, which wait for it.
    """

    def __init__(self, c: Connection, query: RunQuery, keys: Array) -> None:
        self._keys = keys
        self._listed: str | None = None
        self._least = int(keys.min()) if len(keys) else 0
        self._table = self._make_table()
        self.experiments = _experiments(c, query, self) if len(keys) else []
        self.is_scanned = len(keys) * SCAN_SHARE >= runs_of(c, self.experiments)
        self.are_waiting = are_waiting(c, len(keys) // SCAN_SHARE)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def listed(self) -> str:
        """The keys, as a JSON list for SQL."""
        # This is no `cached_property`, because of its lock: see `bridge.store.workspace_stores`.
        if self._listed is None:
            self._listed = listed(self._keys)
        return self._listed

    def _make_table(self) -> Array | None:
        """Return the index of each run, for keys from the least one; None if this table would be large."""
        span = int(self._keys.max()) - self._least + 1 if len(self) else 0
        if span > DENSE * len(self):
            return None
        table = numpy.full(span, -1, dtype=numpy.int64)
        table[self._keys - self._least] = numpy.arange(len(self))
        return table

    def find(self, runs: Array) -> tuple[Array, Array]:
        """Return which of these runs are shown, as a bool array, and the indexes of the shown ones."""
        if self._table is None:
            order = numpy.argsort(self._keys)
            at = numpy.minimum(numpy.searchsorted(self._keys, runs, sorter=order), len(order) - 1)
            shown = self._keys[order[at]] == runs
            return shown, order[at[shown]]
        at = runs - self._least
        shown = (at >= 0) & (at < len(self._table))
        found = self._table[at[shown]]
        shown[shown] = found >= 0
        return shown, found[found >= 0]


def listed(keys: Array) -> str:
    """Return keys as a JSON list for SQL."""
    return f"[{','.join(map(str, keys.tolist()))}]"


def keys_of_texts(texts: Iterable[str | None]) -> Array:
    """Return the keys of runs in texts that `group_concat` has made.

    SQLite returns one text with all keys about five times as fast as one row for each key.
    """
    return numpy.fromstring(",".join(text for text in texts if text), dtype=numpy.int64, sep=",")


def read_facts(c: Connection, runs: Chosen, columns: Sequence[str]) -> dict[str, Sequence[Any]]:
    """Return the values of columns of the table `run`, in the order of the runs."""
    # In a cross join, SQLite reads the runs in the order of the list.
    source = "json_each(?) j CROSS JOIN run r ON r.key = j.value"
    selected = ", ".join(f"r.{name}" for name in columns)
    rows = c.execute(f"SELECT {selected} FROM {source}", (runs.listed,)).fetchall() if columns else []
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    return dict(zip(columns, values, strict=True))


def _experiments(c: Connection, query: RunQuery, runs: Chosen) -> list[int]:
    if query.experiment_ids:
        return experiments_of(query)
    sql = "SELECT DISTINCT r.experiment FROM json_each(?) j CROSS JOIN run r ON r.key = j.value"
    return [row[0] for row in c.execute(sql, (runs.listed,)).fetchall()]


def are_waiting(c: Connection, most: int) -> bool:
    """Return whether more than `most` runs are in the table `waiting`."""
    return c.execute("SELECT 1 FROM waiting LIMIT 1 OFFSET ?", (most,)).fetchone() is not None


def runs_of(c: Connection, experiments: Sequence[int]) -> int:
    """Return the number of runs that were created in experiments. Purged runs count too."""
    return sum(
        c.execute(f"SELECT coalesce(sum(runs), 0) FROM experiment WHERE id IN ({marks_for(some)})", some).fetchone()[0]
        for some in chunks(experiments)
    )
