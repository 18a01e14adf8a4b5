"""Spans in OpenTelemetry's protocol: `/v1/traces`, with a bound on compressed bodies."""

from __future__ import annotations

import asyncio
import zlib

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Scope

from bridge.errors import InvalidValue
from bridge.server.dispatch import error_response
from bridge.server.hosts import values_of
from bridge.server.routes import JSON_BYTES, Call, Endpoint
from bridge_mlflow.server.application import Application, passed_on, switched_off

PATH = "/v1/traces"
TIMES, BYTES = 10, 64 << 20
"""How many times as long, and how long, a body may become when it is decompressed."""

WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def spans_endpoint(application: Application) -> Endpoint:
    """Return the endpoint that decompresses a body, and passes it to MLflow's application."""

    async def answer(call: Call) -> ASGIApp:
        if application.is_off:
            return switched_off()
        body = await call.body()
        if len(body) > JSON_BYTES:
            return error_response(InvalidValue("body", len(body), f"must have at most {JSON_BYTES} bytes"), 413)
        encodings = [value.decode("latin-1").strip().lower() for value in values_of(call.scope["headers"], ENCODING)]
        if len(encodings) > 1:
            return error_response(InvalidValue("Content-Encoding", ", ".join(encodings)[:200], "must be given once"))
        if encodings and encodings[0] != "identity":
            body = await asyncio.to_thread(inflated, body, encodings[0])
        loaded = await application.loaded()
        # The handler of spans is a coroutine, but opens a database. In a loop of its own it delays no other request.
        return await asyncio.to_thread(lambda: asyncio.run(_answered(loaded.application, call.scope, body)))

    return answer


ENCODING = b"content-encoding"


def inflated(body: bytes, encoding: str) -> bytes:
    """Return a decompressed body.

    Raises:
        InvalidValue: the encoding is not known, the body does not have it, or the result is too long.
    """
    if encoding not in WINDOWS:
        raise InvalidValue("Content-Encoding", encoding, f"must be one of {', '.join(WINDOWS)}")
    most = min(max(TIMES * len(body), 1 << 16), BYTES)
    reader = zlib.decompressobj(WINDOWS[encoding])
    try:
        content = reader.decompress(body, most)
        if not reader.eof and not reader.decompress(reader.unconsumed_tail, 1):
            raise zlib.error("the end is missing")
    except zlib.error as error:
        raise InvalidValue("body", f"<{len(body)} bytes>", f"must be compressed with {encoding} ({error})") from None
    if not reader.eof:
        rule = f"must be at most {TIMES} times as long after decompression, and have at most {BYTES} bytes"
        raise InvalidValue("body", f"<{len(body)} bytes>", rule)
    return content


async def _answered(application: ASGIApp, scope: Scope, body: bytes) -> Response:
    """Return the complete answer of an application to a request with this body."""
    sent: list[Message] = []
    parts = [body]

    async def receive() -> Message:
        return {"type": "http.request", "body": parts.pop()} if parts else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    inner = passed_on(scope, PATH)
    others = [(name, value) for name, value in inner["headers"] if name not in (ENCODING, b"content-length")]
    await application({**inner, "headers": [*others, (b"content-length", str(len(body)).encode())]}, receive, send)
    answer = Response(b"".join(message.get("body", b"") for message in sent), sent[0]["status"])
    answer.raw_headers = [*sent[0]["headers"]]
    return answer
