"""The keys that the runs of experiments use, read from the table of names and from indexes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, TypeAlias

from bridge.records.page import Page
from bridge.records.series import SCALAR
from bridge.records.text import is_encodable
from bridge.records.views import KeyEntity, KeyRecord
from bridge.store.sql.connection import Connection
from bridge.store.sql.experiments import number_of
from bridge.store.sql.names import PARAM, PROPERTY, SERIES, TAG
from bridge.store.sql.views.uses import (
    Uses,
    joined,
    uses_of_labels,
    uses_of_numbers,
    uses_of_other_texts,
    uses_of_texts,
)
from bridge.store.view_arguments import KeyName, decode_name, encode_name, name_of

ENTITIES: dict[KeyEntity, int] = {"metric": SERIES, "param": PARAM, "property": PROPERTY, "tag": TAG}
"""The numbers of the entities, in the order in which keys are listed."""

# The unique index of the table has the names in this order, so this statement does not sort.
NAMES = (
    'SELECT key, kind, "column", value_type, id FROM name WHERE experiment = ? AND entity = ?'
    ' AND (key, kind, "column", value_type) > (?, ?, ?, ?) ORDER BY key, kind, "column", value_type LIMIT ?'
)

Named: TypeAlias = "tuple[KeyName, list[int]]"
"""A key, and the ids of its names in the experiments."""


MOST_KEYS = 1 << 40
"""A number of keys that no workspace has. Greater limits are treated as this one."""


def list_keys(
    c: Connection,
    experiment_ids: Sequence[str],
    entity: KeyEntity | None,
    prefix: str,
    limit: int,
    page_token: str | None,
) -> Page[KeyRecord]:
    """Return a page of the keys that runs of experiments use. See `RunViews.list_keys`."""
    if not is_encodable(prefix):
        return Page(())
    limit = min(limit, MOST_KEYS)
    experiments = sorted({number for number in map(number_of, experiment_ids) if number is not None})
    names = _names(c, experiments, ENTITIES if entity is None else [entity], prefix, decode_name(page_token), limit + 1)
    found: list[KeyRecord] = []
    while len(found) <= limit:
        some = list(islice(names, limit + 1 - len(found)))
        if not some:
            return Page(tuple(found))
        found += _records(c, some)
    return Page(tuple(found[:limit]), encode_name(name_of(found[limit - 1])))


def _names(
    c: Connection,
    experiments: Sequence[int],
    entities: Iterable[KeyEntity],
    prefix: str,
    after: KeyName | None,
    at_once: int,
) -> Iterator[Named]:
    """Yield keys in order. Keys that no run has any more are included. `at_once` keys are read at a time."""
    for entity in entities:
        start: KeyName = (entity, prefix, -1, "", "")
        start = start if after is None else max(start, after)
        if start[0] == entity:
            rows = [_names_of(c, experiment, start, prefix, at_once) for experiment in experiments]
            for name, own in groupby(merge(*rows), key=itemgetter(0)):
                yield name, [id for _, id in own]


def _names_of(
    c: Connection, experiment: int, start: KeyName, prefix: str, at_once: int
) -> Iterator[tuple[KeyName, int]]:
    """Yield the names of an entity in an experiment after the name `start`, in order."""
    entity: Any = start[0]
    last: tuple[Any, ...] = start[1:]
    while True:
        rows = c.execute(NAMES, (experiment, ENTITIES[entity], *last, at_once)).fetchall()
        for key, kind, column, value_type, id in rows:
            if not key.startswith(prefix):
                return
            yield (entity, key, kind, column, value_type or "text"), id
        if len(rows) < at_once:
            return
        last = rows[-1][:-1]


def _records(c: Connection, names: Sequence[Named]) -> list[KeyRecord]:
    """Return a record for each key that at least one run has."""
    uses = _uses(c, names)
    records = []
    for (entity, key, kind, column, value_type), ids in names:
        use = joined([uses[id] for id in ids if id in uses])
        if use.runs:
            known: Any = entity, value_type
            rest = use.runs, use.minimum, use.maximum, tuple(use.words)
            records.append(KeyRecord(known[0], key, column, kind, known[1], *rest))
    return records


def _uses(c: Connection, names: Iterable[Named]) -> Uses:
    """Return the uses of the names of keys. Names of the same sort are read together."""
    sorts: dict[Callable[[Connection, Sequence[int]], Uses], list[int]] = defaultdict(list)
    for name, ids in names:
        sorts[_reader(name)] += ids
    return {name: use for read, ids in sorts.items() for name, use in read(c, ids).items()}


def _reader(name: KeyName) -> Callable[[Connection, Sequence[int]], Uses]:
    """Return the function that reads the uses of a name."""
    entity, _, kind, _, value_type = name
    if entity != "metric":
        return uses_of_labels
    if value_type == "text":
        return uses_of_texts if kind == SCALAR else uses_of_other_texts
    return uses_of_numbers
