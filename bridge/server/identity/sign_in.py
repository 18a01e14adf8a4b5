"""How a browser gets a session: with a token in a form, or with a code that is used once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from urllib.parse import parse_qs, quote

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Scope

from bridge.errors import NotAllowed
from bridge.server.dispatch import error_response
from bridge.server.hosts import is_from_own_page, values_of
from bridge.server.identity.accounts import Accounts
from bridge.server.identity.cookies import Cookies
from bridge.server.identity.delays import Delays
from bridge.server.identity.sessions import SESSION_MS, Codes
from bridge.server.notices import Notices
from bridge.server.routes import Call, Route

PLACE = re.compile(r"/(?![/\\])[A-Za-z0-9_.~!$&'()*+,;=:@%/-]*(\?[A-Za-z0-9_.~!$&'()*+,;=:@%/?-]*)?")
"""The form of the address of a page on this server, with its query."""

FORM_BYTES = 4_096
"""The greatest size of the form, which everyone may send."""


class SignIn:
    """Starts and ends the sessions of browsers.

    Args:
        accounts: the tokens and sessions.
        codes: the codes.
        cookies: the cookie of sessions.
        delays: counts failures.
        notices: makes the page with the form.
        base_path: what all addresses of the server begin with.
        hint: a sentence about how to get a token.
        until_browser_ends: the ids of the tokens whose sessions end with the browser.
    """

    def __init__(
        self,
        accounts: Accounts,
        codes: Codes,
        cookies: Cookies,
        delays: Delays,
        notices: Notices,
        base_path: str,
        hint: str,
        until_browser_ends: Sequence[str] = (),
    ) -> None:
        self._accounts, self._codes, self._cookies, self._delays = accounts, codes, cookies, delays
        self._notices, self._base_path, self._hint = notices, base_path, hint
        self._until_browser_ends = until_browser_ends

    def routes(self) -> list[Route]:
        """Return the routes of the server. Everyone may send the form."""
        return [
            Route("GET", "/login", self._show, None, "read"),
            Route("POST", "/login", self._take, None, "write", FORM_BYTES),
            Route("POST", "/login/code", self._new_code, "reader", "write", FORM_BYTES),
            Route("POST", "/logout", self._end, None, "write", FORM_BYTES),
        ]

    def page(self, scope: Scope, sentence: str = "Your browser is not signed in.") -> Response:
        """Return the page with the form. Afterwards, the browser opens the address of the request."""
        query = scope["query_string"].decode("latin-1")
        place = scope["raw_path"].partition(b"?")[0].decode("latin-1") + (f"?{query}" if query else "")
        return self._form(place, sentence)

    def exchange(self, scope: Scope, has_session: bool) -> Response | None:
        """Exchange the code in the address of a page for a session, and remove it from the address.

        None if the address has no code.
        """
        pairs = scope["query_string"].split(b"&")
        codes = [pair[len(b"code=") :].decode("latin-1") for pair in pairs if pair.startswith(b"code=")]
        if not codes:
            return None
        token_id = self._codes.redeem(codes[0]) if len(codes) == 1 else None
        query = b"&".join(pair for pair in pairs if not pair.startswith(b"code=")).decode("latin-1")
        path = quote(scope["raw_path"].partition(b"?")[0].decode("latin-1"), safe="%/=+:*,;!~()@$&'")
        target = path + (f"?{quote(query, safe='%&=+:/*,;!~()')}" if query else "")
        answer = self._signed_in(scope, token_id, target) if token_id else None
        if answer is None and has_session:
            return RedirectResponse(self._own(target), 303)
        return answer or self._form(target, "The code in this address was used already, or is older than five minutes.")

    async def _show(self, call: Call) -> Response:
        return self._form(f"{self._base_path}/", "Sign in with a token of this server.", 200)

    async def _take(self, call: Call) -> Response:
        form = {name: values[-1] for name, values in parse_qs((await call.body()).decode("latin-1")).items()}
        token, code, place = form.get("token", ""), form.get("code", ""), form.get("place", "")
        # The command opens a file that sends the form with a code. The origin of a file is `null`.
        is_file = bool(code) and not token and values_of(call.scope["headers"], b"origin") in ([], [b"null"])
        if not is_file and not is_from_own_page(call.scope["headers"], call.scope["state"]["origin"]):
            return error_response(NotAllowed("sign in on", "this server", "a page of another server sends the form"))
        record = self._accounts.of_text(token.strip()) if token else None
        token_id = record.id if record else self._codes.redeem(code) if code else None
        answer = self._signed_in(call.scope, token_id, place) if token_id else None
        if answer is not None:
            return answer
        await asyncio.sleep(self._delays.after_failure(f"address {call.scope['state']['client']}"))
        wrong = "This token is not valid." if token else "The code was used already, or is older than five minutes."
        return self._form(place, wrong)

    async def _new_code(self, call: Call) -> Response:
        """Answer a program with a code for its token."""
        if call.caller.has_cookie or call.caller.token_id is None:
            return error_response(NotAllowed("create", "a code", "only a program with a token may do it"))
        return JSONResponse({"code": self._codes.new_code(call.caller.token_id)}, headers={"Cache-Control": "no-store"})

    async def _end(self, call: Call) -> Response:
        if not is_from_own_page(call.scope["headers"], call.scope["state"]["origin"]):
            return error_response(NotAllowed("sign out of", "this server", "no page of this server sends the form"))
        for secret in self._cookies.find(call.scope):
            self._accounts.end_session(secret)
        cookie = self._cookies.header(call.scope, "", 0)
        return RedirectResponse(f"{self._base_path}/login", 303, headers={"Set-Cookie": cookie})

    def _signed_in(self, scope: Scope, token_id: str, target: str) -> Response | None:
        """Return the answer that sets the cookie and leads to a page of this server."""
        secret = self._accounts.start_session(token_id)
        if secret is None:
            return None
        age = None if token_id in self._until_browser_ends else SESSION_MS // 1_000
        headers = {"Set-Cookie": self._cookies.header(scope, secret, age)}
        return RedirectResponse(self._own(target), 303, headers=headers)

    def _own(self, target: str) -> str:
        """Return the address of a page if it is one of this server, else that of the home page."""
        is_own = PLACE.fullmatch(target) is not None and target.startswith(f"{self._base_path}/")
        return target if is_own else f"{self._base_path}/"

    def _form(self, place: str, sentence: str, status: int = 401) -> Response:
        return self._notices.sign_in(f"{self._base_path}/login", self._own(place), sentence, self._hint, status)
