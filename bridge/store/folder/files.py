"""Files below one folder. They are written completely or not at all, and never through a symbolic link."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from bridge.errors import InvalidValue, NotAllowed, StoreUnavailable
from bridge.journal.file_lock import FileLock
from bridge.journal.system import Ignoring, is_of_handler, was_raised_deeper
from bridge.records.text import RULE

PENDING = ".pending"
"""The subfolder for files that are being written or removed. No artifact root has this name, because of the dot."""

LOCK, REPLACED = "lock", "replaced"
"""In this subfolder: the name of the lock file, and the second name of a file that is being replaced."""

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
NOT_ALLOWED = frozenset((errno.EACCES, errno.EPERM, errno.EROFS))


class Part:
    """A file in the subfolder `PENDING` that is being written. It is locked until its writer ends."""

    def __init__(self, files: Files, path: str, name: str, fd: int) -> None:
        self._files, self._path = files, path
        self.name, self.fd = name, fd

    def write(self, piece: bytes) -> None:
        with self._files.border("write", self._path):
            _write_all(self.fd, memoryview(piece))

    def check(self) -> None:
        """Raise the errors that a network file system, or a quota, reports only when a file is closed."""
        with self._files.border("write", self._path):
            os.close(os.dup(self.fd))


class Files:
    """The files below one folder. Threads and processes may use them at the same time.

    Each folder of a path is opened relative to its parent folder, and must not be a link. So another user with write
    access cannot redirect a reader or a writer to a file outside the folder.
    A caller writes new files without the lock `changing`. Then it holds this lock while it changes names.
    Each method raises `NotAllowed` if the file system denies access, `InvalidValue` for a path through a link, and
    `StoreUnavailable` for a full disk and all other errors of the file system.

    Args:
        folder: the folder. The first write creates it, but not its parent folder. It may itself be a link.
        shared: members of the folder's group may change the files.
    """

    def __init__(self, folder: Path, shared: bool = False) -> None:
        self.folder, self.shared = folder, shared

    def find(self, path: str) -> BinaryIO | None:
        """Open a file for reading. Return None if it does not exist, or is not a regular file."""
        names = path.split("/")
        with self.border("read", path):
            try:
                with self.below(names[:-1]) as folder:
                    # The path may be a pipe. Without O_NONBLOCK, `open` would wait for a writer of the pipe.
                    fd = os.open(names[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            except (FileNotFoundError, NotADirectoryError) as error:
                if is_of_handler(error):
                    raise
                return None
            if stat.S_ISREG(os.fstat(fd).st_mode):
                return os.fdopen(fd, "rb", buffering=0)
            os.close(fd)
            return None

    def exists(self, path: str) -> bool:
        """Return whether a file, a folder or anything else exists at a path."""
        names = path.split("/")
        with self.border("read", path):
            try:
                with self.below(names[:-1]) as folder:
                    return _exists(folder, names[-1])
            except (FileNotFoundError, NotADirectoryError) as error:
                if is_of_handler(error):
                    raise
                return False

    @contextmanager
    def part(self, path: str) -> Iterator[Part]:
        """Yield a new file, which the `with` block writes. The file is removed unless the block calls `placed`."""
        with self.border("write", path):
            pending = self._open_pending()
        try:
            with self.border("write", path):
                part = self._begin(path, pending)
            try:
                yield part
            finally:
                with Ignoring(OSError):
                    os.unlink(part.name, dir_fd=pending)
                os.close(part.fd)
        finally:
            os.close(pending)

    @contextmanager
    def changing(self, action: str, path: str) -> Iterator[None]:
        """Hold the lock of changes during the block, if the file system supports locks."""
        with self.border(action, path):
            pending = self._open_pending()
        try:
            with _ChangeLock(self, action, path, pending):
                yield
        finally:
            os.close(pending)

    @contextmanager
    def placed(self, part: Part, path: str) -> Iterator[None]:
        """Give a file its path, then run the `with` block. If the block raises, restore the earlier file."""
        *above, name = path.split("/")
        try:
            with self.border("write", path), self._pending() as pending, self.below(above, make=True) as folder:
                existed, kept = _exists(folder, name), _keep(folder, name, pending)
                os.replace(part.name, name, src_dir_fd=pending, dst_dir_fd=folder)
                try:
                    yield
                except BaseException:
                    if kept:
                        os.replace(REPLACED, name, src_dir_fd=pending, dst_dir_fd=folder)
                    elif not existed:
                        os.unlink(name, dir_fd=folder)
                    raise
                if kept:
                    os.unlink(REPLACED, dir_fd=pending)
        except BaseException:
            self._prune(above)
            raise

    @contextmanager
    def appended(self, path: str, data: bytes, size_bytes: int) -> Iterator[int]:
        """Write data after the first `size_bytes` bytes of a file. If the block raises, remove the data again.

        Args:
            path: the path of a file that exists.
            data: the bytes to write.
            size_bytes: the offset of the data. All later bytes are removed. If the file is shorter, the data is written
                at its end.

        Yields:
            The new size of the file.
        """
        *above, name = path.split("/")
        with self.border("write", path), self.below(above) as folder:
            # The path may be a pipe. Without O_NONBLOCK, `open` would wait for a reader of the pipe.
            fd = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        try:
            end = min(size_bytes, os.fstat(fd).st_size)
            try:
                with self.border("write", path):
                    os.ftruncate(fd, end)  # removes bytes of a process that was killed before it changed the index
                    _write_at(fd, data, end)
                    os.close(os.dup(fd))
                yield end + len(data)
            except BaseException:
                with Ignoring(OSError):
                    os.ftruncate(fd, end)
                raise
        finally:
            os.close(fd)

    def remove(self, path: str) -> None:
        """Remove a file or a folder in one step. Then remove the folders above it that are empty."""
        *above, name = path.split("/")
        with self.border("delete", path), self._pending() as pending:
            with Ignoring(FileNotFoundError, NotADirectoryError), self.below(above) as folder:
                os.rename(name, _new_name(), src_dir_fd=folder, dst_dir_fd=pending)
        self._prune(above)

    def sweep(self) -> None:
        """Delete the files in the subfolder `PENDING`: removed files, and files of writers that were killed.

        Files that this process may not delete are left to another process.
        """
        with Ignoring(OSError), self._pending() as pending:
            _clear_all(pending)

    @contextmanager
    def border(self, action: str, path: str) -> Iterator[None]:
        """Convert errors of the file system to errors of Runbridge."""
        try:
            yield
        except UnicodeEncodeError as error:
            raise InvalidValue("artifact path", path, RULE) from error
        except OSError as error:
            if is_of_handler(error):
                raise
            reason = (error.strerror or str(error)).lower()
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                raise InvalidValue("artifact path", path, "must not be below a file or a symbolic link") from error
            if error.errno in (errno.EISDIR, errno.ENOTEMPTY):
                raise InvalidValue("artifact path", path, "must not be the path of a folder") from error
            if error.errno in NOT_ALLOWED:
                raise NotAllowed(action, f"artifact {path!r} in {self.folder}", reason) from error
            raise StoreUnavailable(str(self.folder), reason) from error

    def _pending(self) -> AbstractContextManager[int]:
        return self.below((PENDING,), make=True)

    @contextmanager
    def below(self, names: Sequence[str], make: bool = False) -> Iterator[int]:
        """Yield a file descriptor of the folder at the path `names`. If `make` is True, create missing folders."""
        fd = self._descend(names, make)
        try:
            yield fd
        finally:
            os.close(fd)

    def _open_pending(self) -> int:
        return self._descend((PENDING,), make=True)

    def _descend(self, names: Sequence[str], make: bool) -> int:
        fd = self._open_top(make)
        for name in names:
            try:
                child = self._open_folder(name, fd, make)
            finally:
                os.close(fd)
            fd = child
        return fd

    def _open_top(self, make: bool) -> int:
        try:
            return os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError as error:
            if not make or was_raised_deeper(error):
                raise
        above = os.open(self.folder.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return self._open_folder(self.folder.name, above, make)
        finally:
            os.close(above)

    def _open_folder(self, name: str, above: int, make: bool) -> int:
        try:
            return os.open(name, FOLDER, dir_fd=above)
        except FileNotFoundError as error:
            if not make or was_raised_deeper(error):
                raise
        except NotADirectoryError as error:
            if was_raised_deeper(error):
                raise
            if stat.S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name) from error
            raise
        with Ignoring(FileExistsError):
            os.mkdir(name, dir_fd=above)
        fd = os.open(name, FOLDER, dir_fd=above)
        if self.shared:
            _share_folder(fd, os.fstat(above).st_gid)
        return fd

    def _begin(self, path: str, pending: int) -> Part:
        while True:
            name = _new_name()
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=pending)
            swept = False
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if was_raised_deeper(error):  # the error is that of a signal handler, not of `flock`
                    os.close(fd)
                    raise
                swept = isinstance(error, BlockingIOError)  # `sweep` in another process has locked the file
            self._share(fd)
            if not swept and os.fstat(fd).st_nlink:
                return Part(self, path, name, fd)
            os.close(fd)  # `sweep` deletes the file, so create another one

    def _share(self, fd: int) -> None:
        if self.shared:
            with Ignoring(PermissionError):  # the file belongs to another member of the group
                os.fchmod(fd, stat.S_IMODE(os.fstat(fd).st_mode) | 0o660)

    def _prune(self, names: Sequence[str]) -> None:
        """Remove the folder at the path `names` if it is empty, then the folders above it that are empty."""
        for depth in range(len(names) - 1, -1, -1):
            try:
                with self.below(names[:depth]) as folder:
                    os.rmdir(names[depth], dir_fd=folder)
            except OSError as error:
                if is_of_handler(error):
                    raise
                if not isinstance(error, FileNotFoundError):
                    return


class _ChangeLock(FileLock):
    """The lock of changes: a file in the subfolder `PENDING`, which is locked while names change."""

    def __init__(self, files: Files, action: str, path: str, pending: int) -> None:
        place = str(files.folder / PENDING / LOCK)
        super().__init__(LOCK, 0o660 if files.shared else 0o644, dir_fd=pending, place=place)
        self._files, self._action, self._changed = files, action, path

    def _open(self) -> None:
        with self._files.border(self._action, self._changed):
            super()._open()


def _write_at(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written


def _new_name() -> str:
    return os.urandom(16).hex()


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError as error:
        if was_raised_deeper(error):
            raise
        return False
    return True


def _keep(folder: int, name: str, pending: int) -> bool:
    """Give a file the second name `REPLACED`. Return False if it does not exist, or hard links are not supported."""
    with Ignoring(FileNotFoundError):  # a writer that was killed may have left this name
        os.unlink(REPLACED, dir_fd=pending)
    try:
        os.link(name, REPLACED, src_dir_fd=folder, dst_dir_fd=pending, follow_symlinks=False)
    except OSError as error:
        if was_raised_deeper(error):
            raise
        return False
    return True


def _share_folder(fd: int, group: int) -> None:
    with Ignoring(PermissionError):  # the user is not a member of the group
        os.fchown(fd, -1, group)
    with Ignoring(PermissionError):  # another member of the group has just created it
        os.fchmod(fd, stat.S_IMODE(os.fstat(fd).st_mode) | stat.S_ISGID | 0o770)


def _write_all(fd: int, view: memoryview) -> None:
    while view:
        view = view[os.write(fd, view) :]


def _clear_all(pending: int) -> None:
    names = [name for name in os.listdir(pending) if name not in (LOCK, REPLACED)]
    while names:
        with Ignoring(OSError):
            names += _clear(pending, names.pop())


def _clear(pending: int, name: str) -> list[str]:
    """Delete a file that no writer has locked, or a folder.

    The subfolders of the folder are moved to the pending folder first. Their new names are returned.
    """
    mode = os.stat(name, dir_fd=pending, follow_symlinks=False).st_mode
    if stat.S_ISDIR(mode):
        return _clear_folder(pending, name)
    if not stat.S_ISREG(mode):
        os.unlink(name, dir_fd=pending)
        return []
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=pending)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name, dir_fd=pending)
    finally:
        os.close(fd)
    return []


def _clear_folder(pending: int, name: str) -> list[str]:
    moved = []
    folder = os.open(name, FOLDER, dir_fd=pending)
    try:
        with os.scandir(folder) as entries:
            for entry in list(entries):
                if entry.is_dir(follow_symlinks=False):
                    moved.append(_new_name())
                    os.rename(entry.name, moved[-1], src_dir_fd=folder, dst_dir_fd=pending)
                else:
                    os.unlink(entry.name, dir_fd=folder)
    finally:
        os.close(folder)
    os.rmdir(name, dir_fd=pending)
    return moved
