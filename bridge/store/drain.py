"""Folding: from the journals of a folder into a store."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import InvalidState, NotAllowed, SchemaMismatch, StoreUnavailable
from bridge.journal.folder import JournalFolder
from bridge.journal.format import DOOR_SHIFT, HAS_STEP, HEADER_SIZE, IMPRECISE, IS_INT, read_boot_id, read_boot_time
from bridge.records.series import imprecise_warning
from bridge.store.tracking import Slice, TrackingStore

if TYPE_CHECKING:
    from bridge.journal.reader import JournalReader, Stretch

logger = logging.getLogger("bridge")

FOLD_BYTES = 32 << 20
"""How much of the journals one transaction stores."""

SWEEP_SECONDS = 5.0
"""How often journals that have not grown are looked at too: their writers may be gone."""

TRIES = 5
"""How often a fold is cut anew when somebody else has stored meanwhile."""


class Drain:
    """What moves the points of journals into a store; any thread may call.

    Args:
        inner: the store.
        folder: where journals lie.
        shared: the fold's lock is the folder's group's too.
        read_only: nothing may be written, so nothing is folded.
    """

    def __init__(self, inner: TrackingStore, folder: Path, shared: bool, read_only: bool) -> None:
        self._inner, self._read_only = inner, read_only
        self._folder = JournalFolder(folder, shared)
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}
        self._readers: dict[str, JournalReader] = {}
        self._passed_over: set[str] = set()
        self._clocks: dict[str, int] = {}
        self._sweep_at = time.monotonic() + SWEEP_SECONDS
        self._said_unfolded = False
        self.unfolded_bytes = 0

    def forget(self) -> None:
        """In a child after a fork."""
        self._begin()

    def close(self) -> None:
        """Forget what was read; a later fold reads it again."""
        with self._lock:
            self._seen, self._readers = {}, {}

    def fold(self, wait: bool = True) -> None:
        """Store every point that was logged before this call.

        Args:
            wait: wait for another process that folds; if False, leave it to that one.

        Raises:
            StoreUnavailable: the store cannot be written at the moment.
        """
        until = read_boot_time()
        sizes = self._folder.sizes()
        if time.monotonic() > self._sweep_at:
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
            self._seen = {}
        if all(self._seen.get(journal_id) == size for journal_id, size in sizes.items()):
            return
        if self._read_only:
            self._say_unfolded(sizes)
            return
        if not self._lock.acquire(blocking=wait):
            return
        try:
            self._fold_to(sizes, until, wait)
        finally:
            self._lock.release()

    def _fold_to(self, sizes: dict[str, int], until: int, wait: bool) -> None:
        try:
            with self._folder.folding(wait) as mine:
                if mine:
                    todo = {j: size for j, size in sizes.items() if self._seen.get(j) != size}
                    self._store(todo, until)
                    for journal_id in todo:
                        self._finish(journal_id)
        except PermissionError as error:
            if isinstance(error, NotAllowed):
                raise
            raise NotAllowed("fold journals in", str(self._folder.path), error.strerror or "no permission") from error
        except OSError as error:
            if error.errno is None:
                raise
            raise StoreUnavailable(str(self._folder.path), error.strerror or str(error)) from error

    def _store(self, todo: dict[str, int], until: int | None) -> None:
        """Store journals up to the sizes seen, as many to a transaction as fit."""
        left, tries = dict(todo), 0
        while left:
            ends = self._inner.get_receipts(list(left))
            slices, total = [], 0
            for journal_id, size in list(left.items()):
                if total >= FOLD_BYTES:
                    break
                piece = self._cut(journal_id, ends.get(journal_id, 0), size, until)
                if piece is None:
                    self._seen[journal_id] = size
                    del left[journal_id]
                elif piece.end <= ends.get(journal_id, 0):
                    del left[journal_id]  # what is left of it was logged after this read began
                else:
                    slices.append(piece)
                    total += piece.end - piece.start
            if not slices:
                continue
            try:
                self._inner.append(slices)
                tries = 0
            except InvalidState:
                tries += 1
                if tries == TRIES:
                    raise

    def _cut(self, journal_id: str, start: int, size: int, until: int | None) -> Slice | None:
        """The next slice of a journal; None if the store has all of it, or it cannot be read."""
        if start >= size:
            return None
        reader = self._reader(journal_id)
        if reader is None:
            return None
        same_clock = reader.header.boot_id in ("", read_boot_id().hex())
        try:
            stretch = reader.read(start, size, until if same_clock else None)
        except FileNotFoundError:
            return None
        if start == 0 and reader.header_damaged:
            stretch.damages.insert(0, (0, HEADER_SIZE, "its header"))
        if stretch.end <= start and (stretch.torn or size <= HEADER_SIZE):
            return None
        # One distance between the two clocks for all journals of one boot: the wall clock may have been set since.
        distance = reader.header.wall_time - reader.header.boot_time
        return _slice(reader, start, stretch, self._clocks.setdefault(reader.header.boot_id, distance))

    def _reader(self, journal_id: str) -> JournalReader | None:
        from bridge.journal.reader import JournalReader

        if journal_id in self._passed_over:
            return None
        reader = self._readers.get(journal_id)
        if reader is None:
            try:
                reader = self._readers[journal_id] = JournalReader(self._folder.path_of(journal_id))
            except FileNotFoundError:
                return None
            except SchemaMismatch as error:
                self._passed_over.add(journal_id)
                logger.warning("A journal is left as it is: %s", error)
                return None
        return reader

    def _finish(self, journal_id: str) -> None:
        """Remove a journal that is stored to its end and whose writer is gone."""
        if journal_id in self._passed_over:
            return
        with self._folder.finished(journal_id) as finished:
            if not finished:
                return
            size = self._folder.path_of(journal_id).stat().st_size
            self._store({journal_id: size}, None)
            stored = self._inner.get_receipts([journal_id]).get(journal_id, 0)
            self._settle(journal_id, size, stored)
        self._seen.pop(journal_id, None)
        self._readers.pop(journal_id, None)

    def _settle(self, journal_id: str, size: int, stored: int) -> None:
        path = self._folder.path_of(journal_id)
        reader = self._readers.get(journal_id)
        if size == 0 or (reader is not None and reader.damages):
            if size == 0:
                logger.warning("Journal %s is empty (offset 0): nothing can be read from it.", path)
            self._folder.set_aside(journal_id)
            return
        if stored < size and size > HEADER_SIZE:
            logger.warning(
                "Journal %s ends with a torn record at offset %d: its last %d bytes were never acknowledged.",
                path,
                stored,
                size - stored,
            )
        self._folder.remove(journal_id)

    def _say_unfolded(self, sizes: dict[str, int]) -> None:
        ends = self._inner.get_receipts(list(sizes))
        self.unfolded_bytes = sum(max(0, size - max(ends.get(j, 0), HEADER_SIZE)) for j, size in sizes.items())
        if self.unfolded_bytes and not self._said_unfolded:
            self._said_unfolded = True
            logger.warning(
                "%d bytes of journals in %s are not folded yet, and nothing may be written here: "
                "the points in them are not shown until somebody who may write has read the workspace.",
                self.unfolded_bytes,
                self._folder.path,
            )


def _slice(reader: JournalReader, start: int, stretch: Stretch, clock_distance: int) -> Slice:
    """A stretch as the store takes it; what is damaged is said here, once."""
    rows, flags = stretch.rows, stretch.rows["flags"]
    warnings = []
    for offset, _, what in stretch.damages:
        sentence = f"Journal {reader.path} is damaged at offset {offset}: {what} cannot be read and are passed over."
        logger.warning("%s", sentence)
        reader.damages.append(sentence)
        warnings += [(run_id, sentence) for run_id in {d.run_id for d in reader.definitions.values()}]
    imprecise = (flags & IMPRECISE) != 0
    if imprecise.any():
        for number in sorted(set(rows["series"][imprecise].tolist())):
            definition = reader.definitions[number]
            warnings.append((definition.run_id, imprecise_warning(definition.key)))
    return Slice(
        journal_id=reader.path.stem,
        start=start,
        end=stretch.end,
        definitions=dict(reader.definitions),
        series=rows["series"],
        times=rows["time"] + clock_distance,
        timestamps=rows["timestamp"],
        steps=rows["step"],
        has_step=(flags & HAS_STEP) != 0,
        values=rows["value"],
        ints=(flags & IS_INT) != 0,
        doors=(flags >> DOOR_SHIFT) & 3,
        texts=stretch.texts,
        warnings=tuple(warnings),
    )
