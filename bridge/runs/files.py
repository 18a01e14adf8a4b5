"""Upload and download the files of a run."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeAlias

from bridge.address import check_local_path
from bridge.errors import InvalidValue, NotAllowed, NotFound
from bridge.records.artifact import ArtifactRecord, check_artifact_path
from bridge.store.run_place import RunPlace
from bridge.store.walk import walk

logger = logging.getLogger("bridge")

LocalPath: TypeAlias = "str | os.PathLike[str]"


def upload_file(place: RunPlace, name: str, path_or_stream: LocalPath | BinaryIO, datastore_name: object) -> None:
    """Store a file with a run; see `Run.upload_file`."""
    check_no_datastore(datastore_name)
    place.stores.artifacts.put(place.writable_root(), name, source_of(path_or_stream))


def upload_files(
    place: RunPlace, names: Sequence[str], paths: Sequence[LocalPath], datastore_name: object
) -> list[ArtifactRecord]:
    """Store files with a run and return their records; see `Run.upload_files`."""
    check_no_datastore(datastore_name)
    pairs = uploads(names, paths)
    root = place.writable_root()
    return [place.stores.artifacts.put(root, name, file) for name, file in pairs]


def upload_folder(place: RunPlace, name: str, path: LocalPath, datastore_name: object) -> None:
    """Store every file below a folder with a run; see `Run.upload_folder`."""
    check_no_datastore(datastore_name)
    folder = check_local_path("folder", path)
    if not isinstance(name, str):
        raise InvalidValue("name", name, "must be text")
    if not folder.is_dir():
        raise InvalidValue("folder", str(path), "must be a folder that exists")
    prefix = name.strip("/") + "/" if name.strip("/") else ""
    root = place.writable_root()
    for file in files_below(folder):
        place.stores.artifacts.put(root, prefix + file.relative_to(folder).as_posix(), file)


def file_names(place: RunPlace) -> list[str]:
    """Return the artifact paths of all files of a run, sorted."""
    return [record.path for record in place.stores.artifacts.list(place.root(), recursive=True)]


def download_file(place: RunPlace, name: str, output_file_path: LocalPath | None) -> None:
    """Write a file of a run to a local path; see `Run.download_file`."""
    target = check_local_path("output_file_path", output_file_path if output_file_path is not None else ".")
    if target.is_dir():
        target = target / Path(check_artifact_path(name)).name
    record = place.stores.artifacts.stat(place.root(), name)
    if record is None or record.is_folder:
        existing = ", ".join(file_names(place)[:20])
        files = f"the files {existing}" if existing else "no files"
        raise NotFound("file", name, f"run {place.run_id} has {files}")
    place.stores.artifacts.download(place.root(), name, target)


def download_files(
    place: RunPlace,
    prefix: str | None,
    output_directory: LocalPath | None,
    output_paths: Sequence[LocalPath] | None,
    append_prefix: bool,
) -> None:
    """Write files of a run to local paths; see `Run.download_files`."""
    root = place.root()
    for path, target in downloads(file_names(place), prefix, output_directory, output_paths, append_prefix):
        place.stores.artifacts.download(root, path, target)


def check_no_datastore(datastore_name: object) -> None:
    """Raise InvalidValue if a datastore is named: only a hosted service has datastores."""
    if datastore_name is not None:
        raise InvalidValue(
            "datastore_name", datastore_name, "must be None: the files of a run are stored in its workspace"
        )


def source_of(path_or_stream: LocalPath | BinaryIO) -> Path | BinaryIO:
    """Return the path or binary stream that is uploaded.

    Raises:
        InvalidValue: the value is neither a path nor a stream.
    """
    if isinstance(path_or_stream, (str, os.PathLike)):
        return check_local_path("path_or_stream", path_or_stream)
    if hasattr(path_or_stream, "read"):
        return path_or_stream
    raise InvalidValue("path_or_stream", path_or_stream, "must be the path of a file, or a binary stream")


def files_below(folder: Path) -> list[Path]:
    """Return all files below a folder, sorted.

    Links are followed, except a link to a folder above itself.
    Pipes, sockets and devices are skipped with a warning in the log.

    Raises:
        NotAllowed: a subfolder is not readable.
    """
    found: list[Path] = []
    for path, entry in walk(folder, partial(_refuse_unreadable, folder), follows_links=True):
        file = Path(entry.path)
        if file.is_file() or not file.exists():  # a broken link is included, so that its upload raises NotFound
            found.append(folder / path)
        else:
            logger.warning("%s is not uploaded, because it is not a regular file.", file)
    return sorted(found)


def _refuse_unreadable(folder: Path, path: str, error: OSError) -> None:
    raise NotAllowed("read", str(folder / path), (error.strerror or str(error)).lower()) from error


def uploads(names: Sequence[str], paths: Sequence[LocalPath]) -> list[tuple[str, Path]]:
    """Return the artifact path and the local file of each upload.

    Raises:
        InvalidValue: the numbers of names and paths differ, or a name is not valid.
        NotFound: a file does not exist.
    """
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
    """Return the artifact path and the local target of each download.

    Args:
        artifact_paths: all files of the run.
        prefix: an artifact folder, or the path of one file; None and "" select all files.
        output_directory: the folder that targets are relative to; None is the working folder.
        output_paths: one target for each file, in the order of the artifact paths. If their number differs from that
            of the files, they are ignored with a warning in the log.
        append_prefix: if False, files are written to the output directory at their paths below the prefix.

    Raises:
        InvalidValue: the prefix is not a valid artifact path.
    """
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
        logger.warning("%d output paths were given for %d files: the paths are ignored.", len(targets), len(chosen))
    elif output_directory is not None and not append_prefix and folder:
        cut = folder.rpartition("/")[0] if folder in chosen else folder
        return [(path, top / (path[len(cut) + 1 :] if cut else path)) for path in chosen]
    return [(path, top / path) for path in chosen]
