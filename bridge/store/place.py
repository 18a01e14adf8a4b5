"""Gives points their positions and steps, and finds the latest points, when a backend appends points.

A slice is a part of a journal. A receipt is the byte offset up to which a journal is stored.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.errors import InvalidState
from bridge.records.limits import EXACT_INTEGER, INT64_MIN
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


COLUMNS = ("series", "times", "timestamps", "steps", "has_step", "values", "ints", "apis", "joined")


class Counters(NamedTuple):
    """For each series, the number of points of its key, and the number of these points without a step.

    Points of all kinds are counted. A row counts as one point. Series with the same key have the same counters.
    """

    points: Array
    stepless: Array


class Joined(NamedTuple):
    """The points of several slices in log order, as columns of the same length.

    `columns` has the arrays of `Slice` by name, for example `columns["steps"]`.
    The column `series` has the index of each point's series in `definitions`.
    The column `values` has the value of each point, or for a text series the index of the value in `texts`.
    `definitions` are the series of the points, in the order of their first points.
    """

    definitions: list[Definition]
    columns: dict[str, Array]
    texts: list[str | bool | None]


@dataclass(frozen=True, slots=True)
class Placed:
    """Points with their positions and steps. They are sorted by series, and within a series in log order.

    `begins` has, for each series, the index of its first point.
    `latest` has, for each series, the index of its latest point; see `bridge.records.series.Latest`.
    `all_ints` has, for each series, whether all of these points were logged as ints.
    `keys` has, for each series, the index of the first series with the same key.
    `counters` are the counters after these points.
    """

    begins: Array
    latest: Array
    all_ints: Array
    keys: Array
    positions: Array
    steps: Array
    timestamps: Array
    values: Array
    apis: Array
    counters: Counters


def fresh_slices(slices: Iterable[Slice], stored: Mapping[str, int]) -> tuple[list[Slice], dict[str, int]]:
    """Return the slices that are not stored yet, and the receipts that the journals have after these slices.

    Raises:
        InvalidState: a slice does not start at the receipt of its journal.
    """
    fresh, ends = [], dict(stored)
    for piece in slices:
        end = ends.get(piece.journal_id, 0)
        if piece.end <= end:
            continue
        if piece.start != end:
            raise InvalidState(
                "journal", piece.journal_id, f"stored up to byte {end}", f"stored up to byte {piece.start}"
            )
        fresh.append(piece)
        ends[piece.journal_id] = piece.end
    return fresh, ends


def join(slices: Sequence[Slice]) -> Joined:
    """Return the points of slices in log order. Series and texts are numbered across all slices."""
    import numpy

    numbers: dict[Definition, int] = {}
    # Each list begins with an empty array, because `concatenate` needs an array even if there are no slices.
    parts: dict[str, list[Array]] = {name: [numpy.empty(0, numpy.int64)] for name in COLUMNS}
    texts: list[str | bool | None] = []
    for piece in slices:
        own = _columns_of(piece, numbers, len(texts))
        texts += piece.texts
        for name in COLUMNS:
            if len(piece.times):
                parts[name].append(own[name])
    columns = {name: numpy.concatenate(part[1:] or part) for name, part in parts.items()}
    if len(slices) > 1:
        # The sort is stable, so that points with equal times stay in the order of their slice.
        order = numpy.argsort(columns["times"], kind="stable")
        columns = {name: column[order] for name, column in columns.items()}
    # Number the series in the order of their first points, because new series are stored in this order.
    known = list(numbers)
    present, first, at = numpy.unique(columns["series"], return_index=True, return_inverse=True)
    by_first = numpy.argsort(first)
    columns["series"] = _ranks(by_first)[at]
    return Joined([known[number] for number in present[by_first].tolist()], columns, texts)


def _columns_of(piece: Slice, numbers: dict[Definition, int], earlier_texts: int) -> dict[str, Array]:
    """Return the columns of one slice. Series and texts are numbered across all slices.

    Args:
        piece: the slice.
        numbers: the index of each series of earlier slices. New series of this slice are added to this dict.
        earlier_texts: the number of texts in the earlier slices.
    """
    import numpy

    # `present` has the series numbers that occur in this slice. `at` has the index of each point's series in `present`.
    present, at = numpy.unique(piece.series, return_inverse=True)
    definitions = [piece.definitions[number] for number in present.tolist()]
    own_numbers = [numbers.setdefault(definition, len(numbers)) for definition in definitions]
    values = piece.values
    if piece.texts and earlier_texts:
        is_text = numpy.array([definition.value_type == "text" for definition in definitions], dtype=bool)
        values = values.copy()
        # Add the number of earlier texts to the text indices. The values of number series are excluded, because even
        # adding 0 would change -0.0 and the payload of NaN.
        values[is_text[at]] += earlier_texts
    return {
        "series": numpy.array(own_numbers, dtype=numpy.int64)[at],
        # If the clock went back, a point gets the time of the point before it: the order of the log calls decides.
        "times": numpy.maximum.accumulate(piece.times) if len(piece.times) else piece.times,
        "timestamps": piece.timestamps,
        "steps": piece.steps,
        "has_step": piece.has_step,
        "values": values,
        "ints": piece.ints,
        "apis": piece.apis,
        "joined": piece.joined,
    }


def without_series(points: Joined, lost: Array) -> tuple[Joined, int]:
    """Drop the points whose run does not exist. Return the other points, and the number of dropped points.

    Args:
        points: the points.
        lost: for each series, True if its run does not exist. The points of such a series are dropped.
    """
    import numpy

    kept = ~lost
    stay = kept[points.columns["series"]]
    columns = {name: column[stay] for name, column in points.columns.items()}
    columns["series"] = (numpy.cumsum(kept) - 1)[columns["series"]]  # the index of each series among the kept ones
    definitions = [definition for definition, gone in zip(points.definitions, lost.tolist(), strict=True) if not gone]
    return points._replace(definitions=definitions, columns=columns), int((~stay).sum())


def place(points: Joined, before: Counters) -> Placed:
    """Give points their positions and steps, and find the latest point of each series.

    Args:
        points: the new points in log order.
        before: the stored counters; 0 for a key without points.
    """
    import numpy

    definitions, columns = points.definitions, points.columns
    keys = _keys(definitions)
    positions, steps, counters = _places(keys, columns, before)
    # Group the points by series. The sort is stable, so each group stays in log order.
    order = numpy.argsort(columns["series"], kind="stable")
    series = columns["series"][order]
    begins = numpy.searchsorted(series, numpy.arange(len(definitions)))  # where the group of each series begins
    placed = {
        "positions": positions[order],
        "steps": steps[order],
        **{name: columns[name][order] for name in ("timestamps", "values", "apis")},
    }
    compared = comparable_values(placed["values"])
    if len(points.texts):
        is_text = numpy.array([definition.value_type == "text" for definition in definitions], dtype=bool)[series]
        # If several texts have the greatest step and timestamp, the last logged text is the latest. So the positions of
        # texts are compared.
        compared[is_text] = placed["positions"][is_text]
    ints = columns["ints"][order]
    return Placed(
        begins=begins,
        latest=find_greatest(begins, series, placed["steps"], placed["timestamps"], compared),
        all_ints=numpy.logical_and.reduceat(ints, begins) if definitions else ints,
        keys=keys,
        counters=counters,
        **placed,
    )


def _keys(definitions: Sequence[Definition]) -> Array:
    """Return, for each series, the index of the first series with the same key.

    Several series may have the same key, for example numbers and texts. They share its counters.
    """
    import numpy

    firsts: dict[tuple[str, str], int] = {}
    own = [firsts.setdefault((d.run_id, d.key), number) for number, d in enumerate(definitions)]
    return numpy.array(own, dtype=numpy.int64)


def _ranks(order: Array) -> Array:
    """Return the inverse of a permutation: the index of each entry in the new order."""
    import numpy

    ranks = numpy.empty(len(order), dtype=numpy.int64)
    ranks[order] = numpy.arange(len(order))
    return ranks


def _places(keys: Array, columns: Mapping[str, Array], before: Counters) -> tuple[Array, Array, Counters]:
    """Return the position and the step of each point, and the counters after these points.

    `keys` has, for each series, the index of the first series with the same key.
    """
    import numpy

    # All cells of a row have the same position. So only the first cell of each row is counted. A point without a row
    # counts as a row with one cell. `row_of` has, for each point, the index of its row.
    first: Any = slice(None)
    row_of: Any = slice(None)
    if columns["joined"].any():
        first = ~columns["joined"]
        row_of = numpy.cumsum(first) - 1
    has_step = columns["has_step"][first]
    metrics = keys[columns["series"][first]]
    # Group the points by key. Each group stays in log order.
    order = numpy.argsort(metrics, kind="stable")
    groups = metrics[order]
    begins = numpy.searchsorted(groups, groups)  # for each point, where its group begins
    stepless = (~has_step)[order].astype(numpy.int64)
    # `stepless_until` has, for each point, how many of the points before it have no step. It counts across all groups.
    stepless_until = numpy.cumsum(stepless) - stepless
    # The position is the old counter plus the index in the group. The arrays on the right are in the order of the
    # groups. Assigning them to `positions[order]` puts the elements back into log order.
    positions = numpy.empty(len(order), dtype=numpy.int64)
    positions[order] = before.points[groups] + numpy.arange(len(order)) - begins
    # A point that was logged without a step gets this step: the number of earlier points of its key without a step.
    rank = numpy.empty(len(order), dtype=numpy.int64)
    rank[order] = before.stepless[groups] + stepless_until - stepless_until[begins]
    counted = before.points + numpy.bincount(metrics, minlength=len(keys))[keys]
    counted_stepless = before.stepless + numpy.bincount(metrics[~has_step], minlength=len(keys))[keys]
    steps = numpy.where(columns["has_step"], columns["steps"], rank[row_of])
    return positions[row_of], steps, Counters(counted, counted_stepless)


def find_greatest(begins: Array, series: Array, steps: Array, timestamps: Array, compared: Array) -> Array:
    """Return the index of the greatest point of each series, by (step, timestamp, compared value).

    If several points have the same step, timestamp and compared value, the index of the first one is returned.
    """
    import numpy

    greatest = numpy.ones(len(series), dtype=bool)
    least: int | float
    # For each column in turn, keep only the points with the greatest value of their series.
    for column, least in ((steps, INT64_MIN), (timestamps, INT64_MIN), (compared, -BIG)):
        among = numpy.where(greatest, column, least)
        greatest &= among == numpy.maximum.reduceat(among, begins)[series] if len(series) else greatest
    found = numpy.flatnonzero(greatest)  # sorted, so `searchsorted` finds the first point of each series
    return found[numpy.searchsorted(found, begins)]


def comparable_values(values: Array) -> Array:
    """Return a new array of the values that MLflow compares: 0 for NaN, and ±1.797e308 for ±inf."""
    import numpy

    return numpy.clip(numpy.where(numpy.isnan(values), 0.0, values), -BIG, BIG)


def slice_of(run_id: str, points: Sequence[Point], api: int) -> Slice:
    """Return checked points of one run as a slice, so that a backend can store points without a journal."""
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
        apis=numpy.full(len(points), api, dtype=numpy.uint8),
        joined=numpy.array([p.joined for p in points], dtype=bool),
        texts=texts,
        warnings=tuple((run_id, imprecise_warning(key)) for key in sorted(imprecise)),
    )


def _float_array(values: Sequence[float]) -> Array:
    """Return the values as a float64 array with the same bits, including the payloads of NaN."""
    import numpy

    return numpy.frombuffer(struct.pack(f"<{len(values)}d", *values), dtype="<f8")
