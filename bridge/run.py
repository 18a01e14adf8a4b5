"""A run: one execution, and everything it logs."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

from bridge.errors import BridgeError, InvalidState, InvalidValue, NotAllowed, NotFound
from bridge.experiment import Experiment, check_text_or_none, label_values, native_tags, now_ms, run_tag_values
from bridge.records.run import TERMINAL_STATUSES, RunChanges, RunRecord, Status
from bridge.records.series import SCALAR, Series, Value
from bridge.workspace import Workspace, html_table

if TYPE_CHECKING:
    from bridge.store.open import Opened

logger = logging.getLogger("bridge")

LEFT_OPEN = "The run was open when its process ended, and was completed then: call run.complete()."


class Run:
    """One execution; opens a run that exists.

    `Experiment.start_logging` begins one, `Run.get_context` gives the one that this process belongs to.

    Args:
        experiment: the experiment that the run belongs to.
        run_id: its id.

    Raises:
        NotFound: the experiment has no such run.

    Example:
        >>> with Experiment(ws, "digits").start_logging() as run:
        ...     run.log("loss", 0.3)
    """

    def __init__(self, experiment: Experiment, run_id: str) -> None:
        record = experiment.workspace._opened.tracking.get_run(run_id, latest=False)
        if record.experiment_id != experiment.id:
            raise NotFound("run", run_id, f"experiment {experiment.name!r} does not have it")
        self._set(experiment, run_id)

    def _set(self, experiment: Experiment, run_id: str) -> None:
        self.experiment = experiment
        self.id = run_id
        self._log = experiment.workspace._opened.tracking.log
        self._owner = 0
        self._quietly = False

    @classmethod
    def _of(cls, experiment: Experiment, run_id: str) -> Run:
        run = cls.__new__(cls)
        run._set(experiment, run_id)
        return run

    @staticmethod
    def get(workspace: Workspace, run_id: str) -> Run:
        """The run of that id, of whichever experiment.

        Raises:
            NotFound: the workspace has none.
        """
        tracking = workspace._opened.tracking
        record = tracking.get_run(run_id, latest=False)
        experiment = Experiment._of(workspace, tracking.get_experiment(record.experiment_id))
        return Run._of(experiment, run_id)

    @staticmethod
    def get_context() -> Run:
        """The run that this process belongs to; the same object at every call.

        `BRIDGE_WORKSPACE` and `BRIDGE_RUN_ID` name it, else Azure ML's variables: then the workspace lies at
        `$BRIDGE_HOME/<AZUREML_ARM_WORKSPACE_NAME>`, and it and the run are made if absent.
        Outside of both it is a new run in the workspace `$BRIDGE_HOME/offline`, in an experiment that has the script's
        name; it ends with the process.

        Source: Azure ML SDK v1, `Run.get_context`.
        """
        from bridge.context import run_of_process

        return run_of_process()

    # What it is

    @property
    def _opened(self) -> Opened:
        return self.experiment.workspace._opened

    def _record(self, latest: bool = False) -> RunRecord:
        return self._opened.tracking.get_run(self.id, latest)

    def _update(self, changes: RunChanges) -> None:
        self._opened.tracking.update_run(self.id, changes)

    @property
    def number(self) -> int:
        """Counts the runs of the experiment from 1."""
        return self._record().number

    @property
    def status(self) -> Status:
        """The status, read anew."""
        return self._record().status

    def get_status(self) -> Status:
        """The status, read anew."""
        return self._record().status

    @property
    def display_name(self) -> str:
        """What the run is called; may be set."""
        return self._record().display_name

    @display_name.setter
    def display_name(self, name: str) -> None:
        if not isinstance(name, str) or not name:
            raise InvalidValue("display name", name, "must be text that is not empty")
        self._update(RunChanges(display_name=name))

    @property
    def description(self) -> str | None:
        """Free text; may be set, and None takes it away."""
        return self._record().description or None

    @description.setter
    def description(self, text: str | None) -> None:
        self._update(RunChanges(description=check_text_or_none("description", text) or ""))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What went wrong without ending the run, a sentence each."""
        return self._record().warnings

    @property
    def error(self) -> dict[str, str] | None:
        """What the run failed with: `code` and `message`; None if it did not."""
        import json

        record = self._record()
        # One that failed may be ended otherwise through MLflow.
        return dict(json.loads(record.error)) if record.error and record.status == "Failed" else None

    # What it logs

    def log(self, name: str, value: Value, *, step: int | None = None) -> None:
        """Append a point to the series `name`; when this returns, the point survives the process.

        Args:
            name: 1 to 255 characters without control characters.
            value: a number (NaN and ±inf too), text, a bool or None; numpy's and torch's scalars count as numbers.
                An int beyond ±2**53 is kept as the nearest float64, and a warning of the run says so.
            step: a signed 64-bit counter; without one the point gets the number of points the series had without.

        Raises:
            InvalidValue: the name, value or step may not be logged.
            NotFound, InvalidState: the run was deleted.
        """
        self._log(self.id, name, value, time.time_ns() // 1_000_000, step)

    def get_metrics(self, name: str | None = None) -> dict[str, Any]:
        """What was logged by name: a bare value if there is one point, else a list in log order.

        Numbers are ints if all of the series were logged as ints, else floats.

        Args:
            name: only this series; if there is none, the answer is empty.
        """
        metrics = {}
        for key, series in self._series(None if name is None else [name]).items():
            values = series.values.tolist()
            metrics[key] = values[0] if len(values) == 1 else values
        return metrics

    def get_series(self, key: str) -> Series:
        """All points logged under a key, in log order, as three numpy arrays of one length.

        `steps` and `timestamps` (milliseconds since 1970 UTC) are int64.
        `values` is int64 if all were ints (object if one is beyond int64), float64 if all are numbers,
        else object (text, bool, None, or mixed).

        Raises:
            NotFound: nothing was logged under the key.
        """
        found = self._series([key])
        if key not in found:
            raise NotFound("series", key, f"run {self.id} has not logged it")
        return found[key]

    def _series(self, keys: list[str] | None) -> dict[str, Series]:
        from bridge.store.points import native_series

        by_key: dict[str, list[Any]] = {}
        for record in self._opened.tracking.get_series(self.id, keys):
            if record.kind == SCALAR:
                by_key.setdefault(record.key, []).append(record)
        return {key: native_series(records) for key, records in by_key.items()}

    def flush(self) -> None:
        """Return when everything logged is where a reader sees it.

        Raises:
            StoreUnavailable: points are unwritten, or were dropped.
        """
        self._opened.tracking.flush()

    # Labels

    @property
    def params(self) -> dict[str, str]:
        """Params, as MLflow's clients log them: text, set once."""
        return dict(self._record().params)

    @property
    def tags(self) -> dict[str, str | None]:
        """Labels that can be changed, without MLflow's own (`mlflow.…`)."""
        return native_tags(self._record().tags)

    def get_tags(self) -> dict[str, str | None]:
        """Labels that can be changed, without MLflow's own (`mlflow.…`)."""
        return self.tags

    def tag(self, key: str, value: object = None) -> None:
        """Set a tag; the value becomes text, and None means a tag without one."""
        self.set_tags({key: value})

    def set_tags(self, tags: str | Mapping[str, object]) -> None:
        """Set tags; others stay.

        Args:
            tags: values by key, or one key for a tag without a value.

        Raises:
            InvalidValue: a key may not be used; none is set.
        """
        self._update(RunChanges(tags=run_tag_values(tags)))

    def remove_tags(self, keys: list[str]) -> None:
        """Remove tags.

        Raises:
            NotFound: one of them is not there; none is removed.
        """
        self._update(RunChanges(removed_tags=tuple(keys)))

    @property
    def properties(self) -> dict[str, str]:
        """Labels that are set once."""
        return dict(self._record().properties)

    def get_properties(self) -> dict[str, str]:
        """Labels that are set once."""
        return self.properties

    def add_properties(self, properties: Mapping[str, object]) -> None:
        """Set properties; values become text.

        Raises:
            InvalidState: one is set already, to another value; none is set.
            InvalidValue: a key may not be used; none is set.
        """
        values = {key: str(value) for key, value in label_values(properties, "property").items()}
        if values:
            self._update(RunChanges(properties=values))

    # Files: they all raise NotAllowed where the experiment, made through MLflow, keeps files at a place of its own

    @property
    def _root(self) -> str:
        location = self._opened.tracking.get_experiment(self.experiment.id).artifact_location
        if location is not None:
            reason = f"its experiment keeps them at {location}, where MLflow's clients read and write them"
            raise NotAllowed("reach files of run", self.id, reason)
        return RunRecord(self.id, self.experiment.id).artifact_root

    def _writable_root(self) -> str:
        self._opened.tracking.log_points(self.id, ())  # a deleted run takes no files either
        return self._root

    def upload_file(self, name: str, path_or_stream: str | os.PathLike[str] | BinaryIO) -> None:
        """Keep a file with the run, in place of one that has the name.

        Args:
            name: the artifact path, relative and `/`-separated.
            path_or_stream: the file, or a binary stream.

        Raises:
            InvalidValue: the name would leave the run's artifacts, or this is neither path nor stream.
            NotFound: there is no such file.
            InvalidState: the run is deleted.
        """
        self._opened.artifacts.put(self._writable_root(), name, _source(path_or_stream))

    def upload_folder(self, name: str, path: str | os.PathLike[str]) -> None:
        """Keep every file below a folder, under `name/<its path below the folder>`; links are followed.

        Raises:
            InvalidValue: it is no folder, or a name may not be used.
            NotFound: a link leads nowhere; files before it are kept.
            InvalidState: the run is deleted.
        """
        folder = Path(path)
        if not folder.is_dir():
            raise InvalidValue("folder", str(path), "must be a folder that is there")
        prefix = name.strip("/") + "/" if name.strip("/") else ""
        root = self._writable_root()
        for file in _files_below(folder):
            self._opened.artifacts.put(root, prefix + file.relative_to(folder).as_posix(), file)

    def get_file_names(self) -> list[str]:
        """The artifact paths of all files of the run, sorted."""
        return [record.path for record in self._opened.artifacts.list(self._root, recursive=True)]

    def download_file(self, name: str, output_file_path: str | os.PathLike[str] | None = None) -> None:
        """Write a file of the run to a local path.

        Args:
            name: the artifact path.
            output_file_path: the target, or an existing folder to put it in; None is the working folder.

        Raises:
            NotFound: the run has no such file.
        """
        target = Path(output_file_path if output_file_path is not None else ".")
        if target.is_dir():
            target = target / Path(name).name
        record = self._opened.artifacts.stat(self._root, name)
        if record is None or record.is_folder:
            there = ", ".join(self.get_file_names()[:20]) or "none"
            raise NotFound("file", name, f"run {self.id} has {there}")
        self._opened.artifacts.download(self._root, name, target)

    # Its end

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

        if isinstance(error_details, BaseException):
            import traceback

            lines = traceback.format_exception(type(error_details), error_details, error_details.__traceback__)
            message = f"User program failed with {type(error_details).__name__}: {error_details}"
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
        record = self._record()
        if not self._may_end(record.status, status):
            raise InvalidState("run", self.id, record.status, f"{status} or not ended")
        end_time = max(now_ms(), record.end_time or 0)
        self._update(RunChanges(status=status, error=error, end_time=end_time, warnings=warnings))
        _open_runs.pop(self.id, None)

    def _may_end(self, now: Status, status: Status) -> bool:
        """Whether the run may end as `status`: it is open, ended so, or completed by a logger and not by its owner."""
        return now not in TERMINAL_STATUSES or now == status or (now == "Completed" and self.id in _open_runs)

    def _leave_open(self, quietly: bool = False) -> None:
        """Note that this process ends the run if nobody else does."""
        self._owner = os.getpid()
        self._quietly = quietly
        _open_runs[self.id] = self

    def _end_with_process(self) -> None:
        if self._owner != os.getpid():
            return
        status = self._record().status
        error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
        if error is not None and not isinstance(error, SystemExit):
            if self._may_end(status, "Failed"):
                self.fail(error)
        elif status not in TERMINAL_STATUSES:
            self._end("Completed", warnings=() if self._quietly else (LEFT_OPEN,))

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not (isinstance(error, SystemExit) and error.code in (0, None)):
            if self._may_end(self.status, "Failed"):
                self.fail(error)
        elif self.status not in ("Failed", "Canceled"):
            self.complete()

    def __reduce__(self) -> tuple[Any, ...]:
        return Run._of, (self.experiment, self.id)

    def __repr__(self) -> str:
        return f"Run(Experiment: {self.experiment.name},\nId: {self.id},\nType: None,\nStatus: {self.status})"

    def _repr_html_(self) -> str:
        record = self._record()
        return html_table(
            {
                "Experiment": self.experiment.name,
                "Id": self.id,
                "Name": record.display_name,
                "Number": str(record.number),
                "Status": record.status,
            }
        )


def _files_below(folder: Path) -> list[Path]:
    """All files below a folder, also behind links; a link to a folder above itself is not followed again."""
    found: list[Path] = []
    for name, folders, files in os.walk(folder, followlinks=True):
        above = {os.path.realpath(parent) for parent in (Path(name), *Path(name).parents)}
        folders[:] = [below for below in folders if os.path.realpath(os.path.join(name, below)) not in above]
        found += (Path(name) / file for file in files)
    return sorted(found)


def _source(path_or_stream: str | os.PathLike[str] | BinaryIO) -> Path | BinaryIO:
    if isinstance(path_or_stream, (str, os.PathLike)):
        return Path(path_or_stream)
    if hasattr(path_or_stream, "read"):
        return path_or_stream
    raise InvalidValue("path_or_stream", path_or_stream, "must be the path of a file, or a binary stream")


# The end of the process

_open_runs: dict[str, Run] = {}


@atexit.register
def _end_open_runs() -> None:
    for run in list(_open_runs.values()):
        try:
            run._end_with_process()
        except (InvalidState, NotFound) as error:  # deleted, or ended by somebody else meanwhile
            logger.debug("Run %s is not ended: %s", run.id, error)
        except BridgeError as error:
            logger.error("Run %s could not be ended: %s", run.id, error)
