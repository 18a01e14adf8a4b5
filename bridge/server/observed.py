"""Observes all requests: their ids, the access log, the metrics, and unexpected failures."""

from __future__ import annotations

import itertools
import logging
import secrets
import time
from datetime import datetime, timezone
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.errors import BridgeError
from bridge.server import request_id
from bridge.server.access_log import AccessLog
from bridge.server.dispatch import error_response
from bridge.server.measured import Measured

logger = logging.getLogger("bridge")

SENTENCE = "The server could not answer this request because of a mistake in it. Its log has the details."


FIRST_ID = secrets.randbits(64)
"""The id of the first request. The next ones follow. A random id for each request would ask the system each time."""


class Observed:
    """An application that observes the requests to another one.

    Args:
        application: the other application.
        measured: counts the requests.
        log: the access log, or None.
    """

    def __init__(self, application: ASGIApp, measured: Measured, log: AccessLog | None = None) -> None:
        self._application, self._measured, self._log = application, measured, log
        self._ids = itertools.count(FIRST_ID)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        begun = time.monotonic()
        id = f"{next(self._ids) & 0xFFFF_FFFF_FFFF_FFFF:016x}"
        request_id.current.set(id)  # the server answers each request in a context of its own
        state: dict[str, Any] = scope.setdefault("state", {})
        status, size, is_complete = 0, 0, False

        async def send_counted(message: Message) -> None:
            nonlocal status, size, is_complete
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (request_id.HEADER, id.encode())]
                if "body" in state and state["body"].is_long:  # it was refused before its body has arrived
                    message["headers"].append((b"connection", b"close"))
            else:
                size += len(message.get("body", b""))
            await send(message)
            is_complete = message["type"] == "http.response.body" and not message.get("more_body", False)

        self._measured.begin()
        try:
            await self._application(scope, receive, send_counted)
        except Exception:
            logger.exception("The request %s to %s failed", id, state.get("route", "an unknown route"))
            if status and not is_complete:
                raise  # the connection is closed, so that the client does not take the answer for complete
            if not status:
                await error_response(BridgeError(SENTENCE))(scope, receive, send_counted)
        finally:
            seconds = time.monotonic() - begun
            self._measured.end(scope["method"], state.get("route", ""), status, seconds, size)
            if self._log is not None:
                self._log.write(_line(scope, state, id, status, size, seconds))


def _line(scope: Scope, state: dict[str, Any], id: str, status: int, size: int, seconds: float) -> dict[str, Any]:
    """Return a line of the access log. The status is 0 if the client has gone before the answer began."""
    caller = state.get("caller")
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "id": id,
        "client": state.get("client") or (scope["client"] or ("",))[0],
        "user": caller.user if caller else None,
        "token": caller.token_id if caller else None,
        "workspace": state.get("workspace"),
        "method": scope["method"],
        "path": scope["raw_path"].partition(b"?")[0].decode("latin-1"),
        "status": status,
        "bytes": size,
        "seconds": round(seconds, 6),
    }
