"""Which requests are written into the audit log, and what they change."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from bridge.errors import BridgeError, InvalidValue
from bridge.server.roles import Caller
from bridge.server.routes import Route

logger = logging.getLogger("bridge")

WORDS = ("archive", "delete", "purge", "remove", "restore")

MOST_TARGET = 4_000
"""The greatest length of a target in the audit log, in characters."""

MOST_FIELDS = 32
"""The greatest number of fields of a request that is audited. With more, other fields could hide what it changes."""

JSON_TYPE = "application/json"


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


def target_of(parameters: Mapping[str, str], query: bytes, media_type: str, body: bytes) -> str:
    """Return what a request changes: the parameters of its address, and the names and ids in its JSON object.

    Args:
        parameters: the parameters in the path.
        query: the part of the address after `?`.
        media_type: the media type of the body.
        body: the body.

    Raises:
        InvalidValue: the request could hide what it changes.
    """
    values = [[value] for value in parameters.values()]
    values += [[value] for _, value in parse_qsl(query.decode("latin-1"), errors="replace")]
    content = _content(media_type, body)
    fields = content.values() if isinstance(content, dict) else ()
    values += [found for found in map(_texts, fields) if found]
    if len(values) > MOST_FIELDS:
        raise InvalidValue("request", f"{len(values)} fields", f"must have at most {MOST_FIELDS} fields")
    share = MOST_TARGET // max(1, len(values))
    return " ".join(_cut(found, share) for found in values)


def _content(media_type: str, body: bytes) -> Any:
    """Return the JSON of a body; None if the body is no JSON, which the endpoint refuses."""
    kind = media_type.partition(";")[0].strip().lower()
    if kind.startswith("application/vnd."):
        raise InvalidValue("Content-Type", kind[:200], f"must be {JSON_TYPE}")
    try:
        content = json.loads(body) if body else None
        return json.loads(content) if isinstance(content, str) else content  # older MLflow clients encode it twice
    except RecursionError:
        raise InvalidValue("JSON", f"{len(body)} bytes", "must have fewer levels of lists and objects") from None
    except ValueError:
        return None


def _texts(value: object) -> list[str]:
    """Return the names and ids in a field."""
    return [str(one) for one in (value if isinstance(value, list) else [value]) if isinstance(one, (str, int))]


def _cut(values: list[str], most: int) -> str:
    """Return values separated by spaces, in at most about `most` characters. A value with a space is quoted."""
    text, count = "", len(values)
    for value in values:
        shown = value[: most + 1]
        shown = shown if shown.isprintable() and " " not in shown else json.dumps(shown)
        if len(text) + len(shown) > most:
            return f"{text} {shown[: max(0, most - len(text))]}… ({count} in all)".lstrip()
        text = f"{text} {shown}" if text else shown
    return text


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
