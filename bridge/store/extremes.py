"""Finds the first, the least and the greatest point of each series in arrays of points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.records.limits import INT64_MAX

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]


class Extremes(NamedTuple):
    """For each series, the index of its first, its least and its greatest point; -1 if the series has no such point.

    The first point has the least (step, timestamp). Points whose value is NaN are skipped. Of equal points, the point
    with the least index is meant.
    """

    first: Array
    minimum: Array
    maximum: Array


def find_extremes(begins: Array, series: Array, steps: Array, timestamps: Array, values: Array) -> Extremes:
    """Return the extremes of each series. The points are sorted by series.

    Args:
        begins: for each series, the index of its first point. No series is empty.
        series: for each point, the number of its series.
        steps: for each point, its step.
        timestamps: for each point, its timestamp.
        values: for each point, its value as a float64.
    """
    import numpy

    is_number = values == values
    if len(begins) == len(values):  # each series has one point
        own = numpy.where(is_number, begins, -1)
        return Extremes(own, own, own)
    all_numbers = bool(is_number.all())
    first: Array | None = None if all_numbers else is_number
    for column in (steps, timestamps):
        among = column if first is None else numpy.where(first, column, INT64_MAX)
        least = among == numpy.minimum.reduceat(among, begins)[series]
        first = least if first is None else first & least
    assert first is not None
    compared = values if all_numbers else numpy.where(is_number, values, numpy.nan)
    # `fmin` and `fmax` skip a quiet NaN. NaN is unequal to every number.
    minimum, maximum = (values == extreme.reduceat(compared, begins)[series] for extreme in (numpy.fmin, numpy.fmax))
    return Extremes(*(_first_true(mask, begins) for mask in (first, minimum, maximum)))


def _first_true(mask: Array, begins: Array) -> Array:
    """Return the index of the first true element of each group, or -1. `begins` has the begin of each group."""
    import numpy

    found = numpy.append(numpy.flatnonzero(mask), len(mask))
    index = found[numpy.searchsorted(found, begins)]
    return numpy.where(index < numpy.append(begins[1:], len(mask)), index, -1)
