"""Folders whose files become artifacts of a run: outputs, taken whole, and logs, taken as they grow."""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from bridge.errors import BridgeError
from bridge.store.artifacts import ArtifactStore
from bridge.store.walk import Entry, walk

NOT_OUTPUT = "azureml.log"
"""How the names of files end that are no output: the debug logs of Azure ML's own SDK."""
PIECE_BYTES = 1 << 20
TAIL_BYTES = 64
"""By how much a file is known to be the one that it was."""


class Place(Protocol):
    """Where files go, and who is told of those that cannot.

    `root` may raise where the run keeps no files; `address` is the workspace's folder, which is never taken.
    """

    @property
    def artifacts(self) -> ArtifactStore: ...

    @property
    def root(self) -> str: ...

    @property
    def address(self) -> str: ...

    def warn(self, *sentences: str) -> None: ...


class Folder(ABC):
    """A folder whose files become artifacts of a run."""

    def __init__(self, place: Place, prefix: str, path: Path) -> None:
        self._place, self._prefix, self.path = place, prefix, path
        self._troubles: dict[str, str] = {}

    def sweep(self) -> int:
        """Take what has changed since the last time; returns how many files that were."""
        return sum(self._try(file) for file in self._files())

    @abstractmethod
    def _files(self) -> Iterator[Path]:
        """The files to look at."""

    @abstractmethod
    def _take(self, file: Path, path: str) -> bool:
        """Whether a file had changed, and is taken."""

    def _try(self, file: Path) -> bool:
        path = f"{self._prefix}/{file.relative_to(self.path).as_posix()}"
        try:
            return self._take(file, path)
        except (BridgeError, OSError) as error:
            self._miss(str(file), said(error))
            return False

    def _miss(self, file: str, reason: str) -> None:
        if self._troubles.get(file) != reason:
            self._troubles[file] = reason
            self._place.warn(f"The file {file} was not kept: {reason}")

    def _miss_folder(self, path: str, error: OSError) -> None:
        self._miss(str(self.path / path), said(error))

    def _below(self, hidden: bool) -> list[Path]:
        """All files below the folder, also behind links, but those of the workspace itself."""
        workspace = os.path.realpath(self._place.address)

        def is_shown(entry: Entry) -> bool:
            return hidden or not entry.name.startswith(".")

        def enters(path: str, entry: Entry) -> bool:
            return is_shown(entry) and os.path.realpath(entry.path) != workspace

        found = walk(self.path, self._miss_folder, follows_links=True, enters=enters)
        return sorted(Path(entry.path) for _, entry in found if is_shown(entry))


class OutputFolder(Folder):
    """A folder whose files are uploaded, and again when their size or time has changed."""

    def __init__(self, place: Place, prefix: str, path: Path) -> None:
        super().__init__(place, prefix, path)
        self._taken: dict[str, tuple[int, ...]] = {}

    def _files(self) -> Iterator[Path]:
        return (file for file in self._below(hidden=True) if not file.name.endswith(NOT_OUTPUT))

    def _take(self, file: Path, path: str) -> bool:
        facts = _check_regular(file)
        state = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
        if self._taken.get(path) == state:
            return False
        with file.open("rb") as stream:
            self._place.artifacts.put(self._place.root, path, _until(stream, os.fstat(stream.fileno()).st_size))
        self._taken[path] = state
        return True


class _Log:
    """How far a log is taken: `time` is that of its last change, `tail` what it ends with there."""

    __slots__ = ("inode", "size_bytes", "tail", "time")

    def __init__(self, inode: int, size_bytes: int, time: int, tail: bytes) -> None:
        self.inode, self.size_bytes, self.time, self.tail = inode, size_bytes, time, tail


class LogFolder(Folder):
    """A folder whose files grow: what was added is added to the artifact, and a file that was replaced is put anew."""

    def __init__(self, place: Place, prefix: str, path: Path, passed_over: AbstractSet[str]) -> None:
        super().__init__(place, prefix, path)
        self._taken: dict[str, _Log] = {}
        self._passed_over = passed_over

    def _files(self) -> Iterator[Path]:
        return iter(self._below(hidden=False))

    def _take(self, file: Path, path: str) -> bool:
        if path in self._passed_over:
            return False
        try:
            facts = _check_regular(file)
        except FileNotFoundError:  # it was moved away, as logs are
            return False
        log = self._taken.get(path)
        if log is not None and log.inode == facts.st_ino:
            if (log.size_bytes, log.time) == (facts.st_size, facts.st_mtime_ns):
                return False
            if facts.st_size > log.size_bytes and self._append(file, path, log):
                return True
        self._put(file, path)
        return True

    def _put(self, file: Path, path: str) -> None:
        artifacts, root = self._place.artifacts, self._place.root
        with file.open("rb") as stream:
            facts = os.fstat(stream.fileno())
            size_bytes = artifacts.put(root, path, _until(stream, facts.st_size)).size_bytes or 0
            self._taken[path] = _Log(facts.st_ino, size_bytes, facts.st_mtime_ns, _tail(stream.fileno(), size_bytes))

    def _append(self, file: Path, path: str, log: _Log) -> bool:
        """Whether the file is the one that was taken, grown: then the rest is taken too."""
        artifacts, root = self._place.artifacts, self._place.root
        with file.open("rb") as stream:
            facts = os.fstat(stream.fileno())
            if facts.st_ino != log.inode or _tail(stream.fileno(), log.size_bytes) != log.tail:
                return False
            listed = artifacts.stat(root, path)
            if listed is None or listed.size_bytes != log.size_bytes:  # somebody replaced the artifact
                return False
            stream.seek(log.size_bytes)
            while log.size_bytes < facts.st_size:
                piece = stream.read(min(PIECE_BYTES, facts.st_size - log.size_bytes))
                if not piece:
                    break
                artifacts.append(root, path, piece)
                log.size_bytes += len(piece)
                log.tail = (log.tail + piece)[-TAIL_BYTES:]
            log.time = facts.st_mtime_ns
        return True


def _check_regular(file: Path) -> os.stat_result:
    """What the file system knows of a file behind its links."""
    facts = file.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(None, "it is no regular file", str(file))
    return facts


class _Beginning:
    """The first bytes of a stream: a file that somebody writes to without pause has an end too."""

    def __init__(self, stream: BinaryIO, size_bytes: int) -> None:
        self._stream, self._left = stream, size_bytes

    def read(self, size: int) -> bytes:
        piece = self._stream.read(min(size, self._left))
        self._left -= len(piece)
        return piece


def _until(stream: BinaryIO, size_bytes: int) -> BinaryIO:
    return cast(BinaryIO, _Beginning(stream, size_bytes))


def _tail(fd: int, end: int) -> bytes:
    start = max(0, end - TAIL_BYTES)
    return os.pread(fd, end - start, start)


def said(error: BridgeError | OSError) -> str:
    """An error as the end of a sentence."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text[:1].lower() + text[1:].rstrip(".") + "."
