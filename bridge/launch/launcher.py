"""The launcher: the process that owns a submitted run, from its preparation to its last status.

`bridge.launch.start` starts it. A scheduler can start it too: `python -m bridge.launch.launcher <workspace> <run id>`.
The launcher claims the run, and exits immediately if another launcher has claimed it.
The launcher ends the run, also after an error. If the launcher is killed, the script is killed too. The next process
that reads the run then finds that its owner has ended, and ends the run.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import bridge.launch.needed  # noqa: F401  # must be imported before a run is claimed
from bridge.errors import BridgeError, InvalidState, NotFound, StoreUnavailable
from bridge.launch.claim import claim, report, take_over
from bridge.launch.ending import CANCELED, ENDED_ELSEWHERE, Ending, has_ended
from bridge.launch.output import Output, left_open_warning
from bridge.launch.prepare import STD_LOG, Preparation, Prepared
from bridge.launch.process import ScriptProcess, adopt_orphans, describe_end, end_children
from bridge.launch.signals import Signals
from bridge.launch.usage import UsageSampler
from bridge.records.run import OPEN_STATUSES, RunChanges, RunRecord, Status
from bridge.records.times import now_ms
from bridge.store.http.patience import patience
from bridge.store.kept_ends import AWAY
from bridge.store.one_run import get_run
from bridge.store.open import open_store
from bridge.store.workspace_stores import WorkspaceStores

if TYPE_CHECKING:
    from bridge.store.keeping_artifacts import KeepingArtifacts

logger = logging.getLogger("bridge")

POLL_SECONDS = 0.25
OUTPUT_SECONDS = 30.0
"""How long the launcher tries to store a new status of a run that has not ended.

After the script has ended, the launcher stores the rest of the output in a workspace's folder. It gives up after it
could store nothing for this long.
"""
SENDING_SECONDS = 120.0
"""How long the launcher waits without progress until the rest of the output is on a server, or waits for it in files.

A request that was begun before the end of the script can last 60 seconds, and the next one 20 seconds.
"""
END_SECONDS = 600.0
"""How long the launcher tries to store how the run ended."""
RETRY_SECONDS = 1.0
KILL_SECONDS = 30.0
EXIT_CODES: dict[Status | None, int] = {"Completed": 0, "Failed": 1, "Canceled": 128 + signal.SIGTERM}
GOING_ON: tuple[Status, ...] = tuple(status for status in OPEN_STATUSES if status != "CancelRequested")


class Launcher:
    """The owner of one run. It runs the script of the run.

    Args:
        opened: the workspace.
        record: the run.
        signals: the signals that this process has received.
    """

    def __init__(self, opened: WorkspaceStores, record: RunRecord, signals: Signals) -> None:
        self._signals = signals
        self._opened, self._record, self._run_id = opened, record, record.id
        self._tracking = opened.tracking
        self._preparation = Preparation(opened, record)
        self._warnings: dict[str, None] = {}
        self._status: Status | None = None
        self._asked_at = 0.0
        self._deadline = float("inf")
        self._files: KeepingArtifacts | None = None
        if opened.tracking.is_remote:
            from bridge.store.open_server import keeping_artifacts

            self._files = keeping_artifacts(opened.tracking, opened.artifacts)
        self._output = Output(partial((self._files or opened.artifacts).append, record.artifact_root, STD_LOG))

    def run(self) -> Status | None:
        """Run the script and end the run.

        Returns:
            The status in which the run ended; None if the status could not be stored, or the run was deleted.
        """
        try:
            ending = self._work()
        except InvalidState as error:  # another process ended or deleted the run
            ending = self._asked() or Ending("Failed", "LauncherFailed", str(error))
        except BridgeError as error:
            ending = Ending("Failed", "LauncherFailed", str(error))
        except Exception as error:
            message = f"The launcher failed with {type(error).__name__}: {error}"
            ending = Ending("Failed", "LauncherFailed", message, trace=traceback.format_exc())
        self._preparation.clean_up()
        try:
            return self._end(ending)
        except Exception as error:
            # The cause is a bug or a lack of memory. A second call of `_end` can still succeed.
            logger.error("Storing the end of the run failed; trying again.", exc_info=error)
            return self._end(ending)

    def _work(self) -> Ending:
        ending = self._prepare()
        prepared = self._preparation.done
        if ending is not None or prepared is None:
            return ending or Ending("Failed", "LauncherFailed", "The preparation ended without a result")
        self._change(RunChanges(status="Running", start_time=now_ms()))
        self._output.touch()  # create the log, even if the script prints nothing
        capture = prepared.capture(self._opened, self._record)
        capture.watch()
        ending = self._execute(prepared)
        capture.begin_ending(is_away=ending.status is not None and not self._finalize())
        self._warn(*capture.finish())
        return ending

    def _finalize(self) -> bool:
        """Set the status Finalizing. Return False if the store does not answer."""
        try:
            self._change(RunChanges(status="Finalizing"))
        except InvalidState:  # a cancel was requested, so the status stays CancelRequested until `_end` changes it
            return True
        except AWAY as error:
            logger.debug("The run is not Finalizing: %s", error)
            return False
        return True

    # Preparing

    def _prepare(self) -> Ending | None:
        """Run the preparation in a thread, so that the run can be ended during it."""
        thread = threading.Thread(
            target=self._preparation.run, args=(self._signals.notify,), name="bridge-prepare", daemon=True
        )
        thread.start()
        ending = self._wait_until(lambda: not thread.is_alive())
        if ending is not None:
            end_children()
            return ending
        if self._preparation.failure is not None:
            return Ending("Failed", *self._preparation.failure)
        return None

    # Running

    def _execute(self, prepared: Prepared) -> Ending:
        try:
            process = ScriptProcess(prepared.command, prepared.folder, prepared.variables, self._output.pipe)
        except OSError as error:
            return _not_started(prepared, error)
        sampler = None
        try:
            self._output.started()
            sampler = UsageSampler(self._tracking, self._run_id, process.pid)
            if prepared.most_seconds is not None:
                self._deadline = process.begun + prepared.most_seconds
            ending = self._wait_until(lambda: process.exit_code is not None)
            if ending is None:
                process.end_left_behind()
            else:
                _stop(process, prepared)
        except BaseException:  # the launcher failed: the script must not continue after the end of its run
            _stop(process, prepared)
            raise
        finally:
            self._deadline = float("inf")
            if sampler is not None:
                sampler.close()
        self._output.drain()
        if self._output.left_open:
            self._warn(left_open_warning(process.left_behind()))
        self._output.leave()
        return ending or self._ending_of(prepared, process.exit_code or 0)

    def _ending_of(self, prepared: Prepared, exit_code: int) -> Ending:
        if exit_code == 0:
            return Ending("Completed")
        # Python exits with 1 after an exception. In this case the output probably contains a traceback.
        words = self._output.last_line(exception=exit_code == 1)
        said, name = describe_end(exit_code, words, prepared.shell)
        return Ending("Failed", "UserError", f"{prepared.name} {said}", exit_code, name)

    # Waiting

    def _wait_until(self, done: Callable[[], bool]) -> Ending | None:
        """Wait until `done` returns True, a cancel is requested, or the time limit of the script has passed.

        Returns:
            None if `done` returned True; otherwise how the run must end.
        """
        while not done():
            ending = self._asked()
            if ending is not None:
                return ending
            if time.monotonic() >= self._deadline:
                return self._too_long()
            self._signals.wait(min(POLL_SECONDS, self._seconds_left()))
        return None

    def _too_long(self) -> Ending:
        seconds = self._preparation.done and self._preparation.done.most_seconds
        message = f"The script was stopped after its time limit of {seconds} seconds"
        return Ending("Failed", "MaxRunDurationExceeded", message)

    def _seconds_left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def _asked(self) -> Ending | None:
        """Return how the run must end if a signal or another process has requested its end; None if not."""
        if self._signals.canceled:
            return CANCELED
        now = time.monotonic()
        if now < self._asked_at + POLL_SECONDS / 2:
            return None
        self._asked_at = now
        try:
            record = get_run(self._tracking, self._run_id, latest=False)
        except AWAY as error:
            logger.debug("The run's status is read later: %s", error)
            return None
        except NotFound:
            return ENDED_ELSEWHERE
        if has_ended(record) or record.lifecycle_stage == "deleted":
            return ENDED_ELSEWHERE
        return CANCELED if record.status == "CancelRequested" else None

    def _change(self, changes: RunChanges) -> None:
        """Change the run. Try again while the store is not available.

        Raises:
            InvalidState: the run was not changed, because a cancel was requested or the run has ended.
            StoreUnavailable: the store was not available for 30 seconds, or a signal arrived in this time.
        """
        end = time.monotonic() + OUTPUT_SECONDS
        while True:
            try:
                with patience(OUTPUT_SECONDS):
                    self._tracking.update_runs((self._run_id,), replace(changes, expected=GOING_ON))
                return
            except StoreUnavailable as error:
                if self._signals.canceled or time.monotonic() > end:
                    raise
                logger.debug("The run's status is changed later: %s", error)
                time.sleep(RETRY_SECONDS)

    # The end

    def _warn(self, *sentences: str) -> None:
        self._warnings.update(dict.fromkeys(sentences))

    def _end(self, ending: Ending) -> Status | None:
        """End the run. If this method raises, it may be called again."""
        said = ending.message if ending.exit_code is None else ""
        if self._files is not None:
            self._files.begin_ending()
        seconds = OUTPUT_SECONDS if self._files is None else SENDING_SECONDS
        self._output.close(seconds, last_words=ending.trace + (f"{said}\n" if said else ""))
        if self._output.dropped_bytes:
            self._warn(f"{self._output.dropped_bytes:,} bytes of output could not be stored.")
        if self._output.trouble is not None:
            self._warn(f"The log is not complete: {self._output.trouble}")
        try:
            with patience(OUTPUT_SECONDS):
                self._tracking.flush()
        except AWAY as error:
            if not self._waits_for_server(error):
                self._warn(str(error))
        end = time.monotonic() + END_SECONDS
        while not self._store_ending(ending):
            if time.monotonic() > end:
                return None
            time.sleep(RETRY_SECONDS)
        return self._status

    def _waits_for_server(self, error: BridgeError) -> bool:
        """Return whether an error means that points wait for the server, so that the end of the run waits, too."""
        is_of_server = not isinstance(error, StoreUnavailable) or error.place == self._opened.address
        return self._files is not None and is_of_server

    def _store_ending(self, ending: Ending) -> bool:
        """Store how the run ended, unless another process has ended the run.

        Return False if this failed and the caller must try again.
        """
        try:
            record = get_run(self._tracking, self._run_id, latest=False)
            if record.lifecycle_stage == "deleted":
                return True
            warnings = tuple(self._warnings)
            if has_ended(record) or ending.status is None:
                self._tracking.update_runs((self._run_id,), RunChanges(warnings=warnings))
                self._status = record.status
                return True
            if record.status == "CancelRequested":
                ending = CANCELED
            changes = RunChanges(
                status=ending.status,
                # If the end waits for the server, the status can change before, by a request whose answer was lost.
                expected=(record.status,) if self._files is None else OPEN_STATUSES,
                end_time=max(now_ms(), record.start_time or 0),
                error=ending.error(record.error),
                warnings=warnings,
            )
            self._tracking.update_runs((self._run_id,), changes)
            self._status = ending.status
        except NotFound:
            return True
        except BridgeError as error:  # another process changed the run, or the store is not available
            logger.debug("The end of the run is stored later: %s", error)
            return False
        return True


def _not_started(prepared: Prepared, error: OSError) -> Ending:
    reason = error.strerror or str(error)
    return Ending("Failed", "StartFailed", f"{prepared.command[0]} could not be started: {reason}")


def _stop(process: ScriptProcess, prepared: Prepared) -> None:
    process.stop()
    _run_quietly(prepared.kill_command)


def _run_quietly(command: Sequence[str] | None) -> None:
    """Run a clean-up command and ignore its exit code, because there may be nothing left to clean up."""
    if command is not None:
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=KILL_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            logger.warning("%s failed: %s", " ".join(command), error)


def main(address: str, run_id: str, caller: int | None = None) -> int:
    """Run the script of a submitted run, and end the run. Do nothing if another launcher owns the run.

    Args:
        address: the workspace's folder, or its address on a server.
        run_id: the run.
        caller: the file descriptor of a socket to the submitting process. That process owns the run until it learns
            through the socket that this process has started. None if no process owns the run.

    Returns:
        The exit code: 0 if the run is Completed or belongs to another launcher; 1 if the run Failed or was not
        started; 143 if the run is Canceled.
    """
    signals = Signals()
    signals.listen()
    try:
        opened = open_store(address)
        record = claim(opened, run_id) if caller is None else take_over(opened, run_id, caller)
    except BridgeError as error:
        report(f"The run {run_id!r} is not started: {error}")
        return EXIT_CODES["Failed"]
    if record is None:
        return EXIT_CODES["Completed"]
    adopt_orphans()
    status = Launcher(opened, record, signals).run()
    signals.ignore()
    # The store is not closed, because that would release the lease of a run whose end could not be stored. The next
    # reader finds this lease and ends the run, because the owner of the lease (this process) has ended by then.
    return EXIT_CODES.get(status, EXIT_CODES["Failed"])


def run_command() -> int:
    """Run the launcher with the arguments of this process; return its exit code."""
    from argparse import ArgumentParser

    parser = ArgumentParser(prog="python -m bridge.launch.launcher", description="Run a submitted run to its end.")
    parser.add_argument("address", help="the workspace's folder or address")
    parser.add_argument("run_id", help="the run")
    given = parser.parse_args()
    return main(given.address, given.run_id)


if __name__ == "__main__":
    sys.exit(run_command())
