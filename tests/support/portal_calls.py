"""Calls of the portal's API in this process, without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote, urlencode

from starlette.responses import Response
from starlette.types import Scope

from bridge.errors import NotAuthenticated
from bridge.server.dispatch import Dispatcher, error_response
from bridge.server.open_identity import OpenIdentity
from bridge.server.portal.team import portal_routes
from bridge.server.roles import Caller, Role
from bridge.server.routes import Route
from bridge.server.workspaces import ServedWorkspace, Workspaces
from bridge.store.frames import read_frame
from bridge.store.workspace_stores import WorkspaceStores

T = TypeVar("T")


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a thread of its own: after a browser test, the main thread has a running loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass
class Answer:
    """An answer: its status, its headers with names in lower case, and its body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The content as JSON."""
        return json.loads(self.body)

    @property
    def frame(self) -> tuple[dict[str, Any], Mapping[str, Any]]:
        """The head and the columns of a frame."""
        return read_frame(self.body)

    @property
    def sentence(self) -> str:
        """The sentence of an error."""
        return str(self.json["error"]["sentence"])


def scope_of(method: str, path: str, query: str = "", headers: Mapping[str, str] | None = None) -> Scope:
    """Return a request to the portal's API as a server passes it to an application."""
    path, sent = f"/portal/api{path}", {"host": "127.0.0.1", "x-runbridge": "1"} | dict(headers or {})
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(path), "raw_path": path.encode(), "root_path": "", "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "state": {},
    }  # fmt: skip


class OneRole(OpenIdentity):
    """Accepts requests with the header that requests with a change need. All senders have the same role."""

    def __init__(self, role: Role | None) -> None:
        super().__init__(80)
        self.role = role

    async def caller(self, scope: Scope, route: Route, workspace: ServedWorkspace | None) -> Caller | Response:
        if self.role is None:
            return error_response(NotAuthenticated("http://127.0.0.1"))
        return Caller(self.role, has_cookie=True)


class Api:
    """The portal's API for one role, called as a server calls it."""

    def __init__(self, stores: WorkspaceStores, role: Role | None = "reader") -> None:
        workspaces = Workspaces([ServedWorkspace("demo", stores)])
        self.app = Dispatcher(workspaces, OneRole(role), portal_routes())

    def get(self, path: str, /, **parameters: object) -> Answer:
        """Send a GET request with parameters. The path must be encoded."""
        return self.send("GET", path, parameters=parameters)

    def post(self, path: str, value: object) -> Answer:
        """Send a POST request with JSON."""
        return self.send("POST", path, json.dumps(value).encode())

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, object] | None = None,
    ) -> Answer:
        """Send a request with the header that requests with a change need."""
        return run_loop(self._call(method, path, body, headers or {}, parameters or {}))

    async def _call(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], parameters: Mapping[str, object]
    ) -> Answer:
        scope = scope_of(method, path, urlencode(parameters, doseq=True), headers)
        answer = Answer(0, {}, b"")
        asked = iter([{"type": "http.request", "body": body, "more_body": False}])
        over = asyncio.Event()

        async def receive() -> Any:
            for message in asked:
                return message
            await over.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
            else:
                answer.body += message.get("body", b"")

        await self.app(scope, receive, send)
        over.set()
        return answer
