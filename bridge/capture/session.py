"""Captures folders and printed output of this process for a run, and ends the run."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bridge.capture.exit_hook import exit_error, unwatch_exit, watch_exit
from bridge.errors import BridgeError, InvalidState, NotFound, StoreUnavailable
from bridge.records.failure import failure_json, is_success
from bridge.records.run import OPEN_STATUSES, SCRIPT_RUN, TERMINAL_STATUSES, RunChanges, RunRecord, Status
from bridge.records.times import now_ms
from bridge.store.http.patience import begin_exit
from bridge.store.run_place import RunPlace

if TYPE_CHECKING:
    from bridge.capture.capture import Capture
    from bridge.capture.printed import Printed

logger = logging.getLogger("bridge")

LEFT_OPEN = "The process ended without run.complete(), so the run became Completed at the end of the process."


class _Wanted(NamedTuple):
    """The end of a run that waits for a server, and the error that was raised because of this."""

    status: Status
    error: str | None
    warnings: tuple[str, ...]
    reason: StoreUnavailable


class RunSession:
    """The part of a `Run` object that captures output of this process and ends the run.

    Args:
        place: the reference to the run in its stores.
    """

    __slots__ = ("__weakref__", "_capture", "_entered_by", "_owner", "_printed", "_quietly", "_wanted", "place")

    def __init__(self, place: RunPlace) -> None:
        self.place = place
        self._owner = 0
        self._quietly = False
        self._wanted: _Wanted | None = None
        self._capture: Capture | None = None
        self._printed: list[Printed | None] = []
        self._entered_by: list[int] = []

    # Ending

    def own(self, quietly: bool = False) -> None:
        """Make this process the one that ends the run at its exit, if the run has not ended by then.

        Args:
            quietly: do not warn that the process ended without `run.complete()`.
        """
        self._owner = os.getpid()
        self._quietly = quietly
        _register_exit()
        watch_exit()
        _open[self.place.run_id] = self

    def end(
        self,
        status: Status,
        error: str | None = None,
        warnings: tuple[str, ...] = (),
        known: RunRecord | None = None,
    ) -> None:
        """Make all points of the run readable, store its captured files, and end the run.

        If this process is the script of a submitted run, the status is not set, and only the error and the warnings
        are stored. The launcher (the process that started the script) sets the status when the script has ended.

        Args:
            status: Completed, Failed or Canceled.
            error: the reason of a failure, as `failure_json` returns it.
            warnings: sentences that are stored with the run.
            known: the record of the run, if the caller has just read it.

        Raises:
            StoreUnavailable: logged points could not be written. The status of the run is unchanged. If the points wait
                for a server, the end of the run waits, too.
            InvalidState: the run has ended with another status.
        """
        place = self.place
        try:
            place.stores.tracking.flush(place.run_id)
        except StoreUnavailable as reason:
            self._keep_end(_Wanted(status, error, warnings, reason))
            raise
        self._wanted = None
        record = known or place.record()
        submitted = self._is_submitted(record)
        if not submitted and not self._may_end(record.status, status):
            raise InvalidState("run", place.run_id, record.status, f"{status} or not ended")
        if record.lifecycle_stage == "active":
            warnings += self._finish_captures()
        if submitted:
            place.update(RunChanges(error=error, warnings=warnings))
            return
        end_time = max(now_ms(), record.end_time or 0)
        # The launcher, another thread or another process can have ended the run since `record` was read. `update`
        # raises an error if the present status is not in `expected`. So this call does not overwrite a final status.
        launched = record.type == SCRIPT_RUN and record.status not in TERMINAL_STATUSES
        expected = OPEN_STATUSES if launched else self._ends_from(status)
        place.update(RunChanges(status=status, expected=expected, error=error, end_time=end_time, warnings=warnings))
        if _open.pop(place.run_id, None) and not _open:
            unwatch_exit()
        logger.debug("Run %s is %s", place.run_id, status)

    def _keep_end(self, wanted: _Wanted) -> None:
        """If the points of the run wait for a server, let its captured files and its end wait, too."""
        tracking = self.place.stores.tracking
        if not tracking.is_remote:
            return
        wanted = wanted._replace(warnings=wanted.warnings + self._finish_captures(is_away=True))
        if is_run_of_process(self.place.run_id):
            return
        status, error, warnings, _ = wanted
        expected = self._ends_from(status)
        changes = RunChanges(status=status, expected=expected, error=error, end_time=now_ms(), warnings=warnings)
        if tracking.keep_end(self.place.run_id, changes):
            self._wanted = wanted
            logger.warning("Run %s becomes %s when the server has taken its points.", self.place.run_id, status)

    def _is_submitted(self, record: RunRecord) -> bool:
        """Return whether this process is the script of a submitted run, whose launcher owns the run."""
        return record.type == SCRIPT_RUN and is_run_of_process(record.id)

    def _may_end(self, now: Status, status: Status) -> bool:
        """Return whether a run whose status is `now` can still get the final status `status`."""
        return now in self._ends_from(status)

    def _ends_from(self, status: Status) -> tuple[Status, ...]:
        """Return the statuses that can change to the final status `status`.

        If this process owns the run (is responsible for ending it), Completed is one of them. The logger of a training
        library can complete the run before the program fails, and the run must then still become Failed.
        """
        by_logger: tuple[Status, ...] = ("Completed",) if self.place.run_id in _open else ()
        return (*OPEN_STATUSES, status, *by_logger)

    def end_with_process(self) -> None:
        """End the run at the exit of this process, if this process owns the run.

        The run is Failed if the process ends with an error, otherwise Completed.
        """
        if self._owner != os.getpid():
            return
        record = self.place.record()
        status = record.status
        error = None if hasattr(sys, "ps1") else exit_error() or getattr(sys, "last_value", None)
        wanted = self._wanted
        if wanted is not None and error in (None, wanted.reason):
            self.end(wanted.status, wanted.error, wanted.warnings, record)
        elif error is not None and not is_success(error):
            if self._may_end(status, "Failed"):
                self.end("Failed", failure_json(error), known=record)
        elif status not in TERMINAL_STATUSES:
            self.end("Completed", warnings=() if self._quietly else (LEFT_OPEN,), known=record)
        else:
            self._store_captured()

    # Capturing

    def capture_folders(self, outputs: bool | str | os.PathLike[str] | None, logs: bool = False) -> None:
        """Capture folders of this process until the run ends. Relative paths start at the current working folder.

        Args:
            outputs: a folder, which is created if it does not exist. True means `./outputs`. With False or None, no
                outputs are captured.
            logs: also capture the folder `./logs`. Its files are stored while they grow.
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

    def _finish_captures(self, is_away: bool = False) -> tuple[str, ...]:
        """Store the captured files of this session. Return warnings.

        Each `Run` object has its own session. If this process started the run with another `Run` object of the same
        run, store the files that the session of that object has captured first.

        Args:
            is_away: the server has just not answered, so the files wait on this computer.
        """
        warnings: tuple[str, ...] = ()
        for session in dict.fromkeys((_open.get(self.place.run_id, self), self)):
            warnings += session.finish_capture(is_away)
        return warnings

    def finish_capture(self, is_away: bool = False) -> tuple[str, ...]:
        """Store the captured files and output of this session. Return warnings."""
        if self._capture is None:
            return ()
        self._capture.begin_ending(is_away)
        for printed in self._printed:
            self._capture.warn(*printed.flush() if printed is not None else ())
        return self._capture.finish()

    def _store_captured(self) -> None:
        """Store the captured files without ending the run."""
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
        """End a block and the run. The run is Failed if the block raised an exception, otherwise Completed.

        Args:
            error: the exception that the block raised, or None.
        """
        printed = self._printed.pop()
        if printed is not None and self._capture is not None:
            self._capture.begin_ending()
            self._capture.warn(*printed.end())
        if self._entered_by.pop() != os.getpid():
            return  # this process was forked inside the block, which continues in the parent
        record = self.place.record()
        failed = error is not None and not is_success(error)
        if failed and (self._may_end(record.status, "Failed") or self._is_submitted(record)):
            self.end("Failed", failure_json(error), known=record)
        elif not failed and (record.status not in ("Failed", "Canceled") or self._is_submitted(record)):
            self.end("Completed", known=record)
        else:
            self._store_captured()


def is_run_of_process(run_id: str) -> bool:
    """Return whether this process was started for the run."""
    return os.environ.get("BRIDGE_RUN_ID") == run_id


_open: dict[str, RunSession] = {}
"""The sessions that started runs which have not ended, by run id."""


@cache
def _register_exit() -> None:
    """Register `_end_open_runs` as an exit handler, once.

    Python calls exit handlers in reverse order. `_end_open_runs` is registered after the handler that closes the
    journal, so that it is called before the journal is closed.
    """
    atexit.register(_end_open_runs)


def _end_open_runs() -> None:
    begin_exit()
    # If ending one run raises an error, `ExitStack` still ends the other runs, and raises the error afterwards.
    with ExitStack() as stack:
        for session in reversed(list(_open.values())):
            stack.callback(_end_open_run, session)


def _end_open_run(session: RunSession) -> None:
    run_id = session.place.run_id
    try:
        session.end_with_process()
    except (InvalidState, NotFound) as error:  # the run was deleted, or has ended concurrently
        logger.debug("Run %s is not ended: %s", run_id, error)
    except BridgeError as error:
        logger.error("Run %s could not be ended: %s", run_id, error)
