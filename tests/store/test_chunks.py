"""Chunks keep every bit of their points, and their facts are true."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import SchemaMismatch, StoreUnavailable
from bridge.records.limits import INT64_MAX, INT64_MIN
from bridge.records.series import BIG, MLFLOW, NATIVE
from bridge.store.chunks import CODEC, MOST_POINTS, Columns, are_increasing, decode, decode_columns, encode
from bridge.testing.strategies import FLOATS, TEXTS, bits_of

Array = numpy.ndarray[Any, Any]
Numbers = Sequence[int] | Sequence[float] | Array

integers = st.one_of(st.sampled_from((0, 1, 2, INT64_MIN, INT64_MAX)), st.integers(INT64_MIN, INT64_MAX))
float_bits = st.one_of(st.sampled_from([bits_of(value) for value in FLOATS]), st.integers(0, 2**64 - 1))
apis = st.sampled_from((NATIVE, MLFLOW))
texts = st.sampled_from(TEXTS)


def whole(numbers: Numbers) -> Array:
    return numpy.array(numbers, dtype=numpy.int64)


def columns_of(steps: Numbers, timestamps: Numbers, values: Numbers) -> Columns:
    """Return columns of points that the native API logged."""
    count = len(steps)
    positions, numbers = numpy.arange(count), numpy.array(values, dtype=numpy.float64)
    return Columns(positions, whole(steps), whole(timestamps), numbers, numpy.full(count, NATIVE, dtype=numpy.uint8))


def check_equal(found: Columns, expected: Columns) -> None:
    """Check that columns have equal types, and equal values bit by bit."""
    for ours, theirs in zip(found, expected, strict=True):
        if isinstance(ours, list):
            assert (ours, list(map(type, ours))) == (theirs, list(map(type, theirs)))
        else:
            assert (ours.dtype, ours.tobytes()) == (theirs.dtype, theirs.tobytes())


@given(st.lists(st.tuples(integers, integers, integers, float_bits, apis, texts), min_size=1, max_size=20))
def test_a_chunk_of_any_points_keeps_every_bit(points: list[tuple[int, int, int, int, int, str]]) -> None:
    positions, steps, timestamps, bits, logged_by, logged_texts = zip(*points, strict=True)
    numbers = Columns(
        whole(positions),
        whole(steps),
        whole(timestamps),
        numpy.array(bits, dtype=numpy.uint64).view(numpy.float64),
        numpy.array(logged_by, dtype=numpy.uint8),
    )
    check_equal(decode(encode(numbers), is_text=False), numbers)
    of_texts = numbers._replace(values=list(logged_texts))
    check_equal(decode(encode(of_texts), is_text=True), of_texts)


@pytest.mark.parametrize("values", ([-BIG] * 200 + [BIG] * 200, [BIG, -BIG] * 200, [5e-324, -5e-324, math.inf]))
def test_a_sum_that_is_too_large_or_too_small_raises_nothing(values: list[float]) -> None:
    columns = columns_of(range(len(values)), range(len(values)), values)
    with numpy.errstate(all="raise"):  # as a script may have set it
        check_equal(decode(encode(columns), is_text=False), columns)


def test_a_full_chunk_keeps_every_bit_and_needs_less_than_eight_bytes_a_point() -> None:
    generator = numpy.random.default_rng(0)
    steps, noise = numpy.arange(MOST_POINTS), generator.normal(0, 0.05, MOST_POINTS)
    columns = columns_of(steps, 10**12 + 1000 * steps + generator.integers(0, 3, MOST_POINTS), noise)
    chunk = encode(columns)
    check_equal(decode(chunk, is_text=False), columns)
    assert (chunk.positions, chunk.steps, chunk.apis) == (None, None, None)
    assert len(chunk.values) + len(chunk.timestamps or b"") < 8 * MOST_POINTS


@given(st.integers(INT64_MIN, INT64_MAX), st.integers(INT64_MIN, INT64_MAX), st.integers(1, 9))
def test_numbers_that_rise_or_fall_in_equal_steps_are_not_stored(first: int, last: int, count: int) -> None:
    steps = [first + (last - first) // count * at for at in range(count)]
    columns = columns_of(steps, steps, [0.5] * count)
    chunk = encode(columns)
    assert (chunk.steps, chunk.timestamps) == (None, None)
    check_equal(decode(chunk, is_text=False), columns)


def test_the_facts_skip_nan_and_have_infinity() -> None:
    columns = columns_of([3, 1, 2, 9], [5, 6, 7, 7], [math.nan, 1.5, -math.inf, 2.0])
    facts = encode(columns).facts
    assert (facts.points, facts.first_position, facts.last_position) == (4, 0, 3)
    assert (facts.first_step, facts.last_step, facts.least_step, facts.greatest_step) == (3, 9, 1, 9)
    assert (facts.first_timestamp, facts.last_timestamp) == (facts.least_timestamp, facts.greatest_timestamp) == (5, 7)
    assert (facts.first_value, facts.last_value, facts.minimum, facts.maximum) == (None, 2.0, -math.inf, 2.0)
    assert (facts.total, facts.nans, facts.infinities, facts.api) == (3.5, 1, 1, NATIVE)
    assert (facts.is_increasing, facts.is_by_step) == (1, 0)


@pytest.mark.parametrize(
    ("steps", "timestamps", "is_increasing", "is_by_step"),
    (
        ((1, 2, 3), (5, 5, 5), 1, 1),
        ((1, 1, 1), (5, 6, 7), 1, 1),
        ((1, 1, 2), (5, 5, 6), 0, 0),
        ((3, 2, 1), (5, 6, 7), 1, 0),
        ((1, 2, 3), (7, 6, 5), 0, 1),
    ),
)
def test_the_facts_have_the_order_of_the_points(
    steps: tuple[int, ...], timestamps: tuple[int, ...], is_increasing: int, is_by_step: int
) -> None:
    facts = encode(columns_of(steps, timestamps, [0.0] * len(steps))).facts
    assert (facts.is_increasing, facts.is_by_step) == (is_increasing, is_by_step)


def test_only_nan_has_no_minimum() -> None:
    facts = encode(columns_of([0], [0], [math.nan])).facts
    assert (facts.minimum, facts.maximum, facts.total, facts.nans) == (None, None, None, 1)


def test_a_chunk_of_a_newer_version_is_refused_with_a_sentence() -> None:
    chunk = encode(columns_of([1, 5, 7], [0, 0, 0], [1.0, 2.0, 3.0]))
    with pytest.raises(SchemaMismatch, match="a chunk of points uses format 2, but this version reads formats up to 1"):
        decode(chunk._replace(codec=CODEC + 1), is_text=False)
    newer = chunk._replace(library="pcodec 9.0", values=chunk.values[:4] + b"\xff" + chunk.values[5:])
    with pytest.raises(StoreUnavailable, match="pcodec 9.0 has compressed them, and this interpreter has pcodec"):
        decode(newer, is_text=False)


@pytest.mark.parametrize(("step", "timestamp", "increases"), [(2, 1, True), (0, 2, True), (1, 1, False), (9, 0, False)])
def test_chunks_increase_only_if_each_begins_after_the_end_of_the_one_before(
    step: int, timestamp: int, increases: bool
) -> None:
    first = encode(columns_of([0, 1], [0, 1], [0.5, 0.5]))
    second = encode(columns_of([step, step + 1], [timestamp, timestamp + 1], [0.5, 0.5]))
    assert are_increasing([first, second]) is increases
    assert not are_increasing([first, encode(columns_of([5, 5], [5, 5], [0.5, 0.5]))])


def test_positions_with_a_gap_are_read_with_the_gap() -> None:
    columns = columns_of([0, 1, 2], [0, 1, 2], [0.5, 0.5, 0.5])
    for before, after in (([0, 1, 2], [3]), ([0, 1, 2], [4]), ([1, 2, 3], [4]), ([0, 1, 3], [4])):
        found = decode_columns([encode(columns._replace(positions=whole(before)))], "positions", whole(after))
        assert found.tolist() == before + after


def test_the_apis_of_points_are_read_from_chunks_and_from_other_points() -> None:
    chunk = encode(columns_of([0], [0], [0.5]))
    for others in ([], [NATIVE], [NATIVE, MLFLOW]):
        assert decode_columns([chunk], "apis", numpy.array(others, dtype=numpy.uint8)).tolist() == [NATIVE, *others]
