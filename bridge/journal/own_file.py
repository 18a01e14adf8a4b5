"""Open files that a forked child of this process closes."""

from __future__ import annotations

import io
import weakref
from typing import Any

from bridge.forking import Step, on_fork


class OwnFile(io.FileIO):
    """A file that a forked child closes, because a lock on it would stay taken as long as the child lives.

    The object is created before the file is opened. A fork at any moment therefore finds the object of every open file.
    """

    def __init__(self) -> None:
        _files.add(self)

    def open(self, path: str, mode: str, opener: Any) -> None:
        """Open the file; see `io.FileIO`."""
        super().__init__(path, mode, opener=opener)


_files: weakref.WeakSet[OwnFile] = weakref.WeakSet()


def _close_all() -> None:
    for file in list(_files):
        file.close()


on_fork(Step.FILES, in_child=_close_all)
