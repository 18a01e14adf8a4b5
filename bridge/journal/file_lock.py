"""A lock between processes, for which a caller waits only up to a time limit. The lock is a lock on a file.

If an exception leaves the `with` statement, the lock is released. This is also true if a signal handler raises the
exception while the lock is being taken.
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
from _thread import allocate_lock, start_new_thread
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import bridge.journal.locks as locks
from bridge.errors import StoreUnavailable
from bridge.forking import Step, on_fork
from bridge.journal.own_file import OwnFile, opening
from bridge.journal.system import CallFailed, system, was_raised_deeper

logger = logging.getLogger("bridge")

HOLDER_BYTES = 160
"""The size of the text that names the holder of a lock, at the beginning of the lock's file."""

OPENINGS = 100
"""How often `FileLock` tries to open its file, if other processes remove or replace the file again and again."""

NOT_SUPPORTED = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})
"""The errors by which a file system reports that it does not support a kind of lock."""

# Open-file-description locks (F_OFD_…) belong to the open file, like `flock` locks. The usual record locks belong to
# the process, which loses them when it closes any descriptor of the file. On macOS only `flock` exists.
_SET_RECORD_LOCK = getattr(fcntl, "F_OFD_SETLK", None)
_WAIT_FOR_RECORD_LOCK = getattr(fcntl, "F_OFD_SETLKW", None)
_WHOLE_FILE = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


class FileLock(OwnFile):
    """An exclusive lock between processes, on a file that is opened for it.

    A `with` statement opens the file, takes the lock, and at its end closes the file, which releases the lock. An
    object can be used for only one `with` statement. The file is created if it does not exist. It contains the id of
    the process that holds the lock.
    On a file system without `flock`, record locks are used. On a file system without record locks, nothing is locked,
    and a warning is logged once.

    Args:
        path: the file; relative to `dir_fd` if that is given.
        mode: the permissions of the file. The umask is ignored.
        dir_fd: the file descriptor of an open folder.
        wait: if True, wait for the lock up to the time limit. If False, do not wait: the `with` statement then yields
            False if another process holds the lock.
        place: the name of the file for errors; None is the path.
        seconds: the time limit; None is `locks.WAIT_SECONDS`.

    Raises:
        StoreUnavailable: another process held the lock until the time limit. The error names that process.
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
        super().__init__()
        self._path, self._permissions, self._wait = os.fspath(path), mode, wait
        self._place, self._seconds = place or self._path, seconds
        self._dir_fd = dir_fd
        # `partial(os.open)` and `FileIO` are written in C, so no signal handler runs between opening the file and
        # storing its descriptor.
        self._opener: Any = partial(os.open, mode=mode, dir_fd=dir_fd)

    def __enter__(self) -> bool:  # type: ignore[override]  # whether the lock is taken
        try:
            is_taken = self._take()
        except BaseException:
            self.close()
            raise
        return is_taken

    def _take(self) -> bool:
        for _ in range(OPENINGS):
            self._open()
            if not _lock(self.fileno(), wait=False):
                if not self._wait:
                    return False  # the file is closed at the end of the `with`
                self._wait_for_turn()
            if self._is_at_path():
                with suppress(CallFailed):  # if the disk is full, later errors cannot name the holder
                    system(os.pwrite, self.fileno(), _holder(), 0)
                return True
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), self._path)

    def _open(self) -> None:
        for _ in range(OPENINGS):
            if self._open_existing():
                break
            self._refuse_link(self._stat_path())
            self._make()
        state = os.fstat(self.fileno())
        self._key = state.st_dev, state.st_ino
        if state.st_mode & 0o666 != self._permissions & 0o666 and state.st_uid == os.geteuid():
            with suppress(CallFailed):
                system(os.fchmod, self.fileno(), self._permissions)

    def _open_existing(self) -> bool:
        """Open the file. Return False if it does not exist."""
        with opening():
            try:  # within the block, as `opening` explains
                io.FileIO.__init__(self, self._path, "r+", opener=self._opener)
            except FileNotFoundError as error:
                if was_raised_deeper(error):
                    raise
                return False
        return True

    def _make(self) -> None:
        """Create the file, unless another process has just created it."""
        with io.FileIO(self._path, "a", opener=self._opener):
            pass

    def _is_at_path(self) -> bool:
        """Return whether the locked file is still the file at the path. The previous holder may have removed it."""
        found = self._stat_path()
        self._refuse_link(found)
        return found is not None and (found.st_dev, found.st_ino) == self._key

    def _stat_path(self) -> os.stat_result | None:
        """Return the state of the file or link at the path; None if the path does not exist."""
        try:
            return os.stat(self._path, dir_fd=self._dir_fd, follow_symlinks=False)
        except FileNotFoundError as error:
            if was_raised_deeper(error):
                raise
            return None

    def _refuse_link(self, found: os.stat_result | None) -> None:
        """Raise OSError if the path is a link, because another user may have chosen the target of the link."""
        if found is not None and not stat.S_ISREG(found.st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self._path)

    def _wait_for_turn(self) -> None:
        """Wait for the lock with a limit.

        The kernel's queue is fair, but a wait in the queue has no time limit and cannot be ended. So a separate thread,
        the waiter, waits in the queue, and the caller waits for that thread.
        """
        waiter = _find_waiter(self._key) or _Waiter(self._path, self._opener, self._key)
        try:
            waiter.start()
            waiter.turn.acquire(timeout=locks.WAIT_SECONDS if self._seconds is None else self._seconds)
            if not waiter.done:
                raise StoreUnavailable(self._place, self.describe_holder())
            if waiter.error is not None:
                raise waiter.error
            # Make this object's descriptor a duplicate of the waiter's. The lock stays, because it belongs to the open
            # file, not to a descriptor.
            os.dup2(waiter.file.fileno(), self.fileno(), inheritable=False)
            waiter.file.close()
        except BaseException:
            waiter.leave()
            raise

    def describe_holder(self) -> str:
        """Return a text for errors, which names the process that holds the lock and states what to do."""
        text = os.pread(self.fileno(), HOLDER_BYTES, 0).decode("utf-8", "replace").split()
        if len(text) == 3:
            pid, host, since = text
            holder = f"process {pid} on host {host} has held this lock since {since}"
        else:
            holder = "another process has held this lock for too long"
        return f"{holder}: resume that process if it is stopped, or end it"


def _holder() -> bytes:
    """Return the text that names this process in the lock's file."""
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    text = f"{os.getpid()} {os.uname().nodename[:64] or 'unknown'} {since}"
    return text.encode("utf-8", "replace")[: HOLDER_BYTES - 1].ljust(HOLDER_BYTES - 1) + b"\n"


class _Waiter:
    """A thread that waits for the lock of a file in the kernel's queue.

    A caller that gives up leaves its waiter in `_left`. The next caller uses this waiter, and so does not wait at the
    end of the queue. A waiter that no caller uses releases the file lock as soon as it has taken it.

    A caller waits by acquiring the thread lock `turn`. The waiter releases `turn` once, when its own wait for the file
    lock is over. Afterwards `done` is True, and `error` is None if the waiter has taken the file lock.
    """

    def __init__(self, path: str, opener: Any, key: tuple[int, int]) -> None:
        self.path, self.opener, self.key = path, opener, key
        self.file = OwnFile()
        self.turn = allocate_lock()
        self.turn.acquire()
        self.started = self.running = self.done = False
        self.error: OSError | None = None

    def start(self) -> None:
        """Start the thread, unless it was started before."""
        if self.started:
            return
        self.file.open(self.path, "r+", self.opener)
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
        """Leave this waiter to the next caller. Its thread may still be waiting."""
        if not self.started:
            self.file.close()
            return
        _left.append(self)
        if self.done:
            self._close_if_left()

    def _close_if_left(self) -> None:
        try:
            _left.remove(self)
        except ValueError:  # a caller uses this waiter, or another thread closes the file
            return
        self.file.close()


_left: list[_Waiter] = []
"""Waiters whose callers have given up."""

on_fork(Step.FILES, in_child=_left.clear)  # their threads do not exist in a child


def _find_waiter(key: tuple[int, int]) -> _Waiter | None:
    """Take over a waiter for the lock of a file. Return None if no such waiter exists."""
    for waiter in list(_left):
        if waiter.key == key and waiter.running:
            with suppress(ValueError):  # the waiter has just ended, or another caller has it
                _left.remove(waiter)
                return waiter
    return None


def _lock(fd: int, wait: bool) -> bool:
    """Lock an open file; return False if another process has the lock and `wait` is False."""
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
    """Lock an open file with a record lock. If the file system has no record locks, return True without a lock."""
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
        _warn_of_missing_locks()
    return True


_has_warned = False


def _warn_of_missing_locks() -> None:
    global _has_warned
    if not _has_warned:
        _has_warned = True
        logger.warning("This file system has no file locks: only one process at a time may write to a workspace on it.")


def has_file_locks(path: Path) -> bool:
    """Return whether the file system of a file has the record locks that SQLite needs.

    Args:
        path: a file. It must not be a database in use, because closing it would release the locks that this process
            holds on that database.
    """
    with io.FileIO(str(path), "r+") as file:
        try:
            fcntl.lockf(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if was_raised_deeper(error):
                raise
            return error.errno not in NOT_SUPPORTED
    return True
