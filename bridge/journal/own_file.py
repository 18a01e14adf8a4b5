"""Open files that a forked child of this process closes."""

from __future__ import annotations

import io
import weakref
from typing import Any

from bridge.forking import Step, on_fork
from bridge.journal.locks import OwnedLock

OPENING_SECONDS = 1.0
"""How long a fork waits for calls that are opening a file, for example on a server that does not answer."""


class OwnFile(io.FileIO):
    """A file that a forked child closes, because a lock on it would stay taken as long as the child lives.

    The object is created before the file is opened, and a fork waits for calls that are opening a file. A fork at any
    moment therefore finds the object of every open file.
    """

    def __init__(self) -> None:
        _files.add(self)

    def open(self, path: str, mode: str, opener: Any) -> None:
        """Open the file; see `io.FileIO`."""
        with opening():
            try:
                super().__init__(path, mode, opener=opener)
            except BaseException:  # as `opening` explains
                raise


_files: weakref.WeakSet[OwnFile] = weakref.WeakSet()
_opening = OwnedLock()
_is_held = False  # whether the fork holds the lock


def opening() -> OwnedLock:
    """Return the lock that must be held while an `OwnFile` is opened.

    While the system opens a file, other threads run. A child of a fork at that moment would have an open file that no
    object knows. It would keep a lock that the parent takes on the file.

    If a block ends with an exception, Python 3.10 runs a waiting signal handler before it releases the lock. If this
    handler raises an exception, the lock is never released. So a block must catch exceptions of the system within: a
    handler that waits then runs within the block.
    """
    return _opening


def _hold() -> None:
    global _is_held
    if not _is_held:
        _is_held = _opening.acquire(timeout=OPENING_SECONDS)


def _let_go() -> None:
    global _is_held
    if _is_held:
        _is_held = False
        _opening.release()


def _renew() -> None:
    """Make a new lock in a child: another thread of the parent may have held the old one."""
    global _opening, _is_held
    _opening, _is_held = OwnedLock(), False


def _close_all() -> None:
    for file in list(_files):
        file.close()


on_fork(Step.FILES, before=_hold, in_parent=_let_go, in_child=_renew)
on_fork(Step.FILES, in_child=_close_all)
