"""Remembers the files of the last snapshot of a folder, so that the next snapshot does not read unchanged files."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from bridge.address import home_folder
from bridge.journal.system import is_of_handler
from bridge.journal.whole_file import written_whole
from bridge.source.tree import Found, Tree, stamp_of

logger = logging.getLogger("bridge")

FORMAT = 1
MOST_FOLDERS = 64
"""The greatest number of folders that are remembered. Each folder needs a file of at most about 2 MB."""

SETTLED_NS = 2_000_000_000
"""The time after which the stamp of a file (its size, inode number and time stamps) is reliable, in nanoseconds.

Some file systems have time stamps with a resolution of 2 s. A file that changed shortly before a snapshot may change
again and keep its time stamp, so the next snapshot reads this file again.
"""


class KnownTree:
    """The last snapshot of a folder.

    Args:
        snapshot_id: the id of the snapshot.
        files: for each path: the stamp of the file, and the hash of its content or the target of the link.
        decided: for each path, whether the ignore rules excluded it.
        decided_with: the stamp of the ignore file.
    """

    def __init__(
        self,
        snapshot_id: str = "",
        files: dict[str, tuple[str, str]] | None = None,
        decided: dict[str, bool] | None = None,
        decided_with: str = "",
    ) -> None:
        self.snapshot_id, self.files = snapshot_id, files or {}
        self.decided, self.decided_with = decided or {}, decided_with

    def content_of(self, found: Found) -> str:
        """Return the hash of the content of a file, or the target of a link; "" if the file may have changed."""
        stamp, content = self.files.get(found.path, ("", ""))
        return content if stamp == found.stamp else ""

    def equals(self, files: Sequence[Found]) -> bool:
        """Return whether the given files are those of the snapshot and none of them has changed."""
        return len(files) == len(self.files) and all(self.content_of(found) for found in files)


def read_known(folder: Path) -> KnownTree:
    """Return the last snapshot of a folder. If no file describes it or the file is damaged, return an empty one."""
    try:
        content = json.loads(_place(folder).read_bytes())
        if content["format"] != FORMAT or content["folder"] != str(folder):
            return KnownTree()
        files = {path: (stamp, kept) for path, stamp, kept in content["files"]}
        decided = {path: bool(excluded) for path, excluded in content["decided"].items()}
        return KnownTree(content["id"], files, decided, content["decided_with"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if is_of_handler(error):
            raise
        if not isinstance(error, FileNotFoundError):
            logger.debug("The last snapshot of %s cannot be read: %r", folder, error)
        return KnownTree()


def write_known(folder: Path, snapshot_id: str, tree: Tree, contents: dict[str, str], begun_ns: int) -> None:
    """Store the facts about a snapshot in the folder `$BRIDGE_HOME`, which is `~/.bridge` by default.

    If this fails, nothing is raised: the next snapshot then reads all files again. It fails if `$BRIDGE_HOME` cannot
    be written, or if the source folder or its ignore file was removed.

    Args:
        folder: the source folder.
        snapshot_id: the id of the snapshot.
        tree: the files that were found.
        contents: the hash of each file that was stored, or the target of a link, by path.
        begun_ns: the time at which the search for the files began, in nanoseconds since 1970 UTC.
    """
    settled = begun_ns - SETTLED_NS
    files = [
        (found.path, found.stamp if found.changed_ns < settled else "", contents[found.path])
        for found in tree.files
        if found.path in contents
    ]
    try:
        decided, decided_with = _decisions(tree, settled)
        content = {
            "format": FORMAT,
            "folder": str(folder),
            "id": snapshot_id,
            "files": files,
            "decided": decided,
            "decided_with": decided_with,
        }
        place = _place(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(place) as part:
            part.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
        _drop_oldest(place.parent)
    except OSError as error:
        if is_of_handler(error):
            raise
        logger.debug("The snapshot of %s is not remembered: %s", folder, error)


def _decisions(tree: Tree, settled: int) -> tuple[dict[str, bool], str]:
    if tree.ignore_file is None:
        return {}, ""
    state = tree.ignore_file.stat()
    if max(state.st_mtime_ns, state.st_ctime_ns) >= settled:
        return {}, ""
    return tree.decisions, stamp_of(state)


def _place(folder: Path) -> Path:
    state = folder.stat()
    return home_folder() / "snapshots" / f"{state.st_dev:x}-{state.st_ino:x}.json"


def _drop_oldest(folder: Path) -> None:
    kept = [(path.stat().st_mtime_ns, path) for path in folder.glob("*.json")]
    for _, path in sorted(kept)[:-MOST_FOLDERS]:
        path.unlink(missing_ok=True)
