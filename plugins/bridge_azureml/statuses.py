"""The statuses of runs, under the names of the Azure ML SDK's constants."""

from __future__ import annotations

from bridge.records.run import OPEN_STATUSES, Status


class RunStatus:
    """The statuses as constants.

    Source: Azure ML SDK v1, `azureml._restclient.constants.RunStatus`.
    """

    NOT_STARTED: Status = "NotStarted"
    UNAPPROVED: Status = "Unapproved"
    STARTING: Status = "Starting"
    PROVISIONING: Status = "Provisioning"
    PREPARING: Status = "Preparing"
    QUEUED: Status = "Queued"
    RUNNING: Status = "Running"
    NOT_RESPONDING: Status = "NotResponding"
    PAUSING: Status = "Pausing"
    PAUSED: Status = "Paused"
    FINALIZING: Status = "Finalizing"
    CANCEL_REQUESTED: Status = "CancelRequested"
    COMPLETED: Status = "Completed"
    FAILED: Status = "Failed"
    CANCELED: Status = "Canceled"

    @classmethod
    def get_running_statuses(cls) -> list[Status]:
        """Return the statuses of a run that has not ended, except those of `get_post_processing_statuses`."""
        return [status for status in OPEN_STATUSES if status not in cls.get_post_processing_statuses()]

    @classmethod
    def get_post_processing_statuses(cls) -> list[Status]:
        """Return the statuses of a run whose script has ended, or is about to end."""
        return [cls.CANCEL_REQUESTED, cls.FINALIZING]

    @classmethod
    def get_terminal_statuses(cls) -> list[Status]:
        """Return the statuses of a run that has ended."""
        return [cls.COMPLETED, cls.FAILED, cls.CANCELED]
