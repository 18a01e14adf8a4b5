"""Converts statuses, experiment ids and views between MLflow and Runbridge.

A view selects the active, the deleted, or all experiments and runs. This module does not import MLflow.
"""

from __future__ import annotations

from collections.abc import Mapping

from bridge.records.run import Status
from bridge.records.search import View
from bridge_mlflow.translate.refusals import Refusal

MLFLOW_STATUS: Mapping[Status, str] = {
    "NotStarted": "SCHEDULED",
    "Queued": "SCHEDULED",
    "Preparing": "SCHEDULED",
    "Provisioning": "SCHEDULED",
    "Starting": "SCHEDULED",
    "Unapproved": "SCHEDULED",
    "Running": "RUNNING",
    "NotResponding": "RUNNING",
    "Pausing": "RUNNING",
    "Paused": "RUNNING",
    "CancelRequested": "RUNNING",
    "Finalizing": "RUNNING",
    "Completed": "FINISHED",
    "Failed": "FAILED",
    "Canceled": "KILLED",
}

NATIVE_STATUS: Mapping[int, Status] = {1: "Running", 2: "NotStarted", 3: "Completed", 4: "Failed", 5: "Canceled"}
"""Our status for each status number of MLflow. Source: MLflow 3.17.2, `mlflow.entities.RunStatus`."""

VIEWS: Mapping[int, View] = {1: "active", 2: "deleted", 3: "all"}
"""Our view for each view type of MLflow. Source: MLflow 3.17.2, `mlflow.entities.ViewType`."""


def experiment_id_of(given: str | int | None) -> str:
    """Return the experiment id that a caller gave, as decimal digits without leading zeros.

    Source: MLflow 3.17.2, `mlflow.utils.validation._parse_experiment_id`.

    Raises:
        Refusal: the id is not valid. None and "" are refused too, so that no call deletes experiment 0 by
            mistake.
    """
    try:
        return str(int(given))  # type: ignore[arg-type]  # None is refused below
    except (ValueError, TypeError, OverflowError) as error:
        raise Refusal(f"Invalid experiment ID '{given}'. Experiment ID must be a valid integer.") from error


def experiment_id_or_default(given: str | int | None) -> str:
    """Return the experiment id that a caller gave, as `experiment_id_of` does. None and "" mean experiment 0.

    Source: MLflow 3.17.2, `SqlAlchemyStore._get_experiment`.
    """
    return experiment_id_of(given or 0)


def native_status(number: int, now: Status) -> Status | None:
    """Return our status for a status number of MLflow.

    Several of our statuses have the same number in MLflow. The result is None if the present status `now` of the run
    has this number, because the status then does not need to change.
    """
    status = NATIVE_STATUS.get(number)
    if status is None:
        sentence = f"Could not get string corresponding to run status {number}. Valid run statuses: {[*NATIVE_STATUS]}"
        raise Refusal(sentence, "INTERNAL_ERROR")
    return None if MLFLOW_STATUS[now] == MLFLOW_STATUS[status] else status
