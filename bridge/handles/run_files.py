"""The files of a run: which local file is which artifact."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from bridge.address import check_local_path
from bridge.errors import InvalidValue, NotAllowed, NotFound

if TYPE_CHECKING:
    from bridge.handles.experiment import Experiment
    from bridge.records.artifact import ArtifactRecord
    from bridge.store.run_place import RunPlace

logger = logging.getLogger("bridge")

LocalPath: TypeAlias = "str | os.PathLike[str]"


class RunFiles:
    """What a run does with files; a part of `Run`.

    All of it raises NotAllowed where the experiment, made through MLflow, keeps files at a place of its own.
    """

    experiment: Experiment
    id: str
    place: RunPlace

    def upload_file(self, name: str, path_or_stream: LocalPath | BinaryIO, datastore_name: None = None) -> None:
        """Keep a file with the run, in place of one that has the name.

        Args:
            name: the artifact path, relative and `/`-separated.
            path_or_stream: the file, or a binary stream.
            datastore_name: none but None: a run's files lie in its workspace.

        Raises:
            InvalidValue: the name would leave the run's artifacts, this is neither path nor stream, or a datastore is
                named.
            NotFound: there is no such file.
            InvalidState: the run is deleted.
        """
        check_no_datastore(datastore_name)
        self.place.stores.artifacts.put(self.place.writable_root(), name, source_of(path_or_stream))

    def upload_files(
        self,
        names: Sequence[str],
        paths: Sequence[LocalPath],
        return_artifacts: bool = False,
        timeout_seconds: float | None = None,
        datastore_name: None = None,
    ) -> dict[str, ArtifactRecord] | None:
        """Keep files with the run, each in place of one that has its name.

        Args:
            names: the artifact paths.
            paths: the files, one for each name.
            return_artifacts: answer with what is known of each file, by its path: size, hash and time.
            timeout_seconds: taken for the sake of old scripts: an upload takes the time it takes.
            datastore_name: as for `upload_file`.

        Raises:
            InvalidValue: there are not as many names as paths, a name may not be used, or a datastore is named.
            NotFound: one of the files is not there; none is uploaded.
            InvalidState: the run is deleted.
        """
        check_no_datastore(datastore_name)
        pairs = uploads(names, paths)
        root = self.place.writable_root()
        records = [self.place.stores.artifacts.put(root, name, file) for name, file in pairs]
        return {record.path: record for record in records} if return_artifacts else None

    def upload_folder(self, name: str, path: LocalPath, datastore_name: None = None) -> None:
        """Keep every file below a folder, under `name/<its path below the folder>`; links are followed.

        Raises:
            InvalidValue: it is no folder, a name may not be used, or a datastore is named.
            NotFound: a link leads nowhere; files before it are kept.
            InvalidState: the run is deleted.
        """
        check_no_datastore(datastore_name)
        folder = check_local_path("folder", path)
        if not isinstance(name, str):
            raise InvalidValue("name", name, "must be text")
        if not folder.is_dir():
            raise InvalidValue("folder", str(path), "must be a folder that is there")
        prefix = name.strip("/") + "/" if name.strip("/") else ""
        root = self.place.writable_root()
        for file in files_below(folder):
            self.place.stores.artifacts.put(root, prefix + file.relative_to(folder).as_posix(), file)

    def get_file_names(self) -> list[str]:
        """The artifact paths of all files of the run, sorted."""
        return [record.path for record in self.place.stores.artifacts.list(self.place.root(), recursive=True)]

    def download_file(
        self, name: str, output_file_path: LocalPath | None = None, _validate_checksum: bool = False
    ) -> None:
        """Write a file of the run to a local path.

        Args:
            name: the artifact path.
            output_file_path: the target, or an existing folder to put it in; None is the working folder.

        Raises:
            NotFound: the run has no such file.
        """
        target = check_local_path("output_file_path", output_file_path if output_file_path is not None else ".")
        if target.is_dir():
            target = target / Path(name).name
        record = self.place.stores.artifacts.stat(self.place.root(), name)
        if record is None or record.is_folder:
            there = ", ".join(self.get_file_names()[:20]) or "none"
            raise NotFound("file", name, f"run {self.id} has {there}")
        self.place.stores.artifacts.download(self.place.root(), name, target)

    def download_files(
        self,
        prefix: str | None = None,
        output_directory: LocalPath | None = None,
        output_paths: Sequence[LocalPath] | None = None,
        batch_size: int = 100,
        append_prefix: bool = True,
        timeout_seconds: float | None = None,
    ) -> None:
        """Write all files of the run, or those of a folder, to local paths; what is there is replaced.

        Args:
            prefix: a folder of artifacts, matched exactly ("out" is not "outputs"); None is all.
            output_directory: where files land, at their artifact paths; None is the working folder.
            output_paths: the targets instead, one for each file in the order of their artifact paths, below the output
                directory if there is one; with another number of them they are passed over, and the log says so.
            append_prefix: if False, files land in the output directory at their paths below the prefix.
            batch_size, timeout_seconds: taken for the sake of old scripts.

        Raises:
            InvalidValue: the prefix may not be one, or a target would lie below a file.
        """
        pairs = downloads(self.get_file_names(), prefix, output_directory, output_paths, append_prefix)
        for path, target in pairs:
            self.place.stores.artifacts.download(self.place.root(), path, target)


def check_no_datastore(datastore_name: object) -> None:
    """Refuse what only a hosted service has.

    Raises:
        InvalidValue: a datastore is named.
    """
    if datastore_name is not None:
        raise InvalidValue("datastore_name", datastore_name, "must be None: a run's files lie in its workspace")


def source_of(path_or_stream: LocalPath | BinaryIO) -> Path | BinaryIO:
    """What is uploaded, if it is a path or a binary stream.

    Raises:
        InvalidValue: it is neither.
    """
    if isinstance(path_or_stream, (str, os.PathLike)):
        return check_local_path("path_or_stream", path_or_stream)
    if hasattr(path_or_stream, "read"):
        return path_or_stream
    raise InvalidValue("path_or_stream", path_or_stream, "must be the path of a file, or a binary stream")


def files_below(folder: Path) -> list[Path]:
    """Return all files below a folder, also behind links; a link to a folder above itself is not followed again.

    Pipes, sockets and devices are excluded, and the log says so.

    Raises:
        NotAllowed: a folder below may not be read.
    """
    found: list[Path] = []
    for name, folders, files in os.walk(folder, onerror=_refuse_unreadable, followlinks=True):
        above = {os.path.realpath(parent) for parent in (Path(name), *Path(name).parents)}
        folders[:] = [below for below in folders if os.path.realpath(os.path.join(name, below)) not in above]
        for file in (Path(name) / file for file in files):
            if file.is_file() or not file.exists():  # a link that leads nowhere is refused when it is read
                found.append(file)
            else:
                logger.warning("Not uploaded, because it is no regular file: %s", file)
    return sorted(found)


def _refuse_unreadable(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # removed meanwhile
        raise NotAllowed("read", str(error.filename), (error.strerror or str(error)).lower()) from error


def uploads(names: Sequence[str], paths: Sequence[LocalPath]) -> list[tuple[str, Path]]:
    """The artifact path and the file of each upload.

    Raises:
        InvalidValue: there are more of one than of the other, or a name may not be used.
        NotFound: a file is not there.
    """
    from bridge.records.artifact import check_artifact_path

    for what, given in (("names", names), ("paths", paths)):
        if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
            raise InvalidValue(what, given, "must be a list")
    names, paths = list(names), list(paths)
    if len(names) != len(paths):
        lengths = f"{len(names)} and {len(paths)}"
        raise InvalidValue("numbers of names and paths", lengths, "must be equal")
    pairs = [
        (check_artifact_path(name), check_local_path("path", path)) for name, path in zip(names, paths, strict=True)
    ]
    missing = [str(file) for _, file in pairs if not file.is_file()]
    if missing:
        raise NotFound("file", missing[0], "nothing was uploaded" if len(pairs) > 1 else "")
    return pairs


def downloads(
    artifact_paths: Sequence[str],
    prefix: str | None,
    output_directory: LocalPath | None,
    output_paths: Sequence[LocalPath] | None,
    append_prefix: bool,
) -> list[tuple[str, Path]]:
    """The artifact path and the target of each download.

    Args:
        artifact_paths: all that the run has.
        prefix: a folder of them, or one of them; None and "" are all.
        output_directory: what targets are relative to; None is the working folder.
        output_paths: targets, one for each file in the order of their paths; with another number they are passed
            over, and the log says so.
        append_prefix: in an output directory, files keep the folders of the prefix.

    Raises:
        InvalidValue: the prefix may not be one.
    """
    from bridge.records.artifact import check_artifact_path

    if prefix is not None and not isinstance(prefix, str):
        raise InvalidValue("prefix", prefix, "must be text")
    folder = check_artifact_path(prefix.rstrip("/")) if prefix and prefix.rstrip("/") not in ("", ".") else ""
    chosen = [path for path in artifact_paths if not folder or path == folder or path.startswith(folder + "/")]
    if not chosen:
        logger.warning("There is no file to download%s.", f" below {prefix!r}" if folder else "")
    top = check_local_path("output_directory", output_directory if output_directory is not None else ".")
    if output_paths is not None:
        if isinstance(output_paths, (str, bytes)) or not isinstance(output_paths, Iterable):
            raise InvalidValue("output_paths", output_paths, "must be a list")
        targets = [top / check_local_path("output path", target) for target in output_paths]
        if len(targets) == len(chosen):
            return list(zip(chosen, targets, strict=True))
        logger.warning("%d output paths for %d files: they are passed over.", len(targets), len(chosen))
    elif output_directory is not None and not append_prefix and folder:
        cut = folder.rpartition("/")[0] if folder in chosen else folder
        return [(path, top / (path[len(cut) + 1 :] if cut else path)) for path in chosen]
    return [(path, top / path) for path in chosen]
