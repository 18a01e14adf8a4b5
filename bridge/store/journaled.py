"""A backend that writes points to a journal first, so that a log call does not wait for the database."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import BridgeError, NotAllowed, StoreUnavailable
from bridge.forking import Step, on_fork
from bridge.journal.format import read_boot_time
from bridge.journal.writer import JournalWriter
from bridge.records.point_columns import PointColumns
from bridge.records.run import TERMINAL_STATUSES, Lease, RunChanges
from bridge.records.series import NATIVE, Point
from bridge.store.background import Background, background
from bridge.store.intake import Intake
from bridge.store.journal_warnings import store_warnings
from bridge.store.owned_runs import OwnedRuns
from bridge.store.packages import check_package
from bridge.store.place_watch import PlaceWatch
from bridge.store.points import check_points, has_valid_times
from bridge.store.wrapper import WrappedBackend

if TYPE_CHECKING:
    from bridge.records.page import Page
    from bridge.records.run import RunRecord
    from bridge.records.search import RunQuery
    from bridge.records.series import SeriesRecord, Value
    from bridge.store.backend import Backend
    from bridge.store.fold import Folding
    from bridge.store.views import RunViews

logger = logging.getLogger("bridge")

MOST_ACTIVE = 4_096
"""The number of runs that are checked each second. Before a point of an older run is logged, the run is looked up."""


class JournaledStore(WrappedBackend):
    """A backend that logs points to a journal, renews leases, and folds before a read.

    A fold copies points from journals to `inner`. A lease is the record that names the process that owns a run.

    Args:
        inner: the backend that stores everything.
        folder: the folder of journals. All processes with the same inner backend use the same folder.
        fsync: each log call waits until its points are on the disk.
        shared: members of the folder's group may read and remove the journals.
        read_only: nothing may be written. Points that are not folded are not visible, and a warning gives their size.
        workspace_id: the id of the workspace; empty if the inner backend has no workspace id.
    """

    is_remote = False
    _background: Background = background

    def __init__(
        self,
        inner: Backend,
        folder: Path,
        fsync: bool = False,
        shared: bool = False,
        read_only: bool = False,
        workspace_id: str = "",
    ) -> None:
        super().__init__(inner)
        self._workspace_id = workspace_id
        self._writer = JournalWriter(folder, fsync, shared, workspace_id)
        self._folder, self._shared, self._read_only = folder, shared, read_only
        self._made_folding: Folding | None = None
        self._place = PlaceWatch(inner, self._writer, folder)
        self._start_lock = threading.RLock()
        self._begin()
        _stores.add(self)

    def _begin(self) -> None:
        self._active: dict[str, None] = {}  # the runs that may be logged to, as far as this process knows
        self._owned = OwnedRuns(self._writer)
        self._orphans: set[str] = set()
        self._place.reset()
        self.is_tended = False  # True while the background thread works for this store

    @property
    def _folding(self) -> Folding:
        """The object that folds the journals. It is created when first needed: a short process needs no fold."""
        if self._made_folding is None:
            from bridge.store.fold import Folding

            with self._start_lock:
                self._made_folding = self._made_folding or Folding(
                    self.inner, self._folder, self._shared, self._read_only, self._workspace_id, self.is_remote
                )
        return self._made_folding

    def log(
        self, run_id: str, key: str, value: Value, timestamp: int, step: int | None = None, api: int = NATIVE
    ) -> None:
        if type(timestamp) is not int or not self._writer.log_number(run_id, key, value, timestamp, step, api):
            self.log_points(run_id, (Point(key, value, timestamp, step),), api)

    @property
    def quick_log(self) -> Callable[[str, str, Value, int, int | None, int], bool]:
        """A function with the arguments of `log`, for numbers of known series. If it returns False, call `log`."""
        return self._writer.log_number

    @property
    def quick_log_columns(self) -> Callable[[str, PointColumns, int], bool]:
        """A function like `quick_log` for columns with valid times. If it returns False, call `log_points`."""
        return self._writer.log_columns

    def log_points(self, run_id: str, points: Sequence[Point], api: int = NATIVE) -> None:
        if type(points) is PointColumns and has_valid_times(points) and self._writer.log_columns(run_id, points, api):
            return
        checked = check_points(points)
        self.check_writable(run_id)
        if checked:
            self._writer.log(run_id, checked, api)

    def check_writable(self, run_id: str) -> None:
        if run_id not in self._active:
            if self._read_only:
                raise NotAllowed("log to run", run_id, "this process has no write access to the workspace")
            self.inner.check_writable(run_id)
            self._active[run_id] = None
        if not self.is_tended:
            self.be_tended()

    def be_tended(self) -> None:
        """Let the background thread of this store work for it."""
        self._background.add(self)

    def deactivate(self, run_ids: Iterable[str] | None = None) -> None:
        """Make the next log call of each run, or of all runs, ask the inner backend again whether it is active."""
        for run_id in list(self._active) if run_ids is None else run_ids:
            self._active.pop(run_id, None)
            self._writer.recheck_run(run_id)

    def tend(self) -> None:
        """Check which runs are active, renew leases, and fold if no other process folds. Called once a second."""
        self._check_place()
        self._owned.renew()
        self.deactivate(list(self._active)[:-MOST_ACTIVE])  # a server gets points of many runs
        active = [run_id for run_id in list(self._active) if run_id not in self._orphans]
        self.deactivate(set(active) - self.inner.get_active_runs(active))
        self._writer.retry()
        store_warnings(self.inner, self._writer)
        self._folding.tend()
        leases = self._writer.leases
        if leases.pending:
            leases.confirm(self.inner.get_receipts(leases.journal_ids), frees_space=self.is_remote)

    def _check_place(self) -> None:
        """If the workspace's folder was removed or replaced, put the journals back into their workspace."""
        moved = None if self._read_only else self._place.check({*self._active, *self._owned, *self._orphans})
        if moved is None:
            return
        self._orphans = moved.orphans
        self._owned.forget(moved.orphans)
        self._writer.leases.renew()  # restores runs that a reader ended because it found no journal
        self._workspace_id = moved.workspace_id
        if self._made_folding is not None:
            self._made_folding.follow(moved.workspace_id)
        self._place.settle()  # the last step: if an exception comes before, the next call repeats all steps

    def begin_runs(self, records: Sequence[RunRecord]) -> list[RunRecord]:
        """Create runs whose owner is this process; see `create_runs` and `hold_lease`."""
        # One transaction stores run and lease: otherwise a process killed in between would leave a run without owner.
        with self._start_lock:  # `close_unless_owner` comes before this, or sees that runs are being started
            reservation = self._writer.leases.reserve()  # keeps the journal open until this method returns
        owner = reservation.journal_id, reservation.time, read_boot_time()
        leases = [Lease(record.id, *owner) for record in records] if reservation.journal_id else []
        made = self.create_runs(records, leases)
        for record in made:
            if record.status not in TERMINAL_STATUSES:
                self.hold_lease(record.id)
        return made

    def claim_run(self, run_id: str, lease: Lease | None = None) -> None:
        """Claim a run for the owner in `lease`, else for this process; see `LeaseStore.claim_run`."""
        if lease is not None:
            self.inner.claim_run(run_id, lease)
            return
        with self._start_lock:
            reservation = self._writer.leases.reserve()  # keeps the journal open until this method returns
        if not reservation.journal_id and not self._read_only:
            reason = "no journal can be created in it, so this process cannot own a run"
            raise StoreUnavailable(str(self._folder), reason)
        try:
            self._folding.fold()  # stores the leases of an earlier owner, so that the new lease gets a later time
        except BridgeError as error:
            logger.debug("The journals cannot be folded before run %s is claimed: %s", run_id, error)
        self.inner.claim_run(run_id, Lease(run_id, reservation.journal_id, reservation.time, read_boot_time()))
        for stored in self.inner.get_leases():
            if stored.run_id == run_id and stored.journal_id == reservation.journal_id:
                self._writer.leases.advance_time(stored.time)
        self.hold_lease(run_id)

    def hold_lease(self, run_id: str) -> None:
        """Own a run until the run ends, its lease is released, or this process ends.

        If this process ends first, the run becomes Failed, and if it is silent for long, NotResponding.
        A lease that is held twice must be released twice.
        """
        if self._read_only:
            return
        with self._start_lock:
            self._owned.hold(run_id)
        if not self.is_tended:
            self.be_tended()

    def release_lease(self, run_id: str) -> None:
        """Stop owning a run. The run then stays unchanged when this process ends."""
        with self._start_lock:
            self._owned.release(run_id)

    @property
    def owns_runs(self) -> bool:
        """Whether this process owns runs, or is starting one. Closing the journal would make these runs Failed."""
        return bool(self._owned) or self._writer.leases.is_reserved

    def get_leases(self) -> list[Lease]:
        self._folding.fold()
        return self.inner.get_leases()

    def end_leases(self, gone: Mapping[str, int], silent: Collection[str] = ()) -> list[str]:
        self._folding.fold()
        return self.inner.end_leases(gone, silent)

    def get_series_of(self, run_ids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, list[SeriesRecord]]:
        check_package("numpy", "reading metrics")
        self._folding.fold_for_read()
        return self.inner.get_series_of(run_ids, keys)

    def flush(self, run_id: str | None = None) -> None:
        """Wait until every reader sees all points of a run, or of all runs. `StoreUnavailable` if points are lost."""
        self._check_place()
        if self._writer.unsynced:  # the disk may lack journal records; a fold writes their points to the disk
            self._folding.fold()
            self._writer.mark_synced(self.inner.get_receipts(list(self._writer.unsynced)))
        self._writer.flush(run_id)  # every reader folds the points that it finds in the journals
        store_warnings(self.inner, self._writer)

    def store_logged(self, run_ids: Collection[str]) -> None:
        """Store what this process has logged to runs, so that points that `inner` stores next come after it."""
        if not self._active.keys().isdisjoint(run_ids):
            self._folding.fold()

    def be_served(self) -> Intake:
        """Return what a server must know about new points. Log calls and reads then behave as `Intake` describes."""
        return Intake(self._writer, self._folding)

    @property
    def is_late(self) -> bool:
        """Whether reads that may be late do not return the newest points; see `bridge.store.late_reads`."""
        return self._made_folding is not None and self._made_folding.is_late

    @property
    def unfolded_bytes(self) -> int:
        """The number of bytes of points that reads do not see, because write access or numpy is missing."""
        return 0 if self._made_folding is None else self._made_folding.unfolded_bytes

    def close(self) -> None:
        # False, so that `hold_lease` calls `be_tended` again if a signal handler interrupts this method.
        self.is_tended = False
        self._background.remove(self)
        self._check_place()
        for run_id in self._owned:
            self._owned.drop(run_id)
        self._writer.close()
        self.let_go()
        self._background.remove(self)  # another thread may have called `be_tended` again
        self._begin()

    def close_unless_owner(self) -> None:
        """Close the store, but leave the journal open if this process owns runs or is starting one."""
        with self._start_lock:
            (self.inner if self.owns_runs else self).close()

    def let_go(self) -> None:
        """Close files that were opened only for reading. A later call opens them again."""
        if self._made_folding is not None:
            self._made_folding.close()
        super().close()

    def at_exit(self) -> None:
        """Close the journal at the end of the process. Fold it if that needs neither an import nor a wait."""
        self._background.remove(self)
        self._check_place()
        self._writer.close()
        if "numpy" in sys.modules and not self._read_only:
            try:
                self._folding.fold(wait=False)
            except BridgeError as error:
                logger.debug("The journal cannot be folded at exit. The next reader folds it: %s", error)
        self.inner.close()

    def after_fork(self) -> None:
        self._writer.after_fork()
        if self._made_folding is not None:
            self._made_folding.forget()
        self.inner.after_fork()
        self._start_lock = threading.RLock()
        self._begin()

    def delete_experiment(self, experiment_id: str, time: int) -> None:
        self.inner.delete_experiment(experiment_id, time)
        self.deactivate()

    def purge_experiment(self, experiment_id: str) -> None:
        self._folding.fold()  # without a fold, a later run with the same id would get the points in journals
        self.inner.purge_experiment(experiment_id)
        self._forget_purged()

    def create_runs(self, records: Sequence[RunRecord], leases: Sequence[Lease] = ()) -> list[RunRecord]:
        made = self.inner.create_runs(records, leases)
        self._active |= {record.id: None for record in made if record.lifecycle_stage == "active"}
        return made

    def get_runs(self, run_ids: Sequence[str], latest: bool = True) -> dict[str, RunRecord]:
        if latest:
            self._folding.fold_for_read()
        found = self.inner.get_runs(run_ids, latest)
        if self._claim_back(found.values()):
            found = self.inner.get_runs(run_ids, latest)
        if not latest and not self._read_only:
            # This read does not fold, so a status is wrong if the run's owner has ended and no process has noticed.
            others = (record for record in found.values() if record.id not in self._owned)
            if any(record.status not in TERMINAL_STATUSES for record in others) and self._folding.look_after_leases():
                found = self.inner.get_runs(run_ids, latest)
        return found

    def _claim_back(self, records: Iterable[RunRecord]) -> bool:
        """Own runs again if they were ended because this process was silent. Return whether such runs exist."""
        if not self._owned.were_ended(records):
            return False
        self._check_place()  # the journal was removed when the runs were ended; this puts it back
        self._writer.leases.renew()
        self._folding.fold()
        return True

    def update_runs(self, run_ids: Sequence[str], changes: RunChanges) -> None:
        self.inner.update_runs(run_ids, changes)
        if changes.status in TERMINAL_STATUSES:
            with self._start_lock:
                for run_id in run_ids:
                    self._owned.drop(run_id)

    def delete_runs(self, run_ids: Sequence[str], time: int) -> None:
        self.inner.delete_runs(run_ids, time)
        self.deactivate(run_ids)

    def purge_runs(self, run_ids: Sequence[str]) -> None:
        self._folding.fold()  # without a fold, a later run with the same id would get the points in journals
        self.inner.purge_runs(run_ids)
        self._forget_purged()

    def _forget_purged(self) -> None:
        """Drop the leases of runs that no longer exist, and ask again for each run whether it is active."""
        self.deactivate()
        held = list(self._owned)
        for run_id in set(held) - self.inner.get_runs(held, latest=False).keys():
            with self._start_lock:
                self._owned.drop(run_id)

    def search_runs(self, query: RunQuery) -> Page[RunRecord]:
        self._folding.fold_for_read()
        return self.inner.search_runs(query)

    def search_run_ids(self, query: RunQuery) -> Page[str]:
        self._folding.fold_for_read()
        return self.inner.search_run_ids(query)

    @property
    def views(self) -> RunViews:
        from bridge.store.folded_views import FoldedViews

        return FoldedViews(self.inner.views, lambda: self._folding.fold_for_read())


_stores: weakref.WeakSet[JournaledStore] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for store in list(_stores):
        store.after_fork()


on_fork(Step.STORES, in_child=_after_fork_in_child)


@atexit.register
def _at_exit() -> None:
    for store in list(_stores):
        store.at_exit()
