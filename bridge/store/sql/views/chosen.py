"""The runs that a view shows, and the indexes of their values in arrays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy

from bridge.store.sql.search import search_run_keys
from bridge.store.sql.statements import chunks, marks_for

if TYPE_CHECKING:
    from bridge.records.search import RunQuery
    from bridge.store.sql.connection import Connection

    Array = numpy.ndarray[Any, Any]

SCAN_SHARE = 4
"""If less than one in this number of runs is shown, each shown run is looked up. Else all values of a name are read."""

DENSE = 16
"""The greatest number of entries for each shown run in a table that contains the index of each run."""

FACTS = ("id", "number", "experiment")


class Chosen:
    """Runs in the order of a view.

    Args:
        c: the connection.
        keys: the integer keys of the runs, in order.
        columns: further columns of the table `run` to read.

    Attributes:
        keys: the same keys, as an int64 array.
        listed: the same keys, as a JSON list for SQL.
        facts: the values of each column, in the order of the runs. The columns are `FACTS` and those in `columns`.
        experiments: the ids of the experiments of the runs.
        is_scanned: whether values are best found by reading all values of a name.
    """

    def __init__(self, c: Connection, keys: Sequence[int], columns: Sequence[str] = ()) -> None:
        self.keys: Array = numpy.array(keys, dtype=numpy.int64)
        self.listed = json.dumps(list(keys))
        self.facts = _facts(c, self.listed, (*FACTS, *columns))
        self.experiments: list[int] = sorted(set(self.facts["experiment"]))
        self.is_scanned = len(keys) * SCAN_SHARE >= _runs_of(c, self.experiments)
        self._make_table()

    def _make_table(self) -> None:
        count = len(self.keys)
        self._least = int(self.keys.min()) if count else 0
        span = int(self.keys.max()) - self._least + 1 if count else 0
        self._table: Array | None = None
        if span <= DENSE * count:
            self._table = numpy.full(span, -1, dtype=numpy.int64)
            self._table[self.keys - self._least] = numpy.arange(count)
        else:
            self._order = numpy.argsort(self.keys)
            self._sorted = self.keys[self._order]

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, runs: Array) -> tuple[Array, Array]:
        """Return which of these runs are shown, as a bool array, and the indexes of the shown ones."""
        if self._table is None:
            at = numpy.minimum(numpy.searchsorted(self._sorted, runs), len(self._sorted) - 1)
            shown = self._sorted[at] == runs
            return shown, self._order[at[shown]]
        at = runs - self._least
        shown = (at >= 0) & (at < len(self._table))
        found = self._table[at[shown]]
        shown[shown] = found >= 0
        return shown, found[found >= 0]


def _facts(c: Connection, listed: str, columns: Sequence[str]) -> dict[str, Sequence[Any]]:
    # In a cross join, SQLite reads the runs in the order of the list.
    source = "json_each(?) j CROSS JOIN run r ON r.key = j.value"
    rows = c.execute(f"SELECT {', '.join(f'r.{name}' for name in columns)} FROM {source}", (listed,)).fetchall()
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    return dict(zip(columns, values, strict=True))


def matching_keys(c: Connection, query: RunQuery) -> list[int]:
    """Return the keys of all runs that match a query, in the query's order."""
    return search_run_keys(c, replace(query, max_results=None, page_token=None))[0]


def _runs_of(c: Connection, experiments: Sequence[int]) -> int:
    """Return the number of runs that were created in experiments. Purged runs count too."""
    return sum(
        c.execute(f"SELECT sum(runs) FROM experiment WHERE id IN ({marks_for(some)})", some).fetchone()[0]
        for some in chunks(experiments)
    )
