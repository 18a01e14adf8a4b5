"""The stored state of a series: its latest point, and facts about all of its points.

A row of the table `series` contains this state. It changes with each fold that stores points of the series.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.records.series import Latest, later
from bridge.store.extremes import find_extremes
from bridge.store.sql.latest import bits_of, latest_of

if TYPE_CHECKING:
    from bridge.store.place import Joined, Placed

STATE = (
    "all_ints", "latest_step", "latest_timestamp", "latest_value", "latest_bits", "latest_text",
    "points", "first_step", "first_timestamp", "first_value",
    "minimum_step", "minimum_value", "maximum_step", "maximum_value",
)  # fmt: skip


class Facts(NamedTuple):
    """Facts about points of a number series. NaN is skipped. `first` is None if all values are NaN.

    `first` is (step, timestamp, value) of the first point. `minimum` and `maximum` are (step, value).
    """

    points: int
    first: tuple[int, int, float] | None
    minimum: tuple[int, float]
    maximum: tuple[int, float]

    def joined(self, new: Facts) -> Facts:
        """Return the facts about these points together with points that were logged later."""
        points = self.points + new.points
        if self.first is None or new.first is None:
            return (self if new.first is None else new)._replace(points=points)
        return Facts(
            points,
            new.first if new.first[:2] < self.first[:2] else self.first,
            new.minimum if new.minimum[1] < self.minimum[1] else self.minimum,
            new.maximum if new.maximum[1] > self.maximum[1] else self.maximum,
        )


class State(NamedTuple):
    """The columns `STATE` of the table `series`. The migration `0005.sql` describes them."""

    all_ints: int
    latest_step: int
    latest_timestamp: int
    latest_value: float | None
    latest_bits: int | None
    latest_text: str | None
    points: int | None = None
    first_step: int | None = None
    first_timestamp: int | None = None
    first_value: float | None = None
    minimum_step: int | None = None
    minimum_value: float | None = None
    maximum_step: int | None = None
    maximum_value: float | None = None

    @property
    def latest(self) -> Latest:
        """The latest point of a number series."""
        return latest_of(self.latest_value, self.latest_bits, self.latest_timestamp, self.latest_step)

    @property
    def facts(self) -> Facts | None:
        """The facts about a number series, or None if they are not computed yet."""
        if self.points is None:
            return None
        if self.points == 1:
            return facts_of_one(self.latest)
        return facts_of_row(self[6:])

    def with_facts(self, facts: Facts) -> State:
        """Return this state of a number series with other facts."""
        return State(*self[:6], *row_of_facts(facts))


NONE = (0, 0.0)


def facts_of_one(point: Latest) -> Facts:
    """Return the facts about a single point."""
    value, timestamp, step = point
    if value != value:
        return Facts(1, None, NONE, NONE)
    return Facts(1, (step, timestamp, value), (step, value), (step, value))


def facts_of_row(row: Sequence[Any]) -> Facts:
    """Return the facts that the columns of a series with several points contain."""
    points, step, timestamp, value, *rest = row
    if step is None:
        return Facts(points, None, NONE, NONE)
    return Facts(points, (step, timestamp, value), (rest[0], rest[1]), (rest[2], rest[3]))


def row_of_facts(facts: Facts) -> tuple[Any, ...]:
    """Return the columns that contain facts."""
    if facts.points == 1 or facts.first is None:
        return (facts.points, *(None,) * 7)
    return (facts.points, *facts.first, *facts.minimum, *facts.maximum)


def states_after(points: Joined, placed: Placed, before: Sequence[State | None]) -> Iterator[State]:
    """Yield the state of each series after the new points."""
    latest = placed.latest
    values = placed.values[latest]
    columns = zip(
        points.definitions,
        before,
        placed.steps[latest].tolist(),
        placed.timestamps[latest].tolist(),
        values.tolist(),
        values.astype("<f8").view("<i8").tolist(),
        placed.all_ints,
        new_facts(placed),
        strict=True,
    )
    for definition, old, step, timestamp, value, bits, ints, facts in columns:
        if definition.value_type == "text":
            yield _text_after(old, step, timestamp, points.texts[int(value)], facts.points)
            continue
        if old is None:
            yield State(int(ints), step, timestamp, *bits_of(value, bits), None, *row_of_facts(facts))
            continue
        known = old.facts
        row = old[6:] if known is None else row_of_facts(known.joined(facts))
        all_ints = int(ints and old.all_ints != 0)
        if later(Latest(value, timestamp, step), old.latest):
            yield State(all_ints, step, timestamp, *bits_of(value, bits), None, *row)
        else:
            yield State(all_ints, *old[1:6], *row)


def _text_after(old: State | None, step: int, timestamp: int, text: str | bool | None, points: int) -> State:
    counted = None if old is not None and old.points is None else points + (0 if old is None else old.points or 0)
    if old is None or (step, timestamp) >= (old.latest_step, old.latest_timestamp):
        return State(0, step, timestamp, None, None, json.dumps(text), counted)
    return old._replace(points=counted)


def new_facts(placed: Placed) -> Iterator[Facts]:
    """Yield the facts about the new points of each series. For a text series, only `points` has a meaning."""
    import numpy

    ends = numpy.array(placed.ends, dtype=numpy.int64)
    begins = numpy.append(0, ends)[: len(ends)]
    counts = ends - begins
    series = numpy.repeat(numpy.arange(len(ends)), counts)
    found = find_extremes(begins, series, placed.steps, placed.timestamps, placed.values)
    steps, timestamps, values = placed.steps, placed.timestamps, placed.values
    first, minimum, maximum = found
    yield from map(
        _facts,
        counts.tolist(),
        first.tolist(),
        zip(steps[first].tolist(), timestamps[first].tolist(), values[first].tolist(), strict=True),
        zip(steps[minimum].tolist(), values[minimum].tolist(), strict=True),
        zip(steps[maximum].tolist(), values[maximum].tolist(), strict=True),
    )


def _facts(
    points: int, index: int, first: tuple[int, int, float], minimum: tuple[int, float], maximum: tuple[int, float]
) -> Facts:
    return Facts(points, None if index < 0 else first, minimum, maximum)
