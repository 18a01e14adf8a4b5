"""The routes of the native API."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from starlette.responses import Response

from bridge.server.client_versions import of_clients
from bridge.server.native.answer import Sent, answer_to, log_quickly
from bridge.server.native.changes import stream_changes
from bridge.server.routes import Call, Endpoint, Route
from bridge.server.workspaces import ServedWorkspace
from bridge.store.http.codec import FRAME_TYPE
from bridge.store.http.methods import (
    BODY_BYTES,
    KEY_HEADER,
    METHODS,
    POINTS_BYTES,
    PREFIX,
    RemoteMethod,
)

THREADS = 4
"""The number of threads of a workspace for short reads and points of the journal, and of those that make changes.

Only one change at a time is made. The others wait in their threads, where they delay no read.
"""


def native_routes() -> list[Route]:
    """Return the routes of all methods of the table, and that of the stream of changes."""
    return [
        Route(
            "GET",
            f"{PREFIX}/changes",
            of_clients(stream_changes),
            "reader",
            "read",
            is_for_experiments=True,
            is_stream=True,
        ),
        *(
            Route(
                "POST",
                method.path,
                _endpoint(method),
                method.needs,
                method.access,
                POINTS_BYTES if method.has_points else BODY_BYTES,
                is_for_experiments=True,
            )
            for method in METHODS.values()
        ),
    ]


def _endpoint(method: RemoteMethod) -> Endpoint:
    async def answer(call: Call) -> Response:
        return await _answer(method, call)

    return of_clients(answer)


async def _answer(method: RemoteMethod, call: Call) -> Response:
    sent = Sent(
        media_type=call.headers.get("content-type", ""),
        key=call.headers.get(KEY_HEADER, ""),
        content=await call.body(),
    )
    if _may_be_quick(method, call, sent) and (answer := log_quickly(call.workspace, sent)) is not None:
        return answer
    threads = _threads_of(call.workspace, method, bool(sent.key))
    return await asyncio.get_running_loop().run_in_executor(
        threads, copy_context().run, answer_to, method, call.workspace, call.caller, sent
    )


def _may_be_quick(method: RemoteMethod, call: Call, sent: Sent) -> bool:
    """Return whether a call can be answered in this thread, because it logs columns of numbers into the journal."""
    is_of_journal = method.name == "log_points" and not sent.key and sent.media_type == FRAME_TYPE
    return is_of_journal and call.workspace.may_log_quickly(call.caller, len(sent.content))


def _threads_of(workspace: ServedWorkspace, method: RemoteMethod, has_key: bool) -> ThreadPoolExecutor:
    """Return the threads that answer. Long reads have few threads of their own, so that they delay no other call."""
    if method.is_long:
        return workspace.served.read_threads
    is_of_journal = method.name == "log_points" and not has_key
    name = "native" if method.access == "read" or is_of_journal else "native-changes"
    found: ThreadPoolExecutor = workspace.served.kept(name, lambda: ThreadPoolExecutor(THREADS, name))
    return found
