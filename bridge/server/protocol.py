"""Checks of connections that uvicorn does not have: whose they are, and how long and large the head of a request is.

Without the limits, another user of this computer could fill the memory of the server, or all of its connections.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bridge.server.peers import is_of_another_user

HEAD_BYTES = 1024 * 1024
"""The greatest size of a request's first line and headers."""

HEAD_SECONDS = 20.0
"""A connection without a complete head of a request is closed after this time."""


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 with these checks.

    `scope["state"]["is_origin_form"]` is True if the target of a request is a path, and not a whole address.
    """

    _head_bytes = 0
    _is_in_head = True
    _has_request = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._first_head = self.loop.call_later(HEAD_SECONDS, self._close_without_request)
        if self.client and self.server and is_of_another_user(self.client, (self.server[0], self.server[1] or 0)):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._first_head.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.send_400_response("The head of the request is too long.")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._is_in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head, self._has_request = False, True
        self.scope["state"]["is_origin_form"] = self.url.startswith(b"/")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_in_head, self._head_bytes = True, 0

    def _close_without_request(self) -> None:
        if not self._has_request:
            self.transport.close()
