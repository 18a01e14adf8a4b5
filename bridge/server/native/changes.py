"""The stream of changes of the native API, as server-sent events."""

from __future__ import annotations

from starlette.responses import Response

from bridge.server.portal.live import get_changes
from bridge.server.portal.routes import Entry
from bridge.server.portal.serve import endpoint
from bridge.server.routes import Call

ENTRY = Entry("GET", "/changes", get_changes)


async def stream_changes(call: Call) -> Response:
    """Answer with the changes since a cursor; see `bridge.server.portal.live.get_changes`.

    A caller whose role holds for one experiment gets only its changes, whether the request names it or not.
    """
    return await endpoint(ENTRY, call.workspace.served)(call)
