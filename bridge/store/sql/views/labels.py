"""Params, tags, properties and logged texts of many runs, as codes of distinct words."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from bridge.records.series import SCALAR
from bridge.records.views import Texts
from bridge.store.sql.names import SERIES
from bridge.store.sql.statements import in_chunks
from bridge.store.sql.views.chosen import Chosen

if TYPE_CHECKING:
    from bridge.store.sql.connection import Connection

    Array = numpy.ndarray[Any, Any]

CUT = 64
"""The number of characters of a value that the index of values contains."""

Word = Callable[[Any], "str | None"]
"""A function that converts a stored value to a word."""


class LabelColumn:
    """The words of runs, which may come from several names. A later name replaces the words of an earlier one.

    Args:
        count: the number of runs.
    """

    def __init__(self, count: int) -> None:
        self._codes: Array = numpy.full(count, -1, dtype=numpy.int64)
        self._words: dict[str | None, int] = {}

    def put(self, runs: Chosen, found: Sequence[tuple[int, Any]], word: Word) -> None:
        """Store the values of runs, given as pairs of the key of a run and a stored value."""
        if not found:
            return
        keys, values = zip(*found, strict=True)
        codes = {value: self._words.setdefault(word(value), len(self._words)) for value in dict.fromkeys(values)}
        shown, at = runs.find(numpy.array(keys, dtype=numpy.int64))
        self._codes[at] = numpy.array([codes[value] for value in values], dtype=numpy.int64)[shown]

    def texts(self) -> Texts:
        """Return the words of all runs. Words that no run has are left out."""
        present = self._codes >= 0
        used = numpy.unique(self._codes[present])
        words = list(self._words)
        codes = numpy.searchsorted(used, self._codes)
        return Texts(
            numpy.where(present, codes, 0).astype(numpy.uint32),
            tuple(words[code] for code in used.tolist()),
            present,
        )


def read_labels(c: Connection, runs: Chosen, column: LabelColumn, entity: int, key: str) -> None:
    """Store the values of a label in `column`. `entity` is the number of params, tags or properties."""
    names = "SELECT id FROM name WHERE entity = ? AND key = ? AND experiment IN ({})"
    for (name,) in _names(c, runs, names, (entity, key)):
        column.put(runs, _values(c, runs, name, "label", "value"), _same)


def read_logged_texts(c: Connection, runs: Chosen, column: LabelColumn, key: str) -> None:
    """Store the latest logged texts of a key in `column`, as the words that tags have."""
    names = (
        f"SELECT id FROM name WHERE entity = {SERIES} AND key = ? AND kind = {SCALAR} AND value_type = 'text'"
        " AND experiment IN ({})"
    )
    for (name,) in _names(c, runs, names, (key,)):
        column.put(runs, _values(c, runs, name, "series", "latest_text"), _logged)


def _names(c: Connection, runs: Chosen, sql: str, values: tuple[Any, ...]) -> list[tuple[int]]:
    return list(in_chunks(c, sql, runs.experiments, values))


def _same(value: str | None) -> str | None:
    return value


def _logged(value: str) -> str:
    return str(json.loads(value))


def _values(c: Connection, runs: Chosen, name: int, table: str, column: str) -> list[tuple[int, Any]]:
    """Return the key of each run with its value. Runs that are not shown may be included."""
    if not runs.is_scanned:
        sql = f"SELECT t.run, t.{column} FROM json_each(?) j CROSS JOIN {table} t ON t.run = j.value AND t.name = ?"
        return c.execute(sql, (runs.listed, name)).fetchall()
    # The index contains the first characters of each value. Only longer values are read from the table.
    cut = f"substr({column}, 1, {CUT})"
    is_there = f"name = ?{' AND latest_text IS NOT NULL' if table == 'series' else ''}"
    found = c.execute(f"SELECT run, {cut} FROM {table} WHERE {is_there}", (name,)).fetchall()
    if any(value is not None and len(value) >= CUT for _, value in found):
        found = [row for row in found if row[1] is None or len(row[1]) < CUT]
        found += c.execute(
            f"SELECT run, {column} FROM {table} WHERE {is_there} AND length({cut}) >= {CUT}", (name,)
        ).fetchall()
    return found
