"""The answers to changes that clients have made, so that a repeated request changes nothing and gets the same answer.

An answer is stored in the same transaction as its change. So both exist, or neither, if the server is killed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import NamedTuple, cast

from bridge.errors import InvalidValue, NotFound
from bridge.store.backend import Backend
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.database import Database

KEPT_MILLISECONDS = 24 * 3600 * 1000
"""How long an answer is kept."""

REMOVED_AT_ONCE = 100
"""The greatest number of old answers that one change removes. It adds only one, so none stay for long."""


class Request(NamedTuple):
    """A request: its key, a checksum of what it asks for, and the current time in milliseconds since 1970 UTC."""

    key: bytes
    checksum: bytes
    now: int


class _OneTransaction:
    """The part of a `Database` that a backend needs, within a transaction that the caller has opened."""

    def __init__(self, database: Database, connection: sqlite3.Connection) -> None:
        self.path, self.read_only = database.path, database.read_only
        self._connection = connection

    @contextmanager
    def read(self) -> Generator[sqlite3.Connection, None, None]:
        """Return the connection."""
        yield self._connection

    write = read


def once(database: Database, request: Request, change: Callable[[Backend], bytes]) -> bytes:
    """Make a change in one transaction, and return its answer. If it was made before, return the stored answer.

    Args:
        database: the database.
        request: the request.
        change: makes the change with a backend, and returns the answer. The backend may be used only by this function.

    Raises:
        InvalidValue: another request has the same key.
    """
    with database.write() as c:
        row = _find(c, request)
        if row is not None:
            return row[0] or b""
        answer = change(SqlBackend(cast(Database, _OneTransaction(database, c))))
        _remove_old(c, request.now)
        c.execute("INSERT INTO answer (key, request, time, body) VALUES (?, ?, ?, ?)", (*request, answer))
        return answer


def in_steps(database: Database, request: Request, change: Callable[[], bytes], is_done: Callable[[], bool]) -> bytes:
    """Make a change of several transactions, and return its answer. If it was completed before, return that answer.

    If the server was killed during the change, the repeated request makes the rest of it.

    Args:
        database: the database.
        request: the request.
        change: makes the change, or the rest of it, and returns the answer.
        is_done: returns whether nothing is left to change. It is asked if a repeated change raises `NotFound`.

    Raises:
        InvalidValue: another request has the same key.
    """
    with database.write() as c:
        row = _find(c, request)
        if row is not None and row[0] is not None:
            return row[0]
        if row is None:
            _remove_old(c, request.now)
            c.execute("INSERT INTO answer (key, request, time) VALUES (?, ?, ?)", request)
    try:
        answer = change()
    except Exception as error:
        if row is None or not isinstance(error, NotFound) or not is_done():
            with database.write() as c:
                c.execute("DELETE FROM answer WHERE key = ?", (request.key,))
            raise
        answer = b""
    with database.write() as c:
        c.execute("UPDATE answer SET body = ? WHERE key = ?", (answer, request.key))
    return answer


def _find(c: sqlite3.Connection, request: Request) -> tuple[bytes | None] | None:
    """Return the stored answer of a request in a tuple, or None if the request is new."""
    row = c.execute("SELECT request, body FROM answer WHERE key = ?", (request.key,)).fetchone()
    if row is None:
        return None
    if row[0] != request.checksum:
        raise InvalidValue("key of the request", request.key.hex(), "was used for another request: choose random keys")
    return (row[1],)


def _remove_old(c: sqlite3.Connection, now: int) -> None:
    c.execute(
        "DELETE FROM answer WHERE key IN (SELECT key FROM answer WHERE time < ? LIMIT ?)",
        (now - KEPT_MILLISECONDS, REMOVED_AT_ONCE),
    )
