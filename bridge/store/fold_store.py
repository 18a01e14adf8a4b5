"""The interface of a store into which journals are folded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.store.slices import Slice


class FoldStore(ABC):
    """A store into which the points of journals are copied, each point once.

    A slice is a part of a journal. A receipt is the byte offset up to which a journal is stored. A lease record states
    that a process owns a run, or has stopped owning it.
    As in a `TrackingStore`, the methods may be called from any thread, and a method that raises has changed nothing.
    """

    @abstractmethod
    def append(self, slices: Sequence[Slice]) -> dict[str, int]:
        """Store the points of slices and the new receipts in one transaction; return the receipts by journal id.

        A slice that ends at or before the receipt of its journal is skipped.
        This method assigns positions, the steps of points without a step, and latest values.
        Points are ordered as logged within a slice, and by record time across slices.
        Points of an unknown run are dropped, and a warning with their number is logged.
        Lease records of runs that do not exist or have ended are skipped. The exception is a run that
        `LeaseStore.end_leases` ended. If a record is newer than every stored lease of this run, the run becomes Running
        again, and its end time and error are removed.

        Raises:
            InvalidState: a slice does not start at the receipt of its journal. Nothing is stored. The caller must
                create slices that start at the current receipts.
        """

    @abstractmethod
    def tidy(self) -> bool:
        """Do a small part of the work that may wait, for example compress points. Return whether more work remains.

        Nothing changes for readers.
        """

    @abstractmethod
    def get_receipts(self, journal_ids: Sequence[str]) -> dict[str, int]:
        """Return the receipts of journals, in bytes, by journal id. A journal without a receipt is absent."""
