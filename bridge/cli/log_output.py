"""The logs of a run, as `runbridge logs` prints them: the bytes of the files, without any change."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bridge.cli.output import is_terminal, notice
from bridge.errors import NotFound
from bridge.records.run import TERMINAL_STATUSES
from bridge.runs.files import file_names
from bridge.runs.growing_file import GrowingFile
from bridge.runs.logs import log_paths
from bridge.runs.patient_reads import PatientReads
from bridge.runs.waiting import FOLLOWED, POLL_SECONDS
from bridge.store.run_place import RunPlace

if TYPE_CHECKING:
    from typing_extensions import Self  # part of `typing` only since Python 3.11

    from bridge.records.run import Status

RESET = b"\x1b[0m"
"""Ends the colours that a log has switched on."""


def print_logs(place: RunPlace, path: str | None, tail: int | None) -> None:
    """Print a log of a run, or the usual logs that it has.

    Args:
        place: the run.
        path: the artifact path of the log. None means the logs of the environment's build, the script and the run.
        tail: the number of last lines of each log that are printed; None means all lines.

    Raises:
        NotFound: the run does not have the log.
        NotAllowed: only MLflow's clients can read the files of the run.
    """
    existing = file_names(place)
    paths = [each for each in ([path] if path else FOLLOWED) if each in existing]
    if not paths:
        logs = ", ".join(log_paths(place))
        raise NotFound(
            "log", path or FOLLOWED[1], f"run {place.run_id} has {f'the logs {logs}' if logs else 'no logs'}"
        )
    with _Printed(place, paths, tail) as printed:
        printed.print_new()


def follow_logs(place: RunPlace, path: str | None, tail: int | None = None) -> Status:
    """Print a log of a run while it grows, until the run has ended, and return the status of the run.

    While a server does not answer, this function waits.

    The arguments are those of `print_logs`. A log that does not exist yet is printed when it does.
    """
    place.root()  # a run whose files cannot be read would print nothing
    reads = PatientReads(place.stores)
    with _Printed(place, [path] if path else FOLLOWED, tail) as printed:
        while True:
            # The status is read before the logs, so that the last lines of an ended run are printed too.
            status = reads.read(lambda: place.record().status)
            reads.read(printed.print_new)
            if status in TERMINAL_STATUSES:
                return status
            time.sleep(POLL_SECONDS)


class _Printed:
    """Logs that are printed. If there are several, a person sees the name of each."""

    def __init__(self, place: RunPlace, paths: Sequence[str], tail: int | None) -> None:
        self._logs = [GrowingFile(place, path) for path in paths]
        self._shown, self._is_coloured = "", False
        if tail is not None:
            for log in self._logs:
                log.skip_to_last_lines(tail)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """End the colours that a log has left switched on."""
        if self._is_coloured and is_terminal():
            sys.stdout.buffer.write(RESET)
            sys.stdout.buffer.flush()

    def print_new(self) -> None:
        """Print what was added to the logs."""
        for log in self._logs:
            for piece in log.new_pieces():
                self._name(log.path)
                self._is_coloured |= b"\x1b" in piece
                sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()

    def _name(self, path: str) -> None:
        if len(self._logs) > 1 and path != self._shown:
            sys.stdout.buffer.flush()
            notice(f"==> {path} <==")
            self._shown = path
