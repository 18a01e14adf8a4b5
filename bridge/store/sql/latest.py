"""Latest values in SQL. The record of a run contains the latest value of each of its series."""

from __future__ import annotations

import sqlite3
import struct
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from bridge.records.series import COLUMN, SCALAR, Latest

BITS = struct.Struct("<q")
"""The format of a float's bits as a signed integer.

The database contains this integer instead of the float, because SQLite would store a NaN as NULL.
"""
_FLOAT = struct.Struct("<d")


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
        'SELECT m.run, m.key, s.kind, s."column", s.value_type, s.latest_bits, s.latest_timestamp, s.latest_step,'
        " s.latest_text FROM metric m JOIN series s ON s.metric = m.id"
        f" WHERE m.run IN ({','.join('?' * len(runs))}) AND (s.kind = {SCALAR}"
        f" OR s.kind = {COLUMN} AND s.value_type = 'number') ORDER BY s.id",
        runs,
    ).fetchall()
    for run, key, kind, column, value_type, bits, timestamp, step, text in rows:
        if value_type == "text":
            import json  # imported here, because a process that only logs does not need this module

            found[run].texts[key] = json.loads(text)
            continue
        latest = latest_of(bits, timestamp, step)
        if kind == COLUMN:
            found[run].columns[key, column] = latest
        else:
            found[run].numbers[key] = latest
    return found


def latest_of(bits: int, timestamp: int, step: int) -> Latest:
    """Return the latest point that three columns of the database contain."""
    return Latest(_FLOAT.unpack(BITS.pack(bits))[0], timestamp, step)
