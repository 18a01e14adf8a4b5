"""Ranges of indexes. A clause of a filter is met only by runs in certain ranges, which are quick to count and to read.

A range may contain runs that do not meet the clause: the exact condition is evaluated for each run of a range.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from bridge.records.limits import INT64_MAX
from bridge.records.search import Comparison, RunQuery
from bridge.store.sql.labels import prefix_of
from bridge.store.sql.names import PARAM, PROPERTY, TAG
from bridge.store.sql.search.conditions import BELOW, CHILDREN
from bridge.store.sql.search.names import Names
from bridge.store.sql.search.pieces import Sql, column_clause

LISTED = 100
"""The greatest number of texts for each of which IN reads a range. For more texts, one range of the name is read."""

SURROGATE, AFTER_SURROGATES, LAST = "\ud800", "\ue000", "\U0010ffff"
"""UTF-8 cannot encode the characters from the first surrogate to before the second of these characters."""

NAN = math.inf
"""The value of a NaN in the index of metrics. Other values are finite."""


class Index(NamedTuple):
    """An index of values by name. Its columns are the name, the value and the run.

    Attributes:
        table: the table.
        name: the index.
        value: the SQL of the indexed value.
        has_value: the condition of the index, or that a row has a value.
    """

    table: str
    name: str
    value: str
    has_value: str

    def select(self, what: str, where: str) -> str:
        """Return a query that reads the index. `where` is a condition on the name and the indexed value."""
        return f"SELECT {what} FROM {self.table} INDEXED BY {self.name} WHERE {where} AND {self.has_value}"


class Part(NamedTuple):
    """The runs of an experiment in one lifecycle stage."""

    experiment: int
    stage: str


NUMBERS = Index("series", "series_by_value", "indexed", "indexed IS NOT NULL")
LABELS = Index("label", "label_by_value", "prefix", "prefix IS NOT NULL")
TEXTS = Index("series", "series_by_text", "prefix", "prefix IS NOT NULL")

INDEXED_COLUMNS = {"run_id": "id", "display_name": "display_name"}
"""The attributes for which the table `run` has an index, with their columns."""

Ranges = list[Sql]
"""Queries that each return the keys of runs in the column `run`. Together they find all runs that meet a clause."""


def all_ranges(query: RunQuery, names: Names, parts: Sequence[Part]) -> list[Ranges]:
    """Return the ranges of each clause of a query that can be read from an index.

    Args:
        query: the query.
        names: the names in the experiments of the query.
        parts: the parts of the experiments, if the index by start time is to be read.
    """
    found = [ranges_of(clause, names) for clause in query.filter]
    found += [_start_times(clause, parts) for clause in query.filter if parts and _has_start_times(clause)]
    if query.below is not None:
        ids = BELOW if query.recursive else CHILDREN
        found.append([Sql(f"SELECT key AS run FROM run WHERE id IN ({ids})", (query.below,))])
    return [ranges for ranges in found if ranges is not None]


def ranges_of(clause: Comparison, names: Names) -> Ranges | None:
    """Return the ranges that contain all runs that meet a clause, or None if no index helps."""
    if clause.comparator == "IS NULL":
        return None
    if clause.entity == "metric":
        named, where = names.numbers(clause.key), _number_range(clause)
        return [] if where is None else _ranges(NUMBERS, named.ids, [where])
    if clause.entity == "attribute":
        return _run_texts(clause)
    if clause.entity in ("param", "property"):
        entity = PARAM if clause.entity == "param" else PROPERTY
        return _labels(clause, names.labels(entity, clause.key).ids)
    if clause.entity == "tag":
        ids = [*names.labels(TAG, clause.key).ids, *names.labels(PROPERTY, clause.key).ids]
        texts = _ranges(TEXTS, names.texts(clause.key).ids, _logged_text_ranges(clause))
        return _labels(clause, ids) + texts
    return None


def count(c: sqlite3.Connection, ranges: Ranges, most: int) -> int:
    """Return the number of runs in ranges, or `most` if there are more."""
    found = 0
    for one in ranges:
        if found < most:
            sql = f"SELECT count(*) FROM ({one.text} LIMIT ?)"
            found += c.execute(sql, (*one.values, most - found)).fetchone()[0]
    return found


def read(c: sqlite3.Connection, ranges: Ranges, most: int = INT64_MAX - 1) -> set[int] | None:
    """Return the keys of the runs in ranges, or None if a range has more than `most` runs."""
    found: set[int] = set()
    for one in ranges:
        # One JSON array for all keys takes half as long as one row for each key. Half of this time is its parsing.
        sql = f"SELECT count(*), json_group_array(run) FROM ({one.text} LIMIT ?)"
        number, runs = c.execute(sql, (*one.values, most + 1)).fetchone()
        if number > most:
            return None
        found.update(json.loads(runs))
    return found


def _ranges(index: Index, ids: Sequence[int], values: Sequence[Sql]) -> Ranges:
    return [Sql(index.select("run", f"name = {id} AND {value.text}"), value.values) for id in ids for value in values]


def _labels(clause: Comparison, ids: Sequence[int]) -> Ranges:
    if clause.comparator == "IS NOT NULL":  # a label without a value also exists
        return [Sql(f"SELECT run FROM label INDEXED BY {LABELS.name} WHERE name = {id}") for id in ids]
    return _ranges(LABELS, ids, _text_ranges(LABELS, clause))


def _run_texts(clause: Comparison) -> Ranges | None:
    column = INDEXED_COLUMNS.get(clause.key)
    if column is None:
        return None
    if clause.comparator in ("=", "IN"):
        texts = _operands(clause)
        return [Sql(f"SELECT key AS run FROM run WHERE {column} IN ({', '.join('?' * len(texts))})", texts)]
    if clause.comparator == "LIKE" and (prefix := _prefix(clause)):
        where = _between(column, prefix)
        return where and [Sql(f"SELECT key AS run FROM run WHERE {where.text}", where.values)]
    return None


def _has_start_times(clause: Comparison) -> bool:
    is_start = clause.entity == "attribute" and clause.key == "start_time"
    return is_start and clause.comparator in ("=", "<", "<=", ">", ">=")


def _start_times(clause: Comparison, parts: Sequence[Part]) -> Ranges:
    met = column_clause("start_time", clause)
    by_start = "SELECT key AS run FROM run INDEXED BY run_by_start WHERE experiment = ? AND stage = ?"
    return [Sql(f"{by_start} AND {met.text}", (*part, *met.values)) for part in parts]


def _operands(clause: Comparison) -> tuple[str, ...]:
    return clause.operand if isinstance(clause.operand, tuple) else (str(clause.operand),)


def _number_range(clause: Comparison) -> Sql | None:
    """Return the condition on the indexed value of a metric, or None if no value meets the clause."""
    operand = clause.operand
    if clause.comparator in ("!=", "IS NOT NULL"):
        return Sql("1 = 1")
    if not isinstance(operand, float) or math.isnan(operand):
        return None
    if clause.comparator == "=" and math.isinf(operand):
        return None
    return Sql(f"indexed {clause.comparator} ? AND indexed < ?", (operand, NAN))


def _text_ranges(index: Index, clause: Comparison) -> list[Sql]:
    """Return conditions on the indexed value of a text. Together they are met by all texts that meet a clause."""
    if clause.comparator in ("=", "IN") and len(_operands(clause)) <= LISTED:
        return [Sql(f"{index.value} = ?", (prefix_of(text),)) for text in sorted({*_operands(clause)})]
    if clause.comparator == "LIKE":
        return [_prefix_range(index, _prefix(clause))]
    return [Sql("1 = 1")]


def _logged_text_ranges(clause: Comparison) -> list[Sql]:
    """Return conditions on the indexed value of a logged text, which is stored as JSON."""
    words = {"True": "true", "False": "false", "None": "null"}
    if clause.comparator in ("=", "IN") and len(_operands(clause)) <= LISTED:
        texts = sorted({*_operands(clause)})
        stored = [prefix_of(json.dumps(text)) for text in texts] + [words[text] for text in texts if text in words]
        return [Sql(f"{TEXTS.value} = ?", (text,)) for text in stored]
    if clause.comparator == "LIKE":
        prefix = _prefix(clause)
        stored = [word for shown, word in words.items() if shown.startswith(prefix)]
        equal = [Sql(f"{TEXTS.value} = ?", (word,)) for word in stored]
        return [_prefix_range(TEXTS, json.dumps(prefix)[:-1]), *equal]
    return [Sql("1 = 1")]


def _prefix(clause: Comparison) -> str:
    """Return the text with which all values start that a LIKE pattern matches."""
    pattern = str(clause.operand)
    ends = [at for at in (pattern.find("%"), pattern.find("_")) if at >= 0]
    return pattern[: min(ends)] if ends else pattern


def _prefix_range(index: Index, prefix: str) -> Sql:
    return _between(index.value, prefix_of(prefix)) or Sql("1 = 1")


def _between(value: str, low: str) -> Sql | None:
    """Return the condition that a value begins with a text, or None if all texts could meet it."""
    while low and low[-1] >= LAST:
        low = low[:-1]
    if not low:
        return None
    following = chr(ord(low[-1]) + 1)
    high = low[:-1] + (AFTER_SURROGATES if following == SURROGATE else following)
    return Sql(f"{value} >= ? AND {value} < ?", (low, high))
