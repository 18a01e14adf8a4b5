"""Appends to the current journal with one write for each call, and completes calls that were interrupted.

A signal handler may raise at any moment of a call.
So a call first records in memory which bytes it will write. The next call completes an interrupted call: the size of
the file shows whether the bytes of that call were written.
This works even if no `except` or `finally` block of the interrupted call has run.
"""

from __future__ import annotations

import logging
import os
import time
from bisect import bisect_right
from collections.abc import Sequence

from bridge.journal.backlog import Item, Unwritten
from bridge.journal.call import NUMBER_CALL, Call
from bridge.journal.column_record import encode_columns
from bridge.journal.file import NO_FILE
from bridge.journal.files import JournalFiles
from bridge.journal.format import API_SHIFT, CLOCK
from bridge.journal.leases import Leases
from bridge.journal.system import CallFailed, disk_full, was_raised_deeper
from bridge.records.point_columns import PointColumns

logger = logging.getLogger("bridge")

MOST_BATCHES = 100
"""The number of groups of keys whose series numbers are remembered, so that they are not looked up one by one."""

MOST_SERIES_BYTES = 1 << 16
"""The greatest size of the column of series numbers that `append_columns` writes.

`append_points` divides larger columns into several records.
"""

_boot_time = time.clock_gettime_ns


class Appender:
    """Appends points and leases to the current journal of a writer.

    A lease is a record that this process owns a run, or has released it.
    An item is a point, or the cells of one table row. The lease records of one call count as one item.
    The caller must hold the lock of the writer.

    `call` is the call in progress, or a call that was interrupted by an exception; otherwise None.
    `reason` is the reason of the most recent failed write; empty if no write has failed.
    `unsynced` has an entry for each journal whose last bytes were possibly not written to the disk. The key is the id
    of the journal, and the value is its size in bytes. If the database contains all points of these bytes, no point
    can be lost any more.
    """

    def __init__(self, files: JournalFiles, leases: Leases, unwritten: Unwritten) -> None:
        self.files, self.leases, self._unwritten = files, leases, unwritten
        self.call: Call | None = None
        self._columns_call = Call()
        self.reason = ""
        self.unsynced: dict[str, int] = {}

    def start_call(self) -> None:
        """Start a call, after completing an earlier call that an exception interrupted."""
        if self.call is not None:
            self._recover(self.call)
        self.call = Call()

    def append_points(self, items: Sequence[Item]) -> int:
        """Append points with one write. Start a journal if none is open. Later, `finish_sync` must be called.

        Returns:
            How many of `items` were written, counted from the first. If some items could not be written, no journal is
            open afterwards. The written items are not cut off from the journal, because a reader may have stored them
            already.
        """
        call = self.call = Call()
        files = self.files
        try:
            if files.current.seed > files.current.full_at:
                self._leave()
            if files.current is NO_FILE:
                files.start(self.leases)
        except CallFailed as failed:
            self.reason = failed.reason
            return 0
        call.add_points(items, files.current)
        return self._append(call)

    def append_leases(self, run_ids: list[str], held: bool) -> bool:
        """Append a lease record for each run to the open journal.

        If this fails, close the journal and return False.

        Args:
            run_ids: the runs.
            held: True if this process owns the runs, False if it has released them.
        """
        call = self.call = Call()
        call.add_leases(self.leases.encode(self.files.current.seed, run_ids, held))
        written = self._append(call)
        self.finish_sync()
        return bool(written)

    def append_columns(self, run_id: str, points: PointColumns, api: int) -> bool:
        """Append points whose keys were logged together before in this journal. Return whether they were written.

        This method is called often with about a hundred points, so it must be fast.
        """
        call = self._columns_call  # an object that is used again for each call
        call.ends = []
        self.call = call  # afterwards, a signal handler cannot append to this journal
        file = self.files.current
        series = file.batches.get((run_id, points.keys))
        if series is None or file.seed > file.full_at:
            return False
        if isinstance(series, bytes) and len(series) > MOST_SERIES_BYTES:
            return False
        record = encode_columns(file.seed, series, api << API_SHIFT, _boot_time(CLOCK), points)
        size = len(record)
        call.ends = [size]
        try:
            written = os.write(file.fd, record)
        except OSError as error:
            if was_raised_deeper(error):
                raise
            self.fail(CallFailed(error), 0, call)
            return False
        if written != size:
            self.fail(disk_full(), written, call)
            return False
        file.seed += size
        if self.files.fsync:
            self.sync()
        return True

    def _append(self, call: Call) -> int:
        """Append the records of a call, and return the number of its items that were written."""
        try:
            written = self.files.current.append(call.data)
        except CallFailed as failed:
            self.fail(failed, 0, call)
            return 0
        if written != call.size:
            self.fail(disk_full(), written, call)
            return bisect_right(call.ends, written)
        if self.files.fsync:
            self.files.current.is_synced = False
        self._settle(call)
        self.call = Call()
        return len(call.ends)

    def finish_sync(self) -> None:
        """Wait until all appended points are on the disk, if this is required. See `sync`."""
        if not self.files.current.is_synced:
            self.sync()

    def sync(self) -> None:
        """Wait until the points are on the disk.

        If this fails, the points are not written again, because a reader may have stored them already. The journal
        remains in `unsynced` until a store has written its points to the disk.
        """
        file = self.files.current
        try:
            file.sync()
            file.is_synced = True
        except CallFailed as failed:
            file.is_synced = True  # a second `fsync` may report success although the data was lost
            self.reason = failed.reason
            self.unsynced[file.id] = file.size
            file.intact = False
            logger.error(
                "%s: the disk may not have the last points of journal %s: %s.",
                self.files.folder,
                file.id,
                failed,
            )
            self.files.leave(self.leases)

    def mark_synced(self, stored: dict[str, int]) -> None:
        """Remove the journals from `unsynced` whose points a store has written to the disk.

        Args:
            stored: for each journal id: the offset up to which the store has written the points.
        """
        for journal_id, size in list(self.unsynced.items()):
            if stored.get(journal_id, 0) >= size:
                self.unsynced.pop(journal_id, None)

    def fail(self, failed: CallFailed, written: int, call: Call = NUMBER_CALL) -> None:
        """Stop using the current journal after a failed or short write. Nothing is appended to it later.

        Args:
            failed: the error.
            written: the number of bytes that were written. Complete items remain, and an incomplete item is cut off.
            call: the call that failed.
        """
        self.reason = failed.reason
        file = self.files.current
        whole = bisect_right(call.ends, written)
        size = call.ends[whole - 1] if whole else 0
        if written > size:
            file.shorten(file.size + size)
        if whole:
            file.is_synced = not self.files.fsync
            # The written items no longer wait. If an exception interrupts their removal, the next call repeats it,
            # because `intact` is still True.
            self._unwritten.waiting.remove(call.items[:whole])
        file.intact = False
        self._leave()

    def check_unchanged(self) -> None:
        """Stop using the current journal if another process has cut it or appended to it.

        The checksum of each record depends on the record's offset. In a file of another size, this process would
        compute the checksums of later records from wrong offsets, and no reader could read these records.
        """
        file = self.files.current
        if file is not NO_FILE and file.grown() != 0:
            logger.error("%s: another process has changed journal %s.", self.files.folder, file.id)
            file.intact = False
            self._leave()

    def _leave(self) -> None:
        """Stop using the current journal. It may contain points of a call that has not returned yet."""
        self.finish_sync()
        if self.files.current is not NO_FILE:
            self.files.leave(self.leases)

    def _recover(self, call: Call) -> None:
        """Complete a call that was interrupted."""
        files = self.files
        file = files.current
        if file is NO_FILE:
            return
        if file in files.earlier or file in files.lost:
            files.current = NO_FILE
        elif not file.intact:
            self._leave()
        elif not file.is_published and not file.check_published():
            files.current = NO_FILE
            file.discard()
        else:
            grown = file.grown()
            if grown and grown == call.size:
                self._settle(call)
            elif grown:
                self.fail(disk_full(), grown, call)

    def _settle(self, call: Call) -> None:
        """Update the file object after the records of a call were written.

        The last line adds the size of the records to `file.seed`, the start value for the checksum of the next record.
        This also increases `file.size`, which is computed from `file.seed`.
        If an exception interrupts this method before the last line, the file on the disk is longer than `file.size`.
        The next call then runs this method again. After the last line, the two sizes are equal, and the next call does
        not run it again. So the size of the records is added only once.
        """
        file = self.files.current
        file.numbers.update(call.numbers)
        file.heads.update(call.heads)
        if call.batches:
            if len(file.batches) > MOST_BATCHES:
                file.batches.clear()
            file.batches.update(call.batches)
        for name, columns in call.columns.items():
            file.columns.setdefault(name, {}).update(columns)
        self._unwritten.waiting.remove(call.items)
        if call.leases:
            file.leased_to = max(file.leased_to, file.size + call.size)
        file.seed += call.size
