"""The launcher: the process that owns a submitted run, from its preparation to its last status.

`bridge.submit.start` starts it.
It ends the run whatever happens; if it is killed itself, the script dies with it, and the lease of the run says so.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bridge.errors import BridgeError, InvalidState, NotFound, StoreUnavailable
from bridge.records.run import OPEN_STATUSES, TERMINAL_STATUSES, RunChanges, RunRecord, Status
from bridge.store.open import Opened, open_store
from bridge.submit.output import Output
from bridge.submit.prepare import STD_LOG, Preparation, Prepared
from bridge.submit.process import ScriptProcess, adopt_orphans, describe_end
from bridge.submit.usage import UsageSampler

logger = logging.getLogger("bridge")

POLL_SECONDS = 0.25
OUTPUT_SECONDS = 30.0
"""How long a change of the run, and its output at the end, may take where the place is slow or away."""
END_SECONDS = 600.0
"""How long the launcher tries to tell the store how a run ended."""
RETRY_SECONDS = 1.0
KILL_SECONDS = 30.0
CANCEL_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
GOING_ON: tuple[Status, ...] = tuple(status for status in OPEN_STATUSES if status != "CancelRequested")


@dataclass(frozen=True)
class Ending:
    """How a run ends; a status of None says that somebody else has ended it."""

    status: Status | None
    code: str = ""
    message: str = ""
    exit_code: int | None = None
    signal: str | None = None

    def error(self, before: str | None) -> str | None:
        """The run's error as JSON; what the script said of its failure stays."""
        if self.status != "Failed":
            return None
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if before:
            error.update(json.loads(before))
        if self.exit_code is not None:
            error["exitCode"] = self.exit_code
        if self.signal:
            error["signal"] = self.signal
        return json.dumps(error)


CANCELED = Ending("Canceled")
ENDED_ELSEWHERE = Ending(None)


class Launcher:
    """Runs the script of one run.

    Args:
        opened: the workspace.
        record: the run.
    """

    def __init__(self, opened: Opened, record: RunRecord) -> None:
        self._opened, self._record, self._run_id = opened, record, record.id
        self._tracking = opened.tracking
        self._preparation = Preparation(opened, record)
        self._warnings: list[str] = []
        self._canceled = False
        self._asked_at = 0.0
        self._deadline = float("inf")
        self._waking, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._output = Output(lambda data: opened.artifacts.append(record.artifact_root, STD_LOG, data))

    def run(self) -> None:
        """Run the script and end the run."""
        self._listen()
        try:
            ending = self._work()
        except InvalidState as error:  # the run was ended or deleted meanwhile
            ending = self._asked() or Ending("Failed", "LauncherFailed", str(error))
        except BridgeError as error:
            ending = Ending("Failed", "LauncherFailed", str(error))
        except Exception as error:
            self._output.add(traceback.format_exc().encode(errors="backslashreplace"))
            ending = Ending("Failed", "LauncherFailed", f"The launcher failed with {type(error).__name__}: {error}")
        self._end(ending)

    def _work(self) -> Ending:
        self._change(RunChanges(status="Preparing"))
        ending = self._prepare()
        prepared = self._preparation.done
        if ending is not None or prepared is None:
            return ending or Ending("Failed", "LauncherFailed", "The preparation ended without a result")
        self._change(RunChanges(status="Running", start_time=_now()))
        self._output.add(b"")  # the log is there, also of a script that prints nothing
        capture = prepared.capture(self._opened, self._record)
        capture.watch()
        ending = self._execute(prepared)
        if ending.status is not None:
            # To be canceled: then it stays so until it is. Or the store is away: how the script ended is said later.
            with suppress(InvalidState, StoreUnavailable):
                self._change(RunChanges(status="Finalizing"))
        self._warnings += capture.finish()
        return ending

    # Preparing

    def _prepare(self) -> Ending | None:
        """Run the preparation in a thread, so that the run can be ended meanwhile."""
        thread = threading.Thread(
            target=self._preparation.run, args=(self._notify,), name="bridge-prepare", daemon=True
        )
        thread.start()
        ending = self._wait_until(lambda: not thread.is_alive())
        if ending is not None:
            self._end_own_children()
            return ending
        if self._preparation.failure is not None:
            return Ending("Failed", *self._preparation.failure)
        return None

    def _end_own_children(self) -> None:
        """End what the preparation has started, such as pip; this process has a handler for the signal."""
        with suppress(PermissionError, ProcessLookupError):
            os.killpg(os.getpgrp(), signal.SIGTERM)

    # Running

    def _execute(self, prepared: Prepared) -> Ending:
        try:
            process = ScriptProcess(prepared.command, prepared.folder, prepared.variables, self._output.pipe)
        except OSError as error:
            return _not_started(prepared, error)
        self._output.begun()
        sampler = UsageSampler(self._tracking, self._run_id, process.pid)
        seconds = prepared.most_seconds
        if seconds is not None:
            self._deadline = process.begun + seconds
        ending = self._wait_until(lambda: process.exit_code is not None)
        if ending is not None:
            process.stop()
            _run_quietly(prepared.kill_command)
        else:
            process.end_those_left()
        self._deadline = float("inf")
        sampler.close()
        self._output.drain()
        return ending or self._ending_of(prepared, process.exit_code or 0)

    def _ending_of(self, prepared: Prepared, exit_code: int) -> Ending:
        if exit_code == 0:
            return Ending("Completed")
        words = self._output.last_words(exception=exit_code == 1)  # Python's exit code of an exception
        said, name = describe_end(exit_code, words, prepared.shell)
        return Ending("Failed", "UserError", f"{prepared.name} {said}", exit_code, name)

    # Waiting

    def _listen(self) -> None:
        def cancel(number: int, frame: object) -> None:
            self._canceled = True

        for number in CANCEL_SIGNALS:
            signal.signal(number, cancel)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # so that the end of the script wakes
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def _notify(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._wake, b"\0")

    def _wait_until(self, done: Callable[[], bool]) -> Ending | None:
        """Return when something is done; before, if the run is to end, with how."""
        while not done():
            ending = self._asked()
            if ending is not None:
                return ending
            if time.monotonic() >= self._deadline:
                return self._too_long()
            if select.select([self._waking], [], [], min(POLL_SECONDS, self._seconds_left()))[0]:
                os.read(self._waking, 4096)
        return None

    def _too_long(self) -> Ending:
        seconds = json.loads(self._record.definition or "{}").get("maxRunDurationSeconds")
        return Ending("Failed", "MaxRunDurationExceeded", f"The script was stopped after {seconds} seconds, its limit")

    def _seconds_left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def _asked(self) -> Ending | None:
        """How the run is to end, as somebody outside or a signal says."""
        if self._canceled:
            return CANCELED
        now = time.monotonic()
        if now < self._asked_at + POLL_SECONDS / 2:
            return None
        self._asked_at = now
        try:
            record = self._tracking.get_run(self._run_id, latest=False)
        except StoreUnavailable as error:
            logger.debug("The run's status is read later: %s", error)
            return None
        except NotFound:
            return ENDED_ELSEWHERE
        if record.status in TERMINAL_STATUSES or record.lifecycle_stage == "deleted":
            return ENDED_ELSEWHERE
        return CANCELED if record.status == "CancelRequested" else None

    def _change(self, changes: RunChanges) -> None:
        """Change the run unless it is to end; a store that is away for a moment fails no run."""
        end = time.monotonic() + OUTPUT_SECONDS
        while True:
            try:
                self._tracking.update_run(self._run_id, replace(changes, expected=GOING_ON))
                return
            except StoreUnavailable as error:
                if self._canceled or time.monotonic() > end:
                    raise
                logger.debug("The run's status is changed later: %s", error)
                time.sleep(RETRY_SECONDS)

    # The end

    def _end(self, ending: Ending) -> None:
        if ending.message and ending.exit_code is None:
            self._output.add(f"{ending.message}\n".encode(errors="backslashreplace"))
        self._output.close(OUTPUT_SECONDS)
        if self._output.dropped_bytes:
            self._warnings.append(f"{self._output.dropped_bytes:,} bytes of output could not be kept.")
        if self._output.trouble is not None:
            self._warnings.append(f"The log is not complete: {self._output.trouble}")
        try:
            self._tracking.flush()
        except StoreUnavailable as error:
            self._warnings.append(str(error))
        end = time.monotonic() + END_SECONDS
        while not self._told(ending) and time.monotonic() < end:
            time.sleep(RETRY_SECONDS)

    def _told(self, ending: Ending) -> bool:
        """Tell the store how the run ended, unless somebody has ended it; whether nothing is left to tell."""
        try:
            record = self._tracking.get_run(self._run_id, latest=False)
            if record.lifecycle_stage == "deleted":
                return True
            warnings = tuple(self._warnings)
            if record.status in TERMINAL_STATUSES or ending.status is None:
                self._tracking.update_run(self._run_id, RunChanges(warnings=warnings))
                return True
            if record.status == "CancelRequested":
                ending = CANCELED
            changes = RunChanges(
                status=ending.status,
                expected=(record.status,),
                end_time=max(_now(), record.start_time or 0),
                error=ending.error(record.error),
                warnings=warnings,
            )
            self._tracking.update_run(self._run_id, changes)
        except NotFound:
            return True
        except (InvalidState, StoreUnavailable) as error:  # it changed meanwhile: once more
            logger.debug("The end of the run is told again: %s", error)
            return False
        return True


def _not_started(prepared: Prepared, error: OSError) -> Ending:
    reason = error.strerror or str(error)
    return Ending("Failed", "StartFailed", f"{prepared.command[0]} could not be started: {reason}")


def _run_quietly(command: Sequence[str] | None) -> None:
    """Run a program that may find nothing left to do."""
    if command is not None:
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=KILL_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            logger.warning("%s failed: %s", " ".join(command), error)


def _now() -> int:
    return time.time_ns() // 1_000_000


def main(address: str, run_id: str, caller: int | None = None) -> int:
    """Run a submitted run to its end.

    Args:
        address: the workspace's folder.
        run_id: the run.
        caller: a socket to the process that submits: it is told that this one is there, and closes when it has let go
            of the run.
    """
    opened = open_store(Path(address))
    record = opened.tracking.get_run(run_id, latest=False)
    opened.tracking.hold_lease(run_id)  # before the caller lets go of it: there is no moment without an owner
    if caller is not None:
        _take_over(caller)
    adopt_orphans()
    Launcher(opened, record).run()
    # The store is not closed, which would let go of a run whose end could not be told: as after a kill, readers end it.
    return 0


def _take_over(caller: int) -> None:
    with socket.socket(fileno=caller) as there:
        with suppress(OSError):  # the caller has ended meanwhile
            there.sendall(b"\n")
            there.recv(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
