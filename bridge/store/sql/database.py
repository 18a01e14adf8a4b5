"""A SQLite database that threads and processes share: its connections and transactions."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import weakref
from _thread import RLock
from collections.abc import Generator
from pathlib import Path

import bridge.journal.locks as locks
from bridge.errors import NotAllowed, SchemaMismatch, StoreUnavailable
from bridge.journal.block import block
from bridge.store.sql.database_file import NOT_OURS, Identity, border, has_wal, identity_of, stamp_of, uri_of
from bridge.store.sql.gate import close_left_at_once, databases, gate, leave, open_gate
from bridge.store.sql.migrate import SCHEMA, WIDENED_FROM, migrate, read_schema, widen
from bridge.store.sql.turns import Queue, Turn

logger = logging.getLogger("bridge")

BUSY_SECONDS = 10.0
"""How long SQLite itself waits for a lock. Writers queue on a file before, so SQLite rarely has to wait."""

TRIES = 3
"""How often a transaction is tried while another file replaces the database."""


class _Local(threading.local):
    """The state of one thread. Its attributes are read without a call, so no signal handler runs in between."""

    connection: sqlite3.Connection | None = None
    identity: Identity | None = None
    copy: tuple[object, sqlite3.Connection] | None = None
    unlocked: bool = False


class Database:
    """One SQLite file, in WAL mode.

    Each thread has a connection of its own. `read` and `write` return it in a transaction.
    Each transaction compares the file at the path with the file that its connection has open. If they differ, because
    the folder was replaced or restored from a backup, the transaction uses the file at the path, and logs that once.
    After a fork the child must call `forget`.

    Args:
        path: the file, which must exist.
        read_only: open the file only for reading.
        fsync: each write waits until it is on disk (`synchronous=FULL`). None: only if the workspace was created
            with the durability "power".

    Attributes:
        generation: how often another database has replaced the file at the path.
    """

    def __init__(self, path: Path, read_only: bool = False, fsync: bool | None = False) -> None:
        self.path, self.read_only, self.fsync = path, read_only, fsync
        self.generation = 0
        self._file = str(path)
        self._queue_path = str(path.with_suffix(".lock"))
        self._identity: Identity | None = None
        self._mode = 0o644
        self._opened: dict[sqlite3.Connection, int] = {}
        # Python warns if the garbage collector finalizes an open connection. The collector calls `leave` before it
        # finalizes any object of a cycle.
        weakref.finalize(self, leave, self._opened).atexit = False
        self._begin()
        databases.add(self)

    def _begin(self) -> None:
        self._local = _Local()
        self._connections: dict[threading.Thread, sqlite3.Connection] = {}
        self._set_aside: list[sqlite3.Connection] = []
        self._turn = Turn(self._file, self._queue_path)
        self._noting = RLock()

    @block
    def read(self) -> Generator[sqlite3.Connection, None, None]:
        """Return a context manager that gives a connection, which sees one state of the database.

        A read within another transaction of the same thread, for example in a signal handler, sees the state of that
        transaction.

        Raises:
            StoreUnavailable: the file is gone, or cannot be read at the moment.
            SchemaMismatch: the file at the path was written by a newer version of Runbridge.
        """
        with border(self._file), gate.inside():
            own = self._local.connection
            if self.read_only:  # with `immutable=1`, SQLite does not notice changes of the file
                yield from self._read_newly_opened()
            elif own is not None and own.in_transaction:
                yield own
            else:
                yield from self._transaction("BEGIN")

    @block
    def write(self) -> Generator[sqlite3.Connection, None, None]:
        """Return a context manager that gives a connection. Its changes are stored together at the end, or not at all.

        Raises:
            NotAllowed: the database can only be read.
            SchemaMismatch: a newer version of Runbridge has migrated the database.
            StoreUnavailable: another process has kept the turn to write for longer than the limit, which the error
                names; or the disk is full; or the file is gone or was replaced within the block; or a signal handler
                has interrupted a transaction of this thread.
        """
        if self.read_only:
            raise NotAllowed("write to", self._file, "it can only be read here")
        own = self._local.connection
        if own is not None and own.in_transaction:
            reason = "a signal handler cannot write within a transaction it has interrupted: let the handler set a flag"
            raise StoreUnavailable(self._file, reason)
        start = time.monotonic()
        with border(self._file), self._turn, self._queue(start), gate.inside():
            yield from self._transaction("BEGIN IMMEDIATE")

    @block
    def peek(self) -> Generator[sqlite3.Connection, None, None]:
        """Return a context manager that gives a connection for one read. If possible, SQLite creates no file for it."""
        with border(self._file), gate.inside():
            connection = self._open(
                uri_of(self._file) + ("?mode=ro" if has_wal(self._file) else "?mode=ro&immutable=1")
            )
            try:
                yield connection
            finally:
                self._close(connection)

    def _transaction(self, begin: str) -> Generator[sqlite3.Connection, None, None]:
        """Yield this thread's connection in a transaction on the file at the path. A read is rolled back."""
        for _ in range(TRIES):
            connection = self._connection()
            # The `with` rolls back after an exception. The `__exit__` of a connection is written in C, so no signal
            # handler can interrupt it.
            with connection:
                local = self._local  # kept, because `close` in another thread may replace `self._local`
                if self._has_begun(connection, begin):
                    if begin != "BEGIN":
                        self._check_schema(connection)
                    yield connection
                    if begin != "BEGIN":
                        self._check_place(local.identity)
                        connection.commit()
                    connection.rollback()
                    return
                connection.rollback()
            self._drop()
        raise StoreUnavailable(self._file, "another file replaces it again and again")

    def _has_begun(self, connection: sqlite3.Connection, begin: str) -> bool:
        """Start a transaction. Return False if a close dropped the connection, or its file is no longer at the path."""
        try:
            connection.execute(begin)
        except sqlite3.Error:
            if self._local.connection is None or identity_of(self._file) == self._local.identity:
                raise
            return False
        return self._local.connection is connection and identity_of(self._file) == self._local.identity

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        found = read_schema(connection)
        if found != SCHEMA:
            raise SchemaMismatch(self._file, found, SCHEMA)

    def _check_place(self, identity: Identity | None) -> None:
        if identity_of(self._file) != identity:
            reason = "another workspace replaced it during this change, and the new one does not contain the change"
            raise StoreUnavailable(self._file, reason)

    def _queue(self, start: float) -> Queue:
        """Return the turn among processes. The wait for it is limited by the rest of the time since `start`."""
        left = locks.WAIT_SECONDS - (time.monotonic() - start)
        return Queue(self._queue_path, self._mode, self._file, seconds=max(left, locks.WAIT_SECONDS / 10))

    def close(self) -> None:
        """Close every connection; a later call opens new ones."""
        try:
            alone = gate.shut()
            self._set_connections_aside()
            if alone:
                self._close_set_aside()
        finally:
            open_gate()

    def close_for_fork(self) -> None:
        """Close every connection that is in no transaction, while no other thread is inside SQLite."""
        own = self._local.connection
        if own is not None and own.in_transaction:  # a signal handler forks within a transaction: SQLite forbids that
            return
        self._set_connections_aside()
        self._close_set_aside()

    def close_ended(self) -> None:
        """Close the connections of threads that have ended."""
        close_left_at_once()
        main = threading.main_thread()  # while the process ends, `is_alive` is False, and the thread still folds
        for thread in [one for one in list(self._connections) if one is not main and not one.is_alive()]:
            ended = self._connections.pop(thread, None)
            if ended is not None:
                with gate.inside():
                    self._close(ended)

    def forget(self) -> None:
        """Forget the parent's connections in a child after a fork.

        They stay open, because closing one would release the parent's locks.
        """
        self._begin()

    def _set_connections_aside(self) -> None:
        self._set_aside += self._connections.values()
        self._connections = {}
        self._local = _Local()

    def _close_set_aside(self) -> None:
        while self._set_aside:
            self._close(self._set_aside[-1])
            self._set_aside.pop()

    def _close(self, connection: sqlite3.Connection) -> None:
        connection.close()
        self._opened.pop(connection, None)

    def _connection(self) -> sqlite3.Connection:
        connection = self._local.connection
        if connection is None:
            self.close_ended()
            identity = identity_of(self._file)
            connection = self._connect()
            try:
                self._note(identity, connection)
            except BaseException:
                self._close(connection)
                raise
            self._local.connection, self._local.identity = connection, identity
            self._connections[threading.current_thread()] = connection
        return connection

    def _drop(self) -> None:
        """Close this thread's connection, because its file is no longer the file at the path."""
        connection, self._local.connection = self._local.connection, None
        if connection is not None:
            self._connections.pop(threading.current_thread(), None)
            self._close(connection)

    def _note(self, identity: Identity, connection: sqlite3.Connection) -> None:
        """Remember which file is open. If it is another file than before, count and log the replacement."""
        if identity == self._identity:
            return
        with self._noting:
            if self._identity is None:
                self._identity = identity
            elif identity != self._identity:
                self._check(connection)
                if identity_of(self._file) != identity:
                    return
                self._identity = identity
                self.generation += 1
                logger.warning(
                    "The workspace at %s was replaced by another workspace, which is used now. "
                    "Runs that only the former workspace had are not found any more.",
                    self.path.parent,
                )
            self._mode = os.stat(self._file).st_mode & 0o666

    def _check(self, connection: sqlite3.Connection) -> None:
        """Raise unless a replacing file is the database of a workspace. Migrate a database of an older schema."""
        found = read_schema(connection)
        if found > SCHEMA:
            raise SchemaMismatch(self._file, found, SCHEMA)
        if not found or connection.execute("SELECT 1 FROM workspace WHERE name = 'id'").fetchone() is None:
            raise StoreUnavailable(self._file, NOT_OURS)
        if found < SCHEMA and not self.read_only:
            migrate(connection)

    def _connect(self) -> sqlite3.Connection:
        uri = uri_of(self._file)
        if not self.read_only:
            connection = self._open(uri + "?mode=rw")
            if self.fsync is None:
                self.fsync = _wants_fsync(connection)
            connection.execute(f"PRAGMA synchronous={'FULL' if self.fsync else 'NORMAL'}")
            connection.execute("PRAGMA foreign_keys=ON")
            return connection
        try:
            connection = self._open(uri + "?mode=ro")
            connection.execute("SELECT 1 FROM workspace LIMIT 1").fetchone()
            return connection
        except sqlite3.OperationalError:
            # Without a -wal file no process has the database open, so SQLite can read it as an immutable file.
            if has_wal(self._file):
                raise
            self._local.unlocked = True
            return self._open(uri + "?mode=ro&immutable=1")

    def _read_newly_opened(self) -> Generator[sqlite3.Connection, None, None]:
        identity, stamp = identity_of(self._file), stamp_of(self._file)
        self._local.unlocked = False
        connection = self._connect()
        try:
            self._note(identity, connection)
            found = read_schema(connection)
            if 0 < found < WIDENED_FROM:
                yield from self._read_copy(connection, identity)
            else:
                if found < SCHEMA:
                    widen(connection)
                connection.execute("BEGIN")
                yield connection
        finally:
            self._close(connection)
        if self._local.unlocked and stamp_of(self._file) != stamp:  # the file was read without a lock
            raise StoreUnavailable(self._file, "another process wrote to it during the read: read again")

    def _read_copy(self, old: sqlite3.Connection, identity: Identity) -> Generator[sqlite3.Connection, None, None]:
        """Read from a copy in a private temporary file. The copy is made again when the database has changed."""
        stamp = identity, *(stamp_of(self._file + end) for end in ("", "-wal"))
        known = self._local.copy
        if known is not None and known[1].in_transaction:  # a read within a read
            yield known[1]
            return
        if known is None or known[0] != stamp:
            copy = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._opened[copy] = os.getpid()
            try:
                old.backup(copy)
                migrate(copy)
            except BaseException:
                self._close(copy)
                raise
            if known is not None:
                self._close(known[1])
            known = self._local.copy = stamp, copy
            self._connections[threading.current_thread()] = copy
        try:
            known[1].execute("BEGIN")
            yield known[1]
        finally:
            known[1].rollback()

    def _open(self, uri: str) -> sqlite3.Connection:
        # `check_same_thread` is off, because a close may run in another thread than the open.
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self._opened[connection] = os.getpid()
        return connection


def _wants_fsync(connection: sqlite3.Connection) -> bool:
    """Return whether the workspace of a database was created with the durability "power"."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'workspace'").fetchone():
        return False  # not the database of a workspace; `open_sqlite` reports that
    row = connection.execute("SELECT value FROM workspace WHERE name = 'durability'").fetchone()
    return row is not None and row[0] == "power"
