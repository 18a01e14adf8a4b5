"""Calls the handlers of the portal: limits, threads, ETags and errors."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from contextvars import copy_context
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from bridge.errors import BridgeError, InvalidValue
from bridge.server.held import HELD
from bridge.server.portal.answers import PRIVATE, error_answer
from bridge.server.portal.ask import Ask
from bridge.server.portal.routes import Entry
from bridge.server.portal.served import Served
from bridge.store.late_reads import late_reads
from bridge.store.sql.time_limit import ANSWER_BYTES, limited_to

logger = logging.getLogger("bridge")


BODY_BYTES = 16 << 20
SECONDS = 10.0
"""The time that a request may spend in searches of the database."""

CACHE_KIB = 16_384
"""The page cache of each thread that reads the database. A larger one makes tables of 10,000 runs no faster."""


def endpoint(entry: Entry, served: Served) -> Callable[[Request], Awaitable[Response]]:
    """Return the function that answers requests to a route, after their role was checked."""
    threads = served.file_threads if entry.is_of_files else served.read_threads

    async def answer(request: Request) -> Response:
        try:
            state, given = request.state, (request.path_params, request.query_params, request.headers)
            ask = Ask(served, state.role, *given, await _body(request), state.caller)
            call = copy_context().run  # errors name the request
            return await asyncio.get_running_loop().run_in_executor(threads, call, _answer, entry, ask)
        except BridgeError as error:
            return error_answer(error)
        except ClientDisconnect:
            return Response(status_code=400)

    return answer


def _answer(entry: Entry, ask: Ask) -> Response:
    """Answer a request in a thread. Every failure becomes an answer with one sentence."""
    try:
        if entry.needs == "reader":
            HELD.check(ask.caller)
        with limited_to(SECONDS, CACHE_KIB, ANSWER_BYTES), late_reads() if entry.needs == "reader" else nullcontext():
            return _tagged(entry, ask) if entry.is_tagged else entry.handler(ask)
    except BridgeError as error:
        return error_answer(error)
    except Exception:
        logger.exception("The request to %s failed", entry.path)
        sentence = "The server could not answer this request because of a mistake in it. Its log has the details."
        return error_answer(BridgeError(sentence))


@cache
def _version() -> str:
    try:
        return version("runbridge")
    except PackageNotFoundError:
        return ""


def _tagged(entry: Entry, ask: Ask) -> Response:
    """Answer a request with an ETag, or with the status 304 if the browser has the answer already."""
    etag = _etag(ask)
    if etag in ask.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={**PRIVATE, "ETag": etag})
    response = entry.handler(ask)
    response.headers["ETag"] = etag
    return response


def _etag(ask: Ask) -> str:
    """Return the ETag of a read. It changes with the version, the workspace, the rights and the state of the store."""
    known = (_version(), ask.served.stores.id, ask.role, ask.only, ask.served.cursor())
    return f'"{hashlib.blake2b(repr(known).encode(), digest_size=12).hexdigest()}"'


async def _body(request: Request) -> bytes:
    """Return the body of a request.

    Raises:
        InvalidValue: the body is too long.
    """
    if request.method in ("GET", "HEAD"):
        return b""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > BODY_BYTES:
            raise InvalidValue("body", "the request", f"must have at most {BODY_BYTES} bytes")
        pieces.append(piece)
    return b"".join(pieces)
