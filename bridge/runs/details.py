"""The details of a run as a dict, its logs, and what is printed during a wait for its end."""

from __future__ import annotations

import codecs
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bridge.address import check_local_path
from bridge.errors import InvalidValue, NotAllowed, NotFound, SubmitFailed
from bridge.handles.run_details import RunDetails
from bridge.handles.run_files import LocalPath
from bridge.records.run import TERMINAL_STATUSES, RunRecord
from bridge.records.script import ScriptDefinition
from bridge.records.times import utc
from bridge.store.open import ARTIFACTS, Opened

POLL_SECONDS = 0.1
LOG_FOLDERS = ("user_logs", "system_logs", "logs", "azureml-logs")
FOLLOWED = ("azureml-logs/20_image_build_log.txt", "user_logs/std_log.txt", "logs/user_log.txt")
"""The logs that are printed while one waits: of building an environment, of a script, and of an interactive run."""


def details_of(run: RunDetails) -> dict[str, Any]:
    """See `RunDetails.get_details`."""
    record = run.place.record()
    return _details(run, record, {path: _url(run.place.stores, record, path) for path in _log_paths(run)})


def details_with_logs(run: RunDetails) -> dict[str, Any]:
    """See `RunDetails.get_details_with_logs`."""
    details = details_of(run)
    details["logFiles"] = {path: _content(run, path).decode("utf-8", "replace") for path in details["logFiles"]}
    return details


def download_logs(run: RunDetails, destination: LocalPath | None) -> list[str]:
    """See `RunDetails.get_all_logs`."""
    folder = check_local_path("destination", destination if destination is not None else Path("assets") / run.id)
    if folder.exists() and not folder.is_dir():
        raise InvalidValue("destination", str(folder), "must be a folder")
    folder.mkdir(parents=True, exist_ok=True)
    targets = {path: folder / path for path in _log_paths(run)}
    for path, target in targets.items():
        run.place.stores.artifacts.download(run.place.root(), path, target)
    return [str(target) for target in targets.values()]


def _details(run: RunDetails, record: RunRecord, logs: dict[str, str]) -> dict[str, Any]:
    definition = ScriptDefinition.from_text(record.definition)
    details: dict[str, Any] = {
        "runId": record.id,
        "target": definition.target,
        "status": record.status,
        "startTimeUtc": _utc(record.start_time),
        "endTimeUtc": _utc(record.end_time),
        "services": {},
        "properties": dict(record.properties),
        "inputDatasets": [_dataset(each) for each in record.dataset_inputs],
        "outputDatasets": [],
        "runDefinition": definition.to_json(),
        "logFiles": logs,
        "submittedBy": record.user,
        "error": {"error": json.loads(record.error)} if record.error and record.status == "Failed" else None,
        "warnings": [{"source": "runbridge", "message": warning} for warning in record.warnings],
    }
    absent = ("startTimeUtc", "endTimeUtc", "services", "runDefinition", "error", "warnings")
    return {key: value for key, value in details.items() if value or key not in absent}


def _utc(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    second, rest = utc(milliseconds)
    return f"{second}.{rest:03d}000Z"


def _dataset(used: Any) -> dict[str, Any]:
    return {"dataset": {"name": used.dataset.name, "digest": used.dataset.digest}, "tags": dict(used.tags)}


def _log_paths(run: RunDetails) -> list[str]:
    """The logs of a run; none where it keeps its files at a place of MLflow's."""
    try:
        root = run.place.root()
    except NotAllowed:
        return []
    artifacts = run.place.stores.artifacts
    return [record.path for folder in LOG_FOLDERS for record in artifacts.list(root, folder, recursive=True)]


def _url(opened: Opened, record: RunRecord, path: str) -> str:
    return (Path(opened.address) / ARTIFACTS / record.artifact_root / path).as_uri()


def _content(run: RunDetails, path: str, start: int = 0) -> bytes:
    try:
        return b"".join(run.place.stores.artifacts.get(run.place.root(), path, start))
    except NotFound:  # removed meanwhile
        return b""


# Waiting


def wait(run: RunDetails, show_output: bool, raise_on_error: bool) -> dict[str, Any]:
    """See `RunDetails.wait_for_completion`."""
    if show_output:
        try:
            _show(run)
        except KeyboardInterrupt:
            reason = "Ctrl-C was pressed; the run goes on, and run.cancel() stops it"
            raise SubmitFailed(f"Waiting for run {run.id}", None, reason) from None
    else:
        while run.place.record().status not in TERMINAL_STATUSES:
            time.sleep(POLL_SECONDS)
    details = details_of(run)
    if details["status"] == "Failed" and raise_on_error:
        error = details.get("error", {}).get("error", {})
        # What people paste is the last line of a traceback, so the sentence ends in what happened.
        reason = str(error.get("message") or error.get("code") or "it did not say why")
        raise SubmitFailed(f"Run {run.id}", error.get("exitCode"), " ".join(reason.split()).rstrip("."))
    return details


def _show(run: RunDetails) -> None:
    """Print the log while it grows, and how the run ended."""
    url = run.get_portal_url()
    _print(f"RunId: {run.id}\nWeb View: {url}\n")
    logs = [_FollowedLog(run, path) for path in FOLLOWED]
    while True:
        ended = run.place.record().status in TERMINAL_STATUSES
        for log in logs:
            for text in log.news():
                _print(text, end="")
        if ended:
            break
        time.sleep(POLL_SECONDS)
    _print("".join(log.end() for log in logs), end="")
    _print(f"\nExecution Summary\n=================\nRunId: {run.id}\nWeb View: {url}")
    details = details_of(run)
    if warnings := details.get("warnings"):
        _print("\nWarnings:\n" + "\n".join(warning["message"] for warning in warnings))
    if error := details.get("error"):
        _print("\nError:\n" + json.dumps(error, indent=4))
    _print("")


def _print(text: str, end: str = "\n") -> None:
    # Not all that a script prints can be printed everywhere.
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), end=end, flush=True)


class _FollowedLog:
    """A growing log, as text from where the last look ended; before its first text comes its name."""

    def __init__(self, run: RunDetails, path: str) -> None:
        self._run, self._path = run, path
        self._read_bytes = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._last = "\n"

    def news(self) -> Iterator[str]:
        if self._size_bytes() <= self._read_bytes:
            return
        if not self._read_bytes:
            title = f"Streaming {self._path}"
            yield f"{title}\n{'=' * len(title)}\n\n"
        for piece in self._run.place.stores.artifacts.get(self._run.place.root(), self._path, self._read_bytes):
            self._read_bytes += len(piece)
            yield self._seen(self._decoder.decode(piece))

    def end(self) -> str:
        """What is left of a character, and what ends the last line."""
        rest = self._seen(self._decoder.decode(b"", final=True))
        return rest + ("" if self._last == "\n" else "\n")

    def _seen(self, text: str) -> str:
        self._last = text[-1:] or self._last
        return text

    def _size_bytes(self) -> int:
        try:
            record = self._run.place.stores.artifacts.stat(self._run.place.root(), self._path)
        except NotAllowed:  # its experiment keeps files at a place of MLflow's
            return 0
        return 0 if record is None else record.size_bytes or 0
