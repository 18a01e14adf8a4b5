"""Which requests are written into the audit log, and what they change."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Protocol

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from bridge.errors import BridgeError
from bridge.server.roles import Caller
from bridge.server.routes import Route

logger = logging.getLogger("bridge")

WORDS = ("archive", "delete", "purge", "remove", "restore")

MOST_TARGET = 4_000
"""The greatest length of a target in the audit log, in characters."""


class Log(Protocol):
    """The audit log."""

    def add(
        self,
        action: str,
        target: str,
        *,
        workspace: str | None = None,
        user: str | None = None,
        token_id: str | None = None,
        address: str | None = None,
    ) -> None:
        """Add an entry with the current time."""


def is_audited(route: Route) -> bool:
    """Return whether requests to a route delete, restore or purge something."""
    return route.access == "write" and (route.method == "DELETE" or any(word in route.path for word in WORDS))


async def body_of(receive: Receive) -> tuple[bytes, Receive]:
    """Return the body of a request, and a function that receives it again.

    Raises:
        ClientDisconnect: the client has closed the connection before the end.
    """
    pieces: list[bytes] = []
    message: Message = {"more_body": True}
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
    body = b"".join(pieces)
    kept: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return kept.pop() if kept else await receive()

    return body, again


def target_of(parameters: Mapping[str, str], body: bytes) -> str:
    """Return what a request changes: the parameters of its address, and the names and ids in its JSON object."""
    named = list(parameters.values())
    try:
        content = json.loads(body) if body else {}
    except ValueError:
        content = {}
    for value in content.values() if isinstance(content, dict) else ():
        named += [str(one) for one in (value if isinstance(value, list) else [value]) if isinstance(one, (str, int))]
    return " ".join(named)[:MOST_TARGET]


def record(log: Log, route: Route, target: str, workspace: str | None, caller: Caller, address: str | None) -> None:
    """Add a request that was answered without an error to the audit log. A failure is only logged."""
    try:
        log.add(
            f"{route.method} {route.path}",
            target,
            workspace=workspace,
            user=caller.user,
            token_id=caller.token_id,
            address=address,
        )
    except BridgeError as error:
        logger.error("The audit log misses %s %s: %s", route.method, target, error)
