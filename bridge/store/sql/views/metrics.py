"""Statistics of the metrics of many runs, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from bridge.records.series import BIG, COLUMN, SCALAR
from bridge.records.views import Column, Numbers, Statistic
from bridge.store.record_views.series import keys_of_name
from bridge.store.sql.names import SERIES
from bridge.store.sql.statements import in_chunks, marks_for
from bridge.store.sql.views.chosen import Chosen
from bridge.store.sql.views.uncounted import statistics_of_uncounted

if TYPE_CHECKING:
    from bridge.store.sql.connection import Connection

    Array = numpy.ndarray[Any, Any]

# `latest_value` has ±1.797e308 instead of ±inf. In this case, `latest_bits` has the bits of the infinity.
LATEST = (
    "CASE latest_bits WHEN 0x7FF0000000000000 THEN 9e999 WHEN -0x0010000000000000 THEN -9e999 ELSE latest_value END"
)
STEP = "CASE WHEN points <> 1 THEN {} WHEN latest_value IS NOT NULL THEN latest_step END"
STATISTICS: dict[Statistic, str] = {
    "last": LATEST,
    "step": "latest_step",
    "count": "points",
    "first": f"CASE points WHEN 1 THEN {LATEST} ELSE first_value END",
    "min": f"CASE points WHEN 1 THEN {LATEST} ELSE minimum_value END",
    "max": f"CASE points WHEN 1 THEN {LATEST} ELSE maximum_value END",
    "min_step": STEP.format("minimum_step"),
    "max_step": STEP.format("maximum_step"),
}
OF_ALL_POINTS = ("count", "first", "min", "max", "min_step", "max_step")
"""The statistics that are unknown for a series that is not counted yet."""

NAMES = (
    "SELECT id, experiment, kind, key, \"column\" FROM name WHERE entity = {entity} AND value_type = 'number'"
    " AND kind IN ({kinds}) AND key IN ({keys}) AND experiment IN ({{}})"
)
ROW = numpy.dtype([("run", "i8"), ("value", "f8")])
RANK = "latest_step, latest_timestamp, coalesce(latest_value, 0)"


class Name(NamedTuple):
    """The name of number series of an experiment. The fields are columns of the table `name`."""

    id: int
    experiment: int
    kind: int
    key: str
    column: str


def read_metric(c: Connection, runs: Chosen, column: Column) -> Numbers:
    """Return a statistic of a metric for each run."""
    found = Numbers(numpy.full(len(runs), numpy.nan), numpy.zeros(len(runs), dtype=bool))
    names = names_of(c, runs.experiments, column)
    shared = len(names) > len({name.experiment for name in names})
    if shared:
        _put(runs, found, _rows_of_shared(c, runs, names, column.statistic))
    for name in () if shared else names:
        if column.statistic == "last" and runs.is_scanned and not runs.are_waiting:
            _put_indexed(c, runs, found, name.id)
        else:
            _put(runs, found, _rows(c, runs, name.id, STATISTICS[column.statistic]))
    if column.statistic in OF_ALL_POINTS:
        _put(runs, found, statistics_of_uncounted(c, runs, column))
    return found


def names_of(c: Connection, experiments: Sequence[int], column: Column) -> list[Name]:
    """Return the names of the series that a column means, in experiments."""
    if column.column:
        keys, kinds = [column.key], str(COLUMN)
    else:
        keys = keys_of_name(column.key)
        kinds = f"{SCALAR}, {COLUMN}"
    sql = NAMES.format(entity=SERIES, kinds=kinds, keys=marks_for(keys))
    names = [Name(*row) for row in in_chunks(c, sql, experiments, keys)]
    return [name for name in names if _is_meant(name, column)]


def _is_meant(name: Name, column: Column) -> bool:
    if column.column:
        return name.column == column.column
    return (f"{name.key}.{name.column}" if name.kind == COLUMN else name.key) == column.key


def _put(runs: Chosen, found: Numbers, rows: Sequence[tuple[Any, ...]]) -> None:
    """Store values of runs, given as pairs of the key of a run and a value. The value None is NaN."""
    if rows:
        keys, values = zip(*rows, strict=True)
        _put_arrays(runs, found, numpy.array(keys, dtype=numpy.int64), numpy.array(values, dtype=numpy.float64))


def _put_arrays(runs: Chosen, found: Numbers, keys: Array, values: Array) -> None:
    shown, at = runs.find(keys)
    found.values[at] = values if len(at) == len(values) else values[shown]
    found.present[at] = True


def _rows(c: Connection, runs: Chosen, name: int, value: str) -> list[tuple[Any, ...]]:
    """Return the key of each run that has a series of this name, and a value of its row."""
    return c.execute(
        f"SELECT s.run, {value} FROM json_each(?) j CROSS JOIN series s ON s.run = j.value AND s.name = ?",
        (runs.listed, name),
    ).fetchall()


def _put_indexed(c: Connection, runs: Chosen, found: Numbers, name: int) -> None:
    """Store the latest values of a metric, read from the index of values.

    The index may have old values of the runs in the table `waiting`. They are read from their rows.
    """
    rows = c.execute("SELECT run, indexed FROM series WHERE name = ? AND indexed IS NOT NULL", (name,)).fetchall()
    if rows:
        table = numpy.fromiter(rows, ROW, len(rows))
        values = table["value"]
        is_big = numpy.abs(values) >= BIG  # an infinity, the number that stands for it, or NaN, which is stored as +inf
        values[numpy.isinf(values)] = numpy.nan
        _put_arrays(runs, found, table["run"], values)
        if is_big.any():
            big = f"SELECT run, {LATEST} FROM series WHERE name = ? AND (indexed <= ? OR indexed BETWEEN ? AND ?)"
            _put(runs, found, c.execute(big, (name, -BIG, BIG, BIG)).fetchall())
    waiting = f"SELECT s.run, {LATEST} FROM waiting w CROSS JOIN series s ON s.run = w.run AND s.name = ?"
    _put(runs, found, c.execute(waiting, (name,)).fetchall())


def _rows_of_shared(
    c: Connection, runs: Chosen, names: Sequence[Name], statistic: Statistic
) -> list[tuple[int, float | None]]:
    """Return a value of each run that has series of these names. The series with the greatest latest point counts."""
    best: dict[int, tuple[tuple[Any, ...], float | None]] = {}
    for name in names:
        for run, id, value, *rank in _rows(c, runs, name.id, f"s.id, {STATISTICS[statistic]}, {RANK}"):
            own = (*rank, -name.kind, -id)  # of equal points, that of a scalar series, and then of the older series
            if run not in best or own > best[run][0]:
                best[run] = own, value
    return [(run, value) for run, (_, value) in best.items()]
