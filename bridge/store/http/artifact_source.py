"""The body of an upload: a file followed by its SHA-256."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bridge.errors import InvalidValue
from bridge.store.artifact_source import PIECE_BYTES, open_source, pieces_from
from bridge.store.artifacts import Check

DIGEST_BYTES = 32


class SentFile:
    """The body of an upload, which is read while it is sent.

    A request that has failed can be repeated if the source is a file or bytes, or a stream that can be rewound.

    Attributes:
        error: the error of the source or of the check, if one was raised while the body was sent.
        sha256: the hash of the file, after the body was sent.

    Args:
        source: the file, bytes or binary stream.
        check: is called with the size and the hash of the file before the hash is sent.
    """

    def __init__(self, source: Path | bytes | BinaryIO, check: Check | None) -> None:
        self._source, self._check = source, check
        self._file: BinaryIO | None = open_source(source) if isinstance(source, Path) else None
        self._size = _size_of(self._file, source)
        self._start = _start_of(source)
        self.error: BaseException | None = None
        self.sha256 = ""

    def can_repeat(self) -> bool:
        """Return whether the body can be sent again."""
        return self._size is not None or self._start is not None

    def close(self) -> None:
        """Close the file, if this object has opened it."""
        if self._file is not None:
            self._file.close()

    def body(self) -> Iterator[bytes] | SizedBody:
        """Return the bytes to send, from the start. They have a length if it is known."""
        pieces = self._pieces()
        return pieces if self._size is None else SizedBody(pieces, self._size + DIGEST_BYTES)

    def _pieces(self) -> Iterator[bytes]:
        self.error = None
        digest, sent = hashlib.sha256(), 0
        try:
            for piece in self._content():
                digest.update(piece)
                sent += len(piece)
                yield piece
            if self._size is not None and sent < self._size:
                rule = f"became shorter while it was sent: {sent} of {self._size} bytes were read"
                raise InvalidValue("source", str(self._source), rule)
            self.sha256 = digest.hexdigest()
            if self._check is not None:
                self._check(sent, self.sha256)
        except Exception as error:
            self.error = error
            raise
        yield digest.digest()

    def _content(self) -> Iterator[bytes]:
        source = self._source
        if isinstance(source, (bytes, bytearray, memoryview)):
            view = memoryview(source)
            for start in range(0, len(view), PIECE_BYTES):
                yield bytes(view[start : start + PIECE_BYTES])
            return
        if self._file is not None:
            self._file.seek(0)
            yield from _first_bytes(self._file, self._size or 0)
            return
        assert not isinstance(source, Path)
        if self._start is not None:
            source.seek(self._start)
        yield from pieces_from(source)


class SizedBody:
    """An iterable of pieces with a known total length."""

    def __init__(self, pieces: Iterator[bytes], length: int) -> None:
        self._pieces, self._length = pieces, length

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def __len__(self) -> int:
        return self._length


def _size_of(file: BinaryIO | None, source: Path | bytes | BinaryIO) -> int | None:
    if file is not None:
        return os.fstat(file.fileno()).st_size
    return memoryview(source).nbytes if isinstance(source, (bytes, bytearray, memoryview)) else None


def _start_of(source: Path | bytes | BinaryIO) -> int | None:
    """Return the offset from which a stream is read; None if it cannot be rewound."""
    if isinstance(source, (Path, bytes, bytearray, memoryview)):
        return None
    try:
        return source.tell() if source.seekable() else None
    except (AttributeError, OSError, ValueError):
        return None


def _first_bytes(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0 and (piece := file.read(min(PIECE_BYTES, size))):
        yield piece
        size -= len(piece)
