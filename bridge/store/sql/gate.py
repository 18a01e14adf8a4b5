"""The gate of SQLite: a fork, or a close of a database, waits here until all other threads have left SQLite.

A forked child has only the thread that forked, but copies of all locks.
If another thread is inside SQLite during the fork, the locks that it holds there stay locked in the child.
And a connection must not be closed while another thread uses it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from _thread import RLock, get_ident
from collections import deque
from contextlib import suppress
from typing import Protocol, cast

import bridge.journal.locks as locks
from bridge.errors import StoreUnavailable
from bridge.forking import Step, on_fork
from bridge.journal.locks import LockTaken, ThreadLock
from bridge.store.sql.connection import close

LEAVE_SECONDS = 5.0
"""How long a fork or a close waits for other threads to leave SQLite."""


class Entry(ThreadLock):  # type: ignore[misc]  # typeshed has it as final, and it is not
    """The entry of one thread: a lock that the thread holds while it is inside SQLite.

    Each thread has its own lock, so that threads do not wait for each other.
    `__exit__` is inherited from a class that is written in C, so no signal handler can interrupt it.
    """

    def __new__(cls) -> Entry:
        return cast(Entry, super().__new__(cls, "SQLite"))

    def __init__(self) -> None:
        super().__init__("SQLite")
        # A thread that is already inside SQLite enters this lock instead, because it cannot take its entry twice.
        self.spare = RLock()

    def __enter__(self) -> bool:  # type: ignore[override]
        try:
            if self.acquire(timeout=locks.WAIT_SECONDS):
                return True
        except BaseException:
            # A signal handler has raised. The lock may be taken already, and Python does not call `__exit__`.
            if self.is_mine():
                self.release()
            raise
        raise StoreUnavailable(
            "SQLite", "another thread of this process has taken too long to fork or to close a database"
        )


class Gate:
    """The entries of all threads. A thread shuts the gate by taking the entries of all other threads.

    A thread that shuts the gate first takes the lock `_first`, and then the entries. Otherwise two threads that
    shut the gate could each wait for an entry that the other thread has taken.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all threads. A forked child calls this, because only the thread that forked exists there."""
        # Only the thread that holds `_first` may shut the gate. `_first` also guards `_entries`: a thread that uses
        # SQLite for the first time waits until the gate is open. Otherwise `shut` would miss the entry of this thread.
        self._first = Entry()
        self._shutting = 0  # the id of the thread that holds the gate shut, or 0
        self._entries: weakref.WeakSet[Entry] = weakref.WeakSet()  # weak, so that an entry is dropped with its thread
        self._local = _OwnEntry()

    def inside(self) -> RLock:
        """Return a context manager. This thread may use SQLite only in its block.

        Raises:
            StoreUnavailable: another thread has kept the gate shut for longer than `locks.WAIT_SECONDS`.
        """
        entry = self._local.entry
        if entry is None:
            with self._first:
                entry = self._local.entry = Entry()
                self._entries.add(entry)
        if entry.is_mine():  # a nested call
            return entry.spare
        if self._shutting not in (0, get_ident()):
            # Wait for the thread that shuts the gate. Otherwise this thread could take its own entry again and again,
            # before that thread wakes up.
            with self._first:
                pass
        return entry

    def own_entry(self) -> Entry:
        """Return this thread's entry without waiting.

        Raises:
            LockTaken: the thread has no entry yet, and the gate is shut or about to be shut.
        """
        entry = self._local.entry
        if entry is None:
            with self._first.at_once():
                entry = self._local.entry = Entry()
                self._entries.add(entry)
        return entry

    def shut(self) -> bool:
        """Keep all other threads out of SQLite, after they have left it. Return False if a thread is still inside."""
        end = time.monotonic() + LEAVE_SECONDS
        if not self._first.acquire(timeout=LEAVE_SECONDS):
            return False
        self._shutting = get_ident()
        left = True
        for entry in list(self._entries):
            # The entry of this thread is skipped: a signal handler may fork while this thread is inside SQLite.
            if entry is not self._local.entry:
                left = entry.acquire(timeout=max(0.0, end - time.monotonic())) and left
        return left

    def open(self) -> None:
        """Undo `shut`, even if `shut` took only some entries or was not called. The call may be repeated."""
        if not self._first.is_mine():  # `shut` has taken no lock
            return
        for entry in list(self._entries):
            while entry is not self._local.entry and entry.is_mine():
                entry.release()
        self._shutting = 0
        # `_first` is released last, and as often as it was taken: a fork calls `shut` again after an interruption.
        while self._first.is_mine():
            self._first.release()


class _OwnEntry(threading.local):
    entry: Entry | None = None


class ForkedDatabase(Protocol):
    """A database whose connections are closed before a fork."""

    def close_for_fork(self) -> None:
        """Close every connection that is in no transaction, while no other thread is inside SQLite."""


gate = Gate()
databases: weakref.WeakSet[ForkedDatabase] = weakref.WeakSet()

_left: deque[tuple[sqlite3.Connection, int]] = deque()
"""The connections of garbage-collected `Database` objects, each with the id of the process that opened it."""

_of_parents: list[sqlite3.Connection] = []
"""The connections that a fork copied into this process. They are never closed here: their locks are the parent's."""


def leave(opened: dict[sqlite3.Connection, int]) -> None:
    """Close the connections of a `Database` object that the garbage collector collects.

    The garbage collector may call this function while this thread holds any lock, so the function must not wait.
    If another thread has shut the gate, that thread closes the connections when it opens the gate.
    """
    _left.extend(opened.items())
    opened.clear()
    close_left_at_once()


def close_left_at_once() -> None:
    """Close the connections in `_left`, unless this thread would have to wait for the gate."""
    if _left:
        with suppress(LockTaken):
            entry = gate.own_entry()
            with entry.spare if entry.is_mine() else entry.at_once():
                _close_left()


def _close_left() -> None:
    """Close the connections in `_left`. The caller is inside SQLite."""
    while True:
        try:
            left = _left[0]
        except IndexError:
            return
        connection, process_id = left
        if process_id == os.getpid():
            close(connection)
        else:
            _of_parents.append(connection)  # this reference keeps the garbage collector from closing the connection
        with suppress(ValueError, IndexError):  # another thread has removed it, or changes `_left` now
            _left.remove(left)


def open_gate() -> None:
    """Open the gate, and close the connections that came into `_left` while it was shut."""
    gate.open()
    close_left_at_once()


def _before_fork() -> None:
    """Close all connections before a fork.

    SQLite keeps a list of the file locks that the process holds. The list is in the memory of the process. A forked
    child inherits this memory, but not the locks, so SQLite in the child would use files without locks. Then another
    process that closes the database could remove the write-ahead log while the child writes to it.
    """
    if gate.shut():
        for database in list(databases):
            database.close_for_fork()
        _close_left()


on_fork(Step.DATABASES, before=_before_fork, in_parent=open_gate, in_child=gate.reset)
