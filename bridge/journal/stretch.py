"""A stretch of a journal: the points, leases and damages between two byte offsets."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.journal.columns import in_order_of_time, offsets, row_type
from bridge.journal.format import TYPE_ROW

if TYPE_CHECKING:
    import numpy


@dataclass(slots=True)
class Stretch:
    """The contents of a journal between the byte offsets `start` and `end`.

    `rows` is a structured array with one entry a point, in the order logged, with the fields of `row_type`. For a text
    point, `value` is the index of its text in `texts`.
    `joined` (bool) marks points that belong to the same row as the point before.
    `row_ends` (int64) are the byte offsets at which the points end. All cells of a row have the same.
    `leases` are (byte offset at which the record ends, run id, time, boot time or 0, held).
    `damages` are (offset, description) of bytes that were skipped.
    `torn` is True if the bytes after `end` are no whole record.
    `closed` is True if the closing record follows `end`.
    `unknown` is the type of the record that follows `end` and must not be skipped, or 0.
    """

    start: int
    end: int
    rows: numpy.ndarray[Any, Any]
    joined: numpy.ndarray[Any, Any]
    row_ends: numpy.ndarray[Any, Any]
    texts: list[str | bool | None]
    leases: list[tuple[int, str, int, int, bool]]
    damages: list[tuple[int, str]]
    torn: bool
    closed: bool
    unknown: int

    def cut(self, until: int) -> Stretch | None:
        """Cut the stretch before the first point whose record time is greater than `until`.

        Returns:
            The rest, which begins with that point; None if there is no such point.
        """
        late = self.rows["time"] > until
        if not late.any():
            return None
        count = int(late.argmax())
        # A row is on one side as a whole, because its cells have one time and one end.
        end = int(self.row_ends[count - 1]) if count else self.start
        rest = Stretch(
            end,
            self.end,
            self.rows[count:],
            self.joined[count:],
            self.row_ends[count:],
            self.texts,
            [lease for lease in self.leases if lease[0] > end],
            [damage for damage in self.damages if damage[0] >= end],
            self.torn,
            self.closed,
            self.unknown,
        )
        self.end = end
        self.rows, self.joined, self.row_ends = self.rows[:count], self.joined[:count], self.row_ends[:count]
        self.leases = [lease for lease in self.leases if lease[0] <= end]
        self.damages = [damage for damage in self.damages if damage[0] < end]
        self.torn = self.closed = False
        self.unknown = 0
        return rest


@dataclass(slots=True)
class Parsed:
    """The contents of records, gathered one record after the other.

    `pieces` are points in the layout of number points; `ends` are the byte offsets at which their records end, and how
    many points each of these records has.
    `short` is True if a record reaches beyond the bytes that were read, or if damage fills them to their end.
    The other fields are those of a stretch.
    """

    pieces: list[bytes | memoryview] = field(default_factory=list)
    ends: list[tuple[range, int]] = field(default_factory=list)
    texts: list[str | bool | None] = field(default_factory=list)
    leases: list[tuple[int, str, int, int, bool]] = field(default_factory=list)
    damages: list[tuple[int, str]] = field(default_factory=list)
    short: bool = False
    closed: bool = False
    unknown: int = 0


def to_stretch(parsed: Parsed, start: int, end: int, definitions: Container[int], torn: bool) -> Stretch:
    """Return the stretch of records that were parsed.

    Args:
        parsed: the records.
        start: the byte offset where they begin.
        end: the byte offset where they end.
        definitions: the series numbers that are defined. Points of other series are left out and reported as damage.
        torn: whether the bytes after `end` are no whole record.
    """
    import numpy

    rows = in_order_of_time(numpy.frombuffer(b"".join(parsed.pieces), dtype=row_type()))
    ends = numpy.concatenate([numpy.empty(0, numpy.int64), *map(offsets, parsed.ends)])
    joined = (rows["type"] == TYPE_ROW) & (rows["cell"] > 0)
    unknown = [number for number in numpy.unique(rows["series"]).tolist() if number not in definitions]
    if unknown:
        known = ~numpy.isin(rows["series"], unknown)
        parsed.damages.append((start, f"the series of {int((~known).sum())} points"))
        row_numbers = numpy.cumsum(~joined)[known]
        rows, ends, joined = rows[known], ends[known], joined[known]
        # The first cell of a row may be left out: then the next one is the row's first.
        joined[:1] = False
        joined[1:] &= row_numbers[1:] == row_numbers[:-1]
    return Stretch(
        start,
        end,
        rows,
        joined,
        ends,
        parsed.texts,
        parsed.leases,
        parsed.damages,
        torn,
        parsed.closed,
        parsed.unknown,
    )
