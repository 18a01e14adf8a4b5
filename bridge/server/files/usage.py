"""How many bytes the files of a workspace have."""

from __future__ import annotations

import threading
import time

from bridge.store.artifacts import ArtifactStore

COUNT_SECONDS = 300.0
"""After this time the files are counted again, because other processes also store and delete files."""


class Usage:
    """The size of all files of a workspace, from the index of artifacts.

    Args:
        artifacts: the store of the files.
    """

    def __init__(self, artifacts: ArtifactStore) -> None:
        self._artifacts = artifacts
        self._bytes, self._counted = 0, -COUNT_SECONDS
        self._lock = threading.Lock()

    def total(self) -> int:
        """Return the number of bytes. It can be late by `COUNT_SECONDS` for files of other processes."""
        with self._lock:
            if time.monotonic() - self._counted >= COUNT_SECONDS:
                self._bytes = sum(self._below(folder) for folder in self._folders(""))
                self._counted = time.monotonic()
            return self._bytes

    def add(self, size_bytes: int) -> None:
        """Count a file that was stored."""
        with self._lock:
            self._bytes += size_bytes

    def forget(self) -> None:
        """Count the files again when the number is needed, because files were deleted or replaced."""
        with self._lock:
            self._counted = -COUNT_SECONDS

    def _below(self, folder: str) -> int:
        own = sum(record.size_bytes or 0 for record in self._artifacts.list(folder, recursive=True))
        return own + sum(self._below(one) for one in self._folders(folder))

    def _folders(self, folder: str) -> list[str]:
        return [record.path for record in self._artifacts.list("", folder)]
