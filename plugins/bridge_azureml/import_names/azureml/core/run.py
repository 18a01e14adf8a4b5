"""`azureml.core.run` on Runbridge."""

from typing import Any

from bridge import Experiment, Run
from bridge.handles.offline import OfflineRun
from bridge_azureml.absent import attribute_finder

_OfflineRun = OfflineRun

__all__ = ["Run", "get_run"]

__getattr__ = attribute_finder(__name__)


def get_run(experiment: Experiment, run_id: str, rehydrate: bool = True, clean_up: bool = True) -> Any:
    """Return the run of that id in the experiment's workspace."""
    return experiment.workspace.get_run(run_id)
