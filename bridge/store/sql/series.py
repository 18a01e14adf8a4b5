"""Series and points in SQL. Each function uses a connection of its caller, within a transaction of the caller.

Points are stored in three steps. `look_up` reads the stored rows of their series, `prepare` creates the new rows, and
`write` stores the new rows. Only `write` needs the lock for writing, so a slow `prepare` does not delay other writers.
A caller may call `write` only if the rows that `look_up` has read have not changed since.
"""

from __future__ import annotations

import itertools
import json
import logging
import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from bridge.records.series import Latest, SeriesRecord, comparable, later
from bridge.store.sql.latest import latest_of
from bridge.store.sql.runs import keys_of
from bridge.store.sql.statements import chunks, insert, marks_for, marks_for_rows

if TYPE_CHECKING:
    from bridge.store.place import Joined, Placed
    from bridge.store.slices import Slice

logger = logging.getLogger("bridge")
RUNS_AT_ONCE = 500

METRIC = ("id", "run", "key", "points", "stepless")
NAME = ("metric", "kind", '"column"', "value_type")
STATE = ("all_ints", "latest_step", "latest_timestamp", "latest_bits", "latest_value", "latest_text")
BLOCK = ("series", "points", "positions", "steps", "timestamps", '"values"', "doors")

LOOK_UP = (  # SQLite does not reorder left joins, so it finds each wanted series with an index
    "WITH wanted (number, run_id, key, kind, col, value_type) AS (VALUES {})"
    f" SELECT w.number, r.key, m.id, m.points, m.stepless, s.id, {', '.join(f's.{column}' for column in STATE)}"
    " FROM wanted w LEFT JOIN run r ON r.id = w.run_id LEFT JOIN metric m ON m.run = r.key AND m.key = w.key"
    ' LEFT JOIN series s ON s.metric = m.id AND s.kind = w.kind AND s."column" = w.col'
    " AND s.value_type = w.value_type"
)

LAST_IDS = "SELECT coalesce((SELECT max(id) FROM metric), 0), coalesce((SELECT max(id) FROM series), 0)"
READ_SERIES = (
    'SELECT s.id, m.run, m.key, s."column", s.kind, s.value_type, s.all_ints'
    " FROM metric m JOIN series s ON s.metric = m.id WHERE {}"
)
READ_BLOCKS = (
    'SELECT b.series, b.id, b.points, b.positions, b.steps, b.timestamps, b.doors, b."values"'
    " FROM metric m JOIN series s ON s.metric = m.id JOIN point_block b ON b.series = s.id WHERE {}"
)

Row: TypeAlias = "tuple[Any, ...]"
Warnings: TypeAlias = "Sequence[tuple[str, str]]"
"""Warnings of runs, as pairs (run id, sentence)."""


class State(NamedTuple):
    """The fields of a series that change when points are stored. They are the database columns in `STATE`."""

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


class Stored(NamedTuple):
    """Stored values of one series, and of the run and the metric to which it belongs.

    `run`, `metric` and `series` are ids. `points` is the number of points of the metric, and `stepless` is the
    number of its points that were logged without a step.
    If one of the three rows does not exist, its values are None.
    """

    run: int | None
    metric: int | None
    points: int | None
    stepless: int | None
    series: int | None
    state: State | None


class Known(NamedTuple):
    """The stored rows of several series, and the greatest ids of metrics and series. New rows get the next ids.

    `warned` maps the id of each run that gets a warning to the key of its row. Runs that do not exist are absent.
    """

    stored: list[Stored]
    last_metric: int
    last_series: int
    warned: dict[str, int]


class Rows(NamedTuple):
    """The rows to store, and the number of points that are dropped because their run does not exist."""

    metrics: list[Row]
    series: list[Row]
    blocks: list[Row]
    warnings: list[Row]
    dropped: int


def store(c: sqlite3.Connection, points: Joined, warnings: Warnings) -> None:
    """Store points and warnings of runs, within the transaction of the caller."""
    write(c, prepare(points, warnings, look_up(c, points, warnings)))


def warnings_of(slices: Iterable[Slice]) -> list[tuple[str, str]]:
    """Return the warnings of all slices."""
    return [warning for piece in slices for warning in piece.warnings]


def look_up(c: sqlite3.Connection, points: Joined, warnings: Warnings) -> Known:
    """Read the stored rows of all series to which points belong. One statement reads up to `AT_ONCE` series."""
    found: dict[int, Stored] = {}
    for some in chunks(list(enumerate(points.definitions))):
        values = [value for number, d in some for value in (number, d.run_id, d.key, d.kind, d.column, d.value_type)]
        rows = c.execute(LOOK_UP.format(marks_for_rows(6, len(some))), values).fetchall()
        for number, run, metric, count, stepless, series, *state in rows:
            found[number] = Stored(run, metric, count, stepless, series, None if series is None else State(*state))
    last_metric, last_series = c.execute(LAST_IDS).fetchone()
    warned = keys_of(c, list(dict.fromkeys(run_id for run_id, _ in warnings)))
    return Known([found[number] for number in range(len(found))], last_metric, last_series, warned)


def prepare(points: Joined, warnings: Warnings, known: Known) -> Rows:
    """Return the rows to store for points, given the stored rows of their series. The database is not used."""
    from bridge.store.place import Counters, place, without_series

    warned = [(known.warned[run_id], sentence) for run_id, sentence in warnings if run_id in known.warned]
    points, dropped = without_series(points, [stored.run is None for stored in known.stored])
    there = [stored for stored in known.stored if stored.run is not None]
    if not there:
        return Rows([], [], [], warned, dropped)
    names = [(definition.run_id, definition.key) for definition in points.definitions]
    keys = dict(zip(names, there, strict=True))
    placed = place(points, {name: Counters(stored.points or 0, stored.stepless or 0) for name, stored in keys.items()})
    number = itertools.count(known.last_metric + 1)
    ids = {name: next(number) if stored.metric is None else stored.metric for name, stored in keys.items()}
    metrics = [(ids[name], keys[name].run, name[1], *after) for name, after in placed.counters.items()]
    series, blocks = _series_rows(points, placed, [ids[name] for name in names], there, known.last_series)
    return Rows(metrics, series, blocks, warned, dropped)


def _series_rows(
    points: Joined, placed: Placed, metrics: Sequence[int], there: Sequence[Stored], last_series: int
) -> tuple[list[Row], list[Row]]:
    """Return the rows of new and changed series, and the rows that contain the new points."""
    number = itertools.count(last_series + 1)
    ids = [next(number) if stored.series is None else stored.series for stored in there]
    series = []
    for id, metric, definition, stored, after in zip(
        ids, metrics, points.definitions, there, _states_after(points, placed, there), strict=True
    ):
        if after != stored.state:
            series.append((id, metric, definition.kind, definition.column, definition.value_type, *after))
    return series, [(id, *block) for id, block in zip(ids, _blocks(points, placed), strict=True)]


def write(c: sqlite3.Connection, rows: Rows) -> None:
    """Store rows. The rows that `look_up` has read must not have changed since."""
    if rows.dropped:
        logger.warning(
            "%d points were dropped: their runs do not exist in this workspace or were purged.", rows.dropped
        )
    insert(c, "metric", METRIC, rows.metrics, _replacing(METRIC[3:]))
    insert(c, "series", ("id", *NAME, *STATE), rows.series, _replacing(STATE))
    insert(c, "point_block", BLOCK, rows.blocks)
    insert(c, "warning", ("run", "sentence"), rows.warnings, "ON CONFLICT DO NOTHING")


def _replacing(columns: Sequence[str]) -> str:
    return f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{column} = excluded.{column}' for column in columns)}"


def _states_after(points: Joined, placed: Placed, there: Sequence[Stored]) -> Iterator[State]:
    """Yield the state of each series after the new points."""
    latest = placed.latest
    values = placed.values[latest]
    columns = zip(
        placed.steps[latest].tolist(),
        placed.timestamps[latest].tolist(),
        values.tolist(),
        values.astype("<f8").view("<i8").tolist(),
        placed.all_ints,
        strict=True,
    )
    for definition, stored, (step, timestamp, value, bits, ints) in zip(
        points.definitions, there, columns, strict=True
    ):
        old = stored.state
        if definition.value_type == "text":
            if old is None or (step, timestamp) >= (old.latest_step, old.latest_timestamp):
                old = State(0, step, timestamp, None, None, json.dumps(points.texts[int(value)]))
            yield old
            continue
        all_ints = int(ints and (old is None or old.all_ints != 0))
        if old is not None and not later(Latest(value, timestamp, step), old.latest):
            yield old._replace(all_ints=all_ints)
            continue
        yield State(all_ints, step, timestamp, bits, None if math.isnan(value) else comparable(value), None)


def _blocks(points: Joined, placed: Placed) -> Iterator[Row]:
    """Yield one row of the table `point_block` for each series. The row contains the new points of the series.

    The row lacks the id of the series, which the caller adds.
    """
    columns = (placed.positions, placed.steps, placed.timestamps, placed.values)
    positions, steps, timestamps, values = (
        column.astype(f"<{column.dtype.kind}8", copy=False).tobytes() for column in columns
    )
    apis = placed.apis.astype("u1", copy=False).tobytes()
    begin = 0
    for definition, end in zip(points.definitions, placed.ends, strict=True):
        at = slice(8 * begin, 8 * end)
        own = values[at]
        if definition.value_type == "text":
            own = json.dumps([points.texts[int(index)] for index in placed.values[begin:end].tolist()]).encode()
        yield end - begin, positions[at], steps[at], timestamps[at], own, apis[begin:end]
        begin = end


def read(c: sqlite3.Connection, runs: Sequence[int], keys: Sequence[str] | None) -> dict[int, list[SeriesRecord]]:
    """Return the series of runs, or only those with one of `keys`, in the order in which they were first logged."""
    found: dict[int, list[SeriesRecord]] = {run: [] for run in runs}
    for some in chunks(runs):
        series: list[Row] = []
        blocks: list[Row] = []
        for few in [None] if keys is None else chunks(keys):
            where = f"m.run IN ({marks_for(some)})" + ("" if few is None else f" AND m.key IN ({marks_for(few)})")
            values = (*some, *(few or ()))
            series += c.execute(READ_SERIES.format(where), values).fetchall()
            blocks += c.execute(READ_BLOCKS.format(where), values).fetchall()
        series.sort(key=itemgetter(0))
        blocks.sort(key=itemgetter(0, 1))  # sorted here, because SQLite would copy the points while it sorts
        for run, record in _records(series, blocks):
            found[run].append(record)
    return found


def _records(series: Sequence[Row], blocks: Sequence[Row]) -> Iterator[tuple[int, SeriesRecord]]:
    """Yield series with their points.

    The arrays of a series are parts of one array for all series, because a run may have very many short series.
    """
    import numpy

    is_text = {id: value_type == "text" for id, _, _, _, _, value_type, _ in series}
    points = dict.fromkeys(is_text, 0)
    texts: dict[int, list[str | bool | None]] = {id: [] for id, text in is_text.items() if text}
    for id, _, count, *_, values in blocks:
        points[id] += count
        if is_text[id]:
            texts[id] += json.loads(values)
    positions, steps, timestamps = (
        numpy.frombuffer(b"".join([block[column] for block in blocks]), dtype="<i8") for column in (3, 4, 5)
    )
    apis = numpy.frombuffer(b"".join([block[6] for block in blocks]), dtype="u1")
    numbers = numpy.frombuffer(b"".join([block[7] for block in blocks if not is_text[block[0]]]), dtype="<f8")
    at = at_number = 0
    for id, run, key, column, kind, value_type, all_ints in series:
        own, text = slice(at, at + points[id]), is_text[id]
        at = own.stop
        yield (
            run,
            SeriesRecord(
                key=key,
                column=column,
                kind=kind,
                value_type=value_type,
                all_ints=bool(all_ints) and not text,
                positions=positions[own],
                steps=steps[own],
                timestamps=timestamps[own],
                apis=apis[own],
                numbers=None if text else numbers[at_number : at_number + points[id]],
                texts=texts[id] if text else None,
            ),
        )
        at_number += 0 if text else points[id]
