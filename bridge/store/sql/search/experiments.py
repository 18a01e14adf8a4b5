"""Searches for experiments. A query is compiled to one SQL statement, which returns the ids of experiments."""

from __future__ import annotations

import sqlite3

from bridge.records.limits import INT64_MAX
from bridge.records.page import decode_token, encode_token
from bridge.records.search import Comparison, ExperimentQuery, Ordering
from bridge.store.sql.experiments import number_of
from bridge.store.sql.search.pieces import Sql, among, column_clause, direction, joined, labelled

COLUMNS = {
    "experiment_id": "e.id",
    "name": "e.name",
    "creation_time": "e.creation_time",
    "last_update_time": "e.last_update_time",
}
TAG = "FROM experiment_tag t WHERE t.experiment = e.id AND t.key = ?"


def search_experiment_ids(connection: sqlite3.Connection, query: ExperimentQuery) -> tuple[list[int], str | None]:
    """Return the ids of the experiments that match a query, in the query's order, and the token of the next page."""
    start = decode_token(query.page_token)
    if start > INT64_MAX:
        return [], None
    where = [Sql("e.id >= 0"), *(_clause(clause) for clause in query.filter)]
    if query.view != "all":
        where.append(Sql("e.stage = ?", (query.view,)))
    found = joined(" AND ", where)
    wanted = INT64_MAX if query.max_results is None else min(query.max_results, INT64_MAX - 1)
    rows = connection.execute(
        f"SELECT e.id FROM experiment e WHERE {found.text} ORDER BY {_order(query)} LIMIT ? OFFSET ?",
        (*found.values, wanted if query.max_results is None else wanted + 1, start),
    ).fetchall()
    ids = [row[0] for row in rows]
    return ids[:wanted], encode_token(start + wanted) if len(ids) > wanted else None


def _order(query: ExperimentQuery) -> str:
    order = query.order or (Ordering("attribute", "creation_time", ascending=False),)
    keys = [f"{COLUMNS[key.key]} {direction(key.ascending)}" for key in order]
    return ", ".join([*keys, "e.id DESC" if query.order else "e.id"])


def _clause(clause: Comparison) -> Sql:
    if clause.entity == "tag":
        tag = Sql(TAG, (clause.key,))
        return labelled(clause, Sql(f"(SELECT t.value {TAG})", (clause.key,)), (tag,))
    if clause.key != "experiment_id" or clause.operand is None:
        return column_clause(COLUMNS[clause.key], clause)
    ids = clause.operand if isinstance(clause.operand, tuple) else (str(clause.operand),)
    known = [number for number in map(number_of, ids) if number is not None]
    return among("e.id", known, negated=clause.comparator in ("!=", "NOT IN"))
