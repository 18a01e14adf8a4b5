"""Waiting until a run has ended, with or without printing its logs."""

from __future__ import annotations

import codecs
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from bridge.errors import SubmitFailed
from bridge.records.run import TERMINAL_STATUSES
from bridge.runs.details import run_details
from bridge.runs.growing_file import GrowingFile
from bridge.runs.patient_reads import PatientReads
from bridge.store.run_place import RunPlace

POLL_SECONDS = 0.1
FOLLOWED = ("azureml-logs/20_image_build_log.txt", "user_logs/std_log.txt", "logs/user_log.txt")
"""The logs that are printed during a wait: those of an environment's build, a script and an interactive run."""


def wait_for_end(place: RunPlace, view: str, show_output: bool, raise_on_error: bool) -> dict[str, Any]:
    """Wait until a run has ended and return its details; see `Run.wait_for_completion`.

    A server that does not answer is reported with a warning, and the wait continues.

    Args:
        place: the run.
        view: the address of the run's page, or the command that opens it. It is printed as "Web View".
        show_output: print the logs while they grow, and then a summary.
        raise_on_error: raise SubmitFailed if the run failed.
    """
    reads = PatientReads(place.stores)
    if show_output:
        try:
            _show(place, view, reads)
        except KeyboardInterrupt:
            reason = "Ctrl-C was pressed; the run continues, and run.cancel() stops it"
            raise SubmitFailed(f"Waiting for run {place.run_id}", None, reason) from None
    else:
        while not reads.read(lambda: _has_ended(place)):
            time.sleep(POLL_SECONDS)
    details = reads.read(lambda: run_details(place))
    if details["status"] == "Failed" and raise_on_error:
        error = details.get("error", {}).get("error", {})
        # The reason is at the end of the message, because people copy the last line of a traceback.
        reason = str(error.get("message") or error.get("code") or "the run stored no reason")
        raise SubmitFailed(f"Run {place.run_id}", error.get("exitCode"), " ".join(reason.split()).rstrip("."))
    return details


def _has_ended(place: RunPlace) -> bool:
    return place.record().status in TERMINAL_STATUSES


def _show(place: RunPlace, view: str, reads: PatientReads) -> None:
    """Print the logs while they grow, and then a summary."""
    _print(f"RunId: {place.run_id}\nWeb View: {view}\n")
    logs = [_FollowedLog(place, path) for path in FOLLOWED]
    ended = False
    while not ended:
        # The status is read before the logs, so that the last lines of an ended run are printed too.
        ended = reads.read(lambda: _has_ended(place))
        for log in logs:
            reads.read(log.print_new)
        if not ended:
            time.sleep(POLL_SECONDS)
    _print("".join(log.end() for log in logs), end="")
    _print(f"\nExecution Summary\n=================\nRunId: {place.run_id}\nWeb View: {view}")
    details = reads.read(lambda: run_details(place))
    if warnings := details.get("warnings"):
        _print("\nWarnings:\n" + "\n".join(warning["message"] for warning in warnings))
    if error := details.get("error"):
        _print("\nError:\n" + json.dumps(error, indent=4))
    _print("")


def _print(text: str, end: str = "\n") -> None:
    """Print text; characters that the terminal cannot encode are replaced."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), end=end, flush=True)


class _FollowedLog:
    """A log that is read as text while it grows. A title precedes the first text."""

    def __init__(self, place: RunPlace, path: str) -> None:
        self._file = GrowingFile(place, path)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._last = "\n"

    def print_new(self) -> None:
        """Print the text that was added since the last call."""
        for text in self._new_texts():
            _print(text, end="")

    def _new_texts(self) -> Iterator[str]:
        """Yield the text that was added since the last call."""
        is_first = not self._file.read_bytes
        for piece in self._file.new_pieces():
            if is_first:
                title = f"Streaming {self._file.path}"
                yield f"{title}\n{'=' * len(title)}\n\n"
                is_first = False
            yield self._seen(self._decoder.decode(piece))

    def end(self) -> str:
        """Return the text that is printed after the run has ended.

        It contains the replacement of an incomplete last character, and a line end if the last line has none.
        """
        rest = self._seen(self._decoder.decode(b"", final=True))
        return rest + ("" if self._last == "\n" else "\n")

    def _seen(self, text: str) -> str:
        self._last = text[-1:] or self._last
        return text
