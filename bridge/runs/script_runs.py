"""Canceling the run of a submitted script, and removing its working folder."""

from __future__ import annotations

import logging
import shutil
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from bridge.errors import InvalidState, NotAllowed
from bridge.launch.prepare import working_folder
from bridge.records.run import CLAIMABLE_STATUSES, OPEN_STATUSES, TERMINAL_STATUSES, RunChanges
from bridge.records.script import ScriptDefinition
from bridge.records.times import now_ms
from bridge.store.run_place import RunPlace

logger = logging.getLogger("bridge")

CANCEL_SECONDS = 15.0
"""The time within which a launcher must cancel its run. Its script has a third of this time to stop."""
POLL_SECONDS = 0.05
NOT_STOPPED = "No launcher answered within {seconds:g} s when the run was canceled: its script may still be running."


def cancel_script(place: RunPlace) -> None:
    """Ask the launcher to stop the script, and wait until the run is Canceled; see `ScriptRun.cancel`."""
    if request_cancel(place):
        wait_for_cancel(place)


def request_cancel(place: RunPlace) -> bool:
    """Ask the launcher of a run to stop the script. Return False if the run is already Canceled.

    If no launcher has claimed the run yet, this call cancels the run.

    Raises:
        InvalidState: the run is Completed or Failed.
    """
    status = place.record().status
    if status == "Canceled" or (status in CLAIMABLE_STATUSES and _is_canceled_before_its_launcher(place)):
        return False
    place.update(RunChanges(status="CancelRequested", expected=OPEN_STATUSES))
    return True


def _is_canceled_before_its_launcher(place: RunPlace) -> bool:
    """Cancel the run if no launcher has claimed it. Return whether this call has canceled the run."""
    try:
        place.update(RunChanges(status="Canceled", expected=CLAIMABLE_STATUSES, end_time=now_ms()))
    except InvalidState as error:
        logger.debug("The launcher of the run must cancel it: %s", error)
        return False
    return True


def wait_for_cancel(place: RunPlace) -> None:
    """Wait until the launcher of a run has canceled it. If no launcher answers in time, cancel it."""
    end = time.monotonic() + CANCEL_SECONDS
    while place.record().status not in TERMINAL_STATUSES:
        if time.monotonic() > end:
            warning = NOT_STOPPED.format(seconds=CANCEL_SECONDS)
            changes = RunChanges(status="Canceled", expected=("CancelRequested",), end_time=now_ms())
            place.update(replace(changes, warnings=(warning,)))
            return
        time.sleep(POLL_SECONDS)


def remove_working_folder(place: RunPlace) -> None:
    """Remove the folder that the script worked in; see `ScriptRun.clean`."""
    record = place.record()
    if record.status not in TERMINAL_STATUSES:
        raise InvalidState("run", place.run_id, record.status, "ended, because its script still uses the folder")
    folder = ScriptDefinition.from_text(record.definition).working_directory
    if folder:
        # The path comes from the workspace, where every user with write access can store another path.
        if Path(folder).parts[-2:] != working_folder(place.run_id).parts[-2:]:
            raise NotAllowed("remove", folder, "it is not the working folder of the run")
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
