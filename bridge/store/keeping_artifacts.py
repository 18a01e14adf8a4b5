"""Stores the captured files of a run on a server. At the end of the run, they wait if the server does not answer."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from bridge.errors import BridgeError
from bridge.records.artifact import ArtifactRecord
from bridge.store.http.patience import patience
from bridge.store.kept_ends import AWAY
from bridge.store.kept_files import append_once

if TYPE_CHECKING:
    from bridge.store.http.artifacts import HttpArtifacts
    from bridge.store.remote import RemoteStore

logger = logging.getLogger("bridge")


class KeepingArtifacts:
    """The captured files of one session of a run on a server.

    After `begin_ending`, the first request that the server does not answer makes this file and all later ones wait on
    this computer. They are delivered before the end of the run.
    Threads may use an object at the same time for different paths.

    Args:
        tracking: the tracking store of the workspace.
        artifacts: the files of the workspace.

    Attributes:
        is_away: whether files wait instead of being sent.
    """

    def __init__(self, tracking: RemoteStore, artifacts: HttpArtifacts) -> None:
        self._tracking, self._artifacts = tracking, artifacts
        self._is_ending = self.is_away = False
        self._tried: dict[str, tuple[int, bytes]] = {}

    def begin_ending(self, is_away: bool = False) -> None:
        """Let files wait if the server does not answer, until this object is dropped.

        Args:
            is_away: the server has just not answered, so no file is sent.
        """
        self._is_ending = True
        # A file that is sent now must not be replaced by an older one that waits.
        self.is_away = is_away or self._tracking.has_kept_files

    def tries_again(self, error: Exception) -> bool:
        """Return whether a file that was not stored because of an error is stored later without a warning."""
        return not self._is_ending and isinstance(error, AWAY)

    def put(self, root: str, path: str, source: BinaryIO, replace: bool = True) -> ArtifactRecord:
        """Store a file, as `ArtifactStore.put` does, or let it wait.

        Args:
            root: the artifact root.
            path: the artifact path.
            source: the file, a stream that can be rewound.
            replace: whether an existing file is replaced. A file that waits replaces an existing one.

        Raises:
            AlreadyExists: the file exists, and `replace` is False.
        """
        start = source.tell()
        if not self.is_away:
            try:
                with self._patience():
                    return self._artifacts.put(root, path, source, replace)
            except AWAY as error:
                self._go_away(error)
        source.seek(start)
        return ArtifactRecord(path, size_bytes=self._tracking.keep_file(root, path, source))

    def append(self, root: str, path: str, data: bytes, offset: int | None = None) -> None:
        """Append bytes to a log, or let them wait.

        If this raises, the next call with the same bytes does not append them twice.

        Args:
            root: the artifact root.
            path: the artifact path.
            data: the bytes.
            offset: the size that the log must have; None accepts every size.

        Raises:
            InvalidState: the log has another size than `offset`.
        """
        if not self.is_away:
            trying = partial(self._try, path, data)
            try:
                with self._patience():
                    if offset is None:
                        append_once(self._artifacts, root, path, data, self._offset(path, data), trying)
                    else:
                        trying(offset)
                        self._artifacts.append(root, path, data, offset)
            except AWAY as error:
                self._go_away(error)
        if self.is_away:
            self._tracking.keep_piece(root, path, data, self._offset(path, data))
        self._tried.pop(path, None)

    def _try(self, path: str, data: bytes, offset: int) -> None:
        self._tried[path] = (offset, data)

    def _offset(self, path: str, data: bytes) -> int | None:
        """Return the offset at which an earlier call may have appended the same bytes."""
        offset, tried = self._tried.get(path, (None, b""))
        return offset if tried == data else None

    def stat(self, root: str, path: str) -> ArtifactRecord | None:
        """Return the record of a file, or None."""
        try:
            with self._patience():
                return self._artifacts.stat(root, path)
        except AWAY as error:
            self._go_away(error)
            raise

    def _patience(self) -> AbstractContextManager[None]:
        return patience(self._tracking.end_seconds) if self._is_ending else nullcontext()

    def _go_away(self, error: BridgeError) -> None:
        """Let files wait, if the run ends. Otherwise raise the error, which is being handled."""
        if not self._is_ending:
            raise error
        logger.warning("%s Captured files are stored when the server answers again.", error)
        self.is_away = True
