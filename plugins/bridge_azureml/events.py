"""Write scalars to TensorBoard's event files, without TensorFlow."""

from __future__ import annotations

import struct
from pathlib import Path
from types import TracebackType

POLYNOMIAL = 0x82F63B78
MASK = 0xA282EAD8


def _table() -> tuple[int, ...]:
    remainders = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
        remainders.append(byte)
    return tuple(remainders)


TABLE = _table()


class EventWriter:
    """A writer of scalars into a new event file of a folder.

    The file consists of records. A record is the length of an event, a checksum of the length, the event and a checksum
    of the event.

    Args:
        folder: the folder, created if absent. TensorBoard shows it as one run.
        time: seconds since 1970 UTC; part of the file's name.

    Source: TensorFlow, `tensorflow/core/lib/io/record_writer.h` and `tensorflow/core/util/event.proto`.
    """

    def __init__(self, folder: Path, time: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = open(folder / f"events.out.tfevents.{int(time):010d}.runbridge", "wb")
        self._write(_double(1, time) + _bytes(3, b"brain.Event:2"))

    def add_scalar(self, tag: str, value: float, step: int, time: float) -> None:
        """Write one point. TensorBoard's files store values as float32."""
        summary = _bytes(1, _bytes(1, tag.encode()) + _float(2, value))
        self._write(_double(1, time) + _integer(2, step) + _bytes(5, summary))

    def _write(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        self._file.write(length + _checksum(length) + event + _checksum(event))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> EventWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _checksum(data: bytes) -> bytes:
    """Return the CRC-32C of data, masked as in TensorFlow's records."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF)


# Encoding of protocol buffers: a field consists of its number and kind, followed by its value


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    try:
        return _varint(field << 3 | 5) + struct.pack("<f", value)
    except OverflowError:  # the value is outside the range of float32
        return _float(field, float("inf") if value > 0 else float("-inf"))


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))
