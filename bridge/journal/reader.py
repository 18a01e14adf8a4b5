"""Reading a journal: its points as columns, and what is damaged."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from bridge.errors import SchemaMismatch
from bridge.journal.format import (
    CELL_SIZE,
    DEFINITION,
    HEAD,
    HEAD_SIZE,
    HEADER_SIZE,
    IMPRECISE,
    IS_INT,
    IS_TEXT,
    LEASE,
    NUMBER,
    NUMBER_SIZE,
    RECORD_LIMIT,
    ROW_SIZE,
    TEXT,
    TEXT_SIZE,
    TYPE_DEFINITION,
    TYPE_LEASE,
    TYPE_NUMBER,
    TYPE_ROW,
    TYPE_TEXT,
    VERSION,
    Header,
    decode_definition,
    decode_header,
    decode_lease,
    decode_text,
    read_boot_time,
)
from bridge.records.series import Definition

if TYPE_CHECKING:
    import numpy

READ_BYTES = 8 << 20
"""How much of a journal is parsed at once where only its definitions are wanted."""

FIRST_LOOK = 64
"""How many records of one kind are looked for at once at first, for others may stand between them."""

ROWS_AT_ONCE = 4096
"""How many rows of one size are looked for at once, for others may stand between them."""

LEAST = {
    TYPE_NUMBER: NUMBER_SIZE,
    TYPE_TEXT: TEXT_SIZE,
    TYPE_DEFINITION: HEAD_SIZE + DEFINITION.size,
    TYPE_ROW: ROW_SIZE + CELL_SIZE,
    TYPE_LEASE: HEAD_SIZE + LEASE.size,
}
"""The least size of records."""

SEALED_NUMBER = struct.Struct(f"<I{NUMBER.size}s")


@dataclass(slots=True)
class Stretch:
    """What lies between two byte offsets of a journal.

    `rows` is a structured array, one entry a point in the order logged, with the fields of `row_type`; of a text
    point `value` is the index of its value in `texts`.
    `joined` (bool) says that a point belongs to the row of the point before it.
    `row_ends` (int64) are the byte offsets at which the points end, the same for all cells of a row.
    `leases` are (byte offset at which its record ends, run id, time, held).
    `damages` are (offset, what) of places that were passed over.
    `torn` says that what follows `end` is no whole record.
    """

    start: int
    end: int
    rows: numpy.ndarray[Any, Any]
    joined: numpy.ndarray[Any, Any]
    row_ends: numpy.ndarray[Any, Any]
    texts: list[str | bool | None]
    leases: list[tuple[int, str, int, bool]]
    damages: list[tuple[int, str]]
    torn: bool

    def cut(self, until: int) -> None:
        """Leave points with a later record time, and all that follows the first of them."""
        late = self.rows["time"] > until
        if not late.any():
            return
        count = int(late.argmax())
        self.end = int(self.row_ends[count - 1]) if count else self.start
        self.rows, self.joined, self.row_ends = self.rows[:count], self.joined[:count], self.row_ends[:count]
        self.leases = [lease for lease in self.leases if lease[0] <= self.end]
        self.damages = [damage for damage in self.damages if damage[0] < self.end]
        self.torn = False


@dataclass(slots=True)
class _Parsed:
    """What is gathered while records are taken: points as the bytes of number points, and where they end.

    `ends` are ranges of byte offsets, and how many points end at each.
    """

    pieces: list[bytes | memoryview] = field(default_factory=list)
    ends: list[tuple[range, int]] = field(default_factory=list)
    texts: list[str | bool | None] = field(default_factory=list)
    leases: list[tuple[int, str, int, bool]] = field(default_factory=list)
    damages: list[tuple[int, str]] = field(default_factory=list)
    torn: bool = False


@cache
def row_type() -> numpy.dtype[Any]:
    """The layout of a number point's record, as numpy reads it.

    A cell of a row is brought into it, with the flags of its row and its own; `cell` is its place in the row.
    """
    import numpy

    names = ["crc", "size", "type", "flags", "cell", "series", "time", "timestamp", "step", "value"]
    formats = ["<u4", "<u4", "u1", "u1", "<u2", "<u4", "<i8", "<i8", "<i8", "<f8"]
    return numpy.dtype({"names": names, "formats": formats})


@lru_cache(maxsize=64)
def table_row_type(size: int, cells: int) -> numpy.dtype[Any]:
    """The layout of a row's record of that size and number of cells, but for its texts."""
    import numpy

    cell = numpy.dtype(
        {
            "names": ["series", "flags", "value", "at", "length"],  # the last two lie where the value of a number does
            "formats": ["<u4", "u1", "<f8", "<u4", "<u4"],
            "offsets": [0, 4, 8, 8, 12],
            "itemsize": CELL_SIZE,
        }
    )
    names = ["size", "type", "flags", "cells", "time", "timestamp", "step", "entries"]
    formats = ["<u4", "u1", "u1", "<u4", "<i8", "<i8", "<i8", (cell, (cells,))]
    offsets = [4, 8, 9, 12, 16, 24, 32, ROW_SIZE]
    return numpy.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})


class JournalReader:
    """One journal, read from where its reader is asked to begin.

    `definitions` maps each series number seen so far to its series.
    Not for several threads at once.

    Raises:
        SchemaMismatch: the journal was written by a newer version.
        FileNotFoundError: it is gone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.definitions: dict[int, Definition] = {}
        self._defined_to = HEADER_SIZE
        with path.open("rb") as file:
            found = decode_header(file.read(HEADER_SIZE))
        self.header_damaged = found is None
        if found is not None and found[0] > VERSION:
            raise SchemaMismatch(str(path), found[0], VERSION)
        boot_now, wall_now = read_boot_time(), time.time_ns()
        self.header = found[1] if found else Header(path.stem, "", boot_now, wall_now, 0)

    def read(self, start: int, limit: int) -> Stretch:
        """The points between two byte offsets.

        Args:
            start: a byte offset at which an earlier stretch ended, or 0.
            limit: nothing beyond is read.
        """
        if start > self._defined_to:
            self._catch_up(start)
        return self._stretch(max(start, HEADER_SIZE), limit)

    def _catch_up(self, start: int) -> None:
        """Learn the definitions that stand before a reader's start."""
        at = self._defined_to
        while at < start:
            end = self._stretch(at, min(start, at + READ_BYTES)).end
            at = end if end > at else start
        self._defined_to = start

    def _stretch(self, start: int, limit: int) -> Stretch:
        import numpy

        with self.path.open("rb") as file:
            file.seek(start)
            data = file.read(max(0, limit - start))
        parsed = _Parsed()
        end = start + self._parse(data, start, parsed)
        rows = numpy.frombuffer(b"".join(parsed.pieces), dtype=row_type())
        ends = numpy.concatenate([numpy.empty(0, numpy.int64), *map(_offsets, parsed.ends)])
        joined = (rows["type"] == TYPE_ROW) & (rows["cell"] > 0)
        if len(rows):
            known = numpy.isin(rows["series"], numpy.fromiter(self.definitions, dtype="<u4"))
            if not known.all():
                parsed.damages.append((start, f"the series of {int((~known).sum())} points"))
                number = numpy.cumsum(~joined)[known]  # of the row, for its first cell may be lost
                rows, ends, joined = rows[known], ends[known], joined[known]
                joined[:1] = False
                joined[1:] &= number[1:] == number[:-1]
        self._defined_to = max(self._defined_to, end)
        return Stretch(start, end, rows, joined, ends, parsed.texts, parsed.leases, parsed.damages, parsed.torn)

    def _parse(self, data: bytes, base: int, parsed: _Parsed) -> int:
        """Take the records of `data` into `parsed`; returns how many bytes were taken."""
        view, at = memoryview(data), 0
        while at < len(data):
            at += self._numbers(view, at, base, parsed)
            if at >= len(data):
                break
            size = _record_size(view, at)
            if size and view[at + 8] == TYPE_ROW:
                at += _take_rows(view, at, size, base, parsed)
                continue
            if size:
                self._take(view[at : at + size], base + at + size, parsed)
                at += size
                continue
            following = _next_record(view, at + 1)
            if following is None:
                parsed.torn = True
                break
            parsed.damages.append((base + at, f"{following - at} bytes"))
            at = following
        return at

    def _numbers(self, view: memoryview, at: int, base: int, parsed: _Parsed) -> int:
        """Take the number points that stand one after the other; returns their bytes."""
        import numpy

        most = (len(view) - at) // NUMBER_SIZE
        if most == 0 or view[at + 8] != TYPE_NUMBER:
            return 0
        window = min(most, FIRST_LOOK)
        while True:
            rows = numpy.frombuffer(view, dtype=row_type(), count=window, offset=at)
            other = (rows["type"] != TYPE_NUMBER) | (rows["size"] != NUMBER_SIZE)
            count = int(other.argmax()) if other.any() else window
            if count < window or window == most:
                break
            window = min(most, 8 * window)
        records = SEALED_NUMBER.iter_unpack(view[at : at + count * NUMBER_SIZE])
        intact = [crc32(body) == checksum for checksum, body in records]
        if not all(intact):
            count = intact.index(False)
        if count:
            end = at + count * NUMBER_SIZE
            parsed.pieces.append(view[at:end])
            parsed.ends.append((range(base + at + NUMBER_SIZE, base + end + 1, NUMBER_SIZE), 1))
        return count * NUMBER_SIZE

    def _take(self, record: memoryview, end: int, parsed: _Parsed) -> None:
        """Take one record that is no number and no row; `end` is where it ends in the journal."""
        size, kind, flags, _, series = HEAD.unpack_from(record, 4)
        if kind == TYPE_TEXT:
            time_ns, timestamp, step = TEXT.unpack_from(record, 4)[5:]
            row = NUMBER.pack(size, kind, flags, 0, series, time_ns, timestamp, step, len(parsed.texts))
            parsed.pieces.append(bytes(4) + row)
            parsed.ends.append((range(end, end + 1), 1))
            parsed.texts.append(decode_text(flags, bytes(record[TEXT_SIZE:])))
        elif kind == TYPE_DEFINITION:
            self.definitions[series] = decode_definition(bytes(record[HEAD_SIZE:]))
        elif kind == TYPE_LEASE:
            parsed.leases.append((end, *decode_lease(bytes(record[HEAD_SIZE:])), bool(flags)))


def _take_rows(view: memoryview, at: int, size: int, base: int, parsed: _Parsed) -> int:
    """Take the intact row of a size at an offset, and those like it that follow at once; returns their bytes."""
    import numpy

    cells = HEAD.unpack_from(view, at + 4)[4]
    window = min((len(view) - at) // size, ROWS_AT_ONCE)
    rows = numpy.frombuffer(view, dtype=table_row_type(size, cells), count=window, offset=at)
    other = (rows["type"] != TYPE_ROW) | (rows["size"] != size) | (rows["cells"] != cells)
    count = int(other.argmax()) if other.any() else window
    begins = range(at + size, at + count * size, size)
    count = next((n for n, begin in enumerate(begins, 1) if not _record_size(view, begin)), count)
    texts = view[at : at + count * size]
    parsed.pieces.append(_cells_as_points(rows[:count], texts, parsed.texts))
    parsed.ends.append((range(base + at + size, base + at + count * size + 1, size), cells))
    return count * size


def _cells_as_points(rows: numpy.ndarray[Any, Any], records: memoryview, texts: list[str | bool | None]) -> bytes:
    """The cells of rows of one size in the layout of number points; their texts are added to `texts`."""
    import numpy

    entries = rows["entries"]
    points = numpy.zeros(entries.shape, dtype=row_type())
    points["type"] = TYPE_ROW
    points["flags"] = rows["flags"][:, None] | (entries["flags"] & (IS_INT | IMPRECISE))
    points["cell"] = numpy.arange(entries.shape[1])
    for name in ("time", "timestamp", "step"):
        points[name] = rows[name][:, None]
    for name in ("series", "value"):
        points[name] = entries[name]
    is_text = (entries["flags"] & IS_TEXT) != 0
    if is_text.any():
        points["value"][is_text] = numpy.arange(len(texts), len(texts) + int(is_text.sum()))
        size, first = len(records) // len(rows), ROW_SIZE + CELL_SIZE * entries.shape[1]
        begins = numpy.nonzero(is_text)[0] * size + first + entries["at"][is_text]
        columns = (entries["flags"][is_text], begins, begins + entries["length"][is_text])
        for flags, begin, end in zip(*(column.tolist() for column in columns), strict=True):
            texts.append(decode_text(flags, bytes(records[begin:end])))
    return points.tobytes()


def _offsets(ends: tuple[range, int]) -> numpy.ndarray[Any, Any]:
    """Where points end, one offset a point."""
    import numpy

    offsets, points = ends
    return numpy.repeat(numpy.arange(offsets.start, offsets.stop, offsets.step), points)


def _record_size(view: memoryview, at: int) -> int:
    """The size of the whole, intact record at an offset; 0 if there is none."""
    if at + HEAD_SIZE > len(view):
        return 0
    size, kind, _, _, cells = HEAD.unpack_from(view, at + 4)
    if not LEAST.get(kind, HEAD_SIZE) <= size <= RECORD_LIMIT or at + size > len(view) or kind == 0:
        return 0
    if kind == TYPE_ROW and not 0 < cells <= (size - ROW_SIZE) // CELL_SIZE:
        return 0
    intact = crc32(view[at + 4 : at + size]) == int.from_bytes(view[at : at + 4], "little")
    return int(size) if intact else 0


def _next_record(view: memoryview, at: int) -> int | None:
    """Where the next whole, intact record begins, or None."""
    for offset in range(at, len(view) - HEAD_SIZE + 1):
        if _record_size(view, offset):
            return offset
    return None
