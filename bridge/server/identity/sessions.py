"""The sessions of browsers: each is the secret in a cookie that stands for a token."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable

from bridge.records.times import now_ms
from bridge.server.identity.database import ServerDatabase
from bridge.server.identity.tokens import hash_of

SESSION_MS = 30 * 86_400_000
"""How long a session is valid, unless its token expires before."""

CODE_SECONDS = 300.0
"""How long a code is valid."""

MOST_CODES = 1_000

MOST_SESSIONS = 100
"""The greatest number of sessions of one token. One more ends the oldest one."""


class Sessions:
    """The sessions that have started. Secrets are stored as hashes only.

    Args:
        database: the database of the server.
    """

    def __init__(self, database: ServerDatabase) -> None:
        self._database = database

    def start(self, token_id: str) -> str:
        """Start a session of a token, and return its secret. If the token has too many, the oldest ones end."""
        secret, now = secrets.token_urlsafe(32), now_ms()
        self._database.write(
            "DELETE FROM session WHERE expires <= ? OR hash IN"
            " (SELECT hash FROM session WHERE token_id = ? ORDER BY expires DESC LIMIT -1 OFFSET ?)",
            (now, token_id, MOST_SESSIONS - 1),
        )
        # Sessions that start in the same millisecond expire one after the other, so that their order is known.
        self._database.write(
            "INSERT INTO session (hash, token_id, expires) SELECT ?1, ?2, max(?3, coalesce(max(expires) + 1, 0))"
            " FROM session WHERE token_id = ?2",
            (hash_of(secret), token_id, now + SESSION_MS),
        )
        return secret

    def find(self, secret: str) -> str | None:
        """Return the id of the token of a session, or None if no session has the secret."""
        return self.find_hash(hash_of(secret))

    def find_hash(self, hash: bytes) -> str | None:
        """Return the id of the token of a session, or None if no session has a secret with the hash."""
        rows = self._database.read("SELECT token_id FROM session WHERE hash = ? AND expires > ?", (hash, now_ms()))
        return rows[0][0] if rows else None

    def end(self, secret: str) -> None:
        """End a session. Nothing happens if it does not exist."""
        self._database.write("DELETE FROM session WHERE hash = ?", (hash_of(secret),))


class Codes:
    """Codes that a browser exchanges for a session, each once, within five minutes.

    Attributes:
        on_redeemed: called when a code is used.

    Args:
        clock: a monotonic clock in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._codes: dict[str, tuple[float, str]] = {}
        self._clock = clock
        self.on_redeemed: Callable[[], object] = lambda: None

    def new_code(self, token_id: str) -> str:
        """Return a new code for a token."""
        now = self._clock()
        self._codes = {code: known for code, known in self._codes.items() if known[0] > now}
        while len(self._codes) >= MOST_CODES:
            del self._codes[next(iter(self._codes))]
        code = secrets.token_urlsafe(24)
        self._codes[code] = (now + CODE_SECONDS, token_id)
        return code

    def redeem(self, code: str) -> str | None:
        """Return the id of the token of a code, and make the code invalid; None if the code is not valid."""
        # All codes are compared in constant time, so that an answer's time tells nothing about them.
        found = [known for known in self._codes if hmac.compare_digest(known.encode(), code.encode(errors="replace"))]
        for known in found:
            end, token_id = self._codes.pop(known)
            if end > self._clock():
                self.on_redeemed()
                return token_id
        return None
