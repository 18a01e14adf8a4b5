"""The manifest of a backup: a file that lists every file of the backup with its size and hash.

The manifest consists of lines of JSON. The first line has facts about the backup. Each further line describes one file.
The last line states that the backup is complete, and has the hash of all lines before it. So a manifest that was
written only in part, or was changed later, is recognised.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bridge.errors import NotFound, SchemaMismatch, StoreUnavailable
from bridge.journal.system import was_raised_deeper

MANIFEST = "manifest.jsonl"
"""The name of the file in the folder of a backup."""

FORMAT = 1
"""The newest format of a backup that this version can read."""

INCOMPLETE = "the manifest of this backup is incomplete or was changed: use another backup"


class Entry(NamedTuple):
    """A file of a backup.

    `path` is relative to the folder of the workspace, with `/` between its parts.
    `size_bytes` is the number of bytes that belong to the backup. A file of an artifact may be longer, because a hard
    link shares its content with the workspace, which may have appended to it since.
    """

    path: str
    size_bytes: int
    sha256: str
    mtime_ns: int
    mode: int


class Summary(NamedTuple):
    """The facts about a complete backup.

    `facts` is the first line of the manifest: the id and name of the workspace, the time of the backup in milliseconds
    since 1970 UTC (`created`), and whether members of the group may write to the workspace (`shared`).
    """

    facts: Mapping[str, Any]
    files: int
    size_bytes: int


class ManifestWriter:
    """A manifest that is being written. The file is new.

    Args:
        folder: the folder of the backup.
        facts: the facts about the backup.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self._file = open(folder / MANIFEST, "xb")
        self._digest = hashlib.sha256()
        self.files = self.size_bytes = 0
        self._write({"format": FORMAT, **facts})

    def add(self, entry: Entry) -> None:
        """Add a file."""
        self.files += 1
        self.size_bytes += entry.size_bytes
        self._write(entry._asdict())

    def finish(self) -> None:
        """Write the last line, and wait until the manifest is on the disk."""
        self._write(
            {"complete": True, "files": self.files, "bytes": self.size_bytes, "sha256": self._digest.hexdigest()}
        )
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        self._digest.update(data)
        self._file.write(data)


def read_summary(backup: Path) -> Summary:
    """Return the facts about a backup, after a check that its manifest is complete.

    Raises:
        NotFound: the folder contains no backup.
        SchemaMismatch: a newer version of Runbridge has written the backup.
        StoreUnavailable: the manifest is incomplete or damaged.
    """
    digest, before, last = hashlib.sha256(), b"", b""
    first: Mapping[str, Any] | None = None
    for line in _lines(backup):
        if first is None:
            first = _decoded(backup, line)
            if int(first.get("format", 0)) > FORMAT:
                raise SchemaMismatch(str(backup), int(first["format"]), FORMAT)
        digest.update(before)
        before = last = line
    end = _decoded(backup, last)
    if first is None or end.get("complete") is not True or end.get("sha256") != digest.hexdigest():
        raise StoreUnavailable(str(backup), INCOMPLETE)
    return Summary(first, int(end["files"]), int(end["bytes"]))


def read_facts(backup: Path) -> Mapping[str, Any]:
    """Return the facts about a backup without reading the whole manifest."""
    return _decoded(backup, next(_lines(backup), b""))


def is_complete(backup: Path) -> bool:
    """Return whether a folder contains a complete backup, which this version can read."""
    try:
        read_summary(backup)
    except (NotFound, SchemaMismatch, StoreUnavailable):
        return False
    return True


def entries_of(backup: Path) -> Iterator[Entry]:
    """Yield the files of a backup whose manifest is complete."""
    for line in _lines(backup):
        values = _decoded(backup, line)
        if "path" in values:
            yield Entry(**values)


def _lines(backup: Path) -> Iterator[bytes]:
    try:
        file = open(backup / MANIFEST, "rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        if was_raised_deeper(error):
            raise
        raise NotFound("backup", str(backup), "give the folder that `runbridge backup` wrote") from error
    except OSError as error:
        raise StoreUnavailable(str(backup), (error.strerror or str(error)).lower()) from error
    with file:
        yield from file


def _decoded(backup: Path, line: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError) as error:
        raise StoreUnavailable(str(backup), INCOMPLETE) from error
