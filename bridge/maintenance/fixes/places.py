"""Repairs permissions, and moves unfinished files away."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress

from bridge.maintenance.checks.leftovers import is_locked
from bridge.maintenance.findings import Finding
from bridge.maintenance.fixes.repair import Repair


def share(repair: Repair, findings: Sequence[Finding]) -> None:
    """Give the group access to files of a shared workspace, if they belong to this user."""
    for finding in findings:
        path, bits = finding.target
        _change_mode(path, add=bits)


def take_from_others(repair: Repair, findings: Sequence[Finding]) -> None:
    """Take write access from users who are neither the owner nor in the group."""
    for finding in findings:
        _change_mode(finding.target[0], remove=stat.S_IWOTH)


def _change_mode(path: str, add: int = 0, remove: int = 0) -> None:
    with suppress(PermissionError, FileNotFoundError):
        os.chmod(path, stat.S_IMODE(os.stat(path, follow_symlinks=False).st_mode) & ~remove | add)


def move_parts(repair: Repair, findings: Sequence[Finding]) -> None:
    """Move unfinished files to the folder of the repair, unless a process has locked them."""
    for finding in findings:
        (place,) = finding.target
        if not is_locked(repair.path / place):
            repair.copies.move(place)
