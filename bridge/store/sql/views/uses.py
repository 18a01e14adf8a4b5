"""The uses of names by runs: numbers of runs, ranges of latest values, and words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bridge.records.views import WORD_LENGTH, WORDS
from bridge.store.sql.connection import Connection
from bridge.store.sql.views.labels import HAS_NUL


class Use(NamedTuple):
    """The use of a name: the number of runs, the range of their latest numbers, and words with numbers of runs."""

    runs: int
    minimum: float | None = None
    maximum: float | None = None
    words: Sequence[tuple[str, int]] = ()


Uses = dict[int, Use]
"""Uses by the id of the name. A name that no run uses may be absent."""


def joined(uses: Sequence[Use]) -> Use:
    """Return several uses together."""
    if len(uses) == 1:
        return uses[0]
    words: dict[str, int] = {}
    for word, runs in (pair for use in uses for pair in use.words):
        words[word] = words.get(word, 0) + runs
    return Use(
        sum(use.runs for use in uses),
        min((use.minimum for use in uses if use.minimum is not None), default=None),
        max((use.maximum for use in uses if use.maximum is not None), default=None),
        sorted(words.items())[:WORDS],
    )


# Words


class _Statements(NamedTuple):
    """Statements about the words of names. Indexes have the words in order, so no statement sorts.

    Attributes:
        first: returns the first words of each name in a JSON list, with their numbers of runs. NULL is the first word
            of each name, also if no run has it.
        short: returns the first words of a name that are not too long.
        runs: returns the number of runs of each name in a JSON list.
    """

    first: str
    short: str
    runs: str


def _statements(table: str, known: str) -> _Statements:
    """Return statements about the words of a table. `known` is the condition of their index."""
    rows = f"FROM {table} WHERE {known} AND name ="
    return _Statements(
        # This jumps from word to word. Counting the rows of a word is faster than reading them. No prefix has a NUL, so
        # the prefixes after a word are not less than the word with a NUL.
        "WITH RECURSIVE w (name, word, number) AS (SELECT value, NULL, 0 FROM json_each(?) UNION ALL SELECT name,"
        f" (SELECT prefix {rows} w.name AND prefix >= coalesce(w.word || char(0), '') ORDER BY prefix LIMIT 1),"
        f" number + 1 FROM w WHERE (word IS NOT NULL OR number = 0) AND number <= {WORDS})"
        f" SELECT name, word, (SELECT count(*) {rows} w.name AND prefix IS w.word)"
        " FROM w WHERE word IS NOT NULL OR number = 0",
        f"SELECT prefix, count(*) {rows} ? GROUP BY 1 HAVING length(prefix) <= {WORD_LENGTH} ORDER BY 1 LIMIT {WORDS}",
        f"SELECT value, (SELECT count(*) {rows} j.value) FROM json_each(?) j",
    )


LABELS = _statements("label", "true")
TEXTS = _statements("series", "prefix IS NOT NULL")
# The index cuts a value at a NUL character. The values of such a name are read from their rows.
WITH_NUL = f"SELECT j.value FROM json_each(?) j WHERE EXISTS (SELECT 1 FROM label WHERE name = j.value AND {HAS_NUL})"
WHOLE_VALUES = "SELECT value, count(*) FROM label WHERE name = ? GROUP BY value ORDER BY value"


def uses_of_labels(c: Connection, names: Sequence[int]) -> Uses:
    """Return the uses of params, tags and properties."""
    whole = {name: _whole_values(c, name) for (name,) in c.execute(WITH_NUL, (json.dumps(names),)).fetchall()}
    return whole | _uses_with_words(c, LABELS, [name for name in names if name not in whole])


def uses_of_texts(c: Connection, names: Sequence[int]) -> Uses:
    """Return the uses of texts that were logged as such."""
    return _uses_with_words(c, TEXTS, names)


def uses_of_other_texts(c: Connection, names: Sequence[int]) -> Uses:
    """Return the uses of other series of texts, for example of images. They have no words."""
    return {name: Use(runs) for name, runs in _runs(c, TEXTS, names).items()}


def _uses_with_words(c: Connection, of: _Statements, names: Sequence[int]) -> Uses:
    words: dict[int, list[tuple[str | None, int]]] = {name: [] for name in names}
    for name, word, count in c.execute(of.first, (json.dumps(names),)).fetchall():
        words[name].append((word, count))
    runs = {name: sum(count for _, count in found) for name, found in words.items()}
    with_more = [name for name, found in words.items() if len(found) > 1 + WORDS]
    runs.update(_runs(c, of, with_more))
    short = {name: _not_long(found) for name, found in words.items()}
    for name in with_more:
        if len(short[name]) < WORDS:
            short[name] = c.execute(of.short, (name,)).fetchall()
    return {name: Use(count, words=short[name][:WORDS]) for name, count in runs.items()}


def _runs(c: Connection, of: _Statements, names: Sequence[int]) -> dict[int, int]:
    return dict(c.execute(of.runs, (json.dumps(names),)).fetchall())


def _whole_values(c: Connection, name: int) -> Use:
    rows = c.execute(WHOLE_VALUES, (name,)).fetchall()
    return Use(sum(count for _, count in rows), words=_not_long(rows)[:WORDS])


def _not_long(rows: Iterable[tuple[str | None, int]]) -> list[tuple[str, int]]:
    return [(word, count) for word, count in rows if word is not None and len(word) <= WORD_LENGTH]


# Numbers

# The index may have old values of the runs in the table `waiting`. The values of these runs are read from their rows.
NUMBERS = (
    "SELECT value, (SELECT count(*) FROM series WHERE name = j.value AND indexed IS NOT NULL),"
    " (SELECT indexed FROM series WHERE {known} ORDER BY indexed LIMIT 1),"
    " (SELECT indexed FROM series WHERE {known} ORDER BY indexed DESC LIMIT 1) FROM json_each(?) j"
).format(known="name = j.value AND indexed < 9e999 AND run NOT IN (SELECT run FROM waiting)")
WAITING = (
    "SELECT s.name, count(*) - count(s.indexed), min(s.latest_value), max(s.latest_value)"
    " FROM waiting w CROSS JOIN {rows} GROUP BY s.name"
)
OF_EACH_SERIES = WAITING.format(rows="series s ON s.run = w.run")
OF_EACH_NAME = WAITING.format(rows="json_each(?) j CROSS JOIN series s ON s.run = w.run AND s.name = j.value")
WAITING_RUNS = "SELECT count(*) FROM waiting"
WAITING_SERIES = "SELECT count(*) FROM (SELECT 1 FROM waiting w CROSS JOIN series s ON s.run = w.run LIMIT ?)"

LOOK_UP_COST = 2
"""The cost of looking up a row by its run and its name. The cost of reading the next row is 1."""


def uses_of_numbers(c: Connection, names: Sequence[int]) -> Uses:
    """Return the uses of series of numbers."""
    listed = json.dumps(names)
    found = _uses(c.execute(NUMBERS, (listed,)).fetchall())
    most = c.execute(WAITING_RUNS).fetchone()[0] * len(names) * LOOK_UP_COST
    if c.execute(WAITING_SERIES, (most,)).fetchone()[0] < most:
        waiting = _uses(c.execute(OF_EACH_SERIES).fetchall())  # a list of names in SQL would take half as long again
    else:
        waiting = _uses(c.execute(OF_EACH_NAME, (listed,)).fetchall())
    return found | {name: joined([use, waiting[name]]) for name, use in found.items() if name in waiting}


def _uses(rows: Iterable[tuple[int, int, float | None, float | None]]) -> Uses:
    return {name: Use(runs, least, greatest) for name, runs, least, greatest in rows}
