"""What the parts of MLflow's tracking store share: the workspace, and how its records are shown."""

from __future__ import annotations

import time

from mlflow.entities import Experiment, Run
from mlflow.store.tracking.abstract_store import AbstractStore
from mlflow.utils.uri import append_to_uri_path

from bridge.address import SCHEME, folder_of_uri
from bridge.errors import BridgeError, InvalidState
from bridge.records.experiment import ExperimentRecord
from bridge.records.run import RunRecord
from bridge.store.open import Opened, ensure_store, restore_default_experiment
from bridge_mlflow.addresses import PROXY_ROOT, artifacts_uri
from bridge_mlflow.companion import Companion
from bridge_mlflow.translate import experiment_entity, experiment_location, mlflow_error, run_entity


class TrackingPart(AbstractStore):
    """A part of the tracking store of one workspace.

    Source of the rules: MLflow 3.17.2, `mlflow.store.tracking.sqlalchemy_store.SqlAlchemyStore`.
    """

    def __init__(self, store_uri: str) -> None:
        AbstractStore.__init__(self)
        self.opened = _open(store_uri)
        self.tracking = self.opened.tracking
        self.companion = Companion.of(self.opened)

    @property
    def artifact_root_uri(self) -> str:
        """The URI below which artifacts lie."""
        return artifacts_uri(self.opened.address)

    def _active_run(self, run_id: str) -> RunRecord:
        record = self.tracking.get_run(run_id)
        if record.lifecycle_stage != "active":
            raise InvalidState("run", run_id, record.lifecycle_stage, "active")
        return record

    def _delete_artifacts(self, record: RunRecord) -> None:
        """Before the run goes: afterwards nothing leads to them."""
        self.opened.artifacts.delete(record.artifact_root)

    def _experiment(self, record: ExperimentRecord) -> Experiment:
        return experiment_entity(record, self.artifact_root_uri)

    def _run(self, record: RunRecord) -> Run:
        return run_entity(record, self._artifact_uri(record))

    def _artifact_uri(self, record: RunRecord) -> str:
        return artifact_uri(self._location(record.experiment_id), record.id)

    def _location(self, experiment_id: str) -> str:
        return experiment_location(self.tracking.get_experiment(experiment_id), self.artifact_root_uri)

    @staticmethod
    def _now() -> int:
        return time.time_ns() // 1_000_000


def _open(store_uri: str) -> Opened:
    try:
        opened = ensure_store(folder_of_uri(store_uri))
        restore_default_experiment(opened)
        return opened
    except BridgeError as error:
        raise mlflow_error(error) from error


def artifact_uri(location: str, run_id: str) -> str:
    """Where the artifacts of a run lie, in an experiment whose artifacts lie at `location`."""
    if location.startswith((f"{SCHEME}:", PROXY_ROOT)):
        return f"{location.rstrip('/')}/{run_id}/artifacts"
    return str(append_to_uri_path(location, run_id, "artifacts"))
