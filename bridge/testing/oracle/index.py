"""The artifact index of a memory store."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from bridge.errors import InvalidState
from bridge.records.artifact import ArtifactRecord
from bridge.store.artifact_index import ArtifactIndex


class MemoryIndex(ArtifactIndex):
    """An artifact index that keeps the records of files in dicts.

    Args:
        lock: the lock of the memory store, which the index shares.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._artifacts: dict[str, dict[str, ArtifactRecord]] = {}

    def drop_below(self, above: str) -> None:
        """Remove the records of all artifact roots that begin with the text `above`."""
        self._artifacts = {root: of for root, of in self._artifacts.items() if not root.startswith(above)}

    def set_artifacts(self, root: str, records: Sequence[ArtifactRecord]) -> None:
        with self._lock:
            files = dict(self._artifacts.get(root, {}))
            for record in records:
                for folder in _folders_above(record.path):
                    if folder in files:
                        raise InvalidState("artifact", folder, "a file", "a folder")
                if any(path.startswith(record.path + "/") for path in files):
                    raise InvalidState("artifact", record.path, "a folder", "a file")
                files[record.path] = record
            self._artifacts[root] = files

    def list_artifacts(self, root: str, folder: str = "", recursive: bool = False) -> list[ArtifactRecord]:
        start = folder + "/" if folder else ""
        with self._lock:
            files = self._artifacts.get(root, {})
            roots = {of: ArtifactRecord(f"{of}/") for of in self._artifacts if self._artifacts[of]}
            below = [r for path, r in (files if root else roots).items() if path.startswith(start)]
        found = {}
        for record in below:
            name, slash, _ = record.path[len(start) :].partition("/")
            if slash and not recursive:
                record = ArtifactRecord(start + name)
            found[record.path] = record
        return [found[path] for path in sorted(found)]

    def find_artifact(self, root: str, path: str) -> ArtifactRecord | None:
        with self._lock:
            return self._artifacts.get(root, {}).get(path)

    def delete_artifacts(self, root: str, path: str = "") -> list[str]:
        with self._lock:
            files = self._artifacts.get(root, {})
            gone = sorted(p for p in files if not path or p == path or p.startswith(path + "/"))
            for p in gone:
                del files[p]
            return gone


def _folders_above(path: str) -> list[str]:
    names = path.split("/")
    return ["/".join(names[:count]) for count in range(1, len(names))]
