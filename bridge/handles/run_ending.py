"""How a run ends, and what is captured of its process until then."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from bridge.capture.leaving import left_by, unwatch_exit, watch_exit
from bridge.errors import BridgeError, InvalidState, InvalidValue, NotFound
from bridge.handles.run_metrics import RunMetrics
from bridge.records.run import OPEN_STATUSES, SCRIPT_RUN, TERMINAL_STATUSES, RunChanges, RunRecord, Status
from bridge.records.times import now_ms

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing since 3.11

    from bridge.capture.capture import Capture
    from bridge.capture.printed import Printed

logger = logging.getLogger("bridge")

LEFT_OPEN = "The run was open when its process ended, and was completed then: call run.complete()."


class RunEnding(RunMetrics):
    """What ends a run, and captures of its process what is to be kept; a part of `Run`."""

    _owner: int
    _quietly: bool
    _capture: Capture | None
    _printed: list[Printed | None]
    _entered_by: list[int]

    def complete(self) -> None:
        """End the run as Completed; again, it moves the end time on.

        Raises:
            StoreUnavailable: logged points are unwritten, or were dropped; the status stays.
            InvalidState: the run is Failed or Canceled.
        """
        self._end("Completed")

    def fail(self, error_details: str | BaseException | None = None, error_code: str | None = None) -> None:
        """End the run as Failed, also one that a logger has completed before its owner did.

        Args:
            error_details: what happened: a sentence or the exception.
            error_code: a word for it; "UserError" by default.

        Raises:
            StoreUnavailable, InvalidState: as for `complete`.
        """
        import json

        if error_code is not None and not isinstance(error_code, str):
            raise InvalidValue("error_code", error_code, "must be text")
        if isinstance(error_details, BaseException):
            import traceback

            lines = traceback.format_exception(type(error_details), error_details, error_details.__traceback__)
            # `str` of an exception is code of a user's, which may fail itself.
            text = traceback.TracebackException(type(error_details), error_details, None)
            message = f"User program failed with {type(error_details).__name__}: {text}"
            error = {"code": error_code or "UserError", "message": message, "debug_stack_trace": "".join(lines)}
        elif error_details is None or isinstance(error_details, str):
            error = {"code": error_code or "UserError", "message": error_details or ""}
        else:
            raise InvalidValue("error_details", error_details, "must be text or an exception")
        self._end("Failed", error=json.dumps(error))

    def cancel(self) -> None:
        """End the run as Canceled.

        Raises:
            StoreUnavailable, InvalidState: as for `complete`.
        """
        self._end("Canceled")

    def _end(self, status: Status, error: str | None = None, warnings: tuple[str, ...] = ()) -> None:
        self.flush()
        record = self.place.record()
        submitted = self._is_submitted(record)
        if not submitted and not self._may_end(record.status, status):
            raise InvalidState("run", self.id, record.status, f"{status} or not ended")
        if record.lifecycle_stage == "active":
            warnings += self._take_captured()
        if submitted:  # the status is the launcher's
            self.place.update(RunChanges(error=error, warnings=warnings))
            return
        end_time = max(now_ms(), record.end_time or 0)
        # Its launcher, another thread or another process may end it at this moment.
        launched = record.type == SCRIPT_RUN and record.status not in TERMINAL_STATUSES
        expected = OPEN_STATUSES if launched else self._ends_from(status)
        self.place.update(
            RunChanges(status=status, expected=expected, error=error, end_time=end_time, warnings=warnings)
        )
        if _open_runs.pop(self.id, None) and not _open_runs:
            unwatch_exit()
        logger.debug("Run %s is %s", self.id, status)

    def _is_of_process(self) -> bool:
        """Whether this process was started for this run."""
        return os.environ.get("BRIDGE_RUN_ID") == self.id

    def _is_submitted(self, record: RunRecord) -> bool:
        """Whether this process is the run's script, and its launcher owns the run."""
        return record.type == SCRIPT_RUN and self._is_of_process()

    def _may_end(self, now: Status, status: Status) -> bool:
        """Whether a run that is `now` may end as `status`."""
        return now in self._ends_from(status)

    def _ends_from(self, status: Status) -> tuple[Status, ...]:
        """What the run may be before it ends as `status`: open, ended so, or completed by a logger only."""
        by_logger: tuple[Status, ...] = ("Completed",) if self.id in _open_runs else ()
        return (*OPEN_STATUSES, status, *by_logger)

    def _leave_open(self, quietly: bool = False) -> None:
        """Note that this process ends the run if nobody else does."""
        self._owner = os.getpid()
        self._quietly = quietly
        _register_end()
        watch_exit()
        _open_runs[self.id] = self

    def _end_with_process(self) -> None:
        if self._owner != os.getpid():
            return
        status = self.place.record().status
        error = None if hasattr(sys, "ps1") else left_by() or getattr(sys, "last_value", None)
        if error is not None and not _is_success(error):
            if self._may_end(status, "Failed"):
                self.fail(error)
        elif status not in TERMINAL_STATUSES:
            self._end("Completed", warnings=() if self._quietly else (LEFT_OPEN,))
        else:
            self._keep_captured()

    # What it captures

    def _track(self, outputs: bool | str | os.PathLike[str] | None, logs: bool = False) -> None:
        """Capture folders of this process, by their places now, until the run ends.

        Args:
            outputs: a folder, made if it is not there; True is `./outputs`, False and None are none.
            logs: `./logs` too, as it grows.
        """
        from bridge.capture.capture import LOGS, OUTPUTS, Capture

        wanted = (OUTPUTS if outputs is True else outputs or None, LOGS if logs else None)
        trouble = []
        try:
            places = [None if name is None else Path(os.path.abspath(name)) for name in wanted]
        except FileNotFoundError:  # somebody has removed the folder that this process works in
            places, trouble = [None, None], ["No folder is captured: the working folder is gone."]
        self._capture = Capture(self.place.stores, self.experiment.id, self.id, *places)
        self._capture.warn(*trouble)
        self._capture.watch()

    def _take_captured(self) -> tuple[str, ...]:
        """Take what is captured up to now, also for the object that began the run; returns what could not be taken."""
        warnings: tuple[str, ...] = ()
        for run in {id(run): run for run in (_open_runs.get(self.id, self), self)}.values():
            if run._capture is not None:
                for printed in run._printed:
                    run._capture.warn(*printed.flush() if printed is not None else ())
                warnings += run._capture.finish()
        return warnings

    def _keep_captured(self) -> None:
        """The same for a run that somebody else has ended."""
        warnings = self._take_captured() if self.place.record().lifecycle_stage == "active" else ()
        if warnings:
            self.place.update(RunChanges(warnings=warnings))

    def __enter__(self) -> Self:
        # What a submitted script prints, its launcher takes.
        printed = None if any(self._printed) or self._is_of_process() else self._print_to_log()
        self._printed.append(printed)
        self._entered_by.append(os.getpid())
        return self

    def _print_to_log(self) -> Printed:
        from bridge.capture.capture import USER_LOG
        from bridge.capture.printed import Printed

        if self._capture is None:
            self._track(None)
        assert self._capture is not None
        printed = Printed(partial(self._capture.append, USER_LOG))
        printed.begin()
        return printed

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        printed = self._printed.pop()
        if printed is not None and self._capture is not None:
            self._capture.warn(*printed.end())
        if self._entered_by.pop() != os.getpid():  # a forked child: the block goes on in its parent
            return
        record = self.place.record()
        failed = error is not None and not _is_success(error)
        if failed and (self._may_end(record.status, "Failed") or self._is_submitted(record)):
            self.fail(error)
        elif not failed and (record.status not in ("Failed", "Canceled") or self._is_submitted(record)):
            self.complete()
        else:
            self._keep_captured()


def _is_success(error: BaseException) -> bool:
    return isinstance(error, SystemExit) and error.code in (0, None)


_open_runs: dict[str, RunEnding] = {}


@cache
def _register_end() -> None:
    """End open runs at the end of the process: before their journal ends, so registered after what ends that."""
    atexit.register(_end_open_runs)


def _end_open_runs() -> None:
    with ExitStack() as stack:  # which goes on with the others after any error, and raises it then
        for run in reversed(list(_open_runs.values())):
            stack.callback(_end_open_run, run)


def _end_open_run(run: RunEnding) -> None:
    try:
        run._end_with_process()
    except (InvalidState, NotFound) as error:  # deleted, or ended by somebody else meanwhile
        logger.debug("Run %s is not ended: %s", run.id, error)
    except BridgeError as error:
        logger.error("Run %s could not be ended: %s", run.id, error)
