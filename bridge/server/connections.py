"""The open connections of a server, and how many of them each client may have."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(eq=False)
class Connections:
    """The limits of a server's connections, and the numbers of those that are open.

    Attributes:
        most: the greatest number of open connections.
        most_of_peer: the greatest number of open connections from one address.
        proxies: addresses of trusted proxies, which may have more.
        own_user_only: refuse connections of other users of this computer, as far as the system tells.
        accepted: the number of connections since the start.
        refused: the number of those that were closed because of a limit.
        open: the number of open connections.
    """

    most: int = 1_000
    most_of_peer: int = 100
    proxies: frozenset[str] = frozenset()
    own_user_only: bool = True
    accepted: int = 0
    refused: int = 0
    open: int = 0
    _by_peer: Counter[str] = field(default_factory=Counter)

    def add(self, peer: str) -> bool:
        """Count a new connection. Return False if it is one too many."""
        self.accepted += 1
        is_free = self.open < self.most and (peer in self.proxies or self._by_peer[peer] < self.most_of_peer)
        self._by_peer[peer] += 1
        self.open += 1
        self.refused += not is_free
        return is_free

    def remove(self, peer: str) -> None:
        """Forget a connection that `add` has counted."""
        self._by_peer[peer] -= 1
        self.open -= 1
        if self._by_peer[peer] <= 0:
            del self._by_peer[peer]
