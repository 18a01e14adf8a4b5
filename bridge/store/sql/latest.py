"""Latest values in SQL. The record of a run contains the latest value of each of its series."""

from __future__ import annotations

import sqlite3
import struct
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from bridge.records.series import COLUMN, SCALAR, Latest, comparable

BITS = struct.Struct("<q")
"""The format of a float's bits as a signed integer.

The database contains this integer beside the float where the float is not stored exactly, for example NaN.
"""
_FLOAT = struct.Struct("<d")
MINUS_ZERO = -(2**63)
"""The bits of -0.0. SQLite would store -0.0 as 0.0."""


class LatestValues(NamedTuple):
    """The latest values of one run: points of number series and of number columns, and values of text series."""

    numbers: dict[str, Latest]
    texts: dict[str, str | bool | None]
    columns: dict[tuple[str, str], Latest]


def read_latest(c: sqlite3.Connection, runs: Sequence[int]) -> dict[int, LatestValues]:
    """Return the latest values of runs, by the integer keys of the runs in the database.

    The values of a run are in the order in which its series were first logged.
    """
    found: dict[int, LatestValues] = defaultdict(lambda: LatestValues({}, {}, {}))
    rows = c.execute(
        'SELECT s.run, n.key, n.kind, n."column", n.value_type, s.latest_value, s.latest_bits, s.latest_timestamp,'
        " s.latest_step, s.latest_text FROM series s CROSS JOIN name n ON n.id = s.name"
        f" WHERE s.run IN ({','.join('?' * len(runs))}) AND (n.kind = {SCALAR}"
        f" OR n.kind = {COLUMN} AND n.value_type = 'number') ORDER BY s.id",
        runs,
    ).fetchall()
    for run, key, kind, column, value_type, value, bits, timestamp, step, text in rows:
        if value_type == "text":
            import json  # imported here, because a process that only logs does not need this module

            found[run].texts[key] = json.loads(text)
            continue
        latest = latest_of(value, bits, timestamp, step)
        if kind == COLUMN:
            found[run].columns[key, column] = latest
        else:
            found[run].numbers[key] = latest
    return found


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
