"""The stored rows of the series to which a fold adds points.

Reading these rows takes longer than any other part of a fold of many series. So a connection remembers the rows of its
last fold, including the changes of that fold, until the database changes in any other way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from bridge.records.series import SCALAR, Definition
from bridge.store.sql import names
from bridge.store.sql.connection import Connection, Name
from bridge.store.sql.runs import keys_of, places_of
from bridge.store.sql.statements import chunks, in_chunks, marks_for_rows, state_of
from bridge.store.sql.states import STATE, States, states_of_rows

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

LOOK_UP = (  # SQLite does not reorder left joins, so it finds each wanted series with an index
    "WITH wanted (number, run, key, name) AS (VALUES {})"
    " SELECT w.number, coalesce(k.points, 0), coalesce(k.stepless, 0), coalesce(s.id, 0), coalesce(s.hot, 0),"
    f" {', '.join(f's.{column}' for column in STATE)}"
    " FROM wanted w LEFT JOIN counter k ON k.run = w.run AND k.name = w.key"
    " LEFT JOIN series s ON s.run = w.run AND s.name = w.name"
)
LAST_IDS = "SELECT coalesce((SELECT max(id) FROM name), 0), coalesce((SELECT max(id) FROM series), 0)"

LOGGED = "SELECT key FROM run WHERE key IN ({}) AND EXISTS (SELECT 1 FROM counter WHERE counter.run = run.key)"

Warnings: TypeAlias = "Sequence[tuple[str, str]]"
"""Warnings of runs, as pairs (run id, sentence)."""


class Known(NamedTuple):
    """The stored rows of series, as columns with one element for each series. An id is 0 if its row does not exist.

    `runs` and `experiments` are the ids of the run and of its experiment.
    `keys` are the ids of the names to which the counters of the keys refer, and `names` those of the names of the
    series. Often they are the same.
    `points` is the number of points of the key, and `stepless` is the number of its points that were logged without a
    step.
    `ids` are the ids of the series, and `hot` is the number of their rows in the table `point_block`.
    `last_name` and `last_series` are the greatest ids of all names and series. New rows get the next ids.
    `ended` are the keys of those runs that have ended.
    `warned` maps the id of each run that gets a warning to the key of its row. Runs that do not exist are absent.
    """

    runs: Array
    experiments: Array
    keys: Array
    names: Array
    points: Array
    stepless: Array
    ids: Array
    hot: Array
    states: States
    last_name: int
    last_series: int
    ended: list[int]
    warned: dict[str, int]

    def content(self) -> list[Any]:
        """Return the content as values that can be compared."""
        columns = (*self[:8], *self.states[:4], self.states.points, *self.states.facts)
        return [*(column.tobytes() for column in columns), self.states.texts, *self[9:]]

    def without(self, lost: Array) -> Known:
        """Drop some of the series. `lost` is True for them."""
        kept = ~lost
        states = self.states.chosen(kept)
        return Known._make([*(column[kept] for column in self[:8]), states, *self[9:]])


def look_up(c: Connection, definitions: Sequence[Definition], warnings: Warnings) -> Known:
    """Return the stored rows of series. They are read only if the connection does not remember them."""
    if c.kept is not None and not warnings:
        state, of, known = c.kept
        if state == state_of(c)[1:] and of == definitions:
            assert isinstance(known, Known)
            return known
    return _read(c, definitions, warnings)


def _read(c: Connection, definitions: Sequence[Definition], warnings: Warnings) -> Known:
    """Read the rows of series. One statement reads up to `AT_ONCE` series."""
    places = places_of(c, list(dict.fromkeys(definition.run_id for definition in definitions)))
    own = [places.get(definition.run_id) for definition in definitions]
    wanted = [
        None if place is None else names_of(place[1], definition)
        for place, definition in zip(own, definitions, strict=True)
    ]
    ids = names.find(c, [name for pair in wanted if pair is not None for name in pair])
    keys, of_series = ([0 if pair is None else ids.get(pair[at], 0) for pair in wanted] for at in (0, 1))
    runs = [0 if place is None else place[0] for place in own]
    logged = {key for (key,) in in_chunks(c, LOGGED, list(dict.fromkeys(runs)))}
    there = [row for row in zip(range(len(runs)), runs, keys, of_series, strict=True) if row[2] and row[1] in logged]
    rows: list[Sequence[Any]] = []
    for some in chunks(there):
        values = [value for row in some for value in row]
        rows += c.execute(LOOK_UP.format(marks_for_rows(4, len(some))), values).fetchall()
    at = _integers([row[0] for row in rows])
    points, stepless, series, hot = (_spread([row[column] for row in rows], at, len(runs)) for column in range(1, 5))
    last_name, last_series = c.execute(LAST_IDS).fetchone()
    return Known(
        _integers(runs),
        _integers([0 if place is None else place[1] for place in own]),
        _integers(keys),
        _integers(of_series),
        points,
        stepless,
        series,
        hot,
        states_of_rows([row[5:] for row in rows]).spread(at, len(runs)),
        last_name,
        last_series,
        ended=[key for key, _, has_ended in places.values() if has_ended],
        warned=keys_of(c, list(dict.fromkeys(run_id for run_id, _ in warnings))),
    )


def keep(c: Connection, definitions: Sequence[Definition], known: Known) -> Callable[[], None]:
    """Return a function that remembers rows. Call it after the commit of the transaction that has changed the rows."""
    state = state_of(c)[1:]  # a commit of this connection changes neither number

    def remember() -> None:
        c.kept = state, definitions, known

    return remember


def names_of(experiment: int, definition: Definition) -> tuple[Name, Name]:
    """Return the name to which the counters of a key refer, and the name of the series."""
    name = names.series_name(experiment, definition)
    if definition.kind == SCALAR and definition.value_type == "number":
        return name, name
    return names.key_name(experiment, definition.key), name


def _integers(column: Sequence[int]) -> Array:
    import numpy

    return numpy.array(column, dtype=numpy.int64)


def _spread(column: Sequence[int], at: Array, count: int) -> Array:
    """Return `count` numbers: those of a column at the indices `at`, and 0 elsewhere."""
    import numpy

    numbers = numpy.zeros(count, dtype=numpy.int64)
    numbers[at] = column
    return numbers
