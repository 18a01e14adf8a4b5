"""Locks between the threads of a process.

The locks are used in `with` statements. If an exception leaves the `with` statement, the lock is always released,
because `__exit__` of the locks is written in C, and no signal handler can interrupt it.
An `__exit__` in Python can be interrupted by a signal handler before it releases the lock. If the handler raised an
exception, the lock would stay locked.
"""

from __future__ import annotations

import time
from _thread import RLock, get_ident
from typing import TYPE_CHECKING

from bridge.errors import StoreUnavailable

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

WAIT_SECONDS = 10.0
"""How long a caller waits for a lock between threads or between processes. Afterwards the caller gets an error."""


class OwnedLock(RLock):  # type: ignore[misc]  # `RLock` is final in typeshed, but not in Python
    """A lock that a thread may take several times. The thread can ask whether it holds the lock.

    A `with` statement waits for the lock without a time limit, and calls only functions written in C.
    """

    __slots__ = ()

    def is_mine(self) -> bool:
        """Return whether this thread has the lock."""
        return bool(self._is_owned())  # type: ignore[attr-defined]


def quick_block(lock: OwnedLock) -> AbstractContextManager[bool]:
    """Return a context manager that takes and releases a lock, and needs less time than the lock itself.

    `with` looks up `__enter__` and `__exit__` in the class, and usually binds both to the object at each use. Here,
    they are already bound to the lock. So the context manager of each lock has a class of its own.
    """
    bound = {"__slots__": (), "__enter__": lock.__enter__, "__exit__": lock.__exit__}
    block: AbstractContextManager[bool] = type("QuickBlock", (), bound)()
    return block


class ThreadLock(OwnedLock):  # type: ignore[misc]  # as above
    """A lock that a thread may not take twice, and that a caller waits for with a time limit.

    A signal handler, a finalizer or a logging handler can interrupt a call that holds the lock. If it needs the same
    lock, it gets an error, because it would otherwise wait for its own thread.

    `holder` is the thread that took the lock last, and the time when it took the lock, in seconds since 1970 UTC.

    Args:
        place: the name of the data that the lock protects, for errors.

    Raises:
        StoreUnavailable: this thread has the lock, or another thread had the lock for `WAIT_SECONDS`.

    Example:
        >>> lock = ThreadLock("the journals")
        >>> with lock:
        ...     ...
        >>> with suppress(LockTaken), lock.at_once():
        ...     ...  # skipped if any thread has the lock, even the calling thread
    """

    def __new__(cls, place: str) -> ThreadLock:
        return super().__new__(cls)

    def __init__(self, place: str) -> None:
        self.place = place
        self.holder = 0, 0.0

    def __enter__(self) -> bool:  # type: ignore[override]
        if self.is_mine():
            reason = "a signal handler or finalizer needs it, but has interrupted a call that is using it"
            raise StoreUnavailable(self.place, reason)
        try:
            if not self.acquire(timeout=WAIT_SECONDS):
                raise StoreUnavailable(self.place, self.describe_holder())
            self.holder = get_ident(), time.time()
            return True
        except BaseException:
            if self.is_mine():
                self.release()
            raise

    def at_once(self) -> _AtOnce:
        """Return a context manager that raises `LockTaken` instead of waiting."""
        return _AtOnce(self)

    def describe_holder(self) -> str:
        """Return a text for errors, which names the thread that holds the lock and how long it has held it."""
        import threading

        thread, since = self.holder
        names = [one.name for one in threading.enumerate() if one.ident == thread]
        name = repr(names[0]) if names else "another"
        return f"thread {name} of this process has used it for {max(0.0, time.time() - since):.0f} seconds"


class LockTaken(Exception):
    """The lock is taken, and the caller does not want to wait."""


class _AtOnce:
    """One use of a `ThreadLock` without waiting."""

    # `with` looks up `__exit__` before it calls `__enter__`. It finds the `__exit__` of the lock, which is written in
    # C.
    __slots__ = ("__exit__", "_lock")

    def __init__(self, lock: ThreadLock) -> None:
        self._lock = lock
        self.__exit__ = lock.__exit__

    def __enter__(self) -> None:
        lock = self._lock
        if lock.is_mine():
            raise LockTaken
        try:
            if not lock.acquire(blocking=False):
                raise LockTaken
            lock.holder = get_ident(), time.time()
        except BaseException:
            if lock.is_mine():
                lock.release()
            raise
