"""Restores a workspace from a backup."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.address import check_local_path
from bridge.errors import AlreadyExists, InvalidValue, StoreUnavailable
from bridge.journal.system import CallFailed, system
from bridge.maintenance.backups import WORKSPACE, find_backup, flush_folder, flush_folders
from bridge.maintenance.copying import Content, copy_file, flush_files
from bridge.maintenance.database_copy import check_database
from bridge.maintenance.manifest import Entry, entries_of, read_summary
from bridge.maintenance.progress import Meter, Progress
from bridge.maintenance.verify import raise_if_damaged
from bridge.store.folder.files import Files
from bridge.store.layout import ARTIFACTS, JOURNAL
from bridge.store.local_file import Writing

DATABASE_ENDING = ".db"


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """The result of a restore.

    Attributes:
        path: the folder of the restored workspace.
        backup: the folder of the backup.
        facts: the facts about the backup, for example the name of the workspace (`name`) and the time of the backup
            (`created`, in milliseconds since 1970 UTC).
        size_bytes: the size of all files.
        files: the number of files.
    """

    path: Path
    backup: Path
    facts: Mapping[str, Any]
    size_bytes: int
    files: int


def restore(backup: str | Path, target: str | Path, *, progress: Progress | None = None) -> RestoreReport:
    """Create a workspace from a backup. Every file is compared with the manifest of the backup.

    The workspace appears in the target when it is complete. It has the same id as the original, so a process that
    still logs to the original continues in the restored workspace, if that is at the same path.

    Args:
        backup: the folder of a backup, or a folder of backups, which means the newest complete one.
        target: the folder of the workspace, which must be empty or not exist.
        progress: called with the bytes that are done, and the total.

    Raises:
        NotFound: the folder contains no complete backup.
        AlreadyExists: the target is not empty.
        InvalidValue: the target is in the backup.
        NotAllowed: this process may not write to the target.
        StoreUnavailable: a file of the backup is damaged, another process restores to this target, or the disk is full.
    """
    place = Path(os.path.realpath(check_local_path("target", target)))
    found = find_backup(Path(os.path.realpath(check_local_path("backup", backup))))
    summary = read_summary(found)
    _check_target(found, place)
    meter = Meter(progress)
    meter.expect(summary.size_bytes)
    with Writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with _new_folder(place) as part:
            _fill(found, part, bool(summary.facts.get("shared")), meter)
    meter.finish()
    return RestoreReport(place, found, summary.facts, summary.size_bytes, summary.files)


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """Yield a new folder beside the target. It becomes the target after the block, or is removed if the block raises.

    Files that a killed process has left are removed first.
    """
    part = target.with_name(f".{target.name[:100]}.restoring")
    fd = _locked(part)
    try:
        for path in part.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        yield part
        flush_folders(part)
        os.rename(part, target)  # replaces an empty folder
        flush_folder(target.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    finally:
        os.close(fd)


def _locked(part: Path) -> int:
    """Create a folder if it does not exist, and lock it. Return its file descriptor."""
    part.mkdir(mode=0o755, exist_ok=True)
    fd = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        system(fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except CallFailed as failed:
        if failed.errno == errno.EWOULDBLOCK:
            os.close(fd)
            raise StoreUnavailable(str(part), "another process restores a backup to this target") from failed
    return fd


def _fill(backup: Path, part: Path, shared: bool, meter: Meter) -> None:
    """Copy all files of a backup to a folder, and check them."""
    source, files = Files(backup / WORKSPACE), Files(part, shared)
    if shared:
        part.chmod(part.stat().st_mode | 0o2070)
    for name in (JOURNAL, ARTIFACTS):
        with files.below((name,), make=True):
            pass
    damaged = [entry.path for entry in entries_of(backup) if not _is_copied(source, entry, files, meter)]
    raise_if_damaged(backup, damaged)
    flush_files(files, (entry.path for entry in entries_of(backup)))
    for path in part.glob(f"*{DATABASE_ENDING}"):
        check_database(path)


def _is_copied(source: Files, entry: Entry, files: Files, meter: Meter) -> bool:
    """Copy a file of a backup. Return whether it has the content that the manifest states."""
    file = source.find(entry.path)
    if file is None:
        return False
    with file:
        content = copy_file(file, entry.size_bytes, files, entry.path, meter)
    *above, name = entry.path.split("/")
    with files.below(above) as folder:
        os.chmod(name, entry.mode, dir_fd=folder)
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=folder)
    return content == Content(entry.size_bytes, entry.sha256)


def _check_target(backup: Path, target: Path) -> None:
    """Check that the target is empty or does not exist, and is not in the backup."""
    if os.path.commonpath([backup, target]) == str(backup):
        raise InvalidValue("target", str(target), f"must not be in the backup {backup}: choose another folder")
    try:
        entries = system(os.listdir, target)
    except CallFailed as failed:
        if failed.errno == errno.ENOENT:
            return
        if failed.errno == errno.ENOTDIR:
            raise InvalidValue("target", str(target), "must be a folder, but is a file") from failed
        raise StoreUnavailable(str(target), failed.reason.lower()) from failed
    if entries:
        raise AlreadyExists("folder", str(target), "it is not empty: restore to a new or empty folder")
