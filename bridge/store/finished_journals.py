"""Removes finished journals: those whose points are all stored and whose writers have ended.

A fold copies new points from the journals into the database. At its end, it removes the finished journals.
A lease states which process owns a run, and names the journal of this process. If the process has ended without ending
its runs, the fold ends its leases: the runs become Failed, and their leases are released.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from bridge.errors import NotAllowed
from bridge.journal.folder import JournalFolder
from bridge.journal.format import FIRST_HEADER_SIZE
from bridge.journal.system import is_of_handler
from bridge.records.run import Lease
from bridge.store.backend import Backend
from bridge.store.cuts import Cutter, FoldProgress
from bridge.store.journal_readers import JournalReaders
from bridge.store.owners import Owners, owners_of

logger = logging.getLogger("bridge")


@dataclass
class _Ending:
    """The state of the leases, and of the processes that own runs, at the end of a fold.

    The leases are read when they are first needed, and only once for all journals.
    `ended` has the ids of journals of ended processes. This fold has already ended the leases of these processes.
    A process may take a lease after the leases were read, and then end. Its journal is removed in this case,
    although its lease was not ended. A later fold finds the lease without a journal, and ends it.
    """

    inner: Backend
    folder: JournalFolder
    ended: Collection[str] = ()

    @cached_property
    def _leases(self) -> list[Lease]:
        return self.inner.get_leases()

    @cached_property
    def owners(self) -> Owners:
        """The processes that write the journals; used to find out whether a process has ended."""
        return owners_of(self.folder, self._leases)

    @cached_property
    def owning(self) -> set[str]:
        """The ids of the journals whose processes own runs."""
        return {lease.journal_id for lease in self._leases}.difference(self.ended)


class FinishedJournals:
    """Removes journals at the end of a fold, while the fold's lock is held.

    Args:
        inner: the backend into which the journals are folded.
        folder: the folder of journals.
        readers: the readers of the journals.
        cutter: the object with which the fold divides journals into parts for its transactions. Its attribute `seen`
            has, for each journal, the size up to which all points are stored.
        is_remote: whether the backend is a server.
    """

    def __init__(
        self, inner: Backend, folder: JournalFolder, readers: JournalReaders, cutter: Cutter, is_remote: bool = False
    ) -> None:
        self._inner, self._folder, self._readers, self._cutter = inner, folder, readers, cutter
        self._is_remote = is_remote
        self.damaged: set[str] = set()

    def remove(self, progress: FoldProgress) -> None:
        """Remove each journal of a fold that is stored and whose writer has ended. End the leases of the writer."""
        gone = {}
        ending = _Ending(self._inner, self._folder)
        for journal_id in progress.journal_ids:
            owned_until = self._finish(journal_id, ending)
            if owned_until is not None:
                gone[journal_id] = owned_until
        # This fold has not read journals that were created after it began. Such a journal may contain newer leases of
        # runs whose stored leases name an older journal. If there is one, this fold ends no lease, and the next fold
        # checks the leases again.
        if not gone or self._folder.sizes().keys() - progress.listed:
            return
        ended = self._end_leases(gone)
        ending = _Ending(self._inner, self._folder, ended)
        for journal_id in ended:
            self._finish(journal_id, ending)

    def _end_leases(self, gone: Mapping[str, int]) -> Collection[str]:
        """End the leases of journals, and return their ids. Skip those for which a server refuses this.

        For example, another user of the server may have left a journal in the folder. It must not block all others.
        """
        try:
            self._inner.end_leases(gone)
        except NotAllowed:
            if not self._is_remote:
                raise
            return [journal_id for journal_id, time in gone.items() if self._may_end_leases(journal_id, time)]
        return gone.keys()

    def _may_end_leases(self, journal_id: str, time: int) -> bool:
        try:
            self._inner.end_leases({journal_id: time})
        except NotAllowed as error:
            self._readers.skip(journal_id, error)
            return False
        return True

    def _finish(self, journal_id: str, ending: _Ending) -> int | None:
        """Remove a journal if no process needs it any more.

        Returns:
            None, or the time of the last write to the journal in milliseconds since 1970 UTC. A time means that the
            writer has ended without ending its leases. They must be ended before the journal can be removed.
        """
        if self._readers.is_skipped(journal_id) or journal_id in self._cutter.kept:
            return None
        seen = self._cutter.seen
        try:
            with self._folder.lock_of(journal_id) as lock:
                if lock == "held" and not self._folder.may_be_closed(journal_id):
                    return None
                size = self._folder.size_of(journal_id)
                if seen.get(journal_id) != size:
                    return None  # a later fold stores the rest, together with new points of other journals
                stored = self._inner.get_receipts([journal_id]).get(journal_id, 0)
                closed = self._is_closed(journal_id, stored)
                if not closed and stored < size and self._has_more(journal_id, stored, size):
                    seen.pop(journal_id, None)
                    return None  # a backup has replaced the database and lacks points: the next fold stores them again
                header = self._readers.header(journal_id)
                owner = "gone" if closed else ending.owners.look(journal_id, header, lock)
                if journal_id in ending.owning:
                    return self._folder.written_at(journal_id) // 1_000_000 if owner == "gone" else None
                # A process that is alive but does not hold the lock of its journal has replaced itself by another
                # program (`exec`), which does not write to the journal. The journal is needed only while the process
                # owns runs, because the journal identifies the process.
                if owner != "gone" and (owner != "alive" or lock != "free"):
                    return None
                self._remove_or_rename(journal_id, size, stored, closed)
        except FileNotFoundError as error:
            if is_of_handler(error):
                raise
            return None
        seen.pop(journal_id, None)
        self._readers.forget(journal_id)
        return None

    def _has_more(self, journal_id: str, stored: int, size: int) -> bool:
        """Return whether complete records follow the stored part of a journal."""
        reader = self._readers.get(journal_id)
        return reader is not None and reader.read(stored, size).end > max(stored, reader.records_at)

    def _is_closed(self, journal_id: str, stored: int) -> bool:
        """Return whether the stored part of a journal ends with the closing record."""
        reader = self._readers.get(journal_id)
        if reader is None or not self._folder.may_be_closed(journal_id):
            return False
        if reader.closed_at is None:
            reader.read(stored, self._folder.size_of(journal_id))
        return reader.closed_at is not None and stored >= reader.closed_at

    def _remove_or_rename(self, journal_id: str, size: int, stored: int, closed: bool) -> None:
        """Remove a journal. If it is damaged, rename it instead, so that a user can examine it."""
        path = self._folder.path_of(journal_id)
        reader = self._readers.known(journal_id)
        if size == 0 or journal_id in self.damaged or (reader is not None and reader.header_damaged):
            if size == 0:
                logger.warning("Journal %s is empty (offset 0), so no point can be read from it.", path)
            elif journal_id not in self.damaged:
                logger.warning(
                    "Journal %s is damaged at offset 0: its header and all records after it cannot be read.", path
                )
            self._folder.rename_damaged(journal_id)
            return
        if not closed and stored < size and size > FIRST_HEADER_SIZE:
            logger.warning(
                "Journal %s ends with a torn record at offset %d: its last %d bytes are not a complete record.",
                path,
                stored,
                size - stored,
            )
        self._folder.remove(journal_id)
