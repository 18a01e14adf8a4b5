"""The record of a journal that contains many number points as columns.

In the head of the record, the number of its points replaces the series number. The flags in the head are those of a
number point. After the head, all numbers are little-endian, and n is the number of points:

| bytes | field |
|---|---|
| 8 | record time of all points |
| 8 | timestamp of all points |
| 8 | step of all points |
| 4 | series number of all points |
| 1 | the columns after the values: `OF_TIMESTAMPS`, `OF_STEPS`, `OF_SERIES`, `OF_FLAGS` |
| 3 | reserved, zero |
| 8 n | values, as float64 |
| 8 n | timestamps; only with `OF_TIMESTAMPS` |
| 8 n | steps; only with `OF_STEPS` |
| 4 n | series numbers; only with `OF_SERIES` |
| n | the flags `IS_INT` and `IMPRECISE`; only with `OF_FLAGS` |

A column replaces the field with the value of all points. The record is read as a whole or not at all.
"""

from __future__ import annotations

import struct
from zlib import crc32

from bridge.journal.format import HAS_STEP, HEAD, MARK, REST_AT, TYPE_COLUMNS
from bridge.records.point_columns import PointColumns

SHARED = struct.Struct("<qqqIB3x")
"""The fields between the head and the values."""

CHECKED_HEAD = struct.Struct(f"<I{HEAD.size}sI")
"""The head of a record: the first checksum, the fields of `HEAD`, the second checksum."""

VALUES_AT = REST_AT + SHARED.size
OF_TIMESTAMPS, OF_STEPS, OF_SERIES, OF_FLAGS = 1, 2, 4, 8
BYTES_OF = ((OF_TIMESTAMPS, 8), (OF_STEPS, 8), (OF_SERIES, 4), (OF_FLAGS, 1))

PIECE, MOST_PIECED = 4096, 1 << 17
"""The sizes of the pieces whose checksum is computed at a time, and of the largest data that is divided into pieces."""

NO_CHECKSUM = bytes(4)

RECORD_BYTES = 1 << 20
"""The greatest size of the columns of one record."""


def encode_columns(seed: int, series: int | bytes, flags: int, time_ns: int, points: PointColumns) -> bytes | bytearray:
    """Return the record of points.

    Args:
        seed: the journal's salt plus the record's offset.
        series: the series number of all points, or the column of series numbers.
        flags: the API, in the position of a record's flags.
        time_ns: the record time.
        points: the points.
    """
    # The code is not shortened by a loop, because it must be fast.
    values, timestamp, step, kinds = points.values, points.timestamps, points.steps, points.flags
    size, held = VALUES_AT + len(values), 0
    columns = [values]
    if step is None:
        step = 0
    else:
        flags |= HAS_STEP
    if not isinstance(timestamp, int):
        size += len(timestamp)
        columns.append(timestamp)
        timestamp, held = 0, OF_TIMESTAMPS
    if not isinstance(step, int):
        size += len(step)
        columns.append(step)
        step, held = 0, held | OF_STEPS
    if not isinstance(series, int):
        size += len(series)
        columns.append(series)
        series, held = 0, held | OF_SERIES
    if not isinstance(kinds, int):
        size += len(kinds)
        columns.append(kinds)
        kinds, held = 0, held | OF_FLAGS
    head = HEAD.pack(size, TYPE_COLUMNS, flags | kinds, MARK, len(values) >> 3)
    shared = SHARED.pack(time_ns, timestamp, step, series, held)
    check = crc32(head, seed & 0xFFFFFFFF)
    if size <= PIECE:  # copying a small record twice takes less time than the views of the record below
        small = b"".join((shared, *columns))
        return CHECKED_HEAD.pack(crc32(small, check), head, check) + small
    record = bytearray().join((NO_CHECKSUM, head, check.to_bytes(4, "little"), shared, *columns))
    # Another thread may change an array whose memory is a column. So the checksum is computed from the copy.
    rest = memoryview(record)[REST_AT:]
    record[:4] = _checksum(rest, check).to_bytes(4, "little")
    return record


def _checksum(data: memoryview, start: int) -> int:
    """Return the CRC-32 of bytes, without letting other threads run if there are not many bytes.

    `zlib` releases the GIL for more than 5 KiB. A thread that folds then keeps the GIL for up to 5 ms.
    """
    if len(data) > MOST_PIECED:
        return crc32(data, start)
    for at in range(0, len(data), PIECE):
        start = crc32(data[at : at + PIECE], start)
    return start


def is_whole(record: memoryview) -> bool:
    """Return whether a record has the size that its number of points and its columns need."""
    size, _, _, _, points = HEAD.unpack_from(record, 4)
    held = SHARED.unpack_from(record, REST_AT)[4]
    width = 8 + sum(own for column, own in BYTES_OF if held & column)
    return bool(size == VALUES_AT + points * width and held < 2 * OF_FLAGS)
