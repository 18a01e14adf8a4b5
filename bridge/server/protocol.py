"""Checks of connections that uvicorn does not have: whose they are, and how long, large and slow requests are.

Without the limits, one client could fill the memory of the server, or all of its connections.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from bridge.server.connections import Connections
from bridge.server.lingering import LingeringTransport
from bridge.server.peers import is_of_another_user

HEAD_BYTES, HEAD_LINES, TARGET_BYTES = 32 * 1024, 100, 64 * 1024
"""The greatest size of a request's headers, their greatest number, and the greatest size of its target.

The page names up to 1,000 runs in an address.
"""

HEAD_SECONDS = 10.0
"""A connection whose next request has started, and whose head is not complete, is closed after this time."""

BODY_SECONDS, BODY_BYTES_PER_SECOND = 10.0, 1024
"""After this time, a body must arrive at least at this rate, measured over each further period of this length."""

WAITING_REQUESTS = 32
"""A client may send this many requests before it has received the answers to those before."""

DROPPED_BYTES = 256 * 1024
"""The rest of a request that was answered early is dropped. If it is longer than this, the connection is closed."""

WRITE_SECONDS = 300.0
"""A connection whose client reads nothing of an answer is closed after this time."""


OF_PROCESS = Connections()
"""The connections of a server that another program has started with `--http bridge.server.protocol:Protocol`."""

TOO_LONG = "The head of the request is too long."


class Refused(Exception):
    """A request that is refused while it is parsed. The parser turns it into an error of its own."""


@dataclass
class Body:
    """The body of a request while it arrives. The application finds it in `scope["state"]["body"]`.

    Attributes:
        left: the bytes that have not arrived yet. It is infinite for a body in pieces.
    """

    left: float

    @property
    def is_long(self) -> bool:
        """Whether so much is left that an answer which does not need it must close the connection."""
        return self.left > DROPPED_BYTES


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 with these checks.

    Args:
        connections: the connections of the server; None means `OF_PROCESS`.
        arguments: the arguments of uvicorn.
    """

    def __init__(self, *arguments: Any, connections: Connections | None = None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._open = connections or OF_PROCESS
        self._refusal = ""
        self._refusal_status = 400
        self._is_in_head, self._has_begun, self._ended_here = True, False, False
        self._head_bytes = self._head_lines = self._unfinished_bytes = 0
        self._body_bytes, self._was_paused = 0, False
        self._head_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._lingering: LingeringTransport | None = None
        self._body = Body(0)
        self._unanswered: list[RequestResponseCycle] = []

    # Connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        accepted = transport.get_extra_info("socket")
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._end_slow_head)
        if not self._open.add(self._peer):
            self._answer(503, "This server has too many connections.", b"retry-after: 1\r\n")
        elif self._open.own_user_only and self.client and self.server and self._is_of_another_user():
            transport.abort()

    @property
    def _peer(self) -> str:
        return self.client[0] if self.client else ""

    def _is_of_another_user(self) -> bool:
        assert self.client is not None and self.server is not None
        return is_of_another_user(self.client, (self.server[0], self.server[1] or 0))

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.remove(self._peer)
        for timer in (self._head_timer, self._body_timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        if self._lingering is not None:
            self._lingering.ended()
        for cycle in self._still_unanswered():  # uvicorn itself reports the loss only to the newest request
            cycle.disconnected = True
            cycle.message_event.set()
        super().connection_lost(exc)

    def _still_unanswered(self) -> list[RequestResponseCycle]:
        """Return the requests whose answers are not complete, in the order in which they have arrived."""
        self._unanswered = [cycle for cycle in self._unanswered if not cycle.response_complete]
        return self._unanswered

    # Requests

    def data_received(self, data: bytes) -> None:
        if self._lingering is not None and self._lingering.is_lingering:
            self._lingering.drop(data)
            return
        self._ended_here = False
        self._body_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._is_in_head:
            self._check_head(0 if self._ended_here else len(data))
        elif self._body_timer is None:
            self._body_bytes = 0
            self._body_timer = self.loop.call_later(BODY_SECONDS, self._check_body)

    def _check_head(self, size: int) -> None:
        """Check a head that is not complete. `size` is the size of the part of it that has just arrived."""
        self._unfinished_bytes += size
        if self._unfinished_bytes > HEAD_BYTES + TARGET_BYTES:
            self._answer(431, TOO_LONG)
        elif self._head_timer is None and (self._has_begun or self._unfinished_bytes):
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._end_slow_head)

    def on_message_begin(self) -> None:
        self._is_in_head = self._has_begun = True
        self._head_bytes = self._head_lines = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > TARGET_BYTES:
            self._refuse("The address of the request is too long.", 414)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_in_head:
            self._refuse("The body of the request must not be followed by headers.")
        self._head_lines += 1
        if self._head_lines > HEAD_LINES:
            self._refuse(f"The request has more than {HEAD_LINES} headers.", 431)
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > HEAD_BYTES:
            self._refuse(TOO_LONG, 431)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head = self._has_begun = False
        self._unfinished_bytes = 0
        self._head_timer = _stopped(self._head_timer)
        if not self.url.startswith(b"/"):
            self._refuse("The target of a request must be a path.")
        is_chunked = any(name == b"transfer-encoding" for name, _ in self.headers)
        if is_chunked and self.parser.get_http_version() != "1.1":
            self._refuse("A body in pieces needs HTTP/1.1.")
        if len(self._still_unanswered()) > WAITING_REQUESTS:
            self._refuse("The connection has too many requests that wait for their answers.")
        self._body = self.scope["state"]["body"] = Body(_length(self.headers))
        # The parser would take the body of a request with `Upgrade` for the next request.
        is_upgrade = self.parser.should_upgrade()
        if is_upgrade and self._body.left:
            self._refuse("This server knows only HTTP/1.1: send a request with a body without the header Upgrade.")
        super().on_headers_complete()
        self.cycle.keep_alive &= not is_upgrade
        self._unanswered.append(self.cycle)
        self._lingering = LingeringTransport(self.transport, self.loop, self.cycle)
        self.cycle.transport = self._lingering  # type: ignore[assignment]  # it has what a cycle uses

    def on_body(self, body: bytes) -> None:
        self._body.left -= len(body)
        super().on_body(body)
        self._was_paused |= self.flow.read_paused

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._body.left = 0
        self._body_timer = _stopped(self._body_timer)
        self._is_in_head = self._ended_here = True

    # Refusals

    def _refuse(self, sentence: str, status: int = 400) -> None:
        self._refusal, self._refusal_status = sentence, status
        raise Refused(sentence)

    def send_400_response(self, msg: str) -> None:
        """Answer a request that cannot be parsed, and close the connection."""
        self._answer(self._refusal_status, self._refusal or msg)

    def _answer(self, status: int, sentence: str, headers: bytes = b"") -> None:
        """Answer without a cycle, and close the connection. If an answer has started already, only close it."""
        if not any(cycle.response_started for cycle in self._still_unanswered()):
            body = f"{sentence}\n".encode()
            length = f"content-length: {len(body)}\r\n".encode()
            kind = b"content-type: text/plain; charset=utf-8\r\nx-content-type-options: nosniff\r\n"
            self.transport.write(STATUS_LINE[status] + kind + headers + length + b"connection: close\r\n\r\n" + body)
        self.transport.close()

    def _end_slow_head(self) -> None:
        self._head_timer = None
        if self._has_begun:
            self._answer(408, f"The head of the request was not complete after {HEAD_SECONDS:g} seconds.")
        else:
            self.transport.close()

    def _check_body(self) -> None:
        """Close the connection if the body arrives too slowly. A time in which the server does not read is excluded."""
        is_ours = self._was_paused or self.cycle.waiting_for_100_continue
        if not is_ours and self._body_bytes < BODY_SECONDS * BODY_BYTES_PER_SECOND:
            self._answer(408, f"The body of the request arrived at less than {BODY_BYTES_PER_SECOND} bytes a second.")
            return
        self._body_bytes, self._was_paused = 0, self.flow.read_paused
        self._body_timer = self.loop.call_later(BODY_SECONDS, self._check_body)

    # Answers

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_timer = _stopped(self._write_timer)


def protocol_of(connections: Connections) -> Callable[..., Protocol]:
    """Return what makes the protocol of each connection of a server."""

    def make(*arguments: Any, **named: Any) -> Protocol:
        return Protocol(*arguments, connections=connections, **named)

    return make


def _length(headers: list[tuple[bytes, bytes]]) -> float:
    """Return the length of a body. The parser has checked the headers."""
    if any(name == b"transfer-encoding" for name, _ in headers):
        return math.inf
    return next((int(value) for name, value in headers if name == b"content-length"), 0)


def _stopped(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Cancel a timer, if there is one, and return None."""
    if timer is not None:
        timer.cancel()
    return None
