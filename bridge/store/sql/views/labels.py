"""Params, tags, properties and logged texts of many runs, as codes of distinct words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from bridge.records.series import SCALAR
from bridge.records.views import Texts
from bridge.store.sql.names import SERIES
from bridge.store.sql.statements import in_chunks
from bridge.store.sql.views.chosen import Chosen, keys_of_texts

if TYPE_CHECKING:
    from bridge.store.sql.connection import Connection

    Array = numpy.ndarray[Any, Any]

CUT = 64
"""The number of characters of a value that the index of values contains."""

LABELS = "SELECT id FROM name WHERE entity = ? AND key = ? AND experiment IN ({})"
LOGGED_TEXTS = (
    f"SELECT id FROM name WHERE entity = {SERIES} AND kind = {SCALAR} AND value_type = 'text' AND key = ?"
    " AND experiment IN ({})"
)
KNOWN = {"label": "name = ?", "series": "name = ? AND prefix IS NOT NULL"}
# The index contains the first characters of the values in order, so these statements neither sort nor read rows.
GROUPS = "SELECT prefix, group_concat(run), count(*) FROM {table} WHERE {known} GROUP BY 1"
HAS_NUL = "instr(value, char(0)) > 0"
"""`substr` ends at a NUL character, so the values with such characters are read from their rows."""
WITH_NUL = f"SELECT value, run FROM label WHERE name = ? AND {HAS_NUL}"
LONG = "SELECT {column}, run FROM {table} WHERE {known} AND length(prefix) = {cut}"
LOOK_UP = "SELECT t.{column}, t.run FROM json_each(?) j CROSS JOIN {table} t ON t.run = j.value AND t.name = ?"

Word = Callable[[Any], "str | None"]
"""A function that converts a stored value to a word."""


class LabelColumn:
    """The words of runs, which may come from several names. A later name replaces the words of an earlier one.

    Args:
        runs: the runs.
    """

    def __init__(self, runs: Chosen) -> None:
        self._runs = runs
        self._codes: Array = numpy.full(len(runs), -1, dtype=numpy.int64)
        self._words: dict[str | None, int] = {}

    def put(self, values: Iterable[Any], runs: Array, counts: Sequence[int], word: Word) -> None:
        """Store values. `runs` are the keys of the runs: for each value, as many as `counts` contains."""
        codes = [self._words.setdefault(word(value), len(self._words)) for value in values]
        shown, at = self._runs.find(runs)
        self._codes[at] = numpy.repeat(numpy.array(codes, dtype=numpy.int64), counts)[shown]

    def texts(self) -> Texts:
        """Return the words of all runs. Words that no run has are left out."""
        present = self._codes >= 0
        is_used = numpy.zeros(len(self._words), dtype=bool)
        is_used[self._codes[present]] = True
        codes = (numpy.cumsum(is_used) - 1)[self._codes] if len(is_used) else self._codes
        words = [word for word, used in zip(self._words, is_used.tolist(), strict=True) if used]
        return Texts(numpy.where(present, codes, 0).astype(numpy.uint32), tuple(words), present)


def read_labels(c: Connection, runs: Chosen, column: LabelColumn, entity: int, key: str) -> None:
    """Add the values of a label to `column`. `entity` is the number of params, tags or properties."""
    for (name,) in in_chunks(c, LABELS, runs.experiments, (entity, key)):
        _read(c, runs, column, name, "label", "value", _same)


def read_logged_texts(c: Connection, runs: Chosen, column: LabelColumn, key: str) -> None:
    """Add the latest logged texts of a key to `column`, as the words that tags have."""
    for (name,) in in_chunks(c, LOGGED_TEXTS, runs.experiments, (key,)):
        _read(c, runs, column, name, "series", "latest_text", _logged)


def _same(value: str | None) -> str | None:
    return value


def _logged(value: str) -> str:
    return str(json.loads(value))


def _read(c: Connection, runs: Chosen, column: LabelColumn, name: int, table: str, of: str, word: Word) -> None:
    """Add the values of a name to a column. `of` is the column of `table` that contains them."""
    parts = {"table": table, "column": of, "known": KNOWN[table], "cut": CUT}
    if not runs.is_scanned:
        _put(column, c.execute(LOOK_UP.format(**parts), (runs.listed, name)).fetchall(), word)
        return
    groups = c.execute(GROUPS.format(**parts), (name,)).fetchall()
    short = [group for group in groups if group[0] is None or len(group[0]) < CUT]
    if short:
        values, keys, counts = zip(*short, strict=True)
        column.put(values, keys_of_texts(keys), counts, word)
    if len(short) < len(groups):
        _put(column, c.execute(LONG.format(**parts), (name,)).fetchall(), word)
    if table == "label":  # logged texts are stored as JSON, which has no NUL
        _put(column, c.execute(WITH_NUL, (name,)).fetchall(), word)


def _put(column: LabelColumn, rows: Sequence[tuple[Any, int]], word: Word) -> None:
    """Add values to a column, given as pairs of a value and the key of a run."""
    if rows:
        values, keys = zip(*rows, strict=True)
        column.put(values, numpy.array(keys, dtype=numpy.int64), [1] * len(rows), word)
