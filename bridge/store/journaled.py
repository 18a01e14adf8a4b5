"""A store whose points go to a journal first: a log call waits for no lock, no disk and no network."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import time
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import BridgeError, InvalidState, NotAllowed, NotFound, StoreUnavailable
from bridge.forking import Step, on_fork
from bridge.journal.format import DOOR_SHIFT, HAS_STEP, IS_INT, read_boot_time
from bridge.journal.locks import ThreadLock
from bridge.journal.writer import JournalWriter
from bridge.records.limits import EXACT_INTEGER, INT64_MAX, INT64_MIN, RENEW_SECONDS
from bridge.records.run import TERMINAL_STATUSES, Lease, RunChanges
from bridge.records.series import NATIVE, Point
from bridge.store.points import check_points
from bridge.store.tracking import TrackingStore

if TYPE_CHECKING:
    from bridge.records.artifact import ArtifactRecord
    from bridge.records.experiment import ExperimentRecord
    from bridge.records.page import Page
    from bridge.records.run import RunRecord
    from bridge.records.search import ExperimentQuery, RunQuery
    from bridge.records.series import SeriesRecord, Value
    from bridge.store.fold import Drain
    from bridge.store.slices import Slice

logger = logging.getLogger("bridge")

LOAD_SECONDS = 5.0
"""How long a fork waits while the background loads modules."""

FOLD_SECONDS = 1.0
"""How old a backlog gets before this process folds it, and how often active runs are asked after."""


class JournaledStore(TrackingStore):
    """A tracking store that logs points to a journal and folds journals into an inner store before it reads.

    Args:
        inner: where everything lives.
        folder: where journals lie; all processes that share the inner store share it.
        fsync: a log call waits for the disk.
        shared: journals belong to the folder's group too.
        read_only: nothing may be written; points that are not folded are not seen, and that is said.
        workspace_id: which workspace this is; empty if the inner store cannot tell.
    """

    def __init__(
        self,
        inner: TrackingStore,
        folder: Path,
        fsync: bool = False,
        shared: bool = False,
        read_only: bool = False,
        workspace_id: str = "",
    ) -> None:
        self.inner = inner
        self._workspace_id = workspace_id
        self._writer = JournalWriter(folder, fsync, shared, workspace_id)
        self._folder, self._shared, self._read_only = folder, shared, read_only
        self._made_drain: Drain | None = None
        self._start_lock = threading.RLock()
        self._begin()
        _stores.add(self)

    def _begin(self) -> None:
        self._active: set[str] = set()
        self._held: dict[str, int] = {}
        self._orphans: set[str] = set()
        self._place_lost = False
        self._renewed = 0
        self._is_tended = False

    @property
    def _drain(self) -> Drain:
        """What folds; loaded when first needed, which a short process never does."""
        if self._made_drain is None:
            from bridge.store.fold import Drain

            with self._start_lock:
                self._made_drain = self._made_drain or Drain(
                    self.inner, self._folder, self._shared, self._read_only, self._workspace_id
                )
        return self._made_drain

    # Points

    def log(
        self,
        run_id: str,
        key: str,
        value: Value,
        timestamp: int,
        step: int | None = None,
        door: int = NATIVE,
    ) -> None:
        kind = type(value)
        if kind is float:
            flags = door << DOOR_SHIFT
        elif kind is int and -EXACT_INTEGER <= value <= EXACT_INTEGER:  # type: ignore[operator]
            flags = door << DOOR_SHIFT | IS_INT
        else:
            self.log_points(run_id, (Point(key, value, timestamp, step),), door)
            return
        if step is None:
            given = 0
        elif type(step) is int and INT64_MIN <= step <= INT64_MAX:
            given = step
            flags |= HAS_STEP
        else:
            self.log_points(run_id, (Point(key, value, timestamp, step),), door)
            return
        if type(timestamp) is int and self._writer.log_number(run_id, key, value, flags, timestamp, given):  # type: ignore[arg-type]
            return
        self.log_points(run_id, (Point(key, value, timestamp, step),), door)

    def log_points(self, run_id: str, points: Sequence[Point], door: int = NATIVE) -> None:
        checked = check_points(points)
        if run_id not in self._active:
            self._activate(run_id)
        if not self._is_tended:
            self._be_tended()
        if checked:
            self._writer.log(run_id, checked, door)

    def _activate(self, run_id: str) -> None:
        """Ask the store whether a run may be written to."""
        if self._read_only:
            raise NotAllowed("log to run", run_id, "the workspace can only be read here")
        self.inner.log_points(run_id, ())
        self._active.add(run_id)

    def _be_tended(self) -> None:
        _background.add(self)

    def _deactivate(self, run_id: str) -> None:
        """The next point of a run asks the store anew."""
        self._active.discard(run_id)
        self._writer.stop_fast(run_id)

    def tend(self) -> None:
        """What the background does each second: ask after active runs, and fold the backlog if nobody else does."""
        self._check_place()
        self._renew_leases()
        active = [run_id for run_id in list(self._active) if run_id not in self._orphans]
        for run_id in set(active) - self.inner.get_active_runs(active):
            self._deactivate(run_id)
        self._writer.retry()
        self._keep_troubles()
        self._drain.fold(wait=False)
        if self._writer.hands_over:
            journal_id = self._writer.journal_id
            self._writer.let_go(self.inner.get_receipts([journal_id]).get(journal_id, 0))

    def _check_place(self) -> None:
        """Notice that the workspace's folder was removed or replaced, and keep this process's journals with it.

        What was logged is never written to another workspace, and goes back to its own when that is at the path again.
        """
        if self._read_only or (not self._place_lost and self._writer.is_in_place()):
            return
        try:
            found = self.inner.find_workspace_id()
            own = list(self._active | self._held.keys() | self._orphans)
            orphans = set(own) - self.inner.get_runs(own, latest=False).keys()
        except BridgeError as error:
            self._report_lost(str(error))
            return
        if not self._writer.move(found, orphans):
            self._report_lost("it cannot be written.")
            return
        self._orphans = orphans
        for run_id in orphans:
            self._held.pop(run_id, None)
        self._writer.renew()  # a reader that found no journal may have ended the runs of this process
        self._workspace_id = found
        self._place_lost = self._writer.has_lost
        if self._made_drain is not None:
            self._made_drain.follow(found)

    def _report_lost(self, reason: str) -> None:
        if not self._place_lost:
            self._place_lost = True
            logger.error(
                "%s, to which this process logs, was removed: %s What is logged waits until it exists again.",
                self._folder,
                reason,
            )

    def _keep_troubles(self) -> None:
        """Keep as warnings of the runs that points could not be written; what cannot be kept yet is kept later."""
        for run_id, sentence in list(self._writer.troubles.items()):
            try:
                self.inner.update_run(run_id, RunChanges(warnings=(sentence,)))
            except StoreUnavailable as error:
                logger.debug("The warning of run %s is kept later: %s", run_id, error)
                return
            except (NotFound, InvalidState) as error:  # the run is gone
                logger.debug("The warning of run %s is not kept: %s", run_id, error)
            self._writer.troubles.pop(run_id, None)

    # Leases

    def begin_runs(self, records: Sequence[RunRecord]) -> list[RunRecord]:
        # The lease is there with the run, in one transaction: else one that is killed in between would leave it open.
        with self._start_lock:  # a close in another thread ends the journal before, or leaves it open
            starting = self._writer.start()  # held until the end of this call
        journal_id, time = starting.journal_id, starting.time
        now = read_boot_time()
        leases = [Lease(record.id, journal_id, time, now) for record in records] if journal_id else []
        made = self.create_runs(records, leases)
        for record in made:
            if record.status not in TERMINAL_STATUSES:
                self.hold_lease(record.id)
        return made

    def claim_run(self, run_id: str, lease: Lease | None = None) -> None:
        if lease is not None:
            self.inner.claim_run(run_id, lease)
            return
        with self._start_lock:
            starting = self._writer.start()  # held until the end of this call, as above
        if not starting.journal_id and not self._read_only:
            raise StoreUnavailable(str(self._folder), "no journal can be begun there, so that no run can be owned")
        try:
            self._drain.fold()  # what an earlier owner wrote, perhaps by a clock that is ahead, comes before the claim
        except BridgeError as error:
            logger.debug("Run %s is claimed without a fold: %s", run_id, error)
        self.inner.claim_run(run_id, Lease(run_id, starting.journal_id, starting.time, read_boot_time()))
        for stored in self.inner.get_leases():
            if stored.run_id == run_id and stored.journal_id == starting.journal_id:
                self._writer.follow_lease(stored.time)
        self.hold_lease(run_id)

    def end_unclaimed(self, now: int) -> list[str]:
        return self.inner.end_unclaimed(now)

    def hold_lease(self, run_id: str) -> None:
        if self._read_only:
            return
        with self._start_lock:
            self._held[run_id] = self._held.get(run_id, 0) + 1
            if self._held[run_id] == 1:
                self._writer.hold(run_id)
                self._renewed = self._renewed or read_boot_time()
        if not self._is_tended:
            self._be_tended()

    def release_lease(self, run_id: str) -> None:
        with self._start_lock:
            if run_id in self._held:
                self._held[run_id] -= 1
                if not self._held[run_id]:
                    self._let_go_of(run_id)

    def _let_go_of(self, run_id: str) -> None:
        if self._held.pop(run_id, None) is not None:
            self._writer.release(run_id)

    def _renew_leases(self) -> None:
        now = read_boot_time()
        if self._held and (now - self._renewed > RENEW_SECONDS * 1e9 or self._writer.hands_over):
            self._renewed = now
            self._writer.renew()

    @property
    def owns_runs(self) -> bool:
        """Whether this process owns runs, or is starting one: their owner is gone when the journal is closed."""
        return bool(self._held) or self._writer.is_starting

    def get_leases(self) -> list[Lease]:
        self._drain.fold()
        return self.inner.get_leases()

    def end_leases(self, gone: Mapping[str, int], silent: Collection[str] = ()) -> list[str]:
        self._drain.fold()
        return self.inner.end_leases(gone, silent)

    def get_series_of(self, run_ids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, list[SeriesRecord]]:
        from bridge.store.packages import check_package

        check_package("numpy", "reading metrics")
        self._drain.fold()
        return self.inner.get_series_of(run_ids, keys)

    def append(self, slices: Sequence[Slice]) -> dict[str, int]:
        return self.inner.append(slices)

    def get_receipts(self, journal_ids: Sequence[str]) -> dict[str, int]:
        return self.inner.get_receipts(journal_ids)

    def flush(self, run_id: str | None = None) -> None:
        self._check_place()
        if self._writer.unsynced:  # a store that syncs has these points on the disk once they are folded
            self._drain.fold()
            self._writer.synced(self.inner.get_receipts(list(self._writer.unsynced)))
        self._writer.flush(run_id)  # every reader folds what it finds there
        self._keep_troubles()
        self.inner.flush(run_id)

    @property
    def unfolded_bytes(self) -> int:
        """How many bytes of points a read does not see, because nothing may be written here, or there is no numpy."""
        return 0 if self._made_drain is None else self._made_drain.unfolded_bytes

    def close(self) -> None:
        _background.remove(self)
        self._check_place()
        for run_id in list(self._held):
            self._let_go_of(run_id)
        self._writer.close()
        if self._made_drain is not None:
            self._made_drain.close()
        self.inner.close()
        self._begin()

    def close_unless_owner(self) -> None:
        """Close; but leave the journal open if this process owns runs, or is starting one."""
        with self._start_lock:
            if self.owns_runs:
                self.inner.close()
            else:
                self.close()

    def let_go(self) -> None:
        """Close what was opened only to read; a later call opens it again."""
        if self._made_drain is not None:
            self._made_drain.close()
        self.inner.close()

    def at_exit(self) -> None:
        """The end of the process: end the journal, and fold it where that costs no import and no waiting."""
        _background.remove(self)
        self._check_place()
        self._writer.close()
        if "numpy" in sys.modules and not self._read_only:
            try:
                self._drain.fold(wait=False)
            except BridgeError as error:
                logger.debug("Not folded at exit, the next reader does: %s", error)
        self.inner.close()

    def after_fork(self) -> None:
        """In a child: let go of everything that belongs to the parent."""
        self._writer.forget()
        if self._made_drain is not None:
            self._made_drain.forget()
        forget = getattr(self.inner, "after_fork", None)
        if forget is not None:
            forget()
        self._start_lock = threading.RLock()
        self._begin()

    # Everything else is the inner store's; a read folds first, since a run shows its latest points.

    def create_experiment(
        self,
        name: str,
        creation_time: int,
        artifact_location: str | None = None,
        tags: Mapping[str, str | None] | None = None,
    ) -> ExperimentRecord:
        return self.inner.create_experiment(name, creation_time, artifact_location, tags)

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        return self.inner.get_experiment(experiment_id)

    def find_experiment(self, name: str) -> ExperimentRecord | None:
        return self.inner.find_experiment(name)

    def search_experiments(self, query: ExperimentQuery) -> Page[ExperimentRecord]:
        return self.inner.search_experiments(query)

    def rename_experiment(self, experiment_id: str, name: str, time: int) -> None:
        self.inner.rename_experiment(experiment_id, name, time)

    def set_experiment_tags(
        self, experiment_id: str, tags: Mapping[str, str | None], removed: Sequence[str] = ()
    ) -> None:
        self.inner.set_experiment_tags(experiment_id, tags, removed)

    def delete_experiment(self, experiment_id: str, time: int) -> None:
        self.inner.delete_experiment(experiment_id, time)
        for run_id in list(self._active):
            self._deactivate(run_id)

    def restore_experiment(self, experiment_id: str, time: int) -> None:
        self.inner.restore_experiment(experiment_id, time)

    def purge_experiment(self, experiment_id: str) -> None:
        self._drain.fold()  # else what waits in journals would come to a run that has one of the ids later
        self.inner.purge_experiment(experiment_id)
        self._forget_purged()

    def create_runs(self, records: Sequence[RunRecord], leases: Sequence[Lease] = ()) -> list[RunRecord]:
        made = self.inner.create_runs(records, leases)
        self._active.update(record.id for record in made if record.lifecycle_stage == "active")
        return made

    def get_runs(self, run_ids: Sequence[str], latest: bool = True) -> dict[str, RunRecord]:
        if latest:
            self._drain.fold()
        found = self.inner.get_runs(run_ids, latest)
        if any(record.status == "Failed" and record.id in self._held for record in found.values()):
            if self._claim_back(found.values()):
                found = self.inner.get_runs(run_ids, latest)
        # A status is read without a fold: so that it is the truth, owners are asked after, but for our own runs'.
        if not latest and not self._read_only and any(self._is_of_others(record) for record in found.values()):
            if self._drain.look_after_leases():
                found = self.inner.get_runs(run_ids, latest)
        return found

    def _claim_back(self, records: Iterable[RunRecord]) -> bool:
        """Own runs again that were ended because this process was silent for too long; whether there are such runs."""
        from bridge.store.leases import is_owner_gone

        if not any(record.id in self._held and is_owner_gone(record.error) for record in records):
            return False
        self._check_place()  # its journal was removed when its runs were ended
        self._writer.renew()
        self._drain.fold()
        return True

    def _is_of_others(self, record: RunRecord) -> bool:
        return record.id not in self._held and record.status not in TERMINAL_STATUSES

    def get_active_runs(self, run_ids: Sequence[str]) -> set[str]:
        return self.inner.get_active_runs(run_ids)

    def update_run(self, run_id: str, changes: RunChanges) -> None:
        self.inner.update_run(run_id, changes)
        if changes.status in TERMINAL_STATUSES:
            with self._start_lock:
                self._let_go_of(run_id)

    def delete_run(self, run_id: str, time: int) -> None:
        self.inner.delete_run(run_id, time)
        self._deactivate(run_id)

    def restore_run(self, run_id: str) -> None:
        self.inner.restore_run(run_id)

    def purge_runs(self, run_ids: Sequence[str]) -> None:
        if run_ids:
            self._drain.fold()  # as above
        self.inner.purge_runs(run_ids)
        self._forget_purged()

    def _forget_purged(self) -> None:
        """Speak for runs that are gone no longer, and let the next point of each run ask the store anew."""
        for run_id in list(self._active):
            self._deactivate(run_id)
        held = list(self._held)
        for run_id in set(held) - self.inner.get_runs(held, latest=False).keys():
            with self._start_lock:
                self._let_go_of(run_id)

    def search_runs(self, query: RunQuery) -> Page[RunRecord]:
        self._drain.fold()
        return self.inner.search_runs(query)

    def search_run_ids(self, query: RunQuery) -> Page[str]:
        self._drain.fold()
        return self.inner.search_run_ids(query)

    def search_datasets(self, experiment_ids: Sequence[str]) -> list[tuple[str, str, str, str | None]]:
        return self.inner.search_datasets(experiment_ids)

    def set_artifacts(self, root: str, records: Sequence[ArtifactRecord]) -> None:
        self.inner.set_artifacts(root, records)

    def list_artifacts(self, root: str, folder: str = "", recursive: bool = False) -> list[ArtifactRecord]:
        return self.inner.list_artifacts(root, folder, recursive)

    def find_artifact(self, root: str, path: str) -> ArtifactRecord | None:
        return self.inner.find_artifact(root, path)

    def delete_artifacts(self, root: str, path: str = "") -> list[str]:
        return self.inner.delete_artifacts(root, path)


class _Background:
    """The one thread that tends the stores of this process, each second, for as long as somebody holds one."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Also in a child after a fork, where the thread does not exist."""
        self._lock = threading.RLock()
        self._stores: weakref.WeakSet[JournaledStore] = weakref.WeakSet()
        self._thread: threading.Thread | None = None
        self._loading = ThreadLock("modules that the background loads")

    def before_fork(self) -> None:
        """Wait until the thread loads no module: a child would have the module's lock, and nobody who releases it."""
        self._loading.acquire(timeout=LOAD_SECONDS)

    def after_fork(self) -> None:
        """In the parent."""
        while self._loading.is_mine():  # an interrupted step before the fork may have taken it twice, or not at all
            self._loading.release()

    def add(self, store: JournaledStore) -> None:
        with self._lock:
            self._stores.add(store)
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="bridge-fold", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # the system has no more threads: the next call tries again
                    logger.debug("Nothing is folded in the background: %s", error)
                    return
                except KeyError as error:  # `Thread.start` hides what a signal handler raised as the thread began
                    raise error.__context__ or error from None
                self._thread = thread  # after its start: an interrupt before would leave one that never runs
            store._is_tended = True

    def remove(self, store: JournaledStore) -> None:
        with self._lock:
            self._stores.discard(store)

    def _run(self) -> None:
        try:
            is_loaded = False
            while self._is_needed():
                time.sleep(FOLD_SECONDS)
                if not is_loaded:
                    self._loading.acquire()  # without the limit of a `with`
                    try:
                        _load_what_folds()
                    finally:
                        self._loading.release()
                    is_loaded = True
                self._tend_all()
        finally:  # an error that nobody expected ends the thread: the next call of each store starts another
            with self._lock:
                for store in list(self._stores):
                    store._is_tended = False
                if self._thread is threading.current_thread():
                    self._thread = None

    def _is_needed(self) -> bool:
        with self._lock:
            if not self._stores:
                self._thread = None
            return self._thread is not None

    def _tend_all(self) -> None:
        for store in list(self._stores):
            try:
                if store in self._stores:  # it may have been closed meanwhile
                    store.tend()
                    if store not in self._stores:  # closed as it was tended: what that has opened since is closed
                        store.let_go()
            except (BridgeError, OSError, ImportError, MemoryError) as error:  # the last three: numpy's import may fail
                logger.debug("Not folded this time, the next reader or second does: %s", error)
        for tidy in each_second:
            try:
                tidy()
            except BridgeError as error:
                logger.debug("Not tidied this time: %s", error)


def _load_what_folds() -> None:
    """Load the modules of a fold at once, so that the background loads none later, when the process may fork."""
    try:
        import numpy  # noqa: F401

        import bridge.journal.reader
        import bridge.store.bounds
        import bridge.store.fold
        import bridge.store.leases
        import bridge.store.place
        import bridge.store.sql.leases
        import bridge.store.sql.series  # noqa: F401
    except (ImportError, MemoryError) as error:
        logger.debug("Nothing is folded in the background: %s", error)


each_second: list[Callable[[], None]] = []
"""What else the background does."""

_background = _Background()

_stores: weakref.WeakSet[JournaledStore] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for store in list(_stores):
        store.after_fork()


on_fork(Step.BACKGROUND, before=_background.before_fork, in_parent=_background.after_fork, in_child=_background.begin)
on_fork(Step.STORES, in_child=_after_fork_in_child)


@atexit.register
def _at_exit() -> None:
    for store in list(_stores):
        store.at_exit()
