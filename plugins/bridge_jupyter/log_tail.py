"""The end of the log of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.errors import BridgeError
from bridge.runs.logs import log_paths

if TYPE_CHECKING:
    from bridge.store.run_place import RunPlace

PREFERRED_LOG = "user_logs/std_log.txt"
SHORT, LONG = 4096, 65536
"""The number of bytes at the end of a log that a view shows: while the log is closed, and while it is open."""


class LogTail:
    """The end of the log that a run writes. `read` returns it each time it has grown."""

    def __init__(self, place: RunPlace) -> None:
        self._place = place
        self._seen: tuple[str, int] | None = None
        self.is_open = False

    def forget(self) -> None:
        """Let the next `read` return the end of the log although it has not grown."""
        self._seen = None

    def read(self) -> tuple[str, str, int] | None:
        """Return the path of the log, its last lines and its size in bytes. Return None if nothing was added.

        Bytes that are not UTF-8 are replaced. A line that is cut at its start is omitted.
        """
        try:
            return self._read()
        except BridgeError:  # the run has no files, or its log was removed concurrently
            return None

    def _read(self) -> tuple[str, str, int] | None:
        paths = log_paths(self._place)
        if not paths:
            return None
        path = PREFERRED_LOG if PREFERRED_LOG in paths else max(paths)
        artifacts, root = self._place.stores.artifacts, self._place.root()
        found = artifacts.stat(root, path)
        size = (found.size_bytes if found else 0) or 0
        if (path, size) == self._seen:
            return None
        start = max(0, size - (LONG if self.is_open else SHORT))
        tail = b"".join(artifacts.get(root, path, start))
        self._seen = path, size
        if start and b"\n" in tail:
            tail = tail.partition(b"\n")[2]
        return path, tail.decode("utf-8", "replace"), size
