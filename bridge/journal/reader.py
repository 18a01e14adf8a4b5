"""The journal reader, which returns the points of a journal as numpy arrays, and describes damage."""

from __future__ import annotations

import time
from itertools import repeat
from typing import TYPE_CHECKING, Any
from zlib import crc32

from bridge.errors import SchemaMismatch
from bridge.journal.checksums import are_intact
from bridge.journal.columns import cells_as_points, columns_as_points, row_type, table_row_type
from bridge.journal.folder import JournalFolder
from bridge.journal.format import (
    CELL_SIZE,
    FIRST_LEASE,
    HEAD,
    HEADER_SIZE,
    LEASE,
    MAY_SKIP,
    NUMBER,
    NUMBER_SIZE,
    POINT,
    RECORDS_AT,
    SEALED_NUMBER,
    TYPE_COLUMNS,
    TYPE_DEFINITION,
    TYPE_END,
    TYPE_KEYS,
    TYPE_LEASE,
    TYPE_NUMBER,
    TYPE_ROW,
    TYPE_TEXT,
    VERSION,
    Header,
    decode_definition,
    decode_header,
    decode_keys,
    decode_text,
    read_boot_time,
)
from bridge.journal.scanner import KNOWN, POINTS, Found, Scanner, layout_of
from bridge.journal.stretch import Parsed, Stretch, to_stretch
from bridge.records.series import Definition

if TYPE_CHECKING:
    import numpy

READ_BYTES = 8 << 20
"""The number of bytes that are parsed at a time if only definitions are needed."""

COUNTED_BYTES = 1 << 20
"""The number of bytes of a journal that are parsed if its points are only counted."""

MANY = 400
"""The least number of number points whose checksums are verified together. For fewer, one after the other is faster."""

FIRST_WINDOW = 64
"""The number of records that numpy examines first to find number points, which are points whose value is a number.

It is small, because records of other types may follow soon.
"""

ROWS_AT_ONCE = 4096
"""The greatest number of table rows of the same size that numpy examines at a time.

It is limited, because records of other types may follow.
"""


class JournalReader:
    """A reader of one journal. It can start at any offset at which a record begins.

    The reader checks the checksum of each record. After damage it continues at the next intact record. An incomplete
    record at the end of the journal is not damage.

    `definitions` maps each series number seen so far to its series.
    `closed_at` is the offset of the closing record; None if the reader has not found it yet.
    `header_damaged` is True if neither copy of the header can be read.
    A reader is not thread-safe.

    Args:
        folder: the folder of journals.
        journal_id: the journal.

    Raises:
        SchemaMismatch: the journal was written by a newer version.
        FileNotFoundError: the journal does not exist.
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
        layout = layout_of(is_first=found is None or found[0] < VERSION, salt=self.header.salt)
        self.records_at, self._rest_at = layout.records_at, layout.rest_at
        self._is_first = layout.salt is None
        self._scanner = Scanner(layout, self.header.journal_id)
        self._defined_to = self.records_at

    def read(self, start: int, limit: int, wanted: int | None = None) -> Stretch:
        """Return the points between two byte offsets.

        Args:
            start: a byte offset at which the result of an earlier call ended, or 0.
            limit: the byte offset beyond which nothing is read.
            wanted: about how many bytes to read, and about how many bytes the points of records of columns may need in
                memory. A larger record is read as a whole. None reads all bytes.
        """
        if start > self._defined_to:
            self._read_definitions(start)
        return self._stretch(max(start, self.records_at), limit, wanted)

    def point_bytes(self, start: int, limit: int) -> int:
        """Return how many bytes between two offsets belong to records of points.

        Two groups of bytes are counted without parsing them: all bytes after a record that this version does not know,
        and all bytes after the first `COUNTED_BYTES`. Unlike `read`, this method does not need numpy.
        """
        start = max(start, self.records_at)
        data = self._read_bytes(start, min(limit - start, COUNTED_BYTES))
        beyond = max(0, limit - start - COUNTED_BYTES)
        view, at, count = memoryview(data), 0, 0
        while at < len(data):
            size, kind, intact, reaches = self._scanner.record(view, at, start)
            if reaches:
                # A record that ends after `limit` is incomplete. Its bytes do not count.
                return count + (len(data) - at + beyond if beyond else 0)
            if intact:
                if kind == TYPE_END and self._scanner.is_end(view[at : at + size], start + at):
                    return count
                if kind not in KNOWN and not kind & MAY_SKIP:
                    return count + len(data) - at + beyond
                count += size if kind in POINTS else 0
            following = at + size if size else self._scanner.next_record(view, at + 1, start)
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
            FileNotFoundError: the journal does not exist any more, or another file has its name.
        """
        return self._folder.read(self.id, self._identity, start, max(0, size))

    def _read_definitions(self, start: int) -> None:
        """Read the definitions before an offset."""
        at = self._defined_to
        while at < start:
            end = self._stretch(at, start, READ_BYTES).end
            at = end if end > at else start
        self._defined_to = start

    def _stretch(self, start: int, limit: int, wanted: int | None) -> Stretch:
        size = limit - start if wanted is None else min(limit - start, wanted)
        while True:
            data = self._read_bytes(start, size)
            parsed = Parsed()
            taken = self._parse(data, start, parsed, wanted)
            is_all = len(data) < size or start + size >= limit
            if taken or is_all or not parsed.short:
                break
            size = min(limit - start, 4 * size)  # read more, because of a large record or damage
        end = start + taken
        self._defined_to = max(self._defined_to, end)
        return to_stretch(parsed, start, end, self.definitions, torn=parsed.short and is_all)

    def _parse(self, data: bytes, base: int, parsed: Parsed, most: int | None) -> int:
        """Parse the records of `data`, which begins at the offset `base`. Return the number of parsed bytes.

        Stop as soon as the points of records of columns need `most` bytes in memory.
        """
        view, at = memoryview(data), 0
        while at < len(data) and (most is None or parsed.column_bytes < most):
            at += self._take_numbers(view, at, base, parsed)
            if at >= len(data):
                break
            found = self._scanner.record(view, at, base)
            if found.intact:
                taken = self._take(view, at, base, found, parsed)
                if not taken:
                    break
                at += taken
                continue
            following = None if found.reaches else self._after_damage(view, at, base, found)
            if following is None:
                parsed.short = True
                break
            parsed.damages.append((base + at, f"{following - at} bytes"))
            at = following
        return at

    def _after_damage(self, view: memoryview, at: int, base: int, found: Found) -> int | None:
        """Return the offset of the next record after a damaged record; None if no record follows."""
        return at + found.size if found.size else self._scanner.next_record(view, at + 1, base)

    def _take_numbers(self, view: memoryview, at: int, base: int, parsed: Parsed) -> int:
        """Parse the consecutive intact number points that begin at an offset. Return their size in bytes."""
        count = _count_numbers(view, at)
        if count == 0:
            return 0
        count = self._count_intact(bytes(view[at : at + count * NUMBER_SIZE]), base + at)
        if count:
            end = at + count * NUMBER_SIZE
            parsed.pieces.append(view[at:end])
            parsed.ends.append((range(base + at + NUMBER_SIZE, base + end + 1, NUMBER_SIZE), 1))
        return count * NUMBER_SIZE

    def _count_intact(self, records: bytes, offset: int) -> int:
        """Return how many number points, which begin at an offset of the journal, come before the first damaged one.

        The points are a copy, not a part of a `memoryview`. If a signal handler raises an exception here, its traceback
        may keep the iterator and the object that it iterates over alive. If this object is a `memoryview`, the garbage
        collector crashes up to Python 3.12.
        """
        count = len(records) // NUMBER_SIZE
        first, step = self._scanner.seed(offset), 0 if self._is_first else NUMBER_SIZE
        if count >= MANY and are_intact(records, NUMBER_SIZE, first, step):
            return count
        seeds = range(first, first + count * step, step) if step else repeat(first, count)
        pairs = zip(SEALED_NUMBER.iter_unpack(records), seeds, strict=True)
        intact = [crc32(body, seed) == checksum for (checksum, body), seed in pairs]
        return count if all(intact) else intact.index(False)

    def _take(self, view: memoryview, at: int, base: int, found: Found, parsed: Parsed) -> int:
        """Parse an intact record. If it is a row, also parse the rows after it that have the same layout.

        Returns:
            The number of parsed bytes; 0 if the reader must stop here.
        """
        size, kind = found.size, found.kind
        if kind == TYPE_END:
            parsed.closed = self._scanner.is_end(view[at : at + size], base + at)
            if parsed.closed:
                self.closed_at = base + at
                return 0
        elif kind == TYPE_ROW:
            return self._take_rows(view, at, size, base, parsed)
        elif kind == TYPE_COLUMNS:
            points = columns_as_points(view[at : at + size])
            parsed.pieces.append(points.view("u1").data)
            parsed.column_bytes += points.nbytes
            parsed.ends.append((range(base + at + size, base + at + size + 1), len(points)))
        elif kind in KNOWN:
            self._take_one(view[at : at + size], base + at + size, parsed)
        elif not kind & MAY_SKIP:
            parsed.unknown = kind
            return 0
        return size

    def _take_one(self, record: memoryview, end: int, parsed: Parsed) -> None:
        """Parse a text record, definitions or a lease record. A lease record states that the process owns a run.

        The record ends at the offset `end` of the journal.
        """
        size, kind, flags, _, series = HEAD.unpack_from(record, 4)
        rest = bytes(record[self._rest_at :])
        if kind == TYPE_TEXT:
            row = NUMBER.pack(size, kind, flags, 0, series, *POINT.unpack_from(rest), len(parsed.texts))
            parsed.pieces.append(bytes(4) + row)
            parsed.ends.append((range(end, end + 1), 1))
            parsed.texts.append(decode_text(flags, rest[POINT.size :]))
        elif kind == TYPE_DEFINITION:
            self.definitions[series] = decode_definition(rest)
        elif kind == TYPE_KEYS:
            self.definitions.update(enumerate(decode_keys(rest), series))
        elif kind == TYPE_LEASE:
            time, boot_time = (*FIRST_LEASE.unpack_from(rest), 0) if self._is_first else LEASE.unpack_from(rest)
            run_id = rest[FIRST_LEASE.size if self._is_first else LEASE.size :].decode()
            parsed.leases.append((end, run_id, time, boot_time, bool(flags)))

    def _take_rows(self, view: memoryview, at: int, size: int, base: int, parsed: Parsed) -> int:
        """Parse an intact row, and the intact rows of the same size and number of cells that follow it directly.

        Returns:
            Their size in bytes.
        """
        import numpy

        cells = HEAD.unpack_from(view, at + 4)[4]
        window = min((len(view) - at) // size, ROWS_AT_ONCE)
        layout = table_row_type(size, cells, self._rest_at)
        rows = numpy.frombuffer(view, dtype=layout, count=window, offset=at)
        other = (rows["type"] != TYPE_ROW) | (rows["size"] != size) | (rows["cells"] != cells)
        count = _count_before(other)
        begins = range(at + size, at + count * size, size)
        count = next((n for n, begin in enumerate(begins, 1) if not self._is_intact(view, begin, base)), count)
        texts = view[at : at + count * size]
        first_text = self._rest_at + POINT.size + CELL_SIZE * cells
        parsed.pieces.append(cells_as_points(rows[:count], texts, first_text, parsed.texts))
        parsed.ends.append((range(base + at + size, base + at + count * size + 1, size), cells))
        return count * size

    def _is_intact(self, view: memoryview, at: int, base: int) -> bool:
        return self._scanner.record(view, at, base).intact


def _count_numbers(view: memoryview, at: int) -> int:
    """Return how many consecutive records, starting at an offset, have the type and size of a number point."""
    import numpy

    most = (len(view) - at) // NUMBER_SIZE
    if most == 0 or view[at + 8] != TYPE_NUMBER:
        return 0
    if most == 1 or view[at + NUMBER_SIZE + 8] != TYPE_NUMBER:
        # A new series has a definition and then often one point. numpy would take several times as long for it.
        return int(HEAD.unpack_from(view, at + 4)[0] == NUMBER_SIZE)
    window = min(most, FIRST_WINDOW)
    while True:
        rows = numpy.frombuffer(view, dtype=row_type(), count=window, offset=at)
        count = _count_before((rows["type"] != TYPE_NUMBER) | (rows["size"] != NUMBER_SIZE))
        if count < window or window == most:
            return count
        window = min(most, 8 * window)


def _count_before(marked: numpy.ndarray[Any, Any]) -> int:
    """Return how many elements come before the first one that is True."""
    return int(marked.argmax()) if marked.any() else len(marked)
