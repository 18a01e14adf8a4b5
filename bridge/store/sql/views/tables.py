"""Tables of runs: the chosen columns of the runs that match a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy

from bridge.records.views import Column, RunColumns
from bridge.store.sql.time_limit import count_bytes
from bridge.store.sql.views.chosen import Chosen, read_facts
from bridge.store.sql.views.columns import facts_for, read_columns
from bridge.store.sql.views.matches import matching_keys
from bridge.store.view_arguments import end_of

if TYPE_CHECKING:
    from bridge.records.search import RunQuery
    from bridge.store.sql.connection import Connection


RUN_BYTES, CELL_BYTES = 200, 16
"""The memory of a run of a table, and of each of its cells that is a number."""


def read_table(
    c: Connection, query: RunQuery, columns: Sequence[Column], offset: int = 0, limit: int | None = None
) -> RunColumns:
    """Return columns of the runs that match a query. See `RunViews.get_columns`."""
    keys = matching_keys(c, query)
    runs = Chosen(c, query, keys[offset : end_of(offset, limit)])
    count_bytes(len(keys[offset : end_of(offset, limit)]) * (RUN_BYTES + CELL_BYTES * len(columns)))
    facts = read_facts(c, runs, list(dict.fromkeys(["id", "number", *facts_for(columns)])))
    return RunColumns(
        tuple(facts["id"]),
        numpy.array(facts["number"], dtype=numpy.int64),
        len(keys),
        read_columns(c, runs, columns, facts),
    )
