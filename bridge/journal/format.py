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
A reader passes over a type that it does not know.
"""

from __future__ import annotations

import os
import struct
import time
from functools import cache
from typing import NamedTuple
from zlib import crc32

from bridge.records.series import Definition

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

DEFINITION = struct.Struct("<BBHHH")

TYPE_NUMBER, TYPE_TEXT, TYPE_DEFINITION, TYPE_END = 1, 2, 3, 4

HAS_STEP, IS_INT, IMPRECISE = 1, 2, 4
"""Flags of a point: a step was given; the value was an int; it was an int that a float64 only comes near to."""
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
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip().replace("-", "")
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
    text = b""
    if isinstance(value, str):
        text = value.encode()
        flags |= TEXT_STRING << TEXT_SHIFT
    elif value is None:
        flags |= TEXT_NONE << TEXT_SHIFT
    else:
        flags |= (TEXT_TRUE if value else TEXT_FALSE) << TEXT_SHIFT
    head = TEXT.pack(TEXT_SIZE + len(text), TYPE_TEXT, flags, 0, series, time_ns, timestamp, step)
    return seal(head + text)


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
