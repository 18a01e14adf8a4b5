"""Slices for tests. A slice is a part of a journal that a fold passes to a store.

Tests make these slices from points, without a journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bridge.records.series import NATIVE, SCALAR, Definition, Value, ValueType
from bridge.store.slices import Slice


class Entry(NamedTuple):
    """A point of a journal. `time` is its record time in nanoseconds, which orders the points of several journals."""

    run_id: str
    key: str
    value: Value
    step: int | None = None
    timestamp: int = 0
    time: int = 0
    api: int = NATIVE
    column: str = ""
    kind: int = SCALAR
    joined: bool = False


def make_slice(
    journal_id: str,
    start: int,
    end: int,
    entries: Sequence[Entry],
    warnings: tuple[tuple[str, str], ...] = (),
) -> Slice:
    """Return a slice with the given points and warnings."""
    import numpy

    definitions: dict[Definition, int] = {}
    series: list[int] = []
    values: list[float] = []
    texts: list[str | bool | None] = []
    for entry in entries:
        value_type: ValueType = "number"
        if entry.value is None or isinstance(entry.value, (str, bool)):
            value_type = "text"
            values.append(float(len(texts)))
            texts.append(entry.value)
        else:
            values.append(float(entry.value))
        definition = Definition(entry.run_id, entry.key, entry.column, entry.kind, value_type)
        series.append(definitions.setdefault(definition, len(definitions)))
    return Slice(
        journal_id=journal_id,
        start=start,
        end=end,
        definitions={number: definition for definition, number in definitions.items()},
        series=numpy.array(series, dtype=numpy.uint32),
        times=numpy.array([entry.time for entry in entries], dtype=numpy.int64),
        timestamps=numpy.array([entry.timestamp for entry in entries], dtype=numpy.int64),
        steps=numpy.array([entry.step or 0 for entry in entries], dtype=numpy.int64),
        has_step=numpy.array([entry.step is not None for entry in entries], dtype=bool),
        values=numpy.array(values, dtype=numpy.float64),
        ints=numpy.array([type(entry.value) is int for entry in entries], dtype=bool),
        apis=numpy.array([entry.api for entry in entries], dtype=numpy.uint8),
        joined=numpy.array([entry.joined for entry in entries], dtype=bool),
        texts=texts,
        warnings=warnings,
    )
