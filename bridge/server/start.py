"""The socket on which a server listens."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress

from bridge.errors import InvalidValue, StoreUnavailable

HOST, FIRST_PORT, PORTS = "127.0.0.1", 5000, 100
"""Without a given port, the server uses the first free one of the 100 ports from 5000."""


def listen(port: int | None, host: str = HOST) -> socket.socket:
    """Return a socket that listens on a port; None is the first free one from 5000.

    Raises:
        InvalidValue: as `listen_on` does.
        StoreUnavailable: no port is free.
    """
    if port is not None:
        return listen_on(port, host)
    for candidate in range(FIRST_PORT, FIRST_PORT + PORTS):
        with suppress(InvalidValue):
            return listen_on(candidate, host)
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
