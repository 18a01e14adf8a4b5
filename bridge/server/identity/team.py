"""The identity of a server with tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.responses import PlainTextResponse, Response
from starlette.types import Scope

from bridge.errors import NotAllowed, NotAuthenticated
from bridge.server.dispatch import CLOSE, error_response, not_found
from bridge.server.hosts import is_from_own_page, is_other_origin, opens_a_page, values_of
from bridge.server.identity.accounts import Accounts
from bridge.server.identity.cookies import Cookies
from bridge.server.identity.credentials import sent_token
from bridge.server.identity.delays import Delays
from bridge.server.identity.reachable import Reachable
from bridge.server.identity.sign_in import SignIn
from bridge.server.identity.tokens import TokenRecord, hash_of, parse_token
from bridge.server.roles import RANKS, Caller
from bridge.server.routes import Route
from bridge.server.workspaces import ServedWorkspace

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class TeamIdentity:
    """Identifies senders by tokens, by sessions of browsers, and by the names that a trusted proxy sends.

    Args:
        accounts: the tokens and sessions.
        reachable: the names of the server.
        cookies: the cookie of sessions.
        sign_in: starts the sessions of browsers.
        delays: counts failures.
        is_personal: whether connections of other users of this computer are refused.
    """

    def __init__(
        self,
        accounts: Accounts,
        reachable: Reachable,
        cookies: Cookies,
        sign_in: SignIn,
        delays: Delays,
        is_personal: bool = False,
    ) -> None:
        self.is_personal = is_personal
        self._accounts, self._reachable, self._cookies = accounts, reachable, cookies
        self._sign_in, self._delays = sign_in, delays

    def check_request(self, scope: Scope) -> Response | None:
        """Return the answer to a request that no route may see, or None.

        The origin of the server, as the request names it, becomes `scope["state"]["origin"]`, and the address of the
        client `scope["state"]["client"]`.
        """
        origin = self._reachable.origin_of(scope)
        if origin is None:
            sentence = "This server has no such host. Start it with --host-name or --public-url for this name.\n"
            return PlainTextResponse(sentence, 400, CLOSE)
        if not scope["state"].get("is_origin_form", True):
            return PlainTextResponse("The target of a request must be a path.\n", 400, CLOSE)
        if scope["method"] not in METHODS:
            return error_response(NotAllowed("send", scope["method"], "the server does not know this method"), 405)
        scope["state"].update(origin=origin, client=self._reachable.client_of(scope))
        return None

    async def caller(self, scope: Scope, route: Route, workspace: ServedWorkspace | None) -> Caller | Response:
        """Return the sender of a request, or the answer that refuses it."""
        sent = sent_token(scope["headers"])
        if sent is not None:
            record = self._accounts.of_text(sent.text)
            if record is None:
                return await self._failed(scope, sent.text)
            is_from_browser = sent.is_basic and any(name == b"sec-fetch-site" for name, _ in scope["headers"])
            return self._checked(scope, route, _caller(record, workspace, is_from_browser))
        user = self._reachable.user_of(scope)
        if user is not None:
            assert self._reachable.proxy is not None
            return self._checked(scope, route, Caller(self._reachable.proxy.user_role, user, has_cookie=True))
        secrets = self._cookies.find(scope)
        sessions = ((secret, self._accounts.of_session(secret)) for secret in secrets)
        secret, of_session = next(((secret, found) for secret, found in sessions if found), ("", None))
        is_page = route.is_page and scope["method"] in ("GET", "HEAD")
        # A program that looks at a link must not use up its code, so HEAD does not.
        can_exchange = is_page and scope["method"] == "GET"
        exchanged = self._sign_in.exchange(scope, of_session is not None) if can_exchange else None
        if exchanged is not None:
            return exchanged
        if of_session is not None:
            return self._checked(scope, route, _caller(of_session, workspace, True, hash_of(secret)))
        if is_page:
            return self._sign_in.page(scope)
        return await self._failed(scope, "") if secrets else unauthenticated(scope)

    def is_still_allowed(self, caller: Caller, workspace: ServedWorkspace | None) -> bool:
        """Return whether the token and the session of a sender are still valid, and the token still gives the role."""
        if caller.token_id is None:
            return True
        if caller.session is not None and not self._accounts.has_session(caller.session):
            return False
        record = self._accounts.of_id(caller.token_id)
        now = None if record is None else _caller(record, workspace, caller.has_cookie)
        return now is not None and RANKS[now.role] >= RANKS[caller.role]

    def readable(self, caller: Caller, names: Sequence[str]) -> list[str]:
        """Return the names of the workspaces that a sender may read."""
        record = None if caller.token_id is None else self._accounts.of_id(caller.token_id)
        return [name for name in names if caller.token_id is None or (record and record.grant_in(name))]

    def _checked(self, scope: Scope, route: Route, caller: Caller | None) -> Caller | Response:
        """Return the sender, or the answer that refuses a request that no page of this server has sent."""
        if caller is None:  # the token is for other workspaces
            return not_found()
        headers, own = scope["headers"], scope["state"]["origin"]
        if is_other_origin(headers, own):
            return error_response(NotAllowed(route.access, "this server", "a page of another server sends the request"))
        if not caller.has_cookie or is_from_own_page(headers, own):
            return caller
        from_address_bar = values_of(headers, b"sec-fetch-site") == [b"none"]
        is_link = opens_a_page(headers, own) and (route.is_page or from_address_bar)
        if is_link and route.access == "read" and scope["method"] in ("GET", "HEAD"):
            return caller
        return error_response(NotAllowed(route.access, "this server", "no page of this server sends the request"))

    async def _failed(self, scope: Scope, text: str) -> Response:
        """Return the answer to a wrong secret, after a delay that grows with the failures of the sender."""
        parsed = parse_token(text)
        keys = [f"address {scope['state']['client']}", *([f"token {parsed.token_id}"] if parsed else [])]
        await asyncio.sleep(self._delays.after_failure(*keys))
        return unauthenticated(scope)


def unauthenticated(scope: Scope) -> Response:
    """Return the answer to a request without a valid token or session."""
    answer = error_response(NotAuthenticated(scope["state"]["origin"].decode("latin-1")))
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _caller(
    record: TokenRecord, workspace: ServedWorkspace | None, has_cookie: bool, session: bytes | None = None
) -> Caller | None:
    """Return the sender with a token, or None if the token is not for the workspace.

    On the addresses of the server itself, a token for some workspaces makes a reader.
    """
    if workspace is None:
        everywhere = next((grant for grant in record.grants if grant.workspace is None), None)
        return Caller(everywhere.role if everywhere else "reader", record.user, record.id, None, has_cookie, session)
    grant = record.grant_in(workspace.name)
    if grant is None:
        return None
    return Caller(grant.role, record.user, record.id, grant.experiment_id, has_cookie, session)
