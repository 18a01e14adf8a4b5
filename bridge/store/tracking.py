"""The port of everything known about experiments, runs and series: what each verb of a tracking store promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bridge.errors import NotFound
from bridge.records.series import NATIVE, Point

if TYPE_CHECKING:
    from bridge.records.artifact import ArtifactRecord
    from bridge.records.experiment import ExperimentRecord
    from bridge.records.page import Page
    from bridge.records.run import Lease, RunChanges, RunRecord
    from bridge.records.search import ExperimentQuery, RunQuery, View
    from bridge.records.series import SeriesRecord, Value
    from bridge.store.slices import Slice


RUNS_AT_ONCE = 500
"""How many records a listing reads at once."""


class TrackingStore(ABC):
    """A place where experiments, runs, series and the index of artifacts live.

    Every verb may be called from any thread.
    What a verb has done when it returns is seen by every later read, of this store object and, for a place that
    processes share, of any other process.
    A verb that raises has changed nothing.
    A record that is returned is a value: it does not change later, and changing its mappings changes nothing here.
    Times are milliseconds since 1970 UTC and are given by the caller.
    An unknown experiment or run is `NotFound`; a deleted run or experiment can be read, and every verb that would
    write to it raises `InvalidState`, except that points folded from a journal still land in a deleted run.
    """

    # Experiments

    @abstractmethod
    def create_experiment(
        self,
        name: str,
        creation_time: int,
        artifact_location: str | None = None,
        tags: Mapping[str, str | None] | None = None,
    ) -> ExperimentRecord:
        """Make an experiment; names are unique among active and deleted ones and compared exactly.

        Raises:
            InvalidValue: the name is empty or longer than 500 characters.
            AlreadyExists: the name is taken.
        """

    @abstractmethod
    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        """The experiment of that id, active or deleted."""

    @abstractmethod
    def find_experiment(self, name: str) -> ExperimentRecord | None:
        """The experiment of that name, active or deleted, or None."""

    @abstractmethod
    def search_experiments(self, query: ExperimentQuery) -> Page[ExperimentRecord]:
        """The experiments that a query asks for, in its order."""

    @abstractmethod
    def rename_experiment(self, experiment_id: str, name: str, time: int) -> None:
        """Give an active experiment another name, or the same again.

        Raises:
            InvalidValue, AlreadyExists: as for `create_experiment`; the name is checked first.
        """

    @abstractmethod
    def set_experiment_tags(
        self, experiment_id: str, tags: Mapping[str, str | None], removed: Sequence[str] = ()
    ) -> None:
        """Set and remove tags of an active experiment; others stay, and its `last_update_time` too.

        Raises:
            NotFound: a removed tag is not there.
        """

    @abstractmethod
    def delete_experiment(self, experiment_id: str, time: int) -> None:
        """Mark an active experiment and all its runs as deleted; a deleted one is `NotFound`."""

    @abstractmethod
    def restore_experiment(self, experiment_id: str, time: int) -> None:
        """Mark a deleted experiment and *all* its runs as active; an active one is `NotFound`."""

    @abstractmethod
    def purge_experiment(self, experiment_id: str) -> None:
        """Remove a deleted experiment for good, with its runs as `purge_runs` does; an active one is `NotFound`.

        The runs go first, some at a time: where that was broken off, the next call goes on with it.
        Its name may be taken again, and its id, if it was the greatest, is given again.
        """

    # Runs

    def create_run(self, record: RunRecord) -> RunRecord:
        """Make one run; `create_runs` of one."""
        return self.create_runs((record,))[0]

    @abstractmethod
    def create_runs(self, records: Sequence[RunRecord], leases: Sequence[Lease] = ()) -> list[RunRecord]:
        """Make runs in active experiments, all in one transaction, and return them with their numbers.

        They are numbered and returned in the order given.
        The params, tags, properties, inputs and outputs of a record are stored; its number, latest points and
        warnings are not looked at.
        The same id again in the same experiment with the same start time is answered with the run that is there.

        Args:
            records: what is known of them.
            leases: who speaks for those of them that are made, from the moment they are there.

        Raises:
            InvalidValue: an id may not be one.
            AlreadyExists: another run has an id.
        """

    def get_run(self, run_id: str, latest: bool = True) -> RunRecord:
        """All that is known of a run but its points; without the latest ones too if `latest` is False."""
        found = self.get_runs((run_id,), latest).get(run_id)
        if found is None:
            raise NotFound("run", run_id)
        return found

    @abstractmethod
    def get_runs(self, run_ids: Sequence[str], latest: bool = True) -> dict[str, RunRecord]:
        """What `get_run` says of each of these runs, in the order given; one that is unknown is absent."""

    @abstractmethod
    def get_active_runs(self, run_ids: Sequence[str]) -> set[str]:
        """Those of these runs that may be written to."""

    @abstractmethod
    def update_run(self, run_id: str, changes: RunChanges) -> None:
        """Change an active run in one transaction: all of the changes, or, when this raises, none.

        Repeating a call changes nothing more, except that model outputs are added each time.

        Raises:
            ParamChanged: params are there with other values (all of them are named).
            InvalidState: a property is there with another value.
            NotFound: a removed tag is not there.
        """

    @abstractmethod
    def delete_run(self, run_id: str, time: int) -> None:
        """Mark a run as deleted; repeating it changes nothing. Its status and times stay."""

    @abstractmethod
    def restore_run(self, run_id: str) -> None:
        """Mark a run as active; repeating it changes nothing. It works in a deleted experiment too."""

    @abstractmethod
    def purge_runs(self, run_ids: Sequence[str]) -> None:
        """Remove runs, active or deleted, for good, with all that they logged and their files' index.

        Unknown ones are passed over, so that a repeat changes nothing.
        From one moment on nobody finds a run; what it logged is removed after it, bit by bit, and others may write
        meanwhile.
        Where that was broken off, the next call of any purge goes on with it, also one without ids.
        Points that come from a journal later are dropped and said in the log.
        The contexts in which they used data sets stay known to `search_datasets`.
        """

    @abstractmethod
    def search_runs(self, query: RunQuery) -> Page[RunRecord]:
        """The runs that a query asks for, in its order; unknown experiments are passed over."""

    @abstractmethod
    def search_run_ids(self, query: RunQuery) -> Page[str]:
        """Return the ids of the runs that `search_runs` would return, and no record."""

    def list_runs(self, query: RunQuery, latest: bool = True) -> Iterator[RunRecord]:
        """Return all runs that a query asks for, as they are listed at the moment of the call.

        The ids are read at once, the records later and in portions.
        So a run that starts meanwhile is not listed, and none is listed twice.
        A run that is deleted, restored or purged before its record is read is excluded.

        Args:
            query: which runs; its `max_results` and `page_token` apply to the ids.
            latest: read the latest points too.
        """
        return self._records_of(self.search_run_ids(query).items, query.view, latest)

    def _records_of(self, run_ids: Sequence[str], view: View, latest: bool) -> Iterator[RunRecord]:
        for start in range(0, len(run_ids), RUNS_AT_ONCE):
            for record in self.get_runs(run_ids[start : start + RUNS_AT_ONCE], latest).values():
                if view in ("all", record.lifecycle_stage):
                    yield record

    @abstractmethod
    def search_datasets(self, experiment_ids: Sequence[str]) -> list[tuple[str, str, str, str | None]]:
        """The distinct (experiment id, name, digest, context) of data sets that runs used, sorted.

        `context` is the input's tag `mlflow.data.context`, None if it has none.
        """

    # Who speaks for a run: when its owner is gone, somebody else ends it

    def begin_runs(self, records: Sequence[RunRecord]) -> list[RunRecord]:
        """`create_runs` of runs that this process speaks for from the moment they are there; see `hold_lease`."""
        return self.create_runs(records)

    def hold_lease(self, run_id: str) -> None:
        """Speak for a run, from now on until it ends or this process does.

        If this process is gone first, the run becomes Failed; if it is silent for long, NotResponding for that time.
        A lease that is held twice is let go of twice.
        A store without a journal holds none.
        """
        return None

    def release_lease(self, run_id: str) -> None:
        """Speak for a run no longer: it stays as it is when this process ends."""
        return None

    @abstractmethod
    def claim_run(self, run_id: str, lease: Lease | None = None) -> None:
        """Take a run of a script that waits for a launcher: it is Preparing, and the lease is held, in one transaction.

        Of several processes that claim a run, one succeeds.

        Args:
            run_id: the run.
            lease: who owns the run from now on; None is this process, where the store has a journal.

        Raises:
            InvalidState: the run has been claimed or has ended, is deleted, or is no run of a script.
            StoreUnavailable: the store cannot be written at the moment, or this process cannot have a lease.
        """

    @abstractmethod
    def end_unclaimed(self, now: int) -> list[str]:
        """End the runs of scripts that waited `LEASE_SECONDS` for a launcher while nobody held their lease; their ids.

        They become Failed, with an error that says so.

        Args:
            now: the time.
        """

    @abstractmethod
    def get_leases(self) -> list[Lease]:
        """The leases that are held, of runs that have not ended."""

    @abstractmethod
    def end_leases(self, gone: Mapping[str, int], silent: Collection[str] = ()) -> list[str]:
        """End runs whose owner is gone, and mark those whose owner is silent; the ids of both.

        A run whose lease names a journal whose process is gone becomes Failed, with an error that says since when.
        A run that is Running and whose owner is silent becomes NotResponding.
        Either is Running again when `append` brings a newer lease: an owner may have seemed gone.

        Args:
            gone: when each journal whose process is gone was last written to, in milliseconds since 1970, by its id.
            silent: the journals whose processes were silent for longer than a lease.
        """

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
        """Append one point to an active run; `log_points` of one."""
        self.log_points(run_id, (Point(key, value, timestamp, step),), door)

    @abstractmethod
    def log_points(self, run_id: str, points: Sequence[Point], door: int = NATIVE) -> None:
        """Append points to an active run in the order given; when this returns they survive the process.

        Values are floats (NaN with any payload, ±inf and -0.0 are kept bit by bit), ints, text, bools and None.
        An int beyond ±2**53 is kept as the nearest float64 and named once in a warning of the run.
        The cells of a row, which share its position and step, survive together or not at all.
        The same points again are appended again: the log of a run is what was logged.
        With no points this only asks whether the run may be written to.

        Raises:
            InvalidValue: a key, value, step, timestamp, kind or row may not be stored; none of the points is.
        """

    def get_series(self, run_id: str, keys: Sequence[str] | None = None) -> list[SeriesRecord]:
        """The series of a run, or those under some keys, in the order in which they were first logged.

        A key that was not logged is absent from the answer.
        """
        found = self.get_series_of((run_id,), keys).get(run_id)
        if found is None:
            raise NotFound("run", run_id)
        return found

    @abstractmethod
    def get_series_of(self, run_ids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, list[SeriesRecord]]:
        """What `get_series` says of each of these runs, in the order given; one that is unknown is absent."""

    @abstractmethod
    def append(self, slices: Sequence[Slice]) -> dict[str, int]:
        """Store points of journals and how far each journal is stored, in one transaction; return the new ends.

        A slice that ends where the store already is, or before, is passed over.
        Positions, the steps of step-less points and the latest values are given here: in the order of each slice,
        and between slices by their times.
        Points of a run that the store does not know are dropped and said in the log.
        Leases are stored of runs that exist and have not ended.
        A run that `end_leases` ended is Running again, without its end time and error, after a lease that is later than
        all that were stored of it before; no other run that has ended is changed.

        Raises:
            InvalidState: a slice does not begin where the store is; nothing is stored, cut anew.
        """

    @abstractmethod
    def get_receipts(self, journal_ids: Sequence[str]) -> dict[str, int]:
        """How far the store has each of these journals, in bytes; one it does not know is absent."""

    def find_workspace_id(self) -> str:
        """Return the id of the workspace that is at the store's path now; empty if the store has none.

        Raises:
            StoreUnavailable: it was removed.
        """
        return ""

    def flush(self, run_id: str | None = None) -> None:
        """Return when everything logged through this object, of a run or of all, is where a reader sees it.

        Raises:
            StoreUnavailable: points are unwritten or were dropped.
        """
        return None

    # The index of artifacts; `root` is a path below the workspace's artifacts folder

    @abstractmethod
    def set_artifacts(self, root: str, records: Sequence[ArtifactRecord]) -> None:
        """Note files below a root, replacing what is noted under the same paths.

        Raises:
            InvalidState: a path runs through another file, or is a folder of other files.
        """

    @abstractmethod
    def list_artifacts(self, root: str, folder: str = "", recursive: bool = False) -> list[ArtifactRecord]:
        """What lies directly in a folder, files and folders by path; with `recursive` all files below it.

        A folder that is not there, and a file, give an empty list.
        The root `""` is the folder of all roots: of it the folders in which roots with files lie, without `recursive`.
        """

    @abstractmethod
    def find_artifact(self, root: str, path: str) -> ArtifactRecord | None:
        """The file at a path, or None."""

    @abstractmethod
    def delete_artifacts(self, root: str, path: str = "") -> list[str]:
        """Forget a file or everything below a folder (`""`: the root); returns the paths forgotten, sorted."""

    def close(self) -> None:
        """Let go of files and connections; a later call opens them again. Repeating it changes nothing."""
        return None
