"""The port of artifacts: bytes and their index, changed together."""

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
    """A place for files, below roots.

    `root` is a path below the workspace's artifacts folder: a run's is `<experiment id>/<run id>/artifacts`.
    `path` is relative to the root, `/`-separated, and checked by `bridge.records.artifact.check_artifact_path`
    in every verb (`InvalidValue`).
    A file is visible whole or not at all: it is streamed beside its place, then renamed into it, then indexed.
    Putting replaces; repeating it is harmless.
    Only appending changes a file in its place: readers see it grow, and what was appended whole or not at all.
    """

    @abstractmethod
    def put(self, root: str, path: str, source: Path | bytes | BinaryIO, replace: bool = True) -> ArtifactRecord:
        """Keep the bytes of a file, of a value or of a binary stream under a path.

        Args:
            root: the artifact root.
            path: the artifact path.
            source: the bytes.
            replace: whether a file that exists under the path may be replaced. If not, one of several callers succeeds.

        Raises:
            InvalidValue: the path may not be used, runs through a file, or names a folder.
            NotFound: the source file is not there.
            AlreadyExists: a file exists under the path, and `replace` is False.
        """

    @abstractmethod
    def append(self, root: str, path: str, data: bytes) -> ArtifactRecord:
        """Add bytes to the end of a growing file, a log, which is made if it is not there; repeating adds them again.

        What was appended is read by everybody when this returns.
        Of an append that raised, or whose process was killed within, nothing is listed and nothing is read, and the
        next one continues where the file is listed to end.
        A file that grew has no `sha256`, until it is put anew.

        Raises:
            InvalidValue: as for `put`, or these are not bytes.
        """

    @abstractmethod
    def get(self, root: str, path: str, start: int = 0) -> Iterator[bytes]:
        """The bytes of a file from an offset on, in pieces; none if it is not that long.

        Of a file that grows these are as many as were listed at the call.

        Raises:
            NotFound: there is no such file.
            InvalidValue: the offset is negative.
        """

    @abstractmethod
    def list(self, root: str, folder: str = "", recursive: bool = False) -> list[ArtifactRecord]:
        """What lies directly in a folder, files and folders by path; with `recursive` all files below it.

        A folder that is not there, and a file, give an empty list.
        The root `""` is the folder of all roots: of it only the folders in which roots with files lie can be listed.
        """

    @abstractmethod
    def stat(self, root: str, path: str) -> ArtifactRecord | None:
        """The file or folder at a path, or None."""

    @abstractmethod
    def delete(self, root: str, path: str = "") -> None:
        """Remove a file, or everything below a folder (`""`: the root); what is not there is no error."""

    def download(self, root: str, path: str, target: Path) -> None:
        """Write a file's bytes to `target`, whole or not at all; folders above it are made.

        A device or a pipe at `target` takes the bytes, and stays what it is.

        Raises:
            NotFound: there is no such file.
            InvalidValue: the target would lie below a file.
            NotAllowed: nothing may be written there.
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
    """Return what a failure to write a file of the caller means."""
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return InvalidValue("output path", str(target), "must not lie below a file")
    if isinstance(error, IsADirectoryError):
        return InvalidValue("output path", str(target), "must name a file, and this is a folder")
    reason = (error.strerror or str(error)).lower()
    if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
        return InvalidValue("output path", str(target), f"cannot be written: {reason}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return NotAllowed("write", str(target.absolute()), reason)
    return StoreUnavailable(str(target.absolute()), reason)


def stream_of(pieces: Iterator[bytes]) -> BinaryIO:
    """Return what `get` gives as a stream that `put` takes."""
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
