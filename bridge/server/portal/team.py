"""The routes of the portal's API for a server of several workspaces."""

from __future__ import annotations

from starlette.types import ASGIApp

from bridge.errors import NotAllowed
from bridge.server.dispatch import error_response
from bridge.server.portal.live import get_changes
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
            is_for_experiments=True,  # the handlers read and change only what `Ask` lets the sender see
            is_stream=entry.handler is get_changes,
        )
        for entry in TABLE
    ]


def _endpoint(entry: Entry) -> Endpoint:
    async def answer(call: Call) -> ASGIApp:
        if call.caller.has_cookie and entry.method != "GET" and call.headers.getlist("x-runbridge") != ["1"]:
            return error_response(NotAllowed("change", "this workspace", "the request has no header X-Runbridge: 1"))
        call.scope["path_params"] = dict(call.parameters)
        return await endpoint(entry, call.workspace.served)(call)

    return answer
