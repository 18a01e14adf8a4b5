"""The bytes of a journal: a header, then records that each carry a checksum.

All numbers are little-endian.
A journal begins with a header of 72 bytes:

| bytes | field |
|---|---|
| 8 | magic |
| 2, 2 | version of the format, size of the header |
| 4 | reserved, zero |
| 16 | journal id; its first 4 bytes name the host |
| 16 | the boot of that host |
| 8, 8 | the boot-time clock and the wall clock when the journal began, in nanoseconds |
| 4 | process id |
| 4 | CRC-32 of the bytes before |

Every record begins with 16 bytes: CRC-32 of the bytes after it (4), size of the record (4), type (1), flags (1),
reserved (2), series number (4).
A number point goes on with record time, timestamp, step and value (8 each) and so has 48 bytes.
A text point has the same but for the value, then its text in UTF-8.
A definition has kind (1), value type (1), the lengths of run id, key and column (2 each), then these in UTF-8.
A closing record has nothing more.
A row is several points of one key that are durable together: the series number of its head is the number of its cells,
then come record time, timestamp and step (8 each), 16 bytes a cell, and the texts of the cells in UTF-8:

| bytes | field of a cell |
|---|---|
| 4 | series number |
| 1 | flags: `IS_INT`, `IMPRECISE`, `IS_TEXT`, and which kind of text |
| 3 | reserved, zero |
| 8 | the value; of a text, where its bytes begin among the row's texts (4) and how many there are (4) |

A lease goes on with a time (8, in milliseconds since 1970 UTC) and a run id in UTF-8; its flags say whether the
journal's process speaks for the run (1) or does so no longer (0).
A reader passes over a type that it does not know.
"""

from __future__ import annotations

import os
import struct
import time
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterable

from bridge.records.limits import EXACT_INTEGER
from bridge.records.series import Definition, Value

VERSION = 1
MAGIC = b"runbrdg\n"
SUFFIX = ".log"

HEADER = struct.Struct("<8sHHI16s16sqqI")
HEADER_SIZE = HEADER.size + 4

HEAD = struct.Struct("<IBBHI")
"""Size, type, flags, reserved, series: what follows the checksum in every record."""
HEAD_SIZE = 4 + HEAD.size

NUMBER = struct.Struct("<IBBHIqqqd")
"""A number point without its checksum: the head, record time, timestamp, step, value."""
NUMBER_SIZE = 4 + NUMBER.size

TEXT = struct.Struct("<IBBHIqqq")
TEXT_SIZE = 4 + TEXT.size

ROW = struct.Struct("<IBBHIqqq")
"""A row without its checksum and cells: the head, record time, timestamp, step."""
ROW_SIZE = 4 + ROW.size

CELL = struct.Struct("<IB3xd")
TEXT_CELL = struct.Struct("<IB3xII")
CELL_SIZE = CELL.size

DEFINITION = struct.Struct("<BBHHH")

LEASE = struct.Struct("<q")

TYPE_NUMBER, TYPE_TEXT, TYPE_DEFINITION, TYPE_END, TYPE_ROW, TYPE_LEASE = 1, 2, 3, 4, 5, 6

HAS_STEP, IS_INT, IMPRECISE, IS_TEXT = 1, 2, 4, 8
"""Flags: a step was given; the value was an int; it was an int that a float64 only comes near to; a cell has text.

Those of a row's head are `HAS_STEP` and the door; a cell has the others.
"""
DOOR_SHIFT = 3
TEXT_SHIFT = 5
TEXT_STRING, TEXT_FALSE, TEXT_TRUE, TEXT_NONE = range(4)

RECORD_LIMIT = 1 << 24
"""No record is larger, in bytes: a size beyond it is damage."""

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The host's clock that counts while it sleeps, and that nobody can set."""


class Header(NamedTuple):
    """Whose journal it is, and how its record times relate to the wall clock."""

    journal_id: str
    boot_id: str
    boot_time: int
    wall_time: int
    pid: int


def read_boot_time() -> int:
    """Nanoseconds by the host's boot-time clock."""
    return time.clock_gettime_ns(CLOCK)


def host_digest() -> bytes:
    """Four bytes that name this host."""
    return crc32(os.uname().nodename.encode()).to_bytes(4, "little")


@cache
def boot_id() -> str:
    """32 hex digits that name this boot of this host."""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            return file.read().decode().strip().replace("-", "")
    except OSError:
        return host_digest().hex() * 4


def new_journal_id() -> str:
    """A fresh journal id, 32 hex digits, the first 8 of which name the host."""
    return host_digest().hex() + os.urandom(12).hex()


def encode_header(journal_id: str) -> bytes:
    """The header of a journal that begins now."""
    body = HEADER.pack(
        MAGIC,
        VERSION,
        HEADER_SIZE,
        0,
        bytes.fromhex(journal_id),
        bytes.fromhex(boot_id()),
        read_boot_time(),
        time.time_ns(),
        os.getpid(),
    )
    return body + crc32(body).to_bytes(4, "little")


def decode_header(data: bytes) -> tuple[int, Header] | None:
    """The format's version and the header, or None if these bytes are none.

    Every version has these bytes first, and may have more behind them.
    """
    if len(data) < HEADER_SIZE or data[:8] != MAGIC:
        return None
    if crc32(data[: HEADER.size]) != int.from_bytes(data[HEADER.size : HEADER_SIZE], "little"):
        return None
    _, version, _, _, journal_id, boot, boot_time, wall_time, pid = HEADER.unpack_from(data)
    return version, Header(journal_id.hex(), boot.hex(), boot_time, wall_time, pid)


def seal(body: bytes) -> bytes:
    """A record: its checksum, then the rest."""
    return crc32(body).to_bytes(4, "little") + body


def encode_number(series: int, flags: int, time_ns: int, timestamp: int, step: int, value: float) -> bytes:
    """The record of a number point."""
    return seal(NUMBER.pack(NUMBER_SIZE, TYPE_NUMBER, flags, 0, series, time_ns, timestamp, step, value))


def encode_text(series: int, flags: int, time_ns: int, timestamp: int, step: int, value: str | bool | None) -> bytes:
    """The record of a text point."""
    kind, text = _text_parts(value)
    flags |= kind << TEXT_SHIFT
    head = TEXT.pack(TEXT_SIZE + len(text), TYPE_TEXT, flags, 0, series, time_ns, timestamp, step)
    return seal(head + text)


def _text_parts(value: str | bool | None) -> tuple[int, bytes]:
    """Which kind of text a value is, and its bytes."""
    if isinstance(value, str):
        return TEXT_STRING, value.encode()
    if value is None:
        return TEXT_NONE, b""
    return TEXT_TRUE if value else TEXT_FALSE, b""


def int_flags(value: int) -> int:
    """The flags of a number that was an int."""
    return IS_INT if -EXACT_INTEGER <= value <= EXACT_INTEGER else IS_INT | IMPRECISE


def encode_row(flags: int, time_ns: int, timestamp: int, step: int, cells: Iterable[tuple[int, Value]]) -> bytes:
    """The record of a row, given the series number and value of each cell."""
    entries: list[bytes] = []
    texts: list[bytes] = []
    at = 0
    for series, value in cells:
        if type(value) is float:
            entries.append(CELL.pack(series, 0, value))
        elif type(value) is int:
            entries.append(CELL.pack(series, int_flags(value), value))
        else:
            kind, text = _text_parts(value)  # type: ignore[arg-type]  # it is no number
            entries.append(TEXT_CELL.pack(series, IS_TEXT | kind << TEXT_SHIFT, at, len(text)))
            texts.append(text)
            at += len(text)
    size = ROW_SIZE + CELL_SIZE * len(entries) + at
    head = ROW.pack(size, TYPE_ROW, flags, 0, len(entries), time_ns, timestamp, step)
    return seal(b"".join((head, *entries, *texts)))


def decode_text(flags: int, text: bytes) -> str | bool | None:
    """The value of a text point."""
    kind = flags >> TEXT_SHIFT
    if kind == TEXT_STRING:
        return text.decode()
    return None if kind == TEXT_NONE else kind == TEXT_TRUE


def encode_definition(series: int, definition: Definition) -> bytes:
    """The record that says which series a number stands for."""
    texts = [definition.run_id.encode(), definition.key.encode(), definition.column.encode()]
    rest = DEFINITION.pack(definition.kind, definition.value_type == "text", *map(len, texts)) + b"".join(texts)
    return seal(HEAD.pack(HEAD_SIZE + len(rest), TYPE_DEFINITION, 0, 0, series) + rest)


def decode_definition(rest: bytes) -> Definition:
    """The definition whose record's bytes after the head these are."""
    kind, is_text, *lengths = DEFINITION.unpack_from(rest)
    at, texts = DEFINITION.size, []
    for length in lengths:
        texts.append(rest[at : at + length].decode())
        at += length
    run_id, key, column = texts
    return Definition(run_id, key, column, kind, "text" if is_text else "number")


def encode_end() -> bytes:
    """The closing record: its writer has finished."""
    return seal(HEAD.pack(HEAD_SIZE, TYPE_END, 0, 0, 0))


def encode_lease(run_id: str, time: int, held: bool) -> bytes:
    """The record that says whether the journal's process speaks for a run."""
    rest = LEASE.pack(time) + run_id.encode()
    return seal(HEAD.pack(HEAD_SIZE + len(rest), TYPE_LEASE, held, 0, 0) + rest)


def decode_lease(rest: bytes) -> tuple[str, int]:
    """The run id and the time of a lease whose record's bytes after the head these are."""
    return rest[LEASE.size :].decode(), int(LEASE.unpack_from(rest)[0])
