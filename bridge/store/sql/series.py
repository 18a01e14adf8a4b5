"""Series and points in SQL: functions over a connection within a transaction."""

from __future__ import annotations

import json
import logging
import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from bridge.records.series import Latest, SeriesRecord, comparable, later
from bridge.store.sql.latest import BITS, latest_of
from bridge.store.sql.statements import chunks, in_chunks, insert, marks_for

if TYPE_CHECKING:
    from bridge.store.fold import Counters, Name, PlacedSeries
    from bridge.store.slices import Slice

logger = logging.getLogger("bridge")
RUNS_AT_ONCE = 500

NAME = ("metric", "kind", '"column"', "value_type")
STATE = ("all_ints", "latest_step", "latest_timestamp", "latest_bits", "latest_value", "latest_text")

FIND_METRICS = (
    "SELECT r.id, r.key, m.key, m.id, m.points, m.stepless FROM run r"
    " LEFT JOIN metric m ON m.run = r.key AND m.key IN ({}) WHERE r.id IN ({})"
)

SeriesName: TypeAlias = "tuple[int, int, str, str]"
"""A metric's id, a kind, a column and a value type."""


class State(NamedTuple):
    """What a series has beside its points; the columns of `STATE`."""

    all_ints: int
    latest_step: int
    latest_timestamp: int
    latest_bits: int | None
    latest_value: float | None
    latest_text: str | None

    @property
    def latest(self) -> Latest:
        assert self.latest_bits is not None
        return latest_of(self.latest_bits, self.latest_timestamp, self.latest_step)


def store(c: sqlite3.Connection, slices: Sequence[Slice]) -> None:
    """Store the points of slices, and the warnings that came with them, by a constant number of statements.

    What one statement may hold is bounded: it is that many for every `AT_ONCE` series.
    """
    from bridge.store.fold import Counters, place

    warnings = [warning for piece in slices for warning in piece.warnings]
    runs: dict[str, int] = {}
    metrics: dict[Name, int] = {}

    def counters_of(names: Sequence[Name]) -> dict[Name, Counters]:
        found = _find_metrics(c, [*names, *((run_id, "") for run_id, _ in warnings)], runs, metrics)
        return {name: Counters(*found.get(name, (0, 0))) for name in names if name[0] in runs}

    placed, dropped = place(slices, counters_of)
    if dropped:
        logger.warning("%d points were dropped: their runs are not in this workspace (any more).", dropped)
    _set_counters(c, runs, metrics, placed.counters)
    _store_series(c, metrics, placed.series)
    kept = [(runs[run_id], sentence) for run_id, sentence in warnings if run_id in runs]
    insert(c, "warning", ("run", "sentence"), kept, "ON CONFLICT DO NOTHING")


def _find_metrics(
    c: sqlite3.Connection, names: Sequence[Name], runs: dict[str, int], metrics: dict[Name, int]
) -> dict[Name, tuple[int, int]]:
    """The counters of metrics that are there; `runs` and `metrics` learn the keys of these runs, and ids."""
    found: dict[Name, tuple[int, int]] = {}
    for run_ids in chunks(list(dict.fromkeys(run_id for run_id, _ in names))):
        for keys in chunks(list(dict.fromkeys(key for _, key in names))):
            rows = c.execute(FIND_METRICS.format(marks_for(keys), marks_for(run_ids)), (*keys, *run_ids))
            for run_id, run, key, metric, points, stepless in rows:
                runs[run_id] = run
                if metric is not None:
                    metrics[run_id, key] = metric
                    found[run_id, key] = points, stepless
    return found


def _set_counters(
    c: sqlite3.Connection, runs: dict[str, int], metrics: dict[Name, int], counters: Mapping[Name, Counters]
) -> None:
    """Store the counters of metrics; those that are new are made, and added to `metrics`."""
    insert(
        c,
        "metric",
        ("run", "key", "points", "stepless"),
        [(runs[run_id], key, *after) for (run_id, key), after in counters.items()],
        "ON CONFLICT (run, key) DO UPDATE SET points = excluded.points, stepless = excluded.stepless",
    )
    _find_metrics(c, [name for name in counters if name not in metrics], runs, metrics)


def _store_series(c: sqlite3.Connection, metrics: Mapping[Name, int], placed: Sequence[PlacedSeries]) -> None:
    ids, before = _find_series(c, {metrics[one.name] for one in placed})
    names = [
        (metrics[one.name], one.definition.kind, one.definition.column, one.definition.value_type) for one in placed
    ]
    after = {name: _state_after(before.get(name), one) for name, one in zip(names, placed, strict=True)}
    changed = [(*name, *state) for name, state in after.items() if state != before.get(name)]
    settings = ", ".join(f"{column} = excluded.{column}" for column in STATE)
    insert(
        c, "series", (*NAME, *STATE), changed, f"ON CONFLICT ({', '.join(NAME)}) DO UPDATE SET {settings}"
    )  # fmt: skip
    new = {name[0] for name in names if name not in ids}
    if new:
        ids |= _find_series(c, new)[0]
    insert(
        c,
        "point_block",
        ("series", "points", "positions", "steps", "timestamps", '"values"', "doors"),
        [(ids[name], *_block(one)) for name, one in zip(names, placed, strict=True)],
    )


def _find_series(
    c: sqlite3.Connection, metrics: Iterable[int]
) -> tuple[dict[SeriesName, int], dict[SeriesName, State]]:
    """The ids, and what else is kept, of the series of metrics."""
    columns = ", ".join((*NAME, "id", *STATE))
    rows = list(in_chunks(c, f"SELECT {columns} FROM series WHERE metric IN ({{}})", sorted(metrics)))
    count = len(NAME)
    return {row[:count]: row[count] for row in rows}, {row[:count]: State(*row[count + 1 :]) for row in rows}


def _state_after(old: State | None, placed: PlacedSeries) -> State:
    """What is kept of a series once new points have joined it."""
    at = placed.latest
    step, timestamp = int(placed.steps[at]), int(placed.timestamps[at])
    if placed.numbers is None:
        assert placed.texts is not None
        if old is not None and (step, timestamp) < (old.latest_step, old.latest_timestamp):
            return old
        return State(0, step, timestamp, None, None, json.dumps(placed.texts[at]))
    all_ints = int(placed.all_ints and (old is None or old.all_ints != 0))
    new = Latest(float(placed.numbers[at]), timestamp, step)
    if old is not None and not later(new, old.latest):
        return old._replace(all_ints=all_ints)
    plain = None if math.isnan(new.value) else comparable(new.value)
    bits = BITS.unpack(placed.numbers[at : at + 1].tobytes())[0]
    return State(all_ints, step, timestamp, bits, plain, None)


def _block(placed: PlacedSeries) -> tuple[int, bytes, bytes, bytes, bytes, bytes]:
    """The new points of a series as they are stored."""
    if placed.numbers is None:
        values = json.dumps(placed.texts).encode()
    else:
        values = placed.numbers.astype("<f8", copy=False).tobytes()
    return (
        len(placed.positions),
        placed.positions.astype("<i8", copy=False).tobytes(),
        placed.steps.astype("<i8", copy=False).tobytes(),
        placed.timestamps.astype("<i8", copy=False).tobytes(),
        values,
        placed.doors.astype("u1", copy=False).tobytes(),
    )


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
