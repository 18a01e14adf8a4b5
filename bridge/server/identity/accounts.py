"""The tokens and sessions that a server accepts: those of `server.db`, and one that the server makes for its start."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from bridge.errors import StoreUnavailable
from bridge.records.times import now_ms
from bridge.server.identity.database import ServerDatabase
from bridge.server.identity.sessions import Sessions
from bridge.server.identity.token_store import TokenStore
from bridge.server.identity.tokens import TokenRecord, has_secret, parse_token

NOTED_MS = 60_000
"""A token's last use is stored at most once in this time."""


class Accounts:
    """All tokens and sessions of a server.

    Args:
        databases: the databases. A token of any of them is accepted.
    """

    def __init__(self, databases: Sequence[ServerDatabase]) -> None:
        self._stores = [(TokenStore(database), Sessions(database)) for database in databases]
        self._noted: dict[str, int] = {}

    def of_text(self, text: str) -> TokenRecord | None:
        """Return the token with a text if it is valid. The time does not depend on whether its id exists."""
        parsed = parse_token(text)
        token_id, secret = parsed or ("", "")
        found = self._find(token_id)
        if not has_secret(found[1] if found else None, secret):
            return None
        return self._valid(found)

    def of_session(self, secret: str) -> TokenRecord | None:
        """Return the token of a session if both are valid."""
        for _, sessions in self._stores:
            token_id = sessions.find(secret)
            if token_id is not None:
                return self._valid(self._find(token_id))
        return None

    def has_session(self, hash: bytes) -> bool:
        """Return whether a session whose secret has a hash has not ended."""
        return any(sessions.find_hash(hash) is not None for _, sessions in self._stores)

    def of_id(self, token_id: str) -> TokenRecord | None:
        """Return the token with an id if it is valid."""
        return self._valid(self._find(token_id))

    def start_session(self, token_id: str) -> str | None:
        """Start a session of a token, and return its secret; None if the token is not valid any more."""
        if self.of_id(token_id) is None:
            return None
        return next(sessions for store, sessions in self._stores if store.find_token(token_id)).start(token_id)

    def end_session(self, secret: str) -> None:
        """End a session."""
        for _, sessions in self._stores:
            sessions.end(secret)

    def _find(self, token_id: str) -> tuple[TokenStore, TokenRecord] | None:
        # Every store is asked, so that the time does not depend on the id.
        found = [(store, record) for store, _ in self._stores if (record := store.find_token(token_id)) is not None]
        return found[0] if found else None

    def _valid(self, found: tuple[TokenStore, TokenRecord] | None) -> TokenRecord | None:
        now = now_ms()
        if found is None or not found[1].is_valid(now):
            return None
        store, record = found
        if now - self._noted.get(record.id, 0) >= NOTED_MS:
            self._noted[record.id] = now
            with suppress(StoreUnavailable):  # the time of the last use is not worth a failed request
                store.update_token(record.id, last_used=now)
        return record
