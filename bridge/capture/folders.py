"""Stores the files of a folder as artifacts of a run. Log files are stored piece by piece while they grow."""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from bridge.errors import AlreadyExists, BridgeError, InvalidState
from bridge.journal.system import is_of_handler
from bridge.records.artifact import ArtifactRecord
from bridge.store.kept_ends import AWAY
from bridge.store.walk import Entry, walk

NOT_OUTPUT = "azureml.log"
"""Files whose names have this ending are not stored as outputs. They are debug logs of the Azure ML SDK."""
PIECE_BYTES = 1 << 20
TAIL_BYTES = 64
"""The number of bytes that show whether a log file has grown or was replaced.

The last bytes of the stored part are compared with the bytes at the same offset in the file. If these bytes are equal,
the file has grown. If they differ, the file was replaced.
"""


class CapturedFiles(Protocol):
    """The methods of an artifact store that a capture uses."""

    def put(self, root: str, path: str, source: BinaryIO, replace: bool = True) -> ArtifactRecord: ...

    def append(self, root: str, path: str, data: bytes, offset: int | None = None) -> object: ...

    def stat(self, root: str, path: str) -> ArtifactRecord | None: ...


class Destination(Protocol):
    """The run in which the files are stored.

    Attributes:
        artifacts: the artifact store.
        is_away: whether files wait on this computer, because the server does not answer at the end of the run.
        tries_again: returns whether a file that was not stored because of an error is stored later.
        root: the artifact root of the run. Reading this attribute raises NotAllowed if the artifacts of the run are
            stored outside of the workspace.
        workspace_folder: the workspace's folder, which is not captured; None for a workspace on a server.
        warn: is called with a sentence about each file that could not be stored.
    """

    @property
    def artifacts(self) -> CapturedFiles: ...

    @property
    def is_away(self) -> bool: ...

    def tries_again(self, error: Exception) -> bool: ...

    @property
    def root(self) -> str: ...

    @property
    def workspace_folder(self) -> Path | None: ...

    def warn(self, *sentences: str) -> None: ...


class Folder(ABC):
    """A folder whose files are stored as artifacts of a run."""

    def __init__(self, run: Destination, prefix: str, path: Path) -> None:
        self._run, self._prefix, self.path = run, prefix, path
        self._troubles: dict[str, str] = {}

    def sweep(self) -> int:
        """Store the files that have changed since the last call, and return their number."""
        return sum(self._try(file) for file in self._files())

    @abstractmethod
    def _files(self) -> Iterator[Path]:
        """Return the files that `_take` must check for changes."""

    @abstractmethod
    def _take(self, file: Path, path: str) -> bool:
        """Store a file if it has changed; return whether it was stored."""

    def _try(self, file: Path) -> bool:
        path = f"{self._prefix}/{file.relative_to(self.path).as_posix()}"
        try:
            return self._take(file, path)
        except (BridgeError, OSError) as error:
            if is_of_handler(error):
                raise
            if not self._run.tries_again(error):
                self._miss(str(file), said(error))
            return False

    def _miss(self, file: str, reason: str) -> None:
        if self._troubles.get(file) != reason:
            self._troubles[file] = reason
            self._run.warn(f"The file {file} was not stored: {reason}")

    def _miss_folder(self, path: str, error: OSError) -> None:
        self._miss(str(self.path / path), said(error))

    def _below(self, hidden: bool) -> list[Path]:
        """Return all files below the folder, except those of the workspace. Links are followed.

        Args:
            hidden: include files and folders whose names start with a dot.
        """
        workspace = self._run.workspace_folder and os.path.realpath(self._run.workspace_folder)

        def is_shown(entry: Entry) -> bool:
            return hidden or not entry.name.startswith(".")

        def enters(path: str, entry: Entry) -> bool:
            return is_shown(entry) and os.path.realpath(entry.path) != workspace

        found = walk(self.path, self._miss_folder, follows_links=True, enters=enters)
        return sorted(Path(entry.path) for _, entry in found if is_shown(entry))


class OutputFolder(Folder):
    """A folder whose files are stored as a whole. A file is stored again if its size or time has changed."""

    def __init__(self, run: Destination, prefix: str, path: Path) -> None:
        super().__init__(run, prefix, path)
        self._taken: dict[str, tuple[int, ...]] = {}

    def _files(self) -> Iterator[Path]:
        return (file for file in self._below(hidden=True) if not file.name.endswith(NOT_OUTPUT))

    def _take(self, file: Path, path: str) -> bool:
        facts = _check_regular(file)
        state = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
        if self._taken.get(path) == state:
            return False
        with file.open("rb") as stream:
            self._run.artifacts.put(self._run.root, path, _until(stream, os.fstat(stream.fileno()).st_size))
        self._taken[path] = state
        return True


class _Log:
    """Facts about the stored part of a log file.

    Attributes:
        inode: the inode number of the file.
        size_bytes: the size of the stored part.
        time: the time of the last change of the file when it was stored, in nanoseconds.
        tail: the last bytes of the stored part.
    """

    __slots__ = ("inode", "size_bytes", "tail", "time")

    def __init__(self, inode: int, size_bytes: int, time: int, tail: bytes) -> None:
        self.inode, self.size_bytes, self.time, self.tail = inode, size_bytes, time, tail


class LogFolder(Folder):
    """A folder whose files grow. New bytes of a file are appended to the artifact. A replaced file is stored again.

    Args:
        run: the run.
        prefix: the prefix of the artifact paths.
        path: the folder.
        skipped: the artifact paths of files that are not stored.
    """

    def __init__(self, run: Destination, prefix: str, path: Path, skipped: AbstractSet[str]) -> None:
        super().__init__(run, prefix, path)
        self._taken: dict[str, _Log] = {}
        self._skipped = skipped

    def _files(self) -> Iterator[Path]:
        return iter(self._below(hidden=False))

    def _take(self, file: Path, path: str) -> bool:
        if path in self._skipped:
            return False
        try:
            facts = _check_regular(file)
        except FileNotFoundError as error:  # the program has renamed the file, for example to start a new log
            if is_of_handler(error):
                raise
            return False
        log = self._taken.get(path)
        if log is not None and log.inode == facts.st_ino:
            if (log.size_bytes, log.time) == (facts.st_size, facts.st_mtime_ns):
                return False
            if facts.st_size > log.size_bytes and not self._run.is_away and self._append(file, path, log):
                return True
        self._put(file, path)
        return True

    def _put(self, file: Path, path: str) -> None:
        try:
            self._taken[path] = self._copied(file, path, replace=path in self._taken)
        except AlreadyExists:  # an earlier process of the run stored it, or a forked child at the same time
            self._taken[path] = self._copied(file, path, replace=True)

    def _copied(self, file: Path, path: str, replace: bool) -> _Log:
        with file.open("rb") as stream:
            facts = os.fstat(stream.fileno())
            stored = self._run.artifacts.put(self._run.root, path, _until(stream, facts.st_size), replace)
            size_bytes = stored.size_bytes or 0
            return _Log(facts.st_ino, size_bytes, facts.st_mtime_ns, _tail(stream.fileno(), size_bytes))

    def _append(self, file: Path, path: str, log: _Log) -> bool:
        """Append the new bytes of a log; return False if the file or the artifact was replaced."""
        artifacts, root = self._run.artifacts, self._run.root
        with file.open("rb") as stream:
            facts = os.fstat(stream.fileno())
            if facts.st_ino != log.inode or _tail(stream.fileno(), log.size_bytes) != log.tail:
                return False
            try:
                listed = artifacts.stat(root, path)
            except AWAY:
                if self._run.is_away:
                    return False  # the whole file waits for the server
                raise
            if listed is None or listed.size_bytes != log.size_bytes:  # the artifact was replaced
                return False
            stream.seek(log.size_bytes)
            for piece in _pieces(stream, facts.st_size - log.size_bytes):
                try:
                    artifacts.append(root, path, piece, log.size_bytes)
                except InvalidState:  # another process has appended at the same time, for example a forked child
                    return False
                log.size_bytes += len(piece)
                log.tail = (log.tail + piece)[-TAIL_BYTES:]
            log.time = facts.st_mtime_ns
        return True


def _check_regular(file: Path) -> os.stat_result:
    """Return the `os.stat_result` of a regular file. A link is followed.

    Raises:
        OSError: the path is not that of a regular file.
    """
    facts = file.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(None, "it is not a regular file", str(file))
    return facts


class _Beginning:
    """A stream that ends after a number of bytes, so that reading a file ends even if the file grows all the time.

    The stream can be rewound to its start.
    """

    def __init__(self, stream: BinaryIO, size_bytes: int) -> None:
        self._stream, self._start, self._size, self._left = stream, stream.tell(), size_bytes, size_bytes

    def read(self, size: int) -> bytes:
        piece = self._stream.read(min(size, self._left))
        self._left -= len(piece)
        return piece

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size - self._left

    def seek(self, offset: int) -> int:
        self._stream.seek(self._start + offset)
        self._left = self._size - offset
        return offset


def _until(stream: BinaryIO, size_bytes: int) -> BinaryIO:
    return cast(BinaryIO, _Beginning(stream, size_bytes))


def _pieces(stream: BinaryIO, size_bytes: int) -> Iterator[bytes]:
    """Yield the next `size_bytes` bytes of a stream in pieces. Yield fewer bytes if the stream ends before."""
    while piece := stream.read(min(PIECE_BYTES, size_bytes)):
        size_bytes -= len(piece)
        yield piece


def _tail(fd: int, end: int) -> bytes:
    start = max(0, end - TAIL_BYTES)
    return os.pread(fd, end - start, start)


def said(error: BridgeError | OSError) -> str:
    """Return the message of an error as the end of a sentence."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text[:1].lower() + text[1:].rstrip(".") + "."
