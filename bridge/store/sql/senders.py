"""The clients that use the journals of other computers. The first one that names a journal is its only user.

A journal that no client has named for `KEPT_MILLISECONDS` is forgotten. If a client names it again, it is its user.
"""

from __future__ import annotations

from collections.abc import Collection
from sqlite3 import Connection
from typing import NamedTuple

from bridge.errors import NotAllowed
from bridge.store.sql.database import Database
from bridge.store.sql.statements import in_chunks, insert

DAY = 24 * 3600 * 1000

KEPT_MILLISECONDS = 90 * DAY
"""How long the user of a journal is remembered after its last use. A running process uses its journal all the time."""

REMOVED_AT_ONCE = 100
"""The greatest number of journals that are forgotten when a client names a new one."""

FORGET = "DELETE FROM sender WHERE journal_id IN (SELECT journal_id FROM sender WHERE used < ? LIMIT ?)"


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


def claim_journals(database: Database, journal_ids: Collection[str], sender: Sender, is_admin: bool, now: int) -> None:
    """Check that a client may use journals, and record the client as the user of those that no client has used.

    Args:
        database: the database.
        journal_ids: the journals.
        sender: the client.
        is_admin: whether the client may use the journals of others.
        now: the current time in milliseconds since 1970 UTC.

    Raises:
        NotAllowed: another client has used a journal, and the client is no admin.
    """
    with database.read() as c:
        known, uses = _senders(c, journal_ids)
    new = [journal_id for journal_id in dict.fromkeys(journal_ids) if journal_id not in known]
    if not is_admin:
        _check(known, sender)
    if not new and all(abs(now - used) < DAY for used in uses):
        return
    with database.write() as c:
        rows = [(journal_id, *sender, now) for journal_id in new]
        insert(c, "sender", ("journal_id", "token_id", "user", "used"), rows, "ON CONFLICT DO NOTHING")
        known, _ = _senders(c, journal_ids)  # another client may have been the first one
        if not is_admin:
            _check(known, sender)
        c.executemany("UPDATE sender SET used = ? WHERE journal_id = ?", [(now, journal_id) for journal_id in known])
        c.execute(FORGET, (now - KEPT_MILLISECONDS, REMOVED_AT_ONCE))


def check_journals(database: Database, journal_ids: Collection[str], sender: Sender) -> None:
    """Check that a client has used journals before.

    Raises:
        NotAllowed: it has not.
    """
    with database.read() as c:
        known, _ = _senders(c, journal_ids)
    _check({journal_id: known.get(journal_id) for journal_id in journal_ids}, sender)


def _check(known: dict[str, Sender] | dict[str, Sender | None], sender: Sender) -> None:
    for journal_id, first in known.items():
        if first is None or not first.is_same(sender):
            raise NotAllowed("use journal", journal_id, "it belongs to another user of the server")


def _senders(c: Connection, journal_ids: Collection[str]) -> tuple[dict[str, Sender], list[int]]:
    """Return the user of each journal that has one, and the times at which these journals were used."""
    sql = "SELECT journal_id, token_id, user, used FROM sender WHERE journal_id IN ({})"
    rows = list(in_chunks(c, sql, list(journal_ids)))
    return {row[0]: Sender(*row[1:3]) for row in rows}, [row[3] for row in rows]
