"""A folder of journals: which there are, how large, and whether their writers live."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import stat
from collections.abc import Generator, Iterator
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
"""What is found of the lock of a journal; `unavailable` where the file system has none."""

READING = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""How files of the folder are opened: neither a link nor a pipe of somebody else's is followed or waited for."""

_JOURNAL_NAME = re.compile("[0-9a-z]{1,64}" + re.escape(SUFFIX))
"""How a journal may be called; any other file of the folder is somebody's own."""

PART_SECONDS = 60.0
"""How old the file of a journal must be that never got its name before it is removed."""


class HeldFolder:
    """A folder that is held open, so that what is done in it is done in this one, whatever its path names later."""

    __slots__ = ("fd", "identity")

    def __init__(self, path: Path) -> None:
        self.fd = -1
        self.fd = system(os.open, path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.identity = _identity(system(os.fstat, self.fd))

    def close(self) -> None:
        """Close it; idempotent. Not left to a finalizer: Python would swallow an interrupt that comes in there."""
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
        """Return the inode of a file in it; 0 if it has none of that name."""
        try:
            return system(os.stat, name, dir_fd=self.fd).st_ino
        except CallFailed:
            return 0


def hold(path: Path, held: HeldFolder | None, make: bool = False) -> HeldFolder:
    """Return the folder at a path, held open: the one that is held already if it is still there.

    Args:
        path: the folder.
        held: what was held before.
        make: make the folder if only it is missing, and not what is above it.

    Raises:
        CallFailed: it cannot be opened.
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
    """The journals of a workspace, all in the folder that is held.

    Every call is about the folder that `look` found last.
    """

    def __init__(self, path: Path, shared: bool = False) -> None:
        self.path, self.shared = path, shared
        self._held: HeldFolder | None = None
        self._previous: HeldFolder | None = None

    def look(self) -> bool:
        """Hold the folder that is at the path now; return whether it is another one than before.

        Raises:
            OSError: it cannot be opened.
        """
        before = self._held
        try:
            found = hold(self.path, before)
            if self._held is not before:  # another thread was first
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
        self._previous = before  # stays open a while: another thread may be about to use it
        return True

    def let_go(self) -> None:
        """Hold no folder until the next look."""
        both = self._held, self._previous
        self._held = self._previous = None
        for held in both:
            if held is not None:
                held.close()

    @property
    def _fd(self) -> int:
        """The descriptor of the folder, while the caller keeps `_held`."""
        held = self._held
        if held is None or held.fd < 0:  # another thread has let go of it since the last look
            self.look()
            held = self._held
        if held is None:
            raise FileNotFoundError(2, "No such file or directory", str(self.path))
        return held.fd

    def sizes(self) -> dict[str, int]:
        """Return the size in bytes of each journal, by id; one directory listing and a `stat` each."""
        sizes = {}
        if self._held is None:
            return {}
        # A description of its own: two listings of one share their place in the folder.
        try:
            fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._fd)
        except OSError as error:
            if error.errno != errno.EBADF or is_of_handler(error):
                raise
            fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._fd)  # let go of just now
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    if _JOURNAL_NAME.fullmatch(entry.name):
                        try:
                            state = entry.stat(follow_symlinks=False)
                            if stat.S_ISREG(state.st_mode):  # opening a pipe would wait for its writer
                                sizes[entry.name[: -len(SUFFIX)]] = state.st_size
                        except FileNotFoundError as error:
                            if is_of_handler(error):
                                raise
                            continue  # folded and removed meanwhile
        finally:
            os.close(fd)
        return sizes

    def path_of(self, journal_id: str) -> Path:
        """Return the path of a journal, for messages."""
        return self.path / (journal_id + SUFFIX)

    def open(self, journal_id: str) -> int:
        """Open a journal to be read.

        Raises:
            FileNotFoundError: it does not exist.
        """
        return os.open(journal_id + SUFFIX, READING, dir_fd=self._fd)

    def identity(self, journal_id: str) -> tuple[int, int]:
        """Return the device and inode of a journal.

        Raises:
            FileNotFoundError: it does not exist.
        """
        return _identity(os.stat(journal_id + SUFFIX, dir_fd=self._fd))

    def read(self, journal_id: str, identity: tuple[int, int], start: int, size: int) -> bytes:
        """Return bytes of a journal; fewer if it ends before.

        Raises:
            FileNotFoundError: it does not exist, or its name is that of another file now.
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
        """Return whether a journal seems to end with a closing record; only reading it from its start can tell."""
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
            FileNotFoundError: it does not exist.
        """
        return os.stat(journal_id + SUFFIX, dir_fd=self._fd).st_mtime_ns

    def now(self) -> int:
        """Return the time by the clock that `written_at` has, which may be another machine's; 0 if it cannot be asked.

        A new file shows it.
        """
        name = f".{os.urandom(16).hex()}{PART}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            fd = system(os.open, name, flags, 0o600, dir_fd=self._fd)
        except CallFailed as failed:
            logger.debug("The clock of %s cannot be asked: %s", self.path, failed)
            return 0
        try:
            return os.fstat(fd).st_mtime_ns
        finally:
            os.close(fd)
            with suppress(CallFailed):
                system(os.unlink, name, dir_fd=self._fd)

    @block
    def lock_of(self, journal_id: str) -> Generator[Lock, None, None]:
        """Yield what is found of the lock of a journal; a free one cannot be taken by anybody within the block.

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
            FileNotFoundError: it does not exist.
        """
        return os.stat(journal_id + SUFFIX, dir_fd=self._fd).st_size

    def remove(self, journal_id: str) -> None:
        """Remove a journal that is stored to its end."""
        try:
            system(os.unlink, journal_id + SUFFIX, dir_fd=self._fd)
        except CallFailed as failed:
            if failed.errno != errno.ENOENT:
                raise

    def remove_leftovers(self) -> None:
        """Remove files of journals that never got their name, because their process was killed or interrupted."""
        names = [name for name in os.listdir(self._fd) if name.startswith(".") and name.endswith(PART)]
        if not names:
            return
        now = self.now()
        for name in names:
            try:
                self._remove_leftover(name, now)
            except CallFailed as failed:
                logger.debug("%s stays: %s", self.path / name, failed)

    def _remove_leftover(self, name: str, now: int) -> None:
        """Remove the file of a journal that has no name yet, unless it is new or somebody has it locked.

        Raises:
            CallFailed: it was removed by another process, or belongs to another user.
        """
        fd = system(os.open, name, READING, dir_fd=self._fd)
        try:
            if now - os.fstat(fd).st_mtime_ns > PART_SECONDS * 1e9 and _try_lock(fd) != "held":
                system(os.unlink, name, dir_fd=self._fd)
                logger.debug("%s was removed: no process uses it.", self.path / name)
        finally:
            try:
                _unlock(fd)
            finally:
                os.close(fd)

    def keep(self, journal_id: str) -> None:
        """Keep a damaged journal under a second name, whoever removes it; its process may still write to it.

        Raises:
            CallFailed: the file system has no hard links.
        """
        try:
            system(os.link, journal_id + SUFFIX, journal_id + DAMAGED, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except CallFailed as failed:
            if failed.errno != errno.EEXIST:
                raise

    def set_aside(self, journal_id: str) -> None:
        """Keep a damaged journal that is stored as far as it could be read, where no reader looks again."""
        try:
            system(os.stat, journal_id + DAMAGED, dir_fd=self._fd)
        except CallFailed as failed:
            if failed.errno != errno.ENOENT:
                raise
            os.rename(journal_id + SUFFIX, journal_id + DAMAGED, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        else:
            self.remove(journal_id)

    def folding(self, wait: bool) -> FileLock:
        """The fold's lock: only one process folds at a time; False if another does and `wait` is False.

        Raises:
            StoreUnavailable: another process has had it for longer than the limit of every wait.
            OSError: the folder cannot be written.
        """
        mode = 0o664 if self.shared else 0o644
        return FileLock(FOLD_LOCK, mode, dir_fd=self._fd, wait=wait, place=str(self.path / FOLD_LOCK))


def _parts(file: FileIO, size: int) -> Iterator[bytes]:
    while size > 0:
        data = file.read(size)
        if not data:
            return
        size -= len(data)
        yield data


def _try_lock(fd: int) -> Lock:
    """Return what is found of the lock of an open file; a free one is taken."""
    try:
        # A shared lock is enough, and needs no right to write on NFS.
        system(fcntl.flock, fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except CallFailed as failed:
        return "held" if failed.errno == errno.EWOULDBLOCK else "unavailable"
    return "free"


def _unlock(fd: int) -> None:
    """Free a lock; not left to `close`, for a child that was forked meanwhile holds the same one."""
    with suppress(CallFailed):
        system(fcntl.flock, fd, fcntl.LOCK_UN)
