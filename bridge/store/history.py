"""Arranges the points of a metric for native readers and for MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bridge.records.series import BIG, MLFLOW, SCALAR, Series, SeriesRecord
from bridge.store.pieces import groups, is_ordered

if TYPE_CHECKING:
    import numpy

    from bridge.store.pieces import Piece

    Array = numpy.ndarray[Any, Any]


def native_series(records: Sequence[SeriesRecord]) -> Series:
    """Return the scalar points of one key for a native reader: numbers and texts, in log order.

    A point that was logged through MLflow's API is excluded if an earlier point has the same step, timestamp and value.
    The values that MLflow stores are compared: ±inf as ±1.797e308, and -0.0 as 0.0. NaN equals only NaN.
    The returned values have the bits that were logged. See `Series` for their type.
    """
    return in_log_order([record for record in records if record.kind == SCALAR])[1]


def in_log_order(records: Sequence[SeriesRecord]) -> tuple[Array, Series]:
    """Return the positions and the points of several series of one key, merged into one series.

    Repeated points of MLflow's API are excluded, as `native_series` describes. Do not change the positions.
    """
    import numpy

    values = _native_values(records)
    if len(records) == 1:  # one series is already in log order; this path is fast for runs with very many keys
        record = records[0]
        columns = (record.positions, _writable(record.steps), _writable(record.timestamps), values)
        may_repeat = record.numbers is not None and not record.is_increasing
        if may_repeat and (repeated := _repeated(records)).any():
            columns = (columns[0][~repeated], columns[1][~repeated], columns[2][~repeated], values[~repeated])
        return columns[0], Series(*columns[1:])
    positions, steps, timestamps = (
        numpy.concatenate([numpy.empty(0, numpy.int64), *(getattr(record, name) for record in records)])
        for name in ("positions", "steps", "timestamps")
    )
    kept = numpy.concatenate([numpy.empty(0, bool), *(_is_text(record) for record in records)])
    kept[~kept] = ~_repeated([record for record in records if record.numbers is not None])
    order = numpy.argsort(positions, kind="stable")
    order = order[kept[order]]
    return positions[order], Series(steps[order], timestamps[order], values[order])


def mlflow_history(records: Sequence[SeriesRecord]) -> Series:
    """Return the history of one metric for an MLflow reader: all points of its number series, without duplicates.

    The points are sorted by timestamp, step and value. In this order, NaN comes directly after 0.
    `values` is float64. ±inf is returned as ±1.797e308, -0.0 as 0.0, and NaN with any payload as `numpy.nan`.

    Source: MLflow 3.17.2, `SqlAlchemyStore.get_metric_history`.
    """
    return _history(*_joined([record for record in records if record.numbers is not None]))


def history_part(pieces: Sequence[Piece], begin: int, end: int | None) -> Series:
    """Return the points `begin` to before `end` of the history that `mlflow_history` returns.

    Only the pieces that contain these points are decompressed, and pieces that overlap others.

    Args:
        pieces: all points of number series.
        begin: the index of the first point, at least 0.
        end: the index after the last point; None means all following points.
    """
    import numpy

    found: list[Series] = []
    at = 0
    for group in groups(pieces, "time"):
        if end is not None and at >= end:
            break
        part = slice(max(begin - at, 0), None if end is None else end - at)
        if is_ordered(group, "time"):
            count = group[0].facts.points
            if at + count > begin:
                steps, timestamps, numbers = (group[0].column(name)[part] for name in ("steps", "timestamps", "values"))
                found.append(Series(steps, timestamps, _mlflow_values(numbers)))
        else:
            columns = (
                numpy.concatenate([piece.column(name) for piece in group]) for name in ("steps", "timestamps", "values")
            )
            whole = _history(*columns)
            count = len(whole.steps)
            found.append(Series(*(column[part] for column in whole)))
        at += count
    if not found:
        found.append(mlflow_history([]))
    return Series(*(numpy.concatenate(columns) for columns in zip(*found, strict=True)))


def _history(steps: Array, timestamps: Array, numbers: Array) -> Series:
    """Return points without duplicates, sorted by timestamp, step and value."""
    import numpy

    unsorted = _disordered(timestamps, steps)
    if not len(unsorted):
        return Series(steps, timestamps, _mlflow_values(numbers))
    columns = steps, timestamps, numbers = steps.copy(), timestamps.copy(), numbers.copy()
    compared = _mlflow_columns(steps[unsorted], timestamps[unsorted], numbers[unsorted])
    order = numpy.lexsort((compared[3], compared[2], compared[0], compared[1]))
    for column in columns:
        column[unsorted] = column[unsorted[order]]
    repeated = unsorted[_like_previous(compared, order)]
    if len(repeated):
        steps, timestamps, numbers = (numpy.delete(column, repeated) for column in columns)
    return Series(steps, timestamps, _mlflow_values(numbers))


def find_repeated(positions: Array, steps: Array, timestamps: Array, numbers: Array, apis: Array) -> Array:
    """Return which points of a key were logged through MLflow's API and repeat an earlier point.

    A point repeats another point if MLflow stores the same step, timestamp and value for both.
    """
    import numpy

    repeated: Array = apis == MLFLOW
    at = _disordered(timestamps, steps) if repeated.any() else repeated[:0]
    if not len(at):
        return numpy.zeros(len(apis), dtype=bool)
    columns = _mlflow_columns(steps[at], timestamps[at], numbers[at])
    own_steps, own_timestamps, values, nan = columns
    # After the sort, equal points are neighbours, and the first logged of them comes first. That point is not repeated,
    # even if it was logged through MLflow's API.
    order = numpy.lexsort((positions[at], nan, values, own_steps, own_timestamps))
    equal = numpy.zeros(len(apis), dtype=bool)
    equal[at[order]] = _like_previous(columns, order)
    return repeated & equal


def _is_text(record: SeriesRecord) -> Array:
    import numpy

    return numpy.full(len(record.positions), record.numbers is None)


def _writable(column: Array) -> Array:
    """Return a column that its reader may change: the column itself, or a copy if it is a part of other data."""
    return column if column.flags.owndata and column.flags.writeable else column.copy()


def _native_values(records: Sequence[SeriesRecord]) -> Array:
    """Return the concatenated values of series, in an array of a type that can contain all of them."""
    import numpy

    if all(record.numbers is not None for record in records):
        several = len(records) != 1
        numbers = numpy.concatenate([numpy.empty(0), *_numbers(records)]) if several else _writable(*_numbers(records))
        return _as_ints(numbers) if records and all(record.all_ints for record in records) else numbers
    ints = all(record.all_ints for record in records if record.numbers is not None)
    values = numpy.empty(sum(len(record.positions) for record in records), dtype=object)
    at = 0
    for record in records:
        if record.numbers is None:
            assert record.texts is not None
            own = record.texts
        else:
            own = (_as_ints(record.numbers) if ints else record.numbers).tolist()
        values[at : at + len(own)] = own
        at += len(own)
    return values


def _as_ints(numbers: Array) -> Array:
    """Convert floats that were logged as ints to int64, or to Python's ints if one of them does not fit into int64."""
    import numpy

    if ((numbers >= -(2.0**63)) & (numbers < 2.0**63)).all():
        return numbers.astype(numpy.int64)
    values = numpy.empty(len(numbers), dtype=object)
    values[:] = [int(number) for number in numbers.tolist()]
    return values


def _numbers(records: Sequence[SeriesRecord]) -> list[Array]:
    return [record.numbers for record in records if record.numbers is not None]


def _joined(records: Sequence[SeriesRecord]) -> tuple[Array, Array, Array]:
    """Return the steps, timestamps and values of number series, one series after the other."""
    import numpy

    if len(records) == 1 and records[0].numbers is not None:
        return records[0].steps, records[0].timestamps, records[0].numbers
    empty = numpy.empty(0, numpy.int64)
    steps, timestamps = (
        numpy.concatenate([empty, *(getattr(record, name) for record in records)]) for name in ("steps", "timestamps")
    )
    return steps, timestamps, numpy.concatenate([numpy.empty(0), *_numbers(records)])


def _mlflow_values(numbers: Array) -> Array:
    """Return the values that MLflow's clients get: ±1.797e308 for ±inf, 0.0 for -0.0, and `numpy.nan` for NaN."""
    import numpy

    if not numpy.isfinite(numbers).all():
        numbers = numpy.where(numpy.isnan(numbers), numpy.nan, numpy.clip(numbers, -BIG, BIG))
    values: Array = numbers + 0.0  # turns -0.0 into 0.0
    return values


def _mlflow_columns(steps: Array, timestamps: Array, numbers: Array) -> tuple[Array, Array, Array, Array]:
    """Return the columns of points in the form that MLflow stores: steps, timestamps, values, and `is_nan`.

    The value of NaN is 0, and `is_nan` is true for it.
    """
    import numpy

    nan = numpy.isnan(numbers)
    # Adding 0.0 turns -0.0 into 0.0.
    return steps, timestamps, numpy.where(nan, 0.0, numpy.clip(numbers, -BIG, BIG)) + 0.0, nan


def _disordered(timestamps: Array, steps: Array) -> Array:
    """Return the indexes of the points that a sort by (timestamp, step) may move, or that may have an equal point.

    The result is empty if the points increase strictly by (timestamp, step). Then no two points are equal, and the
    points have MLflow's order. Most series are so, and two comparisons are far cheaper than a sort.
    Otherwise the points are split into groups: all timestamps of a group are less than those of later groups. So a sort
    moves each point only within its group. The result consists of the groups that do not increase strictly.
    """
    import numpy

    rises = timestamps[1:] > timestamps[:-1]
    if not rises.all():
        rises |= (timestamps[1:] == timestamps[:-1]) & (steps[1:] > steps[:-1])
    if rises.all():
        return numpy.empty(0, dtype=numpy.int64)
    # A group begins where every earlier timestamp is less than every later one.
    begins = numpy.maximum.accumulate(timestamps)[:-1] < numpy.minimum.accumulate(timestamps[::-1])[::-1][1:]
    group = numpy.zeros(len(timestamps), dtype=numpy.int64)
    numpy.cumsum(begins, out=group[1:])
    is_disordered = numpy.zeros(int(group[-1]) + 1, dtype=bool)
    is_disordered[group[1:][~rises]] = True  # both points of a pair that does not rise are in the same group
    return numpy.flatnonzero(is_disordered[group])


def _repeated(records: Sequence[SeriesRecord]) -> Array:
    """Return which points of number series repeat an earlier point; see `find_repeated`."""
    import numpy

    if len(records) == 1:
        return find_repeated(records[0].positions, *_joined(records), records[0].apis)
    positions = numpy.concatenate([numpy.empty(0, numpy.int64), *(record.positions for record in records)])
    apis = numpy.concatenate([numpy.empty(0, numpy.uint8), *(record.apis for record in records)])
    return find_repeated(positions, *_joined(records), apis)


def _like_previous(columns: Sequence[Array], order: Array) -> Array:
    """Return which points have the same values in all columns as the point that precedes them in `order`."""
    import numpy

    same = numpy.zeros(len(order), dtype=bool)
    if len(order) > 1:
        sorted_columns = [column[order] for column in columns]
        same[1:] = numpy.logical_and.reduce([column[1:] == column[:-1] for column in sorted_columns])
    return same
