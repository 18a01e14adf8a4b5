"""Answers of the portal: JSON, frames and errors."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from bridge.errors import BridgeError
from bridge.records.wire import dump_error
from bridge.server.memory import after_answer
from bridge.server.portal.ask import Ask
from bridge.server.request_id import retry_after, with_request_id
from bridge.store.frames import MEDIA_TYPE, Frame

GZIP_FROM_BYTES = 4_000

PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie, Accept-Encoding"}
"""Headers of all answers with data: a browser asks again each time, and sends the ETag that it knows."""


def json_answer(ask: Ask, value: Any, status: int = 200) -> Response:
    """Return an answer with JSON. It is compressed if it is long and the browser understands that."""
    content = json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(
        errors="replace"
    )
    headers = dict(PRIVATE)
    if len(content) >= GZIP_FROM_BYTES and "gzip" in ask.headers.get("accept-encoding", ""):
        content = gzip.compress(content, 1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(content, status, headers, "application/json")


def frame_answer(frame: Frame) -> Response:
    """Return an answer with a frame."""
    content = frame.to_buffer()
    after_answer(len(content))
    return Response(content, headers=PRIVATE, media_type=MEDIA_TYPE)


def error_answer(error: BridgeError) -> Response:
    """Return an answer that reports an error."""
    content = json.dumps(with_request_id(dump_error(error)), ensure_ascii=False).encode(errors="replace")
    return Response(
        content, error.status, {"Cache-Control": "no-store", **retry_after(error.status)}, "application/json"
    )


def number(value: float | None) -> float | str | None:
    """Return a number as JSON can represent it. NaN and ±inf become the texts "NaN", "Infinity" and "-Infinity"."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def plain(value: Any) -> Any:
    """Return a value with numbers as `number` returns them, and lists instead of tuples."""
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        return {str(key): plain(below) for key, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(below) for below in value]
    return value
