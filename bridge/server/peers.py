"""The user of this computer who has opened a connection.

A browser sends a cookie to every port of a host. If it opens a page that another user of this computer serves, that
user receives the cookie of this server. So the cookie alone does not show whose connection it is. Linux lists the user
of each connection; on other systems, the cookie decides.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from pathlib import Path

Address = tuple[str, int]

_ESTABLISHED = 1
_TABLES = (("/proc/net/tcp", b""), ("/proc/net/tcp6", b"0000000000000000FFFF0000"))
"""The tables of connections. An IPv4 connection of an IPv6 socket is in the second one, with a prefix."""

_NETLINK, _SOCK_DIAG, _BY_FAMILY, _REQUEST = 16, 4, 20, 1  # linux/netlink.h and linux/sock_diag.h
_HEADER, _QUERY, _FOUND = struct.Struct("=IHHII"), struct.Struct("=BBBBI"), struct.Struct("=BBBB48xIIIII")
_NO_COOKIE = b"\xff" * 8

_UNKNOWN_USER = 65_534
"""The user that a container sees if it does not know the user of a connection."""


def is_of_another_user(client: Address, server: Address) -> bool:
    """Return whether a connection belongs to another user than this process, and not to root.

    False if the system does not tell, and for a connection of IPv6. A connection whose other end is closed already has
    no user any more, and counts
    as one of another user.
    """
    found = ask_kernel(client, server) or read_tables(client, server)
    return found is not None and (found[0] != _ESTABLISHED or not _is_own(found[1]))


def ask_kernel(client: Address, server: Address) -> tuple[int, int] | None:
    """Return the state and the user of the client's end of a connection, as Linux answers to `ss`; None if unknown.

    Source: the manual page sock_diag(7).
    """
    if sys.platform != "linux" or ":" in client[0]:
        return None
    ports = struct.pack(">HH", client[1], server[1])
    hosts = b"".join(socket.inet_aton(host).ljust(16, b"\0") for host in (client[0], server[0]))
    query = _QUERY.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + ports + hosts + b"\0" * 4 + _NO_COOKIE
    try:
        with socket.socket(_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG) as kernel:
            kernel.settimeout(1)
            kernel.send(_HEADER.pack(_HEADER.size + len(query), _BY_FAMILY, _REQUEST, 0, 0) + query)
            answer = kernel.recv(4_096)
    except OSError:
        return None
    if len(answer) < _HEADER.size + _FOUND.size or _HEADER.unpack_from(answer)[1] != _BY_FAMILY:
        return None
    _, state, _, _, _, _, _, user, _ = _FOUND.unpack_from(answer, _HEADER.size)
    return state, user


def read_tables(client: Address, server: Address) -> tuple[int, int] | None:
    """Return the same from the tables of all connections, which takes milliseconds if there are thousands."""
    for table, prefix in () if ":" in client[0] else _TABLES:
        try:
            content = Path(table).read_bytes()
        except OSError:
            continue
        _, found, rest = content.partition(b" %s%s %s%s " % (prefix, _as_listed(client), prefix, _as_listed(server)))
        if found:
            state, _, _, _, user = rest.split(None, 5)[:5]
            return int(state, 16), int(user)
    return None


def _as_listed(address: Address) -> bytes:
    host = int.from_bytes(socket.inet_aton(address[0]), sys.byteorder)
    return b"%08X:%04X" % (host, address[1])


def _is_own(user: int) -> bool:
    return user in (os.getuid(), 0) or (user == _UNKNOWN_USER and _in_container())


def _in_container() -> bool:
    """Return whether this process sees only some of the computer's users."""
    try:
        return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]
    except OSError:
        return False
