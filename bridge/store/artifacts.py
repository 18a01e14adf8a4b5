"""The interface to artifacts: files and their index, changed together."""

from __future__ import annotations

import errno
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from bridge.errors import BridgeError, InvalidValue, NotAllowed, StoreUnavailable
from bridge.journal.system import is_of_handler
from bridge.journal.whole_file import written_whole
from bridge.records.artifact import ArtifactRecord
from bridge.records.text import RULE


class ArtifactStore(ABC):
    """A store of files below artifact roots.

    `root` is a path below the folder of artifacts; the root of a run is `<experiment id>/<run id>/artifacts`.
    `path` is relative to the root and separated by `/`. Every method checks it by
    `bridge.records.artifact.check_artifact_path` and raises `InvalidValue`.
    A reader sees a file whole or not at all: it is written beside its path, then renamed, then indexed.
    `put` replaces a file and may be repeated.
    Only `append` changes a file: readers see it grow, and see each appended piece whole or not at all.
    """

    @abstractmethod
    def put(self, root: str, path: str, source: Path | bytes | BinaryIO, replace: bool = True) -> ArtifactRecord:
        """Store a file, a value or a binary stream under a path.

        Args:
            root: the artifact root.
            path: the artifact path.
            source: the bytes.
            replace: replace a file that exists under the path. If False, one of several callers succeeds.

        Raises:
            InvalidValue: the path is not valid, runs through a file, or names a folder.
            NotFound: the source file does not exist.
            AlreadyExists: a file exists under the path, and `replace` is False.
        """

    @abstractmethod
    def append(self, root: str, path: str, data: bytes) -> ArtifactRecord:
        """Append bytes to a growing file such as a log; create it if it does not exist. A repeat appends them again.

        When this returns, every reader sees the bytes.
        If an append raises or its process is killed, readers never see its bytes. The next append overwrites them,
        because it starts at the size recorded in the index.
        A file that has grown has no `sha256` until it is put again.

        Raises:
            InvalidValue: as for `put`, or the data is not bytes.
        """

    @abstractmethod
    def get(self, root: str, path: str, start: int = 0) -> Iterator[bytes]:
        """Return the bytes of a file from an offset on, in pieces; no pieces if the file is shorter.

        Of a growing file these are the bytes up to the size recorded at the call.

        Raises:
            NotFound: the file does not exist.
            InvalidValue: the offset is negative.
        """

    @abstractmethod
    def list(self, root: str, folder: str = "", recursive: bool = False) -> list[ArtifactRecord]:
        """Return the files and folders directly in a folder, by path; with `recursive` all files below it.

        A folder that does not exist, and a file, give an empty list.
        The root `""` lists the folders that contain roots with files; `recursive` is not supported there.
        """

    @abstractmethod
    def stat(self, root: str, path: str) -> ArtifactRecord | None:
        """Return the record of the file or folder at a path, or None."""

    @abstractmethod
    def delete(self, root: str, path: str = "") -> None:
        """Remove a file, or everything below a folder (`""`: the root). It need not exist."""

    def download(self, root: str, path: str, target: Path) -> None:
        """Write a file to `target`, whole or not at all; create the folders above it.

        A device or a pipe at `target` is written to and not replaced.

        Raises:
            NotFound: the file does not exist.
            InvalidValue: the target would be below a file.
            NotAllowed: the target cannot be written.
        """
        pieces = self.get(root, path)
        try:
            _write(pieces, target)
        except UnicodeEncodeError as error:
            raise InvalidValue("output path", str(target), RULE) from error
        except OSError as error:
            if is_of_handler(error):
                raise
            raise _cannot_write(target, error) from error


def _cannot_write(target: Path, error: OSError) -> BridgeError:
    """Return the error of a failure to write the caller's file."""
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return InvalidValue("output path", str(target), "must not be below a file")
    if isinstance(error, IsADirectoryError):
        return InvalidValue("output path", str(target), "must name a file, and this is a folder")
    reason = (error.strerror or str(error)).lower()
    if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
        return InvalidValue("output path", str(target), f"cannot be written: {reason}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return NotAllowed("write", str(target.absolute()), reason)
    return StoreUnavailable(str(target.absolute()), reason)


def stream_of(pieces: Iterator[bytes]) -> BinaryIO:
    """Return the pieces of `get` as a stream for `put`."""
    return cast(BinaryIO, _Stream(pieces))


class _Stream:
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int) -> bytes:
        return next(self._pieces, b"")


def _is_device(target: Path) -> bool:
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISFIFO(mode)


def _write(pieces: Iterable[bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if _is_device(target):
        with target.open("wb") as file:
            file.writelines(pieces)
        return
    with written_whole(target) as part, part.open("wb") as file:
        file.writelines(pieces)
