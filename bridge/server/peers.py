"""The user of this computer who has opened a connection.

A browser sends a cookie to every port of a host. If it opens a page that another user of this computer serves, that
user receives the cookie of this server. So the cookie alone does not show whose connection it is. Linux lists the user
of each connection; on other systems, the cookie decides.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

Address = tuple[str, int]

_ESTABLISHED = b"01"
_TABLES = (("/proc/net/tcp", b""), ("/proc/net/tcp6", b"0000000000000000FFFF0000"))
"""The tables of connections. An IPv4 connection of an IPv6 socket is in the second one, with a prefix."""

_UNKNOWN_USER = 65_534
"""The user that a container sees if it does not know the user of a connection."""


def is_of_another_user(client: Address, server: Address) -> bool:
    """Return whether a connection belongs to another user than this process, and not to root.

    False if the system does not tell. A connection whose other end is closed already has no user any more, and counts
    as one of another user.
    """
    for _ in range(2):  # an entry can be missed while the table changes
        for table, prefix in _TABLES:
            try:
                content = Path(table).read_bytes()
            except OSError:
                continue
            wanted = b" %s%s %s%s " % (prefix, _as_listed(client), prefix, _as_listed(server))
            _, found, rest = content.partition(wanted)
            if found:
                state, _, _, _, user = rest.split(None, 5)[:5]
                return state != _ESTABLISHED or not _is_own(int(user))
    return False


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
