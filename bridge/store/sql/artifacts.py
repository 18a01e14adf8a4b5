"""The index of artifacts: the files below each root, in the table `artifact`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from bridge.errors import InvalidState
from bridge.records.artifact import ArtifactRecord, folders_above

AFTER_SLASH = "0"
"""The character that follows "/": `model/` ≤ path < `model0` is everything below the folder `model`."""

AFTER_ALL = "\U0010ffff" * 64
"""A text that is greater than every path. A name has at most 255 bytes, so it cannot begin with 64 such characters."""

COLUMNS = "path, size_bytes, sha256, time"


def set_artifacts(connection: sqlite3.Connection, root: str, records: Sequence[ArtifactRecord]) -> None:
    """Store the records of files below a root. If this raises, the caller must roll back the transaction.

    Raises:
        InvalidState: a path is below another file, or is a folder of other files.
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


def find_artifact(connection: sqlite3.Connection, root: str, path: str) -> ArtifactRecord | None:
    """Return the file at a path, or None."""
    row = connection.execute(f"SELECT {COLUMNS} FROM artifact WHERE root = ? AND path = ?", (root, path)).fetchone()
    return None if row is None else ArtifactRecord(*row)


def list_artifacts(
    connection: sqlite3.Connection, root: str, folder: str = "", recursive: bool = False
) -> list[ArtifactRecord]:
    """Return the files and folders directly in a folder, by path; with `recursive` all files below it."""
    start, end = _bounds(folder)
    if not root:
        records = _folders_of_roots(connection, start, end)
    elif recursive:
        records = _files(connection, root, start, end)
    else:
        records = _directly(connection, root, start, end)
    return sorted(records, key=lambda record: record.path)


def delete_artifacts(connection: sqlite3.Connection, root: str, path: str = "") -> list[str]:
    """Remove the records of a file or of all files below a folder; return their paths, sorted."""
    start, end = _bounds(path)
    where = "root = ? AND (path = ? OR (path >= ? AND path < ?))"
    values = (root, path, start, end)
    removed = [row[0] for row in connection.execute(f"SELECT path FROM artifact WHERE {where}", values).fetchall()]
    connection.execute(f"DELETE FROM artifact WHERE {where}", values)
    return sorted(removed)


def _bounds(folder: str) -> tuple[str, str]:
    """Return two texts, `start` and `end`: a path is below the folder if `start` ≤ path < `end`."""
    return (folder + "/", folder + AFTER_SLASH) if folder else ("", AFTER_ALL)


def _directly(connection: sqlite3.Connection, root: str, start: str, end: str) -> Iterator[ArtifactRecord]:
    """Yield the files and subfolders of a folder. Only the first row of each subfolder is read."""
    depth = len(start)
    while start < end:
        for record in _files(connection, root, start, end):
            name, slash, _ = record.path[depth:].partition("/")
            if slash:
                subfolder = record.path[:depth] + name
                yield ArtifactRecord(subfolder)
                start = subfolder + AFTER_SLASH
                break
            yield record
        else:
            return


def _folders_of_roots(connection: sqlite3.Connection, start: str, end: str) -> Iterator[ArtifactRecord]:
    depth = len(start)
    query = "SELECT root FROM artifact WHERE root >= ? AND root < ? ORDER BY root LIMIT 1"
    while (row := connection.execute(query, (start, end)).fetchone()) is not None:
        folder = row[0][:depth] + row[0][depth:].partition("/")[0]
        yield ArtifactRecord(folder)
        start = folder + AFTER_SLASH


def _files(connection: sqlite3.Connection, root: str, start: str, end: str) -> Iterator[ArtifactRecord]:
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM artifact WHERE root = ? AND path >= ? AND path < ? ORDER BY path", (root, start, end)
    ).fetchall()
    return (ArtifactRecord(*row) for row in rows)


def _first_between(connection: sqlite3.Connection, root: str, start: str, end: str) -> str | None:
    row = connection.execute(
        "SELECT path FROM artifact WHERE root = ? AND path >= ? AND path < ? ORDER BY path LIMIT 1", (root, start, end)
    ).fetchone()
    return None if row is None else str(row[0])
