"""The contents of a journal between two byte offsets: points, leases (who owns which run) and damages."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.journal.columns import distinct, in_order_of_time, offsets, row_type
from bridge.journal.format import TYPE_ROW

if TYPE_CHECKING:
    import numpy


@dataclass(slots=True)
class Stretch:
    """The contents of a journal between the byte offsets `start` and `end`.

    `rows` is a structured array with one element for each point, in log order. A table row has one point for each cell.
    The fields of the array are those of `bridge.journal.columns.row_type`. For a text point, the field `value` is the
    index of its text in `texts`.
    `joined` (bool) is True for a point that is in the same table row as the previous point.
    `row_ends` (int64) has the byte offset at which each point ends. All cells of a table row have the same end.
    `leases` are tuples: end offset of the record, run id, wall-clock time, boot-time clock (0 if unknown), and whether
    the lease is held (True) or was released (False).
    `damages` are pairs: the offset of bytes that were skipped, and a description of the damage.
    `torn` is True if the bytes after `end` are not a complete record.
    `closed` is True if the closing record follows `end`.
    `unknown` is the type of a record after `end` that this version does not know and must not skip; otherwise 0.
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
        # The cut never divides a table row, because all its cells have the same time and the same end.
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
    """The contents of journal records, collected record by record.

    `pieces` are the bytes of points in the layout of `row_type`. The value of a text point is the index of its text.
    `ends` has one pair for each group of consecutive records of the same size. The first value is a range with the
    offset at which each of the records ends. The second value is the number of points in each record.
    `column_bytes` is the size of the points of records of columns in `pieces`.
    `short` is True if the last record is incomplete or damaged, so that more bytes must be read.
    The other fields have the same meaning as in `Stretch`.
    """

    pieces: list[bytes | memoryview] = field(default_factory=list)
    ends: list[tuple[range, int]] = field(default_factory=list)
    texts: list[str | bool | None] = field(default_factory=list)
    leases: list[tuple[int, str, int, int, bool]] = field(default_factory=list)
    damages: list[tuple[int, str]] = field(default_factory=list)
    column_bytes: int = 0
    short: bool = False
    closed: bool = False
    unknown: int = 0


def to_stretch(parsed: Parsed, start: int, end: int, definitions: Container[int], torn: bool) -> Stretch:
    """Return a stretch with the contents of parsed records.

    Args:
        parsed: the records.
        start: the byte offset where the records begin.
        end: the byte offset where the records end.
        definitions: the series numbers that are defined. Points of other series are skipped and reported as damage.
        torn: whether the bytes after `end` are not a complete record.
    """
    import numpy

    rows = in_order_of_time(numpy.frombuffer(b"".join(parsed.pieces), dtype=row_type()))
    ends = numpy.concatenate([numpy.empty(0, numpy.int64), *map(offsets, parsed.ends)])
    joined = (rows["type"] == TYPE_ROW) & (rows["cell"] > 0)
    unknown = [number for number in distinct(rows["series"]) if number not in definitions]
    if unknown:
        known = ~numpy.isin(rows["series"], unknown)
        parsed.damages.append((start, f"{int((~known).sum())} points whose series is not defined"))
        row_numbers = numpy.cumsum(~joined)[known]
        rows, ends, joined = rows[known], ends[known], joined[known]
        # If the first cell of a row was skipped, the next cell becomes the first one.
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
