"""The access to one server: its tokens, its sessions, its audit log, and the token of its start."""

from __future__ import annotations

from pathlib import Path

from bridge.errors import NotFound
from bridge.server.identity.accounts import Accounts
from bridge.server.identity.audit import AuditLog
from bridge.server.identity.cookies import Cookies
from bridge.server.identity.database import ServerDatabase
from bridge.server.identity.delays import Delays
from bridge.server.identity.names import own_user
from bridge.server.identity.reachable import Reachable
from bridge.server.identity.sessions import Codes
from bridge.server.identity.sign_in import SignIn
from bridge.server.identity.team import TeamIdentity
from bridge.server.identity.token_store import TokenStore, has_valid_token
from bridge.server.identity.tokens import Grant
from bridge.server.notices import Notices
from bridge.server.roles import Role

WAIT_SECONDS = 0.25
"""How long the server waits for a change of `server.db` by another process. All requests wait at the same time."""


class Access:
    """The access to one server.

    If `server.db` has no valid token, or there is no such file, the server makes a token of its own. It ends with the
    server. Tokens that are created later are accepted, too.

    Attributes:
        identity: identifies the senders of requests.
        audit: the audit log, or None if there is no `server.db`.
        accounts: the tokens and sessions.
        codes: the codes that give browsers a session.
        sign_in: the form and the codes for browsers.
        start_token: the token of this start, or None.

    Args:
        port: the port of the server.
        home: the folder of `server.db`; None if there is none.
        reachable: the names of the server.
        notices: makes pages without JavaScript.
        base_path: what all addresses begin with.
        hint: a sentence for browsers about how to get a token.
        start_role: the role of the token of this start.
    """

    def __init__(
        self,
        port: int,
        home: Path | None,
        reachable: Reachable,
        notices: Notices,
        base_path: str,
        hint: str,
        start_role: Role,
    ) -> None:
        self._databases = [] if home is None else [ServerDatabase(home, WAIT_SECONDS)]
        self.audit = AuditLog(self._databases[0]) if self._databases else None
        self.start_token: str | None = None
        self.start_token_id = ""
        if not self._databases or not has_valid_token(TokenStore(self._databases[0])):
            self._databases.append(ServerDatabase(None))
            record, text = TokenStore(self._databases[-1]).create_token(own_user(), [Grant(start_role)])
            self.start_token, self.start_token_id = str(text), record.id
        self.accounts, self.codes = Accounts(self._databases), Codes()
        cookies, delays = Cookies(port, base_path), Delays()
        until_browser_ends = (self.start_token_id,)
        self.sign_in = SignIn(self.accounts, self.codes, cookies, delays, notices, base_path, hint, until_browser_ends)
        # A browser sends its cookie to every port of a host, also to those of other users of this computer.
        is_personal = self.start_token is not None and reachable.proxy is None
        self.identity = TeamIdentity(self.accounts, reachable, cookies, self.sign_in, delays, is_personal)

    def new_code(self) -> str:
        """Return a code that gives a browser a session of the start token once, within five minutes.

        Raises:
            NotFound: the server has no start token.
        """
        if self.start_token is None:
            raise NotFound("token", "of this start", "the server has tokens: sign in with one of them")
        return self.codes.new_code(self.start_token_id)

    def close(self) -> None:
        """Close the databases."""
        for database in self._databases:
            database.close()
