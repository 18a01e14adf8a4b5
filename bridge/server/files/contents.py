"""Answers with the bytes of a file, in a form in which a browser never runs them.

Everybody who logs to a workspace decides what its files contain. So a file is sent as plain text or as bytes, except
pictures, sounds and films. HTML and SVG are sent as such only into a frame or a picture, where they run no script.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from bridge.errors import NotAllowed

logger = logging.getLogger("bridge")

TEXT, BYTES = "text/plain; charset=utf-8", "application/octet-stream"

SAFE = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "avif": "image/avif", "bmp": "image/bmp", "ico": "image/x-icon",
    "wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg", "oga": "audio/ogg", "flac": "audio/flac",
    "m4a": "audio/mp4", "opus": "audio/ogg",
    "mp4": "video/mp4", "m4v": "video/mp4", "webm": "video/webm", "ogv": "video/ogg", "mov": "video/mp4",
}  # fmt: skip
"""The types of files that a browser may show as what they are, by the end of the name."""

FRAMED = {"html": "text/html; charset=utf-8", "htm": "text/html; charset=utf-8"}
PICTURED = {"svg": "image/svg+xml"}

BINARY = frozenset(
    "7z bin bz2 ckpt db dll dylib exe gz h5 hdf5 jar joblib npy npz onnx parquet pdf pickle pkl pt pth pyc safetensors"
    " so sqlite tar tgz whl xz zip zst".split()
)
"""The ends of names of files that are certainly no text."""

SCRIPTS = frozenset(
    "audioworklet font manifest object embed paintworklet script serviceworker sharedworker style worker xslt".split()
)
"""The uses of an answer, as the header `Sec-Fetch-Dest` names them, for which a file of a run is refused."""

SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:"

HEADERS = {
    "Content-Security-Policy": f"{SANDBOX}; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Vary": "Authorization, Cookie, Sec-Fetch-Dest",
}


class OutOfRange(Exception):
    """A range begins behind the end of a file. The argument is the size of the file."""


class CutShort(Exception):
    """A file became shorter after the length of the answer was sent. The argument is the number of missing bytes."""


class PiecesResponse(StreamingResponse):
    """An answer that streams pieces and closes their generator at its end, also if the browser has gone.

    A generator that waits for the garbage collector would keep its file open until then.
    """

    def __init__(self, pieces: Iterator[bytes], status: int, headers: dict[str, str], media_type: str) -> None:
        super().__init__(pieces, status, headers, media_type)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except CutShort as error:  # the server closes the connection, so the browser knows that the end is missing
            logger.warning("A file became shorter while it was sent: its last %d bytes are missing.", error.args[0])
        finally:
            self.close()

    def close(self) -> None:
        """Close the generator."""
        if isinstance(self._pieces, Generator):
            self._pieces.close()


class Span(NamedTuple):
    """A range of bytes, from `start` up to, but without, `end`."""

    start: int
    end: int


def check_use(headers: Mapping[str, str]) -> None:
    """Check that a browser does not ask for a file to run it.

    Raises:
        NotAllowed: it is a script, a style or the like.
    """
    use = headers.get("sec-fetch-dest", "")
    if use in SCRIPTS:
        raise NotAllowed("use a file of a run as", use, "files of runs are only shown and downloaded")


def type_of(headers: Mapping[str, str], path: str) -> str:
    """Return the media type in which a file is sent."""
    name = path.rpartition("/")[2]
    end = name.rpartition(".")[2].lower() if "." in name else ""
    use = headers.get("sec-fetch-dest", "")
    if end in SAFE:
        return SAFE[end]
    if end in FRAMED and use == "iframe":
        return FRAMED[end]
    if end in PICTURED and use in ("image", "iframe"):
        return PICTURED[end]
    return BYTES if end in BINARY else TEXT


def span_of(header: str, size: int) -> Span | None:
    """Return the range that a header `Range` asks for; None for the whole file.

    Several ranges, and headers that are not valid, mean the whole file.

    Raises:
        OutOfRange: the range is behind the end of the file.
    """
    unit, _, text = header.partition("=")
    first, dash, last = text.strip().partition("-")
    numbers = [part for part in (first, last) if part]
    if unit.strip() != "bytes" or not dash or not numbers or not all(_is_number(part) for part in numbers):
        return None
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < int(first):
            return None
    if start >= size:
        raise OutOfRange(size)
    return Span(start, end)


def file_answer(
    pieces: Iterable[bytes],
    span: Span,
    media_type: str,
    *,
    size: int | None = None,
    name: str = "",
    etag: str = "",
    more: dict[str, str] | None = None,
) -> Response:
    """Return an answer that streams a range of a file.

    Args:
        pieces: the bytes from the start of the range on. Those after its end are not sent.
        span: the range.
        media_type: the media type.
        size: the size of the file, if the answer is a part of it (status 206).
        name: the name under which a browser saves the file; empty if it shows the file.
        etag: the ETag of the file.
        more: further headers.
    """
    headers = {**HEADERS, "Content-Length": str(span.end - span.start), **(more or {})}
    if name:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    if etag:
        headers["ETag"] = etag
    status = 200
    if size is not None:
        status, headers["Content-Range"] = 206, f"bytes {span.start}-{span.end - 1}/{size}"
    return PiecesResponse(cut(pieces, span.end - span.start), status, headers, media_type)


def cut(pieces: Iterable[bytes], length: int) -> Iterator[bytes]:
    """Return the pieces until a number of bytes is reached. They are closed with the iterator."""
    parts = _cut(pieces, length)
    next(parts)  # a generator that has not started would not close the pieces
    return parts


def _cut(pieces: Iterable[bytes], length: int) -> Iterator[bytes]:
    try:
        yield b""
        for piece in pieces:
            yield piece[:length]
            length -= len(piece)
            if length <= 0:
                return
        if length > 0:
            raise CutShort(length)
    finally:
        if isinstance(pieces, Generator):
            pieces.close()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
