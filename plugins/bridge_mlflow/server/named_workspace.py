"""The header with which MLflow's clients name a workspace. The address of a request already names it."""

from __future__ import annotations

from dataclasses import replace

from starlette.types import ASGIApp

from bridge.errors import InvalidValue
from bridge.server.hosts import values_of
from bridge.server.routes import Call, Route

WORKSPACE_HEADER = b"x-mlflow-workspace"


def with_check(route: Route) -> Route:
    """Return a route that refuses requests whose header names another workspace than the address."""

    async def answer(call: Call) -> ASGIApp:
        check_header(call)
        return await route.endpoint(call)

    return replace(route, endpoint=answer)


def check_header(call: Call) -> None:
    """Check that a header of MLflow's names no other workspace than the address.

    Raises:
        InvalidValue: it does.
    """
    named = [value.decode("latin-1") for value in values_of(call.scope["headers"], WORKSPACE_HEADER)]
    if any(name != call.workspace.name for name in named):
        rule = f"must be absent, or {call.workspace.name!r} as in the address"
        raise InvalidValue("X-MLFLOW-WORKSPACE", ", ".join(named), rule)
