"""Writing a journal: what a log call returns from."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import threading
import time
from collections import deque
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from bridge.errors import StoreUnavailable
from bridge.journal.format import (
    CLOCK,
    DOOR_SHIFT,
    HAS_STEP,
    NUMBER,
    NUMBER_SIZE,
    SUFFIX,
    TYPE_NUMBER,
    encode_definition,
    encode_end,
    encode_header,
    encode_lease,
    encode_number,
    encode_row,
    encode_text,
    int_flags,
    new_journal_id,
)
from bridge.records.limits import UNWRITTEN_BYTES
from bridge.records.series import COLUMN, SCALAR, Definition, Point, Value, definition_of

logger = logging.getLogger("bridge")

JOURNAL_BYTES = 64 << 20
"""A journal that is larger is closed, and another begun, so that what is stored can be removed."""

RETRY_SECONDS = 1.0
"""How long a place that cannot be written is left alone."""

_boot_time = time.clock_gettime_ns


class _Waiting(NamedTuple):
    """A point, or the cells of a row, that could not be written yet."""

    run_id: str
    time_ns: int
    points: list[Point]
    door: int

    @property
    def size_bytes(self) -> int:
        texts = (point.value.encode() for point in self.points if isinstance(point.value, str))
        return NUMBER_SIZE * len(self.points) + sum(map(len, texts))


class JournalWriter:
    """The journal of this process, begun when the first point is written.

    Points are checked by the caller.
    Any thread may call; a `fork` must be followed by `forget` in the child.
    `troubles` has a sentence for each run whose points could not be written at once; who keeps it removes it.

    Args:
        folder: where journals lie; it is made if absent.
        fsync: wait for the disk before a call returns.
        shared: the journal may be read and removed by the folder's group.
    """

    def __init__(self, folder: Path, fsync: bool = False, shared: bool = False) -> None:
        self.folder, self.fsync, self.shared = folder, fsync, shared
        self._lock = threading.RLock()
        self._begin()

    def _begin(self) -> None:
        self._busy = False
        self._interrupting: JournalWriter | None = None
        self._fd = -1
        self._size = 0
        self._journal_id = ""
        self._numbers: dict[Definition, int] = {}
        self._fast: dict[tuple[str, str], int] = {}
        self._columns: dict[tuple[str, str], dict[tuple[str, bool], int]] = {}
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._dropped = 0
        self._retry_at = 0.0
        self._reason = ""
        self._leases: dict[str, None] = {}
        self._lease_time = 0
        self._leased_to = 0
        self._beginning = 0
        self._earlier: list[tuple[int, bool]] = []
        self.troubles: dict[str, str] = {}

    @property
    def journal_id(self) -> str:
        """The id of the open journal; empty if none is."""
        return self._journal_id

    @property
    def size_bytes(self) -> int:
        """The size of the open journal."""
        return self._size

    @property
    def hands_over(self) -> bool:
        """Whether earlier journals wait for `let_go`, or this one has yet to be begun to say leases."""
        return bool(self._earlier) or (bool(self._leases) and self._fd < 0)

    def begin(self) -> tuple[str, int]:
        """Keep the journal, or one that is begun for it, until `begun`: leases are to name it before they are held.

        Returns:
            Its id, empty if none can be written, and the time of such a lease.
        """
        with self._lock:
            self._beginning += 1
            try:
                if self._fd < 0 and not self._busy:
                    self._open()
            except OSError as error:
                logger.debug("No journal can be begun in %s: %s", self.folder, error)
            return self._journal_id, self._next_lease_time()

    def begun(self) -> None:
        """The leases are held, or were not needed."""
        with self._lock:
            self._beginning -= 1

    def hold(self, run_id: str) -> None:
        """Say that this process speaks for a run, now and first in every later journal."""
        with self._lock:
            self._leases[run_id] = None
            self._say([run_id], held=True)

    def release(self, run_id: str) -> None:
        """Say that this process speaks for a run no longer."""
        with self._lock:
            if run_id in self._leases:
                del self._leases[run_id]
                self._say([run_id], held=False)

    def renew(self) -> None:
        """Say again which runs this process speaks for."""
        with self._lock:
            self._say(list(self._leases), held=True)

    def let_go(self, stored: int) -> None:
        """End earlier journals, if the store has the leases of the open one; it has that up to `stored`."""
        with self._lock:
            if self._fd >= 0 and stored >= self._leased_to and not self._beginning:
                self._end_earlier()

    def log_number(self, run_id: str, key: str, value: float, flags: int, timestamp: int, step: int) -> bool:
        """Append a number point of a series that was written before; False if it was not, or cannot be."""
        with self._lock:
            number = self._fast.get((run_id, key))
            if number is None or self._size > JOURNAL_BYTES or self._busy:
                return False
            self._busy = True
            try:
                body = NUMBER.pack(
                    NUMBER_SIZE, TYPE_NUMBER, flags, 0, number, _boot_time(CLOCK), timestamp, step, value
                )
                written = 0
                written = os.write(self._fd, crc32(body).to_bytes(4, "little") + body)
                if written != NUMBER_SIZE:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                if self.fsync:
                    os.fsync(self._fd)
            except OSError as error:
                self._abandon(error, written)
                return False
            finally:
                self._busy = False
            self._size += NUMBER_SIZE
            return True

    def log(self, run_id: str, points: list[Point], door: int) -> None:
        """Append points in the order given with one write; the cells of a row are written together or not at all.

        What cannot be written waits in memory, and is written first when writing works again.
        """
        with self._lock:
            if self._busy:
                self._other().log(run_id, points, door)
                return
            self._busy = True
            try:
                items: list[_Waiting] = []
                for point in points:
                    if point.joined:
                        items[-1].points.append(point)
                    else:
                        items.append(_Waiting(run_id, _boot_time(CLOCK), [point], door))
                if self._waiting:
                    self._keep(items)
                    self._retry(force=False)
                else:
                    written = self._write(items)
                    if written < len(items):
                        self._keep(items[written:])
                        self._retry(force=True)
            finally:
                self._busy = False

    def stop_fast(self, run_id: str) -> None:
        """Make `log_number` answer False for a run, so that its next point is checked anew."""
        with self._lock:
            for pair in [pair for pair in self._fast if pair[0] == run_id]:
                del self._fast[pair]

    def flush(self) -> None:
        """Write what waits.

        Raises:
            StoreUnavailable: points are unwritten, or were dropped.
        """
        with self._lock:
            if self._interrupting is not None:
                self._interrupting.flush()
            if self._busy:
                return
            if self._waiting:
                self._retry(force=True)
            if self._waiting or self._dropped:
                said = f"{self._unwritten()} points are not written and {self._dropped} were dropped"
                raise StoreUnavailable(str(self.folder), f"{self._reason}; {said}")

    def retry(self) -> None:
        """Write what waits, if it is time to try."""
        with self._lock:
            if self._waiting and not self._busy:
                self._retry(force=False)

    def close(self) -> None:
        """End the journal with a closing record; a later point begins another."""
        with self._lock:
            if self._interrupting is not None:
                self._interrupting.close()
            if self._busy:
                return
            if self._waiting:
                self._retry(force=True)
            if self._waiting:
                logger.error("%d points could not be written to %s.", self._unwritten(), self.folder)
            self._end_earlier()
            self._end()

    def forget(self) -> None:
        """In a child after a fork: let go of the parent's journal without touching it."""
        for fd in (self._fd, *(earlier for earlier, _ in self._earlier)):
            if fd >= 0:
                os.close(fd)
        if self._interrupting is not None:
            self._interrupting.forget()
        self._lock = threading.RLock()
        self._begin()

    # Below, the lock is held.

    def _other(self) -> JournalWriter:
        """The journal of a signal's handler, or a finalizer, that logs within a call of its own thread."""
        if self._interrupting is None:
            self._interrupting = JournalWriter(self.folder, self.fsync, self.shared)
        return self._interrupting

    def _write(self, items: list[_Waiting]) -> int:
        """Append points with one write; returns how many are written, and if not all are, no journal is open.

        Those that are written stay: a reader may have stored them already.
        """
        written = 0
        pieces: list[bytes] = []
        fresh: dict[tuple[str, str], int] = {}
        try:
            if self._size > JOURNAL_BYTES:
                self._hand_over()
            if self._fd < 0:
                self._open()
            pieces = [self._encoded(item, fresh) for item in items]
            data = b"".join(pieces)
            written = os.write(self._fd, data)
            if written != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self.fsync:
                os.fsync(self._fd)
        except OSError as error:
            whole = 0
            if not self.fsync:
                ends = accumulate(map(len, pieces))
                whole = sum(end <= written for end in ends)
            self._abandon(error, written - sum(map(len, pieces[:whole])))
            return whole
        except BaseException:  # of a signal's handler: a series may have got its number and no definition
            self._abandon(InterruptedError(errno.EINTR, os.strerror(errno.EINTR)), 0)
            raise
        self._size += written
        self._fast.update(fresh)
        return len(items)

    def _encoded(self, item: _Waiting, fast: dict[tuple[str, str], int]) -> bytes:
        """The records of an item; series that `log_number` may append to from now on are added to `fast`."""
        run_id, time_ns, points, door = item
        key, value, timestamp, step, kind, *_ = points[0]
        flags = door << DOOR_SHIFT | (HAS_STEP if step is not None else 0)
        pieces: list[bytes] = []
        if kind == COLUMN:
            cells = self._cells(run_id, points, pieces)
            pieces.append(encode_row(flags, time_ns, timestamp, step or 0, cells))
            return b"".join(pieces)
        definition = definition_of(run_id, points[0])
        number = self._number(definition, pieces)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if isinstance(value, int):
                flags |= int_flags(value)
            pieces.append(encode_number(number, flags, time_ns, timestamp, step or 0, value))
            if kind == SCALAR:
                fast[run_id, key] = number
        else:
            pieces.append(encode_text(number, flags, time_ns, timestamp, step or 0, value))
        return b"".join(pieces)

    def _cells(self, run_id: str, points: list[Point], pieces: list[bytes]) -> list[tuple[int, Value]]:
        """The series number and value of each cell of a row; definitions that are missing are added to `pieces`."""
        name = run_id, points[0].key
        known = self._columns.get(name)
        if known is None:
            known = self._columns[name] = {}
        cells = []
        for point in points:
            value = point.value
            column = point.column, type(value) is float or type(value) is int
            number = known.get(column)
            if number is None:
                number = known[column] = self._number(definition_of(run_id, point), pieces)
            cells.append((number, value))
        return cells

    def _number(self, definition: Definition, pieces: list[bytes]) -> int:
        """The number of a series in this journal; a new one has its definition added to `pieces`."""
        number = self._numbers.get(definition)
        if number is None:
            number = self._numbers[definition] = len(self._numbers)
            pieces += [encode_definition(number, definition)] * 2  # one damaged byte never costs a series
        return number

    def _open(self) -> None:
        """Begin a journal: it appears in the folder with its header, and locked for the life of this process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        journal_id = new_journal_id()
        part = self.folder / f".{journal_id}.part"
        mode = 0o664 if self.shared else 0o644
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, mode)
        try:
            if self.shared:
                os.fchmod(fd, mode)
            header = encode_header(journal_id) + self._encoded_leases(list(self._leases), held=True)
            if os.write(fd, header) != len(header):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                logger.info("%s has no file locks: a journal is removed only after its closing record.", self.folder)
            if self.fsync:
                os.fsync(fd)
            os.rename(part, self.folder / (journal_id + SUFFIX))
            if self.fsync:
                _fsync_folder(self.folder)
        except BaseException:
            os.close(fd)
            part.unlink(missing_ok=True)
            raise
        self._fd, self._size, self._journal_id, self._leased_to = fd, len(header), journal_id, len(header)
        self._numbers, self._fast, self._columns = {}, {}, {}
        logger.debug("Journal %s was opened in %s", journal_id, self.folder)

    def _abandon(self, error: OSError, torn: int) -> None:
        """After a failed or short write the file is never appended to again; its last `torn` bytes are no records."""
        self._reason = error.strerror or str(error)
        if self._fd >= 0:
            try:
                if torn:
                    os.ftruncate(self._fd, os.fstat(self._fd).st_size - torn)
            except OSError:
                logger.debug("A torn record stays at the end of journal %s.", self._journal_id)
            self._leave(intact=False)

    def _hand_over(self) -> None:
        """Leave a journal for a later one, which is to say the leases first."""
        if self._fd >= 0:
            self._leave(intact=True)

    def _leave(self, intact: bool) -> None:
        """Write no more points to the journal; while leases are held it stays locked until `let_go`.

        Whoever found it ended before the store knows of the next one would take this process for gone.
        """
        if self._leases or self._beginning:
            self._earlier.append((self._fd, intact))
        else:
            self._finish(self._fd, intact)
        self._fd, self._size, self._journal_id = -1, 0, ""
        self._numbers, self._fast, self._columns = {}, {}, {}

    def _end(self) -> None:
        """End the journal, whatever leases are held."""
        if self._fd >= 0:
            self._finish(self._fd, intact=True)
        self._fd, self._size, self._journal_id = -1, 0, ""
        self._numbers, self._fast, self._columns = {}, {}, {}

    def _end_earlier(self) -> None:
        for fd, intact in self._earlier:
            self._finish(fd, intact)
        self._earlier = []

    def _finish(self, fd: int, intact: bool) -> None:
        """Close a journal, with a closing record unless its end is uncertain."""
        try:
            if intact:
                os.write(fd, encode_end())
                if self.fsync:
                    os.fsync(fd)
        except OSError as error:
            logger.debug("A journal in %s has no closing record: %s", self.folder, error)
        os.close(fd)

    def _encoded_leases(self, run_ids: list[str], held: bool) -> bytes:
        """The records of leases, each later than all before; of two about a run the later one holds."""
        if not run_ids:
            return b""
        now = self._next_lease_time()
        return b"".join(encode_lease(run_id, now, held) for run_id in run_ids)

    def _next_lease_time(self) -> int:
        self._lease_time = max(time.time_ns() // 1_000_000, self._lease_time + 1)
        return self._lease_time

    def _say(self, run_ids: list[str], held: bool) -> None:
        """Append leases; where that fails they are said with the next journal, or the next time."""
        if self._busy or not run_ids:
            return
        self._busy = True
        written = 0
        try:
            if self._fd < 0:
                self._open()
                if held:
                    return
            data = self._encoded_leases(run_ids, held)
            written = os.write(self._fd, data)
            if written != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self.fsync:
                os.fsync(self._fd)
            self._size += written
            self._leased_to = self._size
        except OSError as error:
            logger.debug("Leases are not written to %s: %s", self.folder, error)
            self._abandon(error, written)
        except BaseException:  # of a signal's handler
            self._abandon(InterruptedError(errno.EINTR, os.strerror(errno.EINTR)), 0)
            raise
        finally:
            self._busy = False

    def _unwritten(self) -> int:
        return sum(len(item.points) for item in self._waiting)

    def _keep(self, items: list[_Waiting]) -> None:
        for item in items:
            run_id = item.run_id
            self.troubles.setdefault(run_id, f"Points had to wait in memory, for {self.folder} could not be written.")
            if self._waiting_bytes + item.size_bytes > UNWRITTEN_BYTES:
                self._dropped += len(item.points)
                self.troubles[run_id] = f"Points were dropped, for {self.folder} could not be written for too long."
            else:
                self._waiting.append(item)
                self._waiting_bytes += item.size_bytes

    def _retry(self, force: bool) -> None:
        """Write what waits, at most once in `RETRY_SECONDS` unless forced."""
        now = time.monotonic()
        if not force and now < self._retry_at:
            return
        while self._waiting:
            items = [self._waiting[i] for i in range(min(len(self._waiting), 10_000))]
            written = self._write(items)
            for item in items[:written]:
                self._waiting.popleft()
                self._waiting_bytes -= item.size_bytes
            if written < len(items):
                if self._retry_at == 0.0:
                    logger.error(
                        "Cannot write to %s: %s. Logging goes on in memory and is written when that works again.",
                        self.folder,
                        self._reason,
                    )
                self._retry_at = now + RETRY_SECONDS
                return
        self._retry_at = 0.0


def _fsync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
