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

from bridge.records.series import Definition, SeriesRecord
from bridge.store.chunks import Chunk, are_increasing, decode_columns, decode_texts
from bridge.store.packages import check_package
from bridge.store.sql import names
from bridge.store.sql.changes import note_runs
from bridge.store.sql.chunks import CHUNK, chunk_of, note_ended
from bridge.store.sql.connection import Connection, Name
from bridge.store.sql.counted import counted
from bridge.store.sql.known import Known, Warnings, look_up, names_of
from bridge.store.sql.names import SERIES
from bridge.store.sql.statements import chunks, insert, marks_for
from bridge.store.sql.states import STATE, groups_of, joined_states, states_of_points
from bridge.store.sql.waiting import add_waiting, index_ended

if TYPE_CHECKING:
    import numpy

    from bridge.store.place import Joined, Placed
    from bridge.store.slices import Slice

    Array = numpy.ndarray[Any, Any]

logger = logging.getLogger("bridge")

COUNTER = ("run", "name", "points", "stepless")
BLOCK = ("series", "points", "positions", "steps", "timestamps", '"values"', "doors")
COUNTED = "ON CONFLICT (run, name) DO UPDATE SET points = excluded.points, stepless = excluded.stepless"
CHANGING = frozenset((*STATE, "prefix"))
MAY_BECOME_NULL = ("latest_value", "latest_bits")
"""The columns of a series that may become NULL. The other columns stay NULL if a row has no value for them."""

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
NEWEST = (
    " AND b.id > coalesce("
    "(SELECT p.id FROM point_block p WHERE p.series = s.id ORDER BY p.id DESC LIMIT 1 OFFSET ?), 0)"
)
READ_CHUNKS = (
    f"SELECT k.series, {', '.join(f'k.{column}' for column in CHUNK)}"
    " FROM (SELECT s.id FROM {}) s CROSS JOIN chunk k ON k.series = s.id"
)

CHUNK_POINTS, CHUNK_VALUES = 1 + CHUNK.index("points"), 1 + CHUNK.index('"values"')
"""The indexes of these columns in the rows of `READ_CHUNKS`."""

ROW_BYTES, POINT_BYTES = 500, 33
"""The memory of the row of a block, and of each of its points."""

Row: TypeAlias = "tuple[Any, ...]"


class Rows(NamedTuple):
    """The rows to store, and the number of points that are dropped because their run does not exist.

    `series` has rows of this table, by the columns whose values they have. The other columns of a state are NULL.
    `runs` are the keys of the runs that change, and `ended` of those that have ended and get points. `waiting` are the
    keys of the runs whose latest values are not in the index of searches yet.
    `known` are the rows of `definitions` after the change.
    """

    names: dict[Name, int]
    counters: list[Row]
    series: list[tuple[tuple[str, ...], list[Row]]]
    blocks: list[Row]
    warnings: list[Row]
    runs: list[int]
    ended: list[int]
    waiting: list[int]
    dropped: int
    definitions: Sequence[Definition]
    known: Known


def store(c: Connection, points: Joined, warnings: Warnings) -> None:
    """Store points and warnings of runs, within the transaction of the caller."""
    write(c, prepare(points, warnings, look_up(c, points.definitions, warnings)))


def warnings_of(slices: Iterable[Slice]) -> list[tuple[str, str]]:
    """Return the warnings of all slices."""
    return [warning for piece in slices for warning in piece.warnings]


def prepare(points: Joined, warnings: Warnings, known: Known) -> Rows:
    """Return the rows to store for points, given the stored rows of their series. The database is not used."""
    from bridge.store.place import Counters, place, without_series

    warned = [(known.warned[run_id], sentence) for run_id, sentence in warnings if run_id in known.warned]
    lost, dropped = known.runs == 0, 0
    if lost.any():
        points, dropped = without_series(points, lost)
        known = known.without(lost)
    placed = place(points, Counters(known.points, known.stepless))
    states = joined_states(known.states, states_of_points(points, placed))
    new_names, keys, own_names = _name_ids(points.definitions, known)
    ids = _series_ids(known)
    after = known._replace(
        keys=keys,
        names=own_names,
        points=placed.counters.points,
        stepless=placed.counters.stepless,
        ids=ids,
        hot=known.hot + 1,
        states=states,
        last_name=known.last_name + len(new_names),
        last_series=known.last_series + int((known.ids == 0).sum()),
    )
    return Rows(
        names=new_names,
        counters=_counters(after, placed.keys),
        series=list(_series(after)),
        blocks=_blocks(points, placed, ids.tolist()),
        warnings=warned,
        runs=list(dict.fromkeys([*known.runs.tolist(), *(run for run, _ in warned)])),
        ended=known.ended,
        waiting=_waiting(points.definitions, known, after),
        dropped=dropped,
        definitions=points.definitions,
        known=after,
    )


def _name_ids(definitions: Sequence[Definition], known: Known) -> tuple[dict[Name, int], Array, Array]:
    """Return the new names, and the ids of the names of the keys and of the series."""
    import numpy

    new: dict[Name, int] = {}
    keys, of_series = known.keys.copy(), known.names.copy()
    for number in numpy.flatnonzero((keys == 0) | (of_series == 0)).tolist():
        for ids, name in zip(
            (keys, of_series), names_of(int(known.experiments[number]), definitions[number]), strict=True
        ):
            if ids[number] == 0:
                ids[number] = new.setdefault(name, known.last_name + 1 + len(new))
    return new, keys, of_series


def _series_ids(known: Known) -> Array:
    """Return the ids of series. New series get the next ids."""
    import numpy

    is_new = known.ids == 0
    return numpy.where(is_new, known.last_series + numpy.cumsum(is_new), known.ids)


def _counters(known: Known, keys: Array) -> list[Row]:
    """Return the rows of counters. `keys` has, for each series, the index of the first series with the same key."""
    import numpy

    firsts = numpy.flatnonzero(keys == numpy.arange(len(keys)))
    columns = (known.runs, known.keys, known.points, known.stepless)
    return list(zip(*(column[firsts].tolist() for column in columns), strict=True))


def _series(known: Known) -> Iterator[tuple[tuple[str, ...], list[Row]]]:
    """Yield the rows of series, by the columns whose values they have."""
    for group in groups_of(known.states):
        ids = [column[group.series].tolist() for column in (known.ids, known.runs, known.names)]
        rows = list(zip(*ids, *group.values, itertools.repeat(1, len(group.series)), strict=True))
        yield ("id", "run", "name", *group.columns, "hot"), rows


def _waiting(definitions: Sequence[Definition], before: Known, after: Known) -> list[int]:
    """Return the keys of the runs that have another latest value of a metric than before."""
    import numpy

    differs = before.states.values.view("<i8") != after.states.values.view("<i8")
    changed = numpy.flatnonzero(differs | (before.ids == 0)).tolist()
    runs = before.runs.tolist()
    return list(dict.fromkeys(runs[number] for number in changed if definitions[number].value_type == "number"))


def write(c: Connection, rows: Rows) -> None:
    """Store rows. The rows that `look_up` has read must not have changed since."""
    if rows.dropped:
        logger.warning(
            "%d points were dropped: their runs do not exist in this workspace or were purged.", rows.dropped
        )
    names.add(c, rows.names)
    insert(c, "counter", COUNTER, rows.counters, COUNTED)
    for columns, some in rows.series:
        insert(c, "series", columns, some, _changed(columns))
    insert(c, "point_block", BLOCK, rows.blocks)
    insert(c, "warning", ("run", "sentence"), rows.warnings, "ON CONFLICT DO NOTHING")
    add_waiting(c, rows.waiting, time.time_ns() // 1_000_000)
    note_runs(c, rows.runs)
    index_ended(c, rows.ended)
    note_ended(c, rows.ended)


def _changed(columns: Sequence[str]) -> str:
    """Return the change of series that already exist, for rows with values in these columns."""
    settings = [f"{column} = excluded.{column}" for column in (*MAY_BECOME_NULL, *columns) if column in CHANGING]
    return f"ON CONFLICT (run, name) DO UPDATE SET {', '.join(dict.fromkeys(settings))}, hot = series.hot + 1"


def _blocks(points: Joined, placed: Placed, ids: Sequence[int]) -> list[Row]:
    """Return one row of the table `point_block` for each series. The row contains the new points of the series."""
    columns = (placed.positions, placed.steps, placed.timestamps, placed.values)
    # Parts of a bytearray, because Python's sqlite3 searches an adapter for each value of the type bytes.
    positions, steps, timestamps, values = (
        bytearray(column.astype(f"<{column.dtype.kind}8", copy=False).data) for column in columns
    )
    apis = bytearray(placed.apis.astype("u1", copy=False).data)
    begins = [*placed.begins.tolist(), len(apis)]
    rows: list[Row] = []
    for id, definition, begin, end in zip(ids, points.definitions, begins, begins[1:], strict=False):
        at = slice(8 * begin, 8 * end)
        own: bytes | bytearray = values[at]
        if definition.value_type == "text":
            own = json.dumps([points.texts[int(index)] for index in placed.values[begin:end].tolist()]).encode()
        rows.append((id, end - begin, positions[at], steps[at], timestamps[at], own, apis[begin:end]))
    return rows


def read(c: Connection, runs: Sequence[int], keys: Sequence[str] | None) -> dict[int, list[SeriesRecord]]:
    """Return the series of runs, or only those with one of `keys`, in the order in which they were first logged."""
    found: dict[int, list[SeriesRecord]] = {run: [] for run in runs}
    for some in chunks(runs):
        sealed = [
            row
            for source, values in _sources(some, keys)
            for row in counted(c, READ_CHUNKS.format(source), values, _bytes_of_chunk)
        ]
        chunks_of = _chunks_by_series(sealed)
        for id, run, record in read_blocks(c, some, keys):
            found[run].append(with_chunks(record, chunks_of[id]) if id in chunks_of else record)
    return found


def read_blocks(
    c: Connection, runs: Sequence[int], keys: Sequence[str] | None, newest: int | None = None
) -> Iterator[tuple[int, int, SeriesRecord]]:
    """Return the series of at most `AT_ONCE` runs as tuples (series, run, record), without the points in chunks.

    With `newest`, only this number of blocks of each series is read, from its end.
    """
    series: list[Row] = []
    blocks: list[Row] = []
    wanted, limit = (READ_BLOCKS, ()) if newest is None else (READ_BLOCKS + NEWEST, (newest,))
    for source, values in _sources(runs, keys):
        series += c.execute(READ_SERIES + source, values).fetchall()
        blocks += counted(c, wanted.format(source), (*values, *limit), _bytes_of_block)
    series.sort(key=itemgetter(0))
    blocks.sort(key=itemgetter(0, 1))  # sorted here, because SQLite would copy the points while it sorts
    return _records(series, blocks)


def _bytes_of_block(row: Row) -> int:
    return ROW_BYTES + POINT_BYTES * int(row[2]) + len(row[-1])


def _bytes_of_chunk(row: Row) -> int:
    return ROW_BYTES + POINT_BYTES * int(row[CHUNK_POINTS]) + len(row[CHUNK_VALUES])


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
        is_increasing=not len(record.positions) and are_increasing(sealed),
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
