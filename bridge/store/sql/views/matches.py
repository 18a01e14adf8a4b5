"""The runs that match a query, when all of them are wanted.

A search finds the first runs of very many. If all matching runs are wanted, it is faster to evaluate each condition for
all runs of the experiments together, with columns and with ranges of indexes. This also sorts them faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy

from bridge.records.comparators import COMPARE
from bridge.records.series import BIG
from bridge.records.views import Column, Numbers, Texts
from bridge.store.sql.names import PARAM
from bridge.store.sql.search.runs import search_run_keys
from bridge.store.sql.statements import in_chunks
from bridge.store.sql.views.chosen import (
    SCAN_SHARE,
    Chosen,
    are_waiting,
    keys_of_texts,
    listed,
    read_facts,
    runs_of,
)
from bridge.store.sql.views.columns import facts_for, read_columns
from bridge.store.sql.views.labels import CUT, LABELS, WITH_NUL
from bridge.store.sql.views.metrics import names_of
from bridge.store.sql.views.whole import experiments_of

if TYPE_CHECKING:
    from bridge.records.search import Comparison, Ordering, RunQuery
    from bridge.store.sql.connection import Connection

    Array = numpy.ndarray[Any, Any]

MOST_RUNS = 50_000
"""If the experiments have more runs, a search finds the matching ones, because few of them usually match."""

DEFAULT_ORDER = "ORDER BY r.start_time DESC NULLS LAST, r.id"
ORDERED = f"SELECT r.key FROM run r WHERE {{shown}} {DEFAULT_ORDER}"
# In a cross join, SQLite looks up each run of the list.
LOOK_UP = f"SELECT r.key FROM json_each(?) j CROSS JOIN run r ON r.key = j.value WHERE {{shown}} {DEFAULT_ORDER}"
KEY = numpy.dtype([("key", "i8")])
RANGES = ("<", "<=", ">", ">=", "=")
INDEXED = "SELECT group_concat(run) FROM series WHERE name = ? AND indexed {} ? AND indexed < 9e999"
WAITING = "SELECT s.run, s.latest_value {} ? FROM waiting w CROSS JOIN series s ON s.run = w.run AND s.name = ?"
OF_IDS = "SELECT key FROM run WHERE id IN ({})"
EQUAL = "SELECT group_concat(run) FROM label WHERE name = ? AND prefix = ?"


def matching_keys(c: Connection, query: RunQuery) -> Array:
    """Return the keys of all runs that match a query, in the query's order."""
    count = runs_of(c, experiments_of(query))
    if not _is_supported(query) or count > MOST_RUNS:
        found, _ = search_run_keys(c, replace(query, max_results=None, page_token=None))
        return numpy.array(found, dtype=numpy.int64)
    if not query.filter:
        return _sorted(c, query, _all_in_order(c, query))
    # The order of the start times comes after the filter, because few runs may match.
    return _sorted(c, query, _in_order(c, query, _filtered(c, query, count), count))


def unordered_keys(c: Connection, query: RunQuery) -> Array:
    """Return the keys of all runs that match a query, in any order."""
    return _all_keys(c, query) if query.is_whole else matching_keys(c, query)


def _is_supported(query: RunQuery) -> bool:
    parts = [(one.entity, one.key) for one in query.filter] + [(one.entity, one.key) for one in query.order]
    return (
        query.below is None
        and query.of_type is None
        and all(entity != "dataset" and not (entity == "attribute" and key.endswith("_time")) for entity, key in parts)
        and not any(ordering.ranks for ordering in query.order)
    )


def _stages(query: RunQuery) -> Sequence[str]:
    return ("active", "deleted") if query.view == "all" else (query.view,)


def _all_keys(c: Connection, query: RunQuery) -> Array:
    """Return the keys of all runs of the experiments, in any order."""
    sql = "SELECT group_concat(key) FROM run WHERE experiment = ? AND stage = ?"
    return keys_of_texts(c.execute(sql, one).fetchone()[0] for one in product(experiments_of(query), _stages(query)))


def _all_in_order(c: Connection, query: RunQuery) -> Array:
    """Return the keys of all runs of the experiments, in the default order."""
    rows = c.execute(ORDERED.format(shown=_is_shown(query))).fetchall()
    return numpy.fromiter(rows, KEY, len(rows))["key"]


def _in_order(c: Connection, query: RunQuery, keys: Array, count: int) -> Array:
    """Return those of the runs that the experiments show, in the default order. The experiments have `count` runs."""
    if len(keys) * SCAN_SHARE < count:
        rows = c.execute(LOOK_UP.format(shown=_is_shown(query)), (listed(keys),)).fetchall()
        return numpy.fromiter(rows, KEY, len(rows))["key"]
    whole = _all_in_order(c, query)
    return whole[numpy.isin(whole, keys)]


def _is_shown(query: RunQuery) -> str:
    """Return the condition that a run is in an experiment and a lifecycle stage of a query."""
    experiments, stages = ", ".join(map(str, experiments_of(query))), ", ".join(map(repr, _stages(query)))
    return f"r.experiment IN ({experiments}) AND r.stage IN ({stages})"


# Conditions


def _filtered(c: Connection, query: RunQuery, count: int) -> Array:
    """Return the keys of the runs that meet all conditions. They include runs that the query does not show.

    `count` is the number of runs of the experiments.
    """
    found = [_from_index(c, query, count, clause) for clause in query.filter]
    indexed = [keys for keys in found if keys is not None]
    keys = reduce(numpy.intersect1d, indexed) if indexed else _all_keys(c, query)
    runs = Chosen(c, query, keys)
    met = numpy.ones(len(runs), dtype=bool)
    for clause, own in zip(query.filter, found, strict=True):
        if own is None:
            met &= _meets(c, runs, clause)
    return keys[met]


def _from_index(c: Connection, query: RunQuery, count: int, clause: Comparison) -> Array | None:
    """Return the sorted keys of the runs that meet a condition, or None if no index has them."""
    experiments = experiments_of(query)
    if (clause.entity, clause.key) == ("attribute", "run_id") and clause.comparator in ("=", "IN"):
        return _with_ids(c, clause)
    if clause.comparator in RANGES and clause.entity == "metric":
        names = names_of(c, experiments, Column("metric", clause.key))
        is_plain = len(names) == len({name.experiment for name in names})
        if is_plain and not are_waiting(c, count // SCAN_SHARE):
            return _union(_in_range(c, name.id, clause) for name in names)
    if clause.comparator == "=" and clause.entity == "param" and len(str(clause.operand)) < CUT:
        params = in_chunks(c, LABELS, experiments, (PARAM, clause.key))
        return _union(_with_param(c, name, clause) for (name,) in params)
    return None


def _with_ids(c: Connection, clause: Comparison) -> Array:
    """Return the runs with one of the ids of a condition, in any experiment."""
    ids: Any = [clause.operand] if clause.comparator == "=" else clause.operand
    return numpy.array(sorted({key for (key,) in in_chunks(c, OF_IDS, ids)}), dtype=numpy.int64)


def _union(parts: Iterable[Array]) -> Array:
    return numpy.unique(numpy.concatenate([numpy.empty(0, dtype=numpy.int64), *parts]))


def _in_range(c: Connection, name: int, clause: Comparison) -> Array:
    """Return the runs that have a metric in a range. The index may have old values of runs in the table `waiting`."""
    # SQLite stores an operand NaN as NULL, which compares with nothing.
    text = c.execute(INDEXED.format(clause.comparator), (name, clause.operand)).fetchone()[0]
    waiting = c.execute(WAITING.format(clause.comparator), (clause.operand, name)).fetchall()
    return _corrected(keys_of_texts([text]), waiting)


def _with_param(c: Connection, name: int, clause: Comparison) -> Array:
    text = c.execute(EQUAL, (name, clause.operand)).fetchone()[0]
    with_nul = c.execute(WITH_NUL, (name,)).fetchall()
    return _corrected(keys_of_texts([text]), [(run, value == clause.operand) for value, run in with_nul])


def _corrected(keys: Array, rows: Sequence[tuple[int, Any]]) -> Array:
    """Return keys of runs, corrected by pairs of the key of a run and whether the run meets the condition."""
    if not rows:
        return keys
    meeting = numpy.array([run for run, meets in rows if meets], dtype=numpy.int64)
    return numpy.concatenate([keys[~numpy.isin(keys, [run for run, _ in rows])], meeting])


def _meets(c: Connection, runs: Chosen, clause: Comparison) -> Array:
    """Return which runs meet a condition."""
    (column,) = _columns(c, runs, clause)
    if clause.comparator == "IS NULL":
        return ~column.present
    if clause.comparator == "IS NOT NULL":
        return column.present
    if isinstance(column, Numbers):
        return column.present & _compared(numpy.clip(column.values, -BIG, BIG), clause)
    compare: Any = COMPARE[clause.comparator]
    operand = frozenset(clause.operand) if isinstance(clause.operand, tuple) else clause.operand
    met = [word is not None and bool(compare(word, operand)) for word in column.words]
    found: Array = column.present & numpy.array(met or [False], dtype=bool)[column.codes]
    return found


def _compared(values: Array, clause: Comparison) -> Array:
    compare: Any = COMPARE[clause.comparator]
    found: Array = compare(values, clause.operand)
    return found


def _columns(c: Connection, runs: Chosen, part: Comparison | Ordering) -> tuple[Numbers | Texts, ...]:
    entity: Any = part.entity
    columns = [Column(entity, part.key)]
    return read_columns(c, runs, columns, read_facts(c, runs, facts_for(columns)))


# Orders


def _sorted(c: Connection, query: RunQuery, keys: Array) -> Array:
    """Return the keys of runs, which are in the default order, in the query's order."""
    if not query.order:
        return keys
    runs = Chosen(c, query, keys)
    ranks: list[Array] = []
    for ordering in reversed(query.order):
        (column,) = _columns(c, runs, ordering)
        ranks += _ranks(column, ordering.ascending)
    return keys[numpy.lexsort(ranks)]


def _ranks(column: Numbers | Texts, ascending: bool) -> list[Array]:
    """Return the values of a column as numbers, and a second array that puts NaN, and then missing values, last."""
    if isinstance(column, Numbers):
        is_nan = numpy.isnan(column.values)
        values = numpy.where(is_nan, 0.0, numpy.clip(column.values, -BIG, BIG))
        return [values if ascending else -values, numpy.where(column.present, is_nan.astype(int), 2)]
    ranks = {word: rank for rank, word in enumerate(sorted(word for word in column.words if word is not None))}
    by_code = numpy.array([-1 if word is None else ranks[word] for word in column.words] or [-1])
    values = numpy.where(column.present, by_code[column.codes], -1)
    return [values if ascending else -values, values < 0]
