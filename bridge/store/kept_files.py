"""Files of runs that a server does not have yet. They wait in the folder of journals on this computer."""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from bridge.errors import (
    InvalidState,
    InvalidValue,
    NotAllowed,
    NotFound,
    QuotaExceeded,
    StoreUnavailable,
)
from bridge.journal.file_lock import FileLock
from bridge.journal.system import is_of_handler
from bridge.store.artifact_source import PIECE_BYTES
from bridge.store.kept_json import write_json

if TYPE_CHECKING:
    from bridge.store.http.artifacts import HttpArtifacts
    from bridge.store.http.backend import HttpBackend

logger = logging.getLogger("bridge")

SUFFIX, CONTENT_SUFFIX, LOCK_SUFFIX, JOURNAL_SUFFIX = ".kept", ".file", ".files.lock", ".log"
"""The endings of the names of a description, its content, the lock of a delivery, and a journal."""

FREE_BYTES = 64 << 20
"""A file does not wait if this would leave less space than this on the disk."""

REST_SECONDS = 24 * 3_600.0
"""The age after which a content without a description is removed. Until then, a process may still be writing it."""

MOST_CONFLICTS = 1_000
"""How often a piece of a log is sent again because another process has appended at the same time."""

PUT, APPEND = "put", "append"


class KeptFiles:
    """The files of runs that wait for a server.

    A file consists of its content and a description, which is written last. Both names have the id of the journal of
    the process that has stored the file, and a number. The files of a process are delivered in the order of the
    numbers, after the points in its journal and before the ends of its runs.

    Args:
        folder: the folder of the journals.
        server: the server.
        fsync: wait until what waits is on the disk.
    """

    def __init__(self, folder: Path, server: HttpBackend, fsync: bool = False) -> None:
        self._folder, self._server, self._fsync = folder, server, fsync
        self._refused: set[str] = set()
        self._last = 0
        self.begin()

    def begin(self) -> None:
        """Create the lock of this process."""
        self._lock = threading.RLock()  # it is reentrant, because a signal handler may end a run

    # Keeping

    def keep_put(self, journal_id: str, root: str, path: str, source: BinaryIO) -> int:
        """Copy a file, which is stored on the server later. Return its size in bytes.

        Raises:
            StoreUnavailable: the file cannot be written, or the copy would leave too little space on the disk.
        """
        pieces = iter(lambda: source.read(PIECE_BYTES), b"")
        return self._keep(journal_id, pieces, {"root": root, "path": path, "action": PUT})

    def keep_append(self, journal_id: str, root: str, path: str, data: bytes, tried: int | None) -> None:
        """Write bytes to a file, which are appended to a log on the server later.

        Args:
            journal_id: the journal of this process.
            root: the artifact root.
            path: the artifact path of the log.
            data: the bytes.
            tried: the offset at which the server may have stored the bytes already; None if they were not sent.

        Raises:
            StoreUnavailable: as for `keep_put`.
        """
        self._keep(journal_id, (data,), {"root": root, "path": path, "action": APPEND, "offset": tried})

    def _keep(self, journal_id: str, pieces: Iterable[bytes], entry: dict[str, Any]) -> int:
        self._last = max(self._last + 1, time.time_ns())
        description = self._folder / f"{journal_id}.{self._last:020d}{SUFFIX}"
        content = description.with_suffix(CONTENT_SUFFIX)
        try:
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                size_bytes = self._copy(pieces, content)
                write_json(description, entry, self._fsync)
            except BaseException:
                content.unlink(missing_ok=True)
                raise
        except OSError as error:
            if is_of_handler(error):
                raise
            raise self._unavailable(error) from error
        return size_bytes

    def _copy(self, pieces: Iterable[bytes], content: Path) -> int:
        size_bytes = 0
        with open(os.open(content, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for piece in pieces:
                if shutil.disk_usage(self._folder).free < len(piece) + FREE_BYTES:
                    reason = "the server is away, and the disk has too little space for a copy of the file"
                    raise StoreUnavailable(str(self._folder), reason)
                size_bytes += file.write(piece)
            if self._fsync:
                file.flush()
                os.fsync(file.fileno())
        return size_bytes

    # Delivery

    def wait_for(self, journal_id: str) -> bool:
        """Return whether files wait that the process with a journal may send."""
        return self.count(journal_id) > 0

    def count(self, journal_id: str) -> int:
        """Return the number of files that wait and that the process with a journal may send."""
        return sum(1 for _ in self._descriptions(journal_id, ()))

    def deliver(self, journal_id: str, ended: Collection[str] = ()) -> None:
        """Send the files of the process with a journal, and of processes that have ended.

        A file that the server refuses is dropped, for example because the run was deleted. If only the token of this
        process or a quota does not allow it, the file waits for a later process.

        Args:
            journal_id: the journal of this process. Its points must be on the server.
            ended: the journals of processes that have ended. Processes without a journal have ended, too.

        Raises:
            BridgeError: a file cannot be sent now. It and the files after it still wait.
        """
        try:
            with self._lock:
                for of, files in groupby(list(self._descriptions(journal_id, ended)), _journal_of):
                    self._deliver_of(of, files)
            self._remove_rests(journal_id, ended)
        except OSError as error:
            if is_of_handler(error):
                raise
            raise self._unavailable(error) from error

    def _unavailable(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(str(self._folder), (error.strerror or str(error)).lower())

    def _deliver_of(self, journal_id: str, descriptions: Iterable[Path]) -> None:
        """Send the files of one process in order, unless another process does so."""
        lock = self._folder / f"{journal_id}{LOCK_SUFFIX}"
        with FileLock(lock, 0o600, wait=False) as is_mine:
            if not is_mine:
                raise StoreUnavailable(str(self._folder), "another process delivers its files at the moment")
            try:
                for description in descriptions:
                    self._deliver(description)
            finally:
                lock.unlink(missing_ok=True)

    def _deliver(self, description: Path) -> None:
        content = description.with_suffix(CONTENT_SUFFIX)
        try:
            is_done = self._is_done(description, content)
        except FileNotFoundError as error:  # another process has sent it
            if is_of_handler(error):
                raise
            is_done = True
        if is_done:
            description.unlink(missing_ok=True)
            content.unlink(missing_ok=True)

    def _is_done(self, description: Path, content: Path) -> bool:
        """Send a file. Return whether it does not need to wait any more."""
        try:
            self._send(description, content)
        except (NotAllowed, QuotaExceeded) as error:
            self._refused.add(description.name)  # another token, such as that of its process, may send it
            logger.warning("A file in %s is not sent: %s", description, error)
            return False
        except (NotFound, InvalidState, InvalidValue, ValueError, KeyError, TypeError) as error:
            if isinstance(error, NotFound) and error.kind not in ("run", "file"):
                raise
            logger.warning("A file in %s is dropped: %s", description.name, error)
        return True

    def _send(self, description: Path, content: Path) -> None:
        from bridge.store.http.artifacts import HttpArtifacts

        entry = json.loads(description.read_text(encoding="utf-8"))
        artifacts, root, path = HttpArtifacts(self._server.connection), entry["root"], entry["path"]
        if entry["action"] == PUT:
            artifacts.put(root, path, content)  # a path has a known size, so that a quota refuses it before it is sent
            return

        def sending(offset: int) -> None:
            write_json(description, {**entry, "offset": offset}, self._fsync)

        append_once(artifacts, root, path, content.read_bytes(), entry["offset"], sending)

    def _descriptions(self, journal_id: str, ended: Collection[str]) -> Iterator[Path]:
        """Return the descriptions of files that may be sent, in order."""
        for file in self._with_ending(SUFFIX, journal_id, ended):
            if file.name not in self._refused:
                yield file

    def _with_ending(self, ending: str, journal_id: str, ended: Collection[str]) -> Iterator[Path]:
        for file in sorted(self._folder.glob(f"*{ending}")):
            of = _journal_of(file)
            if of == journal_id or of in ended or not (self._folder / (of + JOURNAL_SUFFIX)).exists():
                yield file

    def _remove_rests(self, journal_id: str, ended: Collection[str]) -> None:
        """Remove the contents that processes have left which were killed while they kept a file."""
        for content in self._with_ending(CONTENT_SUFFIX, "", ended):
            if content.name.startswith(f"{journal_id}.") or content.with_suffix(SUFFIX).exists():
                continue
            with suppress(FileNotFoundError):  # another process has removed it
                if time.time() - content.stat().st_mtime > REST_SECONDS:
                    content.unlink()


def _journal_of(file: Path) -> str:
    return file.name.rsplit(".", 2)[0]


def append_once(
    artifacts: HttpArtifacts,
    root: str,
    path: str,
    data: bytes,
    tried: int | None,
    sending: Callable[[int], object],
) -> None:
    """Append bytes to a log on a server, unless an earlier attempt, whose answer was lost, has done so.

    Args:
        artifacts: the files on the server.
        root: the artifact root.
        path: the artifact path of the log.
        data: the bytes.
        tried: the offset of the earlier attempt; None if there was none.
        sending: is called with the offset of an attempt before the bytes are sent.
    """
    if tried is not None and artifacts.contains(root, path, data, tried):
        return
    for _ in range(MOST_CONFLICTS):
        offset = artifacts.size_of(root, path)
        sending(offset)
        try:
            artifacts.append(root, path, data, offset)
            return
        except InvalidState:
            if artifacts.size_of(root, path) == offset:  # no other process has appended
                raise
    raise StoreUnavailable(root, f"too many processes append to {path!r} at the same time")
