"""The gate of SQLite: it knows which threads are inside SQLite, and lets a fork or a close wait until they have left.

A child of a fork has only the thread that forked, but a copy of all locks.
If another thread is inside SQLite at the fork, the locks that it holds there stay locked in the child forever.
A connection must not be closed either while another thread uses it.
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

LEAVE_SECONDS = 5.0
"""How long a fork or a close waits for other threads to leave SQLite."""


class Entry(ThreadLock):  # type: ignore[misc]  # typeshed has it as final, and it is not
    """The entry of one thread: a lock that the thread holds while it is inside SQLite.

    A lock for each thread costs less than one counter for all threads, because threads do not wait for each other.
    `__exit__` is inherited from C, so that no signal handler can interrupt it.
    """

    def __new__(cls) -> Entry:
        return cast(Entry, super().__new__(cls, "SQLite"))

    def __init__(self) -> None:
        super().__init__("SQLite")
        self.spare = RLock()  # for a call within a call, because an entry is not taken twice

    def __enter__(self) -> bool:  # type: ignore[override]
        try:
            if self.acquire(timeout=locks.WAIT_SECONDS):
                return True
        except BaseException:
            # A signal handler raised here. The lock may have been taken before that, and `__exit__` will not run.
            if self.is_mine():
                self.release()
            raise
        raise StoreUnavailable("SQLite", "a fork or a close in another thread of this process takes too long")


class Gate:
    """The entries of all threads. A thread that shuts the gate takes the entries of all others, so no thread enters.

    Threads always take `_first` before entries. So two threads that shut the gate cannot wait for each other forever.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all threads; in a child after a fork, where only this thread exists."""
        # Only the thread that holds `_first` may shut the gate. `_first` also guards `_entries`: a thread that uses
        # SQLite for the first time waits until the gate is open. Otherwise `shut` would miss its entry.
        self._first = Entry()
        self._shutting = 0  # the thread that holds the gate shut, or 0
        self._entries: weakref.WeakSet[Entry] = weakref.WeakSet()  # weak: an entry disappears with its thread
        self._local = _OwnEntry()

    def inside(self) -> RLock:
        """Return a context manager within which this thread may use SQLite.

        Raises:
            StoreUnavailable: another thread has kept the gate shut for longer than the limit of every wait.
        """
        entry = self._local.entry
        if entry is None:
            with self._first:
                entry = self._local.entry = Entry()
                self._entries.add(entry)
        if entry.is_mine():  # a call within a call, or the thread that has shut the gate
            return entry.spare
        if self._shutting not in (0, get_ident()):
            # Wait for the thread that shuts the gate. Otherwise a busy thread would take its own entry again before
            # the waiting thread wakes up.
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
        """Let no thread enter, and wait until the other threads have left. Return False if one is still inside."""
        end = time.monotonic() + LEAVE_SECONDS
        if not self._first.acquire(timeout=LEAVE_SECONDS):
            return False
        self._shutting = get_ident()
        left = True
        for entry in list(self._entries):
            # The own entry is skipped, because this thread is inside SQLite if a signal handler forks there.
            if entry is not self._local.entry:
                left = entry.acquire(timeout=max(0.0, end - time.monotonic())) and left
        return left

    def open(self) -> None:
        """Undo `shut`, even if it took only some entries. This may be called repeatedly, and without `shut`."""
        if not self._first.is_mine():  # `shut` took nothing
            return
        for entry in list(self._entries):
            while entry is not self._local.entry and entry.is_mine():
                entry.release()
        self._shutting = 0
        # `_first` is released last, and as often as it was taken: an interrupted step of a fork takes it again.
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
"""The connections of databases that were dropped without a close, each with the id of the process that opened it."""

_of_parents: list[sqlite3.Connection] = []
"""Connections that this process inherited by a fork. They are never closed here, because the parent has their locks."""


def leave(opened: dict[sqlite3.Connection, int]) -> None:
    """Close the connections of a database that has no users any more.

    The garbage collector calls this function at any time, with any lock held, so it must not wait. While another thread
    forks or closes, that thread closes the connections at its end.
    """
    _left.extend(opened.items())
    opened.clear()
    close_left_at_once()


def close_left_at_once() -> None:
    """Close the connections of dropped databases, unless this thread would have to wait for the gate."""
    if _left:
        with suppress(LockTaken):
            entry = gate.own_entry()
            with entry.spare if entry.is_mine() else entry.at_once():
                _close_left()


def _close_left() -> None:
    """Close the connections of dropped databases, inside SQLite."""
    while True:
        try:
            connection, process_id = _left.popleft()
        except IndexError:
            return
        if process_id == os.getpid():
            connection.close()
        else:
            _of_parents.append(connection)  # otherwise the garbage collector would close the connection


def open_gate() -> None:
    """Open the gate, and close the connections that were dropped while it was shut."""
    gate.open()
    close_left_at_once()


def _before_fork() -> None:
    """Close all connections, because SQLite keeps in a process's memory which locks the process has on a file.

    A child has that memory, but not the locks. SQLite in the child would believe that it holds the locks.
    Another process that closes the file could then believe that it is the last, and remove the log of changes into
    which the child writes.
    """
    if gate.shut():
        for database in list(databases):
            database.close_for_fork()
        _close_left()


on_fork(Step.DATABASES, before=_before_fork, in_parent=open_gate, in_child=gate.reset)
