"""Latest values in SQL. The record of a run contains the latest value of each of its series."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from bridge.records.series import COLUMN, SCALAR, Latest, comparable
from bridge.store.sql import names
from bridge.store.sql.connection import Connection
from bridge.store.sql.counted import counted
from bridge.store.sql.statements import marks_for

BITS = struct.Struct("<q")
"""The format of a float's bits as a signed integer.

The database contains this integer beside the float where the float is not stored exactly, for example NaN.
"""
_FLOAT = struct.Struct("<d")
LATEST_BYTES = 300
"""The memory of a latest value."""

MINUS_ZERO = -(2**63)
"""The bits of -0.0. SQLite would store -0.0 as 0.0."""


class LatestValues(NamedTuple):
    """The latest values of one run: points of number series and of number columns, and values of text series."""

    numbers: dict[str, Latest]
    texts: dict[str, str | bool | None]
    columns: dict[tuple[str, str], Latest]


def read_latest(c: Connection, runs: Sequence[int]) -> dict[int, LatestValues]:
    """Return the latest values of at most `AT_ONCE` runs, by the integer keys of the runs in the database.

    The values of a run are in the order in which its series were first logged.
    """
    sql = (
        "SELECT run, name, id, latest_value, latest_timestamp, latest_step, coalesce(latest_text, latest_bits)"
        f" FROM series WHERE run IN ({marks_for(runs)}) ORDER BY run, name"
    )
    rows = counted(c, sql, runs, lambda row: LATEST_BYTES + (len(row[6]) if isinstance(row[6], str) else 0))
    # Names are not joined to each row, and rows are sorted in Python, because they are usually in order already.
    known = names.read(c, 'key, kind, "column", value_type', {row[1] for row in rows})
    places = {id: place for id, name in known.items() if (place := _place(*name[1:]))}
    found: dict[int, LatestValues] = defaultdict(lambda: LatestValues({}, {}, {}))
    for run, own in groupby(rows, itemgetter(0)):
        values: tuple[dict[Any, Any], ...] = found[run]
        for _, name, _, value, timestamp, step, odd in sorted(own, key=itemgetter(2)):
            if name in places:
                field, key = places[name]
                # `tuple.__new__` takes half as long as `Latest(…)`.
                point = tuple.__new__(Latest, (value, timestamp, step))
                values[field][key] = point if odd is None else _odd_value(point, odd)
    return found


def _place(key: str, kind: int, column: str, value_type: str) -> tuple[int, str | tuple[str, str]] | None:
    """Return the field of `LatestValues` to which the values of a name belong, and their key."""
    if kind == SCALAR:
        return (1 if value_type == "text" else 0), key
    return (2, (key, column)) if kind == COLUMN and value_type == "number" else None


def _odd_value(point: Latest, odd: int | str) -> Latest | Any:
    """Return a latest value that is not only in the columns of its point: a text as JSON, or the bits of a number."""
    if isinstance(odd, str):
        import json  # imported here, because a process that only logs does not need this module

        return json.loads(odd)
    return latest_of(point.value, odd, point.timestamp, point.step)


def bits_of(value: float, bits: int) -> tuple[float | None, int | None]:
    """Return the columns `latest_value` and `latest_bits` of a value. `bits` are the 64 bits of the value."""
    if value != value:
        return None, bits
    compared = comparable(value)
    return compared, None if compared == value and bits != MINUS_ZERO else bits


def latest_of(value: float | None, bits: int | None, timestamp: int, step: int) -> Latest:
    """Return the latest point that four columns of the database contain."""
    if bits is not None:
        (value,) = _FLOAT.unpack(BITS.pack(bits))
    assert value is not None
    return Latest(value, timestamp, step)
