"""The interface of an artifact store, which changes files and the artifact index together."""

from __future__ import annotations

import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from bridge.journal.whole_file import written_whole
from bridge.records.artifact import ArtifactRecord
from bridge.store.local_file import Writing

Check = Callable[[int, str], object]
"""Is called with the size in bytes and the SHA-256 of a file before the file becomes visible."""


class ArtifactStore(ABC):
    """A store of files below artifact roots.

    An artifact root is the folder that contains the artifacts of one run, model or trace.
    `root` is an artifact root, as a path relative to the folder `artifacts` of the workspace. The root of a run is
    `<experiment id>/<run id>/artifacts`.
    `path` is relative to the root, with `/` between its parts. Every method checks `path` with
    `bridge.records.artifact.check_artifact_path`, which raises `InvalidValue`.
    A reader sees a complete file or no file: the file is written under another name, then renamed, then indexed.
    `put` may be repeated, because it replaces an existing file.
    Only `append` changes a file without replacing it. A reader sees each appended piece completely or not at all.
    """

    @abstractmethod
    def put(
        self,
        root: str,
        path: str,
        source: Path | bytes | BinaryIO,
        replace: bool = True,
        check: Check | None = None,
    ) -> ArtifactRecord:
        """Store a file, bytes or a binary stream under a path.

        Args:
            root: the artifact root.
            path: the artifact path.
            source: the path of a file, the bytes, or the stream.
            replace: whether to replace a file that exists under the path. If False, only one of several callers that
                store a file under the same path succeeds.
            check: is called with the size and the SHA-256 of the bytes. If it raises, nothing is stored.

        Raises:
            InvalidValue: the path is not valid, is below a file, or is the path of a folder.
            NotFound: the source file does not exist.
            AlreadyExists: a file exists under the path, and `replace` is False.
        """

    @abstractmethod
    def append(self, root: str, path: str, data: bytes, offset: int | None = None) -> ArtifactRecord:
        """Append bytes to a growing file, for example a log. Create the file if it does not exist.

        A repeated call appends the bytes again, unless `offset` is given.
        When the call returns, every reader sees the bytes.
        If a call raises or its process is killed, readers never see its bytes. The next append overwrites them,
        because it starts at the size recorded in the index.
        After an append, the record of the file has no `sha256` until `put` stores the file again.

        Args:
            root: the artifact root.
            path: the artifact path.
            data: the bytes.
            offset: the size that the file must have; 0 if it does not exist. None accepts every size.

        Raises:
            InvalidValue: as for `put`, or the data is not bytes.
            InvalidState: the file has another size than `offset`.
        """

    @abstractmethod
    def get(self, root: str, path: str, start: int = 0) -> Iterator[bytes]:
        """Return the bytes of a file in pieces, from the offset `start` to the end of the file.

        If the file is shorter than `start`, no pieces are returned.
        If the file grows after the call, its new bytes are not returned.

        Raises:
            NotFound: the file does not exist.
            InvalidValue: the offset is negative.
        """

    @abstractmethod
    def list(self, root: str, folder: str = "", recursive: bool = False) -> list[ArtifactRecord]:
        """Return the files and folders directly in a folder, sorted by path; with `recursive`, all files below it.

        The list is empty if the folder does not exist, or is a file.
        With the root `""`, `folder` is relative to the folder `artifacts`. The method then lists the folders directly
        in `folder`: artifact roots that contain files, and folders above such roots. `recursive` is not supported in
        this case.
        """

    @abstractmethod
    def stat(self, root: str, path: str) -> ArtifactRecord | None:
        """Return the record of the file or folder at a path, or None."""

    @abstractmethod
    def delete(self, root: str, path: str = "") -> None:
        """Remove a file, or everything below a folder. The path `""` is the root.

        If the path does not exist, nothing happens.
        """

    def download(self, root: str, path: str, target: Path) -> None:
        """Copy an artifact to the file `target`, completely or not at all. Create the folders above `target`.

        If a device or a pipe exists at `target`, the bytes are written to it, and it is not replaced.

        Raises:
            NotFound: the artifact does not exist.
            InvalidValue: the target is a folder or below a file, or its path is not valid, for example too long.
            NotAllowed: this process may not write the target.
            StoreUnavailable: the target cannot be written for another reason, for example a full disk.
        """
        pieces = self.get(root, path)
        with Writing(target):
            _write(pieces, target)


def stream_of(pieces: Iterator[bytes]) -> BinaryIO:
    """Return a stream that `put` can read, from the pieces that `get` returned."""
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
