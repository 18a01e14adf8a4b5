"""Copies of the artifacts of a workspace, by hard links where this is safe.

An artifact is only replaced by a rename, or extended at its end. So the bytes of a hard link never change up to the
size that the index had at the time of the link. A growing file, such as a log, is copied nevertheless.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from bridge.maintenance.copying import copy_file, link_file, remove_file
from bridge.maintenance.manifest import Entry
from bridge.maintenance.progress import Meter
from bridge.store.folder.files import Files
from bridge.store.layout import ARTIFACTS

QUIET_SECONDS = 60.0
"""The age from which a file is linked.

The bytes of a younger file may be newer than its row in the copied index: a writer renames a file first, and then
changes its row. A younger file is copied, so that its hash is known. If its writer is suspended for longer than this,
the hash in the index does not fit the file until the writer continues.
"""


SELECT = "SELECT root, path, coalesce(size_bytes, 0), sha256, time FROM artifact"


class Wanted(NamedTuple):
    """A row of the artifact index: the artifact root, the path below it, and the file's size and hash.

    The hash is None for a growing file.
    """

    root: str
    path: str
    size_bytes: int
    sha256: str | None
    time: int

    def fits(self, entry: Entry | None) -> bool:
        """Return whether a copy has the content that the row states."""
        return entry is not None and (entry.size_bytes, self.sha256 or entry.sha256) == (self.size_bytes, entry.sha256)

    @property
    def place(self) -> str:
        """The path of the file below the folder of the workspace."""
        return f"{ARTIFACTS}/{self.root}/{self.path}"


class Earlier:
    """The files of an earlier backup, by content.

    Args:
        folder: the folder with the files.
        entries: the files; none if no earlier backup exists.
    """

    def __init__(self, folder: Path, entries: Iterable[Entry] = ()) -> None:
        self.files = Files(folder)
        self._places = {(one.sha256, one.size_bytes): one for one in entries if _is_artifact(one)}

    def find(self, wanted: Wanted) -> Entry | None:
        """Return a file that has the content of a row of the index."""
        return self._places.get((wanted.sha256, wanted.size_bytes)) if wanted.sha256 else None


class ArtifactCopy:
    """The copies of artifacts in a new backup.

    `copied` has the paths of the files whose bytes were copied, `linked_bytes` the size of the linked files.

    Args:
        source: the folder of the workspace.
        target: the folder of the copies.
        earlier: the earlier backup, whose files are linked if they have the same content.
        began_ns: when the backup began, in nanoseconds since 1970 UTC.
        links: whether files of the workspace may be linked.
    """

    def __init__(self, source: Path, target: Path, earlier: Earlier, began_ns: int, links: bool, meter: Meter) -> None:
        self._source, self._target, self._earlier, self._meter = Files(source), Files(target), earlier, meter
        self._quiet_ns = began_ns - int(QUIET_SECONDS * 1e9)
        self._links = links
        self.copied: list[str] = []
        self.linked_bytes = 0

    def take(self, wanted: Wanted) -> Entry | None:
        """Copy or link a file. Return None if the file does not exist.

        If the file has another content than the row of the index states, the entry has the content of the file.
        """
        known = self._earlier.find(wanted)
        if known is not None and link_file(self._earlier.files, known.path, self._target, wanted.place):
            return self._linked(known._replace(path=wanted.place))
        file = self._source.find(wanted.place)
        if file is None:
            return None
        with file:
            state = os.fstat(file.fileno())
            if wanted.sha256 and self._may_link(wanted, state) and self._link(wanted, state):
                mode = stat.S_IMODE(state.st_mode)
                return self._linked(Entry(wanted.place, wanted.size_bytes, wanted.sha256, state.st_mtime_ns, mode))
            content = copy_file(file, wanted.size_bytes, self._target, wanted.place, self._meter)
        self.copied.append(wanted.place)
        return Entry(wanted.place, *content, state.st_mtime_ns, stat.S_IMODE(state.st_mode))

    def drop(self, entry: Entry) -> None:
        """Remove a copied file, which does not fit its row of the index."""
        remove_file(self._target, entry.path)
        self.copied.remove(entry.path)

    def _linked(self, entry: Entry) -> Entry:
        self.linked_bytes += entry.size_bytes
        self._meter.add(entry.size_bytes)
        return entry

    def _may_link(self, wanted: Wanted, state: os.stat_result) -> bool:
        return self._links and state.st_size == wanted.size_bytes and state.st_mtime_ns < self._quiet_ns

    def _link(self, wanted: Wanted, state: os.stat_result) -> bool:
        """Link a file of the workspace. Return False if it cannot be linked, or was replaced since it was opened."""
        linked = link_file(self._source, wanted.place, self._target, wanted.place)
        if linked is None:
            return False
        if (linked.st_dev, linked.st_ino) == (state.st_dev, state.st_ino):
            return True
        remove_file(self._target, wanted.place)
        return False


def wanted_files(database: sqlite3.Connection) -> Iterator[Wanted]:
    """Yield the files in the index of a database, in the order of their paths."""
    at = "", ""
    query = f"{SELECT} WHERE (root, path) > (?, ?) ORDER BY root, path LIMIT 1000"
    while rows := database.execute(query, at).fetchall():
        yield from (Wanted(*row) for row in rows)
        at = rows[-1][:2]


def find_wanted(database: sqlite3.Connection, root: str, path: str) -> Wanted | None:
    """Return the row of a file in the index of a database, or None."""
    row = database.execute(f"{SELECT} WHERE root = ? AND path = ?", (root, path)).fetchone()
    return None if row is None else Wanted(*row)


def change_rows(database: sqlite3.Connection, changes: Iterable[tuple[Wanted, Wanted | None]]) -> None:
    """Replace rows of the index by other rows; None removes a row."""
    for wanted, now in changes:
        where = "WHERE root = ? AND path = ?"
        if now is None:
            database.execute(f"DELETE FROM artifact {where}", wanted[:2])
        else:
            values = now.size_bytes, now.sha256, now.time, *wanted[:2]
            database.execute(f"UPDATE artifact SET size_bytes = ?, sha256 = ?, time = ? {where}", values)


def artifact_bytes(database: sqlite3.Connection) -> int:
    """Return the size of all files in the index of a database."""
    (total,) = database.execute("SELECT coalesce(sum(size_bytes), 0) FROM artifact").fetchone()
    return int(total)


def _is_artifact(entry: Entry) -> bool:
    return entry.path.startswith(f"{ARTIFACTS}/")
