"""Backups: consistent copies of a workspace, while other processes write to it."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from bridge.address import check_local_path
from bridge.errors import InvalidValue, StoreUnavailable
from bridge.maintenance.artifact_copy import (
    ArtifactCopy,
    Earlier,
    Wanted,
    artifact_bytes,
    change_rows,
    find_wanted,
    wanted_files,
)
from bridge.maintenance.backups import WORKSPACE, Backups, locked_backups
from bridge.maintenance.copying import content_of, flush_files
from bridge.maintenance.database_copy import check_database, copy_database, reading
from bridge.maintenance.journal_copy import JournalCopy, journal_bytes
from bridge.maintenance.manifest import Entry, ManifestWriter, entries_of
from bridge.maintenance.progress import Meter, Progress
from bridge.maintenance.verify import check_backup
from bridge.store.folder.files import Files
from bridge.store.layout import ARTIFACTS, DATABASE, JOURNAL
from bridge.store.local_file import Writing
from bridge.store.open import peek_store

COMPANION = "mlflow.db"
"""The database with MLflow's own tables. The first write to them creates it."""

KEEP = 3
"""How many backups are kept in a folder, unless the caller chooses another number."""


@dataclass(frozen=True, slots=True)
class BackupReport:
    """The result of a backup.

    Attributes:
        path: the folder of the backup.
        size_bytes: the size of all files of the backup.
        copied_bytes: how many of these bytes were copied. The other bytes are hard links.
        files: the number of files.
        missing: the artifacts that are in the index, but whose files do not exist. The backup lacks them too.
        changed: the artifacts whose files do not have the hash that the index states. The backup has the files as they
            are.
    """

    path: Path
    size_bytes: int
    copied_bytes: int
    files: int
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def back_up(
    workspace: str | Path,
    folder: str | Path,
    *,
    keep: int = KEEP,
    links: bool = True,
    verify: bool = False,
    progress: Progress | None = None,
) -> BackupReport:
    """Make a backup of a workspace in a folder of backups. Other processes may write to the workspace.

    The backup has everything that was stored before the call. The workspace is not changed.
    Files that an earlier backup in the folder contains are hard links to it. If the folder is on the disk of the
    workspace, other artifacts are hard links to the files of the workspace.
    The databases are always checked for damage. A failure leaves earlier backups as they are.

    Args:
        workspace: the folder of the workspace.
        folder: the folder of backups. It is created if it does not exist. It must not be in the workspace.
        keep: how many backups stay in the folder; older ones are removed at the end. At least 1.
        links: whether the backup may have hard links to files of the workspace.
        verify: read all files of the backup again, also those that are links, and compare their hashes.
        progress: called with the bytes that are done, and the total.

    Raises:
        NotFound: the folder contains no workspace.
        InvalidValue: the folder of backups is in the workspace, or has other files, or `keep` is less than 1.
        AlreadyExists: the folder has backups of another workspace.
        NotAllowed: this process may not write to the folder of backups.
        StoreUnavailable: another backup is being written there, a disk is full, or a database is damaged.
    """
    source, target = Path(workspace).absolute(), Path(os.path.realpath(check_local_path("backup folder", folder)))
    if keep < 1:
        raise InvalidValue("keep", keep, "must be at least 1")
    facts = peek_store(source).facts
    _check_apart(source, target)
    meter = Meter(progress)
    with Writing(target), locked_backups(target, facts["id"]) as backups:
        with backups.new() as part:
            making = _Making(source, part, backups, facts, links, meter)
            making.run()
            if verify:
                check_backup(part, meter)
        backups.prune(keep)
    meter.finish()
    return making.report(backups.path)


class _Making:
    """A backup that is being written to the folder `part`."""

    def __init__(
        self, source: Path, part: Path, backups: Backups, facts: Mapping[str, str], links: bool, meter: Meter
    ) -> None:
        self._source, self._part, self._facts, self._meter = source, part, facts, meter
        self._copies = part / WORKSPACE
        self._files = Files(self._copies)
        self._links = links and os.stat(source).st_dev == os.stat(part).st_dev
        self._earlier = _newest_files(backups)
        self._changes: list[tuple[Wanted, Wanted | None]] = []
        self._missing: list[str] = []
        self._changed: list[str] = []
        self._size_bytes = self._file_count = self._linked_bytes = 0

    def run(self) -> None:
        """Copy everything, and write the manifest."""
        for name in (JOURNAL, ARTIFACTS):
            (self._copies / name).mkdir(parents=True)
        self._expect()
        began_ns = time.time_ns()
        manifest = ManifestWriter(self._part, self._manifest_facts(began_ns))
        with closing(manifest):
            # The order matters. A journal that is folded and removed after it was copied is in the database, which is
            # copied later. MLflow's tables refer to runs, so its database is copied before that of the runs.
            journals = JournalCopy(self._source / JOURNAL, self._copies / JOURNAL, self._meter)
            journals.take()
            names = [name for name in (COMPANION, DATABASE) if self._copy_database(name)]
            with closing(sqlite3.connect(self._copies / DATABASE, isolation_level=None)) as database:
                _check_same(database, self._facts["id"], self._source)
                journals.complete(database)
                self._copy_artifacts(database, began_ns, manifest)
                change_rows(database, self._changes)
            for path in [*names, *(f"{JOURNAL}/{name}" for name in journals.finish())]:
                self._add(manifest, path)
            manifest.finish()
        self._size_bytes, self._file_count = manifest.size_bytes, manifest.files

    def report(self, path: Path) -> BackupReport:
        """Return the result. `path` is the final folder of the backup."""
        copied = self._size_bytes - self._linked_bytes
        missing, changed = tuple(self._missing), tuple(self._changed)
        return BackupReport(path, self._size_bytes, copied, self._file_count, missing, changed)

    def _manifest_facts(self, began_ns: int) -> dict[str, object]:
        shared = bool(os.stat(self._source / DATABASE).st_mode & 0o020)
        facts = {"workspace": self._facts["id"], "name": self._facts["name"], "created": began_ns // 1_000_000}
        return {**facts, "shared": shared, "folder": os.fsencode(self._source).decode("utf-8", "replace")}

    def _expect(self) -> None:
        for name in (COMPANION, DATABASE):
            with suppress(FileNotFoundError):
                self._meter.expect(2 * os.stat(self._source / name).st_size)  # it is copied, and then hashed
        self._meter.expect(2 * journal_bytes(self._source / JOURNAL))
        with reading(self._source / DATABASE) as database:
            self._meter.expect(artifact_bytes(database))

    def _copy_database(self, name: str) -> bool:
        """Copy a database. Return False if it does not exist: not every workspace has MLflow's tables."""
        if name == COMPANION and not (self._source / name).exists():
            return False
        copy_database(self._source / name, self._copies / name, self._meter)
        return True

    def _copy_artifacts(self, database: sqlite3.Connection, began_ns: int, manifest: ManifestWriter) -> None:
        copy = ArtifactCopy(self._source, self._copies, self._earlier, began_ns, self._links, self._meter)
        for wanted in wanted_files(database):
            entry = copy.take(wanted)
            if not wanted.fits(entry):
                entry = self._resolved(copy, wanted, entry)
            if entry is not None:
                manifest.add(entry)
        flush_files(self._files, copy.copied)
        self._linked_bytes = copy.linked_bytes

    def _resolved(self, copy: ArtifactCopy, wanted: Wanted, entry: Entry | None) -> Entry | None:
        """Return the copy of a file that does not have the content that its row in the copied index states.

        If the file was replaced or deleted during the backup, the row in the copied index is changed.
        """
        with reading(self._source / DATABASE) as database:
            now = find_wanted(database, wanted.root, wanted.path)
        if now != wanted:
            self._changes.append((wanted, now))
            if entry is not None:
                copy.drop(entry)
            entry = copy.take(now) if now is not None else None
        if now is not None and entry is None:
            self._missing.append(wanted.place)
        elif now is not None and not now.fits(entry):
            self._changed.append(wanted.place)
        return entry

    def _add(self, manifest: ManifestWriter, path: str) -> None:
        """Check a copied database or journal, wait until it is on the disk, and add it to the manifest."""
        place = self._copies / path
        if path in (COMPANION, DATABASE):
            check_database(place)
            # Processes of other users than root open the copy read-only: a backup that is opened does not change.
            mode = os.stat(self._source / path).st_mode & 0o777
            os.chmod(place, 0o444 & mode)
        else:
            mode = os.stat(place).st_mode & 0o777
        with open(place, "rb") as file:
            os.fsync(file.fileno())
            content = content_of(file, None, path, self._meter)
            manifest.add(Entry(path, *content, os.fstat(file.fileno()).st_mtime_ns, mode))


def _newest_files(backups: Backups) -> Earlier:
    """Return the files of the newest earlier backup."""
    newest = backups.newest()
    return Earlier(backups.folder) if newest is None else Earlier(newest / WORKSPACE, entries_of(newest))


def _check_apart(source: Path, target: Path) -> None:
    """Check that the folder of backups is not in the workspace."""
    real = os.path.realpath(source)
    if os.path.commonpath([real, target]) == real:
        raise InvalidValue("backup folder", str(target), "must not be in the workspace: choose another folder")


def _check_same(database: sqlite3.Connection, workspace_id: str, source: Path) -> None:
    """Check that no other workspace has replaced the workspace since it was opened."""
    row = database.execute("SELECT value FROM workspace WHERE name = 'id'").fetchone()
    if row is None or row[0] != workspace_id:
        raise StoreUnavailable(str(source), "another workspace replaced it during the backup: try again")
