"""Finds records in the bytes of a journal: the record at an offset, and the next record after damage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

from bridge.journal.column_record import VALUES_AT, is_whole
from bridge.journal.format import (
    CELL_SIZE,
    DEFINITION,
    END,
    FIRST_HEADER_SIZE,
    FIRST_LEASE,
    HEAD,
    HEAD_SIZE,
    KEYS,
    LEASE,
    MARK,
    MARK_AT,
    MARK_BYTES,
    NUMBER_SIZE,
    POINT,
    RECORDS_AT,
    REST_AT,
    TYPE_COLUMNS,
    TYPE_DEFINITION,
    TYPE_END,
    TYPE_KEYS,
    TYPE_LEASE,
    TYPE_NUMBER,
    TYPE_ROW,
    TYPE_TEXT,
)
from bridge.records.limits import TEXT_VALUE_LENGTH

POINTS = frozenset((TYPE_NUMBER, TYPE_TEXT, TYPE_ROW, TYPE_COLUMNS))
KNOWN = POINTS | {TYPE_DEFINITION, TYPE_KEYS, TYPE_END, TYPE_LEASE}

FIRST_RECORD_LIMIT = 1 << 24
"""The size of the largest record of format 1, in bytes."""
FIRST_TEXT_LIMIT = HEAD_SIZE + POINT.size + 4 * TEXT_VALUE_LENGTH

FIRST_HEAD = re.compile(rb"(?=[\x00\x01][\x01-\x06].\x00\x00)", re.DOTALL)
"""Matches a part of the head (the first 16 bytes) of a record of format 1.

This part contains the highest byte of the size, the type, the flags, and two zeros.

The size is at most 2**24, so its highest byte is 0 or 1.
"""
FIRST_HEAD_AT = 7


class Layout(NamedTuple):
    """The layout of the records of a format.

    `records_at` is the offset of the first record. `rest_at` is the offset at which the head of a record ends, except
    that of a number point.
    `salt` is None for format 1, whose checksums do not depend on the offset of a record.
    """

    records_at: int
    rest_at: int
    salt: int | None

    @property
    def least(self) -> dict[int, int]:
        """For each type: the least size of a record."""
        lease, end = (FIRST_LEASE.size, 0) if self.salt is None else (LEASE.size, END.size)
        return {
            TYPE_NUMBER: NUMBER_SIZE,
            TYPE_TEXT: self.rest_at + POINT.size,
            TYPE_DEFINITION: self.rest_at + DEFINITION.size,
            TYPE_ROW: self.rest_at + POINT.size + CELL_SIZE,
            TYPE_LEASE: self.rest_at + lease,
            TYPE_END: self.rest_at + end,
            **({} if self.salt is None else {TYPE_COLUMNS: VALUES_AT, TYPE_KEYS: self.rest_at + KEYS.size}),
        }


def layout_of(is_first: bool, salt: int) -> Layout:
    """Return the layout of format 1 or of format 2, whose header names the salt."""
    return Layout(FIRST_HEADER_SIZE, HEAD_SIZE, None) if is_first else Layout(RECORDS_AT, REST_AT, salt)


class Found(NamedTuple):
    """The size and type of a record, or of bytes that look like a record. The size is 0 if there is no record.

    `intact` is True if the checksum is right, and a record of this type can have this size.
    `reaches` is True if the record ends after the bytes that were read. In format 2, every record except a number point
    has a checksum of its head. If `size` is not 0, this checksum was right, and so the bytes are certainly a record.
    All other bytes may only look like the beginning of a record.
    """

    size: int
    kind: int
    intact: bool
    reaches: bool


NOTHING = Found(0, 0, False, False)


class Scanner:
    """Finds the records of one journal in a `view` of its bytes, which begins at the offset `base` of the journal.

    Args:
        layout: the layout of the journal's records.
        journal_id: the id of the journal, which is repeated in its closing record.
    """

    def __init__(self, layout: Layout, journal_id: str) -> None:
        self.layout, self._journal_id = layout, journal_id
        self._least = layout.least

    def seed(self, offset: int) -> int:
        """Return the start value of the checksum of a record at an offset of the journal."""
        return 0 if self.layout.salt is None else self.layout.salt + offset

    def record(self, view: memoryview, at: int, base: int) -> Found:
        """Return the record at an offset of `view`."""
        if self.layout.salt is None:
            return self._first_record(view, at)
        if at + HEAD_SIZE > len(view):
            return NOTHING._replace(reaches=True)
        size, kind, _, mark, cells = HEAD.unpack_from(view, at + 4)
        if mark != MARK:
            return NOTHING
        seed, checksum = self.seed(base + at), int.from_bytes(view[at : at + 4], "little")
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
        # The head has its own checksum, so the size is certain even if the rest is damaged.
        if at + size > len(view):
            return Found(size, kind, False, True)
        intact = crc32(view[at + REST_AT : at + size], check) == checksum and self._is_possible(kind, size, cells)
        if intact and kind == TYPE_COLUMNS:
            intact = is_whole(view[at : at + size])
        return Found(size, kind, intact, False)

    def next_record(self, view: memoryview, at: int, base: int) -> int | None:
        """Return the first offset of `view`, from `at` on, at which an intact record begins; None if no record follows.

        In format 2 a record that continues after `view` is returned too, if the checksum of its head is right. The
        caller must read more bytes for such a record.
        """
        for offset in self._candidates(view, at):
            found = self.record(view, offset, base)
            if found.intact or (
                found.reaches and found.size and found.kind != TYPE_NUMBER and self.layout.salt is not None
            ):
                return offset
        return None

    def is_end(self, record: memoryview, offset: int) -> bool:
        """Return whether a closing record contains the id of this journal and its own offset.

        A closing record that was written for another journal or at another offset does not count.

        Args:
            record: the bytes of the whole record.
            offset: the offset of the record in the journal.
        """
        if self.layout.salt is None:
            return len(record) == HEAD_SIZE
        journal_id, own_offset = END.unpack_from(record, REST_AT)
        return bool(journal_id.hex() == self._journal_id and own_offset == offset)

    def _first_record(self, view: memoryview, at: int) -> Found:
        """Return the record at an offset of a journal of format 1."""
        if at + HEAD_SIZE > len(view):
            return NOTHING._replace(reaches=True)
        size, kind, _, mark, cells = HEAD.unpack_from(view, at + 4)
        limit = FIRST_TEXT_LIMIT if kind == TYPE_TEXT else FIRST_RECORD_LIMIT
        if kind not in self._least or mark or size > limit or not self._is_possible(kind, size, cells):
            return NOTHING
        if at + size > len(view):
            # A text or a row that continues after `view` may contain a text with bytes that look like records. So the
            # bytes in it must not be searched for records. Records of other types contain no such bytes.
            return Found(size, kind, False, True) if kind in (TYPE_TEXT, TYPE_ROW) else NOTHING
        intact = crc32(view[at + 4 : at + size]) == int.from_bytes(view[at : at + 4], "little")
        return Found(size, kind, True, False) if intact else NOTHING

    def _is_possible(self, kind: int, size: int, cells: int) -> bool:
        """Return whether a record of this type can have this size and, if it is a row, this number of cells."""
        if size < self._least.get(kind, self.layout.rest_at) or (kind == TYPE_NUMBER and size != NUMBER_SIZE):
            return False
        return kind != TYPE_ROW or 0 < cells <= (size - self.layout.rest_at - POINT.size) // CELL_SIZE

    def _candidates(self, view: memoryview, at: int) -> Iterator[int]:
        """Yield offsets at which records may begin.

        Heads of format 2 are found by their mark, and heads of format 1 by the bytes that all heads share.
        """
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
