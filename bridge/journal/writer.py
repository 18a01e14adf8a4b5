"""The journal writer: a log call returns once its record is appended."""

from __future__ import annotations

import logging
import os
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from bridge.errors import StoreUnavailable
from bridge.journal.append import Appender
from bridge.journal.backlog import Item, Unwritten
from bridge.journal.call import NUMBER_CALL
from bridge.journal.files import JournalFiles
from bridge.journal.format import CLOCK, MARK, NUMBER, NUMBER_SIZE, TYPE_NUMBER
from bridge.journal.lease_writer import LeaseWriter
from bridge.journal.leases import Leases
from bridge.journal.locks import OwnedLock
from bridge.journal.system import CallFailed, disk_full, was_raised_deeper
from bridge.records.series import Point

logger = logging.getLogger("bridge")

RETRY_SECONDS = 1.0
"""How long the writer waits before it tries again to write to a folder that could not be written."""

ITEMS_AT_ONCE = 10_000
"""How many waiting items are written with one write."""

_boot_time = time.clock_gettime_ns


class JournalWriter:
    """The writer of this process's journal, which is started when the first point is written.

    It composes the open files, the calls that append to them, the points that wait, and the leases, under one lock.
    The caller checks points before. Any thread may call. A child must call `after_fork`.

    A signal handler or finalizer that logs within a call of its own thread writes to a journal of its own, by an inner
    writer. If such a handler raises, its exception leaves the interrupted call: then the point of that call
    is written once or not at all.

    `leases` writes which runs this process owns.

    Args:
        folder: where journals are stored; it is made if absent.
        fsync: wait for the disk before a call returns.
        shared: the journal may be read and removed by the folder's group.
        workspace_id: which workspace may fold the journal; empty if any.
    """

    def __init__(self, folder: Path, fsync: bool = False, shared: bool = False, workspace_id: str = "") -> None:
        self._reset(JournalFiles(folder, fsync, shared, workspace_id))

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        """End the journal of a writer to which nothing refers any more, so that its file and lock do not stay."""
        if hasattr(self, "_retry_at") and not is_finalizing():
            self.close()

    def _reset(self, files: JournalFiles) -> None:
        self._lock = OwnedLock()
        self._files, self._inner = files, _Inner(files)
        self._leases = Leases()
        self._unwritten = Unwritten(files.folder)
        self._appender = Appender(files, self._leases, self._unwritten)
        self.leases = LeaseWriter(self._lock, self._appender, self._inner.leases)
        self._is_following = False
        self._retry_at = 0.0  # last: `__del__` looks for it

    @property
    def folder(self) -> Path:
        """Where journals are stored."""
        return self._files.folder

    # Points

    def log_number(self, run_id: str, key: str, value: float, flags: int, timestamp: int, step: int) -> bool:
        """Append a number point of a series that was written before; return False if it was not, or cannot be.

        This is the path of nearly all points, so it repeats in place what `Appender` does for any call.
        """
        with self._lock:
            appender = self._appender
            if appender.call is not None:  # an exception has left a call, or this is a handler within a call
                return False
            appender.call = NUMBER_CALL
            files = self._files
            file = files.current
            try:
                number = file.fast.get((run_id, key))
                if number is None or file.seed > file.full_at:
                    appender.call = None
                    return False
                body = NUMBER.pack(
                    NUMBER_SIZE, TYPE_NUMBER, flags, MARK, number, _boot_time(CLOCK), timestamp, step, value
                )
            except (TypeError, struct.error) as error:  # an impossible key or timestamp, which the caller names
                if was_raised_deeper(error):
                    raise
                appender.call = None
                return False
            try:
                written = os.write(file.fd, crc32(body, file.seed).to_bytes(4, "little") + body)
            except OSError as error:
                if was_raised_deeper(error):
                    raise
                appender.fail(CallFailed(error), 0)
                appender.call = None
                return False
            if written != NUMBER_SIZE:
                appender.fail(disk_full(), written)
                appender.call = None
                return False
            file.seed += NUMBER_SIZE
            if files.fsync:
                appender.sync()
            appender.call = None
            return True

    def log(self, run_id: str, points: list[Point], api: int) -> None:
        """Append points in the order given with one write; the cells of a row are written together or not at all.

        Points that cannot be written wait in memory, and are written first when writing works again.
        """
        if self._is_within():
            self._inner.writer().log(run_id, points, api)
            return
        with self._lock:
            self._appender.start_call()
            items: list[Item] = []
            for point in points:
                if point.joined:
                    items[-1].points.append(point)
                else:
                    items.append(Item(run_id, _boot_time(CLOCK), [point], api))
            self._append_or_wait(run_id, items)
            self._appender.call = None

    def _append_or_wait(self, run_id: str, items: list[Item]) -> None:
        unwritten = self._unwritten
        if run_id in unwritten.orphans:
            unwritten.add(items, unwritten.homeless)
        elif unwritten.waiting:
            unwritten.add(items, unwritten.waiting)
            self._write_waiting(force=False)
        else:
            written = self._appender.append_points(items)
            if written < len(items):
                unwritten.add(items[written:], unwritten.waiting)
                self._write_waiting(force=True)

    def recheck_run(self, run_id: str) -> None:
        """Make `log_number` return False for a run until `log` has written its next point, which is checked again."""
        with self._lock:
            fast = self._files.current.fast
            for pair in [pair for pair in fast if pair[0] == run_id]:
                del fast[pair]

    def flush(self, run_id: str | None = None) -> None:
        """Write the points that wait.

        Args:
            run_id: the run that is asked about; None is all. Points of runs that the workspace at the path does not
                have are no problem of its other runs.

        Raises:
            StoreUnavailable: points are unwritten, may not be on the disk, were dropped, or are in a file that was
                deleted.
        """
        if self._inner.made is not None:
            self._inner.made.flush(run_id)
        if self._is_within():
            return
        with self._lock:
            self._appender.start_call()
            if self._unwritten.waiting:
                self._write_waiting(force=True)
            self._appender.call = None
            problems = self._problems(run_id)
            if problems:
                raise StoreUnavailable(str(self.folder), "; ".join(problems))

    def retry(self) -> None:
        """Write the points that wait, if it is time to try; leave a journal that another process has changed."""
        if self._is_within():
            return
        with self._lock:
            self._appender.start_call()
            self._appender.check_unchanged()
            if self._unwritten.waiting:
                self._write_waiting(force=False)
            self._appender.call = None
        if self._inner.made is not None:
            self._inner.made.retry()

    @property
    def warnings(self) -> dict[str, str]:
        """A sentence for each run whose points had to wait or were dropped; a caller that stores it removes it."""
        return self._unwritten.warnings

    @property
    def unsynced(self) -> dict[str, int]:
        """How far journals have to be stored, by id, because the disk may not have them."""
        return dict(self._appender.unsynced)

    def mark_synced(self, stored: dict[str, int]) -> None:
        """Remove from `unsynced` the journals that a store has on disk, by id, up to some size in bytes."""
        self._appender.mark_synced(stored)

    # The journal

    @property
    def journal_id(self) -> str:
        """The id of the open journal; empty if none is."""
        return self._files.current.id

    def close(self) -> None:
        """End the journal with a closing record; a later point starts another."""
        if self._inner.made is not None:
            self._inner.made.close()
        if self._is_within():
            return
        with self._lock:
            self._appender.start_call()
            if self._unwritten.waiting:
                self._write_waiting(force=True)
            problems = self._problems()
            if problems:
                logger.error("%s: %s.", self.folder, "; ".join(problems))
            self._files.close_all()
            self._unwritten.orphans = set()  # for a later point the store is asked again
            self._files.close_folders()
            self._appender.call = None

    def after_fork(self) -> None:
        """Drop the parent's journal in a child, without touching it."""
        files = self._files
        files.drop()
        if self._inner.made is not None:
            self._inner.made.after_fork()
        self._reset(JournalFiles(files.folder, files.fsync, files.shared, files.workspace_id))

    # The workspace at the path was removed or replaced

    def is_in_place(self) -> bool:
        """Return whether the open journals are still in the folder at its path; True if none is open.

        It is False until a `follow_workspace` that failed or was interrupted is repeated.
        """
        with self._lock:
            in_place = self._files.is_in_place and not self._is_following
        return in_place and (self._inner.made is None or self._inner.made.is_in_place())

    @property
    def waits_for_workspace(self) -> bool:
        """Whether journals or points wait until their workspace is at the path again."""
        if self._files.lost or self._unwritten.homeless:
            return True
        return self._inner.made is not None and self._inner.made.waits_for_workspace

    def follow_workspace(self, workspace_id: str, orphans: set[str]) -> bool:
        """Follow the workspace at the path, which was removed or replaced; return whether that worked.

        Journals of this workspace are put back with all that they had. They keep their ids, so what was stored of
        them is not stored again. Journals of another workspace stay open until it comes back.

        Args:
            workspace_id: the workspace that is at the path now.
            orphans: runs of this process that it does not have: their points wait in memory.
        """
        if self._is_within():
            return False
        with self._lock:
            self._appender.start_call()
            self._is_following = True
            try:
                self._files.put_back(workspace_id)
            except CallFailed as failed:
                logger.debug("Journals cannot be put back into %s: %s", self.folder, failed)
                self._appender.call = None
                return False
            self._files.workspace_id = workspace_id
            for run_id in orphans:
                self._leases.discard(run_id)
            self._unwritten.sort(orphans)
            for run_id in orphans:
                self.recheck_run(run_id)  # its points wait in memory, also if its journal was put back
            self._is_following = False
            self._appender.call = None
        return self._inner.made is None or self._inner.made.follow_workspace(workspace_id, orphans)

    def _is_within(self) -> bool:
        """Return whether this thread is within a call already: then a signal handler or a finalizer calls."""
        return self._lock.is_mine()  # the lock itself knows; a flag could be left by an exception

    def _write_waiting(self, force: bool) -> None:
        """Write the points that wait, at most once in `RETRY_SECONDS` unless forced."""
        now = time.monotonic()
        if not force and now < self._retry_at:
            return
        waiting = self._unwritten.waiting
        while waiting:
            items = waiting.first(ITEMS_AT_ONCE)
            written = self._appender.append_points(items)
            if written < len(items):
                waiting.remove(items[:written])
                if self._retry_at == 0.0:
                    logger.error(
                        "Cannot write to %s: %s. Logging continues in memory and is written when that works again.",
                        self.folder,
                        self._appender.reason,
                    )
                self._retry_at = now + RETRY_SECONDS
                return
        self._retry_at = 0.0

    def _problems(self, run_id: str | None = None) -> list[str]:
        """Return what is wrong with the points of a run or of all; empty if all are written."""
        reason = self._appender.reason
        problems = self._unwritten.describe(run_id, reason)
        if self._appender.unsynced:
            problems.append(f"{reason}; the disk may not have the last points")
        lost = self._files.lost if run_id is None or run_id in self._unwritten.orphans else []
        if lost or not self.is_in_place():
            problems.append("the last points are in a file that was removed; create the folder again")
        return problems


class _Inner:
    """The writer for a signal handler or finalizer that logs within a call of its own thread; made when needed.

    It does not refer to the outer writer: that one is closed when nothing refers to it any more.
    """

    def __init__(self, outer: JournalFiles) -> None:
        self._outer = outer
        self.made: JournalWriter | None = None

    def writer(self) -> JournalWriter:
        """Return the writer, which is made if there is none."""
        if self.made is None:
            outer = self._outer
            self.made = JournalWriter(outer.folder, outer.fsync, outer.shared, outer.workspace_id)
        return self.made

    def leases(self) -> LeaseWriter:
        """Return the leases of the writer."""
        return self.writer().leases
