"""Decides whether a server can answer one more request: limits of its senders, and of what its workspaces can take."""

from __future__ import annotations

from collections import Counter

from starlette.types import Scope

from bridge.errors import TooManyRequests
from bridge.server.audited import is_audited
from bridge.server.folding import Folding
from bridge.server.hosts import values_of
from bridge.server.roles import Caller
from bridge.server.routes import Route
from bridge.server.workspaces import ServedWorkspace

BYTES_IN_FLIGHT = 64 << 20
"""The greatest size of all bodies of one sender that are kept in memory at a time. It limits their points, too."""

STREAMED_BYTES = 1 << 20
"""The part of a body that is kept in memory while it is streamed, at most."""

STREAMS = 20
"""The greatest number of event streams of one token or user. Other streams are limited only together."""


class Admission:
    """The requests that are being answered, and the limits of their number and size.

    Args:
        folding: folds the workspaces; None if the workspaces have no limits.
    """

    def __init__(self, folding: Folding | None = None) -> None:
        self._folding = folding
        self._bytes: Counter[str] = Counter()
        self._streams: Counter[str] = Counter()

    def admit(self, scope: Scope, route: Route, workspace: ServedWorkspace | None, caller: Caller | None) -> None:
        """Count a request. Later, `leave` must be called with the same scope.

        Raises:
            StoreUnavailable: the server cannot answer it now.
            TooManyRequests: the sender has sent too much.
        """
        if workspace is not None and self._folding is not None:
            self._folding.check_open(workspace.name)
            if route.access == "write" and not is_audited(route):
                self._folding.check_takes_more(workspace.name)
        sender = _sender(scope, caller)
        size = STREAMED_BYTES if route.body_bytes is None else _length(scope)
        if self._bytes[sender] and self._bytes[sender] + size > BYTES_IN_FLIGHT:
            raise _too_much(f"{BYTES_IN_FLIGHT >> 20} MB of your requests are being answered")
        if route.is_stream and caller is not None and caller.sender and self._streams[sender] >= STREAMS:
            raise _too_much(f"you have {STREAMS} event streams")
        self._bytes[sender] += size
        self._streams[sender] += route.is_stream
        scope["state"]["admitted"] = sender, size, route.is_stream

    def leave(self, scope: Scope) -> None:
        """Forget a request, if `admit` has counted it."""
        sender, size, is_stream = scope["state"].pop("admitted", ("", 0, False))
        for counter, value in ((self._bytes, size), (self._streams, is_stream)):
            counter[sender] -= value
            if counter[sender] <= 0:
                del counter[sender]


def _sender(scope: Scope, caller: Caller | None) -> str:
    if caller is not None and caller.sender is not None:
        return caller.sender
    return f"address {scope['state'].get('client') or (scope['client'] or ('',))[0]}"


def _length(scope: Scope) -> int:
    given = values_of(scope["headers"], b"content-length")
    return int(given[0]) if given else 0


def _too_much(reason: str) -> TooManyRequests:
    return TooManyRequests("The server", f"{reason}; wait until some of them have ended")
