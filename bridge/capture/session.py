"""The work that this process does for a run: it captures folders and printed output, and ends the run."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.capture.exit_hook import exit_error, unwatch_exit, watch_exit
from bridge.errors import BridgeError, InvalidState, NotFound
from bridge.records.failure import failure_json, is_success
from bridge.records.run import OPEN_STATUSES, SCRIPT_RUN, TERMINAL_STATUSES, RunChanges, RunRecord, Status
from bridge.records.times import now_ms
from bridge.store.run_place import RunPlace

if TYPE_CHECKING:
    from bridge.capture.capture import Capture
    from bridge.capture.printed import Printed

logger = logging.getLogger("bridge")

LEFT_OPEN = "The process ended while the run was open, so the run became Completed: call run.complete()."


class RunSession:
    """The work that this process does for one run through one handle.

    Args:
        place: the run.
    """

    __slots__ = ("__weakref__", "_capture", "_entered_by", "_owner", "_printed", "_quietly", "place")

    def __init__(self, place: RunPlace) -> None:
        self.place = place
        self._owner = 0
        self._quietly = False
        self._capture: Capture | None = None
        self._printed: list[Printed | None] = []
        self._entered_by: list[int] = []

    # Ending

    def own(self, quietly: bool = False) -> None:
        """Let this process end the run at its exit, unless the run has ended before.

        Args:
            quietly: without the warning that the run was left open.
        """
        self._owner = os.getpid()
        self._quietly = quietly
        _register_exit()
        watch_exit()
        _open[self.place.run_id] = self

    def end(self, status: Status, error: str | None = None, warnings: tuple[str, ...] = ()) -> None:
        """End the run, after its points are readable and its captured files are stored.

        In the script of a submitted run the status stays, because its launcher sets it; the error is stored.

        Args:
            status: Completed, Failed or Canceled.
            error: the reason of a failure, as `failure_json` returns it.
            warnings: sentences that are stored with the run.

        Raises:
            StoreUnavailable: logged points are unwritten or were dropped; the status stays.
            InvalidState: the run has ended with another status.
        """
        place = self.place
        place.stores.tracking.flush(place.run_id)
        record = place.record()
        submitted = self._is_submitted(record)
        if not submitted and not self._may_end(record.status, status):
            raise InvalidState("run", place.run_id, record.status, f"{status} or not ended")
        if record.lifecycle_stage == "active":
            warnings += self._finish_captures()
        if submitted:
            place.update(RunChanges(error=error, warnings=warnings))
            return
        end_time = max(now_ms(), record.end_time or 0)
        # The launcher of the run, another thread or another process may end the run concurrently.
        launched = record.type == SCRIPT_RUN and record.status not in TERMINAL_STATUSES
        expected = OPEN_STATUSES if launched else self._ends_from(status)
        place.update(RunChanges(status=status, expected=expected, error=error, end_time=end_time, warnings=warnings))
        if _open.pop(place.run_id, None) and not _open:
            unwatch_exit()
        logger.debug("Run %s is %s", place.run_id, status)

    def _is_submitted(self, record: RunRecord) -> bool:
        """Return whether this process is the script of the run, and a launcher owns the run."""
        return record.type == SCRIPT_RUN and is_run_of_process(record.id)

    def _may_end(self, now: Status, status: Status) -> bool:
        """Return whether a run with the status `now` may end with another."""
        return now in self._ends_from(status)

    def _ends_from(self, status: Status) -> tuple[Status, ...]:
        """Return the statuses from which the run may end with a status.

        If this process owns the run, a logger may have completed the run before.
        """
        by_logger: tuple[Status, ...] = ("Completed",) if self.place.run_id in _open else ()
        return (*OPEN_STATUSES, status, *by_logger)

    def end_with_process(self) -> None:
        """End the run at the exit of its owner: Failed if the process ends with an error, else Completed."""
        if self._owner != os.getpid():
            return
        status = self.place.record().status
        error = None if hasattr(sys, "ps1") else exit_error() or getattr(sys, "last_value", None)
        if error is not None and not is_success(error):
            if self._may_end(status, "Failed"):
                self.end("Failed", failure_json(error))
        elif status not in TERMINAL_STATUSES:
            self.end("Completed", warnings=() if self._quietly else (LEFT_OPEN,))
        else:
            self._store_captured()

    # Capturing

    def capture_folders(self, outputs: bool | str | os.PathLike[str] | None, logs: bool = False) -> None:
        """Capture folders of this process until the run ends. Relative paths start at the current working folder.

        Args:
            outputs: a folder, created if absent; True is `./outputs`, False and None are none.
            logs: capture `./logs` too, whose files are stored while they grow.
        """
        from bridge.capture.capture import LOGS, OUTPUTS, Capture

        wanted = (OUTPUTS if outputs is True else outputs or None, LOGS if logs else None)
        trouble = []
        try:
            folders = [None if name is None else Path(os.path.abspath(name)) for name in wanted]
        except FileNotFoundError:  # the working folder of this process was removed
            folders, trouble = [None, None], ["No folder is captured: the working folder was removed."]
        self._capture = Capture(self.place, *folders)
        self._capture.warn(*trouble)
        self._capture.watch()

    def _finish_captures(self) -> tuple[str, ...]:
        """Store the captured files of this session and of the session that started the run; return warnings."""
        warnings: tuple[str, ...] = ()
        for session in dict.fromkeys((_open.get(self.place.run_id, self), self)):
            warnings += session.finish_capture()
        return warnings

    def finish_capture(self) -> tuple[str, ...]:
        """Store the captured files and output of this session; return warnings."""
        if self._capture is None:
            return ()
        for printed in self._printed:
            self._capture.warn(*printed.flush() if printed is not None else ())
        return self._capture.finish()

    def _store_captured(self) -> None:
        """Store the captured files of a run that this session does not end."""
        warnings = self._finish_captures() if self.place.record().lifecycle_stage == "active" else ()
        if warnings:
            self.place.update(RunChanges(warnings=warnings))

    # The block `with run:`

    def enter(self) -> None:
        """Start a block. Printed output goes into a log of the run, unless a launcher or an outer block captures it."""
        captured = any(self._printed) or is_run_of_process(self.place.run_id)
        self._printed.append(None if captured else self._print_to_log())
        self._entered_by.append(os.getpid())

    def _print_to_log(self) -> Printed:
        from bridge.capture.capture import USER_LOG
        from bridge.capture.printed import Printed

        if self._capture is None:
            self.capture_folders(None)
        assert self._capture is not None
        printed = Printed(partial(self._capture.append, USER_LOG))
        printed.begin()
        return printed

    def leave(self, error: BaseException | None) -> None:
        """End a block, and the run with it: Failed after an exception, else Completed."""
        printed = self._printed.pop()
        if printed is not None and self._capture is not None:
            self._capture.warn(*printed.end())
        if self._entered_by.pop() != os.getpid():  # a forked child: the block continues in its parent
            return
        record = self.place.record()
        failed = error is not None and not is_success(error)
        if failed and (self._may_end(record.status, "Failed") or self._is_submitted(record)):
            self.end("Failed", failure_json(error))
        elif not failed and (record.status not in ("Failed", "Canceled") or self._is_submitted(record)):
            self.end("Completed")
        else:
            self._store_captured()


def is_run_of_process(run_id: str) -> bool:
    """Return whether this process was started for the run."""
    return os.environ.get("BRIDGE_RUN_ID") == run_id


_open: dict[str, RunSession] = {}
"""The sessions that started runs which have not ended, by run id."""


@cache
def _register_exit() -> None:
    """Register the exit handler once.

    Handlers run in reverse order: this one is registered after the one that closes the journal, so it runs before.
    """
    atexit.register(_end_open_runs)


def _end_open_runs() -> None:
    with (
        ExitStack() as stack
    ):  # after an error the stack continues with the other runs, and raises the error at its end
        for session in reversed(list(_open.values())):
            stack.callback(_end_open_run, session)


def _end_open_run(session: RunSession) -> None:
    run_id = session.place.run_id
    try:
        session.end_with_process()
    except (InvalidState, NotFound) as error:  # deleted, or ended concurrently
        logger.debug("Run %s is not ended: %s", run_id, error)
    except BridgeError as error:
        logger.error("Run %s could not be ended: %s", run_id, error)
