"""The interface to the index of artifacts: which files exist, without looking at the files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.records.artifact import ArtifactRecord


class ArtifactIndex(ABC):
    """The path, size, hash and time of every file, by artifact root.

    `root` is a path below the folder of artifacts; the root of a run is `<experiment id>/<run id>/artifacts`.
    An `ArtifactStore` changes the index together with the files.
    As for a `TrackingStore`, every method may be called from any thread, and one that raises has changed nothing.
    """

    @abstractmethod
    def set_artifacts(self, root: str, records: Sequence[ArtifactRecord]) -> None:
        """Store the records of files below a root. A record replaces the one with the same path.

        Raises:
            InvalidState: a path runs through a file, or is a folder of other files.
        """

    @abstractmethod
    def list_artifacts(self, root: str, folder: str = "", recursive: bool = False) -> list[ArtifactRecord]:
        """Return the files and folders directly in a folder, by path; with `recursive` all files below it.

        A folder that does not exist, and a file, give an empty list.
        The root `""` lists the folders that contain roots with files; `recursive` is not supported there.
        """

    @abstractmethod
    def find_artifact(self, root: str, path: str) -> ArtifactRecord | None:
        """Return the record of a file, or None."""

    @abstractmethod
    def delete_artifacts(self, root: str, path: str = "") -> list[str]:
        """Remove the records of a file, or of all files below a folder (`""`: the root); return their paths, sorted."""
