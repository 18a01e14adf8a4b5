"""The launcher: the process that owns a submitted run, from its preparation to its last status.

`bridge.launch.start` starts it, and so may a scheduler: `python -m bridge.launch.launcher <workspace> <run id>`.
It claims the run, and leaves a run alone that another launcher has claimed.
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
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bridge.errors import BridgeError, InvalidState, NotFound, StoreUnavailable
from bridge.launch.output import Output
from bridge.launch.prepare import STD_LOG, Preparation, Prepared
from bridge.launch.process import ScriptProcess, adopt_orphans, describe_end, end_children
from bridge.launch.usage import UsageSampler
from bridge.records.run import (
    OPEN_STATUSES,
    SCRIPT_RUN,
    TERMINAL_STATUSES,
    RunChanges,
    RunRecord,
    Status,
    check_claimable,
)
from bridge.records.script import ScriptDefinition
from bridge.store.leases import is_owner_gone
from bridge.store.one_run import get_run
from bridge.store.open import Opened, open_store

logger = logging.getLogger("bridge")

POLL_SECONDS = 0.25
OUTPUT_SECONDS = 30.0
"""How long a change of the run, and its output at the end, may take where the place is slow or away."""
END_SECONDS = 600.0
"""How long the launcher tries to tell the store how a run ended."""
RETRY_SECONDS = 1.0
KILL_SECONDS = 30.0
NAMED = 5
"""How many processes a sentence names."""
HERE = b"\n"
"""What is sent to the process that submits: once when this one is there, and once more when it has the run."""
LEFT_OPEN = (
    "{who} the script's output open: what is printed there from now on is not stored, and the next print ends its"
    " process with SIGPIPE unless that signal is ignored."
)
EXIT_CODES: dict[Status | None, int] = {"Completed": 0, "Failed": 1, "Canceled": 128 + signal.SIGTERM}
CANCEL_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
GOING_ON: tuple[Status, ...] = tuple(status for status in OPEN_STATUSES if status != "CancelRequested")


@dataclass(frozen=True)
class Ending:
    """How a run ends; a status of None says that somebody else has ended it, and `trace` is of a fault of ours."""

    status: Status | None
    code: str = ""
    message: str = ""
    exit_code: int | None = None
    signal: str | None = None
    trace: str = ""

    def error(self, before: str | None) -> str | None:
        """The run's error as JSON; what the script said of its failure stays."""
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


class Signals:
    """What the signals of this process say: that the run is to be canceled, or that something has changed.

    Their handlers raise nothing.
    """

    def __init__(self) -> None:
        self.canceled = False
        self._waking, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._poll = select.poll()
        self._poll.register(self._waking, select.POLLIN)

    def listen(self) -> None:
        """Take the signals that would end this process as the wish to cancel its run."""

        def cancel(number: int, frame: object) -> None:
            self.canceled = True

        for number in CANCEL_SIGNALS:
            signal.signal(number, cancel)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # so that the end of the script wakes
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def ignore(self) -> None:
        """Let no signal change how this process ends: Python forgets its handlers before its end."""
        for number in CANCEL_SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def notify(self) -> None:
        """Let `wait` return."""
        with suppress(BlockingIOError):
            os.write(self._wake, b"\0")

    def wait(self, seconds: float) -> None:
        """Return when a signal has come or `notify` was called, or after that time."""
        if self._poll.poll(seconds * 1000):
            os.read(self._waking, 4096)

    def close(self) -> None:
        """Close the pipe; a signal that comes later is still heard."""
        waking, wake, self._waking, self._wake = self._waking, self._wake, -1, -1
        for fd in (waking, wake):
            if fd >= 0:
                os.close(fd)


class Launcher:
    """Runs the script of one run.

    Args:
        opened: the workspace.
        record: the run.
        signals: those of this process.
    """

    def __init__(self, opened: Opened, record: RunRecord, signals: Signals) -> None:
        self._signals = signals
        self._opened, self._record, self._run_id = opened, record, record.id
        self._tracking = opened.tracking
        self._preparation = Preparation(opened, record)
        self._warnings: dict[str, None] = {}
        self._status: Status | None = None
        self._asked_at = 0.0
        self._deadline = float("inf")
        self._output = Output(lambda data: opened.artifacts.append(record.artifact_root, STD_LOG, data))

    def run(self) -> Status | None:
        """Run the script and end the run.

        Returns:
            The status in which the run ended; None if that could not be stored, or the run was deleted.
        """
        try:
            ending = self._work()
        except InvalidState as error:  # the run was ended or deleted meanwhile
            ending = self._asked() or Ending("Failed", "LauncherFailed", str(error))
        except BridgeError as error:
            ending = Ending("Failed", "LauncherFailed", str(error))
        except Exception as error:
            message = f"The launcher failed with {type(error).__name__}: {error}"
            ending = Ending("Failed", "LauncherFailed", message, trace=traceback.format_exc())
        try:
            return self._end(ending)
        except Exception as error:  # a fault of ours, or no memory: each step may be repeated
            logger.error("The run is ended once more.", exc_info=error)
            return self._end(ending)

    def _work(self) -> Ending:
        ending = self._prepare()
        prepared = self._preparation.done
        if ending is not None or prepared is None:
            return ending or Ending("Failed", "LauncherFailed", "The preparation ended without a result")
        self._change(RunChanges(status="Running", start_time=_now()))
        self._output.touch()  # the log is there, also of a script that prints nothing
        capture = prepared.capture(self._opened, self._record)
        capture.watch()
        ending = self._execute(prepared)
        if ending.status is not None:
            # To be canceled: then it stays so until it is. Or the store is away: how the script ended is said later.
            with suppress(InvalidState, StoreUnavailable):
                self._change(RunChanges(status="Finalizing"))
        self._warn(*capture.finish())
        return ending

    # Preparing

    def _prepare(self) -> Ending | None:
        """Run the preparation in a thread, so that the run can be ended meanwhile."""
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
            self._output.begun()
            sampler = UsageSampler(self._tracking, self._run_id, process.pid)
            if prepared.most_seconds is not None:
                self._deadline = process.begun + prepared.most_seconds
            ending = self._wait_until(lambda: process.exit_code is not None)
            if ending is None:
                process.end_those_left()
            else:
                _stop(process, prepared)
        except BaseException:  # a fault of ours: no script outlives its run
            _stop(process, prepared)
            raise
        finally:
            self._deadline = float("inf")
            if sampler is not None:
                sampler.close()
        self._output.drain()
        if self._output.left_open:
            self._warn(LEFT_OPEN.format(who=_who(process.left_behind())))
        self._output.leave()
        return ending or self._ending_of(prepared, process.exit_code or 0)

    def _ending_of(self, prepared: Prepared, exit_code: int) -> Ending:
        if exit_code == 0:
            return Ending("Completed")
        words = self._output.said_last(exception=exit_code == 1)  # Python's exit code of an exception
        said, name = describe_end(exit_code, words, prepared.shell)
        return Ending("Failed", "UserError", f"{prepared.name} {said}", exit_code, name)

    # Waiting

    def _wait_until(self, done: Callable[[], bool]) -> Ending | None:
        """Return when something is done; before, if the run is to end, with how."""
        while not done():
            ending = self._asked()
            if ending is not None:
                return ending
            if time.monotonic() >= self._deadline:
                return self._too_long()
            self._signals.wait(min(POLL_SECONDS, self._seconds_left()))
        return None

    def _too_long(self) -> Ending:
        seconds = ScriptDefinition.from_text(self._record.definition).max_run_duration_seconds
        return Ending("Failed", "MaxRunDurationExceeded", f"The script was stopped after {seconds} seconds, its limit")

    def _seconds_left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def _asked(self) -> Ending | None:
        """How the run is to end, as somebody outside or a signal says."""
        if self._signals.canceled:
            return CANCELED
        now = time.monotonic()
        if now < self._asked_at + POLL_SECONDS / 2:
            return None
        self._asked_at = now
        try:
            record = get_run(self._tracking, self._run_id, latest=False)
        except StoreUnavailable as error:
            logger.debug("The run's status is read later: %s", error)
            return None
        except NotFound:
            return ENDED_ELSEWHERE
        if _has_ended(record) or record.lifecycle_stage == "deleted":
            return ENDED_ELSEWHERE
        return CANCELED if record.status == "CancelRequested" else None

    def _change(self, changes: RunChanges) -> None:
        """Change the run unless it is to end; a store that is away for a moment fails no run."""
        end = time.monotonic() + OUTPUT_SECONDS
        while True:
            try:
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
        """End the run; it may be called again after an exception ended it."""
        said = ending.message if ending.exit_code is None else ""
        self._output.close(OUTPUT_SECONDS, last_words=ending.trace + (f"{said}\n" if said else ""))
        if self._output.dropped_bytes:
            self._warn(f"{self._output.dropped_bytes:,} bytes of output could not be kept.")
        if self._output.trouble is not None:
            self._warn(f"The log is not complete: {self._output.trouble}")
        try:
            self._tracking.flush()
        except StoreUnavailable as error:
            self._warn(str(error))
        end = time.monotonic() + END_SECONDS
        while not self._told(ending):
            if time.monotonic() > end:
                return None
            time.sleep(RETRY_SECONDS)
        return self._status

    def _told(self, ending: Ending) -> bool:
        """Tell the store how the run ended, unless somebody has ended it; whether nothing is left to tell."""
        try:
            record = get_run(self._tracking, self._run_id, latest=False)
            if record.lifecycle_stage == "deleted":
                return True
            warnings = tuple(self._warnings)
            if _has_ended(record) or ending.status is None:
                self._tracking.update_runs((self._run_id,), RunChanges(warnings=warnings))
                self._status = record.status
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
            self._tracking.update_runs((self._run_id,), changes)
            self._status = ending.status
        except NotFound:
            return True
        except BridgeError as error:  # it changed meanwhile, or the store cannot be written: once more
            logger.debug("The end of the run is told again: %s", error)
            return False
        return True


def _has_ended(record: RunRecord) -> bool:
    """Whether somebody has ended a run of this launcher.

    A run whose owner seemed gone, as after a week on a stopped machine, has not ended: its owner is this process.
    """
    return record.status in TERMINAL_STATUSES and not is_owner_gone(record.error)


def _not_started(prepared: Prepared, error: OSError) -> Ending:
    reason = error.strerror or str(error)
    return Ending("Failed", "StartFailed", f"{prepared.command[0]} could not be started: {reason}")


def _stop(process: ScriptProcess, prepared: Prepared) -> None:
    process.stop()
    _run_quietly(prepared.kill_command)


def _run_quietly(command: Sequence[str] | None) -> None:
    """Run a program that may find nothing left to do."""
    if command is not None:
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=KILL_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            logger.warning("%s failed: %s", " ".join(command), error)


def _who(pids: Sequence[int]) -> str:
    """Who has something, as the beginning of a sentence."""
    if len(pids) == 1:
        return f"Process {pids[0]}, which the script left behind, has"
    return f"Processes that the script left behind{f' ({_listed(pids)})' if pids else ''} have"


def _listed(pids: Sequence[int]) -> str:
    return ", ".join(map(str, pids[:NAMED])) + (", …" if len(pids) > NAMED else "")


def _now() -> int:
    return time.time_ns() // 1_000_000


def main(address: str, run_id: str, caller: int | None = None) -> int:
    """Run a submitted run to its end, if no other launcher has it.

    Args:
        address: the workspace's folder.
        run_id: the run.
        caller: a socket to the process that submits: it is told that this one is there, lets go of the run, and is
            told when this one has the run.

    Returns:
        The exit code: 0 if the run is Completed or another launcher's, 1 if it Failed or was not started, 143 if it is
        Canceled.
    """
    signals = Signals()
    signals.listen()
    try:
        opened = open_store(Path(address))
        record = _claim(opened, run_id) if caller is None else _take_over(opened, run_id, caller)
    except BridgeError as error:
        _say(f"The run {run_id!r} is not started: {error}")
        return EXIT_CODES["Failed"]
    if record is None:
        return EXIT_CODES["Completed"]
    adopt_orphans()
    status = Launcher(opened, record, signals).run()
    signals.ignore()
    # The store is not closed, which would let go of a run whose end could not be told: as after a kill, readers end it.
    return EXIT_CODES.get(status, EXIT_CODES["Failed"])


def _take_over(opened: Opened, run_id: str, caller: int) -> RunRecord | None:
    """Claim a run when the process that submits it, which owns it until then, has let go of it: it has one owner."""
    with socket.socket(fileno=caller) as there:
        with suppress(OSError):  # the caller has ended meanwhile
            there.sendall(HERE)
            there.recv(1)  # no byte comes: the caller closes its end
        record = _claim(opened, run_id)
        if record is not None:
            with suppress(OSError):
                there.sendall(HERE)
        return record


def _claim(opened: Opened, run_id: str) -> RunRecord | None:
    """Claim a run; None, and a sentence on stderr, if it is not for this launcher."""
    end = time.monotonic() + OUTPUT_SECONDS
    while True:
        try:
            record = get_run(opened.tracking, run_id, latest=False)
            try:
                check_claimable(run_id, record.type, record.status, record.end_time)  # before anything is written
                opened.tracking.claim_run(run_id)
            except InvalidState:
                record = get_run(opened.tracking, run_id, latest=False)
                _say(f"This launcher leaves the run {run_id!r} alone: {_why_not(record)}.")
                return None
            return get_run(opened.tracking, run_id, latest=False)
        except StoreUnavailable as error:
            if time.monotonic() > end:
                raise
            logger.debug("The run is claimed later: %s", error)
            time.sleep(RETRY_SECONDS)


def _why_not(record: RunRecord) -> str:
    if record.type != SCRIPT_RUN:
        return "it is no run of a script"
    if record.lifecycle_stage == "deleted":
        return "it is deleted"
    ended = record.status in TERMINAL_STATUSES or record.end_time is not None
    return f"it is {record.status}, and has {'ended' if ended else 'a launcher'}"


def _say(sentence: str) -> None:
    """Print a sentence for whoever started this process, who may have closed its error output."""
    with suppress(OSError):
        print(sentence, file=sys.stderr, flush=True)


def run_command() -> int:
    """Run the launcher from the command line of this process; return its exit code."""
    parser = ArgumentParser(prog="python -m bridge.launch.launcher", description="Run a submitted run to its end.")
    parser.add_argument("address", help="the workspace's folder")
    parser.add_argument("run_id", help="the run")
    given = parser.parse_args()
    return main(given.address, given.run_id)


if __name__ == "__main__":
    sys.exit(run_command())
