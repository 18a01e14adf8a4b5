"""Answers a call of a store's method, in a thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from starlette.responses import Response

from bridge.errors import BridgeError, InvalidValue
from bridge.server.dispatch import error_response
from bridge.server.roles import Caller
from bridge.server.workspaces import ServedWorkspace
from bridge.store.http.codec import dump_result, load_call
from bridge.store.http.methods import RemoteMethod
from bridge.store.sql.time_limit import limited_to

logger = logging.getLogger("bridge")

SECONDS, CACHE_KIB = 10.0, 16_384
"""The time that a call may spend in searches, and the greatest page cache of a thread that searches."""


class Sent(NamedTuple):
    """The parts of a request: the media type and the content of its body, and its key, or an empty text."""

    media_type: str
    key: str
    content: bytes


def answer_to(method: RemoteMethod, workspace: ServedWorkspace, caller: Caller, sent: Sent) -> Response:
    """Return the answer to a call. Every failure becomes an answer with one sentence."""
    try:
        with limited_to(SECONDS, CACHE_KIB):
            arguments = load_call(method.function, sent.media_type, sent.content)
            result = _called(method, workspace, arguments)
            body = dump_result(method.function, result)
            return Response(body.content, media_type=body.media_type)
    except BridgeError as error:
        return error_response(error)
    except OverflowError:
        return error_response(InvalidValue("body", "an integer", "must fit into 64 bits"))
    except Exception:
        logger.exception("The call of %s failed", method.name)
        sentence = "The server could not answer this request because of a mistake in it. Its log has the details."
        return error_response(BridgeError(sentence))


def _called(method: RemoteMethod, workspace: ServedWorkspace, arguments: dict[str, Any]) -> Any:
    return function_of(method, workspace)(**arguments)


def function_of(method: RemoteMethod, workspace: ServedWorkspace) -> Callable[..., Any]:
    """Return the method of the object that answers it."""
    tracking = workspace.stores.tracking
    of = {"journaled": tracking, "inner": tracking.inner}.get(method.store)
    found: Callable[..., Any] = getattr(of or tracking.views, method.name)
    return found
