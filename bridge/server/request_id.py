"""The id of the request that is being answered. The access log and every answer have it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

current: ContextVar[str] = ContextVar("the id of the request", default="")

RETRY_SECONDS = "2"

HEADER = b"x-request-id"


def with_request_id(dumped: dict[str, Any]) -> dict[str, Any]:
    """Return an error as `dump_error` returns it, with the id of the request that has failed."""
    id = current.get()
    return {**dumped, "request_id": id} if id else dumped


def retry_after(status: int) -> dict[str, str]:
    """Return the header with the seconds after which a client may try again, if the status is one of overload."""
    return {"Retry-After": RETRY_SECONDS} if status in (429, 503) else {}
