"""The interface to leases: which process owns a run that is under way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.records.run import Lease


class LeaseStore(ABC):
    """A store of leases. A lease names the journal whose process owns a run.

    If the owner of a run ends without ending the run, the lease shows this, and another process ends the run.
    A new run gets its lease from `TrackingStore.create_runs`. Later changes of a lease arrive with `FoldStore.append`.
    A run that has ended has no lease.
    As for a `TrackingStore`, every method may be called from any thread, and one that raises has changed nothing.
    """

    @abstractmethod
    def claim_run(self, run_id: str, lease: Lease) -> None:
        """Claim a script's run that waits for a launcher: set it to Preparing and store its lease, in one transaction.

        Of several processes that claim a run, one succeeds.

        Raises:
            NotFound: the run does not exist.
            InvalidState: the run has been claimed, has ended, is deleted, or is not the run of a script.
            StoreUnavailable: the store cannot be written at the moment.
        """

    @abstractmethod
    def end_unclaimed(self, now: int) -> list[str]:
        """End the scripts' runs that have no lease and have waited `LEASE_SECONDS` for a launcher; return their ids.

        They become Failed, and their error gives the reason.

        Args:
            now: the current time, in milliseconds since 1970 UTC.
        """

    @abstractmethod
    def get_leases(self) -> list[Lease]:
        """Return the leases of all runs that have not ended."""

    @abstractmethod
    def end_leases(self, gone: Mapping[str, int], silent: Collection[str] = ()) -> list[str]:
        """End runs whose owner has ended, and mark runs whose owner is silent; return the ids of both.

        A run whose lease names a journal in `gone` becomes Failed, and its error states when the owner last wrote.
        A Running run whose lease names a journal in `silent` becomes NotResponding.
        Both are Running again when `FoldStore.append` stores a newer lease: the owner was alive after all.

        Args:
            gone: the journals whose processes have ended, by journal id, with the time of their last write in
                milliseconds since 1970 UTC.
            silent: the journals whose processes have been silent for longer than `LEASE_SECONDS`.
        """
