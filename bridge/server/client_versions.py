"""Checks whether the server knows the version of the protocol of a client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from bridge.errors import BridgeError, InvalidValue, StoreUnavailable
from bridge.server.dispatch import CLOSE, error_response
from bridge.server.files.body import is_dropped
from bridge.server.routes import Call
from bridge.store.http.methods import LEAST_PROTOCOL, PROTOCOL, PROTOCOL_HEADER
from bridge.store.http.protocol import REFUSED, THIS_SERVER


def of_clients(endpoint: Callable[[Call], Awaitable[Response]]) -> Callable[[Call], Awaitable[Response]]:
    """Return an endpoint that refuses clients of unknown versions, and names the server's version in each answer."""

    async def answer(call: Call) -> Response:
        refused = _refusal(call)
        if refused is None:
            response = await _answered(call, endpoint)
        else:
            response = refused
            if not await is_dropped(call):
                response.headers.update(CLOSE)
        response.headers[PROTOCOL_HEADER] = str(PROTOCOL)
        return response

    return answer


async def _answered(call: Call, endpoint: Callable[[Call], Awaitable[Response]]) -> Response:
    try:
        return await endpoint(call)
    except BridgeError as error:
        return error_response(error)


def _refusal(call: Call) -> Response | None:
    """Return the answer to a client whose version this server does not know, or None."""
    sent = call.headers.get(PROTOCOL_HEADER, str(PROTOCOL))
    if not (sent.isascii() and sent.isdecimal() and len(sent) < 9):
        return error_response(InvalidValue(PROTOCOL_HEADER, sent[:100], "must be a number"))
    if LEAST_PROTOCOL <= int(sent) <= PROTOCOL:
        return None
    if int(sent) > PROTOCOL:
        reason = f"it does not know the newer protocol {int(sent)} of the client: upgrade runbridge on the server"
    else:
        reason = f"it no longer knows protocol {int(sent)} of the client: upgrade runbridge on this computer"
    return error_response(StoreUnavailable(THIS_SERVER, reason), REFUSED)
