"""Writing a journal: a log call returns when its points are there.

A signal handler may raise at any moment of a call.
So a call says first what it is about to write, and every later call settles what an earlier one has left: the size of
the file tells whether that was written.
Nothing depends on code that runs while an exception passes.
"""

from __future__ import annotations

import errno
import logging
import os
import struct
import sys
import threading
import time
import weakref
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from bridge.errors import StoreUnavailable
from bridge.journal.backlog import Backlog, Item
from bridge.journal.call import NUMBER_CALL, Call
from bridge.journal.file import NO_FILE, JournalFile, create
from bridge.journal.folder import HeldFolder, hold
from bridge.journal.format import (
    CLOCK,
    MARK,
    NUMBER,
    NUMBER_SIZE,
    TYPE_NUMBER,
    encode_lease,
    read_boot_time,
    same_id,
)
from bridge.journal.system import CallFailed, disk_full, was_raised_deeper
from bridge.records.series import Point

logger = logging.getLogger("bridge")

RETRY_SECONDS = 1.0
"""How long a path that cannot be written is left alone."""

AT_ONCE = 10_000
"""How many items of the backlog one write has."""

_boot_time = time.clock_gettime_ns


class Starting:
    """A journal that is kept open for the leases that are about to name it, as long as this is held.

    Args:
        journal_id: empty if no journal can be written.
        time: the time of such a lease.
    """

    __slots__ = ("__weakref__", "journal_id", "time")

    def __init__(self, journal_id: str, time: int) -> None:
        self.journal_id, self.time = journal_id, time


class JournalWriter:
    """The journal of this process, started when the first point is written.

    Points are checked by the caller.
    Any thread may call; a `fork` must be followed by `forget` in the child.
    A signal handler or finalizer that logs within a call of its own thread writes to a journal of its own.
    An exception of such a handler leaves the call: then the point is written once or not at all.
    `troubles` has a sentence for each run whose points could not be written at once; who stores it removes it.

    Args:
        folder: where journals are stored; it is made if absent.
        fsync: wait for the disk before a call returns.
        shared: the journal may be read and removed by the folder's group.
        workspace_id: which workspace may fold the journal; empty if any.
    """

    def __init__(self, folder: Path, fsync: bool = False, shared: bool = False, workspace_id: str = "") -> None:
        self.folder, self.fsync, self.shared, self.workspace_id = folder, fsync, shared, workspace_id
        self._begin()

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        """End the journal of a writer that nobody holds any more, so that its file and lock do not stay."""
        if hasattr(self, "troubles") and not is_finalizing():
            self.close()

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._call: Call | None = None
        self._inner: JournalWriter | None = None
        self._held: HeldFolder | None = None
        self._folders: list[HeldFolder] = []
        self._file = NO_FILE
        self._earlier: list[JournalFile] = []
        self._lost: list[JournalFile] = []
        self._backlog = Backlog()
        self._orphans: set[str] = set()
        self._homeless = Backlog()
        self._unsynced: dict[str, int] = {}
        self._retry_at = 0.0
        self._reason = ""
        self._leases: dict[str, None] = {}
        self._lease_time = 0
        self._starting: weakref.WeakSet[Starting] = weakref.WeakSet()
        self.troubles: dict[str, str] = {}

    @property
    def journal_id(self) -> str:
        """The id of the open journal; empty if none is."""
        return self._file.id

    @property
    def hands_over(self) -> bool:
        """Whether earlier journals wait for `let_go`, or this one has yet to be started to carry the leases."""
        return bool(self._earlier) or (bool(self._leases) and self._file is NO_FILE)

    def log_number(self, run_id: str, key: str, value: float, flags: int, timestamp: int, step: int) -> bool:
        """Append a number point of a series that was written before; False if it was not, or cannot be."""
        with self._lock:
            if self._call is not None:
                return False
            self._call = NUMBER_CALL
            file = self._file
            try:
                number = file.fast.get((run_id, key))
                if number is None or file.seed > file.full_at:
                    self._call = None
                    return False
                body = NUMBER.pack(
                    NUMBER_SIZE, TYPE_NUMBER, flags, MARK, number, _boot_time(CLOCK), timestamp, step, value
                )
            except (TypeError, struct.error) as error:  # an impossible key or timestamp, which the caller names
                if was_raised_deeper(error):
                    raise
                self._call = None
                return False
            try:
                written = os.write(file.fd, crc32(body, file.seed).to_bytes(4, "little") + body)
            except OSError as error:
                if was_raised_deeper(error):
                    raise
                self._failed(CallFailed(error), 0)
                self._call = None
                return False
            if written != NUMBER_SIZE:
                self._failed(disk_full(), written)
                self._call = None
                return False
            file.seed += NUMBER_SIZE
            if self.fsync:
                self._sync()
            self._call = None
            return True

    def log(self, run_id: str, points: list[Point], door: int) -> None:
        """Append points in the order given with one write; the cells of a row are written together or not at all.

        What cannot be written waits in memory, and is written first when writing works again.
        """
        if self._is_within():
            self._inner_writer().log(run_id, points, door)
            return
        with self._lock:
            self._enter()
            items: list[Item] = []
            for point in points:
                if point.joined:
                    items[-1].points.append(point)
                else:
                    items.append(Item(run_id, _boot_time(CLOCK), [point], door))
            if run_id in self._orphans:
                self._wait(items, self._homeless)
            elif self._backlog:
                self._wait(items, self._backlog)
                self._retry(force=False)
            else:
                written = self._write(items)
                if written < len(items):
                    self._wait(items[written:], self._backlog)
                    self._retry(force=True)
            self._call = None

    def stop_fast(self, run_id: str) -> None:
        """Make `log_number` answer False for a run, so that its next point is checked again."""
        with self._lock:
            fast = self._file.fast
            for pair in [pair for pair in fast if pair[0] == run_id]:
                del fast[pair]

    def flush(self, run_id: str | None = None) -> None:
        """Write what waits.

        Args:
            run_id: the run that is asked about; None is all. Points of runs that a workspace which took the place of
                theirs does not have are no trouble of its other runs.

        Raises:
            StoreUnavailable: points are unwritten, may not be on the disk, were dropped, or are in a file that was
                deleted.
        """
        if self._inner is not None:
            self._inner.flush(run_id)
        if self._is_within():
            return
        with self._lock:
            self._enter()
            if self._backlog:
                self._retry(force=True)
            self._call = None
            problems = self._problems(run_id)
            if problems:
                raise StoreUnavailable(str(self.folder), "; ".join(problems))

    def retry(self) -> None:
        """Write what waits, if it is time to try; leave a file that somebody else has cut or added to.

        The checksums of what is appended to such a file are those of other places: no reader could take it.
        """
        if self._is_within():
            return
        with self._lock:
            self._enter()
            if self._file is not NO_FILE and self._file.grown() != 0:
                logger.error("%s: somebody else has changed journal %s.", self.folder, self._file.id)
                self._file.intact = False
                self._leave()
            if self._backlog:
                self._retry(force=False)
            self._call = None
        if self._inner is not None:
            self._inner.retry()

    def close(self) -> None:
        """End the journal with a closing record; a later point starts another."""
        if self._inner is not None:
            self._inner.close()
        if self._is_within():
            return
        with self._lock:
            self._enter()
            if self._backlog:
                self._retry(force=True)
            problems = self._problems()
            if problems:
                logger.error("%s: %s.", self.folder, "; ".join(problems))
            if self._file is not NO_FILE:
                self._earlier.append(self._file)
                self._file = NO_FILE
            self._earlier += self._lost
            self._lost = []
            self._end_earlier()
            self._held = None
            self._orphans = set()  # a later point asks the store anew
            while self._folders:
                self._folders.pop().close()
            self._call = None

    def forget(self) -> None:
        """In a child after a fork: drop the parent's journal without touching it."""
        for file in (self._file, *self._earlier, *self._lost):
            file.close()
        for folder in self._folders:
            folder.close()
        if self._inner is not None:
            self._inner.forget()
        self._begin()

    # Leases

    def start(self) -> Starting:
        """Keep the journal, or one that is started for it, as long as the answer is held: a lease is to name it."""
        if self._is_within():
            return self._inner_writer().start()
        with self._lock:
            self._enter()
            starting = Starting("", self._next_lease_time())
            self._starting.add(starting)
            try:
                if self._file is NO_FILE:
                    self._open()
            except CallFailed as failed:
                logger.debug("No journal can be started in %s: %s", self.folder, failed)
            starting.journal_id = self._file.id
            self._call = None
            return starting

    @property
    def is_starting(self) -> bool:
        """Whether a run is being started whose lease is to name the open journal."""
        return bool(self._starting)

    def hold(self, run_id: str) -> None:
        """Write that this process owns a run, now and first in every later journal."""
        self._leases[run_id] = None
        self._write_leases([run_id], held=True)

    def release(self, run_id: str) -> None:
        """Write that this process owns a run no longer."""
        if run_id in self._leases:
            self._leases.pop(run_id, None)
            self._write_leases([run_id], held=False)

    def follow_lease(self, time: int) -> None:
        """Write leases with later times than one that the store gave this process: clocks may differ."""
        if self._is_within():
            self._inner_writer().follow_lease(time)
            return
        with self._lock:
            self._lease_time = max(self._lease_time, time)

    def renew(self) -> None:
        """Write again which runs this process owns."""
        self._write_leases(None, held=True)

    def let_go(self, stored: int) -> None:
        """End earlier journals, if the store has the leases of the open one; it has that up to `stored`."""
        if self._is_within():
            return
        with self._lock:
            self._enter()
            if self._file is not NO_FILE and stored >= self._file.leased_to and not self._starting:
                self._end_earlier()
            self._call = None

    # A journal that was deleted, and disks that failed

    def is_in_place(self) -> bool:
        """Return whether the open journals are still in the folder at its path; True if none is open."""
        with self._lock:
            in_place = self._held is None or self._held.is_at(self.folder)
            for file in (self._file, *self._earlier):
                in_place = in_place and (not file.placed or file.ending or file.is_in_place)
        return in_place and (self._inner is None or self._inner.is_in_place())

    @property
    def has_lost(self) -> bool:
        """Whether journals, or points, wait for their workspace to come back."""
        return bool(self._lost or self._homeless) or (self._inner is not None and self._inner.has_lost)

    def move(self, workspace_id: str, orphans: set[str]) -> bool:
        """Follow the workspace at the path, which was removed or replaced; return whether that worked.

        Journals of this workspace are put back with all that they had.
        They keep their ids, so what was stored of them is not stored again.
        Those of another workspace wait open for it to come back.

        Args:
            workspace_id: the workspace that is at the path now.
            orphans: runs of this process that it does not have: their points wait in memory.
        """
        if self._is_within():
            return False
        with self._lock:
            self._enter()
            try:
                held = self._held = hold(self.folder, self._held, make=True)
                if held not in self._folders:
                    self._folders.append(held)
                self._sort_out(workspace_id, held)
            except CallFailed as failed:
                logger.debug("Journals cannot be put back into %s: %s", self.folder, failed)
                self._call = None
                return False
            self.workspace_id = workspace_id
            self._orphans = orphans
            for run_id in orphans:
                self._leases.pop(run_id, None)
            homeless, backlog = Backlog(), Backlog()
            homeless.dropped, backlog.dropped = self._homeless.dropped, self._backlog.dropped
            for waiting in (self._backlog, self._homeless):
                for item in waiting.first(len(waiting)):
                    (homeless if item.run_id in orphans else backlog).add(item)
            self._homeless, self._backlog = homeless, backlog  # no handler runs between the two
            for run_id in orphans:
                self.stop_fast(run_id)  # its points wait in memory, also if its journal was put back
            self._call = None
        if self._inner is not None:
            return self._inner.move(workspace_id, orphans)
        return True

    def _sort_out(self, workspace_id: str, held: HeldFolder) -> None:
        """Put journals of a workspace back into its folder, and set those of others aside."""
        replaced: list[JournalFile] = []
        for files in (self._earlier, self._lost):
            for file in list(files):
                if any(one is not file and one.id == file.id and one.is_in_place for one in self._earlier):
                    replaced.append(file)  # an exception has left an earlier call when its copy was there
                    files.remove(file)
                elif self._belongs(file, workspace_id):
                    self._earlier.append(self._put_back(file, held, replaced))
                    files.remove(file)
                elif files is self._earlier:
                    self._lost.append(file)
                    files.remove(file)
        if self._file is not NO_FILE:
            if self._belongs(self._file, workspace_id):
                self._file = self._put_back(self._file, held, replaced)
            else:
                self._lost.append(self._file)
                self._file = NO_FILE
        for file in replaced:
            file.close()

    @staticmethod
    def _belongs(file: JournalFile, workspace_id: str) -> bool:
        return same_id(file.header.workspace_id, workspace_id)

    @property
    def unsynced(self) -> dict[str, int]:
        """How far journals have to be stored, by id, because the disk may not have them."""
        return dict(self._unsynced)

    def synced(self, stored: dict[str, int]) -> None:
        """Forget what the disk may not have of journals that are stored on disk up to some bytes."""
        for journal_id, size in list(self._unsynced.items()):
            if stored.get(journal_id, 0) >= size:
                self._unsynced.pop(journal_id, None)

    # Below, the lock is held, except in the next two and `_write_leases`.

    def _is_within(self) -> bool:
        """Return whether this thread is within a call already: what it runs is a signal's handler, or a finalizer."""
        return bool(self._lock._is_owned())  # type: ignore[attr-defined]  # the lock itself knows; a flag may be left

    def _inner_writer(self) -> JournalWriter:
        """Return the journal of what interrupts a call of its own thread."""
        if self._inner is None:
            self._inner = JournalWriter(self.folder, self.fsync, self.shared, self.workspace_id)
        return self._inner

    def _enter(self) -> None:
        """Begin a call: settle first what an exception has left of an earlier one."""
        if self._call is not None:
            self._recover(self._call)
        self._call = Call()

    def _recover(self, call: Call) -> None:
        file = self._file
        if file is NO_FILE:
            return
        if file in self._earlier or file in self._lost:
            self._file = NO_FILE
        elif not file.intact:
            self._leave()
        elif not file.placed and not file.is_placed_after_all():
            self._file = NO_FILE
            file.discard()
        else:
            grown = file.grown()
            if grown and grown == call.size:
                self._settle(call)
            elif grown:
                self._failed(disk_full(), grown, call)

    def _settle(self, call: Call) -> None:
        """Take over what a call has written; may be repeated until its last line."""
        file = self._file
        file.numbers.update(call.numbers)
        file.fast.update(call.fast)
        for name, columns in call.columns.items():
            file.columns.setdefault(name, {}).update(columns)
        self._backlog.remove(call.items)
        if call.leases:
            file.leased_to = max(file.leased_to, file.size + call.size)
        file.seed += call.size

    def _write(self, items: list[Item]) -> int:
        """Append points with one write; returns how many are written, and if not all are, no journal is open.

        Those that are written stay: a reader may have stored them already.
        """
        call = self._call = Call()
        try:
            if self._file.seed > self._file.full_at:
                self._leave()
            if self._file is NO_FILE:
                self._open()
        except CallFailed as failed:
            self._reason = failed.reason
            return 0
        call.add_points(items, self._file)
        try:
            written = self._file.append(b"".join(call.pieces))
        except CallFailed as failed:
            self._failed(failed, 0, call)
            return 0
        if written != call.size:
            self._failed(disk_full(), written, call)
            return bisect_right(call.ends, written)
        self._settle(call)
        self._call = Call()
        if self.fsync:
            self._sync()
        return len(items)

    def _hold(self) -> HeldFolder:
        """Return the folder, held open.

        Raises:
            CallFailed: it cannot be opened, or is not the one any more that the first journal was started in.
        """
        if self._held is None:
            self._held = hold(self.folder, None, make=True)
            self._folders.append(self._held)
        elif not self._held.is_at(self.folder):
            raise CallFailed(OSError(errno.ESTALE, "the folder was removed or replaced"))
        return self._held

    @property
    def _mode(self) -> int:
        return 0o664 if self.shared else 0o644

    def _open(self) -> None:
        """Start a journal: it appears in the folder with its header and leases, locked for the life of this process.

        Raises:
            CallFailed: it cannot be written.
        """
        file = create(self._hold(), self.workspace_id, self._mode)
        self._file = file  # before it has its name: a reader must not find a journal that this process does not know
        try:
            leases = self._encoded_leases(file, list(self._leases), held=True)
            if leases:
                if file.append(leases) != len(leases):
                    raise disk_full()
                file.seed += len(leases)
            file.leased_to = file.size
            file.place(self.fsync)
        except CallFailed:
            if not file.is_placed_after_all():
                self._file = NO_FILE
                file.discard()
            raise
        logger.debug("Journal %s was opened in %s", file.id, self.folder)

    def _put_back(self, file: JournalFile, held: HeldFolder, replaced: list[JournalFile]) -> JournalFile:
        if not file.placed or (file.folder is held and file.is_in_place):
            return file
        other = file.copy_to(held, self._mode, self.fsync)
        replaced.append(file)
        logger.warning("Journal %s was put back into %s, from which somebody had removed it.", file.id, self.folder)
        return other

    def _failed(self, failed: CallFailed, written: int, call: Call = NUMBER_CALL) -> None:
        """After a failed or short write the file is never appended to again; whole items of it stay."""
        self._reason = failed.reason
        file = self._file
        whole = bisect_right(call.ends, written)
        size = call.ends[whole - 1] if whole else 0
        if written > size:
            file.shorten(file.size + size)
        file.intact = False
        self._backlog.remove(call.items[:whole])
        self._leave()

    def _sync(self) -> None:
        """Wait for the disk; where that fails nothing is written again, for a reader may have stored it."""
        try:
            self._file.sync()
        except CallFailed as failed:
            file = self._file
            self._reason = failed.reason
            self._unsynced[file.id] = file.size
            file.intact = False
            logger.error("%s: the disk may not have the last points of journal %s: %s.", self.folder, file.id, failed)
            self._leave()

    def _leave(self) -> None:
        """Write no more points to the journal; while leases are held it stays locked until `let_go`.

        A reader that found it ended before the store knows of the next one would take this process for gone.
        """
        self._earlier.append(self._file)
        self._file = NO_FILE
        if not self._leases and not self._starting:
            self._end_earlier()

    def _end_earlier(self) -> None:
        while self._earlier:
            self._earlier[0].finish(self.fsync)
            del self._earlier[0]

    def _encoded_leases(self, file: JournalFile, run_ids: list[str], held: bool) -> bytes:
        """Return the records of leases, each later than all before; of two about a run the later one holds."""
        now, boot_time = self._next_lease_time(), read_boot_time()
        records = b""
        for run_id in run_ids:
            records += encode_lease(file.seed + len(records), run_id, now, boot_time, held)
        return records

    def _next_lease_time(self) -> int:
        self._lease_time = max(time.time_ns() // 1_000_000, self._lease_time + 1)
        return self._lease_time

    def _write_leases(self, run_ids: list[str] | None, held: bool) -> None:
        """Append leases; where that fails they are written with the next journal, or the next time."""
        if self._is_within():
            return
        with self._lock:
            # Chosen within the lock: a run that another thread releases meanwhile is not leased again.
            run_ids = [one for one in (self._leases if run_ids is None else run_ids) if (one in self._leases) == held]
            if not run_ids:
                return
            self._enter()
            try:
                if self._file is not NO_FILE:
                    self._append_leases(run_ids, held)
                elif held:
                    self._open()  # which writes all of them
            except CallFailed as failed:
                logger.debug("Leases are not written to %s: %s", self.folder, failed)
            self._call = None

    def _append_leases(self, run_ids: list[str], held: bool) -> None:
        call = self._call = Call()
        data = self._encoded_leases(self._file, run_ids, held)
        call.add_leases(data)
        try:
            written = self._file.append(data)
        except CallFailed as failed:
            self._failed(failed, 0, call)
            raise
        if written != len(data):
            self._failed(disk_full(), written, call)
            return
        self._settle(call)
        self._call = Call()
        if self.fsync:
            self._sync()

    def _problems(self, run_id: str | None = None) -> list[str]:
        """Return what is wrong with what was logged, of a run or of all: empty if all of it is written."""
        problems = []
        backlogs = [self._backlog]
        lost = not self.is_in_place()
        if run_id is None or run_id in self._orphans:
            backlogs.append(self._homeless)
            lost = lost or bool(self._lost)
        if run_id in self._orphans or (run_id is None and self._orphans):
            problems.append("the workspace that is there now does not have a run that was logged to")
        waiting, dropped = sum(one.points for one in backlogs), sum(one.dropped for one in backlogs)
        if waiting or dropped:
            reason = self._reason or "the workspace of these runs is gone"
            problems.append(f"{reason}; {waiting} points are not written and {dropped} were dropped")
        if self._unsynced:
            problems.append(f"{self._reason}; the disk may not have what was logged last")
        if lost:
            problems.append("what was logged last is in a file that somebody has removed; create the folder again")
        return problems

    def _wait(self, items: list[Item], backlog: Backlog) -> None:
        for item in items:
            run_id = item.run_id
            sentence = f"Points had to wait in memory because {self.folder} could not be written."
            if not backlog.add(item):
                sentence = f"Points were dropped because {self.folder} could not be written for too long."
                self.troubles[run_id] = sentence
            self.troubles.setdefault(run_id, sentence)

    def _retry(self, force: bool) -> None:
        """Write what waits, at most once in `RETRY_SECONDS` unless forced."""
        now = time.monotonic()
        if not force and now < self._retry_at:
            return
        while self._backlog:
            items = self._backlog.first(AT_ONCE)
            written = self._write(items)
            if written < len(items):
                self._backlog.remove(items[:written])
                if self._retry_at == 0.0:
                    logger.error(
                        "Cannot write to %s: %s. Logging continues in memory and is written when that works again.",
                        self.folder,
                        self._reason,
                    )
                self._retry_at = now + RETRY_SECONDS
                return
        self._retry_at = 0.0
