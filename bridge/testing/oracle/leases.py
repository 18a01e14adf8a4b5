"""The leases of the store in memory. Tests compare the other stores with this store.

A lease states which process owns a run. A fold (a copy of new points from journals into the store) also stores the
lease records of the journals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bridge.records.run import CLAIMABLE_STATUSES, SCRIPT_RUN, TERMINAL_STATUSES, Lease, RunRecord
from bridge.store.leases import (
    Sign,
    lease_after,
    lease_records,
    signs_of_leases,
    signs_of_life,
    status_after,
    unclaimed_since,
)
from bridge.store.slices import Slice
from bridge.testing.oracle.runs import MemoryRun


class MemoryLeases:
    """The leases of runs, and the signs of life of the processes that own runs.

    Callers hold the lock of the memory store.
    """

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}  # a released lease has an empty journal id
        self._signs_of_life: dict[str, Sign] = {}  # by journal id

    def held(self) -> list[Lease]:
        """Return the leases that are not released."""
        held = (lease for lease in self._leases.values() if lease.journal_id)
        signs = self._signs_of_life
        return [lease._replace(**signs.get(lease.journal_id, Sign(0, 0))._asdict()) for lease in held]

    def store(self, lease: Lease) -> None:
        """Store the lease of a new run."""
        self._leases[lease.run_id] = lease._replace(boot_time=0, delivered=0)
        for journal_id, sign in signs_of_leases([lease]).items():
            self._sign(journal_id, sign)

    def take(self, lease: Lease) -> None:
        """Replace the lease of a run.

        If the time of the new lease is not later than that of the old lease, it is increased.
        """
        before = self._leases.get(lease.run_id)
        time = lease.time if before is None else max(lease.time, before.time + 1)
        self.store(lease._replace(time=time))

    def release(self, run_id: str) -> None:
        """Release the lease of a run.

        The time of the lease is kept. A lease record with an earlier time may be folded later. It is then ignored.
        """
        self._leases[run_id] = self._leases[run_id]._replace(journal_id="")

    def remove(self, run_id: str) -> None:
        """Remove the lease of a run."""
        self._leases.pop(run_id, None)

    def forget_journals(self, journal_ids: Iterable[str]) -> None:
        """Remove the signs of life of processes, by their journals."""
        for journal_id in journal_ids:
            self._signs_of_life.pop(journal_id, None)

    def is_unclaimed(self, record: RunRecord, now: int) -> bool:
        """Return whether a run without an owner has waited for a launcher for too long."""
        lease = self._leases.get(record.id)
        if (record.type, record.lifecycle_stage, record.end_time) != (SCRIPT_RUN, "active", None):
            return False
        if record.status not in CLAIMABLE_STATUSES or record.start_time is None or (lease and lease.journal_id):
            return False
        return max(record.start_time, lease.time if lease else 0) < unclaimed_since(now)

    def fold(self, slices: Sequence[Slice], runs: Mapping[str, MemoryRun]) -> None:
        """Apply the lease records of slices (the parts of journals that a fold stores) to the leases and runs."""
        for run_id, found in lease_records(slices).items():
            run, before = runs.get(run_id), self._leases.get(run_id)
            after = lease_after(before, found)
            if run is None or after is None or after == before:
                continue
            status = status_after(before, after, run.record.status, run.record.error)
            if status is None:
                continue
            self._leases[run_id] = after
            if run.record.status in TERMINAL_STATUSES:
                run.record = replace(run.record, end_time=None, error=None)
            run.record = replace(run.record, status=status)
        leased, others = signs_of_life(slices)
        for signs in (leased, others):
            for journal_id, sign in signs.items():
                if signs is leased or journal_id in self._signs_of_life:
                    self._sign(journal_id, sign)

    def _sign(self, journal_id: str, sign: Sign) -> None:
        self._signs_of_life[journal_id] = sign.after(self._signs_of_life.get(journal_id))
