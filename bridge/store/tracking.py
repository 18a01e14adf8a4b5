"""The interface of a tracking store, which contains experiments, runs and series.

The process that owns a run has a lease for it. A fold copies new points from journals into the store.
"""

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
    After a method has returned, every later read sees its effect, also in other processes that share the store.
    A method that raises has changed nothing.
    A returned record does not change later. If a caller changes a mapping in it, nothing changes in the store.
    Times are milliseconds since 1970 UTC. The caller passes the current time.
    If an experiment or run does not exist, a method raises `NotFound`.
    A deleted experiment or run can be read. A method that would change it raises `InvalidState`, unless the method
    documents another error. However, points from a journal are still stored in a deleted run.
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
        """Rename an active experiment. The new name may be equal to the present one.

        Raises:
            InvalidValue, AlreadyExists: as for `create_experiment`; the name is checked first.
        """

    @abstractmethod
    def set_experiment_tags(
        self, experiment_id: str, tags: Mapping[str, str | None], removed: Sequence[str] = ()
    ) -> None:
        """Set and remove tags of an active experiment. Other tags and `last_update_time` are unchanged.

        Raises:
            NotFound: a tag in `removed` does not exist.
        """

    @abstractmethod
    def delete_experiment(self, experiment_id: str, time: int) -> None:
        """Mark an active experiment and all its runs as deleted.

        Raises:
            NotFound: the experiment is already deleted. The method does not raise `InvalidState` for this.
        """

    @abstractmethod
    def restore_experiment(self, experiment_id: str, time: int) -> None:
        """Mark a deleted experiment as active, and also *all* its runs, even those that were deleted before it.

        Raises:
            NotFound: the experiment is active.
        """

    @abstractmethod
    def purge_experiment(self, experiment_id: str) -> None:
        """Remove a deleted experiment and its runs permanently.

        The runs are removed first, in several transactions, as `purge_runs` describes. If a call is interrupted,
        some runs and the experiment can remain. A repeated call removes them.
        Afterwards another experiment can have the name. If no experiment has a greater id, the next new experiment gets
        the id of the removed one.

        Raises:
            NotFound: the experiment is active.
        """

    # Runs

    @abstractmethod
    def create_runs(self, records: Sequence[RunRecord], leases: Sequence[Lease] = ()) -> list[RunRecord]:
        """Create runs in active experiments, all in one transaction, and return them with their run numbers.

        Runs are numbered and returned in the order of `records`.
        The number, latest points and warnings of a record are ignored. Its params, tags, properties, inputs and outputs
        are stored.
        If a stored run has the same id, experiment and start time as a record, the stored run is returned, and the
        record is ignored. So a call may be repeated.

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
        """Return the records of runs by run id, in the order of `run_ids`. A run that does not exist is absent.

        Args:
            run_ids: the ids of the runs.
            latest: also return the latest value of each series.
        """

    @abstractmethod
    def get_active_runs(self, run_ids: Sequence[str]) -> set[str]:
        """Return the ids in `run_ids` whose runs exist and are active."""

    @abstractmethod
    def check_writable(self, run_id: str) -> None:
        """Raise an error if the run cannot be changed.

        Raises:
            NotFound: the run does not exist.
            InvalidState: the run is deleted.
            NotAllowed: this process has no write access to the store.
        """

    @abstractmethod
    def update_runs(self, run_ids: Sequence[str], changes: RunChanges) -> None:
        """Apply the same changes to active runs, in one transaction. If the call raises, no run is changed.

        Errors name the run. A repeated call changes nothing.

        Raises:
            ParamChanged: a run has params with other values. The error names all of these params.
            InvalidState: a run has a property with another value, or does not have the status that `changes` expects.
            NotFound: a run, or a tag that `changes` removes, does not exist.
        """

    @abstractmethod
    def delete_runs(self, run_ids: Sequence[str], time: int) -> None:
        """Mark runs as deleted, in one transaction. Their status and times are unchanged.

        A run that is already deleted is unchanged.

        Raises:
            NotFound: a run does not exist. In this case no run is changed.
        """

    @abstractmethod
    def restore_runs(self, run_ids: Sequence[str]) -> None:
        """Mark runs as active, in one transaction, even if their experiment is deleted.

        A run that is already active is unchanged.

        Raises:
            NotFound: a run does not exist. In this case no run is changed.
        """

    @abstractmethod
    def purge_runs(self, run_ids: Sequence[str]) -> None:
        """Remove active or deleted runs permanently, with everything they logged and the index of their files.

        Runs that do not exist are skipped, so the call may be repeated.
        A run disappears for all readers at the same time. Its points are removed afterwards in several transactions,
        so that other processes can write in between.
        If a call is interrupted, `resume_purge` or the next purge completes it.
        If a later fold finds points of the runs in a journal, it drops them and logs a warning with their number.
        `search_datasets` still returns the data sets that the runs used.
        """

    @abstractmethod
    def resume_purge(self) -> None:
        """Complete every purge that was interrupted."""

    @abstractmethod
    def search_runs(self, query: RunQuery) -> Page[RunRecord]:
        """Return the runs that match a query, in the query's order. Experiments that do not exist are skipped."""

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
        """Append points to an active run, in the order given. After the call, the points survive a kill of the process.

        Values are floats, ints, text, bools and None. Floats are stored with all their bits, also NaN, ±inf and -0.0.
        An int beyond ±2**53 is rounded to the nearest float64. The run gets one warning for each key with such ints.
        The cells of a row get the same position and step. Either all cells of a row are stored or none.
        A repeated call stores the points again.

        Args:
            run_id: the id of the run.
            points: the points. `PointColumns` are faster than a list, if they are many numbers.
            api: the API through which the points were logged: `NATIVE` or `MLFLOW` of `bridge.records.series`.

        Raises:
            InvalidValue: a key, value, step, timestamp, kind or row is not valid. In this case no point is stored.
        """

    @abstractmethod
    def get_series_of(self, run_ids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, list[SeriesRecord]]:
        """Return the series of runs by run id, in the order of `run_ids`.

        The series of a run are in the order in which they were first logged.
        A run that does not exist is absent, and so is a key that a run did not log.

        Args:
            run_ids: the ids of the runs.
            keys: only the series with these keys are returned; None means all series.
        """

    # Closing and forking

    def close(self) -> None:
        """Close files and connections. A later call of any method opens them again. A repeated close does nothing."""
        return None

    def after_fork(self) -> None:
        """Drop the files, connections and locks of the parent process. Called in the child after a fork."""
        return None
