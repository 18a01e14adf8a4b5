"""Points are checked, and are read natively and by MLflow's rules as a reference that reads one point at a time."""

from __future__ import annotations

import enum
import time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import InvalidValue
from bridge.records.run import RunRecord
from bridge.records.series import COLUMN, MLFLOW, NATIVE, SCALAR, Point, SeriesRecord, Value
from bridge.store.history import mlflow_history, native_series
from bridge.store.one_run import create_run, get_series
from bridge.store.points import check_points, check_value, imprecise
from bridge.testing.naive import LoggedPoint, history_of, native_of, same_bits
from bridge.testing.oracle.memory import MemoryStore
from bridge.testing.slices import Entry, make_slice
from bridge.testing.strategies import FLOATS, INTS, TEXTS, apis, values


class Level(enum.IntEnum):
    LOW = 3


class Color(str, enum.Enum):
    RED = "red"


class HasItem:
    def item(self) -> object:
        return object()


@pytest.mark.parametrize(
    "given_value, plain",
    [
        *((value, value) for value in (*FLOATS, *INTS, *TEXTS)),
        (numpy.float32(0.5), 0.5), (numpy.float16(0.5), 0.5), (numpy.float64("nan"), float("nan")),
        (numpy.longdouble(2), 2.0), (numpy.int8(-3), -3), (numpy.uint64(2**64 - 1), 2**64 - 1),
        (numpy.bool_(False), False), (numpy.str_("x"), "x"), (numpy.array(1.5), 1.5), (numpy.array([[7]]), 7),
        (Level.LOW, 3), (Color.RED, "red"), (Decimal("1.5"), 1.5), (Fraction(1, 4), 0.25),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_value_becomes_a_python_value(given_value: Any, plain: Value) -> None:
    assert same_bits([check_value(given_value)], [plain])


@pytest.mark.torch
def test_a_tensor_of_one_element_becomes_its_number() -> None:
    import torch

    given_values = [torch.tensor(2), torch.tensor([0.5]), torch.tensor(True), torch.tensor(0.5, requires_grad=True)]
    assert same_bits([check_value(value) for value in given_values], [2, 0.5, True, 0.5])
    with pytest.raises(InvalidValue, match="one element"):
        check_value(torch.ones(2))


@pytest.mark.parametrize(
    "bad",
    [[1], (1,), {}, {1}, b"x", 1j, object(), float, numpy.ones(2), numpy.datetime64(1, "s"), HasItem()],
    ids=lambda bad: type(bad).__name__,
)
def test_a_value_of_an_unknown_type_is_refused(bad: Any) -> None:
    with pytest.raises(InvalidValue, match="must be a number, text, a bool or None"):
        check_value(bad)


@pytest.mark.parametrize("bad", [10**400, -(10**400), 10**5000, Fraction(10**400)], ids=["a", "b", "c", "d"])
def test_a_number_beyond_float64_is_refused(bad: Any) -> None:
    with pytest.raises(InvalidValue, match="float64"):
        check_value(bad)


def test_all_mistakes_of_all_points_are_reported_with_their_keys() -> None:
    wrong: Any = ([], "now", 0.5)
    bad = [Point("good", 1.0, 1), Point("a", *wrong), Point("\n", 10**400, 1, 2**63)]
    with pytest.raises(InvalidValue) as caught:
        check_points(bad)
    named = [problem.key for problem in caught.value.problems]
    assert named == [
        "value of 'a'", "timestamp of 'a'", "step of 'a'", "metric name", r"value of '\n'", r"step of '\n'",
    ]  # fmt: skip


def test_only_ints_beyond_two_to_the_53_are_imprecise() -> None:
    assert [value for value in INTS if imprecise(value)] == [value for value in INTS if abs(value) > 2**53]
    assert not any(imprecise(value) for value in (*FLOATS, *TEXTS))


rows = st.lists(
    st.builds(LoggedPoint, values, st.sampled_from((0, 1)), st.sampled_from((0, 1, -(2**63))), st.just(False), apis),
    max_size=12,
)


def records_of(points: list[LoggedPoint]) -> list[SeriesRecord]:
    """Return the series of one key with these points."""
    store = MemoryStore()
    create_run(store, RunRecord("r", "0"))
    entries = [Entry("r", "k", p.value, p.step, p.timestamp, at, p.api) for at, p in enumerate(points)]
    store.append([make_slice("j", 0, 1, entries)])
    return get_series(store, "r")


@pytest.mark.slow
@given(rows)
def test_native_reads_agree_with_a_reference_that_reads_one_point_at_a_time(points: list[LoggedPoint]) -> None:
    series, expected = native_series(records_of(points)), native_of(points)
    assert same_bits(series.values.tolist(), [point.value for point in expected])
    assert series.steps.tolist() == [point.step for point in expected]
    assert series.timestamps.tolist() == [point.timestamp for point in expected]


@given(rows)
def test_mlflow_reads_agree_with_a_reference_that_reads_one_point_at_a_time(points: list[LoggedPoint]) -> None:
    history, expected = mlflow_history(records_of(points)), history_of(points)
    assert same_bits(history.values.tolist(), [value for _, _, value in expected])
    assert history.timestamps.tolist() == [timestamp for timestamp, _, _ in expected]
    assert history.steps.tolist() == [step for _, step, _ in expected]


@pytest.mark.parametrize(
    "logged, dtype",
    [
        ([1, 2], "int64"), ([1, 0.5], "float64"), ([0.5], "float64"), ([2**63], "object"), ([1, "a"], "object"),
        (["a", None, True], "object"), ([2**63 - 1025, -(2**63)], "int64"),
    ],
)  # fmt: skip
def test_the_array_has_the_type_that_holds_all_values(logged: list[Value], dtype: str) -> None:
    points = [LoggedPoint(value, 0, step, False, NATIVE) for step, value in enumerate(logged)]
    series = native_series(records_of(points))
    assert [str(array.dtype) for array in series] == ["int64", "int64", dtype]


def test_a_series_without_points_is_read_as_empty_arrays() -> None:
    for empty in (native_series([]), mlflow_history([])):
        assert [len(array) for array in empty] == [0, 0, 0]
        assert [str(array.dtype) for array in empty] == ["int64", "int64", "float64"]


def test_columns_of_a_table_are_not_scalars_of_their_key() -> None:
    store = MemoryStore()
    create_run(store, RunRecord("r", "0"))
    store.append([make_slice("j", 0, 1, [Entry("r", "k", 1.0, column="c", kind=COLUMN), Entry("r", "k", 2.0)])])
    assert native_series(get_series(store, "r")).values.tolist() == [2.0]


@pytest.mark.parametrize("api", [NATIVE, MLFLOW])
def test_a_million_points_are_read_without_a_loop_over_them(api: int) -> None:
    count = 1_000_000
    record = SeriesRecord(
        key="k", column="", kind=SCALAR, value_type="number", all_ints=False,
        positions=numpy.arange(count), steps=numpy.arange(count) // 2, timestamps=numpy.zeros(count, numpy.int64),
        apis=numpy.full(count, api, numpy.uint8), numbers=numpy.ones(count), texts=None,
    )  # fmt: skip
    start = time.process_time()
    lengths = len(native_series([record]).steps), len(mlflow_history([record]).steps)
    assert lengths == (count if api == NATIVE else count // 2, count // 2)
    assert time.process_time() - start < 5  # about 0.3 s; a Python loop over the points takes longer
