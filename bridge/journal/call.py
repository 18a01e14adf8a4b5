"""The records that one call of the journal writer appends."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from bridge.journal.backlog import Item
from bridge.journal.column_record import encode_columns
from bridge.journal.file import HeadName, JournalFile
from bridge.journal.format import (
    API_SHIFT,
    HAS_STEP,
    HEAD,
    MARK,
    NUMBER_SIZE,
    TYPE_NUMBER,
    encode_definition,
    encode_keys,
    encode_number,
    encode_row,
    encode_text,
)
from bridge.records.point_columns import IMPRECISE, PointColumns, int_flags
from bridge.records.series import COLUMN, SCALAR, Definition, Point, Value, definition_of


class Call:
    """Records that are appended with one write, and the changes of the `JournalFile` object after the write.

    If an exception is raised after the write, the next call makes these changes.

    `items` are the points, table rows and columns that are written. A call that writes leases has none.
    `pieces` are the records.
    `ends` are the offsets at which the items end, counted from the end of the file before the write. So the last end is
    the size of all items.
    `numbers`, `heads`, `columns` and `batches` contain series numbers. After the write, they are added to the
    attributes of the `JournalFile` that have the same names.
    `leases` is True if the records are leases, which record that this process owns runs or has released them.
    """

    __slots__ = ("batches", "columns", "ends", "heads", "items", "leases", "numbers", "pieces")

    def __init__(self) -> None:
        self.items: Sequence[Item] = ()
        self.pieces: list[bytes | bytearray] = []
        self.ends: list[int] = []
        self.numbers: dict[Definition, int] = {}
        self.heads: dict[HeadName, bytes] = {}
        self.columns: dict[tuple[str, str], dict[tuple[str, bool], int]] = {}
        self.batches: dict[tuple[str, tuple[str, ...]], int | bytes] = {}
        self.leases = False

    @property
    def size(self) -> int:
        """The size of all records in bytes."""
        return self.ends[-1] if self.ends else 0

    @property
    def data(self) -> bytes | bytearray:
        """The bytes of all records."""
        return self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)

    def add_points(self, items: Sequence[Item], file: JournalFile) -> None:
        """Add the records of points, and the definitions of series that are not defined in the file yet."""
        self.items = items
        at = file.seed
        for item in items:
            at = self._add_item(item, file, at)
            self.ends.append(at - file.seed)

    def add_leases(self, records: bytes) -> None:
        """Add records of leases, which count as one item."""
        self.leases = True
        self.pieces.append(records)
        self.ends.append(len(records))

    def _add(self, record: bytes | bytearray, at: int) -> int:
        """Add a record; return the seed of the next record.

        `at` is the seed of this record: the value from which its checksum starts.
        """
        self.pieces.append(record)
        return at + len(record)

    def _add_item(self, item: Item, file: JournalFile, at: int) -> int:
        run_id, time_ns, points, api = item
        if isinstance(points, PointColumns):
            series, at = self._series(run_id, points.keys, file, at)
            return self._add(encode_columns(at, series, api << API_SHIFT, time_ns, points), at)
        key, value, timestamp, step, kind, *_ = points[0]
        flags = api << API_SHIFT | (HAS_STEP if step is not None else 0)
        if kind == COLUMN:
            cells, at = self._cells(run_id, points, file, at)
            return self._add(encode_row(at, flags, time_ns, timestamp, step or 0, cells), at)
        number, at = self._number(definition_of(run_id, points[0]), file, at)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return self._add(encode_text(at, number, flags, time_ns, timestamp, step or 0, value), at)
        if isinstance(value, int):
            flags |= int_flags(value)
        if kind == SCALAR and not flags & IMPRECISE:
            head = HEAD.pack(NUMBER_SIZE, TYPE_NUMBER, flags, MARK, number)
            self.heads[run_id, key, type(value), type(step), api] = head
        return self._add(encode_number(at, number, flags, time_ns, timestamp, step or 0, value), at)

    def _cells(
        self, run_id: str, points: Sequence[Point], file: JournalFile, at: int
    ) -> tuple[list[tuple[int, Value]], int]:
        """Return the series number and the value of each cell of a row, and the seed of the row's record."""
        name = run_id, points[0].key
        known, fresh = file.columns.get(name, {}), self.columns.get(name, {})
        cells = []
        for point in points:
            value = point.value
            column = point.column, type(value) is float or type(value) is int
            number = known.get(column)
            if number is None:
                number = fresh.get(column)
            if number is None:
                number, at = self._number(definition_of(run_id, point), file, at)
                fresh = self.columns.setdefault(name, fresh)
                fresh[column] = number
            cells.append((number, value))
        return cells, at

    def _series(self, run_id: str, keys: tuple[str, ...], file: JournalFile, at: int) -> tuple[int | bytes, int]:
        """Return the number of the series of a key, or a column with the numbers of several keys, and the next seed."""
        known = file.batches.get((run_id, keys))
        if known is not None:
            return known, at
        numbers, at = self._numbers_of(run_id, keys, file, at)
        if len(keys) == 1:
            number = self.batches[run_id, keys] = numbers[keys[0]]
            return number, at
        column = self.batches[run_id, keys] = struct.pack(f"<{len(keys)}I", *map(numbers.__getitem__, keys))
        return column, at

    def _numbers_of(self, run_id: str, keys: tuple[str, ...], file: JournalFile, at: int) -> tuple[dict[str, int], int]:
        """Return the series number of each key, and the next seed. All new series are defined together, twice."""
        found: dict[str, int] = {}
        fresh: list[str] = []
        for key in dict.fromkeys(keys):
            definition = Definition(run_id, key, "", SCALAR, "number")
            number = file.numbers.get(definition)
            if number is None:
                number = self.numbers.get(definition)
            if number is None:
                number = self.numbers[definition] = len(file.numbers) + len(self.numbers)
                fresh.append(key)
            found[key] = number
        for _ in range(2 if fresh else 0):
            at = self._add(encode_keys(at, found[fresh[0]], run_id, fresh), at)
        return found, at

    def _number(self, definition: Definition, file: JournalFile, at: int) -> tuple[int, int]:
        """Return the number of a series in the journal, and the seed of the next record.

        The definition of a new series is added twice, so that one damaged byte never makes a series unreadable.
        """
        number = file.numbers.get(definition)
        if number is None:
            number = self.numbers.get(definition)
        if number is None:
            number = self.numbers[definition] = len(file.numbers) + len(self.numbers)
            for _ in range(2):
                at = self._add(encode_definition(at, number, definition), at)
        return number, at


NUMBER_CALL = Call()
"""The call that writes one number point of a series that the journal already defines.

After this call, nothing in the `JournalFile` object changes except `seed`.
"""
NUMBER_CALL.ends.append(NUMBER_SIZE)
