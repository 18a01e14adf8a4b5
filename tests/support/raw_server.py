"""A server with routes of its own, and connections on which a test sends exactly the bytes that it chooses."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import uvicorn
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp

from bridge.server.connections import Connections
from bridge.server.dispatch import Dispatcher
from bridge.server.measured import Measured
from bridge.server.observed import Observed
from bridge.server.open_identity import OpenIdentity
from bridge.server.protocol import Protocol, protocol_of
from bridge.server.routes import Call, Route
from bridge.server.start import HOST, listen_on
from bridge.server.stopping import StoppingServer
from bridge.server.workspaces import Workspaces


class RawServer(NamedTuple):
    """A running server."""

    port: int
    connections: Connections
    server: StoppingServer

    @property
    def protocols(self) -> list[Protocol]:
        """The open connections, as the server has them."""
        return [one for one in self.server.server_state.connections if isinstance(one, Protocol)]

    def connect(self, source: str = HOST) -> socket.socket:
        """Return a new connection from an address of this computer."""
        return socket.create_connection((HOST, self.port), timeout=20, source_address=(source, 0))

    def head(self, first: str = "GET /size HTTP/1.1", *more: str) -> bytes:
        """Return the head of a request with the right `Host`."""
        return "\r\n".join([first, f"Host: {HOST}:{self.port}", *more, "", ""]).encode()

    def sent(self, *parts: bytes, pause: float = 0.0) -> bytes:
        """Send bytes with pauses, and return everything that comes until the server closes the connection."""
        with self.connect() as connection:
            return exchanged(connection, *parts, pause=pause)


def exchanged(connection: socket.socket, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send bytes with pauses, and return everything that comes until the other side closes the connection."""
    answer = b""
    try:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
    except ConnectionError:
        pass
    try:
        while piece := connection.recv(65_536):
            answer += piece
    except ConnectionError:
        pass
    return answer


async def _size(call: Call) -> ASGIApp:
    """Answer with the size of the body, which is read in pieces."""
    size = 0
    async for piece in call.stream():
        size += len(piece)
    return PlainTextResponse(str(size))


async def _late(call: Call) -> ASGIApp:
    """Read the body only after some seconds."""
    await asyncio.sleep(1.5)
    return await _size(call)


async def _large(call: Call) -> ASGIApp:
    """Answer with 64 MB."""

    async def pieces() -> Iterator[bytes]:  # type: ignore[misc]
        for _ in range(1024):
            yield bytes(65_536)

    return StreamingResponse(pieces())  # type: ignore[arg-type]


ROUTES = (
    Route("GET", "/size", _size, None, "read"),
    Route("POST", "/small", _size, None, "write", 1_000),
    Route("POST", "/size", _size, None, "write", None),
    Route("POST", "/late", _late, None, "write", None),
    Route("GET", "/large", _large, None, "read"),
)


@contextmanager
def raw_server(connections: Connections, routes: Sequence[Route] = ROUTES) -> Iterator[RawServer]:
    """Run a server until the end of the block."""
    listening = listen_on(0)
    port = listening.getsockname()[1]
    application = Observed(Dispatcher(Workspaces([]), OpenIdentity(port), (), routes), Measured(connections))
    http: Any = protocol_of(connections)
    config = uvicorn.Config(
        application,
        http=http,
        loop="uvloop",
        ws="none",
        log_config=None,
        log_level="critical",
        access_log=False,  # type: ignore[arg-type]
    )
    server = StoppingServer(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield RawServer(port, connections, server)
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
