"""The folder of backups of one workspace: its lock, the complete backups, and unfinished ones.

Each backup is a subfolder with a manifest and a folder `workspace`. Its name is a number and the time of the backup.
A backup that is being written has another name, so an unfinished one is never mistaken for a complete one.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.errors import AlreadyExists, InvalidValue, NotFound, StoreUnavailable
from bridge.journal.file_lock import FileLock
from bridge.maintenance.manifest import MANIFEST, is_complete, read_facts, read_summary

LOCK = ".runbridge-backup.lock"
"""The lock file of the folder. It also marks the folder: a folder with other files is not used for backups."""

WORKSPACE = "workspace"
"""The subfolder of a backup that has the files of the workspace, with the paths that they have there."""

PART, OLD = ".part-", ".old-"
"""How the names of unfinished backups, and of backups that are being removed, begin."""

_NAME = re.compile(r"(\d{6,})-\d{8}T\d{6}Z")


class Backups:
    """A folder of backups, which this process has locked.

    `path` is the last backup that `new` has made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = self.path = folder

    def newest(self) -> Path | None:
        """Return the newest complete backup, or None."""
        return next((path for path in reversed(_named(self.folder)) if is_complete(path)), None)

    @contextmanager
    def new(self) -> Iterator[Path]:
        """Yield the folder of a new backup. After the block, it gets its final name, which `path` returns.

        If the block raises, the folder is removed.
        """
        self._clear()
        part = self.folder / f"{PART}{os.urandom(8).hex()}"
        part.mkdir(mode=0o700)
        try:
            yield part
            flush_folders(part)
            self.path = self.folder / self._next_name()
            part.rename(self.path)
            flush_folder(self.folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def prune(self, keep: int) -> None:
        """Remove all backups except the newest ones.

        A backup is renamed before it is removed, so that a part of it is never mistaken for a backup.
        """
        for path in _named(self.folder)[:-keep]:
            path.rename(path.with_name(OLD + path.name))
        self._clear()

    def _clear(self) -> None:
        """Remove what backups have left that were killed."""
        for path in self.folder.iterdir():
            if path.name.startswith((PART, OLD)):
                shutil.rmtree(path, ignore_errors=True)

    def _next_name(self) -> str:
        number = max((_number(path) for path in _named(self.folder)), default=0) + 1
        return f"{number:06}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"


@contextmanager
def locked_backups(folder: Path, workspace_id: str) -> Iterator[Backups]:
    """Create the folder of backups if it does not exist, and lock it for the block.

    Raises:
        AlreadyExists: the folder contains backups of another workspace.
        InvalidValue: the folder contains other files.
        StoreUnavailable: another process writes a backup into this folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / LOCK).exists() and any(folder.iterdir()):
        rule = "must be a new or empty folder, or a folder of earlier backups"
        raise InvalidValue("backup folder", str(folder), rule)
    lock = FileLock(folder / LOCK, wait=False)
    with lock as mine:
        if not mine:
            raise StoreUnavailable(str(folder), f"another backup is being written: {lock.describe_holder()}")
        backups = Backups(folder)
        for path in _named(folder)[-1:]:
            found = read_facts(path).get("workspace")
            if found != workspace_id:
                hint = f"it contains backups of the workspace with the id {found}: choose another folder"
                raise AlreadyExists("backup folder", str(folder), hint)
        yield backups


def find_backup(path: Path) -> Path:
    """Return the folder of a complete backup.

    Args:
        path: the folder of a backup, or a folder of backups, which means the newest complete one.

    Raises:
        NotFound: the folder contains no complete backup.
        SchemaMismatch: a newer version of Runbridge has written the backup.
        StoreUnavailable: the backup was named, and is incomplete.
    """
    if (path / MANIFEST).exists():
        read_summary(path)
        return path
    for backup in reversed(_named(path)):
        if is_complete(backup):
            return backup
    raise NotFound("backup", str(path), "the folder contains no complete backup")


def flush_folders(top: Path) -> None:
    """Wait until the names in a folder, and in all folders below it, are on the disk."""
    for *_, fd in os.fwalk(top):
        os.fsync(fd)


def flush_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _named(folder: Path) -> list[Path]:
    """Return the subfolders that have the name of a backup, the oldest first."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), key=_number)


def _number(path: Path) -> int:
    return int(path.name.partition("-")[0])
