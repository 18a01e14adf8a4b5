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
from bridge.store.sql.connection import Connection, connect
from bridge.store.sql.database_file import NO_ACCESS, NOT_OURS, Identity, border, has_wal, identity_of, stamp_of, uri_of
from bridge.store.sql.gate import close_left_at_once, databases, gate, leave, open_gate
from bridge.store.sql.migrate import SCHEMA, migrate, read_schema
from bridge.store.sql.turns import Queue, Turn

logger = logging.getLogger("bridge")

BUSY_SECONDS = 10.0
"""How long SQLite waits for a lock.

SQLite rarely has to wait, because a writer first waits for its turn: the locks in the module `turns`, which only one
thread of one process holds at a time.
"""

CACHE_KIB = 8_192
"""The greatest size of the page cache of a connection that does not search.

The file is not mapped into memory (`mmap_size`): if another process shortened the file, a read would end this process
with SIGBUS.
"""

TRIES = 3
"""How often a transaction is tried. A try fails if another file replaces the database during the try."""


class _Local(threading.local):
    """The state of one thread.

    The attributes have defaults in the class. Python would call an `__init__` in each thread when the thread first uses
    this object. A signal handler could interrupt this call.
    """

    connection: Connection | None = None
    identity: Identity | None = None
    copy: tuple[object, Connection] | None = None
    unlocked: bool = False


class Database:
    """One SQLite file in WAL mode (write-ahead log).

    Each thread has its own connection. `read` and `write` return this connection in a transaction.
    Each transaction compares the file at the path with the file that its connection has open. They differ if the folder
    was replaced or restored from a backup. In this case the transaction uses the file at the path, and logs a warning.
    After a fork, the child must call `forget`.

    Args:
        path: the file, which must exist.
        read_only: whether to open the file only for reading.
        fsync: whether each write waits until it is on the disk (`synchronous=FULL`). None means that writes wait if the
            workspace was created with the durability "power".

    Attributes:
        generation: the number of times that another database has replaced the file at the path.
    """

    def __init__(self, path: Path, read_only: bool = False, fsync: bool | None = False) -> None:
        self.path, self.read_only, self.fsync = path, read_only, fsync
        self.generation = 0
        self._file = str(path)
        self._queue_path = str(path.with_suffix(".lock"))
        self._identity: Identity | None = None
        self._mode = 0o644
        self._opened: dict[sqlite3.Connection, int] = {}
        # Python warns if the garbage collector finalizes an open connection. So when this object is collected, `leave`
        # closes its connections first.
        weakref.finalize(self, leave, self._opened).atexit = False
        self._begin()
        databases.add(self)

    def _begin(self) -> None:
        self._local = _Local()
        self._connections: dict[threading.Thread, Connection] = {}
        self._set_aside: list[Connection] = []
        self._turn = Turn(self._file, self._queue_path)
        self._noting = RLock()

    @block
    def read(self) -> Generator[Connection, None, None]:
        """Return a context manager that gives a connection for reading. All reads see the same state of the database.

        A read within another transaction of the same thread, for example in a signal handler, sees the state of that
        transaction.

        Raises:
            StoreUnavailable: the file does not exist any more, or cannot be read at the moment.
            SchemaMismatch: the file at the path was written by a newer version of Runbridge.
        """
        with border(self._file), gate.inside():
            own = self._local.connection
            if self.read_only:
                # The connection may have the option `immutable=1`. SQLite then does not notice changes of the file, so
                # each read opens a new connection.
                yield from self._read_newly_opened()
            elif own is not None and own.in_transaction:
                yield own
            else:
                yield from self._transaction("BEGIN")

    @block
    def write(self) -> Generator[Connection, None, None]:
        """Return a context manager that gives a connection. All changes are stored at the end of the block, or none.

        Raises:
            NotAllowed: this process has no write access to the database.
            SchemaMismatch: a newer version of Runbridge has migrated the database.
            StoreUnavailable: another process or thread writes for longer than the time limit. The error names the
                writer. This error is also raised if the disk is full, if the file does not exist any more, if the file
                was replaced during the block, or if the caller is a signal handler that has interrupted a transaction
                of this thread.
        """
        if self.read_only:
            raise NotAllowed("write to", self._file, NO_ACCESS)
        own = self._local.connection
        if own is not None and own.in_transaction:
            reason = "a signal handler that interrupts a transaction cannot write: let the handler set a flag"
            raise StoreUnavailable(self._file, reason)
        start = time.monotonic()
        with border(self._file), self._turn, self._queue(start), gate.inside():
            yield from self._transaction("BEGIN IMMEDIATE")

    @block
    def alone(self) -> Generator[Connection, None, None]:
        """Return a context manager with a connection without a transaction. No other process writes in the block."""
        start = time.monotonic()
        with border(self._file), self._turn, self._queue(start), gate.inside():
            yield self._connection()

    @block
    def peek(self) -> Generator[Connection, None, None]:
        """Return a context manager that gives a connection for one read. SQLite avoids creating files, if possible."""
        with border(self._file), gate.inside():
            connection = self._open(
                uri_of(self._file) + ("?mode=ro" if has_wal(self._file) else "?mode=ro&immutable=1")
            )
            try:
                yield connection
            finally:
                self._close(connection)

    def _transaction(self, begin: str) -> Generator[Connection, None, None]:
        """Yield this thread's connection in a transaction on the file at the path. `begin` is the SQL statement."""
        for _ in range(TRIES):
            connection = self._connection()
            # The `with` statement rolls back after an exception. The `__exit__` method of a connection is written in C,
            # so no signal handler can interrupt it.
            with connection:
                local = self._local  # a local variable, because `close` in another thread may replace `self._local`
                connection.forget_new_names()  # of an earlier transaction that was rolled back
                if self._has_begun(connection, begin):
                    if begin != "BEGIN":
                        self._check_schema(connection)
                    try:
                        yield connection
                    except sqlite3.OperationalError as error:
                        found = read_schema(connection)
                        if found > SCHEMA:  # a newer version has removed a table or a column
                            raise SchemaMismatch(self._file, found, SCHEMA) from error
                        raise
                    if begin != "BEGIN":
                        self._check_place(local.identity)
                        connection.commit()
                        connection.keep_names()
                    connection.rollback()
                    return
                connection.rollback()
            self._drop()
        raise StoreUnavailable(self._file, f"another file has replaced it {TRIES} times during this call")

    def _has_begun(self, connection: Connection, begin: str) -> bool:
        """Start a transaction. Return False if the connection was closed, or its file is no longer at the path."""
        try:
            connection.execute(begin)
        except sqlite3.Error:
            if self._local.connection is None or identity_of(self._file) == self._local.identity:
                raise
            return False
        return self._local.connection is connection and identity_of(self._file) == self._local.identity

    def _check_schema(self, connection: Connection) -> None:
        found = read_schema(connection)
        if found != SCHEMA:
            raise SchemaMismatch(self._file, found, SCHEMA)

    def _check_place(self, identity: Identity | None) -> None:
        if identity_of(self._file) != identity:
            reason = "another workspace replaced it during this change, so the change is lost"
            raise StoreUnavailable(self._file, reason)

    def _queue(self, start: float) -> Queue:
        """Return the lock that gives this process its turn. `start` is the time at which the caller began to wait."""
        left = locks.WAIT_SECONDS - (time.monotonic() - start)
        return Queue(self._queue_path, self._mode, self._file, seconds=max(left, locks.WAIT_SECONDS / 10))

    def close(self) -> None:
        """Close every connection. A later call opens new connections."""
        try:
            alone = gate.shut()
            self._set_connections_aside()
            if alone:
                self._close_set_aside()
        finally:
            open_gate()

    def close_for_fork(self) -> None:
        """Close every connection, unless this thread is in a transaction.

        The caller must ensure that no other thread is inside SQLite.
        """
        own = self._local.connection
        if own is not None and own.in_transaction:
            # This fork was called by a signal handler that has interrupted a transaction. SQLite does not support such
            # a fork, so nothing is closed.
            return
        self._set_connections_aside()
        self._close_set_aside()

    def close_ended(self) -> None:
        """Close the connections of threads that have ended."""
        close_left_at_once()
        # The main thread is never treated as ended. At the end of a process, its `is_alive` is False, but it still
        # copies points from the journal into the database.
        main = threading.main_thread()
        for thread in [one for one in list(self._connections) if one is not main and not one.is_alive()]:
            ended = self._connections.pop(thread, None)
            if ended is not None:
                with gate.inside():
                    self._close(ended)

    def forget(self) -> None:
        """Forget the parent's connections in a child after a fork.

        The connections stay open, because closing a connection would release the locks of the parent.
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

    def _close(self, connection: Connection) -> None:
        connection.close()
        self._opened.pop(connection, None)

    def _connection(self) -> Connection:
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

    def _note(self, identity: Identity, connection: Connection) -> None:
        """Remember which file is open. If it is not the file that was open before, count and log the replacement."""
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
                    "The workspace at %s was replaced by another workspace, which this process uses now. "
                    "It does not find runs that only the former workspace contained.",
                    self.path.parent,
                )
            self._mode = os.stat(self._file).st_mode & 0o666

    def _check(self, connection: Connection) -> None:
        """Raise an error if the file that has replaced the database is not the database of a workspace.

        Migrate the new database if its schema is older.
        """
        found = read_schema(connection)
        if found > SCHEMA:
            raise SchemaMismatch(self._file, found, SCHEMA)
        if not found or connection.execute("SELECT 1 FROM workspace WHERE name = 'id'").fetchone() is None:
            raise StoreUnavailable(self._file, NOT_OURS)
        if found < SCHEMA and not self.read_only:
            migrate(connection, self._file)

    def _connect(self) -> Connection:
        uri = uri_of(self._file)
        if not self.read_only:
            connection = self._open(uri + "?mode=rw")
            if self.fsync is None:
                self.fsync = _wants_fsync(connection)
            connection.execute(f"PRAGMA synchronous={'FULL' if self.fsync else 'NORMAL'}")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
            return connection
        try:
            connection = self._open(uri + "?mode=ro")
            connection.execute("SELECT 1 FROM workspace LIMIT 1").fetchone()
            connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
            return connection
        except sqlite3.OperationalError:
            # If there is no -wal file, no process has the database open, so SQLite can read it as an immutable file.
            if has_wal(self._file):
                raise
            self._local.unlocked = True
            return self._open(uri + "?mode=ro&immutable=1")

    def _read_newly_opened(self) -> Generator[Connection, None, None]:
        identity, stamp = identity_of(self._file), stamp_of(self._file)
        self._local.unlocked = False
        connection = self._connect()
        try:
            self._note(identity, connection)
            found = read_schema(connection)
            if 0 < found < SCHEMA:
                yield from self._read_copy(connection, identity)
            else:
                connection.execute("BEGIN")
                yield connection
        finally:
            self._close(connection)
        if self._local.unlocked and stamp_of(self._file) != stamp:  # an immutable file is read without a lock
            raise StoreUnavailable(self._file, "another process wrote to it during the read: try the call again")

    def _read_copy(self, old: Connection, identity: Identity) -> Generator[Connection, None, None]:
        """Yield a connection to a migrated copy in a temporary file. After a change of the database, copy it again."""
        stamp = identity, *(stamp_of(self._file + end) for end in ("", "-wal"))
        known = self._local.copy
        if known is not None and known[1].in_transaction:  # this read is within another read of the same thread
            yield known[1]
            return
        if known is None or known[0] != stamp:
            copy = connect("", self._opened)
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

    def _open(self, uri: str) -> Connection:
        return connect(uri, self._opened, uri=True, timeout=BUSY_SECONDS)


def _wants_fsync(connection: Connection) -> bool:
    """Return whether the workspace of a database was created with the durability "power"."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'workspace'").fetchone():
        return False  # the file is not the database of a workspace; `open_sqlite` raises the error
    row = connection.execute("SELECT value FROM workspace WHERE name = 'durability'").fetchone()
    return row is not None and row[0] == "power"
