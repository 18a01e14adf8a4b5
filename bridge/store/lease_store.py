"""The interface of a store of leases, which name the owners of runs that have not ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.records.run import Lease


class LeaseStore(ABC):
    """A store of leases. A lease names a run, and the journal whose process owns the run.

    If the process ends and leaves the run unfinished, another process finds the lease and ends the run.
    `TrackingStore.create_runs` stores the first lease of a run. `FoldStore.append` stores later changes of the lease.
    A run that has ended has no lease.
    As in a `TrackingStore`, every method may be called from any thread, and a method that raises has changed nothing.
    """

    @abstractmethod
    def claim_run(self, run_id: str, lease: Lease) -> None:
        """Claim a submitted run that waits for a launcher, the process that runs its script.

        The run becomes Preparing and its lease is stored, in one transaction.
        If several processes claim a run, one of them succeeds.

        Raises:
            NotFound: the run does not exist.
            InvalidState: the run has been claimed, has ended, is deleted, or is not a submitted run.
            StoreUnavailable: the store cannot be written at the moment.
        """

    @abstractmethod
    def end_unclaimed(self, now: int) -> list[str]:
        """End each submitted run that no launcher has claimed for `LEASE_SECONDS`. Return the ids of these runs.

        The runs become Failed, and their error gives the reason. A run with a lease does not wait for a launcher.

        Args:
            now: the current time, in milliseconds since 1970 UTC.
        """

    @abstractmethod
    def get_leases(self) -> list[Lease]:
        """Return the leases of all runs that have not ended."""

    @abstractmethod
    def end_leases(self, gone: Mapping[str, int], silent: Collection[str] = ()) -> list[str]:
        """End runs whose owner has ended, and mark runs whose owner is silent. Return the ids of all changed runs.

        A run whose lease names a journal in `gone` becomes Failed, and its error states when the owner last wrote.
        A Running run whose lease names a journal in `silent` becomes NotResponding.
        If `FoldStore.append` later stores a newer lease, the owner is alive after all, and the run is Running again.

        Args:
            gone: the journals whose processes have ended, by journal id, with the time of their last write in
                milliseconds since 1970 UTC.
            silent: the journals whose processes have been silent for longer than `LEASE_SECONDS`.
        """
