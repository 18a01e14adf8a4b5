"""A transport that lets a client read its answer even if it is still sending its request."""

from __future__ import annotations

import asyncio
from typing import Any

LINGER_SECONDS, LINGER_BYTES = 2.0, 64 << 20
"""How long, and for how many bytes, the rest of a request is read and dropped after its answer."""


class LingeringTransport:
    """The part of a transport that the answer to one request uses.

    If the transport were closed before the whole request has arrived, the system would reset the connection, and the
    client might lose the answer. So the server first ends its own side, and reads and drops the rest of the request.

    Args:
        transport: the transport of the connection.
        loop: the event loop.
        cycle: the request and its answer.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, cycle: Any) -> None:
        self._transport, self._loop, self._cycle = transport, loop, cycle
        self._timer: asyncio.TimerHandle | None = None
        self._left = LINGER_BYTES

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._transport.write(data)

    @property
    def is_lingering(self) -> bool:
        """Whether the answer is complete, and the rest of the request is dropped."""
        return self._timer is not None

    def is_closing(self) -> bool:
        """Return whether nothing more can be sent."""
        return self.is_lingering or self._transport.is_closing()

    def close(self) -> None:
        """Close the connection once the whole request has arrived, or some time later."""
        if self.is_closing():
            return
        if not self._cycle.more_body or not self._cycle.response_complete or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._transport.write_eof()
        self._timer = self._loop.call_later(LINGER_SECONDS, self._transport.close)
        self._cycle.flow.resume_reading()

    def drop(self, data: bytes) -> None:
        """Drop a part of the request."""
        self._left -= len(data)
        if self._left < 0:
            self._transport.close()

    def ended(self) -> None:
        """Stop waiting, because the connection has ended."""
        if self._timer is not None:
            self._timer.cancel()
