"""The checks that every request must pass before it reaches a route."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.errors import BridgeError, InvalidValue, NotAllowed, NotAuthenticated
from bridge.records.wire import dump_error
from bridge.server.headers import secure
from bridge.server.hosts import hosts_of, is_from_own_page, is_other_origin, is_own_host, opens_a_page, values_of
from bridge.server.roles import Role
from bridge.server.session import Session
from bridge.server.static_files import STYLES

BODY_BYTES = 16 * 1024 * 1024
"""The greatest size of a request's body."""

FORM_BYTES = 4_096
"""The greatest size of the form with a code, which everyone on this computer may send."""

CLOSE = {"Connection": "close"}
BASE, API, SIGN_IN = "/portal", "/portal/api", "/portal/session"


class Guard:
    """An application that checks each request and passes it to another one, with its role in `request.state.role`.

    A request must name this server in `Host`, and must have the token or the cookie. A request with the cookie must
    come from a page of this server, unless a person opens a page; and one that changes something must have the header
    `X-Runbridge: 1`, which a page of another server cannot send.

    Args:
        application: the application behind it.
        session: the secrets.
        port: the port of the server.
        role: the role of everyone who has a secret.
        signed_out: makes the page for a browser that has no cookie, from a sentence.
    """

    def __init__(
        self, application: ASGIApp, session: Session, port: int, role: Role, signed_out: Callable[[str], Response]
    ) -> None:
        self._application = application
        self._session = session
        self._hosts = hosts_of(port)
        self._role = role
        self._signed_out = signed_out

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                secure(message)
                types = values_of(message["headers"], b"content-type")
                scope["state"]["is_stream"] = any(kind.startswith(b"text/event-stream") for kind in types)
            await send(message)

        scope.setdefault("state", {})["role"] = self._role
        await (self._refusal(scope) or self._application)(scope, receive, send_secured)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request that must not pass, or None."""
        headers, path = scope["headers"], scope["path"]
        if not is_own_host(headers, self._hosts):
            return PlainTextResponse("This server has no such host.\n", 400, CLOSE)
        if scope["method"] not in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
            return _error(NotAllowed("send", scope["method"], "the server does not know this method"), 405)
        if not scope["state"].get("is_origin_form", True):
            return PlainTextResponse("The target of a request must be a path.\n", 400, CLOSE)
        too_large = _checked_size(scope, FORM_BYTES if path == SIGN_IN else BODY_BYTES)
        if too_large is not None:
            return too_large
        if path == SIGN_IN or _is_style(path):  # a form, which is checked later, and what a page without session needs
            return None
        if values_of(headers, b"authorization"):
            if not self._session.has_token(headers):
                return _error(NotAuthenticated(_address(headers)))
            if is_other_origin(headers):
                return _error(NotAllowed("send", scope["method"], "a page of another server sends it"))
            return None
        is_page = not (path.startswith((f"{API}/", f"{BASE}/static/")) or path == API)
        has_code = b"code=" in scope["query_string"] and path.startswith(f"{BASE}/")
        if is_page and has_code and scope["method"] == "GET":
            return self._sign_in(scope)
        if not self._session.has_cookie(headers):
            if is_page:
                return self._signed_out("Your browser is not signed in.")
            return _error(NotAuthenticated(_address(headers)))
        return self._refusal_of_browser(scope, is_page)

    def _refusal_of_browser(self, scope: Scope, is_page: bool) -> Response | None:
        """Return the answer to a request with the cookie that must not pass, or None."""
        headers = scope["headers"]
        if scope["method"] in ("GET", "HEAD"):
            in_address_bar = values_of(headers, b"sec-fetch-site") == [b"none"]
            if is_from_own_page(headers) or (opens_a_page(headers) and (is_page or in_address_bar)):
                return None
            return _error(NotAllowed("read", scope["path"], "no page of this server asks for it"))
        if not is_from_own_page(headers):
            return _error(NotAllowed("change", scope["path"], "no page of this server asks for it"))
        if values_of(headers, b"x-runbridge") != [b"1"]:
            return _error(NotAllowed("change", scope["path"], "the request has no header X-Runbridge: 1"))
        return None

    def _sign_in(self, scope: Scope) -> Response:
        """Exchange the code in the address for the cookie, and remove it from the address."""
        pairs = scope["query_string"].split(b"&")
        codes = [pair[len(b"code=") :] for pair in pairs if pair.startswith(b"code=")]
        redeemed = len(codes) == 1 and self._session.redeem(codes[0].decode("latin-1"))
        if not redeemed and not self._session.has_cookie(scope["headers"]):
            return self._signed_out("The code in this address was used already, or is older than five minutes.")
        query = b"&".join(pair for pair in pairs if not pair.startswith(b"code="))
        target = quote(scope["path"]) + (f"?{quote(query.decode('latin-1'), safe='%&=+:/*,;!~()')}" if query else "")
        return self.signed_in(target) if redeemed else RedirectResponse(target, 303)

    def signed_in(self, target: str) -> Response:
        """Return the answer that sets the cookie and leads to a page of this server."""
        return RedirectResponse(target, 303, headers={"Set-Cookie": self._session.set_cookie(BASE)})


def _is_style(path: str) -> bool:
    return path.startswith(f"{BASE}/static/") and path.endswith(f"/{STYLES}")


def _checked_size(scope: Scope, most: int) -> Response | None:
    lengths = values_of(scope["headers"], b"content-length")
    if values_of(scope["headers"], b"transfer-encoding"):
        answer = _error(InvalidValue("Transfer-Encoding", "chunked", "must be absent: send a Content-Length"), 411)
    elif lengths and int(lengths[0]) > most:
        answer = _error(InvalidValue("Content-Length", int(lengths[0]), f"must be at most {most}"), 413)
    else:
        return None
    answer.headers.update(CLOSE)  # so that the body is not read
    return answer


def _address(headers: Any) -> str:
    return f"http://{values_of(headers, b'host')[0].decode('latin-1')}"


def _error(error: BridgeError, status: int | None = None) -> JSONResponse:
    return JSONResponse(dump_error(error), status or error.status)
