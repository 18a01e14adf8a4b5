"""HEAD: the headers that a request with GET would get, without a body. Every route for GET that only reads answers it.

Uvicorn drops the bodies of answers to HEAD. This module is for bodies that need not be read, or that never end.
"""

from __future__ import annotations

from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Scope

from bridge.server.files.contents import PiecesResponse

ONLY_FOR_GET = frozenset({b"range", b"if-range"})
"""The headers that a request with HEAD must not have. They are ignored."""


def is_head(scope: Scope) -> bool:
    """Return whether a request asks only for headers."""
    return bool(scope["method"] == "HEAD")


def remove_range(scope: Scope) -> None:
    """Remove the headers that ask for a part of a file."""
    scope["headers"] = [(name, value) for name, value in scope["headers"] if name not in ONLY_FOR_GET]


def without_body(answer: ASGIApp) -> ASGIApp:
    """Return an answer whose body is not read, if it is one that is sent in pieces."""
    if not isinstance(answer, StreamingResponse):
        return answer
    if isinstance(answer, PiecesResponse):
        answer.close()
    bare = Response(status_code=answer.status_code)
    bare.raw_headers = answer.raw_headers
    return bare
