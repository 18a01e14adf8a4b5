"""An append takes a bounded number of points and series, up to one moment of all journals."""

from __future__ import annotations

from itertools import accumulate

import numpy
from hypothesis import given
from hypothesis import strategies as st

from bridge.store.bounds import last_moment

JOURNALS = st.lists(st.lists(st.tuples(st.integers(-2, 6), st.integers(0, 3)), max_size=12), max_size=4)
"""The times and series of each journal's points. The pools are small, so that many are equal."""


@given(JOURNALS, st.integers(1, 12), st.integers(1, 6))
def test_an_append_is_as_large_as_allowed(journals: list[list[tuple[int, int]]], points: int, series: int) -> None:
    until = last_moment(
        [numpy.array([time for time, _ in journal], dtype=numpy.int64) for journal in journals],
        [numpy.array([number for _, number in journal], dtype=numpy.uint32) for journal in journals],
        points,
        series,
    )
    logged = [
        (moment, number, (which, series))
        for which, journal in enumerate(journals)
        for number, (moment, (_, series)) in enumerate(
            zip(accumulate((time for time, _ in journal), max), journal, strict=True)
        )
    ]
    moments = sorted({moment for moment, *_ in logged})

    def fits(until: int) -> bool:
        taken = [one for one in logged if one[0] <= until]
        return len(taken) <= points and len({one[2] for one in taken}) <= series

    fitting = [moment for moment in moments if fits(moment)]
    if len(fitting) == len(moments):
        assert until is None
        return
    assert until is not None
    expected = fitting[-1] if fitting else moments[0]
    assert [moment for moment in moments if moment <= until] == [moment for moment in moments if moment <= expected]


def test_points_of_one_moment_are_not_divided_even_beyond_the_bounds() -> None:
    times = [numpy.array([5, 5, 5, 6], dtype=numpy.int64), numpy.array([5, 7], dtype=numpy.int64)]
    series = [numpy.array([0, 1, 2, 0], dtype=numpy.uint32), numpy.array([0, 0], dtype=numpy.uint32)]
    assert last_moment(times, series, 2, 2) == 5


def test_empty_journals_give_empty_slices() -> None:
    assert last_moment([], []) is None
    assert last_moment([numpy.empty(0, numpy.int64)], [numpy.empty(0, numpy.uint32)], 1, 1) is None
