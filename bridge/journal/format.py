"""The bytes of a journal: a header, then records that each carry a checksum.

All numbers are little-endian.
A journal of format 2, which this version writes, begins with its header twice, 136 bytes each:

| bytes | field |
|---|---|
| 8 | magic |
| 2, 2 | version of the format, size of the header |
| 4 | reserved, zero |
| 16 | journal id |
| 16 | the boot of the host; zero if unknown |
| 8, 8 | the boot-time clock and the wall clock when the journal was started, in nanoseconds |
| 4 | process id |
| 4 | CRC-32 of the bytes before: format 1 ends here |
| 16 | workspace id; zero if unknown |
| 16 | the machine; zero if unknown |
| 8, 8, 8 | the process's PID namespace, start time in clock ticks, and time namespace; zero if unknown |
| 4 | salt, a random number |
| 4 | CRC-32 of the bytes before |

Every record begins with 16 bytes: a checksum (4), the size of the record (4), type (1), flags (1), the mark `FF FE` (2)
and a series number (4). These bytes are the head of the record.
The checksum of a number point is the CRC-32 of the 44 bytes after it.
The head of every other record has 4 more bytes: a second checksum, the CRC-32 of the 12 bytes before it.
The first checksum of such a record is the CRC-32 of the same 12 bytes and of all bytes after the head.
Each CRC starts from the journal's salt (a random number in the header) plus the record's offset.
So text that a caller logs is never read as a record, because the caller knows neither the salt nor the offset.
The mark never occurs in UTF-8. After damage, a reader searches for the mark to find the next record.

A number point continues with record time, timestamp, step and value (8 each) and so has 48 bytes.
A text point has record time, timestamp and step (8 each), then its text in UTF-8.
A definition has kind (1), value type (1), the lengths of run id, key and column (2 each), then these in UTF-8.
A closing record has the journal's id (16) and its own offset (8).
A row contains several points of one key, which are written together or not at all. In the head of a row, the number of
its cells replaces the series number.
A row has record time, timestamp and step (8 each), 16 bytes for each cell, and the texts of the cells in UTF-8:

| bytes | field of a cell |
|---|---|
| 4 | series number |
| 1 | flags: `IS_INT`, `IMPRECISE`, `IS_TEXT`, and which kind of text |
| 3 | reserved, zero |
| 8 | the value; for a text, the offset of its bytes in the texts of the row (4) and their number (4) |

A lease records whether the process that writes the journal owns a run.
A lease has a time (8, in milliseconds since 1970 UTC), the boot-time clock (8, in nanoseconds) and a run id in UTF-8.
Its flags say whether the journal's process owns the run (1) or has released it (0).

A record of keys defines the number series of several scalars of one run. Their series numbers follow each other, and
the first one is in the head. It has the number of keys (4), the length of the run id (2), the length of each key (2
each), and then the run id and the keys in UTF-8.
A record of columns contains many number points; see `bridge.journal.column_record`.

If a reader does not know the type of a record, it skips the record if the type has the bit `MAY_SKIP`.
If the type does not have this bit, the reader stops, and the journal is not removed.

Format 1 has the first 72 bytes of the header once.
Its records have zeros for the mark, no checksum of their head, and CRCs that start from zero.
Its closing record is empty, and its leases have no boot-time clock.
"""

from __future__ import annotations

import os
import struct
import time
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

from bridge.journal.process import boot_id, machine_id, pid_namespace, start_time, time_namespace
from bridge.records.point_columns import int_flags
from bridge.records.series import SCALAR, Definition, Value

VERSION = 2
MAGIC = b"runbrdg\n"
SUFFIX = ".log"

HEADER = struct.Struct("<8sHHI16s16sqqI")
FIRST_HEADER_SIZE = HEADER.size + 4
"""The size of a header of format 1, and of the part that the headers of all formats share."""

HEADER_REST = struct.Struct("<16s16sQQQI")
HEADER_SIZE = FIRST_HEADER_SIZE + HEADER_REST.size + 4
RECORDS_AT = 2 * HEADER_SIZE
"""The offset of the first record of format 2.

The header is written twice, because no record can be checked without its salt, and one copy may be damaged.
"""

MARK_BYTES = b"\xff\xfe"
MARK = int.from_bytes(MARK_BYTES, "little")
MARK_AT = 10
"""The offset of the mark in a record."""

HEAD = struct.Struct("<IBBHI")
"""Size, type, flags, mark, series number: the fields after the checksum in every record."""
HEAD_SIZE = 4 + HEAD.size
REST_AT = HEAD_SIZE + 4
"""The offset at which the head of a record ends, except that of a number point."""

NUMBER = struct.Struct("<IBBHIqqqd")
"""A number point without its checksum: the head, record time, timestamp, step, value."""
NUMBER_SIZE = 4 + NUMBER.size

NUMBER_BODY = struct.Struct("<12sqqqd")
"""The same fields, with the packed head of the record."""

SEALED_NUMBER = struct.Struct(f"<I{NUMBER.size}s")
"""A number point: its checksum, and the bytes that the checksum covers."""

POINT = struct.Struct("<qqq")
"""Record time, timestamp, step: the first fields after the head of a text point and of a row."""

CELL = struct.Struct("<IB3xd")
TEXT_CELL = struct.Struct("<IB3xII")
CELL_SIZE = CELL.size

DEFINITION = struct.Struct("<BBHHH")

KEYS = struct.Struct("<IH")
"""The number of keys and the length of the run id: the first fields after the head of a record of keys."""

LEASE = struct.Struct("<qq")
FIRST_LEASE = struct.Struct("<q")
"""A lease of format 1."""

END = struct.Struct("<16sq")

TYPE_NUMBER, TYPE_TEXT, TYPE_DEFINITION, TYPE_END, TYPE_ROW, TYPE_LEASE = 1, 2, 3, 4, 5, 6
TYPE_COLUMNS, TYPE_KEYS = 7, 8
MAY_SKIP = 0x80
"""A bit of the type of a record. A reader that does not know the type may skip the record if this bit is set."""

HAS_STEP, IS_TEXT = 1, 8
"""Bits of the flags. `HAS_STEP`: the caller passed a step. `IS_TEXT`: the value of the cell is a text.

Two more bits are `IS_INT` and `IMPRECISE` of `bridge.records.point_columns`.

In a row, `HAS_STEP` and the bits that name the API (see `API_SHIFT`) are in the head. The other bits are in the cells.
"""
API_SHIFT = 3
"""The position of the two bits of the flags that name the API through which the point was logged."""
TEXT_SHIFT = 5
"""The position of the bits of the flags that name the kind of a text: one of the next four constants."""
TEXT_STRING, TEXT_FALSE, TEXT_TRUE, TEXT_NONE = range(4)

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The clock that counts the time since the host was started, including sleep. It cannot be set."""


class Header(NamedTuple):
    """The header of a journal. It describes the process that writes the journal, and the time when it was started.

    Ids are hex digits, empty if unknown; numbers are 0 if unknown.
    `boot_time` is the time by the boot-time clock, and `wall_time` the time since 1970 UTC, both in nanoseconds.
    Format 1 has no field after `pid`.
    """

    journal_id: str
    boot_id: str
    boot_time: int
    wall_time: int
    pid: int
    workspace_id: str = ""
    machine_id: str = ""
    pid_namespace: int = 0
    start_time: int = 0
    time_namespace: int = 0
    salt: int = 0


def read_boot_time() -> int:
    """Return the time by the host's boot-time clock, in nanoseconds."""
    return time.clock_gettime_ns(CLOCK)


def host_digest() -> bytes:
    """Return four bytes that identify this host."""
    return crc32(os.uname().nodename.encode()).to_bytes(4, "little")


def new_journal_id() -> str:
    """Return a new journal id, 32 hex digits."""
    return host_digest().hex() + os.urandom(12).hex()


def new_header(journal_id: str, workspace_id: str) -> Header:
    """Return the header of a journal that this process starts now."""
    return Header(
        journal_id,
        boot_id(),
        read_boot_time(),
        time.time_ns(),
        os.getpid(),
        workspace_id,
        machine_id(),
        pid_namespace(),
        start_time(),
        time_namespace(),
        int.from_bytes(os.urandom(4), "little"),
    )


def encode_header(header: Header) -> bytes:
    """Return the bytes of one copy of a header of format 2."""
    journal_id, boot, boot_time, wall_time, pid, workspace, machine, *rest = header
    body = HEADER.pack(
        MAGIC, VERSION, HEADER_SIZE, 0, bytes.fromhex(journal_id), _id_bytes(boot), boot_time, wall_time, pid
    )
    body += crc32(body).to_bytes(4, "little")
    body += HEADER_REST.pack(_id_bytes(workspace), _id_bytes(machine), *rest)
    return body + crc32(body).to_bytes(4, "little")


def decode_header(data: bytes) -> tuple[int, Header] | None:
    """Return the version of the format and the header; None if the bytes are not a header.

    The header of every version begins with the fields of format 1. If the version is newer than this code, only these
    fields are read.
    """
    if len(data) < FIRST_HEADER_SIZE or data[:8] != MAGIC or not _ends_with_crc(data[:FIRST_HEADER_SIZE]):
        return None
    _, version, _, _, journal_id, boot, boot_time, wall_time, pid = HEADER.unpack_from(data)
    header = Header(journal_id.hex(), _id_text(boot), boot_time, wall_time, pid)
    if version != VERSION:
        return version, header
    if len(data) < HEADER_SIZE or not _ends_with_crc(data[:HEADER_SIZE]):
        return None
    workspace, machine, *rest = HEADER_REST.unpack_from(data, FIRST_HEADER_SIZE)
    return version, Header(*header[:5], _id_text(workspace), _id_text(machine), *rest)


def _ends_with_crc(data: bytes) -> bool:
    return crc32(data[:-4]) == int.from_bytes(data[-4:], "little")


def _id_bytes(text: str) -> bytes:
    """Return the 16 bytes of an id: its hex digits as bytes, or its text if it has other characters."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = text.encode()
    return found[:16].ljust(16, b"\0")


def _id_text(data: bytes) -> str:
    return data.hex() if any(data) else ""


def same_id(first: str, second: str) -> bool:
    """Return whether a header stores two ids as the same bytes. It stores only the first 16 bytes of a longer id."""
    return _id_bytes(first) == _id_bytes(second)


def _record(seed: int, kind: int, flags: int, series: int, rest: bytes) -> bytes:
    """Return a record that is not a number point.

    Args:
        seed: the journal's salt plus the record's offset.
        kind: the type of the record.
        flags: the flags of the record.
        series: the series number.
        rest: the bytes after the head.
    """
    head = HEAD.pack(REST_AT + len(rest), kind, flags, MARK, series)
    check = crc32(head, seed & 0xFFFFFFFF)
    # The first checksum excludes the second one. The CRC of any bytes followed by their own CRC is the same number, so
    # the first checksum would not depend on the bytes of `head`.
    return b"".join((crc32(rest, check).to_bytes(4, "little"), head, check.to_bytes(4, "little"), rest))


def encode_number(seed: int, series: int, flags: int, time_ns: int, timestamp: int, step: int, value: float) -> bytes:
    """Return the record of a number point.

    Args:
        seed: the journal's salt plus the record's offset, as in the functions below.
        series: the series number.
        flags: `HAS_STEP`, `IS_INT`, `IMPRECISE` and the API.
        time_ns: the record time.
        timestamp: the timestamp, in milliseconds since 1970 UTC.
        step: the step; 0 if the caller passed none.
        value: the value.
    """
    body = NUMBER.pack(NUMBER_SIZE, TYPE_NUMBER, flags, MARK, series, time_ns, timestamp, step, value)
    return crc32(body, seed & 0xFFFFFFFF).to_bytes(4, "little") + body


def encode_text(
    seed: int, series: int, flags: int, time_ns: int, timestamp: int, step: int, value: str | bool | None
) -> bytes:
    """Return the record of a text point."""
    kind, text = _text_parts(value)
    return _record(seed, TYPE_TEXT, flags | kind << TEXT_SHIFT, series, POINT.pack(time_ns, timestamp, step) + text)


def _text_parts(value: str | bool | None) -> tuple[int, bytes]:
    """Return the kind of a text value, and its bytes."""
    if isinstance(value, str):
        return TEXT_STRING, value.encode()
    if value is None:
        return TEXT_NONE, b""
    return TEXT_TRUE if value else TEXT_FALSE, b""


def encode_row(
    seed: int, flags: int, time_ns: int, timestamp: int, step: int, cells: Iterable[tuple[int, Value]]
) -> bytes:
    """Return the record of a row. `cells` contains the series number and the value of each cell."""
    entries: list[bytes] = []
    texts: list[bytes] = []
    at = 0
    for series, value in cells:
        if type(value) is float:
            entries.append(CELL.pack(series, 0, value))
        elif type(value) is int:
            entries.append(CELL.pack(series, int_flags(value), value))
        else:
            kind, text = _text_parts(value)  # type: ignore[arg-type]  # the value is not a number
            entries.append(TEXT_CELL.pack(series, IS_TEXT | kind << TEXT_SHIFT, at, len(text)))
            texts.append(text)
            at += len(text)
    rest = b"".join((POINT.pack(time_ns, timestamp, step), *entries, *texts))
    return _record(seed, TYPE_ROW, flags, len(entries), rest)


def decode_text(flags: int, text: bytes) -> str | bool | None:
    """Return the value of a text point."""
    kind = flags >> TEXT_SHIFT
    if kind == TEXT_STRING:
        return text.decode()
    return None if kind == TEXT_NONE else kind == TEXT_TRUE


def encode_definition(seed: int, series: int, definition: Definition) -> bytes:
    """Return the record that gives a series its series number."""
    texts = [definition.run_id.encode(), definition.key.encode(), definition.column.encode()]
    rest = DEFINITION.pack(definition.kind, definition.value_type == "text", *map(len, texts)) + b"".join(texts)
    return _record(seed, TYPE_DEFINITION, 0, series, rest)


def decode_definition(rest: bytes) -> Definition:
    """Return the series that a definition describes, given the bytes after the head of the record."""
    kind, is_text, run_length, key_length, column_length = DEFINITION.unpack_from(rest)
    key_at = DEFINITION.size + run_length
    column_at = key_at + key_length
    run_id, key = rest[DEFINITION.size : key_at].decode(), rest[key_at:column_at].decode()
    column = rest[column_at : column_at + column_length].decode()
    return Definition(run_id, key, column, kind, "text" if is_text else "number")


def encode_keys(seed: int, first: int, run_id: str, keys: Sequence[str]) -> bytes:
    """Return the record that gives scalars of a run the series numbers `first`, `first + 1` and so on."""
    run, texts = run_id.encode(), [key.encode() for key in keys]
    lengths = struct.pack(f"<IH{len(texts)}H", len(texts), len(run), *map(len, texts))
    return _record(seed, TYPE_KEYS, 0, first, b"".join((lengths, run, *texts)))


def decode_keys(rest: bytes) -> list[Definition]:
    """Return the series that a record of keys defines, given the bytes after the head of the record."""
    count, run_length = KEYS.unpack_from(rest)
    at = KEYS.size + 2 * count
    run_id, at = rest[at : at + run_length].decode(), at + run_length
    found = []
    for length in struct.unpack_from(f"<{count}H", rest, KEYS.size):
        found.append(Definition(run_id, rest[at : at + length].decode(), "", SCALAR, "number"))
        at += length
    return found


def encode_end(seed: int, journal_id: str, offset: int) -> bytes:
    """Return the closing record, which states that the writer has finished. `offset` is the offset of this record."""
    return _record(seed, TYPE_END, 0, 0, END.pack(bytes.fromhex(journal_id), offset))


END_SIZE = REST_AT + END.size


def encode_lease(seed: int, run_id: str, time: int, boot_time: int, held: bool) -> bytes:
    """Return the record of a lease. `held` is False if the process of the journal has released the run."""
    return _record(seed, TYPE_LEASE, held, 0, LEASE.pack(time, boot_time) + run_id.encode())
