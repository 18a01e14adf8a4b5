"""Locks between processes and between threads; nobody waits for one without a limit.

Both are used by `with`, and their `__exit__` is written in C: a signal handler's exception that comes at any place
leaves them as they were before the `with`, or released.
Python runs handlers where a Python function is entered and where a call has returned, so an `__exit__` in Python
could be interrupted before it has done anything.
"""

from __future__ import annotations

import errno
import fcntl
import io
import logging
import os
import stat
import struct
import time
import weakref
from _thread import RLock, allocate_lock, get_ident, start_new_thread
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from bridge.errors import StoreUnavailable
from bridge.forking import Step, on_fork
from bridge.journal.system import CallFailed, system, was_raised_deeper

logger = logging.getLogger("bridge")

WAIT_SECONDS = 10.0
"""How long a caller waits for a lock before it raises."""

HOLDER_BYTES = 160
"""The size of the text that names the holder of a lock, at the beginning of the lock's file."""

OPENINGS = 100
"""How often a lock's file is opened again that somebody else has removed or replaced."""

NOT_SUPPORTED = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})
"""With one of these a file system answers that it has no such locks."""

# Record locks that belong to the opened file, as those of `flock` do; those that belong to the process would be
# dropped when any descriptor of the file is closed. Where they do not exist (macOS), `flock` is all there is.
_SET_RECORD_LOCK = getattr(fcntl, "F_OFD_SETLK", None)
_WAIT_FOR_RECORD_LOCK = getattr(fcntl, "F_OFD_SETLKW", None)
_WHOLE_FILE = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


class FileLock(io.FileIO):
    """An exclusive lock between processes, on a file that is opened for it.

    Each `with` opens the file, takes the lock and closes the file, which releases the lock; one object serves one
    `with`. The file is made if absent, and names the process that holds the lock.
    On a file system without `flock` record locks are used, and where those are missing too, nothing: logged once.

    Args:
        path: the file; relative to `dir_fd` if that is given.
        mode: the permissions of the file, whatever the umask is.
        dir_fd: an open folder.
        wait: wait up to `WAIT_SECONDS`; if False, the `with` gives False at once when somebody else has the lock.
        place: how an error names the file; None is the path.
        seconds: the limit; None is `WAIT_SECONDS`.

    Raises:
        StoreUnavailable: another process had the lock for the whole time; the error names it.
        OSError: the file cannot be opened.

    Example:
        >>> with FileLock("journal/.fold.lock", wait=False) as mine:
        ...     if mine:
        ...         ...
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        mode: int = 0o644,
        dir_fd: int | None = None,
        wait: bool = True,
        place: str | None = None,
        seconds: float | None = None,
    ) -> None:
        # The file is opened by `__enter__`: an object that is dropped before has nothing to close.
        self._path, self._permissions, self._wait = os.fspath(path), mode, wait
        self._place, self._seconds = place or self._path, seconds
        # Of C, as is what calls it: no handler runs between the opening and the place where the descriptor is kept.
        self._dir_fd = dir_fd
        self._opener: Any = partial(os.open, mode=mode, dir_fd=dir_fd)

    def __enter__(self) -> bool:  # type: ignore[override]  # whether the lock is taken
        try:
            for _ in range(OPENINGS):
                self._open()
                if not _lock(self.fileno(), wait=False):
                    if not self._wait:
                        return False  # the file is closed at the end of the `with`
                    self._wait_for_turn()
                if self._is_at_path():
                    with suppress(CallFailed):  # a full disk: then nobody is told who has the lock
                        system(os.pwrite, self.fileno(), _holder(), 0)
                    return True
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), self._path)
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        _files.add(self)
        for _ in range(OPENINGS):
            try:
                super().__init__(self._path, "r+", opener=self._opener)
                break
            except FileNotFoundError as error:
                if was_raised_deeper(error):
                    raise
                self._refuse_link(self._named())
                self._make()
        state = os.fstat(self.fileno())
        self._key = state.st_dev, state.st_ino
        if state.st_mode & 0o666 != self._permissions & 0o666 and state.st_uid == os.geteuid():
            with suppress(CallFailed):
                system(os.fchmod, self.fileno(), self._permissions)

    def _make(self) -> None:
        """Make the file, unless somebody else has just made it."""
        with io.FileIO(self._path, "a", opener=self._opener):
            pass

    def _is_at_path(self) -> bool:
        """Whether the locked file is the one that others open: who had the lock before may have removed it."""
        named = self._named()
        self._refuse_link(named)
        return named is not None and (named.st_dev, named.st_ino) == self._key

    def _named(self) -> os.stat_result | None:
        """What is at the path, which is not followed."""
        try:
            return os.stat(self._path, dir_fd=self._dir_fd, follow_symlinks=False)
        except FileNotFoundError as error:
            if was_raised_deeper(error):
                raise
            return None

    def _refuse_link(self, named: os.stat_result | None) -> None:
        """Raise if the path is a link: the holder's name would be written into a file of whoever made the link."""
        if named is not None and not stat.S_ISREG(named.st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self._path)

    def _wait_for_turn(self) -> None:
        """Wait in the kernel's queue, which is fair, by a thread; this one waits for that with the limit."""
        waiter = _find_waiter(self._key) or _Waiter(self._path, self._opener, self._key)
        try:
            waiter.start()
            waiter.turn.acquire(timeout=WAIT_SECONDS if self._seconds is None else self._seconds)
            if not waiter.done:
                raise StoreUnavailable(self._place, self.describe_holder())
            if waiter.error is not None:
                raise waiter.error
            os.dup2(waiter.file.fileno(), self.fileno(), inheritable=False)  # the lock belongs to the opened file
            waiter.file.close()
        except BaseException:
            waiter.leave()
            raise

    def describe_holder(self) -> str:
        """Who has the lock of this opened file, and what to do."""
        text = os.pread(self.fileno(), HOLDER_BYTES, 0).decode("utf-8", "replace").split()
        if len(text) == 3:
            pid, host, since = text
            holder = f"process {pid} on host {host} has held this lock since {since}"
        else:
            holder = "another process has held this lock for too long"
        return f"{holder}: resume that process if it is stopped, or end it"


def _holder() -> bytes:
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    text = f"{os.getpid()} {os.uname().nodename[:64] or 'unknown'} {since}"
    return text.encode("utf-8", "replace")[: HOLDER_BYTES - 1].ljust(HOLDER_BYTES - 1) + b"\n"


class _File(io.FileIO):
    """A file that is opened after it is made: until then there is nothing to close."""

    def __init__(self) -> None:
        pass

    def open(self, path: str, opener: Any) -> None:
        super().__init__(path, "r+", opener=opener)


class _Waiter:
    """A thread that waits for the lock of a file in the kernel's queue, which cannot be left.

    A caller that gives up leaves it behind: the next one takes it over, or it releases the lock as soon as it has it.
    """

    def __init__(self, path: str, opener: Any, key: tuple[int, int]) -> None:
        self.path, self.opener, self.key = path, opener, key
        self.file = _File()
        self.turn = allocate_lock()  # released once, when there is nothing to wait for any more
        self.turn.acquire()
        self.started = self.running = self.done = False
        self.error: OSError | None = None

    def start(self) -> None:
        if self.started:
            return
        _files.add(self.file)
        self.file.open(self.path, self.opener)
        self.started = True
        try:
            start_new_thread(self._run, ())
        except RuntimeError as error:  # the system has no more threads
            self.started = False
            raise StoreUnavailable(self.path, str(error)) from error

    def _run(self) -> None:
        self.running = True
        try:
            _lock(self.file.fileno(), wait=True)
        except OSError as error:
            self.error = error
        self.done = True
        self.turn.release()
        self._close_if_left()

    def leave(self) -> None:
        if not self.started:
            self.file.close()
            return
        _left.append(self)
        if self.done:
            self._close_if_left()

    def _close_if_left(self) -> None:
        try:
            _left.remove(self)  # the one that removes it has it
        except ValueError:
            return
        self.file.close()


_left: list[_Waiter] = []
"""Waiters that nobody waits for."""

_files: weakref.WeakSet[io.FileIO] = weakref.WeakSet()


def _find_waiter(key: tuple[int, int]) -> _Waiter | None:
    for waiter in list(_left):
        if waiter.key == key and waiter.running:
            with suppress(ValueError):
                _left.remove(waiter)
                return waiter
    return None


def _after_fork_in_child() -> None:
    """Close what the parent's locks belong to: else they would stay locked as long as this child lives."""
    for file in list(_files):
        file.close()
    _left.clear()


on_fork(Step.LOCKS, in_child=_after_fork_in_child)


def _lock(fd: int, wait: bool) -> bool:
    """Lock an opened file; False if somebody else has it and `wait` is False."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError as error:
        if was_raised_deeper(error):
            raise
        if isinstance(error, BlockingIOError):
            return False
        if error.errno not in NOT_SUPPORTED:
            raise
    return _lock_record(fd, wait)


def _lock_record(fd: int, wait: bool) -> bool:
    try:
        if _SET_RECORD_LOCK is None or _WAIT_FOR_RECORD_LOCK is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        fcntl.fcntl(fd, _WAIT_FOR_RECORD_LOCK if wait else _SET_RECORD_LOCK, _WHOLE_FILE)
    except OSError as error:
        if was_raised_deeper(error):
            raise
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        if error.errno not in NOT_SUPPORTED:
            raise
        _log_without_locks()
    return True


_said_without_locks = False


def _log_without_locks() -> None:
    global _said_without_locks
    if not _said_without_locks:
        _said_without_locks = True
        logger.warning("This file system has no file locks: only one process at a time may write to a workspace on it.")


def has_file_locks(path: Path) -> bool:
    """Whether the file system of a file has the record locks that SQLite needs; the file must not be a database."""
    with io.FileIO(str(path), "r+") as file:
        try:
            fcntl.lockf(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if was_raised_deeper(error):
                raise
            return error.errno not in NOT_SUPPORTED
    return True


class OwnedLock(RLock):  # type: ignore[misc]  # typeshed has it as final, and it is not
    """A lock that a thread may take several times, and that can be asked whether it is the thread's.

    `with` waits without a limit, and calls functions of C only.
    """

    __slots__ = ()

    def is_mine(self) -> bool:
        """Return whether this thread has the lock."""
        return bool(self._is_owned())  # type: ignore[attr-defined]


class ThreadLock(OwnedLock):  # type: ignore[misc]  # as above
    """A lock between the threads of a process, which its own thread may not take twice.

    A signal handler, a finalizer or a logging handler that interrupts a call of its own thread, and needs the same
    lock, gets an error at once instead of waiting for itself.

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

    def __enter__(self) -> bool:  # type: ignore[override]
        if self.is_mine():
            reason = "a signal handler or a finalizer cannot use it while the call that it interrupted does"
            raise StoreUnavailable(self.place, reason)
        try:
            if not self.acquire(timeout=WAIT_SECONDS):
                raise StoreUnavailable(self.place, self.describe_holder())
            self._holder = get_ident(), time.time()
            return True
        except BaseException:
            if self.is_mine():
                self.release()
            raise

    def at_once(self) -> _AtOnce:
        """A `with` that raises `LockTaken` instead of waiting."""
        return _AtOnce(self)

    def describe_holder(self) -> str:
        """Which thread has the lock, and how long."""
        import threading

        thread, since = getattr(self, "_holder", (0, 0.0))
        names = [one.name for one in threading.enumerate() if one.ident == thread]
        name = repr(names[0]) if names else "another"
        return f"thread {name} of this process has used it for {max(0.0, time.time() - since):.0f} seconds"


class LockTaken(Exception):
    """A lock that is not waited for is taken."""


class _AtOnce:
    """A turn of a `ThreadLock` that is not waited for."""

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
            lock._holder = get_ident(), time.time()
        except BaseException:
            if lock.is_mine():
                lock.release()
            raise
