"""The runs that match a query, when all of them are wanted.

A search finds the first runs of very many. If all matching runs are wanted, it is faster to evaluate each condition for
all runs of the experiments together, with columns and with ranges of indexes. This also sorts them faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy

from bridge.records.comparators import COMPARE
from bridge.records.series import BIG, SCALAR
from bridge.records.views import Column, Numbers, Texts
from bridge.store.sql.names import PARAM
from bridge.store.sql.search import search_run_keys
from bridge.store.sql.statements import in_chunks
from bridge.store.sql.views.chosen import Chosen, experiments_of, is_whole, keys_of_texts, read_facts, runs_of
from bridge.store.sql.views.columns import facts_for, read_columns
from bridge.store.sql.views.labels import CUT, LABELS, WITH_NUL
from bridge.store.sql.views.metrics import names_of

if TYPE_CHECKING:
    from bridge.records.search import Comparison, Ordering, RunQuery
    from bridge.store.sql.connection import Connection

    Array = numpy.ndarray[Any, Any]

MOST_RUNS = 50_000
"""If the experiments have more runs, a search finds the matching ones, because few of them usually match."""

ORDERED = (
    "SELECT key FROM run WHERE experiment IN ({experiments}) AND stage IN ({stages})"
    " ORDER BY start_time DESC NULLS LAST, id"
)
KEY = numpy.dtype([("key", "i8")])
RANGES = ("<", "<=", ">", ">=", "=")
INDEXED = "SELECT group_concat(run) FROM series WHERE name = ? AND indexed {} ? AND indexed < 9e999"
WAITING = "SELECT s.run, s.latest_value {} ? FROM waiting w CROSS JOIN series s ON s.run = w.run AND s.name = ?"
EQUAL = f"SELECT group_concat(run) FROM label WHERE name = ? AND substr(value, 1, {CUT}) = ?"


def matching_keys(c: Connection, query: RunQuery) -> Array:
    """Return the keys of all runs that match a query, in the query's order."""
    if not _is_supported(query) or runs_of(c, experiments_of(query)) > MOST_RUNS:
        keys, _ = search_run_keys(c, replace(query, max_results=None, page_token=None))
        return numpy.array(keys, dtype=numpy.int64)
    whole = _ordered_keys(c, query)
    if not query.filter and not query.order:
        return whole
    runs = Chosen(c, query, whole)
    found = numpy.ones(len(runs), dtype=bool)
    for clause in query.filter:
        found &= _meets(c, runs, clause)
    return _sorted(c, query, whole[found])


def unordered_keys(c: Connection, query: RunQuery) -> Array:
    """Return the keys of all runs that match a query, in any order."""
    if not is_whole(query):
        return matching_keys(c, query)
    sql = "SELECT group_concat(key) FROM run WHERE experiment = ? AND stage = ?"
    return keys_of_texts(c.execute(sql, one).fetchone()[0] for one in product(experiments_of(query), _stages(query)))


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


def _ordered_keys(c: Connection, query: RunQuery) -> Array:
    """Return the keys of all runs of the experiments, in the default order."""
    experiments, stages = ", ".join(map(str, experiments_of(query))), ", ".join(map(repr, _stages(query)))
    rows = c.execute(ORDERED.format(experiments=experiments, stages=stages)).fetchall()
    return numpy.fromiter(rows, KEY, len(rows))["key"]


# Conditions


def _meets(c: Connection, runs: Chosen, clause: Comparison) -> Array:
    """Return which runs meet a condition."""
    if clause.comparator in RANGES and clause.entity == "metric":
        names = names_of(c, runs, Column("metric", clause.key))
        is_plain = len(names) == len({name.experiment for name in names})
        if is_plain and all(name.kind == SCALAR for name in names) and not runs.are_waiting:
            return _in_range(c, runs, [name.id for name in names], clause)
    if clause.comparator == "=" and clause.entity == "param" and len(str(clause.operand)) < CUT:
        return _with_param(c, runs, clause)
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


def _in_range(c: Connection, runs: Chosen, names: Sequence[int], clause: Comparison) -> Array:
    """Return which runs have a metric in a range. The index may have old values of runs in the table `waiting`."""
    # SQLite stores an operand NaN as NULL, which compares with nothing.
    found = numpy.zeros(len(runs), dtype=bool)
    for name in names:
        text = c.execute(INDEXED.format(clause.comparator), (name, clause.operand)).fetchone()[0]
        found[runs.find(keys_of_texts([text]))[1]] = True
        waiting = c.execute(WAITING.format(clause.comparator), (clause.operand, name)).fetchall()
        if waiting:
            keys, met = zip(*waiting, strict=True)
            shown, at = runs.find(numpy.array(keys, dtype=numpy.int64))
            found[at] = numpy.array([one == 1 for one in met], dtype=bool)[shown]
    return found


def _with_param(c: Connection, runs: Chosen, clause: Comparison) -> Array:
    found = numpy.zeros(len(runs), dtype=bool)
    for (name,) in in_chunks(c, LABELS, runs.experiments, (PARAM, clause.key)):
        text = c.execute(EQUAL, (name, clause.operand)).fetchone()[0]
        found[runs.find(keys_of_texts([text]))[1]] = True
        for value, run in c.execute(WITH_NUL, (name,)).fetchall():
            found[runs.find(numpy.array([run]))[1]] = value == clause.operand
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
