"""Connections to a database, which remember the ids of names."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from bridge.store.sql.time_limit import INSTRUCTIONS, has_time_limit, is_over, search_cache_kib

if TYPE_CHECKING:
    from bridge.records.series import Definition

Name: TypeAlias = "tuple[int, int, str, int, str, str]"
"""A name: experiment, entity, key, kind, column and value type. `bridge.store.sql.names` describes the fields."""

MOST_NAMES = 20_000
"""The number of names that a connection remembers, about 5 MB. If it learns more names, it forgets the earlier ones."""


class Connection(sqlite3.Connection):
    """A connection of one thread.

    The remembered names are attributes of the connection, so they end with it: after a fork, and if another file has
    replaced the database.

    Attributes:
        names: the ids of committed names.
        newest: the remembered name with the greatest id, its id, and the stamp of its row.
        stamp: the stamp of the rows of names that this connection inserts.
        new_names: the ids of the names that the open transaction has inserted.
        kept: the rows of the last fold: the state of the database, the series, and the rows. See
            `bridge.store.sql.known`.
        is_for_searches: whether `prepare_for_searches` was called.
    """

    # The attributes have defaults in the class, because a signal handler could interrupt an `__init__`.
    names: dict[Name, int] | None = None
    newest: tuple[Name, int, int] | None = None
    stamp: int = 0
    new_names: dict[Name, int] | None = None
    kept: tuple[object, Sequence[Definition], Any] | None = None
    is_for_searches = False
    observes_time = False

    def prepare_for_searches(self) -> None:
        """Let the page cache grow to the size for searches, and observe the time limit of the thread."""
        if not self.is_for_searches:
            self.execute(f"PRAGMA cache_size=-{search_cache_kib()}").fetchall()
            self.is_for_searches = True
        if not self.observes_time and has_time_limit():  # else an exception of a signal handler could get lost in it
            self.set_progress_handler(is_over, INSTRUCTIONS)
            self.observes_time = True

    def remember(self, names: dict[Name, int], stamp: int) -> None:
        """Remember the ids of committed names. `stamp` is the stamp of the name with the greatest id."""
        known = self.names
        if known is None or len(known) + len(names) > MOST_NAMES:
            known, self.newest = {}, None
        if 0 < len(names) <= MOST_NAMES:
            known.update(names)
            newest = (*max(names.items(), key=itemgetter(1)), stamp)
            self.newest = newest if self.newest is None else max(self.newest, newest, key=itemgetter(1))
        self.names = known

    def forget_new_names(self) -> None:
        """Forget the names of an earlier transaction that was not committed."""
        self.new_names = None

    def keep_names(self) -> None:
        """Remember the names that the committed transaction has inserted."""
        new, self.new_names = self.new_names, None
        if new:
            self.remember(new, self.stamp)


def connect(
    database: str, opened: dict[sqlite3.Connection, int], uri: bool = False, timeout: float = 5.0
) -> Connection:
    """Open a connection. It is closed by another thread than its own if that thread has ended, and at a fork.

    Args:
        database: the path or the URI of the file; an empty text is a temporary file.
        opened: gets the connection and the id of this process before the file is open. So a signal handler that raises
            an error cannot lose an open connection.
        uri: whether `database` is a URI.
        timeout: how long SQLite waits for a lock, in seconds.
    """
    connection = Connection.__new__(Connection)
    opened[connection] = os.getpid()
    try:
        Connection.__init__(
            connection,
            database,
            timeout=timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
            uri=uri,
        )
        connection.stamp = int.from_bytes(os.urandom(8), "little", signed=True)
    except BaseException:
        close(connection)
        opened.pop(connection, None)
        raise
    return connection


def close(connection: sqlite3.Connection) -> None:
    """Close a connection, which may not have been opened completely."""
    with suppress(sqlite3.ProgrammingError):  # `__init__` was not called
        connection.close()
