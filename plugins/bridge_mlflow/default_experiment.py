"""MLflow's default experiment in a process that belongs to a native run.

A native run is a run of the native API. The environment variable `BRIDGE_RUN_ID` names it.
"""

from __future__ import annotations

import os

from bridge.store.one_run import get_run
from bridge_mlflow.run_context import BridgeRunContext


class BridgeDefaultExperiment:
    """A provider that names the experiment of the native run of this process.

    MLflow calls it if neither `mlflow.set_experiment` nor MLflow's own variables have named an experiment.
    MLflow creates an instance during `import mlflow`, so this module must not import MLflow.
    Source: MLflow 3.17.2, `mlflow.tracking.default_experiment.abstract_context.DefaultExperimentProvider`.
    """

    def in_context(self) -> bool:
        """Return True if this process belongs to a native run and MLflow writes to the workspace of that run."""
        return BridgeRunContext().in_context()

    def get_experiment_id(self) -> str:
        """Return the id of the run's experiment.

        Raises:
            NotFound: the run does not exist. MLflow logs the error and uses experiment 0.
        """
        import mlflow

        from bridge.address import workspace_address
        from bridge.store.open import open_store

        opened = open_store(workspace_address(mlflow.get_tracking_uri()))
        return get_run(opened.tracking, os.environ["BRIDGE_RUN_ID"], latest=False).experiment_id
