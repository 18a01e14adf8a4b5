"""The tracking store of a workspace on a server: points wait on this computer until the server has taken them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from bridge.errors import BridgeError, StoreUnavailable
from bridge.store.background import Background
from bridge.store.http.patience import begin_exit, patience
from bridge.store.journaled import JournaledStore
from bridge.store.kept_ends import AWAY, KeptEnds, is_end
from bridge.store.kept_files import KeptFiles
from bridge.store.known_receipts import KnownReceipts
from bridge.store.known_runs import Known, KnownRuns
from bridge.store.retries import Retries
from bridge.store.undelivered import count_undelivered
from bridge.store.waiting_values import read_waiting, with_waiting

if TYPE_CHECKING:
    from bridge.records.experiment import ExperimentRecord
    from bridge.records.run import Lease, RunChanges, RunRecord
    from bridge.store.http.backend import HttpBackend

logger = logging.getLogger("bridge")

FLUSH_SECONDS = 60.0
"""How long `flush`, and so `Run.complete`, waits for a server that does not answer."""

CLOSE_SECONDS = 60.0
"""How long closing a workspace waits for a server that does not answer. At the end of a process, it waits less."""

FIRST_LOG_SECONDS = 2.0
"""How long the first log call of a run waits for the server, if this process has read the run before."""

FRESH_SECONDS = 1.0
"""How long the record of a run shows that the run is active, without another request."""

DELIVERY_SECONDS = 60.0
"""How long the background thread waits for the answer to a delivery, and for those to all its other requests."""

END_SECONDS = 20.0
"""How long the end of a run waits for the server before it waits beside the journal."""

OWN_READ_SECONDS, SHORT_READ_SECONDS = 10.0, 1.0
"""How long a read of a run that this process writes to waits for the server; shorter if it has just not answered."""

Result = TypeVar("Result")


class RemoteStore(JournaledStore):
    """The tracking store of a workspace on a server.

    A log call writes to a journal on this computer, and never waits for the server. The background thread delivers the
    journal about once a second. While the server does not answer, the thread tries less and less often, and the points
    wait in the journal. Afterwards the delivery continues automatically, and each point is stored exactly once.

    While the server does not answer, `get_runs` and `get_experiment` return what this process last read of the runs
    that it writes to, with the latest values that it has logged since. Other reads raise `StoreUnavailable`.

    Args:
        inner: the server.
        folder: the folder of the journals on this computer.
        fsync: each log call waits until its points are on the disk.
        workspace_id: the id of the workspace.
    """

    is_remote = True

    def __init__(self, inner: HttpBackend, folder: Path, fsync: bool, workspace_id: str) -> None:
        self.server = inner
        self._ends, self._files = KeptEnds(folder, inner, fsync), KeptFiles(folder, inner, fsync)
        self._receipts = KnownReceipts(inner, self._files, self._ends)
        self._background = Background(_load_modules)
        self._known = KnownRuns()
        self._retries = Retries()
        super().__init__(self._receipts, folder, fsync, False, False, workspace_id)

    @property
    def address(self) -> str:
        """The address of the workspace on the server."""
        return self.server.connection.address

    # Delivery

    def tend(self) -> None:
        """Deliver the journals, unless the server has just not answered. Called once a second."""
        if not self._retries.is_due():
            self._owned.renew()  # the lease records wait in the journal, like points
            return
        try:
            with patience(DELIVERY_SECONDS):
                super().tend()
                is_more = self.has_kept_files or self._ends.wait_for(self._writer.journal_id)
                if is_more:
                    self._folding.fold()  # the points of a run come before its files, and these before its end
            if is_more:
                self._deliver_ends()
        except BridgeError as error:
            if self._retries.fail(type(error)):
                logger.warning(
                    "%s Points wait in %s until the server takes them, and nothing that is logged is lost.",
                    error,
                    self._folder,
                )
            raise
        if self._retries.succeed():
            logger.warning("%s answers again, and has taken all points that waited.", self.address)

    def _check_place(self) -> None:
        """Create the folder of the journals again if it was removed: it belongs only to this computer's clients."""
        if not self._folder.is_dir():
            with suppress(OSError):  # reported by the call below
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        super()._check_place()

    def flush(self, run_id: str | None = None) -> None:
        """Wait until the server has taken all points that were logged before this call.

        Raises:
            StoreUnavailable: the server has not taken them within `FLUSH_SECONDS`, or points are lost.
        """
        with patience(FLUSH_SECONDS):
            super().flush(run_id)
            try:
                self._folding.fold()
            except AWAY as error:
                if waiting := self._waiting():  # otherwise only records of leases wait
                    raise StoreUnavailable(self.address, f"{waiting} ({error})") from error

    def at_exit(self) -> None:
        """Close the journal at the end of the process, and deliver it."""
        begin_exit()
        self._background.remove(self)
        self._check_place()
        if journal_id := self._writer.journal_id:
            self._writer.close()
            self._deliver_rest(journal_id)
        self.inner.close()

    def close(self) -> None:
        journal_id = self._writer.journal_id
        super().close()
        if journal_id:
            self._deliver_rest(journal_id)
            self.let_go()
        self._known.clear()

    def _deliver_rest(self, journal_id: str) -> None:
        """Deliver the rest of a closed journal. If this fails, report how many points and files wait, and where."""
        try:
            with patience(CLOSE_SECONDS):
                self._folding.fold()
                self._deliver_ends()
        except (BridgeError, OSError, ImportError, MemoryError) as error:
            hint = "The next process on this computer that opens this workspace delivers them."
            files = self._files.count(journal_id)
            kept = f"{files} captured files or pieces of logs wait in {self._folder}" if files else ""
            if waiting := "; ".join(filter(None, (self._waiting(), kept))):
                logger.warning("%s: %s. %s %s", self.address, waiting, hint, error)

    def after_fork(self) -> None:
        super().after_fork()
        self._retries = Retries()
        self._files.begin()

    def deliver_leftovers(self) -> None:
        """Let the background thread deliver what an earlier process has left in the folder of journals."""
        if any(self._folder.glob("*.log")) or self._ends.wait_for("") or self._files.wait_for(""):
            self.be_tended()

    def _waiting(self) -> str:
        """Return a part of a sentence: how many points wait, and where; empty if none wait."""
        points = count_undelivered(self._folder, self._receipts.receipts)
        return f"it has not taken {points} points yet, which wait in {self._folder}" if points else ""

    # Runs that this process writes to

    def check_writable(self, run_id: str) -> None:
        if run_id not in self._active and self._may_log(run_id):
            self._active[run_id] = None
        super().check_writable(run_id)

    def _may_log(self, run_id: str) -> bool:
        """Return whether a log call may use what this process last read of a run, and need not ask the server."""
        age = self._known.age_of_active(run_id)
        if age is None:
            return False
        if age < FRESH_SECONDS or self._retries.is_failing:
            return True
        try:
            with patience(FIRST_LOG_SECONDS):
                self.inner.check_writable(run_id)
        except AWAY:
            pass  # the background thread asks again once the server answers
        return True

    def create_runs(self, records: Sequence[RunRecord], leases: Sequence[Lease] = ()) -> list[RunRecord]:
        position = self._writer.position
        made = super().create_runs(records, leases)
        self._known.add(made, position)
        return made

    def get_runs(self, run_ids: Sequence[str], latest: bool = True) -> dict[str, RunRecord]:
        position = self._writer.position
        known = self._known.find(run_ids) if all(map(self._is_written, run_ids)) else None
        found = self._read(known is not None, lambda: super(RemoteStore, self).get_runs(run_ids, latest))
        if found is None:
            return self._with_waiting(known or {})
        if len(run_ids) == 1:
            self._known.add(found.values(), position)
        return found

    def _with_waiting(self, known: Mapping[str, Known]) -> dict[str, RunRecord]:
        """Return the records of runs as this process has last read them, with the values that it has logged since."""
        now = self._writer.position
        return {
            run_id: record if waiting is None else with_waiting(record, waiting)
            for run_id, (record, _, position) in known.items()
            for waiting in [read_waiting(self._folder, now, position)]
        }

    def _is_written(self, run_id: str) -> bool:
        """Return whether this process writes to a run."""
        return run_id in self._active or run_id in self._owned

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        known = self._known.find_experiment(experiment_id)
        found = self._read(known is not None, lambda: super(RemoteStore, self).get_experiment(experiment_id))
        if found is None:
            assert known is not None
            return known
        self._known.add_experiment(found)
        return found

    def find_experiment(self, name: str) -> ExperimentRecord | None:
        found = super().find_experiment(name)
        if found is not None:
            self._known.add_experiment(found)
        return found

    def create_experiment(
        self,
        name: str,
        creation_time: int,
        artifact_location: str | None = None,
        tags: Mapping[str, str | None] | None = None,
    ) -> ExperimentRecord:
        made = super().create_experiment(name, creation_time, artifact_location, tags)
        self._known.add_experiment(made)
        return made

    def _read(self, is_known: bool, read: Callable[[], Result]) -> Result | None:
        """Return the result of a read. If `is_known`, wait less for the server, and return None if it is away."""
        if not is_known:
            return read()
        try:
            with patience(SHORT_READ_SECONDS if self._retries.is_failing else OWN_READ_SECONDS):
                found = read()
        except AWAY as error:
            logger.debug("%s A run is shown as this process last read it.", error)
            return None
        self._retries.hurry()
        return found

    def update_runs(self, run_ids: Sequence[str], changes: RunChanges) -> None:
        """Change runs. If the server does not answer, the end of a run of this process waits beside the journal."""
        if len(run_ids) == 1 and is_end(changes) and self._is_written(run_ids[0]):
            with patience(self.end_seconds):
                if not self._send_end(run_ids[0], changes):
                    self.be_tended()
                    return
            self._release(run_ids)
        else:
            super().update_runs(run_ids, changes)
        self._known.change(run_ids, changes)

    def _send_end(self, run_id: str, changes: RunChanges) -> bool:
        """Deliver the points, and then send the end of a run. Return False if it waits for the server."""
        try:
            self._folding.fold()
        except AWAY as error:
            if self._waiting() and self.keep_end(run_id, changes):  # otherwise only records of leases wait
                logger.warning("%s Run %s becomes %s when the server answers again.", error, run_id, changes.status)
                return False
        except BridgeError as error:  # the background thread reports it, and the run has ended all the same
            logger.debug("Points are not delivered before the end of run %s: %s", run_id, error)
        if self.has_kept_files:
            try:
                self._files.deliver(self._writer.journal_id)
            except AWAY as error:
                logger.debug("The end of run %s waits for captured files: %s", run_id, error)
                if self.keep_end(run_id, changes):
                    return False
        return self._ends.send(self._writer.journal_id, run_id, changes)

    def keep_end(self, run_id: str, changes: RunChanges) -> bool:
        self.be_tended()
        return self._ends.keep(self._writer.journal_id, run_id, changes)

    # Captured files

    @property
    def end_seconds(self) -> float:
        """How long a request at the end of a run waits for the server."""
        return SHORT_READ_SECONDS if self._retries.is_failing else END_SECONDS

    @property
    def has_kept_files(self) -> bool:
        """Whether captured files wait for the server."""
        return self._files.wait_for(self._writer.journal_id)

    def keep_file(self, root: str, path: str, source: BinaryIO) -> int:
        """Let a file wait for the server; see `KeptFiles.keep_put`."""
        self.be_tended()
        return self._files.keep_put(self._writer.journal_id, root, path, source)

    def keep_piece(self, root: str, path: str, data: bytes, tried: int | None) -> None:
        """Let a piece of a log wait for the server; see `KeptFiles.keep_append`."""
        self.be_tended()
        self._files.keep_append(self._writer.journal_id, root, path, data, tried)

    def _deliver_ends(self) -> None:
        """Send the files and ends of runs that have waited: of this process, and of processes without a journal."""
        self._files.deliver(self._writer.journal_id)
        run_ids = self._ends.deliver(self._writer.journal_id)
        self._release(run_ids)
        self._known.forget(run_ids)

    def _release(self, run_ids: Iterable[str]) -> None:
        """Release the leases of runs that have ended."""
        with self._start_lock:
            for run_id in run_ids:
                self._owned.drop(run_id)

    def delete_runs(self, run_ids: Sequence[str], time: int) -> None:
        super().delete_runs(run_ids, time)
        self._known.forget(run_ids)

    def deactivate(self, run_ids: Iterable[str] | None = None) -> None:
        chosen = list(self._active) if run_ids is None else list(run_ids)
        super().deactivate(chosen)
        self._known.forget(chosen)

    def end_leases(self, gone: Mapping[str, int], silent: Collection[str] = ()) -> list[str]:
        return self.inner.end_leases(gone, silent)


def _load_modules() -> Any:
    """Load the modules that a delivery needs, so that no fork happens while the background thread imports them."""
    import requests

    import bridge.store.http.backend
    import bridge.store.http.codec

    return requests, bridge.store.http
