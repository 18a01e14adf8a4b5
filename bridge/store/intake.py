"""The points that a server takes: they are folded soon, and refused while no more can be stored."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from bridge.errors import StoreUnavailable, TooManyRequests

if TYPE_CHECKING:
    from bridge.journal.writer import JournalWriter
    from bridge.store.fold import Folding

READ_SECONDS = 0.1
"""Reads look for points of other processes at most this often."""

SWEEP_SECONDS = 1.0
"""Without reads, the server looks for points of other processes this often."""

BEHIND_BYTES = 4 << 20
"""If more bytes of points are not folded yet, reads do not wait for them."""

MOST_BYTES = 256 << 20
"""The greatest number of bytes of points that are not folded yet."""

SPACE_SECONDS = 0.1
"""How long the answer counts whether the disk has space. A disk that is full in between makes the write fail."""

FREE_BYTES = 8 << 20
"""The space that the disk must have left, so that the database can grow while points are folded."""

Position = tuple[str, int]


class Intake:
    """The points of a workspace that a server serves: which of them are not folded, and whether more can be taken.

    A log call of the store then raises an error if the point cannot be written. It is not buffered in memory, because
    the server would acknowledge a point that is lost if the server is killed. And reads fold only if this process has
    logged points since the last fold, or at most every `READ_SECONDS`. If many points wait, reads return what is
    stored, because a fold would take long.

    Attributes:
        backlog_bytes: the number of bytes of points that were not folded after the last fold.

    Args:
        writer: the writer of this process's journal.
        folding: folds the journals.
    """

    def __init__(self, writer: JournalWriter, folding: Folding) -> None:
        self._writer, self._folding = writer, folding
        self._folded: Position = ("", 0)
        self._folded_at = 0.0
        self.backlog_bytes = 0
        self._space_until = 0.0
        folding.intake = self
        writer.unwritten.is_strict = True

    def must_fold(self) -> bool:
        """Return whether a read must fold."""
        if self.backlog_bytes > BEHIND_BYTES:
            return False
        return self._has_new or time.monotonic() > self._folded_at + READ_SECONDS

    @property
    def _has_new(self) -> bool:
        """Whether this process has logged points that are not folded."""
        position = self._writer.position
        return position[1] > 0 and position != self._folded

    def is_due(self) -> bool:
        """Return whether the server must call `fold`."""
        return self._has_new or self.backlog_bytes > 0 or time.monotonic() > self._folded_at + SWEEP_SECONDS

    def fold(self) -> None:
        """Fold for about half a second at most, and count what is left.

        Raises:
            StoreUnavailable: the points cannot be folded at the moment.
        """
        try:
            self._folding.fold_for(self, wait=False)
        finally:
            self.backlog_bytes = self._folding.backlog_bytes()

    def position(self) -> tuple[Position, float]:
        """Return how far this process has logged, and the time. Call it before a fold, and `folded` after it."""
        return self._writer.position, time.monotonic()

    def folded(self, before: tuple[Position, float]) -> None:
        """Remember that a fold has stored everything that was logged before it."""
        self._folded, self._folded_at = before

    def check_space(self) -> None:
        """Check that the disk has space for more.

        Raises:
            StoreUnavailable: it has not.
        """
        now = time.monotonic()
        if now < self._space_until:
            return
        try:
            state = os.statvfs(self._writer.folder.parent)
        except OSError as error:
            raise StoreUnavailable(str(self._writer.folder.parent), error.strerror or str(error)) from error
        if state.f_bavail * state.f_frsize < FREE_BYTES:
            raise StoreUnavailable(str(self._writer.folder.parent), "the disk is full; remove files from it")
        self._space_until = now + SPACE_SECONDS

    def check_backlog(self) -> None:
        """Check that points are folded about as fast as they arrive.

        Raises:
            TooManyRequests: too many of them wait.
        """
        if self.backlog_bytes > MOST_BYTES:
            reason = f"{self.backlog_bytes >> 20} MB of points are not in the database yet; send fewer points at a time"
            raise TooManyRequests(str(self._writer.folder.parent), reason)
