"""A workspace as MLflow's tracking store sees it: its stores, its companion, and its records as MLflow's entities.

The companion reads and writes MLflow's own tables, which contain all objects except experiments and runs.
"""

from __future__ import annotations

import time

from mlflow.entities import Experiment, Run
from mlflow.utils.uri import append_to_uri_path

from bridge.address import SCHEME, folder_of_uri
from bridge.errors import InvalidState
from bridge.records.experiment import ExperimentRecord
from bridge.records.run import RunRecord
from bridge.store.create import ensure_store
from bridge.store.one_run import get_run
from bridge.store.open import restore_default_experiment
from bridge_mlflow.addresses import PROXY_ROOT, artifacts_uri
from bridge_mlflow.companion import Companion
from bridge_mlflow.translate import entities


class TrackedWorkspace:
    """The workspace that a `bridge:` URI names. The constructor creates the workspace if it does not exist.

    Each function in `experiments`, `runs`, `metrics` and `purging` implements one method of the tracking store, with a
    `TrackedWorkspace` as its first argument.
    The functions follow the rules of MLflow 3.17.2, `mlflow.store.tracking.sqlalchemy_store.SqlAlchemyStore`.

    Raises:
        BridgeError: the workspace cannot be opened or created.
    """

    def __init__(self, store_uri: str) -> None:
        self.stores = ensure_store(folder_of_uri(store_uri))
        restore_default_experiment(self.stores)
        self.tracking = self.stores.tracking
        self.companion = Companion.of(self.stores)

    @property
    def artifact_root_uri(self) -> str:
        """The URI below which the artifacts are stored."""
        return artifacts_uri(self.stores.address)

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

    def experiment_entity(self, record: ExperimentRecord) -> Experiment:
        """Return MLflow's entity of an experiment."""
        return entities.experiment_entity(record, self.artifact_root_uri)

    def run_entity(self, record: RunRecord) -> Run:
        """Return MLflow's entity of a run."""
        return entities.run_entity(record, self.artifact_uri(record))

    def artifact_uri(self, record: RunRecord) -> str:
        """Return the URI of a run's artifacts."""
        return artifact_uri(self.location(record.experiment_id), record.id)

    def location(self, experiment_id: str) -> str:
        """Return the URI below which the artifacts of an experiment are stored."""
        return entities.experiment_location(self.tracking.get_experiment(experiment_id), self.artifact_root_uri)

    @staticmethod
    def now() -> int:
        """Return the time in milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000


def artifact_uri(location: str, run_id: str) -> str:
    """Return the URI of a run's artifacts, in an experiment whose artifacts are stored below `location`."""
    if location.startswith((f"{SCHEME}:", PROXY_ROOT)):
        return f"{location.rstrip('/')}/{run_id}/artifacts"
    return str(append_to_uri_path(location, run_id, "artifacts"))
