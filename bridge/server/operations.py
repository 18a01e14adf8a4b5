"""The routes with which an operator observes a server: `/healthz`, `/readyz` and `/metrics`, and its description."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

from bridge.server.dispatch import Identity
from bridge.server.folding import Folding
from bridge.server.hosts import values_of
from bridge.server.measured import MEDIA_TYPE, Measured
from bridge.server.open_identity import FORWARDED
from bridge.server.request_id import retry_after
from bridge.server.routes import Call, Endpoint, Route
from bridge.server.settings import is_loopback

NO_STORE = {"Cache-Control": "no-store"}


def operation_routes(
    folding: Folding | None, measured: Measured, identity: Identity, describe: Callable[[], dict[str, Any]]
) -> list[Route]:
    """Return the routes of the server itself.

    Args:
        folding: folds the workspaces; None if nothing is folded between requests.
        measured: the figures about the server.
        identity: identifies the senders of requests for the figures.
        describe: returns the description of all routes. It is called once.
    """

    async def health(call: Call) -> ASGIApp:
        return PlainTextResponse("ok\n", headers=NO_STORE)

    async def ready(call: Call) -> ASGIApp:
        problems = [] if folding is None else [problem for problem in folding.problems() if problem]
        if not problems:
            return PlainTextResponse("ready\n", headers=NO_STORE)
        text = "\n".join(problems) if _is_direct(call) else "not ready"
        return PlainTextResponse(f"{text}\n", 503, {**NO_STORE, **retry_after(503)})

    async def metrics(call: Call) -> ASGIApp:
        return PlainTextResponse(measured.text(), media_type=MEDIA_TYPE, headers=NO_STORE)

    @cache
    def description_bytes() -> bytes:
        # The routes of a server do not change, and the description takes about 10 ms.
        return json.dumps(describe(), ensure_ascii=False, separators=(",", ":")).encode()

    async def description(call: Call) -> ASGIApp:
        return Response(description_bytes(), headers=NO_STORE, media_type="application/json")

    routes = [
        Route("GET", "/api/bridge/openapi.json", description, "reader", "read"),
        Route("GET", "/healthz", health, None, "read"),
        Route("GET", "/readyz", ready, None, "read"),
    ]
    reader = Route("GET", "/metrics", metrics, "reader", "read")
    routes.append(Route("GET", "/metrics", _from_loopback_or(reader, identity), None, "read"))
    return routes


def _from_loopback_or(route: Route, identity: Identity) -> Endpoint:
    """Return an endpoint that answers this computer without a token, and others if they may use the route."""

    async def answer(call: Call) -> ASGIApp:
        if not _is_direct(call):
            caller = await identity.caller(call.scope, route, None)
            if isinstance(caller, Response):
                return caller
        return await route.endpoint(call)

    return answer


def _is_direct(call: Call) -> bool:
    """Return whether a program on this computer sends the request, and no proxy or page."""
    headers = call.scope["headers"]
    passed_on = any(values_of(headers, name) for name in (*FORWARDED, b"origin", b"sec-fetch-site"))
    return call.client is not None and is_loopback(call.client.host) and not passed_on
