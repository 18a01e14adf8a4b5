"""Removes files that no reader can reach: files of killed processes, and of runs that were deleted permanently."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bridge.journal.folder import JournalFolder
from bridge.store.folder.files import PENDING, Files
from bridge.store.layout import ARTIFACTS, JOURNAL
from bridge.store.workspace_stores import WorkspaceStores

OLD_SECONDS = 3_600.0
"""The age from which a folder of a run that does not exist, or an unfinished file, is removed."""

OF_MLFLOW = frozenset({"models", "traces"})
"""Subfolders of experiments that contain no runs."""

_UNFINISHED = re.compile(r"\.[0-9a-f]{16}\.part(-wal|-shm|-journal)?|\.mlflow\.db\.part(-journal)?")
"""Matches the names of databases that were not finished, because their process was killed."""


def remove_leftovers(stores: WorkspaceStores) -> int:
    """Remove files that no reader can reach. Return their size in bytes.

    They are files of uploads and journals that were not finished, databases that were not finished, and the artifacts
    of runs that were deleted permanently.
    """
    folder = stores.local_folder("remove leftovers of")
    files = Files(folder / ARTIFACTS, stores.shared)
    watched = [folder / ARTIFACTS / PENDING, folder / JOURNAL]
    before = sum(map(_unfinished_bytes, watched))
    removed = _remove_unfinished(folder)
    for place in list(_forgotten(folder / ARTIFACTS)):
        removed += _remove_forgotten(stores, files, place)
    files.sweep()  # deletes what `_remove_forgotten` has removed
    journals = JournalFolder(folder / JOURNAL, stores.shared)
    journals.look()
    journals.remove_leftovers()
    journals.close()
    return removed + max(0, before - sum(map(_unfinished_bytes, watched)))


def _remove_unfinished(folder: Path) -> int:
    removed = 0
    for path in folder.iterdir():
        with suppress(OSError):
            state = path.lstat()
            if _UNFINISHED.fullmatch(path.name) and time.time() - state.st_mtime > OLD_SECONDS:
                path.unlink()
                removed += state.st_size
    return removed


def _forgotten(artifacts: Path) -> Iterator[str]:
    """Yield the folders of artifacts that may belong to runs that do not exist: `<experiment id>/<run id>`."""
    if not artifacts.is_dir():
        return
    for experiment in artifacts.iterdir():
        if not experiment.name.isdecimal() or not experiment.is_dir():
            continue
        for run in experiment.iterdir():
            if run.name not in OF_MLFLOW and (run / ARTIFACTS).is_dir():
                if time.time() - run.stat().st_mtime > OLD_SECONDS:
                    yield f"{experiment.name}/{run.name}"


def _remove_forgotten(stores: WorkspaceStores, files: Files, place: str) -> int:
    """Remove the folder of a run that does not exist. Return the size of its files."""
    run_id = place.partition("/")[2]
    if stores.tracking.get_runs([run_id], latest=False):
        return 0
    with files.changing("delete", place):  # no file gets a row in the index in this block
        if stores.tracking.list_artifacts("", place):
            return 0
        size = _bytes_below(files.folder / place)
        files.remove(place)
    return size


def _unfinished_bytes(folder: Path) -> int:
    """Return the size of the files of a folder that no reader reads."""
    return _bytes_below(folder) if folder.name == PENDING else _bytes_of_parts(folder)


def _bytes_of_parts(folder: Path) -> int:
    total = 0
    for path in folder.glob(".*.part"):
        with suppress(FileNotFoundError):
            total += path.lstat().st_size
    return total


def _bytes_below(folder: Path) -> int:
    """Return the size of all files below a folder that have no other name."""
    total = 0
    for top, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                state = os.lstat(os.path.join(top, name))
                total += state.st_size if state.st_nlink == 1 else 0
    return total
