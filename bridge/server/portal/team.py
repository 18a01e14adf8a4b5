"""The routes of the portal's API for a server of several workspaces."""

from __future__ import annotations

from starlette.types import ASGIApp

from bridge.server.portal.routes import TABLE, Entry
from bridge.server.portal.serve import endpoint
from bridge.server.routes import Call, Endpoint, Route

READS_BY_POST = frozenset({"/series", "/tail"})


def portal_routes() -> list[Route]:
    """Return the routes of the portal's API, below `/portal/api`."""
    return [
        Route(
            entry.method,
            f"/portal/api{entry.path}",
            _endpoint(entry),
            entry.needs,
            "read" if entry.method == "GET" or entry.path in READS_BY_POST else "write",
        )
        for entry in TABLE
    ]


def _endpoint(entry: Entry) -> Endpoint:
    async def answer(call: Call) -> ASGIApp:
        call.scope["path_params"] = dict(call.parameters)
        return await endpoint(entry, call.workspace.served)(call)

    return answer
