"""Names in SQL: a table gives each key of an experiment an integer, which the rows of labels and series contain.

A row of this table is never changed or deleted. So a connection remembers the ids that it has read.
A name is a tuple (experiment, entity, key, kind, column, value type). The last three are 0, "" and "", except for the
name of a series.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bridge.records.series import SCALAR, Definition
from bridge.store.sql.connection import Connection, Name
from bridge.store.sql.statements import chunks, insert, marks_for, marks_for_rows

PARAM, TAG, PROPERTY, SERIES = range(4)
"""The entities. Their numbers are stored in the database, and must not change."""

COLUMNS = ("experiment", "entity", "key", "kind", '"column"', "value_type")

FIND = (  # SQLite does not reorder cross joins, so it finds each name with the unique index
    "WITH wanted (number, experiment, entity, key, kind, col, value_type) AS (VALUES {})"
    " SELECT w.number, n.id, n.stamp FROM wanted w CROSS JOIN name n ON n.experiment = w.experiment"
    ' AND n.entity = w.entity AND n.key = w.key AND n.kind = w.kind AND n."column" = w.col'
    " AND n.value_type = w.value_type"
)


def label_name(experiment: int, entity: int, key: str) -> Name:
    """Return the name of a param, tag or property."""
    return experiment, entity, key, 0, "", ""


def key_name(experiment: int, key: str) -> Name:
    """Return the name to which the counters of a key refer: the name of the key's series of scalar numbers.

    This name is also inserted if a run has only other series of the key, for example texts.
    """
    return experiment, SERIES, key, SCALAR, "", "number"


def series_name(experiment: int, definition: Definition) -> Name:
    """Return the name of a series of a run of an experiment."""
    return experiment, SERIES, definition.key, definition.kind, definition.column, definition.value_type


def find(c: Connection, names: Iterable[Name]) -> dict[Name, int]:
    """Return the ids of the names that exist."""
    new, known = c.new_names or {}, _remembered(c)
    found, missing = {}, []
    for name in dict.fromkeys(names):
        id = known.get(name) or new.get(name)
        if id is None:
            missing.append(name)
        else:
            found[name] = id
    if missing:
        read, stamp = _read(c, missing)
        c.remember(
            read, stamp
        )  # they are committed, because `new_names` has all names that this transaction has inserted
        found.update(read)
    return found


def find_or_insert(c: Connection, names: Iterable[Name]) -> dict[Name, int]:
    """Return the ids of names. Names that do not exist are inserted in the transaction of the caller."""
    names = list(dict.fromkeys(names))
    found = find(c, names)
    missing = [name for name in names if name not in found]
    if missing:
        (last,) = c.execute("SELECT coalesce(max(id), 0) FROM name").fetchone()
        new = dict(zip(missing, range(last + 1, last + 1 + len(missing)), strict=True))
        add(c, new)
        found.update(new)
    return found


def add(c: Connection, new: dict[Name, int]) -> None:
    """Insert names with these ids."""
    if new:
        # They are noted first: a signal handler that reads between these lines must not remember them as committed.
        c.new_names = {**(c.new_names or {}), **new}
        insert(c, "name", ("id", "stamp", *COLUMNS), [(id, c.stamp, *name) for name, id in new.items()])


def read(c: Connection, columns: str, ids: Iterable[int]) -> dict[int, tuple[Any, ...]]:
    """Return the ids and other columns of the names with these ids, by id.

    The remembered names are not used: a reader must not show a wrong name if the content of the database was replaced.
    """
    sql = f"SELECT id, {columns} FROM name WHERE id IN ({{}})"
    found = [c.execute(sql.format(marks_for(some)), some).fetchall() for some in chunks(list(ids))]
    return {row[0]: row for rows in found for row in rows}


def _read(c: Connection, names: Sequence[Name]) -> tuple[dict[Name, int], int]:
    """Return the ids of names, and the stamp of the row with the greatest id, or 0 if no name exists."""
    found: dict[Name, int] = {}
    newest = 0, 0
    for some in chunks(names):
        values = [value for number, name in enumerate(some) for value in (number, *name)]
        for number, id, stamp in c.execute(FIND.format(marks_for_rows(7, len(some))), values).fetchall():
            found[some[number]] = id
            newest = max(newest, (id, stamp))
    return found, newest[1]


def _remembered(c: Connection) -> dict[Name, int]:
    """Return the remembered names.

    All of them are forgotten if the row of the newest of them is not the same any more. The content of the database was
    then replaced by an older state, for example with the command `.restore` of SQLite's shell.
    """
    if c.newest is not None:
        name, id, stamp = c.newest
        if c.execute(f"SELECT {', '.join(COLUMNS)}, stamp FROM name WHERE id = ?", (id,)).fetchone() != (*name, stamp):
            c.names = c.newest = None
    return c.names or {}
