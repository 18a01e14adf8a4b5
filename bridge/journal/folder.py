"""A folder of journals: which there are, how large, and whether their writers live."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bridge.journal.format import SUFFIX, encode_end

FOLD_LOCK = ".fold.lock"
DAMAGED = ".damaged"


class JournalFolder:
    """The journals of a workspace."""

    def __init__(self, path: Path, shared: bool = False) -> None:
        self.path, self.shared = path, shared

    def sizes(self) -> dict[str, int]:
        """The size in bytes of each journal, by id; one directory listing and a `stat` each."""
        sizes = {}
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    if entry.name.endswith(SUFFIX):
                        try:
                            sizes[entry.name[: -len(SUFFIX)]] = entry.stat().st_size
                        except FileNotFoundError:
                            continue  # folded and removed meanwhile
        except FileNotFoundError:
            pass
        return sizes

    def path_of(self, journal_id: str) -> Path:
        """Where a journal lies."""
        return self.path / (journal_id + SUFFIX)

    def is_closed(self, journal_id: str) -> bool:
        """Whether a journal ends with a closing record."""
        end = encode_end()
        try:
            with self.path_of(journal_id).open("rb") as file:
                file.seek(-len(end), os.SEEK_END)
                return file.read() == end
        except OSError:  # gone, or shorter than that
            return False

    def ended_at(self, journal_id: str) -> int:
        """When a journal was last written to, in milliseconds since 1970 UTC; 0 if it is gone."""
        try:
            return self.path_of(journal_id).stat().st_mtime_ns // 1_000_000
        except FileNotFoundError:
            return 0

    @contextmanager
    def finished(self, journal_id: str) -> Iterator[bool]:
        """Whether a journal's writer is gone, known by its lock being free; held free within the block."""
        try:
            fd = os.open(self.path_of(journal_id), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield False
            return
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            _unlock(fd)
            os.close(fd)

    def remove(self, journal_id: str) -> None:
        """Remove a journal that is stored to its end."""
        self.path_of(journal_id).unlink(missing_ok=True)

    def keep(self, journal_id: str) -> None:
        """Keep a damaged journal under a second name, whoever removes it; its process may still write to it.

        Raises:
            OSError: the file system has no hard links.
        """
        path = self.path_of(journal_id)
        try:
            os.link(path, path.with_suffix(DAMAGED))
        except FileExistsError:
            return

    def set_aside(self, journal_id: str) -> None:
        """Keep a damaged journal that is stored as far as it could be read, where no reader looks again."""
        path = self.path_of(journal_id)
        if path.with_suffix(DAMAGED).exists():
            path.unlink(missing_ok=True)
        else:
            path.replace(path.with_suffix(DAMAGED))

    @contextmanager
    def folding(self, wait: bool) -> Iterator[bool]:
        """The fold's lock: only one process folds at a time; False if another does and `wait` is False.

        Raises:
            OSError: the folder cannot be written.
        """
        fd = os.open(self.path / FOLD_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664 if self.shared else 0o644)
        try:
            if self.shared and os.fstat(fd).st_uid == os.geteuid():
                os.fchmod(fd, 0o664)  # whatever the umask is
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            _unlock(fd)
            os.close(fd)


def _unlock(fd: int) -> None:
    """Free a lock; not left to `close`, for a child that was forked meanwhile holds the same one."""
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_UN)
