"""Latest values in SQL: the latest value of each series is part of the record of its run."""

from __future__ import annotations

import sqlite3
import struct
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from bridge.records.series import COLUMN, SCALAR, Latest

BITS = struct.Struct("<q")
"""The bits of a float as a signed integer, because SQLite stores NaN in a float column as NULL."""
_FLOAT = struct.Struct("<d")


class LatestValues(NamedTuple):
    """The latest point of each number series and number column, and the latest value of each text series."""

    numbers: dict[str, Latest]
    texts: dict[str, str | bool | None]
    columns: dict[tuple[str, str], Latest]


def read_latest(c: sqlite3.Connection, runs: Sequence[int]) -> dict[int, LatestValues]:
    """Return the latest values of runs, by run, in the order in which the series were first logged."""
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
            import json  # imported here, because a process that only logs does not need it

            found[run].texts[key] = json.loads(text)
            continue
        latest = latest_of(bits, timestamp, step)
        if kind == COLUMN:
            found[run].columns[key, column] = latest
        else:
            found[run].numbers[key] = latest
    return found


def latest_of(bits: int, timestamp: int, step: int) -> Latest:
    """Return a latest point from its columns."""
    return Latest(_FLOAT.unpack(BITS.pack(bits))[0], timestamp, step)
