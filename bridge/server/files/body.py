"""The body of a request as a stream that a thread reads, while the event loop receives it."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.requests import ClientDisconnect

from bridge.server.routes import Call

PIECE_BYTES, PIECES = 256 << 10, 2
"""The size of a piece, and the number of pieces that wait for the thread. Their product bounds the memory of a body."""

DROPPED_BYTES, DROPPED_SECONDS = 64 << 20, 10.0
"""How much of a refused body is read, and for how long, before the connection is closed."""

IS_READ = "is_body_read"
"""The key of the request's state that is set when the body has been read to its end."""


class Body:
    """A binary stream whose pieces have the sizes in which they were received.

    Args:
        loop: the event loop, which calls all methods except `read`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pieces: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()
        self._free = asyncio.Semaphore(PIECES)

    async def feed(self, piece: bytes) -> None:
        """Add a piece; an empty one is the end. If the thread is slower, wait for it."""
        await self._free.acquire()
        self._pieces.put(piece)

    def fail(self, error: Exception) -> None:
        """Let the next `read` raise an error."""
        self._pieces.put(error)

    def read(self, size: int = -1) -> bytes:
        """Return the next piece; empty at the end. A thread calls this method."""
        piece = self._pieces.get()
        if isinstance(piece, Exception):
            raise piece
        self._loop.call_soon_threadsafe(self._free.release)
        return piece


async def pump(call: Call, body: Body, most_bytes: int | None, too_long: Exception) -> None:
    """Hand the body of a request over to the thread that reads `body`.

    Args:
        call: the request.
        body: the stream.
        most_bytes: the greatest size of the body; None for no limit.
        too_long: the error that reading raises if the body is longer.
    """
    size, pending = 0, bytearray()
    try:
        async for piece in _pieces(call):
            size += len(piece)
            if most_bytes is not None and size > most_bytes:
                body.fail(too_long)
                return
            pending += piece
            if len(pending) >= PIECE_BYTES:
                await body.feed(bytes(pending))
                pending.clear()
    except ClientDisconnect as error:
        body.fail(error)
        return
    if pending:
        await body.feed(bytes(pending))
    await body.feed(b"")


async def _pieces(call: Call) -> AsyncIterator[bytes]:
    """Yield the pieces of a body. Before the last piece, mark the body as read."""
    is_more = True
    while is_more:
        message = await call.receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        is_more = message.get("more_body", False)
        if not is_more:
            call.scope["state"][IS_READ] = True
        yield message.get("body", b"")


async def whole_body(call: Call) -> bytes:
    """Return the body of a request whose route limits its size."""
    content = await call.body()
    call.scope["state"][IS_READ] = True
    return content


async def is_dropped(call: Call) -> bool:
    """Read and drop what remains of a body. Return whether its end was reached within the limits.

    If the server closed the connection immediately, the sender would often not see the answer. More of the body would
    arrive at the closed connection, and the sender's computer would then drop the answer.
    """
    if call.scope["state"].get(IS_READ):
        return True
    with suppress(asyncio.TimeoutError):
        return await asyncio.wait_for(_drop(call), DROPPED_SECONDS)
    return False


async def _drop(call: Call) -> bool:
    dropped = 0
    while dropped < DROPPED_BYTES:
        message = await call.receive()
        if message["type"] != "http.request":
            return False
        if not message.get("more_body"):
            return True
        dropped += len(message["body"])
    return False
