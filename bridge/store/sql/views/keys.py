"""The keys that the runs of experiments use, read from the table of names and from indexes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from bridge.records.page import Page
from bridge.records.series import COLUMN, SCALAR
from bridge.records.views import WORD_LENGTH, WORDS, KeyEntity, KeyRecord
from bridge.store.sql.connection import Connection
from bridge.store.sql.experiments import number_of
from bridge.store.sql.names import PARAM, PROPERTY, SERIES, TAG
from bridge.store.sql.views.labels import CUT, WITH_NUL
from bridge.store.view_arguments import KeyName, decode_name, encode_name, name_of

ENTITIES: dict[KeyEntity, int] = {"metric": SERIES, "param": PARAM, "property": PROPERTY, "tag": TAG}

NAMES = (
    'SELECT n.entity, n.key, n.kind, n."column", n.value_type, n.id'
    " FROM json_each(?) j CROSS JOIN name n ON n.experiment = j.value AND n.entity = ? AND n.key >= ?"
)


class _Statements(NamedTuple):
    """Statements about the words of a name. The index of values has them in order, so no statement sorts."""

    first_words: str
    short_words: str
    runs: str
    nulls: str


def _statements(table: str, column: str, known: str) -> _Statements:
    word, rows = f"substr({column}, 1, {CUT})", f"FROM {table} WHERE {known}"
    first, later = (
        f"SELECT {word} {rows} AND {word} {after} ORDER BY {word} LIMIT 1" for after in (">= ''", "> w.word")
    )
    return _Statements(
        # This jumps from word to word. Counting the rows of a word is faster than reading them.
        f"WITH RECURSIVE w (word) AS (SELECT ({first})"
        f" UNION ALL SELECT ({later}) FROM w WHERE w.word IS NOT NULL LIMIT :most)"
        f" SELECT word, (SELECT count(*) {rows} AND {word} = w.word) FROM w WHERE word IS NOT NULL",
        f"SELECT {word}, count(*) {rows} GROUP BY 1 HAVING length({word}) <= {WORD_LENGTH} ORDER BY 1 LIMIT :most",
        f"SELECT count(*) {rows}",
        f"SELECT count(*) {rows} AND {word} IS NULL",
    )


WHOLE_WORDS = "SELECT value, count(*) FROM label WHERE name = ? GROUP BY value ORDER BY value"
OF_LABELS = _statements("label", "value", "name = :name")
OF_TEXTS = _statements("series", "latest_text", "name = :name AND latest_text IS NOT NULL")
# The index may have old values of the runs in the table `waiting`. The values of these runs are read from their rows.
NUMBERS = (
    "SELECT (SELECT count(*) FROM series WHERE name = :name AND indexed IS NOT NULL),"
    " (SELECT indexed FROM series WHERE {known} ORDER BY indexed LIMIT 1),"
    " (SELECT indexed FROM series WHERE {known} ORDER BY indexed DESC LIMIT 1)"
).format(known="name = :name AND indexed < 9e999 AND run NOT IN (SELECT run FROM waiting)")
WAITING = (
    "SELECT count(*) - count(s.indexed), min(s.latest_value), max(s.latest_value)"
    " FROM waiting w CROSS JOIN series s ON s.run = w.run AND s.name = ?"
)
CELLS = (  # the index of values has no columns of tables, so this statement reads all series of these names
    "SELECT s.name, count(*), min(s.latest_value), max(s.latest_value)"
    " FROM json_each(?) j CROSS JOIN run r ON r.experiment = j.value"
    " CROSS JOIN series s ON s.run = r.key AND s.name BETWEEN ? AND ? GROUP BY s.name"
)


class _Use(NamedTuple):
    """The use of a name: the number of runs, the range of their latest numbers, and words with numbers of runs."""

    runs: int
    minimum: float | None = None
    maximum: float | None = None
    words: Sequence[tuple[str, int]] = ()


def list_keys(
    c: Connection,
    experiment_ids: Sequence[str],
    entity: KeyEntity | None,
    prefix: str,
    limit: int,
    page_token: str | None,
) -> Page[KeyRecord]:
    """Return a page of the keys that runs of experiments use. See `RunViews.list_keys`."""
    after = decode_name(page_token)
    experiments = json.dumps(sorted({number for number in map(number_of, experiment_ids) if number is not None}))
    names = [name for name in _names(c, experiments, entity, prefix) if after is None or name[0] > after]
    found: list[KeyRecord] = []
    for record in _records(c, experiments, names):
        if len(found) == limit:
            return Page(tuple(found), encode_name(name_of(found[-1])))
        found.append(record)
    return Page(tuple(found))


def _names(c: Connection, experiments: str, entity: KeyEntity | None, prefix: str) -> list[tuple[KeyName, list[int]]]:
    """Return the keys in order, each with the ids of its names in the experiments."""
    words = {number: word for word, number in ENTITIES.items()}
    rows = [
        ((words[number], key, kind, column, value_type or "text"), id)
        for one in (ENTITIES if entity is None else [entity])
        for number, key, kind, column, value_type, id in c.execute(
            NAMES, (experiments, ENTITIES[one], prefix)
        ).fetchall()
        if key.startswith(prefix)
    ]
    return [(name, [id for _, id in own]) for name, own in groupby(sorted(rows), key=lambda row: row[0])]


def _records(c: Connection, experiments: str, names: Sequence[tuple[KeyName, list[int]]]) -> Iterator[KeyRecord]:
    """Yield a record for each key that at least one run has."""
    cells: Mapping[int, _Use] | None = None
    for name, ids in names:
        entity, key, kind, column, value_type = name
        if cells is None and _is_cell(name):
            cells = _cells(c, experiments, [id for one, own in names if _is_cell(one) for id in own])
        use = _joined([_use(c, name, id, cells or {}) for id in ids])
        if use.runs:
            known: Any = entity, value_type
            yield KeyRecord(known[0], key, column, kind, known[1], use.runs, use.minimum, use.maximum, tuple(use.words))


def _is_cell(name: KeyName) -> bool:
    return name[2] == COLUMN and name[4] == "number"


def _joined(uses: Sequence[_Use]) -> _Use:
    """Return the use of a key in several experiments together."""
    if len(uses) == 1:
        return uses[0]
    words: dict[str, int] = {}
    for word, runs in (pair for use in uses for pair in use.words):
        words[word] = words.get(word, 0) + runs
    return _Use(
        sum(use.runs for use in uses),
        min((use.minimum for use in uses if use.minimum is not None), default=None),
        max((use.maximum for use in uses if use.maximum is not None), default=None),
        sorted(words.items())[:WORDS],
    )


def _use(c: Connection, name: KeyName, id: int, cells: Mapping[int, _Use]) -> _Use:
    entity, _, kind, _, value_type = name
    if entity != "metric":
        return _words_with_nul(c, id) or _words(c, OF_LABELS, id)
    if value_type == "text":
        return _words(c, OF_TEXTS, id) if kind == SCALAR else _Use(_count(c, OF_TEXTS.runs, id))
    return _numbers(c, id) if kind == SCALAR else cells.get(id, _Use(0))


def _words(c: Connection, of: _Statements, name: int) -> _Use:
    most = WORDS + 1
    rows = c.execute(of.first_words, {"name": name, "most": most}).fetchall()
    short = [row for row in rows if len(row[0]) <= WORD_LENGTH]
    if len(rows) < most:
        return _Use(sum(count for _, count in rows) + _count(c, of.nulls, name), words=short)
    if len(short) < WORDS:
        short = c.execute(of.short_words, {"name": name, "most": WORDS}).fetchall()
    return _Use(_count(c, of.runs, name), words=short[:WORDS])


def _words_with_nul(c: Connection, name: int) -> _Use | None:
    """Return the use of a label if some of its values have NUL characters, at which the index cuts them, else None."""
    if c.execute(WITH_NUL, (name,)).fetchone() is None:
        return None
    rows = c.execute(
        "SELECT value, count(*) FROM label WHERE name = ? GROUP BY value ORDER BY value", (name,)
    ).fetchall()
    short = [row for row in rows if row[0] is not None and len(row[0]) <= WORD_LENGTH]
    return _Use(sum(count for _, count in rows), words=short[:WORDS])


def _count(c: Connection, sql: str, name: int) -> int:
    return int(c.execute(sql, {"name": name}).fetchone()[0])


def _numbers(c: Connection, name: int) -> _Use:
    indexed = _Use(*c.execute(NUMBERS, {"name": name}).fetchone())
    return _joined([indexed, _Use(*c.execute(WAITING, (name,)).fetchone())])


def _cells(c: Connection, experiments: str, names: Sequence[int]) -> dict[int, _Use]:
    rows = c.execute(CELLS, (experiments, min(names), max(names))).fetchall()
    return {name: _Use(*rest) for name, *rest in rows}
