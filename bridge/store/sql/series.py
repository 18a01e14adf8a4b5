"""Series and points in SQL. Each function uses a connection of its caller, within a transaction of the caller.

Points are stored in three steps. `look_up` reads the stored rows of their series, `prepare` creates the new rows, and
`write` stores the new rows. Only `write` needs the lock for writing, so a slow `prepare` does not delay other writers.
A caller may call `write` only if the rows that `look_up` has read have not changed since.
"""

from __future__ import annotations

import itertools
import json
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from bridge.records.series import SCALAR, Definition, SeriesRecord
from bridge.store.chunks import Chunk, decode_columns, decode_texts
from bridge.store.packages import check_package
from bridge.store.sql import names
from bridge.store.sql.changes import note_runs
from bridge.store.sql.chunks import CHUNK, chunk_of, note_ended
from bridge.store.sql.connection import Connection, Name
from bridge.store.sql.names import SERIES
from bridge.store.sql.runs import keys_of, places_of
from bridge.store.sql.statements import by_columns, chunks, insert, marks_for, marks_for_rows
from bridge.store.sql.states import STATE, VALUE, State, states_after
from bridge.store.sql.waiting import add_waiting, index_ended

if TYPE_CHECKING:
    from bridge.store.place import Joined, Placed
    from bridge.store.slices import Slice

logger = logging.getLogger("bridge")

COUNTER = ("run", "name", "points", "stepless")
BLOCK = ("series", "points", "positions", "steps", "timestamps", '"values"', "doors")
SERIES_COLUMNS = ("id", "run", "name", *STATE, "hot")
COUNTED = "ON CONFLICT (run, name) DO UPDATE SET points = excluded.points, stepless = excluded.stepless"
CHANGED = (
    f"ON CONFLICT (run, name) DO UPDATE SET {', '.join(f'{column} = excluded.{column}' for column in STATE)},"
    " hot = series.hot + 1"
)

LOOK_UP = (  # SQLite does not reorder left joins, so it finds each wanted series with an index
    "WITH wanted (number, run, key, name) AS (VALUES {})"
    f" SELECT w.number, k.points, k.stepless, s.id, {', '.join(f's.{column}' for column in STATE)}"
    " FROM wanted w LEFT JOIN counter k ON k.run = w.run AND k.name = w.key"
    " LEFT JOIN series s ON s.run = w.run AND s.name = w.name"
)
LAST_IDS = "SELECT coalesce((SELECT max(id) FROM name), 0), coalesce((SELECT max(id) FROM series), 0)"

OF_RUNS = "series s CROSS JOIN name n ON n.id = s.name WHERE s.run IN ({runs})"
OF_KEYS = (  # SQLite does not reorder cross joins, so it finds the names of the keys first
    f"run r CROSS JOIN name n ON n.experiment = r.experiment AND n.entity = {SERIES} AND n.key IN ({{keys}})"
    " CROSS JOIN series s ON s.run = r.key AND s.name = n.id WHERE r.key IN ({runs})"
)
READ_SERIES = 'SELECT s.id, s.run, n.key, n."column", n.kind, n.value_type, s.all_ints FROM '
READ_BLOCKS = (
    'SELECT b.series, b.id, b.points, b.positions, b.steps, b.timestamps, b.doors, b."values"'
    " FROM (SELECT s.id FROM {}) s CROSS JOIN point_block b ON b.series = s.id"
)
READ_CHUNKS = (
    f"SELECT k.series, {', '.join(f'k.{column}' for column in CHUNK)}"
    " FROM (SELECT s.id FROM {}) s CROSS JOIN chunk k ON k.series = s.id"
)

Row: TypeAlias = "tuple[Any, ...]"
Warnings: TypeAlias = "Sequence[tuple[str, str]]"
"""Warnings of runs, as pairs (run id, sentence)."""


class Stored(NamedTuple):
    """Stored values of one series, of its key, and of the run to which it belongs.

    `run`, `experiment` and `series` are ids. `key` is the id of the name to which the counters of the key refer, and
    `name` is the id of the name of the series. Often they are the same.
    `points` is the number of points of the key, and `stepless` is the number of its points that were logged without a
    step. Values of rows that do not exist are None.
    """

    run: int | None = None
    experiment: int | None = None
    key: int | None = None
    name: int | None = None
    points: int | None = None
    stepless: int | None = None
    series: int | None = None
    state: State | None = None


class Known(NamedTuple):
    """The stored rows of several series, and the greatest ids of names and series. New rows get the next ids.

    `ended` are the keys of those runs that have ended.
    `warned` maps the id of each run that gets a warning to the key of its row. Runs that do not exist are absent.
    """

    stored: list[Stored]
    ended: list[int]
    last_name: int
    last_series: int
    warned: dict[str, int]


class Rows(NamedTuple):
    """The rows to store, and the number of points that are dropped because their run does not exist.

    `runs` are the keys of the runs that change, and `ended` of those that have ended and get points. `waiting` are the
    keys of the runs whose latest values are not in the index of searches yet.
    """

    names: dict[Name, int]
    counters: list[Row]
    series: dict[tuple[str, ...], list[Row]]
    blocks: list[Row]
    warnings: list[Row]
    runs: list[int]
    ended: list[int]
    waiting: list[int]
    dropped: int


def store(c: Connection, points: Joined, warnings: Warnings) -> None:
    """Store points and warnings of runs, within the transaction of the caller."""
    write(c, prepare(points, warnings, look_up(c, points, warnings)))


def warnings_of(slices: Iterable[Slice]) -> list[tuple[str, str]]:
    """Return the warnings of all slices."""
    return [warning for piece in slices for warning in piece.warnings]


def look_up(c: Connection, points: Joined, warnings: Warnings) -> Known:
    """Read the stored rows of all series to which points belong. One statement reads up to `AT_ONCE` series."""
    places = places_of(c, list(dict.fromkeys(definition.run_id for definition in points.definitions)))
    wanted = [
        (*places[d.run_id][:2], *_names_of(places[d.run_id][1], d)) if d.run_id in places else None
        for d in points.definitions
    ]
    ids = names.find(c, [name for one in wanted if one is not None for name in one[2:]])
    there = [
        (number, one[0], ids[one[2]], ids.get(one[3], 0))
        for number, one in enumerate(wanted)
        if one is not None and one[2] in ids
    ]
    found: dict[int, Row] = {}
    for some in chunks(there):
        values = [value for row in some for value in row]
        rows = c.execute(LOOK_UP.format(marks_for_rows(4, len(some))), values).fetchall()
        found.update((row[0], row) for row in rows)
    stored = [Stored() if one is None else _stored(one, ids, found.get(number)) for number, one in enumerate(wanted)]
    last_name, last_series = c.execute(LAST_IDS).fetchone()
    warned = keys_of(c, list(dict.fromkeys(run_id for run_id, _ in warnings)))
    ended = [key for key, _, has_ended in places.values() if has_ended]
    return Known(stored, ended, last_name, last_series, warned)


def _stored(wanted: tuple[int, int, Name, Name], ids: dict[Name, int], row: Row | None) -> Stored:
    run, experiment, key, name = wanted
    if row is None:
        return Stored(run, experiment, ids.get(key), ids.get(name))
    state = None if row[3] is None else row[4:]
    return Stored(run, experiment, ids[key], ids.get(name), row[1], row[2], row[3], state)


def _names_of(experiment: int, definition: Definition) -> tuple[Name, Name]:
    """Return the name to which the counters of the key refer, and the name of the series."""
    name = names.series_name(experiment, definition)
    if definition.kind == SCALAR and definition.value_type == "number":
        return name, name
    return names.key_name(experiment, definition.key), name


def prepare(points: Joined, warnings: Warnings, known: Known) -> Rows:
    """Return the rows to store for points, given the stored rows of their series. The database is not used."""
    from bridge.store.place import Counters, place, without_series

    warned = [(known.warned[run_id], sentence) for run_id, sentence in warnings if run_id in known.warned]
    points, dropped = without_series(points, [stored.run is None for stored in known.stored])
    there = [stored for stored in known.stored if stored.run is not None]
    if not there:
        return Rows({}, [], {}, [], warned, [run for run, _ in warned], [], [], dropped)
    keys = {(d.run_id, d.key): stored for d, stored in zip(points.definitions, there, strict=True)}
    placed = place(points, {name: Counters(stored.points or 0, stored.stepless or 0) for name, stored in keys.items()})
    new_names, of_keys, of_series = _name_ids(points.definitions, there, known.last_name)
    key_ids = dict(zip(((d.run_id, d.key) for d in points.definitions), of_keys, strict=True))
    counters = [(keys[name].run, key_ids[name], *after) for name, after in placed.counters.items()]
    states = states_after(points, placed, [stored.state for stored in there])
    ids = _series_ids(there, known.last_series)
    return Rows(
        names=new_names,
        counters=counters,
        series=by_columns(
            SERIES_COLUMNS,
            (
                (id, stored.run, name, *state, 1)
                for id, stored, name, state in zip(ids, there, of_series, states, strict=True)
            ),
        ),
        blocks=[(id, *block) for id, block in zip(ids, _blocks(points, placed), strict=True)],
        warnings=warned,
        runs=list(dict.fromkeys([*(stored.run for stored in there if stored.run), *(run for run, _ in warned)])),
        ended=known.ended,
        waiting=_waiting(points.definitions, there, states),
        dropped=dropped,
    )


def _name_ids(
    definitions: Sequence[Definition], there: Sequence[Stored], last: int
) -> tuple[dict[Name, int], list[int], list[int]]:
    """Return the new names, and the ids of the names of the keys and of the series. `last` is the last used id."""
    new: dict[Name, int] = {}

    keys, series = [], []
    for definition, stored in zip(definitions, there, strict=True):
        key, name = stored.key, stored.name
        if key is None or name is None:
            assert stored.experiment is not None
            new_key, new_name = _names_of(stored.experiment, definition)
            key = key or new.setdefault(new_key, last + 1 + len(new))
            name = name or new.setdefault(new_name, last + 1 + len(new))
        keys.append(key)
        series.append(name)
    return new, keys, series


def _series_ids(there: Sequence[Stored], last: int) -> list[int]:
    """Return the ids of series. New series get the ids after `last`."""
    number = itertools.count(last + 1)
    return [stored.series or next(number) for stored in there]


def _waiting(definitions: Sequence[Definition], there: Sequence[Stored], states: Sequence[State]) -> list[int]:
    """Return the keys of the runs that have another latest value of a metric than before."""
    changed = {
        stored.run: None
        for definition, stored, state in zip(definitions, there, states, strict=True)
        if definition.kind == SCALAR and definition.value_type == "number"
        if stored.state is None or stored.state[VALUE] != state[VALUE]
    }
    return [run for run in changed if run is not None]


def write(c: Connection, rows: Rows) -> None:
    """Store rows. The rows that `look_up` has read must not have changed since."""
    if rows.dropped:
        logger.warning(
            "%d points were dropped: their runs do not exist in this workspace or were purged.", rows.dropped
        )
    names.add(c, rows.names)
    insert(c, "counter", COUNTER, rows.counters, COUNTED)
    for columns, some in rows.series.items():
        insert(c, "series", columns, some, CHANGED)
    insert(c, "point_block", BLOCK, rows.blocks)
    insert(c, "warning", ("run", "sentence"), rows.warnings, "ON CONFLICT DO NOTHING")
    add_waiting(c, rows.waiting, time.time_ns() // 1_000_000)
    note_runs(c, rows.runs)
    index_ended(c, rows.ended)
    note_ended(c, rows.ended)


def _blocks(points: Joined, placed: Placed) -> Iterator[Row]:
    """Yield one row of the table `point_block` for each series. The row contains the new points of the series.

    The row lacks the id of the series, which the caller adds.
    """
    columns = (placed.positions, placed.steps, placed.timestamps, placed.values)
    # Parts of a bytearray, because Python's sqlite3 searches an adapter for each value of the type bytes.
    positions, steps, timestamps, values = (
        bytearray(column.astype(f"<{column.dtype.kind}8", copy=False).data) for column in columns
    )
    apis = bytearray(placed.apis.astype("u1", copy=False).data)
    begin = 0
    for definition, end in zip(points.definitions, placed.ends, strict=True):
        at = slice(8 * begin, 8 * end)
        own: bytes | bytearray = values[at]
        if definition.value_type == "text":
            own = json.dumps([points.texts[int(index)] for index in placed.values[begin:end].tolist()]).encode()
        yield end - begin, positions[at], steps[at], timestamps[at], own, apis[begin:end]
        begin = end


def read(c: Connection, runs: Sequence[int], keys: Sequence[str] | None) -> dict[int, list[SeriesRecord]]:
    """Return the series of runs, or only those with one of `keys`, in the order in which they were first logged."""
    found: dict[int, list[SeriesRecord]] = {run: [] for run in runs}
    for some in chunks(runs):
        sealed = [
            row
            for source, values in _sources(some, keys)
            for row in c.execute(READ_CHUNKS.format(source), values).fetchall()
        ]
        chunks_of = _chunks_by_series(sealed)
        for id, run, record in read_blocks(c, some, keys):
            found[run].append(with_chunks(record, chunks_of[id]) if id in chunks_of else record)
    return found


def read_blocks(
    c: Connection, runs: Sequence[int], keys: Sequence[str] | None
) -> Iterator[tuple[int, int, SeriesRecord]]:
    """Return the series of at most `AT_ONCE` runs as tuples (series, run, record), without the points in chunks."""
    series: list[Row] = []
    blocks: list[Row] = []
    for source, values in _sources(runs, keys):
        series += c.execute(READ_SERIES + source, values).fetchall()
        blocks += c.execute(READ_BLOCKS.format(source), values).fetchall()
    series.sort(key=itemgetter(0))
    blocks.sort(key=itemgetter(0, 1))  # sorted here, because SQLite would copy the points while it sorts
    return _records(series, blocks)


def _sources(runs: Sequence[int], keys: Sequence[str] | None) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield the rows of the series of runs, as the end of a statement and its values."""
    for few in [None] if keys is None else chunks(keys):
        source = (OF_RUNS if few is None else OF_KEYS).format(runs=marks_for(runs), keys=marks_for(few or ()))
        yield source, (*(few or ()), *runs)


def _chunks_by_series(rows: Sequence[Row]) -> dict[int, list[Chunk]]:
    """Return the chunks of each series in log order."""
    if rows:
        check_package("pcodec", "reading compressed metrics")
    found: dict[int, list[Chunk]] = {}
    for series, *row in rows:
        found.setdefault(series, []).append(chunk_of(row))
    for own in found.values():
        own.sort(key=lambda chunk: chunk.facts.first_position)
    return found


def with_chunks(record: SeriesRecord, sealed: Sequence[Chunk]) -> SeriesRecord:
    """Return a series with the points of chunks before its other points."""
    texts = None
    if record.texts is not None:
        texts = [text for chunk in sealed for text in decode_texts(chunk)] + record.texts
    return replace(
        record,
        positions=decode_columns(sealed, "positions", record.positions),
        steps=decode_columns(sealed, "steps", record.steps),
        timestamps=decode_columns(sealed, "timestamps", record.timestamps),
        apis=decode_columns(sealed, "apis", record.apis),
        numbers=None if record.numbers is None else decode_columns(sealed, "values", record.numbers),
        texts=texts,
    )


def _records(series: Sequence[Row], blocks: Sequence[Row]) -> Iterator[tuple[int, int, SeriesRecord]]:
    """Yield series with the points of their blocks, as tuples (series, run, record).

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
            id,
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
