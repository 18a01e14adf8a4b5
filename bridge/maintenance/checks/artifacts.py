"""Checks the files of artifacts against their index: missing, changed and unlisted files."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from bridge.journal.held_lock import shared_lock
from bridge.maintenance.examined import Examined
from bridge.maintenance.findings import Finding, found
from bridge.store.folder.files import LOCK, PENDING
from bridge.store.sql.connection import Connection
from bridge.store.sql.statements import in_chunks

ROWS_AT_ONCE = 1_000
PIECE_BYTES = 1 << 20
LOST, MOST_LOST = ("artifact.missing", "artifact.content"), 1_000
WITHOUT_COPY = "Restore the file from a backup, or delete the artifact. No other artifact has the same content."

NEXT = (
    "SELECT root, path, size_bytes, sha256, time FROM artifact WHERE (root, path) > (?, ?) ORDER BY root, path"
    f" LIMIT {ROWS_AT_ONCE}"
)
ONE = "SELECT root, path, size_bytes, sha256, time FROM artifact WHERE root = ? AND path = ?"
TOTALS = "SELECT count(*), coalesce(sum(size_bytes), 0) FROM artifact"


class Listed(NamedTuple):
    """A row of the index of artifacts."""

    root: str
    path: str
    size_bytes: int
    sha256: str | None
    time: int

    @property
    def place(self) -> str:
        """The path below the folder of artifacts."""
        return f"{self.root}/{self.path}"


def check_artifacts(examined: Examined) -> Iterator[Finding]:
    """Check all files of artifacts, and look for files that are not in the index."""
    files, size_bytes = examined.read(lambda c: c.execute(TOTALS).fetchone())
    done = done_bytes = 0
    lost: list[Finding] = []
    for listed in _all_listed(examined):
        finding = check_file(examined, listed)
        if finding is not None and finding.code in LOST and len(lost) < MOST_LOST:
            lost.append(finding)
        elif finding is not None:
            yield finding
        done, done_bytes = done + 1, done_bytes + listed.size_bytes
        if examined.quick:
            examined.progress("artifacts", done, max(done, files))
        else:
            examined.progress("artifacts (bytes)", done_bytes, max(done_bytes, size_bytes))
    yield from _with_remedies(examined, lost)
    yield from _orphans(examined)


def _with_remedies(examined: Examined, lost: list[Finding]) -> Iterator[Finding]:
    """Yield findings of lost content, which can be repaired only if another artifact has the same content."""
    rows = [Listed._make(finding.target) for finding in lost]
    copies = examined.read(lambda c: same_content(c, rows)) if rows else {}
    for finding, row in zip(lost, rows, strict=True):
        if any(place != row.place for place in copies.get(row.sha256 or "", [])):
            yield finding
        else:
            yield replace(finding, repairable=False, remedy=WITHOUT_COPY)


def same_content(c: Connection, rows: Sequence[Listed]) -> dict[str, list[str]]:
    """Return the places of all artifacts with the same hashes as these, by hash."""
    found_places: dict[str, list[str]] = {}
    hashes = list({row.sha256 for row in rows if row.sha256 is not None})
    for sha256, root, path in in_chunks(c, "SELECT sha256, root, path FROM artifact WHERE sha256 IN ({})", hashes):
        found_places.setdefault(sha256, []).append(f"{root}/{path}")
    return found_places


def _all_listed(examined: Examined) -> Iterator[Listed]:
    """Yield all rows of the index. Each portion is one read transaction."""
    last = ("", "")
    while rows := examined.read(lambda c, after=last: c.execute(NEXT, after).fetchall()):  # type: ignore[misc]
        yield from map(Listed._make, rows)
        last = rows[-1][:2]


def read_listed(c: Connection, root: str, path: str) -> Listed | None:
    """Return the row of a file in the index."""
    row = c.execute(ONE, (root, path)).fetchone()
    return None if row is None else Listed._make(row)


def check_file(examined: Examined, listed: Listed) -> Finding | None:
    """Check one file. A suspected fault is checked again while no process changes files.

    The hash is computed without the lock. A file is replaced by a rename, so an open file keeps its content, unless it
    grows. Its row then has no hash any more.
    """
    if _fault(examined, listed, hashes=not examined.quick) is None:
        return None
    with unchanging(examined):
        current = examined.read(lambda c: read_listed(c, listed.root, listed.path))
        if current is None or (finding := _fault(examined, current, hashes=False)) is not None:
            return None if current is None else finding
        file = opened(examined.artifacts / current.place)
    if file is None or examined.quick:
        return None
    try:
        finding = _of_content(current, digest_of(file), os.fstat(file).st_size)
    finally:
        os.close(file)
    same = examined.read(lambda c: read_listed(c, listed.root, listed.path)) == current
    return finding if same else None


def _fault(examined: Examined, listed: Listed, hashes: bool) -> Finding | None:
    """Return what is wrong with a file. Without hashes, only its existence and size are checked."""
    file = opened(examined.artifacts / listed.place)
    if file is None:
        return found("artifact.missing", listed.place, "The file does not exist.", *listed)
    try:
        size = os.fstat(file).st_size
        if listed.sha256 is None:
            return _of_growing(listed, size)
        if size == listed.size_bytes and not hashes:
            return None
        return _of_content(listed, digest_of(file), size)
    finally:
        os.close(file)


def _of_growing(listed: Listed, size: int) -> Finding | None:
    if size >= listed.size_bytes:
        return None
    problem = f"The file has {size} bytes, but {listed.size_bytes} bytes were appended."
    return found("artifact.short", listed.place, problem, *listed)


def _of_content(listed: Listed, digest: str, size: int) -> Finding | None:
    if digest != listed.sha256:
        problem = f"Its content differs from the stored hash, and it has {size} instead of {listed.size_bytes} bytes."
        if size == listed.size_bytes:
            problem = "Its content differs from the stored hash."
        return found("artifact.content", listed.place, problem, *listed)
    if size == listed.size_bytes:
        return None
    problem = f"The file has {size} bytes, but the index states {listed.size_bytes}."
    return found("artifact.size", listed.place, problem, *listed, size)


def opened(path: Path) -> int | None:
    """Open a regular file, but no link and no pipe. Return None if it does not exist."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    return None


def digest_of(file: int) -> str:
    """Return the SHA-256 of an open file."""
    digest, at = hashlib.sha256(), 0
    while piece := os.pread(file, PIECE_BYTES, at):
        digest.update(piece)
        at += len(piece)
    return digest.hexdigest()


@contextmanager
def unchanging(examined: Examined) -> Iterator[None]:
    """Keep other processes from changing files during the block. Nothing is written to the lock."""
    with shared_lock(examined.artifacts / PENDING / LOCK):
        yield


def _orphans(examined: Examined) -> Iterator[Finding]:
    """Yield the files that are not in the index."""
    for place in _unlisted(examined):
        with unchanging(examined):
            exists = os.path.lexists(examined.artifacts / place)
            if exists and not _is_listed(examined, place):
                yield found("artifact.orphan", place, "The file is not in the index of artifacts.", place)


def _unlisted(examined: Examined) -> Iterator[str]:
    """Yield the files that seem to be missing in the index. One read transaction looks up many files."""
    places = _files(examined.artifacts)
    while some := list(islice(places, ROWS_AT_ONCE)):
        yield from examined.read(lambda c, some=some: [place for place in some if not is_listed(c, place)])  # type: ignore[misc]


def _is_listed(examined: Examined, place: str) -> bool:
    return examined.read(lambda c: is_listed(c, place))


def is_listed(c: Connection, place: str) -> bool:
    """Return whether a path below the folder of artifacts belongs to a row of the index, whatever its root is."""
    names = place.split("/")
    pairs = [("/".join(names[:at]), "/".join(names[at:])) for at in range(1, len(names))]
    return any(c.execute(ONE, pair).fetchone() is not None for pair in pairs)


def _files(folder: Path) -> Iterator[str]:
    """Yield the paths of all files below a folder, relative to it. Links are not followed."""
    for above, folders, files in os.walk(folder):
        below = os.path.relpath(above, folder)
        if below == ".":
            with suppress(ValueError):
                folders.remove(PENDING)
        folders.sort()
        links = [name for name in folders if os.path.islink(os.path.join(above, name))]
        for name in sorted([*files, *links]):
            yield name if below == "." else f"{below}/{name}"
