"""MLflow's artifact repository on a workspace: bytes and index go through its artifact store."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlflow.entities import FileInfo
from mlflow.store.artifact.artifact_repo import ArtifactRepository, verify_artifact_path
from mlflow.utils.file_utils import create_tmp_dir

from bridge.errors import InvalidValue, NotFound
from bridge.records.artifact import check_artifact_path
from bridge.store.artifacts import ArtifactStore
from bridge.store.open import open_store
from bridge_mlflow import mlflow_private
from bridge_mlflow.addresses import split_artifact_uri, split_root
from bridge_mlflow.confinement import check_place, check_root
from bridge_mlflow.translate.errors import invalid_path_error, missing_artifact_error, path_outside_error, translated


class BridgeArtifactRepository(ArtifactRepository):
    """What lies below one place of a workspace's artifacts folder: a run's root, or any above or below it."""

    @translated
    def __init__(self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        check_place(artifact_uri, "artifact location")
        self._address, self._place = split_artifact_uri(artifact_uri)
        self._artifacts: ArtifactStore = open_store(self._address).artifacts

    @translated
    def log_artifact(self, local_file: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        source = Path(local_file)
        verify_artifact_path(artifact_path)
        with source.open("rb"):
            pass  # a file that cannot be read is Python's error, as in MLflow's own repositories
        self._put(source, posixpath.join(artifact_path or "", source.name))

    @translated
    def log_artifacts(self, local_dir: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        verify_artifact_path(artifact_path)
        for source in _files_below(Path(local_dir)):
            path = source.relative_to(local_dir).as_posix()
            self._put(source, posixpath.join(artifact_path or "", path))

    @translated
    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        # MLflow wants paths as they are asked for: relative to this repository, wherever the root begins.
        above = _normal(path or "")
        root, folder = self._locate(above)
        found = self._artifacts.list(root, folder)
        return [
            FileInfo(posixpath.join(above, posixpath.basename(one.path)), one.is_folder, one.size_bytes)
            for one in found
        ]

    def get_local_path(self, artifact_path: str) -> str | None:
        """None for a file, because MLflow may not touch the one that is kept; some folder's path for a folder.

        MLflow's server asks before it sends an artifact: it refuses folders, and copies nothing to find that out.
        """
        self._check_is_there(artifact_path)
        return self._address if self._is_folder(artifact_path) else None

    def download_artifacts(self, artifact_path: str, dst_path: str | None = None) -> str:
        """Copy a file or a folder as MLflow's own method does, but without its progress bar: these files are local."""
        by_mlflow: Any = super().download_artifacts
        if not dst_path:
            self._check_is_there(artifact_path)
        elif not os.path.isdir(dst_path):
            return str(by_mlflow(artifact_path, dst_path))  # which says what is wrong
        folder = os.path.abspath(dst_path or create_tmp_dir())
        if self._copy_below(folder, artifact_path or ""):
            return os.path.join(folder, os.path.normpath(artifact_path)) if artifact_path else folder
        return str(by_mlflow(artifact_path, folder))  # which tries again, and says what has failed

    def _copy_below(self, folder: str, artifact_path: str) -> bool:
        """Copy a file, or all files below a folder; whether there was any, and all are there now."""
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
        root, below = self._locate(path)
        found = self._artifacts.stat(root, below) if root and below else None
        return found is None or found.is_folder

    @translated
    def _check_is_there(self, path: str) -> None:
        """Say at once that there is nothing at a path, where MLflow would list failures of its threads."""
        root, below = self._locate(path)
        there = self._artifacts.stat(root, below) if root and below else self._artifacts.list(root, below)
        if below and not there:
            raise missing_artifact_error(path)

    @translated
    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        root, path = self._locate(remote_file_path)
        if not root:  # above all roots there are no files
            raise missing_artifact_error(remote_file_path)
        try:
            self._artifacts.download(root, path, Path(local_path))
        except NotFound as error:
            raise missing_artifact_error(remote_file_path) from error

    @translated
    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        self._artifacts.delete(*self._locate_in_root(artifact_path or ""))

    def _put(self, source: Path, path: str) -> None:
        self._artifacts.put(*self._locate_in_root(path), source)

    def _locate_in_root(self, path: str) -> tuple[str, str]:
        """The same as `_locate`, where only what lies in a root will do."""
        root, below = self._locate(path)
        if not root:
            rule = "must lie in an artifact root, <experiment>/<run>/artifacts or longer"
            raise InvalidValue("artifact path", below, rule)
        return root, below

    def _locate(self, path: str) -> tuple[str, str]:
        """The root and the path below it of a path that is relative to this repository."""
        if path := path.rstrip("/"):
            try:
                path = check_artifact_path(path)
            except InvalidValue as error:
                raise invalid_path_error(path) from error
        root, below = split_root(posixpath.join(self._place, path) if path else self._place)
        check_root(self._address, root)
        return root, below


def _normal(path: str) -> str:
    """A path to be listed without what does not change it, such as `.`; the empty text for the place itself.

    Raises:
        MlflowException: it leads outside.
    """
    normal = posixpath.normpath(path) if path else "."
    if normal.split("/")[0] in ("", ".."):
        raise path_outside_error()
    return "" if normal == "." else normal


def _files_below(folder: Path) -> Iterator[Path]:
    """All files below a folder, as MLflow's own repositories find them: through links to folders too, sorted."""
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders.sort()
        for name in sorted(files):
            yield Path(parent, name)
