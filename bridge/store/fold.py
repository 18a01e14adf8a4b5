"""Folding: from the journals of a folder into a store."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bridge.errors import BridgeError, InvalidState, NotAllowed, SchemaMismatch, StoreUnavailable
from bridge.journal.folder import JournalFolder
from bridge.journal.format import (
    API_SHIFT,
    FIRST_HEADER_SIZE,
    HAS_STEP,
    IMPRECISE,
    IS_INT,
    RECORDS_AT,
    Header,
    read_boot_time,
    same_id,
)
from bridge.journal.locks import LockTaken, ThreadLock
from bridge.journal.process import boot_id, time_namespace
from bridge.journal.system import CallFailed, is_of_handler
from bridge.records.series import imprecise_warning
from bridge.store.backend import Backend
from bridge.store.bounds import last_moment
from bridge.store.owners import Owners
from bridge.store.packages import has_package
from bridge.store.slices import LeaseRecord, Slice

if TYPE_CHECKING:
    from bridge.journal.reader import JournalReader
    from bridge.journal.stretch import Stretch
    from bridge.records.run import Lease

logger = logging.getLogger("bridge")

FOLD_BYTES, LEAST_BYTES = 8 << 20, 1 << 20
"""How much of all journals, and at least of each, one transaction stores."""

SWEEP_SECONDS = 5.0
"""How often journals that have not grown are looked at too: their writers may be gone."""

LOOK_SECONDS = 1.0
"""How often a read of statuses looks whether the owners of runs live."""

TURN_SECONDS = 0.5
"""About how long one turn of a fold lasts; between turns others that wait to fold have theirs."""

GIVE_WAY_SECONDS = 0.001
"""How long who folds steps aside after a turn: neither the lock between threads nor that between processes is fair."""

TRIES = 5
"""How often a fold is cut anew when somebody else has stored meanwhile."""


def _has_our_clock(header: Header) -> bool:
    """Whether the record times of a journal may be compared with this process's boot clock."""
    ours = boot_id(), time_namespace()
    return all(ours) and (header.boot_id, header.time_namespace) == ours


def _owners(folder: JournalFolder, leases: Sequence[Lease]) -> Owners:
    return Owners(folder, {lease.journal_id: lease.boot_time for lease in leases})


def _last_boot_time(stretch: Stretch) -> int:
    """When a process last wrote in a stretch of its journal, by its boot clock; 0 if nothing says so."""
    latest = max((boot_time for _, _, _, boot_time, _ in stretch.leases), default=0)
    return max(latest, int(stretch.rows["time"].max())) if len(stretch.rows) else latest


class _Cut(NamedTuple):
    """A stretch of a journal, from the byte offset where the store is; `clock` makes its times comparable."""

    reader: JournalReader
    start: int
    stretch: Stretch
    clock: int


@dataclass
class _Fold:
    """One call of `fold`, and how far it has come.

    `left` has the size up to which each journal is still to be stored; `journal_ids` are those that it began with.
    `listed` are all journals that the folder had then.
    Points that were logged after `until`, by the boot clock, are left to a later fold.
    `rests` is what was read and not stored yet, with its reader, by the journal.
    """

    left: dict[str, int]
    listed: frozenset[str]
    until: int
    rests: dict[str, tuple[JournalReader, Stretch]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.journal_ids = tuple(self.left)


@dataclass
class _Ending:
    """What the end of a fold asks once for all journals, and not before one is to be removed.

    The leases of the journals `ended` have been ended.
    A lease that a process takes afterwards is safe: a reader that does not find its journal ends it.
    """

    inner: Backend
    folder: JournalFolder
    ended: Collection[str] = ()

    @cached_property
    def _leases(self) -> list[Lease]:
        return self.inner.get_leases()

    @cached_property
    def owners(self) -> Owners:
        """The processes that write journals."""
        return _owners(self.folder, self._leases)

    @cached_property
    def owning(self) -> set[str]:
        """The journals whose processes own runs."""
        return {lease.journal_id for lease in self._leases}.difference(self.ended)


class Folding:
    """What moves the points of journals into a store; any thread may call.

    Args:
        inner: the store.
        folder: where journals lie.
        shared: the fold's lock is the folder's group's too.
        read_only: nothing may be written, so nothing is folded.
        workspace_id: whose journals are folded; empty if those of any.
    """

    def __init__(self, inner: Backend, folder: Path, shared: bool, read_only: bool, workspace_id: str = "") -> None:
        self._inner, self._read_only, self.workspace_id = inner, read_only, workspace_id
        self._folder = JournalFolder(folder, shared)
        self._begin()

    def _begin(self) -> None:
        self._lock = ThreadLock(str(self._folder.path))
        self._seen: dict[str, int] = {}
        self._readers: dict[str, JournalReader] = {}
        self._passed_over: set[str] = set()
        self._kept: set[str] = set()
        self._clocks: dict[tuple[str, int], int] = {}
        self._counted: dict[str, tuple[int, int, int]] = {}
        self._found: dict[str, list[str]] = {}
        self._damaged: set[str] = set()
        self._sweep_at = time.monotonic() + SWEEP_SECONDS
        self._look_at = 0.0
        self._said_unfolded = False
        self._said_clocks = False
        self.unfolded_bytes = 0

    def forget(self) -> None:
        """In a child after a fork."""
        self._begin()
        self._folder.close()

    def follow(self, workspace_id: str) -> None:
        """Fold the journals of the workspace that is at the path now."""
        with self._lock:  # another thread may be folding
            lock = self._lock
            self._begin()
            self._lock = lock
            self.workspace_id = workspace_id
            self._folder.close()

    def close(self) -> None:
        """Forget what was read; a later fold reads it again."""
        with self._lock:
            self._seen, self._readers = {}, {}
            self._folder.close()

    def fold(self, wait: bool = True) -> None:
        """Store every point that was logged before this call, unless this process cannot: then they are counted.

        Args:
            wait: wait for another process that folds; if False, leave it to that one.

        Raises:
            StoreUnavailable: the store cannot be written at the moment; another process or thread has been folding
                for longer than the limit of every wait; or this thread is, which a signal handler has interrupted.
        """
        until = read_boot_time()
        with self._border():
            if self._folder.look():
                self._seen = {}
            sizes = self._folder.sizes()
        sweeps = time.monotonic() > self._sweep_at
        if sweeps:
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
            self._seen = {}
        if not sweeps and all(self._seen.get(journal_id) == size for journal_id, size in sizes.items()):
            return
        if self._read_only or not has_package("numpy"):
            self._count_unfolded(sizes)
            return
        left = {journal_id: size for journal_id, size in sizes.items() if self._seen.get(journal_id) != size}
        fold = _Fold(left, frozenset(sizes), until)
        if not wait:
            with suppress(LockTaken), self._lock.at_once():
                if self._fold_some(fold, wait) and sweeps:
                    self._sweep()
            return
        while True:
            with self._lock:
                if self._fold_some(fold, wait) and not left:
                    if sweeps:
                        self._sweep()
                    return
            time.sleep(GIVE_WAY_SECONDS)

    def _sweep(self) -> None:
        self._end_leases()
        with self._border():
            self._folder.remove_leftovers()

    def look_after_leases(self) -> bool:
        """Fold, if the owner of some run seems to be gone or silent; whether it did. At most once a second.

        It answers a read of statuses, which must not fail where a fold does.
        """
        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + LOOK_SECONDS
        try:
            if self._inner.end_unclaimed(time.time_ns() // 1_000_000):
                return True
            leases = self._inner.get_leases()
            if not leases or not self._seems_over(leases):
                return False
            self._sweep_at = 0.0
            self.fold()
        except (BridgeError, ImportError, MemoryError) as error:  # the last two: numpy's import may fail
            logger.debug("Owners of runs are not asked after this time: %s", error)
            return False
        return True

    def _seems_over(self, leases: list[Lease]) -> bool:
        with self._border():
            self._folder.look()
            there = self._folder.sizes()
            owners = _owners(self._folder, leases)
            for journal_id in {lease.journal_id for lease in leases}:
                if journal_id not in there or self._folder.may_be_closed(journal_id):
                    return True
                try:
                    with self._folder.lock_of(journal_id) as lock:
                        header = self._header(journal_id)
                        if owners.look(journal_id, header, lock) == "gone":
                            return True
                        if owners.is_silent(journal_id, header, lock):
                            return True
                except FileNotFoundError as error:
                    if is_of_handler(error):
                        raise
                    return True
        return False

    def _end_leases(self) -> None:
        """End the leases of journals that somebody took away, and mark runs whose owner is silent."""
        self._inner.end_unclaimed(time.time_ns() // 1_000_000)
        leases = self._inner.get_leases()
        if not leases:
            return
        gone, silent = {}, set()
        with self._border():
            owners = _owners(self._folder, leases)
            for journal_id in {lease.journal_id for lease in leases}:
                try:
                    with self._folder.lock_of(journal_id) as lock:
                        if owners.is_silent(journal_id, self._header(journal_id), lock):
                            silent.add(journal_id)
                except FileNotFoundError as error:
                    if is_of_handler(error):
                        raise
                    gone[journal_id] = 0
        self._inner.end_leases(gone, silent)

    def _header(self, journal_id: str) -> Header | None:
        """The header of a journal; None if it is damaged, or the journal is left as it is.

        Raises:
            FileNotFoundError: the journal does not exist.
        """
        reader = self._reader(journal_id)
        return None if reader is None or reader.header_damaged else reader.header

    def _fold_some(self, fold: _Fold, wait: bool) -> bool:
        """Store some of what is left of a fold; return whether it was this process's turn."""
        left = fold.left
        before = self._inner.get_receipts(list(left)) if wait else {}
        turn_ends = None
        try:
            with self._border(), self._folder.folding(wait) as mine:
                turn_ends = time.monotonic() + TURN_SECONDS
                if not mine:
                    return False
                while left:
                    self._store_some(fold)
                    if time.monotonic() > turn_ends:
                        break
                if not left:
                    self._finish(fold)
        except StoreUnavailable:
            # A process that gets on with a large fold is not a stopped one.
            if turn_ends is None and wait and self._inner.get_receipts(list(left)) != before:
                return False
            raise
        return True

    @contextmanager
    def _border(self) -> Iterator[None]:
        """The folder's errors become ours here."""
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

    def _store_some(self, fold: _Fold) -> None:
        """Store the oldest part of what is left, in one transaction; what is done leaves `fold.left`."""
        for _ in range(TRIES):
            self._found = {}
            pieces = self._cut_together(fold)
            if not pieces:
                return
            self._keep_damaged()
            try:
                self._inner.append(pieces)
            except InvalidState as error:  # somebody else has stored meanwhile: cut anew
                mismatch = error
                continue
            size_bytes = sum(piece.end - piece.start for piece in pieces)
            logger.debug("Folded %d bytes of %d journals of %s", size_bytes, len(pieces), self._folder.path)
            for journal_id, sentences in self._found.items():
                for sentence in sentences:
                    self._damaged.add(journal_id)
                    logger.warning("%s", sentence)
            return
        raise mismatch

    def _keep_damaged(self) -> None:
        """Keep journals in which damage was found: another process may be the one that removes them."""
        for journal_id in [journal_id for journal_id, sentences in self._found.items() if sentences]:
            try:
                self._folder.link_damaged(journal_id)
            except CallFailed as failed:  # then this process keeps it, if it is the one that ends it
                logger.debug("Journal %s has no second name: %s", self._folder.path_of(journal_id), failed)

    def _cut_together(self, fold: _Fold) -> list[Slice]:
        """Slices of all journals that end at one moment, so that no later transaction brings an earlier point."""
        left = fold.left
        size_of = dict(left)
        ends = self._inner.get_receipts(list(left))
        share = max(LEAST_BYTES, FOLD_BYTES // len(left))
        cuts: list[_Cut] = []
        horizon: int | None = None
        for journal_id, size in list(left.items()):
            start = ends.get(journal_id, 0)
            cut = self._cut(fold, journal_id, start, share)
            if cut is None or cut.stretch.end <= start:  # all is stored, or what is left came after this read began
                if cut is None:
                    self._seen[journal_id] = size
                del left[journal_id]
                continue
            cuts.append(cut)
            if cut.stretch.end < size and len(cut.stretch.rows):
                last = int(cut.stretch.rows["time"][-1]) + cut.clock
                horizon = last if horizon is None else min(horizon, last)
        # Of a stretch without points, as the definitions of a wide row, nobody knows yet what moment follows it.
        unknown = [cut for cut in cuts if cut.stretch.end < size_of[cut.reader.id] and not len(cut.stretch.rows)]
        if unknown:
            stored = {cut.reader.id for cut in unknown}
            later = [cut for cut in cuts if cut.reader.id not in stored]
            fold.rests.update({cut.reader.id: (cut.reader, cut.stretch) for cut in later})
            return [self._slice(cut) for cut in unknown]
        self._report_clocks(cuts)
        rows = [cut.stretch.rows for cut in cuts]
        times = [own["time"] + cut.clock for own, cut in zip(rows, cuts, strict=True)]
        bound = last_moment(times, [own["series"] for own in rows])
        if bound is not None:
            horizon = bound if horizon is None else min(horizon, bound)
        for cut in cuts:
            rest = None if horizon is None else cut.stretch.cut(horizon - cut.clock)
            if rest is not None:
                fold.rests[cut.reader.id] = cut.reader, rest
        return [self._slice(cut) for cut in cuts if cut.stretch.end > cut.start]

    def _cut(self, fold: _Fold, journal_id: str, start: int, share: int) -> _Cut | None:
        """The next stretch of a journal, of about `share` bytes; None if nothing more can be read of it."""
        size = fold.left[journal_id]
        found = self._read_some(fold, journal_id, start, size, share)
        if found is None:
            return None
        reader, stretch = found
        if stretch.unknown and journal_id not in self._kept:
            self._kept.add(journal_id)
            logger.warning(
                "Journal %s has a record of type %d at offset %d, which this version of Runbridge does not know: "
                "the journal is kept, and what follows is read by a newer version.",
                reader.path,
                stretch.unknown,
                stretch.end,
            )
        if stretch.end <= start:
            return None
        if _has_our_clock(reader.header):
            stretch.cut(fold.until)
        return _Cut(reader, start, stretch, self._clock_of(reader.header))

    def _read_some(
        self, fold: _Fold, journal_id: str, start: int, size: int, share: int
    ) -> tuple[JournalReader, Stretch] | None:
        """The reader of a journal and its next stretch; None if there is nothing to read."""
        for _ in range(2):
            try:
                reader = self._reader(journal_id)
                if start >= size or reader is None:
                    return None
                of_reader, stretch = fold.rests.pop(journal_id, (None, None))
                # Another reader does not know the definitions that stand before it.
                if of_reader is reader and stretch is not None and stretch.start == max(start, reader.records_at):
                    return reader, stretch
                stretch = reader.read(start, size, share)
                if start == 0 and reader.header_damaged:
                    stretch.damages.insert(0, (0, "its header"))
                return reader, stretch
            except FileNotFoundError as error:
                if is_of_handler(error):
                    raise
                # Its process may have put it back: then another file has its name.
                self._readers.pop(journal_id, None)
        return None

    def _clock_of(self, header: Header) -> int:
        """What is added to a journal's record times, so that they may be compared.

        One distance from the boot clock to the wall clock for all journals of one clock: the wall clock may have been
        set since.
        """
        distance = header.wall_time - header.boot_time
        if not header.boot_id:
            return distance
        return self._clocks.setdefault((header.boot_id, header.time_namespace), distance)

    def _slice(self, cut: _Cut) -> Slice:
        """A stretch as the store takes it."""
        import numpy

        reader, stretch = cut.reader, cut.stretch
        rows, flags = stretch.rows, stretch.rows["flags"]
        found = [
            f"Journal {reader.path} is damaged at offset {offset}: {what} cannot be read and are skipped."
            for offset, what in stretch.damages
        ]
        self._found[reader.path.stem] = found
        runs = {definition.run_id for definition in reader.definitions.values()} if found else ()
        warnings = [(run_id, sentence) for sentence in found for run_id in sorted(runs)]
        imprecise = (flags & IMPRECISE) != 0
        if imprecise.any():
            for number in sorted(set(rows["series"][imprecise].tolist())):
                definition = reader.definitions[number]
                warnings.append((definition.run_id, imprecise_warning(definition.key)))
        return Slice(
            journal_id=reader.path.stem,
            start=cut.start,
            end=stretch.end,
            definitions={number: reader.definitions[number] for number in numpy.unique(rows["series"]).tolist()},
            series=rows["series"],
            times=rows["time"] + cut.clock,
            timestamps=rows["timestamp"],
            steps=rows["step"],
            has_step=(flags & HAS_STEP) != 0,
            values=rows["value"],
            ints=(flags & IS_INT) != 0,
            doors=(flags >> API_SHIFT) & 3,
            joined=stretch.joined,
            texts=stretch.texts,
            warnings=tuple(warnings),
            leases=tuple(LeaseRecord(run_id, time, held) for _, run_id, time, _, held in stretch.leases),
            boot_time=_last_boot_time(stretch),
            workspace_id=reader.header.workspace_id if self.workspace_id else "",
        )

    def _reader(self, journal_id: str) -> JournalReader | None:
        """The reader of a journal; None for one that is left as it is.

        Raises:
            FileNotFoundError: it does not exist any more.
        """
        from bridge.journal.reader import JournalReader

        if journal_id in self._passed_over:
            return None
        reader = self._readers.get(journal_id)
        if reader is not None:
            return reader
        try:
            reader = JournalReader(self._folder, journal_id)
        except SchemaMismatch as error:
            self._passed_over.add(journal_id)
            logger.warning("A journal is left as it is: %s", error)
            return None
        belongs_to = reader.header.workspace_id
        if not self._is_ours(belongs_to):
            self._passed_over.add(journal_id)
            logger.warning("Journal %s is left as it is: it belongs to another workspace, %s.", reader.path, belongs_to)
            return None
        self._readers[journal_id] = reader
        return reader

    def _is_ours(self, belongs_to: str) -> bool:
        """Whether a journal that belongs to a workspace is of the one at the path, which may be another than before."""
        if not self.workspace_id or not belongs_to or same_id(belongs_to, self.workspace_id):
            return True
        found = self._inner.find_workspace_id()
        if found != self.workspace_id:
            self.workspace_id = found
            self._passed_over = set()
        return same_id(belongs_to, found)

    def _report_clocks(self, cuts: Sequence[_Cut]) -> None:
        """Say once that processes without a common clock are ordered by the wall clock."""
        headers = [cut.reader.header for cut in cuts if len(cut.stretch.rows)]
        clocks = {(h.boot_id, h.time_namespace) if h.boot_id else (h.journal_id, -1) for h in headers}
        if len(clocks) > 1 and not self._said_clocks:
            self._said_clocks = True
            logger.warning(
                "%s has journals of processes that do not share a clock, as on two machines: "
                "the order of their points is that of their wall clocks.",
                self._folder.path,
            )

    def _finish(self, fold: _Fold) -> None:
        """Remove journals that are stored to their end and whose writers are gone, and end the leases they held."""
        gone = {}
        ending = _Ending(self._inner, self._folder)
        for journal_id in fold.journal_ids:
            owned_until = self._finish_one(journal_id, ending)
            if owned_until is not None:
                gone[journal_id] = owned_until
        # One that was begun since may have taken the leases over.
        if not gone or self._folder.sizes().keys() - fold.listed:
            return
        self._inner.end_leases(gone)
        ending = _Ending(self._inner, self._folder, gone.keys())
        for journal_id in gone:
            self._finish_one(journal_id, ending)

    def _finish_one(self, journal_id: str, ending: _Ending) -> int | None:
        """Remove a journal if nobody needs it any more.

        Returns:
            When it was last written to, in milliseconds since 1970 UTC, if its writer is gone and its leases are to be
            ended before; else None.
        """
        if journal_id in self._passed_over or journal_id in self._kept:
            return None
        try:
            with self._folder.lock_of(journal_id) as lock:
                if lock == "held" and not self._folder.may_be_closed(journal_id):
                    return None
                size = self._folder.size_of(journal_id)
                if self._seen.get(journal_id) != size:
                    return None  # what came since is stored by a later fold, with what other journals got concurrently
                stored = self._inner.get_receipts([journal_id]).get(journal_id, 0)
                closed = self._is_closed(journal_id, stored)
                if not closed and stored < size and self._has_more(journal_id, stored, size):
                    self._seen.pop(journal_id, None)
                    return None  # the database came from a backup meanwhile: it has less than what this fold has stored
                owner = "gone" if closed else ending.owners.look(journal_id, self._header(journal_id), lock)
                if journal_id in ending.owning:
                    return self._folder.written_at(journal_id) // 1_000_000 if owner == "gone" else None
                # One that has executed another program owns its runs until it ends, and is known by its journal.
                if owner != "gone" and (owner != "alive" or lock != "free"):
                    return None
                self._settle(journal_id, size, stored, closed)
        except FileNotFoundError as error:
            if is_of_handler(error):
                raise
            return None
        self._seen.pop(journal_id, None)
        self._readers.pop(journal_id, None)
        return None

    def _has_more(self, journal_id: str, stored: int, size: int) -> bool:
        """Whether whole records follow what is stored of a journal."""
        reader = self._reader(journal_id)
        return reader is not None and reader.read(stored, size).end > max(stored, reader.records_at)

    def _is_closed(self, journal_id: str, stored: int) -> bool:
        """Whether a journal that is stored so far has its closing record there."""
        reader = self._reader(journal_id)
        if reader is None or not self._folder.may_be_closed(journal_id):
            return False
        if reader.closed_at is None:
            reader.read(stored, self._folder.size_of(journal_id))
        return reader.closed_at is not None and stored >= reader.closed_at

    def _settle(self, journal_id: str, size: int, stored: int, closed: bool) -> None:
        path = self._folder.path_of(journal_id)
        reader = self._readers.get(journal_id)
        if size == 0 or journal_id in self._damaged or (reader is not None and reader.header_damaged):
            if size == 0:
                logger.warning("Journal %s is empty (offset 0): nothing can be read from it.", path)
            elif journal_id not in self._damaged:
                logger.warning("Journal %s is damaged at offset 0: its header and all after it cannot be read.", path)
            self._folder.rename_damaged(journal_id)
            return
        if not closed and stored < size and size > FIRST_HEADER_SIZE:
            logger.warning(
                "Journal %s ends with a torn record at offset %d: its last %d bytes were never acknowledged.",
                path,
                stored,
                size - stored,
            )
        self._folder.remove(journal_id)

    def _count_unfolded(self, sizes: dict[str, int]) -> None:
        ends = self._inner.get_receipts(list(sizes))
        counted = {}
        for journal_id, size in sizes.items():
            state = size, ends.get(journal_id, 0)
            known = self._counted.get(journal_id)
            counted[journal_id] = (
                known if known is not None and known[:2] == state else (*state, self._point_bytes(journal_id, *state))
            )
        self._counted = counted
        self.unfolded_bytes = sum(found for _, _, found in counted.values())
        if self.unfolded_bytes and self._read_only and not self._said_unfolded:
            self._said_unfolded = True
            logger.warning(
                "%d bytes of points in the journals of %s are not folded yet, and nothing may be written here: "
                "these points are not shown until somebody who may write has read the workspace.",
                self.unfolded_bytes,
                self._folder.path,
            )

    def _point_bytes(self, journal_id: str, size: int, stored: int) -> int:
        """How many bytes of a journal belong to points that are not stored; all that may, if it cannot be read."""
        for _ in range(2):
            try:
                reader = self._reader(journal_id)
                return 0 if reader is None else reader.point_bytes(stored, size)
            except OSError as error:
                if is_of_handler(error):
                    raise
                if isinstance(error, FileNotFoundError):  # as in `_read_some`
                    self._readers.pop(journal_id, None)
                    continue
                logger.debug("Journal %s cannot be read: %s", self._folder.path_of(journal_id), error)
                return max(0, size - max(stored, RECORDS_AT))
        return 0
