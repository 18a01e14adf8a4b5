"""Writes leases, which record that this process owns runs, to the journal of a writer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from bridge.journal.append import Appender
from bridge.journal.file import NO_FILE
from bridge.journal.leases import Reservation
from bridge.journal.locks import OwnedLock
from bridge.journal.system import CallFailed

logger = logging.getLogger("bridge")


class LeaseWriter:
    """Writes a lease to the journal for each run that this process owns.

    A journal is locked as long as its process runs, and a lease names a journal. So a reader that finds the journal
    of a lease unlocked knows that the owner of the run has ended.

    If a journal is full or a write failed, the journal stays locked until the store has the leases of the next journal.
    Without this lock, a reader would conclude that the owner has ended.

    Thread-safe.

    Args:
        lock: the lock of the writer.
        appender: the appender of the writer.
        inner: returns a second `LeaseWriter`. A signal handler or finalizer uses it if it interrupts a call of this one
            in the same thread.
    """

    def __init__(self, lock: OwnedLock, appender: Appender, inner: Callable[[], LeaseWriter]) -> None:
        self._lock, self._appender, self._inner = lock, appender, inner
        self._files, self._leases = appender.files, appender.leases

    def reserve(self) -> Reservation:
        """Return an object that keeps the open journal open. Start a journal if none is open.

        As long as this reservation exists, the journal is not closed, because leases in the store will name it.
        """
        if self._lock.is_mine():
            return self._inner().reserve()
        with self._lock:
            self._appender.start_call()
            reservation = self._leases.reserve()
            try:
                if self._files.current is NO_FILE:
                    self._files.start(self._leases)
            except CallFailed as failed:
                logger.debug("No journal can be started in %s: %s", self._files.folder, failed)
            reservation.journal_id = self._files.current.id
            self._appender.call = None
            return reservation

    @property
    def is_reserved(self) -> bool:
        """Whether a reservation of the open journal exists."""
        return self._leases.is_reserved

    def hold(self, run_id: str) -> None:
        """Record that this process owns a run, now and at the beginning of every later journal."""
        self._leases.add(run_id)
        self._write([run_id], held=True)

    def release(self, run_id: str) -> None:
        """Record that this process no longer owns a run. Do nothing if it did not own the run."""
        if run_id in self._leases:
            self._leases.discard(run_id)
            self._write([run_id], held=False)

    def renew(self) -> None:
        """Record again which runs this process owns."""
        self._write(None, held=True)

    def advance_time(self, time: int) -> None:
        """Give all later leases a later time than `time`.

        The lease with the latest time determines the owner of a run. The clock of an earlier owner may be ahead.

        Args:
            time: the time, in milliseconds since 1970 UTC.
        """
        if self._lock.is_mine():
            self._inner().advance_time(time)
            return
        with self._lock:
            self._leases.advance_time(time)

    @property
    def pending(self) -> bool:
        """Whether the store may lack leases of the newest journal.

        Either no new journal could be started yet, or an earlier journal must stay locked until the store has the
        leases of the newest one.
        """
        return bool(self._files.earlier) or (bool(self._leases) and self._files.current is NO_FILE)

    @property
    def journal_ids(self) -> list[str]:
        """The ids of the open journal and of the earlier ones."""
        return [file.id for file in (self._files.current, *self._files.earlier) if file is not NO_FILE]

    def confirm(self, stored: Mapping[str, int], frees_space: bool = False) -> None:
        """Close the earlier journals if the store has the leases of the open one.

        Args:
            stored: how many bytes of each of `journal_ids` the store has.
            frees_space: if no journal could be started, give the space of earlier journals that are stored back to the
                disk. The disk may be full only because of them.
        """
        if self._lock.is_mine():
            return
        with self._lock:
            self._appender.start_call()
            file = self._files.current
            if file is not NO_FILE and stored.get(file.id, 0) >= file.leased_to and not self._leases.is_reserved:
                self._files.close_earlier()
            elif file is NO_FILE and frees_space:
                self._files.free_space(stored)
            self._appender.call = None

    def _choose(self, run_ids: list[str] | None, held: bool) -> list[str]:
        chosen = self._leases.run_ids() if run_ids is None else run_ids
        return [run_id for run_id in chosen if (run_id in self._leases) == held]

    def _write(self, run_ids: list[str] | None, held: bool) -> None:
        """Append leases. If this fails, the next journal or the next call writes them."""
        if self._lock.is_mine():
            return
        with self._lock:
            # The runs are selected under the lock, because another thread may have just released a run.
            chosen = self._choose(run_ids, held)
            if not chosen:
                return
            self._appender.start_call()
            if self._files.current is not NO_FILE:
                if not self._appender.append_leases(chosen, held):
                    logger.debug("Leases are not written to %s: %s", self._files.folder, self._appender.reason)
            elif held:
                try:
                    self._files.start(self._leases)  # the new journal begins with the leases of all runs
                except CallFailed as failed:
                    logger.debug("Leases are not written to %s: %s", self._files.folder, failed)
            self._appender.call = None
