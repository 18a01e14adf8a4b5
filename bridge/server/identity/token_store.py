"""The store of a server's tokens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bridge.errors import InvalidValue, NotFound, Problem
from bridge.records.times import now_ms
from bridge.server.identity.database import ServerDatabase
from bridge.server.identity.tokens import Grant, TokenRecord, TokenText, hash_of, new_token_text
from bridge.server.roles import RANKS
from bridge.server.workspace_names import NAME

MOST_USER = 255

COLUMNS = "id, secret_hash, user, grants, created, expires, last_used, revoked"


class TokenStore:
    """The tokens of a server. Secrets are stored as hashes only. Methods may be called in any thread.

    Another process may create and revoke tokens at any time. The next call sees it.

    Args:
        database: the database of the server.
    """

    def __init__(self, database: ServerDatabase) -> None:
        self._database = database

    def create_token(
        self, user: str, grants: Sequence[Grant], expires: int | None = None
    ) -> tuple[TokenRecord, TokenText]:
        """Create a token, and return its record and its text. The text cannot be read again.

        Args:
            user: the name of the person or program.
            grants: what the token allows, at most one grant for each workspace.
            expires: the time in milliseconds since 1970 UTC after which it is not valid.

        Raises:
            InvalidValue: an argument breaks a rule.
        """
        now = now_ms()
        _check(user, grants, expires, now)
        text = new_token_text()
        record = TokenRecord(text.token_id, hash_of(text.secret), user, tuple(grants), now, expires)
        self._database.write(
            f"INSERT INTO token ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)",
            (record.id, record.secret_hash, user, _dumped(record.grants), now, expires),
        )
        self._database.make_durable()
        return record, text

    def find_token(self, token_id: str) -> TokenRecord | None:
        """Return a token, also one that is not valid any more, or None."""
        rows = self._database.read(f"SELECT {COLUMNS} FROM token WHERE id = ?", (token_id,))
        return _record(rows[0]) if rows else None

    def list_tokens(self) -> list[TokenRecord]:
        """Return all tokens, also those that are not valid any more, newest first."""
        rows = self._database.read(f"SELECT {COLUMNS} FROM token ORDER BY created DESC, id")
        return [_record(row) for row in rows]

    def update_token(self, token_id: str, *, last_used: int | None = None, revoked: int | None = None) -> TokenRecord:
        """Store that a token was used or revoked, and return it. A token keeps its first time of revocation.

        Raises:
            NotFound: the token does not exist.
        """
        changed = self._database.write(
            "UPDATE token SET last_used = coalesce(?, last_used), revoked = coalesce(revoked, ?) WHERE id = ?",
            (last_used, revoked, token_id),
        )
        found = self.find_token(token_id) if changed else None
        if found is None:
            raise NotFound("token", token_id, "`runbridge token list` prints the ids")
        if revoked is not None:
            self._database.write("DELETE FROM session WHERE token_id = ?", (token_id,))
            self._database.make_durable()
        return found


def has_valid_token(store: TokenStore) -> bool:
    """Return whether a store has a token that is valid now."""
    now = now_ms()
    return any(token.is_valid(now) for token in store.list_tokens())


def _check(user: str, grants: Sequence[Grant], expires: int | None, now: int) -> None:
    problems = []
    if not user.strip() or len(user) > MOST_USER or not user.isprintable():
        problems.append(Problem("user", user, f"must be 1 to {MOST_USER} printable characters"))
    names = [grant.workspace for grant in grants]
    if not grants or len(set(names)) < len(names):
        problems.append(Problem("workspaces", names, "must be different, and at least one"))
    problems += [
        Problem("workspace", name, "must be its name in addresses: lower-case letters, digits, _ and -")
        for name in names
        if name is not None and not NAME.fullmatch(name)
    ]
    problems += [
        Problem("role", grant.role, f"must be one of {', '.join(RANKS)}") for grant in grants if grant.role not in RANKS
    ]
    if any(grant.experiment_id is not None and grant.workspace is None for grant in grants):
        problems.append(Problem("experiment", grants[0].experiment_id, "needs the name of its workspace"))
    if expires is not None and expires <= now:
        problems.append(Problem("expires", expires, "must be in the future"))
    if problems:
        raise InvalidValue(*problems[0], others=tuple(problems[1:]))


def _dumped(grants: Sequence[Grant]) -> str:
    return json.dumps([[grant.role, grant.workspace, grant.experiment_id] for grant in grants])


def _record(row: tuple[Any, ...]) -> TokenRecord:
    grants = tuple(Grant(*grant) for grant in json.loads(row[3]))
    return TokenRecord(row[0], row[1], row[2], grants, *row[4:])
