"""Folds: stores the points of all journals of a folder in a backend.

A turn is the right to fold, which one thread of one process has at a time. A slice is the part of a journal that one
transaction stores. The owner of a run is the process that is responsible for ending it.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import BridgeError, InvalidState, InvalidValue, NotAllowed, StoreUnavailable
from bridge.journal.folder import JournalFolder
from bridge.journal.format import RECORDS_AT, read_boot_time
from bridge.journal.locks import LockTaken, ThreadLock
from bridge.journal.system import CallFailed, is_of_handler
from bridge.store.backend import Backend
from bridge.store.cuts import Cutter, FoldProgress
from bridge.store.finished_journals import FinishedJournals
from bridge.store.journal_readers import JournalReaders
from bridge.store.late_reads import PAUSE_SECONDS, may_be_late
from bridge.store.lease_watch import ClientWatch, LeaseWatch
from bridge.store.packages import has_package
from bridge.store.unfolded import UnfoldedBytes

if TYPE_CHECKING:
    from bridge.store.intake import Intake
    from bridge.store.slices import Slice

logger = logging.getLogger("bridge")

SWEEP_SECONDS = 5.0
"""The time between two checks of all journals. Between them, only journals that have grown are read."""

LOOK_SECONDS = 1.0
"""The shortest time between two checks whether the owners of runs are alive. A read of a status makes this check."""

TURN_SECONDS = 0.5
"""About how long one turn of a fold lasts. Between two turns, other threads and processes may fold."""

TIDY_SECONDS = 0.1
"""About how long the background thread does work that may wait, for example compressing points, in each second."""

GIVE_WAY_SECONDS = 0.001
"""How long a fold pauses after a turn. Without a pause, the same thread would often get the locks again."""

TRIES = 5
"""How often a fold tries to store slices. If another process has stored some of the points, new slices are cut."""


class Folding:
    """Folds the journals of one folder into a backend. Any thread may call its methods.

    Args:
        inner: the backend.
        folder: the folder of journals.
        shared: members of the folder's group may fold too, so they get write access to the lock file.
        read_only: this process has no write access to the workspace, so it folds nothing.
        workspace_id: the workspace whose journals are folded; empty to fold the journals of every workspace.
        is_remote: the backend is a server, and the journals are on the computer of its client.
    """

    def __init__(
        self,
        inner: Backend,
        folder: Path,
        shared: bool,
        read_only: bool,
        workspace_id: str = "",
        is_remote: bool = False,
    ) -> None:
        self._inner, self._read_only, self._is_remote = inner, read_only, is_remote
        self._folder = JournalFolder(folder, shared)
        self._lock = ThreadLock(str(folder))
        self.intake: Intake | None = None  # in a server, it decides when reads fold
        self._begin(workspace_id)

    def _begin(self, workspace_id: str) -> None:
        self._readers = JournalReaders(self._folder, self._inner, workspace_id)
        self._cutter = Cutter(self._readers, str(self._folder.path))
        self._finished = FinishedJournals(self._inner, self._folder, self._readers, self._cutter, self._is_remote)
        watch = ClientWatch if self._is_remote else LeaseWatch
        self._watch = watch(self._inner, self._folder, self._readers)
        self._unfolded = UnfoldedBytes(self._folder, self._readers)
        self._sweep_at = time.monotonic() + SWEEP_SECONDS
        self._look_at = self._late_until = 0.0

    @property
    def unfolded_bytes(self) -> int:
        """The number of bytes of points that the last read did not see, because this process cannot fold."""
        return self._unfolded.total

    @property
    def is_late(self) -> bool:
        """Whether reads that may be late do not return the newest points at the moment."""
        return time.monotonic() <= self._late_until

    def forget(self) -> None:
        """Forget everything in a child after a fork."""
        self._lock = ThreadLock(str(self._folder.path))
        self._begin(self._readers.workspace_id)
        self._folder.close()

    def follow(self, workspace_id: str) -> None:
        """Fold the journals of another workspace in later calls, because it has replaced the former workspace."""
        with self._lock:  # waits for another thread that is folding
            self._begin(workspace_id)
            self._folder.close()

    def close(self) -> None:
        """Forget the journals that were read. A later fold reads them again."""
        with self._lock:
            self._cutter.seen.clear()
            self._readers.forget_all()
            self._folder.close()

    def fold(self, wait: bool = True) -> None:
        """Store every point that was logged before this call.

        A process without write access or without numpy only counts the bytes of these points.

        Args:
            wait: whether to wait if another thread or process folds. If False, the call then returns without a fold.

        Raises:
            StoreUnavailable: the backend cannot be written at the moment. Or another process or thread folds for longer
                than the time limit. Or the caller is a signal handler that has interrupted a fold of this thread.
                It is not raised if reads may be late; see `bridge.store.late_reads`.
        """
        if not may_be_late():
            self._fold(wait)
        elif not self.is_late:
            try:
                self._fold(wait)
            except StoreUnavailable as error:
                self._late_until = time.monotonic() + PAUSE_SECONDS
                logger.warning("The newest points are not stored yet, so reads do not return them. %s", error)

    def fold_for_read(self) -> None:
        """Fold before a read. In a server, reads do not always fold; see `Intake`."""
        if self.intake is None:
            self.fold()
        elif self.intake.must_fold():
            self.fold_for(self.intake, wait=True)

    def fold_for(self, intake: Intake, wait: bool) -> None:
        """Fold, and tell a server's intake if everything was folded. See `fold`."""
        before = intake.position()
        self.fold(wait)
        if not self.is_late and (wait or self._has_folded(*before[0])):
            intake.folded(before)

    def _has_folded(self, journal_id: str, size: int) -> bool:
        return not size or self._cutter.seen.get(journal_id, 0) >= size

    def backlog_bytes(self) -> int:
        """Return about how many bytes of all journals are not folded. The records of leases are counted too."""
        with self._border():
            self._folder.look()
            sizes = self._folder.sizes()
        seen = self._cutter.seen
        left = {journal_id: size for journal_id, size in sizes.items() if seen.get(journal_id) != size}
        receipts = self._inner.get_receipts(list(left)) if left else {}
        return sum(max(0, size - max(receipts.get(id, 0), seen.get(id, 0), RECORDS_AT)) for id, size in left.items())

    def _fold(self, wait: bool) -> None:
        until = read_boot_time()
        with self._border():
            if self._folder.look():
                self._cutter.seen.clear()
            sizes = self._folder.sizes()
        sweeps = time.monotonic() > self._sweep_at
        if sweeps:
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
            self._cutter.seen.clear()
        seen = self._cutter.seen
        if not sweeps and all(seen.get(journal_id) == size for journal_id, size in sizes.items()):
            return
        if self._read_only or not has_package("numpy"):
            self._unfolded.count(sizes, self._inner.get_receipts(list(sizes)))
            if self._read_only:
                self._unfolded.warn()
            return
        left = {journal_id: size for journal_id, size in sizes.items() if seen.get(journal_id) != size}
        self._fold_all(FoldProgress(left, frozenset(sizes), until), wait, sweeps)

    def _fold_all(self, progress: FoldProgress, wait: bool, sweeps: bool) -> None:
        """Store all points, in one turn or in several turns.

        If `wait` is False, take at most one turn, and no turn if another thread or process folds.
        """
        if not wait:
            with suppress(LockTaken), self._lock.at_once():
                if self._fold_some(progress, wait) and sweeps:
                    self._sweep()
            return
        while True:
            with self._lock:
                if self._fold_some(progress, wait) and not progress.left:
                    if sweeps:
                        self._sweep()
                    return
            time.sleep(GIVE_WAY_SECONDS)

    def _sweep(self) -> None:
        with self._border():
            self._watch.end_lost()
            self._folder.remove_leftovers()
        try:
            self._inner.tidy()
        except StoreUnavailable as error:  # this work can be done later, and the read must not fail
            logger.debug("The work after a fold is left to a later fold: %s", error)

    def tend(self) -> None:
        """Fold, and let the backend work for up to `TIDY_SECONDS`. Do nothing if another thread or process folds.

        Between two short steps of this work, other threads and processes may fold.
        """
        self.fold(wait=False)
        if self._read_only or not has_package("numpy"):
            return
        end = time.monotonic() + TIDY_SECONDS
        while self._tidy_once() and time.monotonic() < end:
            time.sleep(GIVE_WAY_SECONDS)

    def _tidy_once(self) -> bool:
        """Do a short step of the work. Return whether more may be left, and this thread had the turn."""
        with suppress(LockTaken), self._lock.at_once(), self._border(), self._folder.folding(wait=False) as mine:
            return mine and self._inner.tidy()
        return False

    def look_after_leases(self) -> bool:
        """Fold if the owner of a run seems to have ended or is silent. Return whether statuses may have changed.

        Reads of statuses call this method. The owners are checked at most once a second.
        An error is logged and not raised, because the read must not fail.
        """
        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + LOOK_SECONDS
        try:
            if not self._is_remote and self._inner.end_unclaimed(time.time_ns() // 1_000_000):
                return True
            with self._border():
                if not self._watch.seems_over():
                    return False
            self._sweep_at = 0.0
            self.fold()
        except (BridgeError, ImportError, MemoryError) as error:
            # A fold imports numpy, which may raise an ImportError or MemoryError.
            logger.debug("Cannot check now whether the owners of runs are alive: %s", error)
            return False
        return True

    def _fold_some(self, progress: FoldProgress, wait: bool) -> bool:
        """Store some of the remaining points of a fold; return whether this process had the turn."""
        left = progress.left
        before = self._inner.get_receipts(list(left)) if wait else {}
        turn_ends = None
        try:
            with self._border(), self._folder.folding(wait) as mine:
                turn_ends = time.monotonic() + TURN_SECONDS
                if not mine:
                    return False
                self._store_until(turn_ends, progress)
                if not left:
                    self._finished.remove(progress)
        except StoreUnavailable:
            # This process has waited too long for a turn. If receipts have changed, another process is folding, and
            # this process waits again.
            if turn_ends is None and wait and self._inner.get_receipts(list(left)) != before:
                return False
            raise
        return True

    @contextmanager
    def _border(self) -> Iterator[None]:
        """Convert errors of the folder to errors of Runbridge."""
        try:
            yield
        except CallFailed as failed:
            if failed.errno in (errno.EACCES, errno.EPERM):
                raise NotAllowed("fold journals in", str(self._folder.path), failed.reason) from failed
            raise StoreUnavailable(str(self._folder.path), failed.reason) from failed
        except OSError as error:
            if is_of_handler(error):
                raise
            if isinstance(error, PermissionError):
                reason = error.strerror or "no permission"
                raise NotAllowed("fold journals in", str(self._folder.path), reason) from error
            raise StoreUnavailable(str(self._folder.path), error.strerror or str(error)) from error

    def _store_until(self, end: float, progress: FoldProgress) -> None:
        """Store the remaining points, as long as the monotonic clock has not reached `end`."""
        while progress.left:
            self._store_some(progress)
            if time.monotonic() > end:
                return

    def _store_some(self, progress: FoldProgress) -> None:
        """Store the oldest remaining points in one transaction.

        Journals that are stored are removed from `progress.left`.
        """
        for _ in range(TRIES):
            slices = self._cutter.cut(progress, self._inner.get_receipts(list(progress.left)))
            if not slices:
                return
            self._keep_damaged()
            try:
                self._append(slices)
            except InvalidState as error:  # another process has stored some of these points, so cut new slices
                mismatch = error
                continue
            size_bytes = sum(piece.end - piece.start for piece in slices)
            logger.debug("Folded %d bytes of %d journals of %s", size_bytes, len(slices), self._folder.path)
            for journal_id, sentences in self._cutter.damages.items():
                for sentence in sentences:
                    self._finished.damaged.add(journal_id)
                    logger.warning("%s", sentence)
            return
        raise mismatch

    def _append(self, slices: Sequence[Slice]) -> None:
        """Store slices. If a server refuses some of them, store the others, and skip the journals of other processes.

        For example, another user of the server may have left a journal in the folder. It must not block all others.
        """
        try:
            self._inner.append(slices)
        except (NotAllowed, InvalidValue):
            if not self._is_remote:
                raise
            for piece in slices:
                self._append_or_skip(piece)

    def _append_or_skip(self, piece: Slice) -> None:
        try:
            self._inner.append([piece])
        except (NotAllowed, InvalidValue) as error:
            reader = self._readers.known(piece.journal_id)
            if reader is None or reader.header.pid == os.getpid():
                raise
            self._readers.skip(piece.journal_id, error)

    def _keep_damaged(self) -> None:
        """Give each damaged journal a second name, so that its file stays if another process removes the journal."""
        for journal_id in [journal_id for journal_id, sentences in self._cutter.damages.items() if sentences]:
            try:
                self._folder.link_damaged(journal_id)
            except CallFailed as failed:
                # The file is lost only if another process removes the journal. This process would rename it instead.
                path = self._folder.path_of(journal_id)
                logger.debug("The damaged journal %s cannot get a second name: %s", path, failed)
