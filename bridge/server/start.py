"""Starts and stops the server on this computer."""

from __future__ import annotations

import errno
import os
import socket
import threading
from contextlib import suppress
from typing import Any

import uvicorn

from bridge.errors import InvalidValue, StoreUnavailable
from bridge.server.app import application
from bridge.server.connections import Connections
from bridge.server.guard import BASE
from bridge.server.protocol import protocol_of
from bridge.server.roles import Role
from bridge.server.session import Session
from bridge.store.workspace_stores import WorkspaceStores

HOST, FIRST_PORT, PORTS = "127.0.0.1", 5000, 100
"""Without a given port, the server uses the first free one of the 100 ports from 5000."""


class PortalServer:
    """The server of one workspace on one port of this computer. It listens when it is created, and answers in `run`.

    Attributes:
        address: the address of the home page, without a code.
        port: the port.
        session: the secrets.

    Args:
        stores: the workspace.
        port: the port; 0 is any free one, None the first free one from 5000.
        role: "reader" for a page that cannot change anything.

    Raises:
        InvalidValue: the port is in use, or this process may not listen on it.
        StoreUnavailable: no port is free.
    """

    def __init__(self, stores: WorkspaceStores, port: int | None = None, role: Role = "admin") -> None:
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self.address = f"http://{HOST}:{self.port}{BASE}/"
        self.session = Session(self.port)
        config = uvicorn.Config(
            application(stores, self.session, self.port, role),
            http=protocol_of(Connections()),  # type: ignore[arg-type]  # uvicorn only calls it
            loop="uvloop",
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            log_level="error",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=3,
            timeout_keep_alive=60,
        )
        self._server = Server(config)

    def address_with_code(self, place: str = "") -> str:
        """Return the address of a page with a code, which signs a browser in once, within five minutes."""
        return f"{self.address}{place}?code={self.session.new_code()}"

    def run(self) -> None:
        """Answer requests until SIGINT, SIGTERM or `stop`."""
        with suppress(KeyboardInterrupt):  # uvicorn raises the signal again after it has ended everything
            self._server.run(sockets=[self._socket])

    def run_in_thread(self) -> threading.Thread:
        """Answer requests in a thread until `stop`, and return the thread."""
        thread = threading.Thread(target=self.run, name="runbridge ui", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """Make `run` end: streams end, and answers that are being sent are completed."""
        self._server.should_exit = True

    def close(self) -> None:
        """Stop listening. Call it if `run` was not called."""
        self._socket.close()


class Server(uvicorn.Server):
    """A server that ends open event streams before it waits for the end of all answers."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        connections: list[Any] = list(self.server_state.connections)
        for connection in connections:
            if connection.cycle is not None and connection.cycle.scope["state"].get("is_stream"):
                connection.transport.close()  # as if the browser had closed it
        await super().shutdown(sockets)


def _listen(port: int | None) -> socket.socket:
    if port is not None:
        return listen_on(port)
    for candidate in range(FIRST_PORT, FIRST_PORT + PORTS):
        with suppress(InvalidValue):
            return listen_on(candidate)
    raise StoreUnavailable(f"Every port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1}", "choose one with --port")


def listen_on(port: int, host: str = HOST) -> socket.socket:
    """Return a socket that listens on a port.

    Raises:
        InvalidValue: the port is in use, this process may not listen on it, or the host is none of this computer.
    """
    listening = socket.socket(_family(host), socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(512)  # so that another process that tries the same port fails
    except (OSError, OverflowError) as error:
        listening.close()
        reason = "must be from 0 to 65535"
        if isinstance(error, OSError):
            used = error.errno == errno.EADDRINUSE
            reason = "is in use by another program: choose another one" if used else (os.strerror(error.errno or 0))
            if error.errno == errno.EADDRNOTAVAIL:
                raise InvalidValue("host", host, "is no address of this computer") from error
        raise InvalidValue("port", port, reason) from error
    return listening


def _family(host: str) -> socket.AddressFamily:
    """Return the family of a host's address.

    Raises:
        InvalidValue: the host has no address.
    """
    try:
        return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][0]
    except OSError as error:
        raise InvalidValue("host", host, "has no address: choose one of this computer, such as 0.0.0.0") from error
