"""The stored states of series: their latest points, and facts about all of their points.

A state is the part of a row of the table `series` that changes with each fold that stores points of the series.
The migration `0005.sql` describes its columns. A fold changes the states of many series, so they are arrays here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.store.extremes import find_extremes
from bridge.store.sql.labels import prefix_of
from bridge.store.sql.latest import MINUS_ZERO

if TYPE_CHECKING:
    import numpy

    from bridge.store.place import Joined, Placed

    Array = numpy.ndarray[Any, Any]

STATE = (
    "all_ints", "latest_step", "latest_timestamp", "latest_value", "latest_bits", "latest_text",
    "points", "first_step", "first_timestamp", "first_value",
    "minimum_step", "minimum_value", "maximum_step", "maximum_value",
)  # fmt: skip
POINTS = 6
"""The index of the number of points in a state. The facts follow it: first, minimum and maximum."""

UNCOUNTED = -1
"""The number of points of a series whose points are not counted yet."""


class Facts(NamedTuple):
    """The facts about the points of series, as arrays with one element for each series.

    A series of texts, or a series whose values are all NaN, has no facts. Its `first_value` is NaN.
    """

    first_step: Array
    first_timestamp: Array
    first_value: Array
    minimum_step: Array
    minimum_value: Array
    maximum_step: Array
    maximum_value: Array


class States(NamedTuple):
    """The states of series, as columns with one element for each series.

    `values` has all 64 bits of the latest value of a number series, and 0 for a text series.
    `texts` has the JSON of the latest text of a text series, and None for a number series.
    `points` is 0 if the series does not exist yet.
    `facts` are present also if the series has one point, unlike in the database.
    """

    all_ints: Array
    steps: Array
    timestamps: Array
    values: Array
    texts: list[str | None]
    points: Array
    facts: Facts

    def chosen(self, at: Array) -> States:
        """Return the states of some series. `at` is True for them."""
        texts = [text for text, is_chosen in zip(self.texts, at.tolist(), strict=True) if is_chosen]
        columns = (column[at] for column in self[:4])
        return States._make([*columns, texts, self.points[at], Facts(*(column[at] for column in self.facts))])

    def spread(self, at: Array, count: int) -> States:
        """Return the states of `count` series: these ones at the indices `at`, and elsewhere series without points."""
        import numpy

        def wider(column: Array) -> Array:
            found = numpy.zeros(count, dtype=column.dtype)
            found[at] = column
            return found

        texts: list[str | None] = [None] * count
        for index, text in zip(at.tolist(), self.texts, strict=True):
            texts[index] = text
        facts = Facts(*map(wider, self.facts))
        points = wider(self.points)
        facts.first_value[points == 0] = numpy.nan
        return States._make([*map(wider, self[:4]), texts, points, facts])


class Group(NamedTuple):
    """Rows with values in the same columns. The other columns of `STATE` are NULL in these rows.

    `series` has the indices of the series to which the rows belong.
    """

    series: Array
    columns: tuple[str, ...]
    values: list[list[Any]]


def states_of_rows(rows: Sequence[Sequence[Any]]) -> States:
    """Return stored states. All columns are None for a series that does not exist."""
    import numpy

    columns = zip(*rows, strict=True) if rows else ((),) * len(STATE)
    all_ints, steps, timestamps, values, bits, texts, points, *facts = columns
    latest = (_integers(steps), _integers(timestamps), _floats(values))
    for index, own in enumerate(bits):
        if own is not None:
            latest[2].view("<i8")[index] = own
    exists = numpy.array([own is not None for own in all_ints], dtype=bool)
    counts = numpy.where(exists, _integers(points, UNCOUNTED), 0)
    # The facts of a series with one point are NULL in the database, because they equal its latest point.
    of_one = (*latest, latest[0], latest[2], latest[0], latest[2])
    stored = (
        (_floats if own.dtype.kind == "f" else _integers)(column) for own, column in zip(of_one, facts, strict=True)
    )
    known = Facts(*(numpy.where(counts == 1, own, column) for own, column in zip(of_one, stored, strict=True)))
    known.first_value[_are_texts(texts)] = numpy.nan
    return States(_integers(all_ints) != 0, *latest, list(texts), counts, known)


def states_of_points(points: Joined, placed: Placed) -> States:
    """Return the states that series would have if they had only these points."""
    import numpy

    values = placed.values[placed.latest]
    texts: list[str | None] = [None] * len(values)
    for number, (definition, index) in enumerate(zip(points.definitions, values.tolist(), strict=True)):
        if definition.value_type == "text":
            texts[number] = json.dumps(points.texts[int(index)])
    is_text = _are_texts(texts)
    values[is_text] = 0
    counts = numpy.append(placed.begins[1:], len(placed.steps)) - placed.begins
    facts = facts_of_points(placed.begins, counts, placed.steps, placed.timestamps, placed.values)
    facts.first_value[is_text] = numpy.nan
    steps, timestamps = placed.steps[placed.latest], placed.timestamps[placed.latest]
    return States(placed.all_ints & ~is_text, steps, timestamps, values, texts, counts, facts)


def facts_of_points(begins: Array, counts: Array, steps: Array, timestamps: Array, values: Array) -> Facts:
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
    first_value = numpy.where(first < 0, numpy.nan, values[first])
    return Facts(
        steps[first], timestamps[first], first_value, steps[minimum], values[minimum], steps[maximum], values[maximum]
    )


def joined_states(old: States, new: States) -> States:
    """Return the states after new points. Some of the series may not exist yet."""
    import numpy

    from bridge.store.place import comparable_values

    is_new, is_text = old.points == 0, _are_texts(new.texts)
    before, after = comparable_values(old.values), comparable_values(new.values)
    # If texts have the same step and timestamp, the last logged text is the latest.
    is_greater = (after > before) | is_text
    is_later = is_new | _is_less(old.steps, new.steps, _is_less(old.timestamps, new.timestamps, is_greater))
    texts = zip(new.texts, old.texts, is_later.tolist(), strict=True)
    return States(
        all_ints=new.all_ints & (old.all_ints | is_new),
        steps=numpy.where(is_later, new.steps, old.steps),
        timestamps=numpy.where(is_later, new.timestamps, old.timestamps),
        values=numpy.where(is_later, new.values, old.values),
        texts=[then if later else now for then, now, later in texts],
        points=numpy.where(old.points == UNCOUNTED, UNCOUNTED, old.points + new.points),
        facts=join_facts(old.facts, new.facts),
    )


def join_facts(old: Facts, new: Facts) -> Facts:
    """Return the facts about old points and new points together."""
    import numpy

    lacks, has = numpy.isnan(old.first_value), ~numpy.isnan(new.first_value)
    starts = _is_less(new.first_step, old.first_step, new.first_timestamp < old.first_timestamp)
    takes = [has & (lacks | starts)] * 3
    takes += [has & (lacks | (new.minimum_value < old.minimum_value))] * 2
    takes += [has & (lacks | (new.maximum_value > old.maximum_value))] * 2
    return Facts(*map(numpy.where, takes, new, old))


def _is_less(one: Array, other: Array, otherwise: Array) -> Array:
    """Return where a number is less than another one. `otherwise` is the answer for equal numbers."""
    less: Array = (one < other) | (one == other) & otherwise
    return less


def groups_of(states: States) -> Iterator[Group]:
    """Yield states as rows.

    The rows do not contain None, because Python's sqlite3 searches an adapter for each None, which takes several times
    as long as a number.
    """
    import numpy

    from bridge.store.place import comparable_values

    compared = comparable_values(states.values)
    bits = states.values.view("<i8")
    is_text, is_nan = _are_texts(states.texts), numpy.isnan(states.values)
    prefixes = numpy.array([None if text is None else prefix_of(text) for text in states.texts], dtype=object)
    is_odd = is_nan | (compared != states.values) | (bits == MINUS_ZERO)
    has_facts = (states.points > 1) & ~numpy.isnan(states.facts.first_value)
    columns: list[tuple[tuple[str, ...], tuple[Any, ...], Array]] = [
        (STATE[:3], (states.all_ints.astype(int), states.steps, states.timestamps), numpy.ones(len(bits), dtype=bool)),
        (("latest_value",), (compared,), ~is_nan & ~is_text),
        (("latest_bits",), (bits,), is_odd & ~is_text),
        (("latest_text", "prefix"), (numpy.array(states.texts, dtype=object), prefixes), is_text),
        (("points",), (states.points,), states.points != UNCOUNTED),
        (Facts._fields, states.facts, has_facts),
    ]
    codes = numpy.zeros(len(bits), dtype=int)
    for number, (_, _, is_present) in enumerate(columns):
        codes |= is_present.astype(int) << number
    for code in set(codes.tolist()):
        series = numpy.flatnonzero(codes == code)
        present = [(names, own) for number, (names, own, _) in enumerate(columns) if code >> number & 1]
        yield Group(
            series,
            tuple(name for names, _ in present for name in names),
            [column[series].tolist() for _, own in present for column in own],
        )


def _are_texts(texts: Sequence[str | None]) -> Array:
    import numpy

    return numpy.array([text is not None for text in texts], dtype=bool)


def _integers(column: Sequence[int | None], default: int = 0) -> Array:
    import numpy

    return numpy.array([default if value is None else value for value in column], dtype=numpy.int64)


def _floats(column: Sequence[float | None]) -> Array:
    import numpy

    return numpy.array(column, dtype=numpy.float64)  # None becomes NaN
