"""A SQLite database that threads and processes share: connections, transactions, and whose turn it is to write."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import threading
import time
import weakref
from _thread import RLock, get_ident
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import bridge.journal.locks as locks
from bridge.errors import InvalidValue, NotAllowed, SchemaMismatch, StoreUnavailable
from bridge.forking import Step, on_fork
from bridge.journal.block import block
from bridge.journal.file_lock import FileLock
from bridge.journal.locks import LockTaken, ThreadLock
from bridge.journal.system import is_of_handler, was_raised_deeper
from bridge.records.text import RULE
from bridge.store.sql.migrate import SCHEMA, WIDENED_FROM, migrate, read_schema, widen

logger = logging.getLogger("bridge")

BUSY_SECONDS = 10.0
"""How long SQLite waits for a lock; writers queue on a file before, so this is the net below."""

LEAVE_SECONDS = 5.0
"""How long a fork, and a close, waits for other threads to leave SQLite."""

TRIES = 3
"""How often a transaction is begun anew when the file at the path has become another one."""

Identity = tuple[int, int]
"""The device and the inode of a file."""


class _Entry(ThreadLock):  # type: ignore[misc]  # as above
    """A thread's way into SQLite: it has this lock while it is inside. `__exit__` is C's, which nothing interrupts."""

    def __new__(cls) -> _Entry:
        return cast(_Entry, super().__new__(cls, "SQLite"))

    def __init__(self) -> None:
        super().__init__("SQLite")
        self.spare = RLock()  # for a call within a call

    def __enter__(self) -> bool:  # type: ignore[override]
        try:
            if self.acquire(timeout=locks.WAIT_SECONDS):
                return True
        except BaseException:
            if self.is_mine():
                self.release()
            raise
        raise StoreUnavailable("SQLite", "a fork or a close in another thread of this process has not ended for long")


class _Gate:
    """Who is inside SQLite; a thread may shut it, and then nobody else enters.

    A fork shuts it, for the locks of SQLite that another thread holds stay locked in the child for ever; so does a
    close, for a connection may not be closed while another thread uses it.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """In a child after a fork: no other thread is there."""
        self._first = _Entry()  # who has it may shut, and may let new threads in
        self._shutting = 0
        self._entries: weakref.WeakSet[_Entry] = weakref.WeakSet()
        self._local = _OwnEntry()

    def inside(self) -> RLock:
        """A `with` within which this thread uses SQLite.

        Raises:
            StoreUnavailable: another thread has it shut for longer than the limit of every wait.
        """
        entry = self._local.entry
        if entry is None:
            with self._first:
                entry = self._local.entry = _Entry()
                self._entries.add(entry)
        if entry.is_mine():
            return entry.spare
        if self._shutting not in (0, get_ident()):  # else a busy thread would be back before the one that shuts is in
            with self._first:
                pass
        return entry

    def own_entry(self) -> _Entry:
        """This thread's entry, without waiting.

        Raises:
            LockTaken: the thread has none yet, and none can be made at the moment.
        """
        entry = self._local.entry
        if entry is None:
            with self._first.at_once():
                entry = self._local.entry = _Entry()
                self._entries.add(entry)
        return entry

    def shut(self) -> bool:
        """Let nobody enter, and wait for the others to leave; False if some are still inside."""
        end = time.monotonic() + LEAVE_SECONDS
        if not self._first.acquire(timeout=LEAVE_SECONDS):
            return False
        self._shutting = get_ident()
        left = True
        for entry in list(self._entries):
            if entry is not self._local.entry:
                left = entry.acquire(timeout=max(0.0, end - time.monotonic())) and left
        return left

    def open(self) -> None:
        """After `shut`, however far that came."""
        if not self._first.is_mine():  # it took nothing
            return
        for entry in list(self._entries):
            while entry is not self._local.entry and entry.is_mine():
                entry.release()
        self._shutting = 0
        while self._first.is_mine():
            self._first.release()


class _OwnEntry(threading.local):
    entry: _Entry | None = None


_gate = _Gate()
_databases: weakref.WeakSet[Database] = weakref.WeakSet()

_left: deque[tuple[sqlite3.Connection, int]] = deque()
"""What databases that nobody holds any more had open, each with the process that opened it."""

_of_parents: list[sqlite3.Connection] = []
"""Connections that are never closed here: this process has them from a fork, and their locks are its parent's."""


def _leave(opened: dict[sqlite3.Connection, int]) -> None:
    """Close what a database that nobody holds any more has open.

    The collector calls this anywhere, with any lock held, so that it must not wait: while another thread forks, or
    closes, that thread closes these when it is done.
    """
    _left.extend(opened.items())
    opened.clear()
    _close_left_at_once()


def _close_left_at_once() -> None:
    if _left:
        with suppress(LockTaken):
            entry = _gate.own_entry()
            with entry.spare if entry.is_mine() else entry.at_once():
                _close_left()


def _close_left() -> None:
    """Close what is left, within SQLite."""
    while True:
        try:
            connection, process_id = _left.popleft()
        except IndexError:
            return
        if process_id == os.getpid():
            connection.close()
        else:
            _of_parents.append(connection)


def _open_gate() -> None:
    _gate.open()
    _close_left_at_once()


def _before_fork() -> None:
    """Close what is open, because SQLite keeps in the memory of a process which locks it has on a file.

    A child has that memory and not the locks.
    It would believe that it has the file open, and the next process that closes the file as the last one would remove
    the log into which the child writes.
    """
    if _gate.shut():
        for database in list(_databases):
            database.close_for_fork()
        _close_left()


on_fork(Step.DATABASES, before=_before_fork, in_parent=_open_gate, in_child=_gate.reset)


class _Local(threading.local):
    """What a thread has of a database; read without a call, after which a signal handler could run."""

    connection: sqlite3.Connection | None = None
    identity: Identity | None = None
    copy: tuple[object, sqlite3.Connection] | None = None
    unlocked: bool = False


class Database:
    """One SQLite file, in WAL mode.

    Each thread has a connection of its own; `read` and `write` give it within a transaction.
    Each transaction compares the file at the path with the one that its connection has open. If another one is there
    (the folder was removed and made again, or came back from a backup), the call is made on that one, which is logged
    once and counted by `generation`.
    A `fork` must be followed by `forget` in the child.

    Args:
        path: the file; it is there.
        read_only: open without the wish to write.
        fsync: a transaction is on disk when it returns (`synchronous=FULL`). None: if the workspace was created so.
    """

    def __init__(self, path: Path, read_only: bool = False, fsync: bool | None = False) -> None:
        self.path, self.read_only, self.fsync = path, read_only, fsync
        self.generation = 0
        self._file = str(path)
        self._queue_path = str(path.with_suffix(".lock"))
        self._identity: Identity | None = None
        self._mode = 0o644
        self._opened: dict[sqlite3.Connection, int] = {}
        # The collector calls this before it finalizes anything of a cycle, and a connection warns if it is open then.
        weakref.finalize(self, _leave, self._opened).atexit = False
        self._begin()
        _databases.add(self)

    def _begin(self) -> None:
        self._local = _Local()
        self._connections: dict[threading.Thread, sqlite3.Connection] = {}
        self._set_aside: list[sqlite3.Connection] = []
        self._turn = _Turn(self._file, self._queue_path)
        self._noting = RLock()

    @block
    def read(self) -> Generator[sqlite3.Connection, None, None]:
        """A `with` that gives a connection which sees one state of the database.

        Within another one of the same thread, as a signal handler asks for it, it sees what that one sees.

        Raises:
            StoreUnavailable: the file is gone, or cannot be read at the moment.
            SchemaMismatch: a file of a newer version of Runbridge has taken its place.
        """
        with self._border(), _gate.inside():
            own = self._local.connection
            if self.read_only:  # opened anew each time: what was immutable may have been written since
                yield from self._read_anew()
            elif own is not None and own.in_transaction:  # a read within a write sees what that wrote
                yield own
            else:
                yield from self._transaction("BEGIN")

    @block
    def write(self) -> Generator[sqlite3.Connection, None, None]:
        """A `with` that gives a connection whose changes are stored together when the block ends, or not at all.

        Raises:
            NotAllowed: the database can be read only.
            SchemaMismatch: a newer version of Runbridge has changed it meanwhile.
            StoreUnavailable: somebody has the turn to write, or the database locked, for longer than the limit (the
                error names the process); the disk is full; the file is gone, or was replaced within the block.
                Or this thread is within a transaction, which a signal handler has interrupted.
        """
        if self.read_only:
            raise NotAllowed("write to", self._file, "it can only be read here")
        own = self._local.connection
        if own is not None and own.in_transaction:
            reason = "a signal handler cannot change it while what it interrupted does: let the handler set a flag"
            raise StoreUnavailable(self._file, reason)
        start = time.monotonic()
        with self._border(), self._turn, self._queue(start), _gate.inside():
            yield from self._transaction("BEGIN IMMEDIATE")

    @block
    def peek(self) -> Generator[sqlite3.Connection, None, None]:
        """A connection for one look, for which SQLite makes no file beside the database if it can do without."""
        with self._border(), _gate.inside():
            connection = self._open(self._uri() + ("?mode=ro" if self._has_wal() else "?mode=ro&immutable=1"))
            try:
                yield connection
            finally:
                self._close(connection)

    def _transaction(self, begin: str) -> Generator[sqlite3.Connection, None, None]:
        """This thread's connection, in a transaction on the file that is at the path; a read changes nothing."""
        for _ in range(TRIES):
            connection = self._connection()
            with connection:  # rolls back after an exception: its `__exit__` is written in C, as those of the locks are
                local = self._local  # a close in another thread that does not wait for this one leaves a new one
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
        raise StoreUnavailable(self._file, "one file after the other takes its place")

    def _has_begun(self, connection: sqlite3.Connection, begin: str) -> bool:
        """Begin a transaction; False if a close has set the connection aside, or its file is not at the path."""
        try:
            connection.execute(begin)
        except sqlite3.Error:
            if self._local.connection is None or self._identity_now() == self._local.identity:
                raise
            return False
        return self._local.connection is connection and self._identity_now() == self._local.identity

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        found = read_schema(connection)
        if found != SCHEMA:
            raise SchemaMismatch(self._file, found, SCHEMA)

    def _check_place(self, identity: Identity | None) -> None:
        if self._identity_now() != identity:
            reason = "another workspace has taken its place while this change was made, and has not got it"
            raise StoreUnavailable(self._file, reason)

    def _queue(self, start: float) -> _Queue:
        """The turn among processes, waited for as long as is left since the wait for that among threads began."""
        left = locks.WAIT_SECONDS - (time.monotonic() - start)
        return _Queue(self, self._queue_path, self._mode, seconds=max(left, locks.WAIT_SECONDS / 10))

    def _identity_now(self) -> Identity:
        """Device and inode of the file at the path; it is not opened, for closing it would drop SQLite's locks."""
        try:
            state = os.stat(self._file)
        except OSError as error:
            if was_raised_deeper(error):  # of a signal handler
                raise
            if isinstance(error, (FileNotFoundError, NotADirectoryError)):
                raise StoreUnavailable(self._file, "the file is gone: its folder was removed or moved") from None
            raise StoreUnavailable(self._file, error.strerror or str(error)) from error
        return state.st_dev, state.st_ino

    def close(self) -> None:
        """Close every connection; a later call opens new ones."""
        try:
            alone = _gate.shut()
            self._set_connections_aside()
            if alone:
                self._close_set_aside()
        finally:
            _open_gate()

    def close_for_fork(self) -> None:
        """Close every connection that is in no transaction, while no other thread is inside SQLite."""
        own = self._local.connection
        if own is not None and own.in_transaction:  # a signal handler forks: SQLite has no answer to that
            return
        self._set_connections_aside()
        self._close_set_aside()

    def close_ended(self) -> None:
        """Close the connections of threads that have ended."""
        _close_left_at_once()
        main = threading.main_thread()  # which counts as dead while the process ends, and still folds then
        for thread in [one for one in list(self._connections) if one is not main and not one.is_alive()]:
            ended = self._connections.pop(thread, None)
            if ended is not None:
                with _gate.inside():
                    self._close(ended)

    def forget(self) -> None:
        """In a child after a fork: let go of the parent's connections without touching them.

        They stay open: closing one would let go of the parent's locks.
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
            identity = self._identity_now()
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
        """Close this thread's connection: its file is not the one at the path."""
        connection, self._local.connection = self._local.connection, None
        if connection is not None:
            self._connections.pop(threading.current_thread(), None)
            self._close(connection)

    def _note(self, identity: Identity, connection: sqlite3.Connection) -> None:
        """Remember which file is open, and count and report it if it is another one than before."""
        if identity == self._identity:
            return
        with self._noting:
            if self._identity is None:
                self._identity = identity
            elif identity != self._identity:
                self._check(connection)
                if self._identity_now() != identity:
                    return
                self._identity = identity
                self.generation += 1
                logger.warning(
                    "The workspace at %s was replaced by another one, which is used from now on: "
                    "what was only in the one before is not found any more.",
                    self.path.parent,
                )
            self._mode = os.stat(self._file).st_mode & 0o666

    def _check(self, connection: sqlite3.Connection) -> None:
        """Raise if the file that took the place of another is no workspace's; bring an older one up to date."""
        found = read_schema(connection)
        if found > SCHEMA:
            raise SchemaMismatch(self._file, found, SCHEMA)
        if not found or connection.execute("SELECT 1 FROM workspace WHERE name = 'id'").fetchone() is None:
            raise StoreUnavailable(self._file, "it is no workspace's: put a copy of the workspace's file there")
        if found < SCHEMA and not self.read_only:
            migrate(connection)

    def _connect(self) -> sqlite3.Connection:
        uri = self._uri()
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
            # Without a -wal file nobody has it open, and SQLite may read it without making one.
            if self._has_wal():
                raise
            self._local.unlocked = True
            return self._open(uri + "?mode=ro&immutable=1")

    def _uri(self) -> str:
        path = os.fsencode(self._file)
        return "file:" + "".join(chr(b) if b < 128 and b not in b"%?#" else f"%{b:02x}" for b in path)

    def _has_wal(self) -> bool:
        return os.path.exists(f"{self._file}-wal")

    def _read_anew(self) -> Generator[sqlite3.Connection, None, None]:
        identity, stamp = self._identity_now(), _stamp(self._file)
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
        if self._local.unlocked and _stamp(self._file) != stamp:  # it was read without a lock
            raise StoreUnavailable(self._file, "it was written while it was read: read again")

    def _read_copy(self, old: sqlite3.Connection, identity: Identity) -> Generator[sqlite3.Connection, None, None]:
        """Read a copy in a private temporary file, made anew when the database has changed."""
        stamp = identity, *(_stamp(self._file + end) for end in ("", "-wal"))
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
        # Connections are closed by another thread than their own at the end.
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self._opened[connection] = os.getpid()
        return connection

    @contextmanager
    def _border(self) -> Iterator[None]:
        """SQLite's errors become ours here."""
        try:
            yield
        except sqlite3.OperationalError as error:
            text = str(error)
            if "readonly" in text:
                raise NotAllowed("write to", self._file, "it can only be read here") from error
            if "full" in text:
                raise StoreUnavailable(self._file, "the disk is full") from error
            raise StoreUnavailable(self._file, text) from error
        except UnicodeEncodeError as error:
            raise InvalidValue("text", error.object, RULE) from error
        except OverflowError as error:
            raise InvalidValue("number", None, "must be an integer of 64 bits") from error
        except (sqlite3.ProgrammingError, sqlite3.InterfaceError) as error:
            if "binding parameter" not in str(error):
                raise
            raise InvalidValue("value", None, f"must be text or a number ({error})") from error
        except sqlite3.DatabaseError as error:
            if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
                raise
            raise StoreUnavailable(self._file, str(error)) from error


def _wants_fsync(connection: sqlite3.Connection) -> bool:
    """Return whether the workspace of a database was created with the durability "power"."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'workspace'").fetchone():
        return False  # it is not the database of a workspace, which its opening finds out
    row = connection.execute("SELECT value FROM workspace WHERE name = 'durability'").fetchone()
    return row is not None and row[0] == "power"


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        state = os.stat(path)
    except FileNotFoundError as error:
        if was_raised_deeper(error):  # of a signal handler
            raise
        return None
    return state.st_mtime_ns, state.st_size


class _Queue(FileLock):
    """The turn to write, among processes: SQLite's own waiting sleeps and starves."""

    def __init__(self, database: Database, path: str, mode: int, seconds: float) -> None:
        super().__init__(path, mode, place=database._file, seconds=seconds)
        self._database = database

    def _make(self) -> None:
        self._database._identity_now()  # raises where there is no workspace, for nothing is to be made there
        super()._make()

    def _open(self) -> None:
        try:
            super()._open()
        except OSError as error:
            if is_of_handler(error):
                raise
            reason = error.strerror or str(error)
            if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
                raise NotAllowed("write to", self._place, reason) from error
            raise StoreUnavailable(self._place, reason) from error


class _Turn(ThreadLock):  # type: ignore[misc]  # as above
    """The turn to write, among threads; an error names the process that the thread waits for."""

    def __new__(cls, place: str, queue_path: str) -> _Turn:
        return cast(_Turn, super().__new__(cls, place))

    def __init__(self, place: str, queue_path: str) -> None:
        super().__init__(place)
        self._queue_path = queue_path

    def describe_holder(self) -> str:
        thread = super().describe_holder()
        queue = FileLock(self._queue_path, wait=False)
        try:
            with queue as mine:
                return thread if mine else f"{thread}, and {queue.describe_holder()}"
        except OSError as error:
            if is_of_handler(error):
                raise
            return thread
