"""Searches in SQL. A query is compiled to one SQL statement.

The statement returns the ids of runs or experiments, or the integer keys of runs in the database. It reads no points.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from string import ascii_lowercase, ascii_uppercase
from typing import Any, NamedTuple

from bridge.records.limits import INT64_MAX, INT64_MIN
from bridge.records.page import decode_token, encode_token
from bridge.records.run import SOURCE_PROPERTY
from bridge.records.search import Comparison, ExperimentQuery, Ordering, RunQuery
from bridge.records.series import COLUMN, SCALAR
from bridge.store.sql import names
from bridge.store.sql.experiments import number_of
from bridge.store.sql.names import SERIES

RUN_COLUMNS = {
    "run_id": "r.id",
    "display_name": "r.display_name",
    "status": "r.status",
    "user": 'r."user"',
    "start_time": "r.start_time",
    "end_time": "r.end_time",
    "deletion_time": "r.deletion_time",
    "parent_id": "r.parent_id",
    "description": "r.description",
    "type": "r.type",
}
EXPERIMENT_COLUMNS = {
    "experiment_id": "e.id",
    "name": "e.name",
    "creation_time": "e.creation_time",
    "last_update_time": "e.last_update_time",
}
DATASET_COLUMNS = {"name": "d.name", "digest": "d.digest", "context": "i.context"}

NAME = "FROM name n CROSS JOIN {} ON {} WHERE n.experiment = r.experiment AND n.entity = {} AND "
OF_SERIES = NAME.format("series s", "s.run = r.key AND s.name = n.id", SERIES)
METRIC = OF_SERIES + f"""n.key = ? AND n.kind = {SCALAR} AND n."column" = '' AND n.value_type = 'number'"""
NAMED_METRIC = (
    f"FROM (SELECT s.latest_value {OF_SERIES} n.key IN ({{}})"
    f" AND n.kind IN ({SCALAR}, {COLUMN}) AND n.value_type = 'number'"
    f""" AND CASE n.kind WHEN {COLUMN} THEN n.key || '.' || n."column" ELSE n.key END = ?"""
    " ORDER BY s.latest_step DESC, s.latest_timestamp DESC, COALESCE(s.latest_value, 0) DESC, n.kind, s.id LIMIT 1) s"
    " WHERE 1 = 1"
)
LOGGED_TEXT = OF_SERIES + f"""n.key = ? AND n.kind = {SCALAR} AND n."column" = '' AND n.value_type = 'text'"""
LABEL = NAME.format("label l", "l.run = r.key AND l.name = n.id", "{}") + "n.key = ?"
TAG, PROPERTY, PARAM = (LABEL.format(entity) for entity in (names.TAG, names.PROPERTY, names.PARAM))
OF_TYPE = f"(r.type = ? OR EXISTS (SELECT 1 {PROPERTY} AND l.value = ?))"
EXPERIMENT_TAG = "FROM experiment_tag t WHERE t.experiment = e.id AND t.key = ?"
DATASET = "FROM dataset_input i JOIN dataset d ON d.id = i.dataset WHERE i.run = r.key"

CHILDREN = "SELECT child.id FROM run child WHERE child.parent_id = ?"
BELOW = (  # UNION visits each run only once, even if runs are each other's parents; UNION ALL would not end
    f"WITH RECURSIVE below (id) AS ({CHILDREN}"
    " UNION SELECT child.id FROM below JOIN run child ON child.parent_id = below.id) SELECT id FROM below"
)

SHOWN_TEXT = (
    "CASE s.latest_text WHEN 'true' THEN 'True' WHEN 'false' THEN 'False' WHEN 'null' THEN 'None'"
    " ELSE json_extract(s.latest_text, '$') END"
)
SHOWN_TAG = (
    f"CASE WHEN EXISTS (SELECT 1 {TAG}) THEN (SELECT l.value {TAG})"
    f" ELSE COALESCE((SELECT l.value {PROPERTY}), (SELECT {SHOWN_TEXT} {LOGGED_TEXT})) END"
)
FOLDED = str.maketrans(ascii_uppercase, ascii_lowercase)
GLOB = str.maketrans({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"})


class Sql(NamedTuple):
    """A piece of SQL and the values of its question marks."""

    text: str
    values: tuple[Any, ...] = ()


NEVER = Sql("1 = 0")


def search_run_keys(connection: sqlite3.Connection, query: RunQuery) -> tuple[list[int], str | None]:
    """Return the keys of the runs that match a query, in the query's order, and the token of the next page."""
    return _search_runs(connection, "r.key", query)


def search_run_ids(connection: sqlite3.Connection, query: RunQuery) -> tuple[list[str], str | None]:
    """Return the ids of the runs that match a query, in the query's order, and the token of the next page."""
    return _search_runs(connection, "r.id", query)


def _search_runs(connection: sqlite3.Connection, column: str, query: RunQuery) -> tuple[list[Any], str | None]:
    where = [_run_clause(clause) for clause in query.filter]
    if query.below is not None:
        where.append(Sql(f"r.id != ? AND r.id IN ({BELOW if query.recursive else CHILDREN})", (query.below,) * 2))
    if query.of_type is not None:
        where.append(Sql(OF_TYPE, (query.of_type, SOURCE_PROPERTY, query.of_type)))
    if query.below is None or query.experiment_ids:
        where.append(_in_experiments(query.experiment_ids))
    if query.view != "all":
        where.append(Sql("r.stage = ?", (query.view,)))
    order = list(query.order)
    if not any(given.entity == "attribute" and given.key == "start_time" for given in order):
        order.append(Ordering("attribute", "start_time", ascending=False))
    keys = [key for ordering in order for key in _run_order(ordering)]
    return _page(connection, f"SELECT {column} FROM run r", where, [*keys, Sql("r.id")], query)


def search_experiment_ids(connection: sqlite3.Connection, query: ExperimentQuery) -> tuple[list[int], str | None]:
    """Return the ids of the experiments that match a query, in the query's order, and the token of the next page."""
    where = [Sql("e.id >= 0"), *(_experiment_clause(clause) for clause in query.filter)]
    if query.view != "all":
        where.append(Sql("e.stage = ?", (query.view,)))
    order = query.order or (Ordering("attribute", "creation_time", ascending=False),)
    keys = [Sql(f"{EXPERIMENT_COLUMNS[key.key]} {_direction(key)}") for key in order]
    last = Sql("e.id DESC" if query.order else "e.id")
    return _page(connection, "SELECT e.id FROM experiment e", where, [*keys, last], query)


def _page(
    connection: sqlite3.Connection,
    select: str,
    where: Sequence[Sql],
    order: Sequence[Sql],
    query: RunQuery | ExperimentQuery,
) -> tuple[list[Any], str | None]:
    start = decode_token(query.page_token)
    if start > INT64_MAX:
        return [], None
    wanted = INT64_MAX if query.max_results is None else min(query.max_results, INT64_MAX - 1)
    found = _joined(" AND ", where) if where else Sql("1 = 1")
    sorting = _joined(", ", order)
    rows = connection.execute(
        f"{select} WHERE {found.text} ORDER BY {sorting.text} LIMIT ? OFFSET ?",
        (*found.values, *sorting.values, wanted if query.max_results is None else wanted + 1, start),
    ).fetchall()
    keys = [row[0] for row in rows]
    return keys[:wanted], encode_token(start + wanted) if len(keys) > wanted else None


def _joined(separator: str, parts: Sequence[Sql]) -> Sql:
    return Sql(separator.join(part.text for part in parts), tuple(value for part in parts for value in part.values))


def _in_experiments(ids: Sequence[str]) -> Sql:
    # The ids are written into the statement, because SQLite limits the number of question marks.
    known = sorted({number for number in map(number_of, ids) if number is not None})
    return _among("r.experiment", known)


def _among(column: str, numbers: Sequence[int], negated: bool = False) -> Sql:
    if not numbers:
        return Sql("1 = 1") if negated else NEVER
    return Sql(f"{column} {'NOT ' if negated else ''}IN ({', '.join(map(str, numbers))})")


# Clauses


def _run_clause(clause: Comparison) -> Sql:
    if clause.entity == "attribute":
        return _column_clause(RUN_COLUMNS[clause.key], clause)
    if clause.entity == "metric":
        return _metric_clause(clause)
    if clause.entity == "dataset":
        return _dataset_clause(clause)
    if clause.entity == "property":
        return _labelled(clause, Sql(f"(SELECT l.value {PROPERTY})", (clause.key,)), (PROPERTY,))
    if clause.entity == "param":
        return _labelled(clause, Sql(f"(SELECT l.value {PARAM})", (clause.key,)), (PARAM,))
    return _labelled(clause, Sql(SHOWN_TAG, (clause.key,) * 4), (TAG, PROPERTY, LOGGED_TEXT))


def _experiment_clause(clause: Comparison) -> Sql:
    if clause.entity == "tag":
        return _labelled(clause, Sql(f"(SELECT t.value {EXPERIMENT_TAG})", (clause.key,)), (EXPERIMENT_TAG,))
    if clause.key != "experiment_id" or clause.operand is None:
        return _column_clause(EXPERIMENT_COLUMNS[clause.key], clause)
    ids = clause.operand if isinstance(clause.operand, tuple) else (str(clause.operand),)
    known = [number for number in map(number_of, ids) if number is not None]
    return _among("e.id", known, negated=clause.comparator in ("!=", "NOT IN"))


def _column_clause(column: str, clause: Comparison) -> Sql:
    if clause.operand is None:
        return Sql(f"{column} {clause.comparator}")
    return _compared(Sql(column), clause)


def _labelled(clause: Comparison, value: Sql, places: Sequence[str]) -> Sql:
    """Compile a condition on a label: a tag, property, param or logged text.

    The conditions IS NULL and IS NOT NULL ask whether the label exists. A label without a value also exists.

    Args:
        clause: the condition.
        value: the SQL of the label's value.
        places: the SQL of each table that may contain the label, beginning with FROM.
    """
    if clause.operand is not None:
        return _compared(value, clause)
    there = " OR ".join(f"EXISTS (SELECT 1 {place})" for place in places)
    negated = "NOT " if clause.comparator == "IS NULL" else ""
    return Sql(f"{negated}({there})", (clause.key,) * len(places))


def _metric(key: str) -> Sql:
    """Return SQL that selects the latest value of a metric as `s.latest_value`; no row if a run lacks the metric.

    `key` can also have the form `<key>.<column>`, which names a column of a table. If several series of a run have this
    name, their latest points are compared, and the greatest one is selected.
    """
    parts = key.split(".")
    keys = [key, *filter(None, (".".join(parts[:count]) for count in range(1, len(parts))))]
    if len(keys) == 1:
        return Sql(METRIC, (key,))
    return Sql(NAMED_METRIC.format(", ".join("?" * len(keys))), (*keys, key))


def _metric_clause(clause: Comparison) -> Sql:
    metric = _metric(clause.key)
    if clause.operand is None:
        negated = "NOT " if clause.comparator == "IS NULL" else ""
        return Sql(f"{negated}EXISTS (SELECT 1 {metric.text})", metric.values)
    met = _compared(Sql("s.latest_value"), clause)
    if clause.comparator == "!=":  # NaN is unequal to every number; the database contains NULL for NaN
        met = Sql(f"(s.latest_value IS NULL OR {met.text})", met.values)
    return Sql(f"EXISTS (SELECT 1 {metric.text} AND {met.text})", (*metric.values, *met.values))


def _dataset_clause(clause: Comparison) -> Sql:
    column = DATASET_COLUMNS[clause.key]
    if clause.operand is None:
        negated = "NOT " if clause.comparator == "IS NULL" else ""
        return Sql(f"{negated}EXISTS (SELECT 1 {DATASET} AND {column} IS NOT NULL)")
    met = _compared(Sql(column), clause)
    return Sql(f"EXISTS (SELECT 1 {DATASET} AND {met.text})", met.values)


def _compared(value: Sql, clause: Comparison) -> Sql:
    operand = clause.operand
    if isinstance(operand, tuple):
        if not operand:
            return NEVER if clause.comparator == "IN" else Sql(f"({value.text}) IS NOT NULL", value.values)
        marks = ", ".join("?" * len(operand))
        return Sql(f"{value.text} {clause.comparator} ({marks})", (*value.values, *operand))
    if isinstance(operand, str):
        return _compared_text(value, clause.comparator, operand)
    if operand is None or operand != operand:  # the operand is NaN, which SQLite would treat as NULL
        return NEVER if clause.comparator != "!=" else Sql(f"({value.text}) IS NOT NULL", value.values)
    return Sql(f"{value.text} {clause.comparator} ?", (*value.values, _within_int64(operand)))


def _compared_text(value: Sql, comparator: str, operand: str) -> Sql:
    # LIKE of a query distinguishes upper and lower case. LIKE of SQLite does not, so GLOB is used.
    if comparator == "LIKE":
        return Sql(f"{value.text} GLOB ?", (*value.values, operand.translate(GLOB)))
    if comparator == "ILIKE":
        return Sql(f"lower({value.text}) GLOB ?", (*value.values, operand.translate(FOLDED).translate(GLOB)))
    return Sql(f"{value.text} {comparator} ?", (*value.values, operand))


def _within_int64(number: float | int) -> float | int:
    """Return a number that SQLite accepts: infinity for an integer of more than 64 bits."""
    if isinstance(number, int) and not INT64_MIN <= number <= INT64_MAX:
        return math.inf if number > 0 else -math.inf
    return number


# Orders


def _run_order(ordering: Ordering) -> list[Sql]:
    direction = _direction(ordering)
    key = (ordering.key,)
    if ordering.entity == "attribute":
        column = RUN_COLUMNS[ordering.key]
        ranks = [(text, rank) for rank, texts in enumerate(ordering.ranks) for text in texts]
        if not ranks:
            return [Sql(f"{column} {direction}")]
        cases = " ".join(f"WHEN ? THEN {rank}" for _, rank in ranks)
        return [Sql(f"CASE {column} {cases} END {direction}", tuple(text for text, _ in ranks))]
    if ordering.entity == "property":
        return [Sql(f"(SELECT l.value {PROPERTY}) {direction}", key)]
    if ordering.entity == "param":
        return [Sql(f"(SELECT l.value {PARAM}) {direction}", key)]
    if ordering.entity == "tag":
        return [Sql(f"{SHOWN_TAG} {direction}", key * 4)]
    metric = _metric(ordering.key)
    return [  # runs whose value is NaN come before runs without the metric; the database contains NULL for NaN
        Sql(f"CASE WHEN EXISTS (SELECT 1 {metric.text}) THEN 0 ELSE 1 END", metric.values),
        Sql(f"(SELECT s.latest_value {metric.text}) {direction}", metric.values),
    ]


def _direction(ordering: Ordering) -> str:
    return "ASC NULLS LAST" if ordering.ascending else "DESC NULLS LAST"
