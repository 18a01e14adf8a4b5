"""The runs that this process owns. A lease is the record that names the process that owns a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.journal.format import read_boot_time
from bridge.records.limits import RENEW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bridge.journal.writer import JournalWriter
    from bridge.records.run import RunRecord


class OwnedRuns:
    """The runs whose leases this process holds, each with the number of `hold` calls without a `release`.

    The caller must hold a lock when it changes this object.

    Args:
        writer: the writer that records leases in the journal.
    """

    def __init__(self, writer: JournalWriter) -> None:
        self._writer = writer
        self._counts: dict[str, int] = {}
        self._renewed = 0

    def __bool__(self) -> bool:
        return bool(self._counts)

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._counts

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._counts))

    def were_ended(self, records: Iterable[RunRecord]) -> bool:
        """Return whether one of these runs was ended because this process seemed to have ended."""
        failed = [record for record in records if record.status == "Failed" and record.id in self._counts]
        if not failed:
            return False
        from bridge.store.leases import is_owner_gone

        return any(is_owner_gone(record.error) for record in failed)

    def hold(self, run_id: str) -> None:
        """Hold the lease of a run. Each call needs its own call of `release` before the lease is released."""
        self._counts[run_id] = self._counts.get(run_id, 0) + 1
        if self._counts[run_id] == 1:
            self._writer.leases.hold(run_id)
            self._renewed = self._renewed or read_boot_time()

    def release(self, run_id: str) -> None:
        """Undo one `hold` of a run. If no `hold` is left, release the lease."""
        if run_id in self._counts:
            self._counts[run_id] -= 1
            if not self._counts[run_id]:
                self.drop(run_id)

    def drop(self, run_id: str) -> None:
        """Release the lease of a run, even if it is held several times."""
        if self._counts.pop(run_id, None) is not None:
            self._writer.leases.release(run_id)

    def forget(self, run_ids: Iterable[str]) -> None:
        """Forget leases, because the workspace of these runs does not exist any more. No journal record is written."""
        for run_id in run_ids:
            self._counts.pop(run_id, None)

    def renew(self) -> None:
        """Renew all leases if `RENEW_SECONDS` have passed since the last renewal.

        Also renew them if this process has begun, or must begin, a new journal: until the store has the renewed leases,
        its leases may name the earlier journal.
        """
        now = read_boot_time()
        if self._counts and (now - self._renewed > RENEW_SECONDS * 1e9 or self._writer.leases.pending):
            self._renewed = now
            self._writer.leases.renew()
