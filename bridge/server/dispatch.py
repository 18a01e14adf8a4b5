"""Finds the workspace, the route and the sender of each request, checks them, and calls the route's endpoint."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, Protocol

from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.errors import BridgeError, InvalidValue, NotAllowed, NotAuthenticated, StoreUnavailable
from bridge.records.wire import dump_error
from bridge.server.audited import Log, body_of, is_audited, record, target_of
from bridge.server.head_requests import is_head, remove_range, without_body
from bridge.server.headers import secure
from bridge.server.held import HELD
from bridge.server.hosts import values_of
from bridge.server.recheck import Recheck
from bridge.server.request_id import retry_after, with_request_id
from bridge.server.roles import Caller, Role
from bridge.server.routes import Call, Match, Route, RouteTable
from bridge.server.workspaces import ServedWorkspace, Workspaces, current
from bridge.store.http.methods import WORKSPACE_HEADER
from bridge.store.http.protocol import THIS_SERVER

logger = logging.getLogger("bridge")

CLOSE = {"Connection": "close"}
WORKSPACE = WORKSPACE_HEADER.lower().encode()

SMALL_BYTES = 64 << 10
"""The greatest body whose JSON is read in the event loop."""


class Admission(Protocol):
    """Decides whether a server can answer one more request."""

    def admit(self, scope: Scope, route: Route, workspace: ServedWorkspace | None, caller: Caller | None) -> None:
        """Count a request. `StoreUnavailable` if the server cannot answer it now."""

    def leave(self, scope: Scope) -> None:
        """Forget a request, if `admit` has counted it."""


class Identity(Protocol):
    """Identifies the senders of requests."""

    @property
    def is_personal(self) -> bool:
        """Whether connections of other users of this computer are refused."""

    def check_request(self, scope: Scope) -> Response | None:
        """Return the answer to a request that no route may see, for example because it names another host, or None."""

    async def caller(self, scope: Scope, route: Route, workspace: ServedWorkspace | None) -> Caller | Response:
        """Return the sender of a request to a route that needs a role, or the answer that refuses the request."""

    def is_still_allowed(self, caller: Caller, workspace: ServedWorkspace | None) -> bool:
        """Return whether a sender still has the role. It is asked every few seconds while an answer is being sent."""

    def readable(self, caller: Caller, names: Sequence[str]) -> list[str]:
        """Return the names of the workspaces that a sender may read."""


class Dispatcher:
    """The application of a server.

    Attributes:
        table: the routes of each workspace.
        server_table: the routes of the server itself.

    Args:
        workspaces: the workspaces.
        identity: identifies the senders.
        routes: the routes of each workspace.
        server_routes: the routes of the server itself, such as `/healthz`.
        base_path: what all addresses begin with, such as `/runs`; empty for none.
        audit: the log of deletions and restores.
        admission: decides whether the server can answer one more request.
    """

    def __init__(
        self,
        workspaces: Workspaces,
        identity: Identity,
        routes: Sequence[Route],
        server_routes: Sequence[Route] = (),
        base_path: str = "",
        audit: Log | None = None,
        admission: Admission | None = None,
    ) -> None:
        self._workspaces, self._identity = workspaces, identity
        self.table, self.server_table = RouteTable(routes), RouteTable(server_routes)
        self._base_path, self._audit, self._admission = base_path, audit, admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        state = scope.setdefault("state", {})

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                secure(message)
                types = values_of(message["headers"], b"content-type")
                state["is_stream"] = any(kind.startswith(b"text/event-stream") for kind in types)
                state["status"] = message["status"]
                if "audit" in state and message["status"] < 400:
                    state.pop("audit")()  # before the client knows that it is done
                await send(message)
            else:
                await HELD.send(message, send, state.get("caller"))

        try:
            await self._respond(scope, receive, send_secured)
        except asyncio.CancelledError:
            if "recheck" not in state or not state["recheck"].has_ended:
                raise
            await _end(scope, receive, send_secured)
        finally:
            if "recheck" in state:
                state["recheck"].stop()
            if self._admission is not None:
                self._admission.leave(scope)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            found = self._identity.check_request(scope) or await self._found(scope)
            if isinstance(found, Response):
                answer: ASGIApp = found
            else:
                receive = await self._prepare(scope, receive, found)
                call = Call(scope, receive, send, found.caller, found.workspace, found.match.values)
                answer = await found.match.route.endpoint(call)
                if is_head(scope):
                    answer = without_body(answer)
        except BridgeError as error:
            answer = error_response(error)
        except ClientDisconnect:
            return
        await answer(scope, receive, send)

    async def _found(self, scope: Scope) -> _Found | Response:
        """Return the route of a request with its sender, or the answer that refuses the request."""
        raw_path = scope["raw_path"].partition(b"?")[0].decode("latin-1")
        if not raw_path.startswith(f"{self._base_path}/"):
            return not_found()
        raw_path = raw_path[len(self._base_path) :]
        name, rest = _split(raw_path)
        workspace = self._workspaces.only if name is None else self._workspaces.get(name)
        method = "GET" if is_head(scope) else scope["method"]
        match = self.table.find(method, rest) if workspace or name is not None else None
        prefix = "" if name is None else f"/w/{name}"
        if match is None:
            match = self.server_table.find(method, raw_path)
            name, workspace, prefix = None, None, ""
        if match is None or (is_head(scope) and match.route.access != "read"):
            return not_found()
        if is_head(scope):
            remove_range(scope)
        scope["root_path"] = self._base_path + prefix
        refused = too_large(scope, match.route)
        if refused is not None:
            return refused
        if match.route.needs is None:
            return not_found() if name is not None and workspace is None else _Found(match, workspace, None)
        caller = await self._identity.caller(scope, match.route, workspace)
        if isinstance(caller, Response):
            return caller
        if name is not None and workspace is None:  # only now: a stranger must not learn which names exist
            return not_found()
        _check(caller, match.route, match.route.needs)
        if workspace is not None and (refused := _of_another_workspace(scope, workspace)) is not None:
            return refused
        scope["state"]["recheck"] = Recheck(lambda: self._identity.is_still_allowed(caller, workspace))
        return _Found(match, workspace, caller)

    async def _prepare(self, scope: Scope, receive: Receive, found: _Found) -> Receive:
        """Prepare the call of an endpoint, and return the function that receives the body of the request."""
        scope["state"]["role"] = found.caller.role if found.caller else None
        scope["state"].update(route=found.match.route.path, caller=found.caller)
        scope["state"]["workspace"] = found.workspace.name if found.workspace else None
        if self._admission is not None:
            self._admission.admit(scope, found.match.route, found.workspace, found.caller)
        if found.workspace is not None:
            current.set(found.workspace)  # the server answers each request in a context of its own
        if self._audit is None or found.caller is None or not is_audited(found.match.route):
            return receive
        body = b""
        if found.match.route.body_bytes is not None:
            body, receive = await body_of(receive)
        kind = b"".join(values_of(scope["headers"], b"content-type")[:1]).decode("latin-1")
        arguments = found.match.values, scope["query_string"], kind, body
        # A large body is read in a thread, so that no other request waits for it.
        is_small = len(body) <= SMALL_BYTES
        target = target_of(*arguments) if is_small else await asyncio.to_thread(target_of, *arguments)
        state = scope["state"]
        state["audit"] = partial(
            record, self._audit, found.match.route, target, state["workspace"], found.caller, state.get("client")
        )
        return receive


class _Found(NamedTuple):
    """The route of a request, its workspace, and its sender."""

    match: Match
    workspace: ServedWorkspace | None
    caller: Caller | None


def _of_another_workspace(scope: Scope, workspace: ServedWorkspace) -> Response | None:
    """Return the answer to a request whose client has opened another workspace at this address, or None.

    The same ids of experiments and runs may exist in both, so nothing of the request may be stored.
    """
    for wanted in values_of(scope["headers"], WORKSPACE):
        if wanted.decode("latin-1") != workspace.stores.id:
            name, reason = f"The workspace {workspace.name}", "another workspace has its address now: open it again"
            return error_response(StoreUnavailable(name, reason), 409)
    return None


def _check(caller: Caller, route: Route, needs: Role) -> None:
    """Check that a sender may use a route.

    Raises:
        NotAllowed: its role is too low, or its token is for one experiment and the route does not check that.
    """
    if not caller.may(needs):
        raise NotAllowed(route.access, "this workspace", f"it needs the role {needs}, but you are a {caller.role}")
    if caller.experiment_id is not None and not route.is_for_experiments:
        reason = f"your token is only for experiment {caller.experiment_id}"
        raise NotAllowed(route.access, "this workspace", reason)


def _split(raw_path: str) -> tuple[str | None, str]:
    """Return the name of the workspace in a path, or None, and the path below the workspace."""
    parts = raw_path.split("/", 3)
    return (parts[2], f"/{parts[3]}") if len(parts) > 3 and parts[1] == "w" else (None, raw_path)


async def _end(scope: Scope, receive: Receive, send: Send) -> None:
    """End the answer to a request whose sender has lost the right to it."""
    state = scope["state"]
    if "status" not in state:
        answer = error_response(NotAuthenticated(state.get("origin", b"This server").decode("latin-1")))
        answer.headers.update(CLOSE)
        await answer(scope, receive, send)
    elif state["is_stream"]:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    # uvicorn closes the connection of any other answer, so that the client does not take it for complete


def error_response(error: BridgeError, status: int | None = None) -> Response:
    """Return the answer that reports an error, as one sentence in JSON."""
    content = json.dumps(with_request_id(dump_error(without_folder(error))), ensure_ascii=False).encode(
        errors="replace"
    )
    status = status or error.status
    return Response(content, status, {"Cache-Control": "no-store", **retry_after(status)}, "application/json")


def without_folder(error: BridgeError) -> BridgeError:
    """Return an error as a client gets it, without the path of a folder or file of this computer."""
    if isinstance(error, StoreUnavailable) and os.path.isabs(error.place):
        return type(error)(THIS_SERVER, error.reason)
    return error


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
