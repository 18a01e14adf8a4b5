"""Checks what surrounds a workspace: permissions, free space, clocks and the file system."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bridge.journal.file_lock import NOT_SUPPORTED
from bridge.journal.folder import PART
from bridge.maintenance.examined import Examined
from bridge.maintenance.findings import Finding, found
from bridge.store.layout import DATABASE

LEAST_BYTES, LEAST_SHARE, LEAST_INODES = 256 << 20, 0.01, 1_000
"""Free space is low if less than `LEAST_BYTES` and less than this share of the file system is free."""

CLOCK_SECONDS = 60.0
NETWORK = frozenset(("nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "ceph", "9p", "afs", "gpfs", "beegfs"))
"""The types of file systems on which processes of several computers can use one file."""

LATE_RUNS = "SELECT id, start_time FROM run WHERE start_time > ? AND experiment >= 0 ORDER BY key LIMIT 100"


def check_permissions(examined: Examined) -> Iterator[Finding]:
    """Check that this user can write the workspace, that its group can if it is shared, and that others cannot."""
    for path in _own_files(examined):
        name = str(path.relative_to(examined.path)) if path != examined.path else "the workspace's folder"
        try:
            mode = path.stat(follow_symlinks=False).st_mode
        except FileNotFoundError:
            continue
        yield from _of_mode(examined, path, name, mode)


def _own_files(examined: Examined) -> Iterator[Path]:
    """Yield the folders and files of the workspace itself. Files of artifacts are not listed, only their folders."""
    yield from (examined.path, examined.journals, examined.artifacts, examined.path / DATABASE)
    yield from (examined.path / name for name in (f"{DATABASE}-wal", f"{DATABASE}-shm", "workspace.lock", "mlflow.db"))
    if examined.journals.is_dir():
        yield from sorted(examined.journals.glob("*.log"))


def _of_mode(examined: Examined, path: Path, name: str, mode: int) -> Iterator[Finding]:
    needed = 0o7 if stat.S_ISDIR(mode) else 0o6
    own = path.suffix != ".log"  # only the process that writes a journal changes it
    if not os.access(path, os.R_OK | (os.W_OK if own else 0)):
        yield found("permission.denied", name, f"Its permissions are {stat.S_IMODE(mode):o}.", str(path))
    if examined.shared and own and (mode >> 3) & needed != needed:
        problem = f"Its permissions are {stat.S_IMODE(mode):o}, without write access for the group."
        yield found("permission.group", name, problem, str(path), needed << 3)
    if mode & stat.S_IWOTH:
        problem = f"Its permissions are {stat.S_IMODE(mode):o}, with write access for everybody."
        yield found("permission.world", name, problem, str(path))


def check_space(examined: Examined) -> Iterator[Finding]:
    """Check the free space of the file system."""
    yield from of_space(os.statvfs(examined.path))


def of_space(state: os.statvfs_result) -> Iterator[Finding]:
    """Yield what is wrong with the free space that a file system reports."""
    free = state.f_bavail * state.f_frsize
    share = state.f_bavail / state.f_blocks if state.f_blocks else 1.0
    if free < LEAST_BYTES and share < LEAST_SHARE:
        yield found("space.low", "the file system", f"Only {free / 1e6:.0f} MB are free, which is {share:.1%}.")
    if state.f_files and state.f_favail < LEAST_INODES:
        yield found("space.inodes", "the file system", f"Only {state.f_favail} more files can be created.")


def check_clocks(examined: Examined) -> Iterator[Finding]:
    """Check that the clock of this computer is not before the last write, and that no run starts in the future."""
    now = time.time()
    for path in (examined.path / DATABASE, examined.path / f"{DATABASE}-wal", *examined.journals.glob("*.log")):
        ahead = _written_at(path) - now
        if ahead > CLOCK_SECONDS:
            name = str(path.relative_to(examined.path))
            yield found("clock.behind", name, f"It was last written {ahead:.0f} seconds after the present time.")
    latest = examined.now + 24 * 3_600_000
    for run_id, start in examined.read(lambda c: c.execute(LATE_RUNS, (latest,)).fetchall()):
        hours = (start - examined.now) // 3_600_000
        yield found("clock.future", f"run {run_id}", f"It starts {hours} hours in the future.")


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def check_file_system(examined: Examined) -> Iterator[Finding]:
    """Check the type of the file system, and whether it has locks. Nothing is written."""
    type = type_of_file_system(examined.path)
    if type in NETWORK:
        yield found("filesystem.network", "the file system", f"Its type is {type}.")
    if not has_flock(examined.path / DATABASE):
        yield found("filesystem.locks", "the file system", "It does not support locks of whole files (`flock`).")


def check_abilities(folder: Path) -> Iterator[Finding]:
    """Try hard links and `fsync` with new files in a folder. The files are removed again.

    Only a repair calls this function, because a check writes nothing.
    """
    name = folder / f".{os.urandom(8).hex()}{PART}"
    second = name.with_suffix(".link.part")
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        if not _works(partial(os.link, name, second)):
            yield found("filesystem.links", "the file system", "It does not support hard links.")
        if not _works(partial(os.fsync, fd)):
            yield found("filesystem.sync", "the file system", "It does not support `fsync`.")
    finally:
        os.close(fd)
        for path in (name, second):
            path.unlink(missing_ok=True)


def _works(call: Callable[[], object]) -> bool:
    try:
        call()
    except OSError:
        return False
    return True


def has_flock(path: Path) -> bool:
    """Return whether the file system of a file has `flock`. The lock of the folder is taken for a moment."""
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in NOT_SUPPORTED
    finally:
        os.close(fd)
    return True


def type_of_file_system(path: Path, mounts: str | None = None) -> str:
    """Return the type of the file system of a folder; empty if it is unknown, as on macOS.

    Args:
        path: the folder.
        mounts: the text of `/proc/self/mountinfo`.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
    best, type = "", ""
    real = os.path.realpath(path)
    for line in mounts.splitlines():
        fields = line.split(" - ")
        point = fields[0].split(" ")[4].replace("\\040", " ")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, type = point, fields[1].split(" ")[0]
    return type
