"""The end of the run of a script: status and error."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from bridge.records.run import TERMINAL_STATUSES, RunRecord, Status
from bridge.store.leases import is_owner_gone


@dataclass(frozen=True)
class Ending:
    """The end of a run.

    Attributes:
        status: the last status; None if another process has ended the run.
        code: the kind of failure.
        message: the failure as a sentence.
        exit_code: the exit code of the script, negative for a signal.
        signal: the name of the signal that ended the script.
        trace: the traceback of a failure of the launcher itself.
    """

    status: Status | None
    code: str = ""
    message: str = ""
    exit_code: int | None = None
    signal: str | None = None
    trace: str = ""

    def error(self, before: str | None) -> str | None:
        """Return the error of the run as JSON. An error that the script has reported is not replaced.

        Args:
            before: the error that the run has.
        """
        if self.status != "Failed":
            return None
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if before and not is_owner_gone(before):
            error.update(json.loads(before))
        if self.exit_code is not None:
            error["exitCode"] = self.exit_code
        if self.signal:
            error["signal"] = self.signal
        return json.dumps(error)


CANCELED = Ending("Canceled")
ENDED_ELSEWHERE = Ending(None)


def has_ended(record: RunRecord) -> bool:
    """Return whether another process has ended a run of this launcher.

    A run that a reader ended because its owner seemed to have ended counts as not ended, because this process is its
    owner. The machine may have been suspended.
    """
    return record.status in TERMINAL_STATUSES and not is_owner_gone(record.error)
