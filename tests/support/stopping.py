"""Stop a process for a time, as a laptop that is closed does."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from bridge import Workspace
from bridge.journal.folder import FOLD_LOCK


def stop(pid: int, workspace: Workspace) -> None:
    """Stop a process at a moment when it does not fold: a reader would wait for its lock until its time limit."""
    lock = Path(workspace.path) / "journal" / FOLD_LOCK
    while True:
        os.kill(pid, signal.SIGSTOP)
        while not _is_stopped(pid):
            time.sleep(0.001)
        if not _holds(pid, lock):
            return
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.01)


def _is_stopped(pid: int) -> bool:
    states = [path.read_text().rpartition(")")[2].split()[0] for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return set(states) == {"T"}


def _holds(pid: int, lock: Path) -> bool:
    """Return whether a process holds a lock on a file. Each line of the kernel's list names a process and an inode."""
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    holders = [(line[4], line[5].rpartition(":")[2]) for line in lines if "->" not in line]
    return lock.exists() and (str(pid), str(lock.stat().st_ino)) in holders
