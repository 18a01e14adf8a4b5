"""Writes the files of a run to this computer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.address import check_local_path
from bridge.cli.names import find_run
from bridge.cli.output import notice
from bridge.cli.progress import Advance, bytes_progress
from bridge.cli.texts import plural, size_text
from bridge.cli.transfers import Transfer, print_transfers
from bridge.errors import AlreadyExists, NotFound
from bridge.journal.whole_file import written_whole
from bridge.records.artifact import check_artifact_path
from bridge.store.local_file import Writing
from bridge.store.run_place import RunPlace

if TYPE_CHECKING:
    from bridge.records.artifact import ArtifactRecord
    from bridge.store.workspace_stores import WorkspaceStores

SHOWN = 10
"""The greatest number of files that an error names."""


def download(stores: WorkspaceStores, name: str, path: str | None, to: str, force: bool, json: bool) -> None:
    """Write files of a run to a folder; see `bridge.cli.commands.download`."""
    run = find_run(stores, name)
    folder = check_local_path("--to", to)
    place = RunPlace(stores, run.experiment_id, run.id)
    transfers = targets(chosen_files(place, path), path, folder)
    if not force:
        _refuse_existing([each.local for each in transfers])
    size_bytes = sum(each.record.size_bytes or 0 for each in transfers)
    with bytes_progress(f"Downloading {plural(len(transfers), 'file')}", size_bytes) as advance:
        for each in transfers:
            _write(place, each, force, advance)
    if json:
        print_transfers(run.id, transfers)
    else:
        notice(f"Downloaded {plural(len(transfers), 'file')} ({size_text(size_bytes)}) to {folder}.")


def chosen_files(place: RunPlace, path: str | None) -> list[ArtifactRecord]:
    """Return a file of a run, the files of a folder, or all files.

    Raises:
        NotFound: the run has no file or folder at the path.
    """
    artifacts, root = place.stores.artifacts, place.root()
    wanted = check_artifact_path(path.rstrip("/")) if path else ""
    file = artifacts.stat(root, wanted) if wanted else None
    if file is not None and not file.is_folder:
        return [file]
    found = artifacts.list(root, wanted, recursive=True)
    if not found and wanted:
        names = [record.path for record in artifacts.list(root, recursive=True)[:SHOWN]]
        raise NotFound("file", wanted, f"the run has {'the files ' + ', '.join(names) if names else 'no files'}")
    return list(found)


def targets(files: Sequence[ArtifactRecord], path: str | None, folder: Path) -> list[Transfer]:
    """Return where the files are written: below the folder, without the folders above the chosen path."""
    above = path.rstrip("/").rpartition("/")[0] if path else ""
    start = len(above) + 1 if above else 0
    return [Transfer(file, folder / check_artifact_path(file.path)[start:]) for file in files]


def _refuse_existing(paths: Sequence[Path]) -> None:
    existing = [path for path in paths if os.path.lexists(path)]
    if existing:
        others = f" and {plural(len(existing) - 1, 'other')}" if len(existing) > 1 else ""
        raise AlreadyExists("file", str(existing[0]), f"--force replaces it{others}; nothing was downloaded")


def _write(place: RunPlace, transfer: Transfer, force: bool, advance: Advance) -> None:
    """Write one file, completely or not at all."""
    pieces = place.stores.artifacts.get(place.root(), transfer.record.path)
    target = transfer.local
    with Writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(target, os.replace if force else _place_new) as part, part.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                advance(len(piece))


def _place_new(part: Path, target: Path) -> None:
    """Rename a new file to a path at which no file exists. Only a link is certain not to replace a file."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise _just_created(target) from None
    except OSError:  # the file system has no hard links
        if os.path.lexists(target):
            raise _just_created(target) from None
        part.replace(target)


def _just_created(target: Path) -> AlreadyExists:
    return AlreadyExists("file", str(target), "another program has just created it")
