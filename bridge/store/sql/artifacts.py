"""The artifact index in SQL: the table `artifact` lists the files of each artifact root."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from bridge.errors import InvalidState
from bridge.records.artifact import ArtifactRecord, folders_above
from bridge.store.sql.changes import note_files

AFTER_SLASH = "0"
"""The character after "/" in Unicode. A path is below the folder `model` if `model/` ≤ path < `model0`."""

AFTER_ALL = "\U0010ffff" * 64
"""A text that is greater than every path: 64 times the greatest character of Unicode.

No path begins with this text, because it has 256 bytes, and a name in a path has at most 255 bytes.
"""

FIRST_CHARACTER = "\0"
"""The smallest character. No path contains it, so `path + FIRST_CHARACTER` comes directly after `path`."""

FEWEST_ROWS, MOST_ROWS = 4, 4096
"""The least and the greatest number of rows that one statement of a listing reads.

The first statement reads few rows. If all these rows are files of the listed folder, the next statement reads twice as
many. If a row is in a subfolder, the listing skips all other rows of this subfolder, and reads few rows again.
"""

COLUMNS = "path, size_bytes, sha256, time"


def set_artifacts(connection: sqlite3.Connection, root: str, records: Sequence[ArtifactRecord]) -> None:
    """Store the records of files below a root. If this raises, the caller must roll back the transaction.

    Raises:
        InvalidState: a path is below another file, or is a folder that contains files.
    """
    for record in records:
        for folder in folders_above(record.path):
            if find_artifact(connection, root, folder) is not None:
                raise InvalidState("artifact", folder, "a file", "a folder")
        if _first_between(connection, root, record.path + "/", record.path + AFTER_SLASH) is not None:
            raise InvalidState("artifact", record.path, "a folder", "a file")
        connection.execute(
            f"INSERT OR REPLACE INTO artifact (root, {COLUMNS}) VALUES (?, ?, ?, ?, ?)",
            (root, record.path, record.size_bytes, record.sha256, record.time),
        )
    if records:
        note_files(connection, root)


def find_artifact(connection: sqlite3.Connection, root: str, path: str) -> ArtifactRecord | None:
    """Return the record of the file at a path, or None."""
    row = connection.execute(f"SELECT {COLUMNS} FROM artifact WHERE root = ? AND path = ?", (root, path)).fetchone()
    return None if row is None else ArtifactRecord(*row)


def list_artifacts(
    connection: sqlite3.Connection, root: str, folder: str = "", recursive: bool = False
) -> list[ArtifactRecord]:
    """Return the files and folders directly in a folder, sorted by path; with `recursive`, all files below it."""
    start, end = _bounds(folder)
    records: Iterable[ArtifactRecord]
    if not root:
        records = _folders_of_roots(connection, start, end)
    elif recursive:
        records = _files(connection, root, start, end)
    else:
        records = _directly(connection, root, start, end)
    return sorted(records, key=lambda record: record.path)


def delete_artifacts(connection: sqlite3.Connection, root: str, path: str = "") -> list[str]:
    """Remove the record of a file, or of all files below a folder. Return the removed paths, sorted."""
    start, end = _bounds(path)
    where = "root = ? AND (path = ? OR (path >= ? AND path < ?))"
    values = (root, path, start, end)
    removed = [row[0] for row in connection.execute(f"SELECT path FROM artifact WHERE {where}", values).fetchall()]
    connection.execute(f"DELETE FROM artifact WHERE {where}", values)
    if removed:
        note_files(connection, root)
    return sorted(removed)


def _bounds(folder: str) -> tuple[str, str]:
    """Return two texts, `start` and `end`. A path is below the folder if `start` ≤ path < `end`."""
    return (folder + "/", folder + AFTER_SLASH) if folder else ("", AFTER_ALL)


def _directly(connection: sqlite3.Connection, root: str, start: str, end: str) -> Iterator[ArtifactRecord]:
    """Yield the files and subfolders of a folder. Only the first rows of each subfolder are read."""
    depth, wanted = len(start), FEWEST_ROWS
    while True:
        records = _files(connection, root, start, end, wanted)
        for record in records:
            name, slash, _ = record.path[depth:].partition("/")
            if slash:
                subfolder = record.path[:depth] + name
                yield ArtifactRecord(subfolder)
                start, wanted = subfolder + AFTER_SLASH, FEWEST_ROWS
                break
            yield record
        else:
            if len(records) < wanted:
                return
            start, wanted = records[-1].path + FIRST_CHARACTER, min(2 * wanted, MOST_ROWS)


def _folders_of_roots(connection: sqlite3.Connection, start: str, end: str) -> Iterator[ArtifactRecord]:
    depth = len(start)
    query = "SELECT root FROM artifact WHERE root >= ? AND root < ? ORDER BY root LIMIT 1"
    while (row := connection.execute(query, (start, end)).fetchone()) is not None:
        folder = row[0][:depth] + row[0][depth:].partition("/")[0]
        yield ArtifactRecord(folder)
        start = folder + AFTER_SLASH


def _files(connection: sqlite3.Connection, root: str, start: str, end: str, at_most: int = -1) -> list[ArtifactRecord]:
    """Return the first `at_most` files whose path is at least `start` and less than `end`; -1 means all files."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM artifact WHERE root = ? AND path >= ? AND path < ? ORDER BY path LIMIT ?",
        (root, start, end, at_most),
    ).fetchall()
    return [ArtifactRecord(*row) for row in rows]


def _first_between(connection: sqlite3.Connection, root: str, start: str, end: str) -> str | None:
    row = connection.execute(
        "SELECT path FROM artifact WHERE root = ? AND path >= ? AND path < ? ORDER BY path LIMIT 1", (root, start, end)
    ).fetchone()
    return None if row is None else str(row[0])
