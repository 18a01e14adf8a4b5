"""Agrees with a server on the version of the protocol."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.errors import StoreUnavailable
from bridge.store.http.methods import LEAST_PROTOCOL, PROTOCOL, PROTOCOL_HEADER

REFUSED = 409
"""The status of the answer to a request whose protocol the server does not know."""

THIS_SERVER = "This server"
"""How a server calls itself in an error that it reports. A client replaces it by the address."""


class Protocol:
    """The version of the protocol that a client sends to a server: the newest one that both know.

    A client first sends its newest version. Each answer names the newest version of the server, which may change when
    the server is upgraded. Threads may share an object.

    Attributes:
        version: the version that the next request names.
        has_answered: whether the server has answered a request. The address then leads to a workspace of a server.

    Args:
        address: the address of the server, for errors.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self.version, self.has_answered = PROTOCOL, False

    def heed(self, status: int, headers: Mapping[str, str], sent: int) -> bool:
        """Read the version in an answer. Return whether the request must be sent again, with the version of the server.

        Args:
            status: the status of the answer.
            headers: the headers of the answer; the names are compared without case.
            sent: the version that the request named.

        Raises:
            StoreUnavailable: the server knows only versions that this client does not know any more.
        """
        text = headers.get(PROTOCOL_HEADER, "")
        if not (text.isascii() and text.isdecimal() and len(text) < 9):
            return False  # the answer of a proxy, or of the server to a request that has reached no method
        known = int(text)
        if known < LEAST_PROTOCOL:
            reason = f"its protocol {known} is older than {LEAST_PROTOCOL}, the oldest that this client knows"
            raise StoreUnavailable(self._address, f"{reason}: upgrade runbridge on the server")
        self.version, self.has_answered = min(PROTOCOL, known), True
        return status == REFUSED and self.version < sent
