"""MLflow's artifact repository over the artifact store of a workspace."""

from __future__ import annotations

import logging
import os
import posixpath
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlflow.entities import FileInfo
from mlflow.store.artifact.artifact_repo import ArtifactRepository, verify_artifact_path
from mlflow.utils.file_utils import create_tmp_dir

from bridge.errors import InvalidState, InvalidValue, NotFound
from bridge.records.artifact import check_artifact_path
from bridge.server_address import is_server_address
from bridge.store.artifacts import ArtifactStore
from bridge.store.open import open_store
from bridge.store.walk import walk
from bridge_mlflow import mlflow_private
from bridge_mlflow.addresses import split_artifact_uri, split_root
from bridge_mlflow.confinement import check_location, check_root
from bridge_mlflow.images import FOLDER, image_of_copy, logged_image, with_copies
from bridge_mlflow.translate.errors import invalid_path_error, missing_artifact_error, path_outside_error, translated

logger = logging.getLogger(__name__)


class BridgeArtifactRepository(ArtifactRepository):
    """A repository of the artifacts below one folder of a workspace.

    The folder is an artifact root, a folder above artifact roots, or a folder below one artifact root.

    Attributes:
        is_from_client: whether a client may have chosen the URI, so that a server must check it.
    """

    is_from_client = True

    @translated
    def __init__(self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        if self.is_from_client:
            check_location(artifact_uri, "artifact location")
        self._address, self._place = split_artifact_uri(artifact_uri)
        self._artifacts: ArtifactStore = open_store(self._address).artifacts

    @translated
    def log_artifact(self, local_file: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        source = Path(local_file)
        verify_artifact_path(artifact_path)
        with source.open("rb"):
            pass  # if the file cannot be read, `open` raises Python's own error, as in MLflow's repositories
        self._put(source, posixpath.join(artifact_path or "", source.name))

    @translated
    def log_artifacts(self, local_dir: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        verify_artifact_path(artifact_path)
        for source in _files_below(Path(local_dir)):
            path = source.relative_to(local_dir).as_posix()
            self._put(source, posixpath.join(artifact_path or "", path))

    @translated
    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        # MLflow expects paths relative to this repository, not to the artifact root.
        above = _normal(path or "")
        root, folder = self._locate(above)
        found = self._artifacts.list(root, folder)
        if root and folder == FOLDER:
            found = with_copies(found)
        return [
            FileInfo(posixpath.join(above, posixpath.basename(one.path)), one.is_folder, one.size_bytes)
            for one in found
        ]

    def get_local_path(self, artifact_path: str) -> str | None:
        """Return None if the path is a file. If the path is a folder, return the folder of the workspace.

        The path of a file is not returned, because MLflow could then change the stored file.
        MLflow's server calls this method before it sends an artifact. The server does not send the artifact if
        the returned path is a folder.
        """
        self._check_exists(artifact_path)
        return self._address if self._is_folder(artifact_path) and not is_server_address(self._address) else None

    def download_artifacts(self, artifact_path: str, dst_path: str | None = None) -> str:
        """Copy a file or a folder as MLflow's method does, but without a progress bar, because the files are local."""
        by_mlflow: Any = super().download_artifacts
        if not dst_path:
            self._check_exists(artifact_path)
        elif not os.path.isdir(dst_path):
            return str(by_mlflow(artifact_path, dst_path))  # MLflow's method raises the error for a missing folder
        folder = os.path.abspath(dst_path or create_tmp_dir())
        if self._copy_below(folder, artifact_path or ""):
            return os.path.join(folder, os.path.normpath(artifact_path)) if artifact_path else folder
        return str(by_mlflow(artifact_path, folder))  # MLflow's method tries again, and raises its error if that fails

    def _copy_below(self, folder: str, artifact_path: str) -> bool:
        """Copy a file, or all files below a folder. Return whether there was a file and every copy succeeded."""
        files = [artifact_path]
        if not artifact_path or mlflow_private.is_directory(self, artifact_path):
            files = [one.path for one in mlflow_private.files_below(self, artifact_path)]
        copies = [
            self.thread_pool.submit(self._download_file, path, mlflow_private.download_destination(self, path, folder))
            for path in files
        ]
        return bool(copies) and all(copy.exception() is None for copy in copies)

    @translated
    def _is_folder(self, path: str) -> bool:
        root, below = self._locate_to_read(path)
        found = self._artifacts.stat(root, below) if root and below else None
        return found is None or found.is_folder

    @translated
    def _check_exists(self, path: str) -> None:
        """Raise an error if nothing is stored at a path.

        Without this check, MLflow would raise an error that lists the failures of its download threads.
        """
        root, below = self._locate_to_read(path)
        there = self._artifacts.stat(root, below) if root and below else self._artifacts.list(root, below)
        if below and not there:
            raise missing_artifact_error(path)

    @translated
    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        root, path = self._locate_to_read(remote_file_path)
        if not root:  # files are stored only below artifact roots
            raise missing_artifact_error(remote_file_path)
        try:
            self._artifacts.download(root, path, Path(local_path))
        except NotFound as error:
            raise missing_artifact_error(remote_file_path) from error

    @translated
    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        self._artifacts.delete(*self._locate_in_root(artifact_path or ""))

    def _put(self, source: Path, path: str) -> None:
        root, below = self._locate_in_root(path)
        image = logged_image(below)
        is_new = image is not None and self._artifacts.stat(root, below) is None
        self._artifacts.put(root, below, source)
        if image and is_new:
            _, run_id, *_ = root.split("/")
            with suppress(NotFound, InvalidState):  # files can be stored for models too, and for deleted runs
                open_store(self._address).tracking.log_points(run_id, [image])

    def _locate_in_root(self, path: str) -> tuple[str, str]:
        """Return the artifact root of a path, and the path below the root; refuse a path without an artifact root."""
        root, below = self._locate(path)
        if not root:
            rule = "must be in an artifact root, for example below <experiment>/<run>/artifacts"
            raise InvalidValue("artifact path", below, rule)
        return root, below

    def _locate_to_read(self, path: str) -> tuple[str, str]:
        """Split a path as `_locate` does. If it is the path of a copy that is not stored, return that of the image."""
        root, below = self._locate(path)
        image = image_of_copy(below)
        if root and image and self._artifacts.stat(root, below) is None:
            return root, image
        return root, below

    def _locate(self, path: str) -> tuple[str, str]:
        """Split a path, relative to this repository, into the artifact root and the path below the root."""
        if path := path.rstrip("/"):
            try:
                path = check_artifact_path(path)
            except InvalidValue as error:
                raise invalid_path_error(path) from error
        root, below = split_root(posixpath.join(self._place, path) if path else self._place)
        check_root(self._address, root)
        return root, below


def _normal(path: str) -> str:
    """Return a normalised path, without `.` and `..`; "" for the folder of the repository.

    Raises:
        MlflowException: the path leads out of the repository.
    """
    normal = posixpath.normpath(path) if path else "."
    if normal.split("/")[0] in ("", ".."):
        raise path_outside_error()
    return "" if normal == "." else normal


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder, sorted by path. Links to folders are followed, as in MLflow's repositories."""
    found = walk(folder, lambda path, error: logger.debug("%s is skipped: %s", path, error), follows_links=True)
    yield from sorted(folder / path for path, _ in found)
