"""The experiment that MLflow writes to where nobody has named one, in a process under a native run."""

from __future__ import annotations

import os

from bridge.store.one_run import get_run
from bridge_mlflow.run_context import BridgeRunContext


class BridgeDefaultExperiment:
    """Names the experiment of the native run of this process.

    MLflow makes one during `import mlflow`, so this module must not import it: only the two methods are asked for,
    after `mlflow.set_experiment` and MLflow's own variables.
    Source: MLflow 3.17.2, `mlflow.tracking.default_experiment.abstract_context.DefaultExperimentProvider`.
    """

    def in_context(self) -> bool:
        """Whether this process runs inside a native run, and MLflow writes to that run's workspace."""
        return BridgeRunContext().in_context()

    def get_experiment_id(self) -> str:
        """The id of the run's experiment.

        Raises:
            NotFound: there is no such run; MLflow logs that, and goes on with its experiment 0.
        """
        import mlflow

        from bridge.address import folder_of_uri
        from bridge.store.open import open_store

        opened = open_store(folder_of_uri(mlflow.get_tracking_uri()))
        return get_run(opened.tracking, os.environ["BRIDGE_RUN_ID"], latest=False).experiment_id
