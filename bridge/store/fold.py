"""Placing points: which positions, steps and latest values they get when a store appends them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from bridge.errors import InvalidState
from bridge.records.limits import EXACT_INTEGER
from bridge.records.series import (
    BIG,
    Definition,
    Point,
    definition_of,
    imprecise_warning,
)
from bridge.store.slices import Slice

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]


COLUMNS = ("series", "times", "timestamps", "steps", "has_step", "values", "ints", "doors", "joined")


Name: TypeAlias = "tuple[str, str]"
"""A run id and a key."""


class Counters(NamedTuple):
    """How many points a key has, over all kinds, and how many of them came without a step; a row counts as one."""

    points: int
    stepless: int


@dataclass(frozen=True, slots=True)
class PlacedSeries:
    """The new points of one series in log order, each with its position and step.

    `numbers` is float64 and `texts` is None, or, for a text series, the other way round.
    `latest` is the index of the greatest point by (step, timestamp, value); see `bridge.records.series.Latest`.
    """

    definition: Definition
    positions: Array
    steps: Array
    timestamps: Array
    doors: Array
    numbers: Array | None
    texts: list[str | bool | None] | None
    all_ints: bool
    latest: int

    @property
    def name(self) -> Name:
        return self.definition.run_id, self.definition.key


@dataclass(frozen=True, slots=True)
class Placed:
    """What one append stores: series, and the counters of every key after it."""

    series: list[PlacedSeries]
    counters: dict[Name, Counters]


def fresh_slices(slices: Iterable[Slice], stored: Mapping[str, int]) -> tuple[list[Slice], dict[str, int]]:
    """The slices that a store does not have yet, and how far each journal is stored after them.

    Raises:
        InvalidState: a slice does not begin where the store is.
    """
    fresh, ends = [], dict(stored)
    for piece in slices:
        end = ends.get(piece.journal_id, 0)
        if piece.end <= end:
            continue
        if piece.start != end:
            raise InvalidState("journal", piece.journal_id, f"stored up to {end}", f"stored up to {piece.start}")
        fresh.append(piece)
        ends[piece.journal_id] = piece.end
    return fresh, ends


def place(
    slices: Sequence[Slice], counters_of: Callable[[Sequence[Name]], Mapping[Name, Counters]]
) -> tuple[Placed, int]:
    """Give the points of slices their places.

    Args:
        slices: what is to be stored.
        counters_of: the counters that names had before, in their order, without those whose run the store does not
            know; it is asked once.

    Returns:
        What to store, and how many points were dropped because their run is unknown.
    """
    import numpy

    definitions, columns = _joined(slices)
    names = [(definition.run_id, definition.key) for definition in definitions]
    counters = dict(counters_of(list(dict.fromkeys(names))))
    unknown = [name not in counters for name in names]
    dropped = 0
    if any(unknown):
        lost = numpy.array(unknown)[columns["series"]]
        dropped = int(lost.sum())
        columns = {name: column[~lost] for name, column in columns.items()}
    if not len(columns["series"]):
        return Placed([], {}), dropped
    _give_places(definitions, columns, counters)
    texts = [text for piece in slices for text in piece.texts]
    return Placed(list(_by_series(definitions, columns, texts)), counters), dropped


def _joined(slices: Sequence[Slice]) -> tuple[list[Definition], dict[str, Array]]:
    """The points of all slices in log order, with series and texts numbered over all of them."""
    import numpy

    numbers: dict[Definition, int] = {}
    parts: dict[str, list[Array]] = {name: [] for name in COLUMNS}
    text_count = 0
    for piece in slices:
        translated = numpy.zeros(max(piece.definitions, default=-1) + 1, dtype=numpy.int64)
        for number in numpy.unique(piece.series):
            definition = piece.definitions[int(number)]
            translated[number] = numbers.setdefault(definition, len(numbers))
        series = translated[piece.series]
        values = piece.values
        if piece.texts and text_count:
            is_text = numpy.array([definition.value_type == "text" for definition in numbers], dtype=bool)
            values = values.copy()
            values[is_text[series]] += text_count  # numbers stay untouched, for -0.0 and NaN change in a sum
        text_count += len(piece.texts)
        own = {
            "series": series,
            # Within a slice the order of the calls holds, whatever the clock said.
            "times": numpy.maximum.accumulate(piece.times) if len(piece.times) else piece.times,
            "timestamps": piece.timestamps,
            "steps": piece.steps,
            "has_step": piece.has_step,
            "values": values,
            "ints": piece.ints,
            "doors": piece.doors,
            "joined": piece.joined,
        }
        for name in COLUMNS:
            parts[name].append(own[name])
    columns = {name: numpy.concatenate(part) if part else numpy.empty(0) for name, part in parts.items()}
    if len(slices) > 1:
        order = numpy.argsort(columns["times"], kind="stable")
        columns = {name: column[order] for name, column in columns.items()}
    return list(numbers), columns


def _give_places(definitions: list[Definition], columns: dict[str, Array], counters: dict[Name, Counters]) -> None:
    """Add `positions` to the columns and fill in the steps that were not given; `counters` are moved on."""
    import numpy

    names = {name: number for number, name in enumerate(counters)}
    of_series = numpy.array([names.get((d.run_id, d.key), 0) for d in definitions], dtype=numpy.int64)
    # A row has one place, which its further cells share.
    first: Any = slice(None)
    row_of: Any = slice(None)
    if columns["joined"].any():
        first = ~columns["joined"]
        row_of = numpy.cumsum(first) - 1
    has_step = columns["has_step"][first]
    metrics = of_series[columns["series"][first]]
    order = numpy.argsort(metrics, kind="stable")
    groups = metrics[order]
    begins = numpy.searchsorted(groups, groups)  # where each point's group begins
    stepless = (~has_step)[order].astype(numpy.int64)
    before = numpy.cumsum(stepless) - stepless
    points_before = numpy.array([c.points for c in counters.values()], dtype=numpy.int64)
    stepless_before = numpy.array([c.stepless for c in counters.values()], dtype=numpy.int64)
    positions = numpy.empty(len(order), dtype=numpy.int64)
    positions[order] = points_before[groups] + numpy.arange(len(order)) - begins
    rank = numpy.empty(len(order), dtype=numpy.int64)
    rank[order] = stepless_before[groups] + before - before[begins]
    columns["positions"] = positions[row_of]
    columns["steps"] = numpy.where(columns["has_step"], columns["steps"], rank[row_of])
    counted = numpy.bincount(metrics, minlength=len(names))
    counted_stepless = numpy.bincount(metrics[~has_step], minlength=len(names))
    for name, number in names.items():
        old = counters[name]
        counters[name] = Counters(old.points + int(counted[number]), old.stepless + int(counted_stepless[number]))


def _by_series(
    definitions: list[Definition], columns: dict[str, Array], texts: Sequence[str | bool | None]
) -> Iterable[PlacedSeries]:
    import numpy

    series = columns["series"]
    is_text = numpy.array([definition.value_type == "text" for definition in definitions], dtype=bool)[series]
    compared = comparable_values(columns["values"])
    compared[is_text] = columns["positions"][is_text]  # of equal steps and times the last text is the latest
    arrival = numpy.arange(len(series))
    ranked = numpy.lexsort((-arrival, compared, columns["timestamps"], columns["steps"], series))
    order = numpy.argsort(series, kind="stable")
    present, begins = numpy.unique(series[order], return_index=True)
    ends = numpy.append(begins[1:], len(order))
    place_of = numpy.empty(len(order), dtype=numpy.int64)
    place_of[order] = arrival
    for at in numpy.argsort(order[begins]).tolist():  # in the order in which series were first logged
        begin, end = int(begins[at]), int(ends[at])
        own = order[begin:end]
        definition = definitions[int(present[at])]
        values = columns["values"][own]
        text = definition.value_type == "text"
        yield PlacedSeries(
            definition=definition,
            positions=columns["positions"][own],
            steps=columns["steps"][own],
            timestamps=columns["timestamps"][own],
            doors=columns["doors"][own],
            numbers=None if text else values,
            texts=[texts[int(index)] for index in values] if text else None,
            all_ints=bool(columns["ints"][own].all()),
            latest=int(place_of[ranked[end - 1]]) - begin,
        )


def comparable_values(values: Array) -> Array:
    """Values as MLflow compares them: NaN as 0, ±inf as ±1.797e308; a new array."""
    import numpy

    return numpy.clip(numpy.where(numpy.isnan(values), 0.0, values), -BIG, BIG)


def slice_of(run_id: str, points: Sequence[Point], door: int) -> Slice:
    """A slice that no journal holds, of checked points of one run: for a store that is written without one."""
    import numpy

    definitions: dict[Definition, int] = {}
    series: list[int] = []
    values: list[float] = []
    texts: list[str | bool | None] = []
    for point in points:
        value = point.value
        if value is None or isinstance(value, (str, bool)):
            values.append(len(texts))
            texts.append(value)
        else:
            values.append(value)
        series.append(definitions.setdefault(definition_of(run_id, point), len(definitions)))
    imprecise = {p.key for p in points if type(p.value) is int and abs(p.value) > EXACT_INTEGER}
    return Slice(
        journal_id="",
        start=0,
        end=1,
        definitions={number: definition for definition, number in definitions.items()},
        series=numpy.array(series, dtype=numpy.uint32),
        times=numpy.zeros(len(points), dtype=numpy.int64),
        timestamps=numpy.array([p.timestamp for p in points], dtype=numpy.int64),
        steps=numpy.array([p.step or 0 for p in points], dtype=numpy.int64),
        has_step=numpy.array([p.step is not None for p in points], dtype=bool),
        values=_float_array(values),
        ints=numpy.array([type(p.value) is int for p in points], dtype=bool),
        doors=numpy.full(len(points), door, dtype=numpy.uint8),
        joined=numpy.array([p.joined for p in points], dtype=bool),
        texts=texts,
        warnings=tuple((run_id, imprecise_warning(key)) for key in sorted(imprecise)),
    )


def _float_array(values: Sequence[float]) -> Array:
    """The values as float64 with their exact bits, NaN payloads too."""
    import numpy

    return numpy.frombuffer(struct.pack(f"<{len(values)}d", *values), dtype="<f8")
