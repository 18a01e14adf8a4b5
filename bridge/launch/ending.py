"""Describes how the run of a script ends: its last status and its error."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from bridge.records.run import TERMINAL_STATUSES, RunRecord, Status
from bridge.store.leases import is_owner_gone


@dataclass(frozen=True)
class Ending:
    """The result of a run: its last status, and the reason if the run failed.

    Attributes:
        status: the last status; None if another process has ended the run.
        code: the kind of failure.
        message: the failure as a sentence.
        exit_code: the exit code of the script, negative for a signal.
        signal: the name of the signal that ended the script.
        trace: the traceback, if the launcher (the process that runs the script) failed itself.
    """

    status: Status | None
    code: str = ""
    message: str = ""
    exit_code: int | None = None
    signal: str | None = None
    trace: str = ""

    def error(self, before: str | None) -> str | None:
        """Return the error of the run as JSON. The code and message of an error that the script has reported are kept.

        Args:
            before: the error that is stored with the run now, as JSON.
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
    """Return whether another process has ended the run of this launcher.

    A reader ends a run if it finds that the owner has ended. Readers may be wrong about this, for example after the
    machine was suspended. This function ignores such an end, because the owner is this process.
    """
    return record.status in TERMINAL_STATUSES and not is_owner_gone(record.error)
