"""A SQLite database that threads and processes share: connections, transactions, and whose turn it is to write."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.errors import NotAllowed, SchemaMismatch, StoreUnavailable
from bridge.store.sql.migrate import SCHEMA, read_schema

BUSY_SECONDS = 30.0
"""How long SQLite waits for a lock; writers queue on a file before, so this is the net below."""

LEAVE_SECONDS = 5.0
"""How long a fork, and a close, waits for other threads to leave SQLite."""


class _Gate:
    """Who is inside SQLite; a thread may shut it, and then nobody else enters.

    A fork shuts it, for the locks of SQLite that another thread holds stay locked in the child for ever; so does a
    close, for a connection may not be closed while another thread uses it.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """In a child after a fork: no other thread is there."""
        self._changed = threading.Condition()
        self._inside: dict[int, int] = {}
        self._shut_by = 0

    @contextmanager
    def inside(self) -> Iterator[None]:
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: self._shut_by in (0, me) or me in self._inside)
            self._inside[me] = self._inside.get(me, 0) + 1
        try:
            yield
        finally:
            with self._changed:
                left = self._inside.pop(me, 1) - 1
                if left:
                    self._inside[me] = left
                self._changed.notify_all()

    def shut(self) -> bool:
        """Let nobody enter, and wait for the others to leave; False if some are still inside."""
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: self._shut_by in (0, me))
            self._shut_by = me
            return self._changed.wait_for(lambda: self._inside.keys() <= {me}, LEAVE_SECONDS)

    def open(self) -> None:
        with self._changed:
            self._shut_by = 0
            self._changed.notify_all()


_gate = _Gate()
os.register_at_fork(before=_gate.shut, after_in_parent=_gate.open, after_in_child=_gate.reset)


class Database:
    """One SQLite file, in WAL mode.

    Each thread has a connection of its own; `read` and `write` give it within a transaction.
    A `fork` must be followed by `forget` in the child.

    Args:
        path: the file; it is there.
        read_only: open without the wish to write.
        fsync: a transaction is on disk before it is answered (`synchronous=FULL`).
    """

    def __init__(self, path: Path, read_only: bool = False, fsync: bool = False) -> None:
        self.path, self.read_only, self.fsync = path, read_only, fsync
        self._queue_path = path.with_suffix(".lock")
        self._abandoned: list[sqlite3.Connection] = []
        self._begin()

    def _begin(self) -> None:
        self._local = threading.local()
        self._connections: dict[threading.Thread, sqlite3.Connection] = {}
        self._turn = threading.RLock()
        self._queue_fd = -1

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the database."""
        with self._border(), _gate.inside():
            if self.read_only:  # opened anew each time: what was immutable may have been written since
                connection = self._connect()
                try:
                    connection.execute("BEGIN")
                    yield connection
                finally:
                    connection.close()
                return
            connection = self._connection()
            if connection.in_transaction:  # a read within a write sees what that wrote
                yield connection
                return
            try:
                connection.execute("BEGIN")  # within, for Ctrl-C may come when it has begun
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are stored together when the block ends, or not at all.

        Raises:
            NotAllowed: the database can be read only.
            SchemaMismatch: a newer version of Runbridge has changed it meanwhile.
            StoreUnavailable: somebody who does not queue has it locked for longer than `BUSY_SECONDS`, or the disk
                is full. For those that queue there is no limit: a process stopped within its turn is waited for.
                Or this thread is within a transaction, which a signal handler has interrupted.
        """
        if self.read_only:
            raise NotAllowed("write to", str(self.path), "it can only be read here")
        open_one = getattr(self._local, "connection", None)
        if open_one is not None and open_one.in_transaction:
            reason = "a signal handler cannot change it while what it interrupted does: let the handler set a flag"
            raise StoreUnavailable(str(self.path), reason)
        with self._border(), self._queue(), _gate.inside():
            connection = self._connection()
            try:
                connection.execute("BEGIN IMMEDIATE")
                found = read_schema(connection)
                if found != SCHEMA:
                    raise SchemaMismatch(str(self.path), found, SCHEMA)
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    def close(self) -> None:
        """Close every connection; a later call opens new ones."""
        alone = _gate.shut()
        try:
            connections, self._connections = self._connections, {}
            self._local = threading.local()
            if alone:
                for connection in connections.values():
                    connection.close()
            else:
                self._abandoned += connections.values()
        finally:
            _gate.open()
        if self._turn.acquire(blocking=False):  # else another thread waits with it
            if self._queue_fd >= 0:
                os.close(self._queue_fd)
                self._queue_fd = -1
            self._turn.release()

    def __del__(self) -> None:
        """One that nobody holds any more closes what it has open: Python 3.13 warns about connections that are left."""
        for connection in getattr(self, "_connections", {}).values():
            connection.close()

    def forget(self) -> None:
        """In a child after a fork: let go of the parent's connections without touching them.

        They are kept from the garbage collector: closing one would let go of the parent's locks.
        """
        self._abandoned += self._connections.values()
        if self._queue_fd >= 0:
            os.close(self._queue_fd)
        self._begin()

    def _connection(self) -> sqlite3.Connection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            main = threading.main_thread()  # which counts as dead while the process ends, and still folds then
            for thread in [one for one in list(self._connections) if one is not main and not one.is_alive()]:
                ended = self._connections.pop(thread, None)
                if ended is not None:
                    ended.close()
            connection = self._local.connection = self._connect()
            self._connections[threading.current_thread()] = connection
        return connection

    def _connect(self) -> sqlite3.Connection:
        uri = "file:" + "".join(f"%{ord(c):02x}" if c in "%?#" else c for c in str(self.path))
        if not self.read_only:
            connection = self._open(uri + "?mode=rw")
            connection.execute(f"PRAGMA synchronous={'FULL' if self.fsync else 'NORMAL'}")
            connection.execute("PRAGMA foreign_keys=ON")
            return connection
        try:
            connection = self._open(uri + "?mode=ro")
            connection.execute("SELECT 1 FROM workspace LIMIT 1").fetchone()
            return connection
        except sqlite3.OperationalError:
            # Without a -wal file nobody has it open, and SQLite may read it without making one.
            if Path(f"{self.path}-wal").exists():
                raise
            return self._open(uri + "?mode=ro&immutable=1")

    def _open(self, uri: str) -> sqlite3.Connection:
        # Connections are closed by another thread than their own at the end.
        return sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )

    @contextmanager
    def _queue(self) -> Iterator[None]:
        """Wait for the turn to write: SQLite's own waiting sleeps and starves."""
        with self._turn:
            if self._queue_fd < 0:
                self._queue_fd = self._open_queue()
            try:
                fcntl.flock(self._queue_fd, fcntl.LOCK_EX)
                yield
            finally:
                fcntl.flock(self._queue_fd, fcntl.LOCK_UN)

    def _open_queue(self) -> int:
        try:
            mode = self.path.stat().st_mode & 0o666
            fd = os.open(self._queue_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
        except OSError as error:
            reason = error.strerror or str(error)
            if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
                raise NotAllowed("write to", str(self.path), reason) from error
            raise StoreUnavailable(str(self.path), reason) from error
        if os.fstat(fd).st_mode & 0o666 != mode and os.fstat(fd).st_uid == os.geteuid():
            os.fchmod(fd, mode)
        return fd

    @contextmanager
    def _border(self) -> Iterator[None]:
        """SQLite's errors become ours here."""
        try:
            yield
        except sqlite3.OperationalError as error:
            text = str(error)
            if "readonly" in text:
                raise NotAllowed("write to", str(self.path), "it can only be read here") from error
            if "full" in text:
                raise StoreUnavailable(str(self.path), "the disk is full") from error
            raise StoreUnavailable(str(self.path), text) from error
        except sqlite3.DatabaseError as error:
            if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
                raise
            raise StoreUnavailable(str(self.path), str(error)) from error
