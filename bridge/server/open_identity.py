"""The identity of a server without tokens: everyone on this computer is an admin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from starlette.responses import PlainTextResponse, Response
from starlette.types import Scope

from bridge.errors import NotAllowed
from bridge.server.dispatch import CLOSE, error_response
from bridge.server.hosts import LOOPBACK, hosts_of, is_from_own_page, is_other_origin, is_own_host, values_of
from bridge.server.roles import Caller
from bridge.server.routes import Route
from bridge.server.settings import is_loopback
from bridge.server.workspaces import ServedWorkspace

FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-prefix")


class OpenIdentity:
    """Accepts requests that this computer sends directly. A page of another server cannot change or read anything.

    Args:
        port: the port of the server.
        names: the names of the server's host.
    """

    is_personal = True

    def __init__(self, port: int, names: Iterable[str] = LOOPBACK) -> None:
        self._hosts = hosts_of(port, names)

    def check_request(self, scope: Scope) -> Response | None:
        """Return the answer to a request that no route may see, or None."""
        if not is_own_host(scope["headers"], self._hosts):
            return PlainTextResponse("This server has no such host.\n", 400, CLOSE)
        is_direct = scope["client"] is not None and is_loopback(scope["client"][0])
        if not is_direct or any(values_of(scope["headers"], name) for name in FORWARDED):
            return error_response(NotAllowed("use", "this server", "it has no tokens, and a proxy sends the request"))
        return None

    async def caller(self, scope: Scope, route: Route, workspace: ServedWorkspace | None) -> Caller | Response:
        """Return the sender of a request."""
        from_browser = any(values_of(scope["headers"], name) for name in (b"origin", b"sec-fetch-site"))
        is_foreign = is_other_origin(scope["headers"]) or (
            from_browser and not is_from_own_page(scope["headers"]) and not route.is_page
        )
        if is_foreign:
            return error_response(NotAllowed(route.access, "this server", "no page of this server asks for it"))
        return Caller("admin")

    def is_still_allowed(self, caller: Caller, workspace: ServedWorkspace | None) -> bool:
        """Return True, because every sender keeps its role."""
        return True

    def readable(self, caller: Caller, names: Sequence[str]) -> list[str]:
        """Return all names."""
        return list(names)
