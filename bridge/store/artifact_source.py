"""Reads what a caller stores as an artifact: a file or a binary stream."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bridge.errors import InvalidValue, NotAllowed, NotFound, StoreUnavailable
from bridge.journal.system import is_of_handler

PIECE_BYTES = 1 << 20


def pieces_from(source: Path | BinaryIO) -> Iterator[bytes]:
    """Yield all bytes of a file or a binary stream.

    Raises:
        NotFound: the file does not exist.
        InvalidValue: the source is a folder or a stream of text.
        NotAllowed: this process may not read the file.
        StoreUnavailable: the file cannot be read for another reason.
    """
    if isinstance(source, Path):
        with open_source(source) as file:
            yield from _read(file)
    else:
        yield from _read(source)


def open_source(source: Path) -> BinaryIO:
    """Open a file for reading.

    Raises:
        NotFound, InvalidValue, NotAllowed, StoreUnavailable: as for `pieces_from`.
    """
    try:
        return source.open("rb")
    except UnicodeEncodeError as error:  # the path cannot be encoded, so no file has it
        raise NotFound("file", str(source)) from error
    except OSError as error:
        if is_of_handler(error):
            raise
        if isinstance(error, FileNotFoundError):
            raise NotFound("file", str(source)) from error
        if isinstance(error, IsADirectoryError):
            raise InvalidValue("source", str(source), "must be a file, but is a folder") from error
        if isinstance(error, PermissionError):
            raise NotAllowed("read", str(source), "permission denied") from error
        reason = (error.strerror or str(error)).lower()
        if error.errno in (errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.ENXIO):
            raise InvalidValue("source", str(source), f"cannot be read: {reason}") from error
        raise StoreUnavailable(str(source), reason) from error


def _read(stream: BinaryIO) -> Iterator[bytes]:
    while True:
        piece = stream.read(PIECE_BYTES)
        if not isinstance(piece, (bytes, bytearray)):
            raise InvalidValue(
                "source", type(piece).__name__, "must be a stream of bytes: open the file in binary mode"
            )
        if not piece:
            return
        yield piece
