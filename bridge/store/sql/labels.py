"""Params, tags and properties of runs in SQL. Each function runs within a transaction of its caller."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from bridge.errors import InvalidState, NotFound, ParamChanged
from bridge.records.run import RunChanges, RunRecord
from bridge.store.sql import names
from bridge.store.sql.connection import Connection, Name
from bridge.store.sql.names import PARAM, PROPERTY, TAG, label_name
from bridge.store.sql.statements import chunks, insert, marks_for

FIELDS = {PARAM: "params", TAG: "tags", PROPERTY: "properties"}
"""The fields of a `RunRecord` that contain its labels, by entity."""

Values: TypeAlias = "dict[str, Any]"
"""Values by key. Only a tag may have the value None."""


class Labelled(NamedTuple):
    """A run whose labels are read or changed: its key, its experiment and its id."""

    key: int
    experiment: int
    id: str


def insert_labels(c: Connection, new: Sequence[tuple[int, int, RunRecord]]) -> None:
    """Store the labels of new runs, which have no labels yet. `new` are tuples (key of the run, experiment, record)."""
    labels = [
        (run, label_name(experiment, entity, key), value)
        for run, experiment, record in new
        for entity, field in FIELDS.items()
        for key, value in getattr(record, field).items()
    ]
    _insert(c, labels, "")


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
    _put(c, run, TAG, changes.tags, "ON CONFLICT (run, name) DO UPDATE SET value = excluded.value")


def read_labels(c: Connection, runs: Sequence[int]) -> dict[int, dict[int, Values]]:
    """Return the labels of runs, by entity and by key of the run, in the order in which they were first set."""
    found: dict[int, dict[int, Values]] = {entity: defaultdict(dict) for entity in FIELDS}
    for some in chunks(runs):
        rows = c.execute(
            "SELECT l.run, n.entity, n.key, l.value FROM label l CROSS JOIN name n ON n.id = l.name"
            f" WHERE l.run IN ({marks_for(some)}) ORDER BY l.id",
            some,
        ).fetchall()
        for run, entity, key, value in rows:
            found[entity][run][key] = value
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
    _insert(c, [(run.key, label_name(run.experiment, entity, key), value) for key, value in values.items()], otherwise)


def _insert(c: Connection, labels: Sequence[tuple[int, Name, str | None]], otherwise: str) -> None:
    ids = names.find_or_insert(c, [name for _, name, _ in labels])
    insert(c, "label", ("run", "name", "value"), [(run, ids[name], value) for run, name, value in labels], otherwise)
