"""The objects that all fixes of one repair share: the workspace, its backend and the folder of copies."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from bridge.maintenance.examined import Examined
from bridge.maintenance.findings import Finding
from bridge.maintenance.fixes.copies import Copies
from bridge.store.folder.artifacts import FolderArtifacts
from bridge.store.folder.files import Files
from bridge.store.layout import DATABASE
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.database import Database
from bridge.store.sql.sqlite import open_sqlite

FINDINGS_AT_ONCE = 50
"""The number of findings that one write transaction repairs."""


class Repair:
    """One repair of a workspace.

    Args:
        path: the folder of the workspace.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.examined = Examined(path)
        self.copies = Copies(path)

    @cached_property
    def backend(self) -> SqlBackend:
        """The backend of the workspace. An older database is upgraded when it is opened."""
        return open_sqlite(self.path / DATABASE, fsync=None)

    @property
    def database(self) -> Database:
        """The database, opened for writing."""
        return self.backend.database

    @cached_property
    def files(self) -> Files:
        """The files of artifacts."""
        return Files(self.examined.artifacts, self.shared)

    @cached_property
    def artifacts(self) -> FolderArtifacts:
        """The store of artifacts."""
        return FolderArtifacts(self.backend, self.examined.artifacts, self.shared)

    @property
    def shared(self) -> bool:
        """Whether the group of the database may write to it."""
        return bool(os.stat(self.path / DATABASE).st_mode & 0o020)

    def close(self) -> None:
        """Close the backend."""
        if "backend" in self.__dict__:
            self.backend.close()


Fix = Callable[[Repair, Sequence[Finding]], None]
"""A function that repairs findings with the same code. It checks each of them again, under the locks of the store."""


def portions(findings: Sequence[Finding]) -> list[Sequence[Finding]]:
    """Return findings in portions, each for one transaction."""
    return [findings[at : at + FINDINGS_AT_ONCE] for at in range(0, len(findings), FINDINGS_AT_ONCE)]
