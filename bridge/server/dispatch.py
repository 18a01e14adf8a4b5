"""Finds the workspace, the route and the sender of each request, checks them, and calls the route's endpoint."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Protocol

from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.errors import BridgeError, InvalidValue, NotAllowed
from bridge.records.wire import dump_error
from bridge.server.headers import secure
from bridge.server.hosts import values_of
from bridge.server.roles import Caller
from bridge.server.routes import Call, Match, Route, RouteTable
from bridge.server.workspaces import ServedWorkspace, Workspaces, current

logger = logging.getLogger("bridge")

CLOSE = {"Connection": "close"}


class Identity(Protocol):
    """Identifies the senders of requests."""

    def check_request(self, scope: Scope) -> Response | None:
        """Return the answer to a request that no route may see, for example because it names another host, or None."""

    async def caller(self, scope: Scope, route: Route, workspace: ServedWorkspace | None) -> Caller | Response:
        """Return the sender of a request to a route that needs a role, or the answer that refuses the request."""


class Dispatcher:
    """The application of a server.

    Args:
        workspaces: the workspaces.
        identity: identifies the senders.
        routes: the routes of each workspace.
        server_routes: the routes of the server itself, such as `/healthz`.
        base_path: what all addresses begin with, such as `/runs`; empty for none.
    """

    def __init__(
        self,
        workspaces: Workspaces,
        identity: Identity,
        routes: Sequence[Route],
        server_routes: Sequence[Route] = (),
        base_path: str = "",
    ) -> None:
        self._workspaces, self._identity = workspaces, identity
        self.table, self.server_table = RouteTable(routes), RouteTable(server_routes)
        self._base_path = base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                secure(message)
                types = values_of(message["headers"], b"content-type")
                scope["state"]["is_stream"] = any(kind.startswith(b"text/event-stream") for kind in types)
            await send(message)

        scope.setdefault("state", {})
        try:
            answer = self._identity.check_request(scope) or await self._answer(scope, receive, send_secured)
        except BridgeError as error:
            answer = error_response(error)
        except ClientDisconnect:
            return
        await answer(scope, receive, send_secured)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> ASGIApp:
        """Return the answer to a request that has passed the checks of its form."""
        raw_path = scope["raw_path"].partition(b"?")[0].decode("latin-1")
        if not raw_path.startswith(f"{self._base_path}/"):
            return not_found()
        raw_path = raw_path[len(self._base_path) :]
        workspace, rest, prefix = self._workspace(raw_path)
        match = self.table.find(scope["method"], rest) if workspace else None
        if match is None:
            match = self.server_table.find(scope["method"], raw_path)
            workspace, rest, prefix = None, raw_path, ""
        if match is None:
            return not_found()
        refused = too_large(scope, match.route)
        if refused is not None:
            return refused
        caller: Caller | None = None
        if match.route.needs is not None:
            found = await self._identity.caller(scope, match.route, workspace)
            if isinstance(found, Response):
                return found
            caller = found
            if not caller.may(match.route.needs):
                reason = f"it needs the role {match.route.needs}, but you are a {caller.role}"
                raise NotAllowed(match.route.access, "this workspace", reason)
        return await self._call(scope, receive, send, caller, workspace, match, prefix)

    def _workspace(self, raw_path: str) -> tuple[ServedWorkspace | None, str, str]:
        """Return the workspace of a path, the path below it, and the part of the path that names the workspace."""
        parts = raw_path.split("/", 3)
        if len(parts) > 3 and parts[1] == "w":
            return self._workspaces.get(parts[2]), f"/{parts[3]}", f"/w/{parts[2]}"
        return self._workspaces.only, raw_path, ""

    async def _call(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        caller: Caller | None,
        workspace: ServedWorkspace | None,
        match: Match,
        prefix: str,
    ) -> ASGIApp:
        scope["root_path"] = self._base_path + prefix
        scope["state"]["role"] = caller.role if caller else None
        if workspace is not None:
            current.set(workspace)  # the server answers each request in a context of its own
        return await match.route.endpoint(Call(scope, receive, send, caller, workspace, match.values))


def error_response(error: BridgeError, status: int | None = None) -> Response:
    """Return the answer that reports an error, as one sentence in JSON."""
    content = json.dumps(dump_error(error), ensure_ascii=False).encode(errors="replace")
    return Response(content, status or error.status, {"Cache-Control": "no-store"}, "application/json")


def not_found() -> Response:
    """Return the answer to a request for an address that is not in the table."""
    return PlainTextResponse("This server has no such address.\n", 404)


def too_large(scope: Scope, route: Route) -> Response | None:
    """Return the answer to a request whose body is longer than the route allows, as far as its head tells, or None."""
    if route.body_bytes is None:
        return None
    lengths = values_of(scope["headers"], b"content-length")
    if values_of(scope["headers"], b"transfer-encoding"):
        answer = error_response(
            InvalidValue("Transfer-Encoding", "chunked", "must be absent: send a Content-Length"), 411
        )
    elif lengths and int(lengths[0]) > route.body_bytes:
        answer = error_response(
            InvalidValue("Content-Length", int(lengths[0]), f"must be at most {route.body_bytes}"), 413
        )
    else:
        return None
    answer.headers.update(CLOSE)  # so that the body is not read
    return answer


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
