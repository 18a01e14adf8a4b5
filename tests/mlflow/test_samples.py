"""A sample of a history consists of logged points, has its extremes, and is not longer than requested."""

from __future__ import annotations

import math

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.records.series import Series
from bridge_mlflow.history import sampled


def series(values: list[float]) -> Series:
    steps = numpy.arange(len(values))
    return Series(steps, 1000 + steps, numpy.array(values, dtype=numpy.float64))


def rows(points: Series) -> list[tuple[int, int, str]]:
    return list(zip(points.steps.tolist(), points.timestamps.tolist(), map(repr, points.values.tolist()), strict=True))


@given(st.lists(st.sampled_from((0.0, 1.0, -1.0, 2.5, 1e308, -1e308, math.nan)), max_size=60), st.integers(1, 20))
def test_a_sample_has_logged_points_in_order_with_their_extremes(values: list[float], most: int) -> None:
    whole, sample = series(values), sampled(series(values), most)
    assert len(sample.steps) <= most
    assert set(rows(sample)) <= set(rows(whole))
    assert sample.steps.tolist() == sorted(set(sample.steps.tolist()))
    if len(values) <= most:
        assert rows(sample) == rows(whole)
        return
    assert sample.steps[-1] == len(values) - 1
    if most >= 2:
        assert sample.steps[0] == 0
    numbers = [value for value in values if not math.isnan(value)]
    if most >= 4 and numbers:
        assert (numpy.nanmin(sample.values), numpy.nanmax(sample.values)) == (min(numbers), max(numbers))


def test_each_group_has_its_own_extremes() -> None:
    values = [math.sin(step / 3) for step in range(1000)]
    values[123], values[800] = -4.68, 4.73
    sample = sampled(series(values), 320)
    assert len(sample.steps) <= 320
    drawn = dict(zip(sample.steps.tolist(), sample.values.tolist(), strict=True))
    assert (drawn[123], drawn[800]) == (-4.68, 4.73)
    assert numpy.diff(sample.steps).max() <= 2 * 1000 // 159  # no gap is wider than two groups


def test_a_sample_of_a_monotone_series_has_as_many_points_as_requested() -> None:
    assert len(sampled(series([1 / (1 + step) for step in range(1000)]), 320).steps) == 320


@pytest.mark.parametrize("most", (2, 3))
def test_a_sample_without_groups_has_the_first_and_the_last_point(most: int) -> None:
    assert sampled(series([5.0, 9.0, 1.0, 7.0]), most).steps.tolist() == [0, 3]
