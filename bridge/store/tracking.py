"""The interface to everything known about experiments, runs and series."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bridge.records.series import NATIVE, Point

if TYPE_CHECKING:
    from bridge.records.experiment import ExperimentRecord
    from bridge.records.page import Page
    from bridge.records.run import Lease, RunChanges, RunRecord
    from bridge.records.search import ExperimentQuery, RunQuery
    from bridge.records.series import SeriesRecord, Value


class TrackingStore(ABC):
    """A store of experiments, runs and the points that runs log.

    Every method may be called from any thread.
    When a method returns, its effect is visible to every later read: of this object and, where several processes share
    the store, of every process.
    A method that raises has changed nothing.
    A returned record is a value: it does not change later, and changing its mappings changes nothing in the store.
    Times are milliseconds since 1970 UTC, and the caller gives them.
    An unknown experiment or run raises `NotFound`.
    A deleted experiment or run can be read. Methods that would write to it raise `InvalidState`, except that points
    from a journal are still stored in a deleted run.
    Text that UTF-8 cannot encode raises `InvalidValue`.
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
        """Create an experiment. Names are compared exactly and are unique among active and deleted experiments.

        Raises:
            InvalidValue: the name is empty or longer than 500 characters.
            AlreadyExists: another experiment has the name.
        """

    @abstractmethod
    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        """Return the experiment with an id, active or deleted."""

    @abstractmethod
    def find_experiment(self, name: str) -> ExperimentRecord | None:
        """Return the experiment with a name, active or deleted, or None."""

    @abstractmethod
    def search_experiments(self, query: ExperimentQuery) -> Page[ExperimentRecord]:
        """Return the experiments that match a query, in the query's order."""

    @abstractmethod
    def rename_experiment(self, experiment_id: str, name: str, time: int) -> None:
        """Rename an active experiment. It may be given the name that it has.

        Raises:
            InvalidValue, AlreadyExists: as for `create_experiment`; the name is checked first.
        """

    @abstractmethod
    def set_experiment_tags(
        self, experiment_id: str, tags: Mapping[str, str | None], removed: Sequence[str] = ()
    ) -> None:
        """Set and remove tags of an active experiment. Other tags and `last_update_time` are unchanged.

        Raises:
            NotFound: the experiment does not have a tag that is to be removed.
        """

    @abstractmethod
    def delete_experiment(self, experiment_id: str, time: int) -> None:
        """Mark an active experiment and all its runs as deleted; raise `NotFound` if it is deleted."""

    @abstractmethod
    def restore_experiment(self, experiment_id: str, time: int) -> None:
        """Mark a deleted experiment and *all* its runs as active; raise `NotFound` if it is active."""

    @abstractmethod
    def purge_experiment(self, experiment_id: str) -> None:
        """Remove a deleted experiment permanently; raise `NotFound` if it is active.

        Its runs are removed as by `purge_runs`.
        The runs are removed first, in several transactions. If a call is interrupted, the next call continues.
        Afterwards the name is free. The id is given again if it was the greatest.
        """

    # Runs

    @abstractmethod
    def create_runs(self, records: Sequence[RunRecord], leases: Sequence[Lease] = ()) -> list[RunRecord]:
        """Create runs in active experiments, all in one transaction, and return them with their run numbers.

        Runs are numbered and returned in the order given.
        The params, tags, properties, inputs and outputs of a record are stored; its number, latest points and warnings
        are ignored.
        A record whose id, experiment and start time are those of a stored run is not stored: that run is returned.

        Args:
            records: the new runs.
            leases: the initial leases of runs that this call creates, stored in the same transaction. Leases of runs
                that already exist are ignored.

        Raises:
            InvalidValue: an id is not valid.
            AlreadyExists: a different run has one of the ids.
        """

    @abstractmethod
    def get_runs(self, run_ids: Sequence[str], latest: bool = True) -> dict[str, RunRecord]:
        """Return everything known about runs except their points, by run id, in the order given.

        An unknown run is absent from the answer.

        Args:
            run_ids: the runs.
            latest: also return the latest value of each series.
        """

    @abstractmethod
    def get_active_runs(self, run_ids: Sequence[str]) -> set[str]:
        """Return those of some runs that exist and are active."""

    @abstractmethod
    def check_writable(self, run_id: str) -> None:
        """Raise unless the run may be written to.

        Raises:
            NotFound, InvalidState: the run does not exist, or is deleted.
            NotAllowed: the store can only be read.
        """

    @abstractmethod
    def update_runs(self, run_ids: Sequence[str], changes: RunChanges) -> None:
        """Apply the same changes to active runs, in one transaction: if this raises, no run is changed.

        Errors name the run. Calling it again changes nothing more.

        Raises:
            ParamChanged: a run has params with other values; all of these params are named.
            InvalidState: a run has a property with another value, or not the status that `changes` expects.
            NotFound: a run does not exist, or does not have a tag that is to be removed.
        """

    @abstractmethod
    def delete_runs(self, run_ids: Sequence[str], time: int) -> None:
        """Mark runs as deleted, in one transaction. Their status and times are unchanged.

        A run that is already deleted is unchanged.

        Raises:
            NotFound: a run does not exist; no run is changed.
        """

    @abstractmethod
    def restore_runs(self, run_ids: Sequence[str]) -> None:
        """Mark runs as active, in one transaction. Their experiment may be deleted.

        A run that is already active is unchanged.

        Raises:
            NotFound: a run does not exist; no run is changed.
        """

    @abstractmethod
    def purge_runs(self, run_ids: Sequence[str]) -> None:
        """Remove active or deleted runs permanently, with everything they logged and the index of their files.

        Unknown runs are skipped, so calling it again changes nothing.
        A run disappears for every reader at one moment. Its points are removed afterwards in several transactions,
        between which other processes may write.
        If a call is interrupted, `resume_purge` or the next purge completes it.
        Points that arrive from a journal later are dropped, and a warning with their number is logged.
        `search_datasets` continues to return the contexts in which the runs used data sets.
        """

    @abstractmethod
    def resume_purge(self) -> None:
        """Complete every purge that was interrupted."""

    @abstractmethod
    def search_runs(self, query: RunQuery) -> Page[RunRecord]:
        """Return the runs that match a query, in the query's order; unknown experiments are skipped."""

    @abstractmethod
    def search_run_ids(self, query: RunQuery) -> Page[str]:
        """Return the ids of the runs that `search_runs` would return, without reading the records."""

    @abstractmethod
    def search_datasets(self, experiment_ids: Sequence[str]) -> list[tuple[str, str, str, str | None]]:
        """Return the distinct (experiment id, name, digest, context) of the data sets that runs used, sorted.

        `context` is the tag `mlflow.data.context` of a run's input, or None.
        """

    # Points

    def log(
        self,
        run_id: str,
        key: str,
        value: Value,
        timestamp: int,
        step: int | None = None,
        api: int = NATIVE,
    ) -> None:
        """Append one point to an active run; the same as `log_points` with one point."""
        self.log_points(run_id, (Point(key, value, timestamp, step),), api)

    @abstractmethod
    def log_points(self, run_id: str, points: Sequence[Point], api: int = NATIVE) -> None:
        """Append points to an active run in the order given. When this returns, they survive the process.

        Values are floats, ints, text, bools and None. NaN keeps its payload; ±inf and -0.0 are stored bit by bit.
        An int beyond ±2**53 is stored as the nearest float64, and a warning of the run names its key once.
        The cells of a row share position and step. Either all of them are stored or none.
        Points that are logged again are stored again.

        Args:
            run_id: the run.
            points: the points.
            api: the API that they came through, `NATIVE` or `MLFLOW` of `bridge.records.series`.

        Raises:
            InvalidValue: a key, value, step, timestamp, kind or row is not valid; no point is stored.
        """

    @abstractmethod
    def get_series_of(self, run_ids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, list[SeriesRecord]]:
        """Return the series of runs, by run id in the order given, each run's in the order they were first logged.

        An unknown run is absent from the answer, and so is a key that a run did not log.

        Args:
            run_ids: the runs.
            keys: only the series with these keys; None is all series.
        """

    # Life

    def close(self) -> None:
        """Close files and connections. A later call opens them again. Closing again changes nothing."""
        return None

    def after_fork(self) -> None:
        """Drop everything that belongs to the parent process; called in the child after a fork."""
        return None
