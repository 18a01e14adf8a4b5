"""Routes: which requests the server answers, and what each needs.

Every address that the server answers has one `Route` in one `RouteTable`. Any other address is answered with 404
before other code runs. A route is found by its raw path: no percent-encoding, empty part or dot segment of a request
can match a fixed part of a template.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.server.roles import Caller, Role
from bridge.server.workspaces import ServedWorkspace

Access = Literal["read", "write"]

JSON_BYTES = 16 << 20
"""The greatest body of a route, unless it has a limit of its own."""

FORBIDDEN_IN_PARTS = frozenset("/\\\0")


class Call(Request):
    """A request with its sender, its workspace, and the values of the parameters in the route's template."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        caller: Caller | None,
        workspace: ServedWorkspace | None,
        parameters: Mapping[str, str],
    ) -> None:
        super().__init__(scope, receive, send)
        self._caller, self._workspace = caller, workspace
        self.parameters = parameters

    @property
    def caller(self) -> Caller:
        """The sender. Only routes that need a role have one."""
        assert self._caller is not None
        return self._caller

    @property
    def workspace(self) -> ServedWorkspace:
        """The workspace. Only routes below a workspace have one."""
        assert self._workspace is not None
        return self._workspace


Endpoint = Callable[[Call], Awaitable[ASGIApp]]
"""Answers a request. The result, such as a Starlette response, is called like any ASGI application."""


@dataclass(frozen=True)
class Route:
    """One route.

    Attributes:
        method: the HTTP method. A route for GET that only reads also answers HEAD.
        path: the template below the workspace. A part `{name}` stands for one part that is not empty. One part can be
            `{name:path}`, which stands for all parts up to those that follow it in the template, and may be empty.
        endpoint: answers the request.
        needs: the role that the sender must have in the workspace; None if everyone may send the request.
        access: whether the request only reads, whatever its method is.
        body_bytes: the greatest body; None if the endpoint reads the body in pieces and limits it itself.
        is_page: whether a person may open the address in a tab from anywhere, so that without a session the login page
            is shown.
        is_for_experiments: whether the endpoint itself checks what a sender whose token is for one experiment may see
            and change; see `Caller.experiment_id`. The server refuses such a sender on all other routes.
        is_stream: whether the answer can be a stream of events.
    """

    method: str
    path: str
    endpoint: Endpoint
    needs: Role | None
    access: Access
    body_bytes: int | None = JSON_BYTES
    is_page: bool = False
    is_for_experiments: bool = False
    is_stream: bool = False


class Match(NamedTuple):
    """A route that a request matches, and the values of its parameters, percent-decoded once."""

    route: Route
    values: Mapping[str, str]


class RouteTable:
    """The routes of the server or of a workspace. Fixed parts win over parameters, and earlier routes over later ones.

    Raises:
        ValueError: two routes have the same method and template.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._fixed: dict[tuple[str, str], Route] = {}
        self._by_length: dict[tuple[str, int], list[tuple[tuple[str, ...], Route]]] = {}
        self._open: dict[str, list[tuple[tuple[str, ...], Route]]] = {}
        seen: set[tuple[str, str]] = set()
        for route in self.routes:
            if (route.method, route.path) in seen:
                raise ValueError(f"{route.method} {route.path} has two routes")
            seen.add((route.method, route.path))
            self._add(route)

    def _add(self, route: Route) -> None:
        parts = tuple(route.path.split("/")[1:])
        if "{" not in route.path:
            self._fixed[route.method, route.path] = route
        elif ":path}" in route.path:
            self._open.setdefault(route.method, []).append((parts, route))
        else:
            self._by_length.setdefault((route.method, len(parts)), []).append((parts, route))

    def find(self, method: str, raw_path: str) -> Match | None:
        """Return the route of a request, or None. `raw_path` is the path below the workspace, as it was sent."""
        route = self._fixed.get((method, raw_path))
        if route is not None:
            return Match(route, {})
        sent = tuple(raw_path.split("/")[1:])
        for parts, route in self._by_length.get((method, len(sent)), ()):
            values = _values(parts, sent)
            if values is not None:
                return Match(route, values)
        for parts, route in self._open.get(method, ()):
            values = _open_values(parts, sent)
            if values is not None:
                return Match(route, values)
        return None

    def methods(self, raw_path: str) -> list[str]:
        """Return the methods for which a path has routes."""
        return sorted(method for method in {route.method for route in self.routes} if self.find(method, raw_path))


def decoded(part: str) -> str | None:
    """Return a part of an address, percent-decoded once; None if it is not UTF-8."""
    if "%" not in part:
        return part
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        return None


def _values(parts: tuple[str, ...], sent: tuple[str, ...]) -> dict[str, str] | None:
    """Return the values of the parameters, or None if the sent parts do not match the template."""
    values = {}
    for part, given in zip(parts, sent, strict=True):
        if not part.startswith("{"):
            if part != given:
                return None
            continue
        value = decoded(given)
        if not value or value in (".", "..") or not FORBIDDEN_IN_PARTS.isdisjoint(value):
            return None
        values[part[1:-1]] = value
    return values


def _open_values(parts: tuple[str, ...], sent: tuple[str, ...]) -> dict[str, str] | None:
    """Match a template that has a part `{name:path}`, and return the values as `_values` does."""
    at = next(number for number, part in enumerate(parts) if part.endswith(":path}"))
    end = len(sent) - (len(parts) - at - 1)
    if end <= at:
        return None
    values = _values(parts[:at] + parts[at + 1 :], sent[:at] + sent[end:])
    rest = decoded("/".join(sent[at:end]))
    if values is None or rest is None:
        return None
    return {**values, parts[at][1 : -len(":path}")]: rest}
