"""The folder of journals: their ids, sizes and locks."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import stat
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Literal

from bridge.journal.block import block
from bridge.journal.file_lock import FileLock
from bridge.journal.format import END_SIZE, HEADER_SIZE, SUFFIX, VERSION, decode_header, encode_end
from bridge.journal.system import CallFailed, is_of_handler, system

logger = logging.getLogger("bridge")

FOLD_LOCK = ".fold.lock"
DAMAGED = ".damaged"
PART = ".part"

Lock = Literal["free", "held", "unavailable"]
"""The state of a journal's lock. `unavailable` means that the file system has no locks."""

READING = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""The flags for opening files of the folder. Links are not followed, and opening a pipe does not wait."""

_JOURNAL_NAME = re.compile("[0-9a-z]{1,64}" + re.escape(SUFFIX))
"""Matches the names of journals. Other files of the folder are ignored."""

PART_SECONDS = 60.0
"""The age at which a file is removed if its process has not renamed it to its final name."""


class HeldFolder:
    """An open folder. Calls work on this folder even if another folder is at its path later."""

    __slots__ = ("fd", "identity")

    def __init__(self, path: Path) -> None:
        self.fd = -1
        self.fd = system(os.open, path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.identity = _identity(system(os.fstat, self.fd))

    def close(self) -> None:
        """Close the folder; idempotent. The class has no `__del__`: Python ignores errors of signal handlers there."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def is_at(self, path: Path) -> bool:
        """Return whether a path still names this folder."""
        try:
            return _identity(system(os.stat, path)) == self.identity
        except CallFailed:
            return False

    def inode(self, name: str) -> int:
        """Return the inode of a file in the folder; 0 if the file does not exist."""
        try:
            return system(os.stat, name, dir_fd=self.fd).st_ino
        except CallFailed:
            return 0


def hold(path: Path, held: HeldFolder | None, make: bool = False) -> HeldFolder:
    """Return the folder at a path, as an open folder. If `held` is still the folder at the path, return `held`.

    Args:
        path: the folder.
        held: the open folder so far, or None.
        make: create the folder if it does not exist. The folder above it must exist.

    Raises:
        CallFailed: the folder cannot be opened.
    """
    if held is not None and held.fd >= 0 and held.is_at(path):
        return held
    try:
        return HeldFolder(path)
    except CallFailed as failed:
        if not make or failed.errno != errno.ENOENT:
            raise
    try:
        system(os.mkdir, path)
    except CallFailed as failed:
        if failed.errno != errno.EEXIST:  # another process has just made it
            raise
    return HeldFolder(path)


def _identity(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino


class JournalFolder:
    """The journals of a workspace, in a folder that is held open.

    Every call works on the folder that `look` found last.

    Args:
        path: the folder.
        shared: locks may be taken by the folder's group.
    """

    def __init__(self, path: Path, shared: bool = False) -> None:
        self.path, self.shared = path, shared
        self._held: HeldFolder | None = None
        self._previous: HeldFolder | None = None

    def look(self) -> bool:
        """Open the folder that is at the path now, and return whether it is another folder than before.

        Raises:
            OSError: the folder cannot be opened.
        """
        before = self._held
        try:
            found = hold(self.path, before)
            if self._held is not before:  # another thread has opened the folder
                if found is not before:
                    found.close()
                return True
            self._held = found
        except CallFailed as failed:
            self._held = None
            if failed.errno != errno.ENOENT:
                raise OSError(failed.errno, failed.reason) from failed
        if before is None or self._held is before:
            return False
        if self._previous is not None:
            self._previous.close()
        self._previous = before  # another thread may still use it, so it is closed only at the next change
        return True

    def close(self) -> None:
        """Close the folder. The next call opens it again."""
        both = self._held, self._previous
        self._held = self._previous = None
        for held in both:
            if held is not None:
                held.close()

    @property
    def _fd(self) -> int:
        """The file descriptor of the folder. The folder is opened if necessary."""
        held = self._held
        if held is None or held.fd < 0:  # another thread has closed the folder
            self.look()
            held = self._held
        if held is None:
            raise FileNotFoundError(2, "No such file or directory", str(self.path))
        return held.fd

    def sizes(self) -> dict[str, int]:
        """Return the size in bytes of each journal, by id.

        This takes one directory listing, and a `stat` for each journal.
        """
        if self._held is None:
            return {}
        # The folder is opened again, because two listings of one open folder would share their position.
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            fd = os.open(".", flags, dir_fd=self._fd)
        except OSError as error:
            if error.errno != errno.EBADF or is_of_handler(error):
                raise
            fd = os.open(".", flags, dir_fd=self._fd)  # another thread has just closed the folder
        try:
            with os.scandir(fd) as entries:
                return dict(_sizes_of(entries))
        finally:
            os.close(fd)

    def path_of(self, journal_id: str) -> Path:
        """Return the path of a journal, for messages."""
        return self.path / (journal_id + SUFFIX)

    def open(self, journal_id: str) -> int:
        """Open a journal to be read.

        Raises:
            FileNotFoundError: the journal does not exist.
        """
        return os.open(journal_id + SUFFIX, READING, dir_fd=self._fd)

    def identity(self, journal_id: str) -> tuple[int, int]:
        """Return the device and inode of a journal.

        Raises:
            FileNotFoundError: the journal does not exist.
        """
        return _identity(os.stat(journal_id + SUFFIX, dir_fd=self._fd))

    def read(self, journal_id: str, identity: tuple[int, int], start: int, size: int) -> bytes:
        """Return bytes of a journal; fewer bytes if the journal is shorter.

        Raises:
            FileNotFoundError: the journal does not exist, or another file has its name now.
        """
        fd = self.open(journal_id)
        try:
            if _identity(os.fstat(fd)) != identity:
                raise FileNotFoundError(2, "another file has its name now", str(self.path_of(journal_id)))
            with os.fdopen(fd, "rb", buffering=0, closefd=False) as file:
                file.seek(start)
                return b"".join(_parts(file, size))
        finally:
            os.close(fd)

    def may_be_closed(self, journal_id: str) -> bool:
        """Return whether a journal seems to end with a closing record.

        Only a reader of the whole journal can be certain.
        """
        try:
            fd = self.open(journal_id)
        except OSError as error:
            if is_of_handler(error):
                raise
            return False
        try:
            found = decode_header(os.pread(fd, HEADER_SIZE, 0)) or decode_header(os.pread(fd, HEADER_SIZE, HEADER_SIZE))
            if found is None or found[0] != VERSION:
                return found is not None and found[0] < VERSION
            header, at = found[1], os.fstat(fd).st_size - END_SIZE
            return at > 0 and os.pread(fd, END_SIZE, at) == encode_end(header.salt + at, header.journal_id, at)
        except OSError as error:
            if is_of_handler(error):
                raise
            return False
        finally:
            os.close(fd)

    def written_at(self, journal_id: str) -> int:
        """Return when a journal was last written to, by the file system's clock, in nanoseconds since 1970 UTC.

        Raises:
            FileNotFoundError: the journal does not exist.
        """
        return os.stat(journal_id + SUFFIX, dir_fd=self._fd).st_mtime_ns

    def now(self) -> int:
        """Return the current time of the file system's clock, in nanoseconds since 1970 UTC; 0 if it is unknown.

        This clock may be that of another machine. The time is read from the timestamp of a new file.
        """
        name = f".{os.urandom(16).hex()}{PART}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            fd = system(os.open, name, flags, 0o600, dir_fd=self._fd)
        except CallFailed as failed:
            logger.debug("The clock of %s is unknown: %s", self.path, failed)
            return 0
        try:
            return os.fstat(fd).st_mtime_ns
        finally:
            os.close(fd)
            with suppress(CallFailed):
                system(os.unlink, name, dir_fd=self._fd)

    @block
    def lock_of(self, journal_id: str) -> Generator[Lock, None, None]:
        """Yield the state of a journal's lock. A free lock is taken for the block, so that no process takes it.

        Raises:
            FileNotFoundError: the journal does not exist.
        """
        fd = self.open(journal_id)
        try:
            yield _try_lock(fd)
        finally:
            try:
                _unlock(fd)
            finally:
                os.close(fd)

    def size_of(self, journal_id: str) -> int:
        """Return the size in bytes of a journal.

        Raises:
            FileNotFoundError: the journal does not exist.
        """
        return os.stat(journal_id + SUFFIX, dir_fd=self._fd).st_size

    def remove(self, journal_id: str) -> None:
        """Remove a journal whose points are all stored."""
        try:
            system(os.unlink, journal_id + SUFFIX, dir_fd=self._fd)
        except CallFailed as failed:
            if failed.errno != errno.ENOENT:
                raise

    def remove_leftovers(self) -> None:
        """Remove unfinished files, whose process was killed or interrupted before it gave them their final names."""
        names = [name for name in os.listdir(self._fd) if name.startswith(".") and name.endswith(PART)]
        if not names:
            return
        now = self.now()
        for name in names:
            try:
                self._remove_leftover(name, now)
            except CallFailed as failed:
                logger.debug("The file %s was not removed: %s", self.path / name, failed)

    def _remove_leftover(self, name: str, now: int) -> None:
        """Remove an unfinished file, unless it is new or a process has locked it.

        Raises:
            CallFailed: another process has removed the file, or the file belongs to another user.
        """
        fd = system(os.open, name, READING, dir_fd=self._fd)
        try:
            if now - os.fstat(fd).st_mtime_ns > PART_SECONDS * 1e9 and _try_lock(fd) != "held":
                system(os.unlink, name, dir_fd=self._fd)
                logger.debug("The file %s was removed, because no process uses it.", self.path / name)
        finally:
            try:
                _unlock(fd)
            finally:
                os.close(fd)

    def link_damaged(self, journal_id: str) -> None:
        """Give a damaged journal, which may still be in use, a second name, so that its file stays if it is removed.

        Raises:
            CallFailed: the file system has no hard links.
        """
        try:
            system(os.link, journal_id + SUFFIX, journal_id + DAMAGED, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except CallFailed as failed:
            if failed.errno != errno.EEXIST:
                raise

    def rename_damaged(self, journal_id: str) -> None:
        """Rename a damaged journal whose readable part is stored, so that readers ignore it."""
        try:
            system(os.stat, journal_id + DAMAGED, dir_fd=self._fd)
        except CallFailed as failed:
            if failed.errno != errno.ENOENT:
                raise
            os.rename(journal_id + SUFFIX, journal_id + DAMAGED, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        else:
            self.remove(journal_id)

    def folding(self, wait: bool) -> FileLock:
        """Return the lock that lets only one process fold (copy points from journals into the database) at a time.

        A `with` statement on the lock gives False if another process folds and `wait` is False.

        Raises:
            StoreUnavailable: another process has held the lock for longer than the time limit.
            OSError: the folder cannot be written.
        """
        mode = 0o664 if self.shared else 0o644
        return FileLock(FOLD_LOCK, mode, dir_fd=self._fd, wait=wait, place=str(self.path / FOLD_LOCK))


def _sizes_of(entries: Iterable[os.DirEntry[str]]) -> Iterator[tuple[str, int]]:
    """Yield the id and the size in bytes of each journal among the entries of a folder."""
    for entry in entries:
        if _JOURNAL_NAME.fullmatch(entry.name):
            try:
                state = entry.stat(follow_symlinks=False)
            except FileNotFoundError as error:
                if is_of_handler(error):
                    raise
                continue  # another process has just folded and removed it
            if stat.S_ISREG(state.st_mode):  # opening a pipe would wait for its writer
                yield entry.name[: -len(SUFFIX)], state.st_size


def _parts(file: FileIO, size: int) -> Iterator[bytes]:
    while size > 0 and (data := file.read(size)):
        size -= len(data)
        yield data


def _try_lock(fd: int) -> Lock:
    """Return the state of an open file's lock. If the lock is free, take it."""
    try:
        # A shared lock is enough, and needs no right to write on NFS.
        system(fcntl.flock, fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except CallFailed as failed:
        return "held" if failed.errno == errno.EWOULDBLOCK else "unavailable"
    return "free"


def _unlock(fd: int) -> None:
    """Release a lock. Closing the file is not enough, because a child that was just forked has the same lock."""
    with suppress(CallFailed):
        system(fcntl.flock, fd, fcntl.LOCK_UN)
