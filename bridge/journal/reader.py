"""Reading a journal: its points as columns, and what is damaged."""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from bridge.errors import SchemaMismatch
from bridge.journal.folder import JournalFolder
from bridge.journal.format import (
    CELL_SIZE,
    DEFINITION,
    END,
    FIRST_HEADER_SIZE,
    FIRST_LEASE,
    HEAD,
    HEAD_SIZE,
    HEADER_SIZE,
    IMPRECISE,
    IS_INT,
    IS_TEXT,
    LEASE,
    MARK,
    MARK_AT,
    MARK_BYTES,
    MAY_SKIP,
    NUMBER,
    NUMBER_SIZE,
    POINT,
    RECORDS_AT,
    REST_AT,
    TYPE_DEFINITION,
    TYPE_END,
    TYPE_LEASE,
    TYPE_NUMBER,
    TYPE_ROW,
    TYPE_TEXT,
    VERSION,
    Header,
    decode_definition,
    decode_header,
    decode_text,
    read_boot_time,
)
from bridge.records.limits import TEXT_VALUE_LENGTH
from bridge.records.series import Definition

if TYPE_CHECKING:
    import numpy

READ_BYTES = 8 << 20
"""How much of a journal is parsed at once where only its definitions are wanted."""

COUNTED_BYTES = 1 << 20
"""How much of a journal is looked through where its points are only counted."""

FIRST_LOOK = 64
"""How many records of one kind are looked for at once at first, for others may stand between them."""

ROWS_AT_ONCE = 4096
"""How many rows of one size are looked for at once, for others may stand between them."""

SEALED_NUMBER = struct.Struct(f"<I{NUMBER.size}s")

POINTS = frozenset((TYPE_NUMBER, TYPE_TEXT, TYPE_ROW))
KNOWN = POINTS | {TYPE_DEFINITION, TYPE_END, TYPE_LEASE}

FIRST_RECORD_LIMIT = 1 << 24
"""No record of format 1 is larger, in bytes."""
FIRST_TEXT_LIMIT = HEAD_SIZE + POINT.size + 4 * TEXT_VALUE_LENGTH


class Layout(NamedTuple):
    """How the records of a journal's format lie in its bytes.

    `records_at` is where they begin, `rest_at` where the rest of one begins that is no number point.
    `salt` is None for format 1, whose checksums do not depend on where a record is.
    """

    records_at: int
    rest_at: int
    salt: int | None

    @property
    def least(self) -> dict[int, int]:
        """The least size of records, by type."""
        lease, end = (FIRST_LEASE.size, 0) if self.salt is None else (LEASE.size, END.size)
        return {
            TYPE_NUMBER: NUMBER_SIZE,
            TYPE_TEXT: self.rest_at + POINT.size,
            TYPE_DEFINITION: self.rest_at + DEFINITION.size,
            TYPE_ROW: self.rest_at + POINT.size + CELL_SIZE,
            TYPE_LEASE: self.rest_at + lease,
            TYPE_END: self.rest_at + end,
        }


class Found(NamedTuple):
    """What stands at an offset: a record of that size and type; `reaches` beyond what was read, or `intact`.

    A record that reaches beyond has a head that is certainly one in format 2, and only looks like one in format 1.
    """

    size: int
    kind: int
    intact: bool
    reaches: bool


NOTHING = Found(0, 0, False, False)


@dataclass(slots=True)
class Stretch:
    """What lies between two byte offsets of a journal.

    `rows` is a structured array, one entry a point in the order logged, with the fields of `row_type`; of a text
    point `value` is the index of its value in `texts`.
    `joined` (bool) says that a point belongs to the row of the point before it.
    `row_ends` (int64) are the byte offsets at which the points end, the same for all cells of a row.
    `leases` are (byte offset at which its record ends, run id, time, boot time or 0, held).
    `damages` are (offset, what) of places that were skipped.
    `torn` says that what follows `end` is no whole record.
    `closed` says that the closing record follows `end`; `unknown` is the type of a record that follows `end` and may
    not be skipped, else 0.
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
        """Leave points with a later record time, and all that follows the first of them; returns what was left."""
        late = self.rows["time"] > until
        if not late.any():
            return None
        count = int(late.argmax())
        # A row is whole or not here: its cells have one time and one end.
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
class _Parsed:
    """What is gathered while records are taken: points as the bytes of number points, and where they end.

    `ends` are ranges of byte offsets, and how many points end at each.
    `short` says that a record reaches beyond the bytes that were read, or that damage fills them to their end.
    """

    pieces: list[bytes | memoryview] = field(default_factory=list)
    ends: list[tuple[range, int]] = field(default_factory=list)
    texts: list[str | bool | None] = field(default_factory=list)
    leases: list[tuple[int, str, int, int, bool]] = field(default_factory=list)
    damages: list[tuple[int, str]] = field(default_factory=list)
    short: bool = False
    closed: bool = False
    unknown: int = 0


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
def table_row_type(size: int, cells: int, rest_at: int) -> numpy.dtype[Any]:
    """The layout of a row's record of that size and number of cells, without its texts; see `Layout`."""
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
    offsets = [4, 8, 9, 12, rest_at, rest_at + 8, rest_at + 16, rest_at + POINT.size]
    return numpy.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})


class JournalReader:
    """One journal, read from where its reader is asked to begin.

    Bytes become structure in one way only: record after record from the start, each with its checksum.
    After damage the next whole record continues that; a record that is only cut by the end of what was read does not.
    `definitions` maps each series number seen so far to its series.
    `closed_at` is where the closing record was found, None if it was not yet.
    Not for several threads at once.

    Raises:
        SchemaMismatch: the journal was written by a newer version.
        FileNotFoundError: it does not exist.
    """

    def __init__(self, folder: JournalFolder, journal_id: str) -> None:
        self.path = folder.path_of(journal_id)
        self.id = journal_id
        self.definitions: dict[int, Definition] = {}
        self.closed_at: int | None = None
        self._folder, self._identity = folder, folder.identity(journal_id)
        found = self._read_header()
        self.header_damaged = found is None
        if found is not None and found[0] > VERSION:
            raise SchemaMismatch(str(self.path), found[0], VERSION)
        boot_now, wall_now = read_boot_time(), time.time_ns()
        self.header = found[1] if found else Header(journal_id, "", boot_now, wall_now, 0)
        first = found is None or found[0] < VERSION
        self.layout = (
            Layout(FIRST_HEADER_SIZE, HEAD_SIZE, None) if first else Layout(RECORDS_AT, REST_AT, self.header.salt)
        )
        self._least = self.layout.least
        self._defined_to = self.layout.records_at

    @property
    def records_at(self) -> int:
        """Where its records begin."""
        return self.layout.records_at

    def read(self, start: int, limit: int, wanted: int | None = None) -> Stretch:
        """Return the points between two byte offsets.

        Args:
            start: a byte offset at which an earlier stretch ended, or 0.
            limit: nothing beyond is read.
            wanted: about how many bytes to read; more are if a record is larger. None is all.
        """
        if start > self._defined_to:
            self._catch_up(start)
        return self._stretch(max(start, self.records_at), limit, wanted)

    def point_bytes(self, start: int, limit: int) -> int:
        """Return how many bytes between two offsets belong to records of points.

        All that cannot be told is counted: what follows a record of a newer version, or the first `COUNTED_BYTES`.
        Unlike `read` it needs no numpy.
        """
        start = max(start, self.records_at)
        data = self._read_bytes(start, min(limit - start, COUNTED_BYTES))
        beyond = max(0, limit - start - COUNTED_BYTES)
        view, at, count = memoryview(data), 0, 0
        while at < len(data):
            size, kind, intact, reaches = self._record(view, at, start)
            if reaches:
                return count + (len(data) - at + beyond if beyond else 0)  # what reaches beyond the limit is torn
            if intact:
                if kind == TYPE_END and self._is_end(view[at : at + size], start + at):
                    return count
                if kind not in KNOWN and not kind & MAY_SKIP:
                    return count + len(data) - at + beyond
                count += size if kind in POINTS else 0
            following = at + size if size else self._next_record(view, at + 1, start)
            if following is None:
                break
            at = following
        return count + beyond

    def _read_header(self) -> tuple[int, Header] | None:
        data = self._read_bytes(0, RECORDS_AT)
        return decode_header(data[:HEADER_SIZE]) or decode_header(data[HEADER_SIZE:])

    def _read_bytes(self, start: int, size: int) -> bytes:
        """Return bytes of the journal.

        Raises:
            FileNotFoundError: it does not exist any more, or another file has its name.
        """
        return self._folder.read(self.id, self._identity, start, max(0, size))

    def _catch_up(self, start: int) -> None:
        """Learn the definitions that stand before a reader's start."""
        at = self._defined_to
        while at < start:
            end = self._stretch(at, start, READ_BYTES).end
            at = end if end > at else start
        self._defined_to = start

    def _stretch(self, start: int, limit: int, wanted: int | None) -> Stretch:
        import numpy

        size = limit - start if wanted is None else min(limit - start, wanted)
        while True:
            data = self._read_bytes(start, size)
            parsed = _Parsed()
            taken = self._parse(data, start, parsed)
            whole = len(data) < size or start + size >= limit
            if taken or whole or not parsed.short:
                break
            size = min(limit - start, 4 * size)  # a record that is larger, or damage
        end = start + taken
        rows = _in_order_of_time(numpy.frombuffer(b"".join(parsed.pieces), dtype=row_type()))
        ends = numpy.concatenate([numpy.empty(0, numpy.int64), *map(_offsets, parsed.ends)])
        joined = (rows["type"] == TYPE_ROW) & (rows["cell"] > 0)
        unknown = [number for number in numpy.unique(rows["series"]).tolist() if number not in self.definitions]
        if unknown:
            known = ~numpy.isin(rows["series"], unknown)
            parsed.damages.append((start, f"the series of {int((~known).sum())} points"))
            number = numpy.cumsum(~joined)[known]  # of the row, for its first cell may be lost
            rows, ends, joined = rows[known], ends[known], joined[known]
            joined[:1] = False
            joined[1:] &= number[1:] == number[:-1]
        self._defined_to = max(self._defined_to, end)
        torn = parsed.short and whole
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

    def _parse(self, data: bytes, base: int, parsed: _Parsed) -> int:
        """Take the records of `data`, which begins at offset `base`; return how many bytes were taken."""
        view, at = memoryview(data), 0
        while at < len(data):
            at += self._numbers(view, at, base, parsed)
            if at >= len(data):
                break
            found = self._record(view, at, base)
            if found.intact:
                if found.kind == TYPE_END:
                    parsed.closed = self._is_end(view[at : at + found.size], base + at)
                    if parsed.closed:
                        self.closed_at = base + at
                        break
                elif found.kind == TYPE_ROW:
                    at += self._take_rows(view, at, found.size, base, parsed)
                    continue
                elif found.kind in KNOWN:
                    self._take(view[at : at + found.size], base + at + found.size, parsed)
                elif not found.kind & MAY_SKIP:
                    parsed.unknown = found.kind
                    break
                at += found.size
                continue
            if found.reaches:
                parsed.short = True
                break
            following = at + found.size if found.size else self._next_record(view, at + 1, base)
            if following is None:
                parsed.short = True
                break
            parsed.damages.append((base + at, f"{following - at} bytes"))
            at = following
        return at

    def _seed(self, offset: int) -> int:
        """What the checksum of a record at an offset starts from."""
        return 0 if self.layout.salt is None else self.layout.salt + offset

    def _numbers(self, view: memoryview, at: int, base: int, parsed: _Parsed) -> int:
        """Take the number points that stand one after the other; return their bytes."""
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
        # Of bytes: up to Python 3.12 the collector of garbage crashes on a `memoryview` from which an iterator reads,
        # and the exception of a signal handler may keep both.
        records = SEALED_NUMBER.iter_unpack(bytes(view[at : at + count * NUMBER_SIZE]))
        if self.layout.salt is None:
            intact = [crc32(body) == checksum for checksum, body in records]
        else:
            first = self._seed(base + at)
            seeds = range(first, first + count * NUMBER_SIZE, NUMBER_SIZE)
            intact = [crc32(body, seed) == checksum for (checksum, body), seed in zip(records, seeds, strict=True)]
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
        rest = bytes(record[self.layout.rest_at :])
        if kind == TYPE_TEXT:
            row = NUMBER.pack(size, kind, flags, 0, series, *POINT.unpack_from(rest), len(parsed.texts))
            parsed.pieces.append(bytes(4) + row)
            parsed.ends.append((range(end, end + 1), 1))
            parsed.texts.append(decode_text(flags, rest[POINT.size :]))
        elif kind == TYPE_DEFINITION:
            self.definitions[series] = decode_definition(rest)
        elif kind == TYPE_LEASE:
            time, boot_time = (
                (*FIRST_LEASE.unpack_from(rest), 0) if self.layout.salt is None else LEASE.unpack_from(rest)
            )
            run_id = rest[FIRST_LEASE.size if self.layout.salt is None else LEASE.size :].decode()
            parsed.leases.append((end, run_id, time, boot_time, bool(flags)))

    def _take_rows(self, view: memoryview, at: int, size: int, base: int, parsed: _Parsed) -> int:
        """Take the intact row of a size at an offset, and those like it that follow at once; return their bytes."""
        import numpy

        cells = HEAD.unpack_from(view, at + 4)[4]
        window = min((len(view) - at) // size, ROWS_AT_ONCE)
        layout = table_row_type(size, cells, self.layout.rest_at)
        rows = numpy.frombuffer(view, dtype=layout, count=window, offset=at)
        other = (rows["type"] != TYPE_ROW) | (rows["size"] != size) | (rows["cells"] != cells)
        count = int(other.argmax()) if other.any() else window
        begins = range(at + size, at + count * size, size)
        count = next((n for n, begin in enumerate(begins, 1) if not self._record(view, begin, base).intact), count)
        texts = view[at : at + count * size]
        first_text = self.layout.rest_at + POINT.size + CELL_SIZE * cells
        parsed.pieces.append(_cells_as_points(rows[:count], texts, first_text, parsed.texts))
        parsed.ends.append((range(base + at + size, base + at + count * size + 1, size), cells))
        return count * size

    def _is_end(self, record: memoryview, offset: int) -> bool:
        """Return whether a whole closing record is that of this journal, and of this place in it."""
        if self.layout.salt is None:
            return len(record) == HEAD_SIZE
        journal_id, place = END.unpack_from(record, REST_AT)
        return bool(journal_id.hex() == self.header.journal_id and place == offset)

    def _record(self, view: memoryview, at: int, base: int) -> Found:
        """Return what stands at an offset of `view`, which begins at offset `base` of the journal."""
        if self.layout.salt is None:
            return self._first_record(view, at)
        if at + HEAD_SIZE > len(view):
            return NOTHING._replace(reaches=True)
        size, kind, _, mark, cells = HEAD.unpack_from(view, at + 4)
        if mark != MARK:
            return NOTHING
        seed, checksum = self._seed(base + at), int.from_bytes(view[at : at + 4], "little")
        if kind == TYPE_NUMBER:
            if size != NUMBER_SIZE:
                return NOTHING
            if at + size > len(view):
                return Found(size, kind, False, True)
            intact = crc32(view[at + 4 : at + size], seed) == checksum
            return Found(size, kind, True, False) if intact else NOTHING
        if at + REST_AT > len(view):
            return NOTHING._replace(reaches=True)
        check = int.from_bytes(view[at + HEAD_SIZE : at + REST_AT], "little")
        if crc32(view[at + 4 : at + HEAD_SIZE], seed) != check or size < REST_AT:
            return NOTHING
        # From here on the size is certain.
        if at + size > len(view):
            return Found(size, kind, False, True)
        intact = crc32(view[at + REST_AT : at + size], check) == checksum and self._has_sense(kind, size, cells)
        return Found(size, kind, intact, False)

    def _first_record(self, view: memoryview, at: int) -> Found:
        """Return what stands at an offset of a journal of format 1."""
        if at + HEAD_SIZE > len(view):
            return NOTHING._replace(reaches=True)
        size, kind, _, mark, cells = HEAD.unpack_from(view, at + 4)
        limit = FIRST_TEXT_LIMIT if kind == TYPE_TEXT else FIRST_RECORD_LIMIT
        if kind not in KNOWN or mark or size > limit or not self._has_sense(kind, size, cells):
            return NOTHING
        if at + size > len(view):
            # A text that reaches beyond may contain what looks like records; the others cannot.
            return Found(size, kind, False, True) if kind in (TYPE_TEXT, TYPE_ROW) else NOTHING
        intact = crc32(view[at + 4 : at + size]) == int.from_bytes(view[at : at + 4], "little")
        return Found(size, kind, True, False) if intact else NOTHING

    def _has_sense(self, kind: int, size: int, cells: int) -> bool:
        """Return whether a record may have a size, and as a row a number of cells."""
        if size < self._least.get(kind, self.layout.rest_at) or (kind == TYPE_NUMBER and size != NUMBER_SIZE):
            return False
        return kind != TYPE_ROW or 0 < cells <= (size - self.layout.rest_at - POINT.size) // CELL_SIZE

    def _next_record(self, view: memoryview, at: int, base: int) -> int | None:
        """Return where the next record begins, or None.

        One that reaches beyond `view` counts in format 2 if its head has a checksum of its own: reading it takes more.
        """
        for offset in self._candidates(view, at):
            found = self._record(view, offset, base)
            if found.intact or (
                found.reaches and found.size and found.kind != TYPE_NUMBER and self.layout.salt is not None
            ):
                return offset
        return None

    def _candidates(self, view: memoryview, at: int) -> Iterator[int]:
        """Where records may begin: in format 2 their mark is looked for, in format 1 what all heads have in common."""
        data = view.obj
        assert isinstance(data, bytes)
        if self.layout.salt is None:
            for match in FIRST_HEAD.finditer(data, at + FIRST_HEAD_AT):
                yield match.start() - FIRST_HEAD_AT
            return
        found = data.find(MARK_BYTES, at + MARK_AT)
        while found >= 0:
            yield found - MARK_AT
            found = data.find(MARK_BYTES, found + 1)


FIRST_HEAD = re.compile(rb"(?=[\x00\x01][\x01-\x06].\x00\x00)", re.DOTALL)
"""The highest byte of the size, the type, the flags and two zeros: what the heads of format 1 have in common."""
FIRST_HEAD_AT = 7


def _cells_as_points(
    rows: numpy.ndarray[Any, Any], records: memoryview, first_text: int, texts: list[str | bool | None]
) -> bytes:
    """Return the cells of rows of one size in the layout of number points; their texts are added to `texts`.

    `first_text` is where the texts of each record begin.
    """
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
        size = len(records) // len(rows)
        begins = numpy.nonzero(is_text)[0] * size + first_text + entries["at"][is_text]
        columns = (entries["flags"][is_text], begins, begins + entries["length"][is_text])
        for flags, begin, end in zip(*(column.tolist() for column in columns), strict=True):
            texts.append(decode_text(flags, bytes(records[begin:end])))
    return points.tobytes()


def _in_order_of_time(rows: numpy.ndarray[Any, Any]) -> numpy.ndarray[Any, Any]:
    """Return points of which none has an earlier record time than the one before: within a journal the calls' order
    holds, whatever the clock said, and a reader that cuts at a moment must get on."""
    import numpy

    times = rows["time"]
    if not (times[1:] < times[:-1]).any():
        return rows
    rows = rows.copy()
    rows["time"] = numpy.maximum.accumulate(times)
    return rows


def _offsets(ends: tuple[range, int]) -> numpy.ndarray[Any, Any]:
    """Where points end, one offset a point."""
    import numpy

    offsets, points = ends
    return numpy.repeat(numpy.arange(offsets.start, offsets.stop, offsets.step), points)
