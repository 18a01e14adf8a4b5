"""Histories of metrics are sorted only where their points are not in order, and are the same as after a full sort."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.records.series import MLFLOW, NATIVE, SCALAR, SeriesRecord
from bridge.store.history import mlflow_history, native_series
from bridge.testing.naive import LoggedPoint, history_of, native_of, same_bits
from bridge.testing.strategies import FLOATS

POINTS = 2_000


class Sorts:
    """A count of the calls of numpy's functions that sort, and of the points that they got."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        for name in ("lexsort", "argsort", "sort", "unique"):
            monkeypatch.setattr(numpy, name, self._counted(getattr(numpy, name)))

    def _counted(self, function: Any) -> Any:
        def call(values: Any, *args: Any, **kwargs: Any) -> Any:
            self.sizes.append(len(values[0]) if isinstance(values, tuple) else len(values))
            return function(values, *args, **kwargs)

        return call


@pytest.fixture
def sorts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sorts]:
    yield Sorts(monkeypatch)


def record(
    timestamps: Sequence[int], steps: Sequence[int], values: Sequence[float], apis: Sequence[int]
) -> SeriesRecord:
    """Return a series of numbers with these points in log order."""
    return SeriesRecord(
        key="loss",
        column="",
        kind=SCALAR,
        value_type="number",
        all_ints=False,
        positions=numpy.arange(len(steps)),
        steps=numpy.array(steps, dtype=numpy.int64),
        timestamps=numpy.array(timestamps, dtype=numpy.int64),
        apis=numpy.array(apis, dtype=numpy.uint8),
        numbers=numpy.array(values, dtype=numpy.float64),
        texts=None,
    )


def ordered(api: int = MLFLOW) -> SeriesRecord:
    """Return a series whose points increase strictly: several steps share a timestamp."""
    steps = range(POINTS)
    return record([step // 3 for step in steps], steps, [step / 7 for step in steps], [api] * POINTS)


def test_points_in_order_are_not_sorted(sorts: Sorts) -> None:
    series = ordered()
    assert mlflow_history([series]).steps.tolist() == list(range(POINTS))
    assert native_series([series]).steps.tolist() == list(range(POINTS))
    assert sorts.sizes == []


def test_only_points_out_of_order_are_sorted(sorts: Sorts) -> None:
    series = ordered()
    series.steps[[1200, 1201]] = 1201, 1200  # two of the three points with the timestamp 400
    assert mlflow_history([series]).steps.tolist() == list(range(POINTS))
    assert native_series([series]).steps.tolist()[1199:1203] == [1199, 1201, 1200, 1202]
    assert sorts.sizes == [3, 3]


@pytest.mark.parametrize("api", (NATIVE, MLFLOW))
def test_a_repeated_point_in_an_ordered_series_is_found(api: int, sorts: Sorts) -> None:
    series = ordered(api)
    for column in (series.steps, series.timestamps, series.numbers):
        assert column is not None
        column[900] = column[899]
    assert len(mlflow_history([series]).steps) == POINTS - 1
    assert len(native_series([series]).steps) == POINTS - (api == MLFLOW)
    assert all(size <= 6 for size in sorts.sizes)


@given(
    st.lists(
        st.builds(
            LoggedPoint,
            value=st.sampled_from(FLOATS),
            timestamp=st.integers(0, 6),
            step=st.integers(0, 2),
            stepless=st.just(False),
            api=st.sampled_from((NATIVE, MLFLOW)),
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 4),
)
def test_points_in_any_order_get_the_order_of_all_their_columns(logged: list[LoggedPoint], together: int) -> None:
    logged.sort(key=lambda point: point.timestamp // together)  # 1: in order of time; 4: hardly sorted
    columns = [[getattr(point, name) for point in logged] for name in ("timestamp", "step", "value", "api")]
    series = record(*columns)
    history, native = mlflow_history([series]), native_series([series])
    assert list(zip(history.timestamps.tolist(), history.steps.tolist(), strict=True)) == [
        row[:2] for row in history_of(logged)
    ]
    assert same_bits(history.values.tolist(), [row[2] for row in history_of(logged)])
    assert same_bits(native.values.tolist(), [point.value for point in native_of(logged)])
    assert native.steps.tolist() == [point.step for point in native_of(logged)]
