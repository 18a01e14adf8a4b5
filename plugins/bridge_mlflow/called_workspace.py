"""A workspace as the calls of MLflow's API see it: its stores, and its companion.

The companion reads and writes MLflow's own tables, which contain all objects except experiments and runs.
This module imports MLflow only for the companion.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from bridge.errors import InvalidState
from bridge.records.run import RunRecord
from bridge.store.one_run import get_run
from bridge.store.workspace_stores import WorkspaceStores
from bridge_mlflow.addresses import COMPANION_FILE
from bridge_mlflow.translate.shown import artifact_uri, experiment_location

if TYPE_CHECKING:
    from bridge_mlflow.companion import Companion


class CalledWorkspace(ABC):
    """A workspace.

    Each function in `experiments`, `runs`, `metrics` and `purging` implements one call of MLflow's API, with a
    `CalledWorkspace` as its first argument. It returns records.
    The functions follow the rules of MLflow 3.17.2, `mlflow.store.tracking.sqlalchemy_store.SqlAlchemyStore`.
    """

    def __init__(self, stores: WorkspaceStores) -> None:
        self.stores = stores
        self.tracking = stores.tracking

    @property
    @abstractmethod
    def artifact_root_uri(self) -> str:
        """The URI below which clients find the artifacts."""

    @abstractmethod
    def checked_location(self, location: str) -> str:
        """Return the artifact location that a client gives for a new experiment, as it is stored.

        Raises:
            Refusal, MlflowException: a new experiment may not have this location.
        """

    @property
    def companion(self) -> Companion:
        """The companion. The first use imports MLflow."""
        from bridge_mlflow.companion import Companion

        return Companion.of(self.stores)

    @property
    def has_tables(self) -> bool:
        """Whether MLflow's own tables exist. If they do not, no change must reach them."""
        return os.path.exists(os.path.join(self.stores.address, COMPANION_FILE))

    def experiment_changed(self, experiment_id: str) -> None:
        """Update MLflow's tables, if they exist, after a change of an experiment."""
        if self.has_tables:
            self.companion.experiment_changed(experiment_id)

    def changing_run(self, run_id: str) -> AbstractContextManager[Any]:
        """Return a block that deletes, restores or purges a run, and then updates MLflow's tables, if they exist."""
        return self.companion.changing_run(run_id) if self.has_tables else nullcontext()

    def log_model_metrics(self, run_id: str, metrics: Sequence[Any]) -> None:
        """Store metrics that name a logged model as metrics of this model, too."""
        self.companion.log_model_metrics(self.active_run(run_id), metrics)

    def plain_run(self, run_id: str) -> RunRecord:
        """Return the record of a run without the latest values of its metrics.

        These values can be read only after a fold, which copies new points from the journals into the database.

        Raises:
            NotFound: the run does not exist.
        """
        return get_run(self.tracking, run_id, latest=False)

    def active_run(self, run_id: str) -> RunRecord:
        """Return the record of a run that is not deleted, as `plain_run` does.

        Raises:
            NotFound: the run does not exist.
            InvalidState: the run is deleted.
        """
        record = self.plain_run(run_id)
        if record.lifecycle_stage != "active":
            raise InvalidState("run", run_id, record.lifecycle_stage, "active")
        return record

    def artifact_uri(self, record: RunRecord) -> str:
        """Return the URI of a run's artifacts."""
        return artifact_uri(self.location(record.experiment_id), record.id)

    def artifact_uris(self, records: Sequence[RunRecord]) -> list[str]:
        """Return the URI of each run's artifacts."""
        locations = {of: self.location(of) for of in {record.experiment_id for record in records}}
        return [artifact_uri(locations[record.experiment_id], record.id) for record in records]

    def location(self, experiment_id: str) -> str:
        """Return the URI below which the artifacts of an experiment are stored."""
        return experiment_location(self.tracking.get_experiment(experiment_id), self.artifact_root_uri)

    @staticmethod
    def now() -> int:
        """Return the time in milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000
