"""Params, tags and properties of runs in SQL. Each function runs within a transaction of its caller."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from bridge.errors import InvalidState, NotFound, ParamChanged
from bridge.records.run import RunChanges, RunRecord
from bridge.store.sql import names
from bridge.store.sql.connection import Connection, Name
from bridge.store.sql.counted import counted
from bridge.store.sql.names import PARAM, PROPERTY, TAG, label_name
from bridge.store.sql.statements import chunks, insert, marks_for

LABEL_BYTES = 150
"""The memory of a label, without its value."""

FIELDS = {PARAM: "params", TAG: "tags", PROPERTY: "properties"}
"""The fields of a `RunRecord` that contain its labels, by entity."""

INDEXED = 64
"""The number of characters of a text that the indexes of texts contain."""

OTHERWISE_SET = "ON CONFLICT (run, name) DO UPDATE SET value = excluded.value, prefix = excluded.prefix"

Values: TypeAlias = "dict[str, Any]"
"""Values by key. Only a tag may have the value None."""


class Labels(NamedTuple):
    """The labels of one run. The numbers of the entities are the indexes of the fields."""

    params: Values
    tags: Values
    properties: Values


class Labelled(NamedTuple):
    """A run whose labels are read or changed: its key, its experiment and its id."""

    key: int
    experiment: int
    id: str


def prefix_of(text: str) -> str:
    """Return the part of a text that an index contains. Like SQLite's `substr`, it also ends before a NUL character."""
    return text[:INDEXED].partition("\0")[0]


def insert_labels(c: Connection, new: Sequence[tuple[int, int, RunRecord]]) -> None:
    """Store the labels of new runs, which have no labels yet. `new` are tuples (key of the run, experiment, record)."""
    labels = [
        (run, label_name(experiment, entity, key), number, value)
        for run, experiment, record in new
        for number, (entity, key, value) in enumerate(_labels_of(record))
    ]
    _insert(c, labels)


def _labels_of(record: RunRecord) -> Iterator[tuple[int, str, Any]]:
    for entity, field in FIELDS.items():
        for key, value in getattr(record, field).items():
            yield entity, key, value


def count_labels(record: RunRecord) -> int:
    """Return the number of labels of a new run."""
    return sum(len(getattr(record, field)) for field in FIELDS.values())


def change_labels(c: Connection, run: Labelled, changes: RunChanges) -> None:
    """Change the labels of a run.

    Raises:
        ParamChanged: a param has another value.
        InvalidState: a property has another value.
        NotFound: a tag that should be removed does not exist.
    """
    if changes.params:
        _set_params(c, run, changes.params)
    if changes.properties:
        _add_properties(c, run, changes.properties)
    _remove_tags(c, run, changes.removed_tags)
    _put(c, run, TAG, changes.tags, OTHERWISE_SET)


def read_labels(c: Connection, runs: Sequence[int]) -> dict[int, Labels]:
    """Return the labels of at most `AT_ONCE` runs, by key of the run, in the order in which they were first set."""
    sql = f"SELECT run, name, number, value FROM label WHERE run IN ({marks_for(runs)}) ORDER BY run, name"
    rows = counted(c, sql, runs, lambda row: LABEL_BYTES + len(row[3] or ""))
    # Names are not joined to each row, and rows are sorted in Python, because they are usually in order already.
    places = names.read(c, "entity, key", {row[1] for row in rows})
    found: dict[int, Labels] = defaultdict(lambda: Labels({}, {}, {}))
    for run, own in groupby(rows, itemgetter(0)):
        labels = found[run]
        for _, name, _, value in sorted(own, key=itemgetter(2)):
            _, entity, key = places[name]
            labels[entity][key] = value
    return found


def _set_params(c: Connection, run: Labelled, params: Mapping[str, str]) -> None:
    there = _values(c, run, PARAM, params)
    changed = tuple((k, there[k], v) for k, v in params.items() if there.get(k, v) != v)
    if changed:
        raise ParamChanged(run.id, changed)
    _put(c, run, PARAM, {k: v for k, v in params.items() if k not in there})


def _add_properties(c: Connection, run: Labelled, properties: Mapping[str, str]) -> None:
    there = _values(c, run, PROPERTY, properties)
    for key, value in properties.items():
        if there.get(key, value) != value:
            raise InvalidState("property", key, f"{there[key]!r} for run {run.id}", f"{value!r} or not set")
    _put(c, run, PROPERTY, {k: v for k, v in properties.items() if k not in there})


def _remove_tags(c: Connection, run: Labelled, tags: Iterable[str]) -> None:
    for tag in tags:
        ids = names.find(c, [label_name(run.experiment, TAG, tag)])
        for id in ids.values() or [None]:
            if not c.execute("DELETE FROM label WHERE run = ? AND name = ?", (run.key, id)).rowcount:
                raise NotFound("tag", tag, f"run {run.id} does not have it")


def _values(c: Connection, run: Labelled, entity: int, keys: Iterable[str]) -> dict[str, str]:
    ids = {id: name[2] for name, id in names.find(c, [label_name(run.experiment, entity, key) for key in keys]).items()}
    values = {}
    for some in chunks(list(ids)):
        sql = f"SELECT name, value FROM label WHERE run = ? AND name IN ({marks_for(some)})"
        for id, value in c.execute(sql, (run.key, *some)).fetchall():
            values[ids[id]] = value
    return values


def _put(c: Connection, run: Labelled, entity: int, values: Mapping[str, str | None], otherwise: str = "") -> None:
    if not values:
        return
    (first,) = c.execute("SELECT labels FROM run WHERE key = ?", (run.key,)).fetchone()
    c.execute("UPDATE run SET labels = ? WHERE key = ?", (first + len(values), run.key))
    labels = [
        (run.key, label_name(run.experiment, entity, key), number, value)
        for number, (key, value) in enumerate(values.items(), first)
    ]
    _insert(c, labels, otherwise)


def _insert(c: Connection, labels: Sequence[tuple[int, Name, int, str | None]], otherwise: str = "") -> None:
    ids = names.find_or_insert(c, [label[1] for label in labels])
    texts = [_text_of(c, value) for *_, value in labels]
    rows = [
        (run, ids[name], number, text, None if text is None else prefix_of(text))
        for (run, name, number, _), text in zip(labels, texts, strict=True)
    ]
    insert(c, "label", ("run", "name", "number", "value", "prefix"), rows, otherwise)


def _text_of(c: Connection, value: Any) -> str | None:
    """Return a value of a label as text. MLflow's client also passes numbers, which SQLite converts to texts."""
    if value is None or isinstance(value, str):
        return value
    text: str = c.execute("SELECT CAST(? AS TEXT)", (value,)).fetchone()[0]
    return text
