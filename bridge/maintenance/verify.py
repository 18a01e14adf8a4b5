"""The check of a backup: all its files, compared with the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bridge.errors import StoreUnavailable
from bridge.maintenance.backups import WORKSPACE
from bridge.maintenance.copying import Content, content_of
from bridge.maintenance.manifest import Entry, Summary, entries_of, read_summary
from bridge.maintenance.progress import Meter
from bridge.store.folder.files import Files

NAMED = 3
"""How many damaged files an error names."""


def check_backup(backup: Path, meter: Meter) -> Summary:
    """Read all files of a backup, and compare them with its manifest.

    Raises:
        NotFound: the folder contains no backup.
        StoreUnavailable: the backup is incomplete, or some of its files are damaged. The error names them.
    """
    summary = read_summary(backup)
    meter.expect(summary.size_bytes)
    files = Files(backup / WORKSPACE)
    damaged = [entry.path for entry in entries_of(backup) if not _is_intact(files, entry, meter)]
    raise_if_damaged(backup, damaged)
    return summary


def raise_if_damaged(backup: Path, damaged: Sequence[str]) -> None:
    """Raise an error that names the damaged files of a backup, if there are any."""
    if damaged:
        named = ", ".join(damaged[:NAMED]) + (f" and {len(damaged) - NAMED} more" if len(damaged) > NAMED else "")
        raise StoreUnavailable(str(backup), f"these files are missing or damaged: {named}. Use another backup")


def _is_intact(files: Files, entry: Entry, meter: Meter) -> bool:
    file = files.find(entry.path)
    if file is None:
        return False
    with file:
        return content_of(file, entry.size_bytes, entry.path, meter) == Content(entry.size_bytes, entry.sha256)
