"""Limits how many points one fold transaction writes to the database, so that other writers wait for a limited time.

A fold copies points from journals into the database. The record time of a point is the time at which the point was
written to its journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

MOST_POINTS, MOST_SERIES = 170_000, 3_500
"""The greatest number of points, and of series, in one fold transaction. SQLite writes either number in about 30 ms."""


def last_moment(
    times: Sequence[Array], series: Sequence[Array], most_points: int = MOST_POINTS, most_series: int = MOST_SERIES
) -> int | None:
    """Return the record time up to which one fold transaction stores points, or None if it may store all points.

    All journals are cut at this time, so that no later transaction stores a point that was logged earlier.
    All points with the earliest record time are stored together, even if they exceed the limits.

    Args:
        times: for each journal, the record times of its next points in log order. They are comparable between journals.
        series: for each journal, the series numbers of these points. Each journal has series numbers of its own.
        most_points: the greatest number of points.
        most_series: the greatest number of series.
    """
    import numpy

    # If the clock went back within a journal, a point gets the time of the point before it, because the order of the
    # log calls decides.
    ordered = [numpy.maximum.accumulate(own) if len(own) else own for own in times]
    # `firsts` has the time of the first point of each series. At this time, the series begins to count for the limit.
    firsts = [own[numpy.unique(numbers, return_index=True)[1]] for own, numbers in zip(ordered, series, strict=True)]
    too_many = []
    for moments, most in ((ordered, most_points), (firsts, most_series)):
        if sum(map(len, moments)) > most:
            # `partition` finds the time of the first point or series that exceeds the limit, without a full sort.
            too_many.append(int(numpy.partition(numpy.concatenate(moments), most)[most]))
    if not too_many:
        return None
    return max(min(too_many) - 1, min(int(own[0]) for own in ordered if len(own)))
