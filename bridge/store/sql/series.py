"""Series and points in SQL: functions over a connection within a transaction."""

from __future__ import annotations

import json
import logging
import math
import sqlite3
import struct
from collections import defaultdict
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from bridge.records.series import SCALAR, Latest, SeriesRecord, comparable

if TYPE_CHECKING:
    from bridge.store.fold import Counters, PlacedSeries
    from bridge.store.tracking import Slice

logger = logging.getLogger("bridge")
RUNS_AT_ONCE = 500
_BITS = struct.Struct("<q")
_FLOAT = struct.Struct("<d")

Texts = Mapping[str, "str | bool | None"]


def store(c: sqlite3.Connection, slices: Sequence[Slice]) -> None:
    """Store the points of slices, and the warnings that came with them."""
    from bridge.store.fold import Counters, place

    runs: dict[str, int | None] = {}
    metrics: dict[tuple[str, str], int] = {}

    def run_key(run_id: str) -> int | None:
        if run_id not in runs:
            row = c.execute("SELECT key FROM run WHERE id = ?", (run_id,)).fetchone()
            runs[run_id] = None if row is None else row[0]
        return runs[run_id]

    def counters_of(run_id: str, key: str) -> Counters | None:
        run = run_key(run_id)
        if run is None:
            return None
        row = c.execute("SELECT id, points, stepless FROM metric WHERE run = ? AND key = ?", (run, key)).fetchone()
        if row is None:
            inserted = c.execute("INSERT INTO metric (run, key) VALUES (?, ?)", (run, key)).lastrowid
            assert inserted is not None
            row = inserted, 0, 0
        metrics[run_id, key] = row[0]
        return Counters(row[1], row[2])

    placed, dropped = place(slices, counters_of)
    if dropped:
        logger.warning("%d points were dropped: their runs are not in this workspace (any more).", dropped)
    for series in placed.series:
        _store_series(c, metrics[series.definition.run_id, series.definition.key], series)
    c.executemany(
        "UPDATE metric SET points = ?, stepless = ? WHERE id = ?",
        [(counters.points, counters.stepless, metrics[name]) for name, counters in placed.counters.items()],
    )
    for piece in slices:
        for run_id, sentence in piece.warnings:
            run = run_key(run_id)
            if run is not None:
                c.execute("INSERT INTO warning (run, sentence) VALUES (?, ?) ON CONFLICT DO NOTHING", (run, sentence))


def _store_series(c: sqlite3.Connection, metric: int, placed: PlacedSeries) -> None:
    definition = placed.definition
    name = metric, definition.kind, definition.column, definition.value_type
    row = c.execute(
        "SELECT id, all_ints, latest_step, latest_timestamp, latest_bits FROM series"
        ' WHERE metric = ? AND kind = ? AND "column" = ? AND value_type = ?',
        name,
    ).fetchone()
    if row is None:
        inserted = c.execute(
            'INSERT INTO series (metric, kind, "column", value_type) VALUES (?, ?, ?, ?)', name
        ).lastrowid
        row = inserted, 1, None, None, None
    series, all_ints, *old = row
    if placed.texts is None:
        assert placed.numbers is not None
        values: bytes | str = placed.numbers.astype("<f8", copy=False).tobytes()
        _update_number(c, series, bool(all_ints), old, placed)
    else:
        values = json.dumps(placed.texts).encode()
        _update_text(c, series, old, placed)
    c.execute(
        'INSERT INTO point_block (series, points, positions, steps, timestamps, "values", doors)'
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            series,
            len(placed.positions),
            placed.positions.astype("<i8", copy=False).tobytes(),
            placed.steps.astype("<i8", copy=False).tobytes(),
            placed.timestamps.astype("<i8", copy=False).tobytes(),
            values,
            placed.doors.astype("u1", copy=False).tobytes(),
        ),
    )


def _update_number(
    c: sqlite3.Connection, series: int, all_ints: bool, old: Sequence[int | None], placed: PlacedSeries
) -> None:
    from bridge.store.fold import later

    assert placed.numbers is not None
    at = placed.latest
    new = Latest(float(placed.numbers[at]), int(placed.timestamps[at]), int(placed.steps[at]))
    before = None
    if old[0] is not None and old[1] is not None and old[2] is not None:
        before = Latest(_FLOAT.unpack(_BITS.pack(old[2]))[0], old[1], old[0])
    if later(new, before):
        plain = None if math.isnan(new.value) else comparable(new.value)
        bits = _BITS.unpack(placed.numbers[at : at + 1].tobytes())[0]
        c.execute(
            "UPDATE series SET latest_step = ?, latest_timestamp = ?, latest_bits = ?, latest_value = ? WHERE id = ?",
            (new.step, new.timestamp, bits, plain, series),
        )
    if all_ints and not placed.all_ints:
        c.execute("UPDATE series SET all_ints = 0 WHERE id = ?", (series,))


def _update_text(c: sqlite3.Connection, series: int, old: Sequence[int | None], placed: PlacedSeries) -> None:
    assert placed.texts is not None
    at = placed.latest
    step, timestamp = int(placed.steps[at]), int(placed.timestamps[at])
    if old[0] is None or old[1] is None or (step, timestamp) >= (old[0], old[1]):
        c.execute(
            "UPDATE series SET latest_step = ?, latest_timestamp = ?, latest_text = ?, all_ints = 0 WHERE id = ?",
            (step, timestamp, json.dumps(placed.texts[at]), series),
        )


def read_latest(
    c: sqlite3.Connection, runs: Sequence[int]
) -> tuple[dict[int, dict[str, Latest]], dict[int, dict[str, str | bool | None]]]:
    """The latest point of each number series, and the latest value of each text series, of some runs."""
    numbers: dict[int, dict[str, Latest]] = defaultdict(dict)
    texts: dict[int, dict[str, str | bool | None]] = defaultdict(dict)
    rows = c.execute(
        "SELECT m.run, m.key, s.value_type, s.latest_bits, s.latest_timestamp, s.latest_step, s.latest_text"
        " FROM metric m JOIN series s ON s.metric = m.id"
        f" WHERE m.run IN ({','.join('?' * len(runs))}) AND s.kind = {SCALAR} ORDER BY s.id",
        runs,
    )
    for run, key, value_type, bits, timestamp, step, text in rows:
        if value_type == "text":
            texts[run][key] = json.loads(text)
        else:
            numbers[run][key] = Latest(_FLOAT.unpack(_BITS.pack(bits))[0], timestamp, step)
    return numbers, texts


def read(c: sqlite3.Connection, runs: Sequence[int], keys: Sequence[str] | None) -> dict[int, list[SeriesRecord]]:
    """The series of runs, or those under some keys, in the order in which they were first logged."""
    found: dict[int, list[SeriesRecord]] = {run: [] for run in runs}
    for start in range(0, len(runs), RUNS_AT_ONCE):
        some = runs[start : start + RUNS_AT_ONCE]
        where = f"m.run IN ({','.join('?' * len(some))})"
        if keys is not None:
            where += f" AND m.key IN ({','.join('?' * len(keys))})"
        blocks = _read_blocks(c, where, (*some, *(keys or ())))
        rows = c.execute(
            'SELECT m.run, s.id, m.key, s."column", s.kind, s.value_type, s.all_ints'
            f" FROM metric m JOIN series s ON s.metric = m.id WHERE {where} ORDER BY s.id",
            (*some, *(keys or ())),
        )
        for run, series, *facts in rows:
            found[run].append(_series_record(blocks.get(series, []), *facts))
    return found


def _read_blocks(c: sqlite3.Connection, where: str, values: Sequence[Any]) -> dict[int, list[tuple[Any, ...]]]:
    """The blocks of all series that meet a condition, by series, in the order in which they were stored."""
    rows = c.execute(
        'SELECT b.id, b.series, b.positions, b.steps, b.timestamps, b.doors, b."values"'
        f" FROM metric m JOIN series s ON s.metric = m.id JOIN point_block b ON b.series = s.id WHERE {where}",
        values,
    ).fetchall()
    rows.sort(key=itemgetter(0))  # here, for the database would carry the blocks along while it sorts
    blocks: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for _, series, *columns in rows:
        blocks[series].append(tuple(columns))
    return blocks


def _series_record(
    blocks: Sequence[tuple[Any, ...]], key: str, column: str, kind: int, value_type: str, all_ints: int
) -> SeriesRecord:
    import numpy

    positions, steps, timestamps, doors, values = zip(*blocks, strict=True) if blocks else ((),) * 5
    text = value_type == "text"
    return SeriesRecord(
        key=key,
        column=column,
        kind=kind,
        value_type="text" if text else "number",
        all_ints=bool(all_ints) and not text,
        positions=numpy.frombuffer(b"".join(positions), dtype="<i8"),
        steps=numpy.frombuffer(b"".join(steps), dtype="<i8"),
        timestamps=numpy.frombuffer(b"".join(timestamps), dtype="<i8"),
        doors=numpy.frombuffer(b"".join(doors), dtype="u1"),
        numbers=None if text else numpy.frombuffer(b"".join(values), dtype="<f8"),
        texts=[value for block in values for value in json.loads(block)] if text else None,
    )
