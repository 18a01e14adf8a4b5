"""Repairs artifacts: lost files with a copy in another artifact, wrong sizes, and files that are not in the index."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress

from bridge.maintenance.checks.artifacts import Listed, digest_of, is_listed, opened, read_listed, same_content
from bridge.maintenance.findings import Finding
from bridge.maintenance.fixes.repair import Repair
from bridge.records.artifact import ArtifactRecord
from bridge.store.layout import ARTIFACTS

PIECE_BYTES = 1 << 20


def correct_sizes(repair: Repair, findings: Sequence[Finding]) -> None:
    """Set the sizes in the index to those of the files, whose hashes are right."""
    for finding in findings:
        *row, size = finding.target
        listed = Listed._make(row)
        with repair.files.changing("repair", listed.place):
            if _is_current(repair, listed):
                with repair.database.read() as c:
                    repair.copies.rows(c, "artifact", "root = ? AND path = ?", (listed.root, listed.path))
                record = ArtifactRecord(listed.path, size, listed.sha256, listed.time)
                repair.backend.set_artifacts(listed.root, [record])


def restore_files(repair: Repair, findings: Sequence[Finding]) -> None:
    """Write lost or changed files again, from other artifacts with the same content."""
    for finding in findings:
        listed = Listed._make(finding.target)
        with repair.database.read() as c:
            places = same_content(c, [listed]).get(listed.sha256 or "", [])
        for place in places:
            if place != listed.place and _restore(repair, listed, place):
                break


def _restore(repair: Repair, listed: Listed, source: str) -> bool:
    """Restore a file from another artifact. Return whether the content of that artifact is right."""
    file = opened(repair.examined.artifacts / source)
    if file is None:
        return False
    try:
        if digest_of(file) != listed.sha256:
            return False
        with repair.files.part(listed.place) as part:
            for piece in _pieces(file):
                part.write(piece)
            part.check()
            with repair.files.changing("repair", listed.place):
                if _is_current(repair, listed):
                    repair.copies.file(f"{ARTIFACTS}/{listed.place}")
                    with repair.files.placed(part, listed.place):
                        pass
    finally:
        os.close(file)
    return True


def _pieces(file: int) -> Iterator[bytes]:
    at = 0
    while piece := os.pread(file, PIECE_BYTES, at):
        yield piece
        at += len(piece)


def _is_current(repair: Repair, listed: Listed) -> bool:
    with repair.database.read() as c:
        return read_listed(c, listed.root, listed.path) == listed


def move_orphans(repair: Repair, findings: Sequence[Finding]) -> None:
    """Move files that are not in the index to the folder of the repair, and remove the folders that become empty."""
    for finding in findings:
        (place,) = finding.target
        with repair.files.changing("repair", place), repair.database.read() as c:
            if not is_listed(c, place) and os.path.lexists(repair.examined.artifacts / place):
                repair.copies.move(f"{ARTIFACTS}/{place}")
                _prune(repair, place)


def _prune(repair: Repair, place: str) -> None:
    names = place.split("/")
    with suppress(OSError):
        for depth in range(len(names) - 1, 0, -1):
            os.rmdir(repair.examined.artifacts / "/".join(names[:depth]))


def sweep(repair: Repair, findings: Sequence[Finding]) -> None:
    """Remove the files of interrupted uploads and deletions, as each upload does."""
    repair.files.sweep()
