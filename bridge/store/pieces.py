"""Parts of series with facts about their points, and their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy

    from bridge.store.chunks import ChunkFacts

    Array = numpy.ndarray[Any, Any]

X: TypeAlias = Literal["step", "time"]
"""The axis of a chart: steps, or timestamps in milliseconds since 1970 UTC."""


class Piece(NamedTuple):
    """A part of a number series: the facts about its points, and a function that returns a column of its points.

    The columns are in log order. Their names are the fields of `bridge.store.chunks.Columns`.
    """

    facts: ChunkFacts
    column: Callable[[str], Array]


def range_of(pieces: Sequence[Piece], x: X) -> tuple[int, int]:
    """Return the least and the greatest x of pieces. There must be at least one piece."""
    ranges = [_range(piece.facts, x) for piece in pieces]
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def is_ordered(group: Sequence[Piece], x: X) -> bool:
    """Return whether a group is one piece whose points are in the order of x, and no two of them are equal."""
    facts = group[0].facts
    return len(group) == 1 and bool(facts.is_by_step if x == "step" else facts.is_increasing)


def _range(facts: ChunkFacts, x: X) -> tuple[int, int]:
    if x == "step":
        return facts.least_step, facts.greatest_step
    return facts.least_timestamp, facts.greatest_timestamp


def groups(pieces: Sequence[Piece], x: X) -> Iterator[list[Piece]]:
    """Yield the pieces in the order of x, in groups: all points of a group come before those of the next group.

    The pieces of a group are in log order, if they belong to one series.
    """
    group: list[Piece] = []
    end: tuple[int, int] | None = None
    for piece in sorted(pieces, key=lambda piece: _least(piece.facts, x)):
        if end is not None and _least(piece.facts, x) > end:
            yield sorted(group, key=lambda piece: piece.facts.first_position)
            group = []
        group.append(piece)
        greatest = _greatest(piece.facts, x)
        end = greatest if end is None else max(end, greatest)
    if group:
        yield sorted(group, key=lambda piece: piece.facts.first_position)


def _least(facts: ChunkFacts, x: X) -> tuple[int, int]:
    """Return a (step, timestamp), or a (timestamp, step), that is at most that of each point."""
    if x == "step":
        return facts.least_step, facts.first_timestamp if facts.is_by_step else facts.least_timestamp
    return facts.least_timestamp, facts.first_step if facts.is_increasing else facts.least_step


def _greatest(facts: ChunkFacts, x: X) -> tuple[int, int]:
    """Return a (step, timestamp), or a (timestamp, step), that is at least that of each point."""
    if x == "step":
        return facts.greatest_step, facts.last_timestamp if facts.is_by_step else facts.greatest_timestamp
    return facts.greatest_timestamp, facts.last_step if facts.is_increasing else facts.greatest_step
