"""Reading a journal: its points as columns, and what is damaged."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from bridge.errors import SchemaMismatch
from bridge.journal.format import (
    DEFINITION,
    HEAD,
    HEAD_SIZE,
    HEADER_SIZE,
    NUMBER,
    NUMBER_SIZE,
    RECORD_LIMIT,
    TEXT,
    TEXT_SIZE,
    TYPE_DEFINITION,
    TYPE_END,
    TYPE_NUMBER,
    TYPE_TEXT,
    VERSION,
    Header,
    decode_definition,
    decode_header,
    decode_text,
    read_boot_time,
)
from bridge.records.series import Definition

if TYPE_CHECKING:
    import numpy

READ_BYTES = 8 << 20
"""How much of a journal is parsed at once."""


@dataclass(slots=True)
class Stretch:
    """What lies between two byte offsets of a journal.

    `rows` is a structured array, one entry a point in the order logged, with the fields of `row_type`; of a text
    point `value` is the index of its value in `texts`.
    `damages` are (offset, bytes, what) of places that were passed over.
    `closed` says that a closing record was read; `torn` that what follows `end` is no whole record.
    """

    start: int
    end: int
    rows: numpy.ndarray[Any, Any]
    texts: list[str | bool | None]
    damages: list[tuple[int, int, str]]
    closed: bool
    torn: bool


@dataclass(slots=True)
class _Parsed:
    pieces: list[bytes | memoryview] = field(default_factory=list)
    texts: list[str | bool | None] = field(default_factory=list)
    damages: list[tuple[int, int, str]] = field(default_factory=list)
    closed: bool = False
    torn: bool = False


def row_type() -> numpy.dtype[Any]:
    """The layout of a number point's record, as numpy reads it."""
    import numpy

    names = ["crc", "size", "type", "flags", "reserved", "series", "time", "timestamp", "step", "value"]
    formats = ["<u4", "<u4", "u1", "u1", "<u2", "<u4", "<i8", "<i8", "<i8", "<f8"]
    return numpy.dtype({"names": names, "formats": formats})


class JournalReader:
    """One journal, read from where its reader is asked to begin.

    `definitions` maps each series number seen so far to its series; `damages` is for who reads to note what it found.
    Not for several threads at once.

    Raises:
        SchemaMismatch: the journal was written by a newer version.
        FileNotFoundError: it is gone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.definitions: dict[int, Definition] = {}
        self.damages: list[str] = []
        self._defined_to = HEADER_SIZE
        with path.open("rb") as file:
            found = decode_header(file.read(HEADER_SIZE))
        self.header_damaged = found is None
        if found is not None and found[0] > VERSION:
            raise SchemaMismatch(str(path), found[0], VERSION)
        boot_now, wall_now = read_boot_time(), time.time_ns()
        self.header = found[1] if found else Header(path.stem, "", boot_now, wall_now, 0)

    def read(self, start: int, limit: int, until: int | None = None) -> Stretch:
        """The points between two byte offsets, up to about 8 MB of them.

        Args:
            start: a byte offset at which an earlier stretch ended, or 0.
            limit: the size of the journal as its reader saw it; nothing beyond is read.
            until: points with a later record time are left, with all that follows.
        """
        start = max(start, HEADER_SIZE)
        if start > self._defined_to:
            self._catch_up(start)
        most = READ_BYTES
        while True:
            data = self._bytes(start, min(limit, start + most))
            whole = len(data) < most or start + len(data) >= limit
            stretch = self._stretch(data, start, whole, until)
            if stretch.end > start or whole or len(stretch.rows):
                return stretch
            most *= 2  # damage fills the window

    def _catch_up(self, start: int) -> None:
        """Learn the definitions that stand before a reader's start."""
        at = self._defined_to
        while at < start:
            data = self._bytes(at, min(start, at + READ_BYTES))
            stretch = self._stretch(data, at, whole=at + len(data) >= start, until=None)
            if stretch.end == at:
                break
            at = stretch.end
        self._defined_to = start

    def _bytes(self, start: int, end: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(max(0, end - start))

    def _stretch(self, data: bytes, start: int, whole: bool, until: int | None) -> Stretch:
        import numpy

        parsed = _Parsed()
        end = start + self._parse(data, start, parsed, whole, until)
        rows = numpy.frombuffer(b"".join(parsed.pieces), dtype=row_type())
        if len(rows):
            known = numpy.isin(rows["series"], numpy.fromiter(self.definitions, dtype="<u4"))
            if not known.all():
                lost = int((~known).sum())
                parsed.damages.append((start, 0, f"{lost} points whose series is not defined"))
                rows = rows[known]
        self._defined_to = max(self._defined_to, end)
        return Stretch(start, end, rows, parsed.texts, parsed.damages, parsed.closed, parsed.torn)

    def _parse(self, data: bytes, base: int, parsed: _Parsed, whole: bool, until: int | None) -> int:
        """Take the records of `data` into `parsed`; returns how many bytes were taken."""
        view, at = memoryview(data), 0
        while at < len(data):
            taken, stop = self._numbers(view, at, parsed, until)
            at += taken
            if stop or at >= len(data):
                break
            size = _record_size(view, at)
            if size == 0:
                following = _next_record(view, at + 1)
                if following is None:
                    parsed.torn = whole
                    break
                parsed.damages.append((base + at, following - at, f"{following - at} bytes"))
                at = following
                continue
            if not self._take(view[at : at + size], parsed, until):
                break
            at += size
        return at

    def _numbers(self, view: memoryview, at: int, parsed: _Parsed, until: int | None) -> tuple[int, bool]:
        """Take the number points that stand one after the other; returns their bytes, and whether to stop."""
        import numpy

        most = (len(view) - at) // NUMBER_SIZE
        if most == 0 or view[at + 8] != TYPE_NUMBER:
            return 0, False
        rows = numpy.frombuffer(view, dtype=row_type(), count=most, offset=at)
        other = (rows["type"] != TYPE_NUMBER) | (rows["size"] != NUMBER_SIZE)
        count = int(other.argmax()) if other.any() else most
        stop = False
        if until is not None:
            late = rows["time"][:count] > until
            if late.any():
                count, stop = int(late.argmax()), True
        starts = range(at, at + count * NUMBER_SIZE, NUMBER_SIZE)
        sums = numpy.array([crc32(view[o + 4 : o + NUMBER_SIZE]) for o in starts], dtype="<u4")
        wrong = sums != rows["crc"][:count]
        if wrong.any():
            count, stop = int(wrong.argmax()), False
        if count:
            parsed.pieces.append(view[at : at + count * NUMBER_SIZE])
        return count * NUMBER_SIZE, stop

    def _take(self, record: memoryview, parsed: _Parsed, until: int | None) -> bool:
        """Take one record that is no number; False if it is too late, and reading stops before it."""
        size, kind, flags, _, series = HEAD.unpack_from(record, 4)
        if kind == TYPE_TEXT:
            time_ns, timestamp, step = TEXT.unpack_from(record, 4)[5:]
            if until is not None and time_ns > until:
                return False
            row = NUMBER.pack(size, kind, flags, 0, series, time_ns, timestamp, step, len(parsed.texts))
            parsed.pieces.append(bytes(4) + row)
            parsed.texts.append(decode_text(flags, bytes(record[TEXT_SIZE:])))
        elif kind == TYPE_DEFINITION:
            self.definitions[series] = decode_definition(bytes(record[HEAD_SIZE:]))
        elif kind == TYPE_END:
            parsed.closed = True
        return True


def _record_size(view: memoryview, at: int) -> int:
    """The size of the whole, intact record at an offset; 0 if there is none."""
    if at + HEAD_SIZE > len(view):
        return 0
    size, kind, *_ = HEAD.unpack_from(view, at + 4)
    least = {TYPE_NUMBER: NUMBER_SIZE, TYPE_TEXT: TEXT_SIZE, TYPE_DEFINITION: HEAD_SIZE + DEFINITION.size}
    if not least.get(kind, HEAD_SIZE) <= size <= RECORD_LIMIT or at + size > len(view) or kind == 0:
        return 0
    intact = crc32(view[at + 4 : at + size]) == int.from_bytes(view[at : at + 4], "little")
    return int(size) if intact else 0


def _next_record(view: memoryview, at: int) -> int | None:
    """Where the next whole, intact record begins, or None."""
    for offset in range(at, len(view) - HEAD_SIZE + 1):
        if _record_size(view, offset):
            return offset
    return None
