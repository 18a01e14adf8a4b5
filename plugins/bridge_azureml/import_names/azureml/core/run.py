"""`azureml.core.run` on Runbridge."""

from typing import Any

from bridge import Experiment, Run

__all__ = ["Run", "get_run"]


def get_run(experiment: Experiment, run_id: str, rehydrate: bool = True, clean_up: bool = True) -> Any:
    """The run of that id in the experiment's workspace."""
    return experiment.workspace.get_run(run_id)
