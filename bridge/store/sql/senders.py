"""The clients that use the journals of other computers. The first one that names a journal is its only user."""

from __future__ import annotations

from collections.abc import Collection
from sqlite3 import Connection
from typing import NamedTuple

from bridge.errors import NotAllowed
from bridge.store.sql.database import Database
from bridge.store.sql.statements import in_chunks, insert


class Sender(NamedTuple):
    """A client: the id of its token, and its user. Both are empty if the server does not know them."""

    token_id: str
    user: str

    def is_same(self, other: Sender) -> bool:
        """Return whether another client may use what this one uses: it has the same token, or is the same user.

        Users whom a proxy has signed in have no token. Without tokens, all clients are the same one.
        """
        is_same_token = bool(self.token_id) and self.token_id == other.token_id
        return self == other or is_same_token or (bool(self.user) and self.user == other.user)


def claim_journals(database: Database, journal_ids: Collection[str], sender: Sender, is_admin: bool) -> None:
    """Check that a client may use journals, and record the client as the user of those that no client has used.

    Raises:
        NotAllowed: another client has used a journal, and the client is no admin.
    """
    with database.read() as c:
        known = _senders(c, journal_ids)
    new = [journal_id for journal_id in dict.fromkeys(journal_ids) if journal_id not in known]
    if new:
        with database.write() as c:
            rows = [(journal_id, *sender) for journal_id in new]
            insert(c, "sender", ("journal_id", "token_id", "user"), rows, "ON CONFLICT DO NOTHING")
            known = _senders(c, journal_ids)
    if not is_admin:
        _check(known, sender)


def check_journals(database: Database, journal_ids: Collection[str], sender: Sender) -> None:
    """Check that a client has used journals before.

    Raises:
        NotAllowed: it has not.
    """
    with database.read() as c:
        known = _senders(c, journal_ids)
    _check({journal_id: known.get(journal_id) for journal_id in journal_ids}, sender)


def _check(known: dict[str, Sender] | dict[str, Sender | None], sender: Sender) -> None:
    for journal_id, first in known.items():
        if first is None or not first.is_same(sender):
            raise NotAllowed("use journal", journal_id, "it belongs to another user of the server")


def _senders(c: Connection, journal_ids: Collection[str]) -> dict[str, Sender]:
    sql = "SELECT journal_id, token_id, user FROM sender WHERE journal_id IN ({})"
    return {row[0]: Sender(*row[1:]) for row in in_chunks(c, sql, list(journal_ids))}
