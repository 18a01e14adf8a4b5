"""The journal writer. A log call returns after its record is appended."""

from __future__ import annotations

import logging
import os
import struct
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

from bridge.errors import StoreUnavailable
from bridge.journal.append import Appender
from bridge.journal.backlog import Item, Unwritten, items_of, portions_of
from bridge.journal.call import NUMBER_CALL
from bridge.journal.files import JournalFiles
from bridge.journal.format import CLOCK, NUMBER_BODY, NUMBER_SIZE, SEALED_NUMBER
from bridge.journal.lease_writer import LeaseWriter
from bridge.journal.leases import Leases
from bridge.journal.locks import OwnedLock, quick_block
from bridge.journal.system import CallFailed, disk_full, was_raised_deeper
from bridge.records.limits import EXACT_INTEGER
from bridge.records.point_columns import PointColumns
from bridge.records.series import Point, Value

logger = logging.getLogger("bridge")

RETRY_SECONDS = 1.0
"""How long the writer waits before it tries again to write to a folder that was not writable."""

ITEMS_AT_ONCE = 10_000
"""The number of buffered items that are written with one write."""

# Names of the module are found faster than attributes.
_boot_time, _write = time.clock_gettime_ns, os.write
_pack_body, _seal = NUMBER_BODY.pack, SEALED_NUMBER.pack
_LEAST, _MOST = -EXACT_INTEGER, EXACT_INTEGER


class JournalWriter:
    """The writer of this process's journal. The journal is started when the first point is written.

    The writer combines the open files, the calls that append to them, the buffered points and the leases, under one
    lock. Callers must check points before they log them. Thread-safe. A forked child must call `after_fork`.

    If a signal handler or finalizer interrupts a call and logs a point, an inner writer writes it to another journal.
    If such a handler raises, its exception leaves the interrupted call, whose point is written once or not at all.

    `leases` writes the leases, which state what runs this process owns. `unwritten` are the buffered points.

    Args:
        folder: the folder of the journals. It is created if it does not exist.
        fsync: wait for the disk before a call returns.
        shared: the group of the folder may read and remove the journal.
        workspace_id: the only workspace that may fold the journal (copy its points into its database); empty if any
            workspace may.
    """

    def __init__(self, folder: Path, fsync: bool = False, shared: bool = False, workspace_id: str = "") -> None:
        self._reset(JournalFiles(folder, fsync, shared, workspace_id))

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        """End the journal of a writer that is no longer used, so that its file is closed and its lock is released."""
        if hasattr(self, "_retry_at") and not is_finalizing():
            self.close()

    def _reset(self, files: JournalFiles) -> None:
        lock = OwnedLock()
        self._lock, self._quick_block = lock, quick_block(lock)
        self._files, self._inner = files, _Inner(files)
        self._leases = Leases()
        self.unwritten = Unwritten(files.folder)
        self._appender = Appender(files, self._leases, self.unwritten)
        self.leases = LeaseWriter(self._lock, self._appender, self._inner.leases)
        self._is_following = False
        self._retry_at = 0.0  # assigned last, because `__del__` checks whether it exists

    @property
    def folder(self) -> Path:
        """The folder of the journals."""
        return self._files.folder

    # Points

    def log_number(self, run_id: str, key: str, value: Value, timestamp: int, step: int | None, api: int) -> bool:
        """Append a number point like an earlier one: of the same series, API and types of value and step.

        Nearly all points are written by this method, so it must be fast. It therefore repeats the code of `Appender`
        for this one case instead of calling it. The timestamp must be an int.

        Returns:
            False if the point was not written: the series is new, the value is an int beyond ±2**53, or the write
            failed. The caller must then call `log`.
        """
        with self._quick_block:
            appender = self._appender
            if appender.call is not None:  # an exception has interrupted a call, or a signal handler logs within a call
                return False
            appender.call = NUMBER_CALL
            files = self._files
            file = files.current
            seed = file.seed
            try:
                # Only floats, ints and None have an entry. So the types need no other check.
                kind = type(value)
                head = file.heads.get((run_id, key, kind, type(step), api))
                is_large = kind is int and not _LEAST <= value <= _MOST  # type: ignore[operator]  # it is an int
                if head is None or seed > file.full_at or is_large:
                    appender.call = None
                    return False
                body = _pack_body(head, _boot_time(CLOCK), timestamp, step or 0, value)
            except (TypeError, struct.error) as error:  # an argument is not valid; `log` raises the error
                if was_raised_deeper(error):
                    raise
                appender.call = None
                return False
            try:
                written = _write(file.fd, _seal(crc32(body, seed), body))
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
            file.seed = seed + NUMBER_SIZE
            if files.fsync:
                appender.sync()
            appender.call = None
            return True

    def log_columns(self, run_id: str, points: PointColumns, api: int) -> bool:
        """Append points of keys that were logged together before, as `log_number` appends one point.

        Returns:
            False if the points were not written. The caller must then call `log`.
        """
        with self._quick_block:
            appender = self._appender
            if appender.call is not None:
                return False
            is_written = appender.append_columns(run_id, points, api)
            appender.call = None
            return is_written

    def log(self, run_id: str, points: Sequence[Point], api: int) -> None:
        """Append points in the given order with one write. The cells of a row are written together or not at all.

        Points that cannot be written are buffered in memory, and are written first when writing works again.
        Columns are appended with one write for each record, between which other threads can log.
        A call that must wait for the disk waits once, after the last write.
        """
        if self._is_within():
            self._inner.writer().log(run_id, points, api)
            return
        for portion in portions_of(points):
            with self._lock:
                self._appender.start_call()
                self._append_or_wait(run_id, items_of(run_id, portion, api))
                self._appender.call = None
        if self._files.fsync:
            with self._lock:
                self._appender.finish_sync()

    def _append_or_wait(self, run_id: str, items: list[Item]) -> None:
        unwritten = self.unwritten
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
        """Make `log_number` and `log_columns` return False for a run until `log` has written a point of the run."""
        with self._lock:
            self._files.current.forget_run(run_id)

    def flush(self, run_id: str | None = None) -> None:
        """Write the buffered points.

        Args:
            run_id: the run whose points must be written; None means all runs. The points of other runs must be
                written too, except those of runs that do not exist in the workspace at the path.

        Raises:
            StoreUnavailable: points could not be written, may not be on the disk, were dropped, or are in a file that
                was deleted.
        """
        if self._inner.made is not None:
            self._inner.made.flush(run_id)
        if self._is_within():
            return
        with self._lock:
            self._appender.start_call()
            if self.unwritten.waiting:
                self._write_waiting(force=True)
            self._appender.finish_sync()
            self._appender.call = None
            problems = self._problems(run_id)
            if problems:
                raise StoreUnavailable(str(self.folder), "; ".join(problems))

    def retry(self) -> None:
        """Write the buffered points, if it is time to try. Stop using a journal that another process has changed."""
        if self._is_within():
            return
        with self._lock:
            self._appender.start_call()
            self._appender.check_unchanged()
            if self.unwritten.waiting:
                self._write_waiting(force=False)
            self._appender.finish_sync()
            self._appender.call = None
        if self._inner.made is not None:
            self._inner.made.retry()

    @property
    def warnings(self) -> dict[str, str]:
        """A sentence for each run whose points were buffered or dropped.

        A caller that stores a sentence removes it from this dict.
        """
        return self.unwritten.warnings

    @property
    def unsynced(self) -> dict[str, int]:
        """The ids of journals whose last bytes may not be on the disk, each with an offset.

        A journal is safe as soon as a store has written its points before this offset to the disk.
        """
        return dict(self._appender.unsynced)

    def mark_synced(self, stored: dict[str, int]) -> None:
        """Remove the journals from `unsynced` whose points a store has written to the disk.

        `stored` has for each journal id the offset up to which the store has written the points.
        """
        self._appender.mark_synced(stored)

    @property
    def position(self) -> tuple[str, int]:
        """The id and the size of the open journal; "" and 0 if no journal is open."""
        return (self.journal_id, self._files.current.size) if self.journal_id else ("", 0)

    @property
    def journal_id(self) -> str:
        """The id of the open journal; empty if no journal is open."""
        return self._files.current.id

    def close(self) -> None:
        """End the journal with a closing record. A later point starts another journal."""
        if self._inner.made is not None:
            self._inner.made.close()
        if self._is_within():
            return
        with self._lock:
            self._appender.start_call()
            if self.unwritten.waiting:
                self._write_waiting(force=True)
            problems = self._problems()
            if problems:
                logger.error("%s: %s.", self.folder, "; ".join(problems))
            self._files.close_all()
            # Before a caller logs to one of these runs again, it asks the store whether the run exists.
            self.unwritten.orphans = set()
            self._files.close_folders()
            self._appender.call = None

    def after_fork(self) -> None:
        """Drop the parent's journal in a forked child, without changing the file."""
        files = self._files
        files.drop()
        if self._inner.made is not None:
            self._inner.made.after_fork()
        self._reset(JournalFiles(files.folder, files.fsync, files.shared, files.workspace_id))

    # The workspace at the path was removed or replaced

    def is_in_place(self) -> bool:
        """Return whether the folder still contains the open journals, and was not replaced; True if none is open.

        After `follow_workspace` has failed or was interrupted, this is False until a call of it succeeds.
        """
        with self._lock:
            in_place = self._files.is_in_place and not self._is_following
        return in_place and (self._inner.made is None or self._inner.made.is_in_place())

    @property
    def waits_for_workspace(self) -> bool:
        """Whether journals or points wait until their workspace is at the path again."""
        if self._files.lost or self.unwritten.homeless:
            return True
        return self._inner.made is not None and self._inner.made.waits_for_workspace

    def open_folder(self) -> bool:
        """Open the folder that is now at the path, in which `follow_workspace` continues. Return whether it is open."""
        if self._is_within():
            return False
        with self._lock:
            is_open = self._files.open_folder()
        return is_open and (self._inner.made is None or self._inner.made.open_folder())

    def follow_workspace(self, workspace_id: str, orphans: set[str]) -> bool:
        """Continue in the workspace of the folder that `open_folder` has opened, after the earlier one was replaced.

        Journals of this workspace are put back with all their records. They keep their ids, so points that are already
        stored are not stored again. Journals of another workspace stay open until it is at the path again.
        Return whether this succeeded.
        `workspace_id` was read after `open_folder`. `orphans` are the runs of this process that this workspace does not
        have. Their points are buffered in memory.
        """
        if self._is_within():
            return False
        with self._lock:
            self._appender.start_call()
            self._appender.finish_sync()
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
            self.unwritten.sort(orphans)
            for run_id in orphans:
                # New points of an orphan must be buffered in memory, even if the journal was put back.
                self.recheck_run(run_id)
            self._is_following = False
            self._appender.call = None
        return self._inner.made is None or self._inner.made.follow_workspace(workspace_id, orphans)

    def _is_within(self) -> bool:
        """Return whether this thread is within a call, so that this call comes from a signal handler or a finalizer."""
        return self._lock.is_mine()  # ask the lock, because an exception could leave a flag set

    def _write_waiting(self, force: bool) -> None:
        """Write the buffered points, at most once in `RETRY_SECONDS` unless forced. See `Appender.append_points`."""
        now = time.monotonic()
        if not force and now < self._retry_at:
            return
        waiting = self.unwritten.waiting
        while waiting:
            items = waiting.first(ITEMS_AT_ONCE)
            written = self._appender.append_points(items)
            if written < len(items):
                waiting.remove(items[:written])
                if self._retry_at == 0.0:
                    logger.error(
                        "Cannot write to %s: %s. New points are buffered in memory and written later.",
                        self.folder,
                        self._appender.reason,
                    )
                self._retry_at = now + RETRY_SECONDS
                return
        self._retry_at = 0.0

    def _problems(self, run_id: str | None = None) -> list[str]:
        """Return sentences about problems with the points of a run or of all runs. None means all runs."""
        reason = self._appender.reason
        problems = self.unwritten.describe(run_id, reason)
        if self._appender.unsynced:
            problems.append(f"{reason}; the disk may not have the last points")
        lost = self._files.lost if run_id is None or run_id in self.unwritten.orphans else []
        if lost or not self.is_in_place():
            problems.append(f"the last points are in a journal that was removed: create the folder {self.folder} again")
        return problems


class _Inner:
    """Creates the inner writer, when a signal handler or finalizer first logs within a call of its own thread.

    This object must not refer to the outer writer, because the outer writer is closed as soon as nothing refers to it.
    """

    def __init__(self, outer: JournalFiles) -> None:
        self._outer = outer
        self.made: JournalWriter | None = None

    def writer(self) -> JournalWriter:
        """Return the inner writer; create it at the first call."""
        files = self._outer
        self.made = self.made or JournalWriter(files.folder, files.fsync, files.shared, files.workspace_id)
        return self.made

    def leases(self) -> LeaseWriter:
        """Return the lease writer of the inner writer."""
        return self.writer().leases
