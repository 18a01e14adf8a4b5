"""The leases of a process: which runs it owns, as its journals record it."""

from __future__ import annotations

import time
import weakref
from collections.abc import Sequence

from bridge.journal.format import encode_lease, read_boot_time


class Reservation:
    """An object that keeps a journal open as long as it exists, because leases in the store will name this journal.

    `journal_id` is the id of the journal; empty if no journal could be started.
    `time` is the time of these leases, in milliseconds since 1970 UTC.
    """

    __slots__ = ("__weakref__", "journal_id", "time")

    def __init__(self, journal_id: str, time: int) -> None:
        self.journal_id, self.time = journal_id, time


class Leases:
    """The runs that this process owns, and the times of their lease records.

    If two records concern the same run, the record with the later time is valid. So each record gets a later time than
    all earlier records.
    """

    def __init__(self) -> None:
        self._run_ids: dict[str, None] = {}
        self._time = 0
        self._reservations: weakref.WeakSet[Reservation] = weakref.WeakSet()

    def __bool__(self) -> bool:
        """Whether this process owns a run."""
        return bool(self._run_ids)

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._run_ids

    def add(self, run_id: str) -> None:
        """Add a run that this process owns."""
        self._run_ids[run_id] = None

    def discard(self, run_id: str) -> None:
        """Remove a run; do nothing if this process does not own it."""
        self._run_ids.pop(run_id, None)

    def run_ids(self) -> list[str]:
        """Return the runs in the order in which they were added."""
        return list(self._run_ids)  # one call of C code, so that no other thread can add a run during the copy

    def encode(self, seed: int, run_ids: Sequence[str], held: bool) -> bytes:
        """Return the lease records of runs, all with the current time.

        Args:
            seed: the journal's salt (a random number in its header) plus the offset of the first record.
            run_ids: the runs.
            held: True if this process owns the runs, False if it has released them.
        """
        now, boot_time = self.next_time(), read_boot_time()
        records = b""
        for run_id in run_ids:
            records += encode_lease(seed + len(records), run_id, now, boot_time, held)
        return records

    def next_time(self) -> int:
        """Return the time of the next record, in milliseconds since 1970 UTC. It is later than all earlier times."""
        self._time = max(time.time_ns() // 1_000_000, self._time + 1)
        return self._time

    def advance_time(self, time: int) -> None:
        """Give all later records a later time than `time`, which is in milliseconds since 1970 UTC."""
        self._time = max(self._time, time)

    def reserve(self) -> Reservation:
        """Return a new `Reservation`. The caller must set its `journal_id`."""
        reservation = Reservation("", self.next_time())
        self._reservations.add(reservation)
        return reservation

    @property
    def is_reserved(self) -> bool:
        """Whether a reservation exists."""
        return bool(self._reservations)

    @property
    def need_journal(self) -> bool:
        """Whether the journals that leases of this process name must stay locked.

        If a lease names an unlocked journal, a reader ends the run.
        """
        return bool(self._run_ids or self._reservations)
