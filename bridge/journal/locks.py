"""Locks between the threads of a process.

They are used by `with`, and their `__exit__` is written in C: Python runs signal handlers where a Python function is
entered, so the exception of a handler could leave an `__exit__` in Python before that has done anything.
So a `with` that an exception leaves has released the lock, at whatever place the exception came.
"""

from __future__ import annotations

import time
from _thread import RLock, get_ident

from bridge.errors import StoreUnavailable

WAIT_SECONDS = 10.0
"""How long a caller waits for a lock, of threads or of processes, before it raises."""


class OwnedLock(RLock):  # type: ignore[misc]  # typeshed has it as final, and it is not
    """A lock that a thread may take several times, and that can be asked whether it is the thread's.

    `with` waits without a limit, and calls functions of C only.
    """

    __slots__ = ()

    def is_mine(self) -> bool:
        """Return whether this thread has the lock."""
        return bool(self._is_owned())  # type: ignore[attr-defined]


class ThreadLock(OwnedLock):  # type: ignore[misc]  # as above
    """A lock that a thread may not take twice, and that is waited for with a limit.

    A signal handler, a finalizer or a logging handler that interrupts a call of its own thread, and needs the same
    lock, gets an error instead of waiting for itself.

    `holder` is the thread that took the lock last, and when, in seconds since 1970 UTC.

    Args:
        place: what the lock guards, as an error names it.

    Raises:
        StoreUnavailable: this thread has the lock, or another one had it for `WAIT_SECONDS`.

    Example:
        >>> lock = ThreadLock("the journals")
        >>> with lock:
        ...     ...
        >>> with suppress(LockTaken), lock.at_once():
        ...     ...  # skipped if any thread has the lock, this one included
    """

    def __new__(cls, place: str) -> ThreadLock:
        return super().__new__(cls)

    def __init__(self, place: str) -> None:
        self.place = place
        self.holder = 0, 0.0

    def __enter__(self) -> bool:  # type: ignore[override]
        if self.is_mine():
            reason = "a signal handler or a finalizer cannot use it while the call that it interrupted does"
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
        """Return a `with` that raises `LockTaken` instead of waiting."""
        return _AtOnce(self)

    def describe_holder(self) -> str:
        """Return a text for errors: which thread has the lock, and for how long."""
        import threading

        thread, since = self.holder
        names = [one.name for one in threading.enumerate() if one.ident == thread]
        name = repr(names[0]) if names else "another"
        return f"thread {name} of this process has used it for {max(0.0, time.time() - since):.0f} seconds"


class LockTaken(Exception):
    """A lock that is not waited for is taken."""


class _AtOnce:
    """One use of a `ThreadLock`, which is not waited for."""

    # `with` looks up `__exit__` before it calls `__enter__`, and finds the lock's own, which is written in C.
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
