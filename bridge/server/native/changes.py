"""The stream of changes of the native API, as server-sent events."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from bridge.server.native.scope import check_scope
from bridge.server.portal.live import get_changes
from bridge.server.portal.routes import Entry
from bridge.server.portal.serve import endpoint
from bridge.server.routes import Call
from bridge.store.http.methods import METHODS

ENTRY = Entry("GET", "/changes", get_changes)


async def stream_changes(call: Call) -> Response:
    """Answer with the changes since a cursor; see `bridge.server.portal.live.get_changes`.

    A caller whose role holds for one experiment gets only its changes, whether the request names it or not.

    Raises:
        NotAllowed: the request of such a caller names another experiment, or a run of one.
    """
    request: Request = call
    experiment_id = call.caller.experiment_id
    if experiment_id is not None:
        named = {name: _words(call, name) for name in ("experiment", "run")}
        arguments = {"experiment_ids": named["experiment"] or [experiment_id], "run_ids": named["run"]}
        store = call.workspace.stores.tracking.inner
        await asyncio.get_running_loop().run_in_executor(
            call.workspace.served.read_threads, check_scope, METHODS["get_changes"], arguments, experiment_id, store
        )
        query = {**call.query_params, "experiment": experiment_id}
        request = Request({**call.scope, "query_string": urlencode(query).encode()}, call.receive)
    return await endpoint(ENTRY, call.workspace.served)(request)


def _words(call: Call, name: str) -> list[str]:
    return [word for word in call.query_params.get(name, "").split(",") if word]
