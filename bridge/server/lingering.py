"""A transport that lets a client read its answer even if it is still sending its request."""

from __future__ import annotations

import asyncio
from typing import Any

LINGER_SECONDS, LINGER_BYTES = 2.0, 64 << 20
"""How long, and for how many bytes, the rest of a request is read and dropped after its answer."""

JOINED_BYTES = 64 << 10
"""A longer first part of an answer is not copied, but sent after the head."""


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
        self._head: bytes | None = b""

    def write(self, data: bytes) -> None:
        """Send bytes. The first ones, the head of the answer, are sent together with the next ones if these follow now.

        Two parts would be two packets, and a client would wake up twice.
        """
        if self._head is None:
            self._transport.write(data)
        elif not self._head:
            self._head = data
            self._loop.call_soon(self._send_head)
        elif len(data) > JOINED_BYTES:
            self._send_head()
            self._transport.write(data)
        else:
            data, self._head = self._head + data, None
            self._transport.write(data)

    def _send_head(self) -> None:
        """Send the head of an answer, unless it is sent already."""
        if self._head and not self._transport.is_closing():
            self._transport.write(self._head)
        self._head = None

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
        self._send_head()
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
