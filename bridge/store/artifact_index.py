"""The interface of the artifact index.

An artifact root is the folder that contains the artifacts of one run, model or trace.
The index lists the files below an artifact root without reading the folder.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.records.artifact import ArtifactRecord


class ArtifactIndex(ABC):
    """An index that contains the path, size, hash and time of every artifact, by artifact root.

    `root` is an artifact root, as a path relative to the folder `artifacts` of the workspace. The root of a run is
    `<experiment id>/<run id>/artifacts`.
    An `ArtifactStore` changes the index together with the files.
    As in a `TrackingStore`, every method may be called from any thread, and a method that raises has changed nothing.
    """

    @abstractmethod
    def set_artifacts(self, root: str, records: Sequence[ArtifactRecord]) -> None:
        """Store the records of files below a root. A record replaces the one with the same path.

        Raises:
            InvalidState: a path is below another file, or is a folder that contains files.
        """

    @abstractmethod
    def list_artifacts(self, root: str, folder: str = "", recursive: bool = False) -> list[ArtifactRecord]:
        """Return the files and folders directly in a folder, sorted by path; with `recursive`, all files below it.

        The list is empty if the folder does not exist, or is a file.
        With the root `""`, the method lists the artifact roots that contain files, and the folders above them, one
        level at a time. `folder` is then relative to the folder `artifacts`. `recursive` is not supported in this case.
        """

    @abstractmethod
    def find_artifact(self, root: str, path: str) -> ArtifactRecord | None:
        """Return the record of a file, or None."""

    @abstractmethod
    def delete_artifacts(self, root: str, path: str = "") -> list[str]:
        """Remove the record of a file, or the records of all files below a folder. The path `""` is the root.

        Returns:
            The paths of the removed records, sorted.
        """
