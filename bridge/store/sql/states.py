"""The stored state of a series: its latest point, and facts about all of its points.

A state is the part of a row of the table `series` that changes with each fold that stores points of the series.
The migration `0005.sql` describes its columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from bridge.store.extremes import find_extremes
from bridge.store.sql.latest import MINUS_ZERO, latest_of

if TYPE_CHECKING:
    import numpy

    from bridge.store.place import Joined, Placed

    Array = numpy.ndarray[Any, Any]

STATE = (
    "all_ints", "latest_step", "latest_timestamp", "latest_value", "latest_bits", "latest_text",
    "points", "first_step", "first_timestamp", "first_value",
    "minimum_step", "minimum_value", "maximum_step", "maximum_value",
)  # fmt: skip

State: TypeAlias = "tuple[Any, ...]"
"""The values of the columns `STATE`. A plain tuple, because a fold creates one for each of very many series."""

VALUE = slice(3, 5)
"""The part of a state that contains the latest value of a number series."""

POINTS = 6
"""The index of the number of points in a state. The facts follow it: first, minimum and maximum."""

NO_FACTS = (None,) * 7
"""The facts about points whose values are all NaN."""


def states_after(points: Joined, placed: Placed, before: Sequence[State | None]) -> list[State]:
    """Return the state of each series after the new points. A state is None if the series does not exist yet."""
    states = []
    for definition, old, index, new in zip(points.definitions, before, placed.latest, _new_points(placed), strict=True):
        if definition.value_type == "text":
            states.append(_text_after(old, new, json.dumps(points.texts[int(placed.values[index])])))
        elif old is None:
            states.append(_first_state(*new))
        else:
            states.append(_number_after(old, *new))
    return states


def _new_points(placed: Placed) -> Iterator[tuple[Any, ...]]:
    """Yield, for each series, the arguments of `_first_state` that describe the new points."""
    import numpy

    from bridge.store.place import comparable_values

    latest = numpy.array(placed.latest, dtype=numpy.int64)
    values = placed.values[latest]
    bits = values.astype("<f8").view("<i8")
    compared = comparable_values(values)
    columns: list[float | None] = compared.tolist()
    stored_bits: list[int | None] = [None] * len(latest)
    for index in numpy.flatnonzero((compared != values) | (bits == MINUS_ZERO)).tolist():
        stored_bits[index] = int(bits[index])
        if values[index] != values[index]:
            columns[index] = None
    ends = numpy.array(placed.ends, dtype=numpy.int64)
    counts = ends.copy()
    counts[1:] -= ends[:-1]
    return zip(
        placed.all_ints,
        placed.steps[latest].tolist(),
        placed.timestamps[latest].tolist(),
        compared.tolist(),
        columns,
        stored_bits,
        counts.tolist(),
        facts_of_points(ends - counts, counts, placed.steps, placed.timestamps, placed.values),
        strict=True,
    )


def facts_of_points(
    begins: Array, counts: Array, steps: Array, timestamps: Array, values: Array
) -> list[tuple[Any, ...]]:
    """Return the facts about the points of each series. The points are sorted by series, and then in log order.

    Args:
        begins: for each series, the index of its first point.
        counts: for each series, the number of its points, at least 1.
        steps: for each point, its step.
        timestamps: for each point, its timestamp.
        values: for each point, its value as a float64.
    """
    import numpy

    series = numpy.arange(len(begins)).repeat(counts)
    first, minimum, maximum = find_extremes(begins, series, steps, timestamps, values)
    columns = [steps[first], timestamps[first], values[first]]
    columns += [steps[minimum], values[minimum], steps[maximum], values[maximum]]
    facts = list(zip(*(column.tolist() for column in columns), strict=True))
    for index in numpy.flatnonzero(first < 0).tolist():
        facts[index] = NO_FACTS
    return facts


def _text_after(old: State | None, new: tuple[Any, ...], text: str) -> State:
    _, step, timestamp, _, _, _, points, _ = new
    if old is None:
        return (0, step, timestamp, None, None, text, points, *NO_FACTS)
    counted = None if old[POINTS] is None else old[POINTS] + points
    if (step, timestamp) >= old[1:3]:
        return (0, step, timestamp, None, None, text, counted, *NO_FACTS)
    return (*old[:POINTS], counted, *NO_FACTS)


def _first_state(
    all_ints: bool,
    step: int,
    timestamp: int,
    compared: float,
    value: float | None,
    bits: int | None,
    points: int,
    facts: tuple[Any, ...],
) -> State:
    """Return the state of a new series.

    Args:
        all_ints: whether all values were logged as ints.
        step: the step of the latest point.
        timestamp: the timestamp of the latest point.
        compared: the value of the latest point as MLflow compares it.
        value: the column `latest_value`.
        bits: the column `latest_bits`.
        points: the number of points.
        facts: the facts about the points.
    """
    return (int(all_ints), step, timestamp, value, bits, None, points, *(NO_FACTS if points == 1 else facts))


def _number_after(
    old: State,
    all_ints: bool,
    step: int,
    timestamp: int,
    compared: float,
    value: float | None,
    bits: int | None,
    points: int,
    facts: tuple[Any, ...],
) -> State:
    """Return the state of a number series after new points. `_first_state` describes the arguments."""
    latest = old[1:POINTS]
    if (step, timestamp, compared) > (old[1], old[2], old[3] or 0.0):  # the column is NULL for NaN, which counts as 0
        latest = (step, timestamp, value, bits, None)
    counted = old[POINTS]
    if counted is None:
        return (int(all_ints and old[0]), *latest, *old[POINTS:])
    return (int(all_ints and old[0]), *latest, counted + points, *join_facts(facts_of(old), facts))


def facts_of(state: State) -> tuple[Any, ...]:
    """Return the facts of a counted number series, also if it has only one point."""
    if state[POINTS] != 1:
        return state[POINTS + 1 :]
    if state[3] is None:
        return NO_FACTS
    value, timestamp, step = latest_of(state[3], state[4], state[2], state[1])
    return (step, timestamp, value, step, value, step, value)


def join_facts(old: tuple[Any, ...], new: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the facts about old points and new points together."""
    if new[0] is None:
        return old
    if old[0] is None:
        return new
    return (
        *(new[:3] if new[:2] < old[:2] else old[:3]),
        *(new[3:5] if new[4] < old[4] else old[3:5]),
        *(new[5:] if new[6] > old[6] else old[5:]),
    )
