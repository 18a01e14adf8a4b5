"""The handle of a run: one execution, and everything it logs."""

from __future__ import annotations

import builtins
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

from bridge.address import check_folder
from bridge.capture.session import RunSession
from bridge.errors import InvalidValue, NotFound
from bridge.handles.absent import with_absent_attributes, without_absent_attributes
from bridge.handles.checks import check_experiment, check_workspace
from bridge.handles.experiment import Experiment
from bridge.handles.html import html_table
from bridge.handles.notebook import LiveInNotebooks, hint
from bridge.handles.workspace import Workspace
from bridge.records.failure import failure_json
from bridge.records.labels import Labels, check_keys, label_values, native_tags, param_values, run_tag_values
from bridge.records.run import OPEN_STATUSES, SCRIPT_RUN, RunChanges, Status
from bridge.records.series import (
    ACCURACY_TABLE,
    CONFUSION_MATRIX,
    NATIVE,
    PREDICTIONS,
    RESIDUALS,
    Series,
    Value,
    check_key,
)
from bridge.records.text import check_text_or_none
from bridge.records.times import now_ms
from bridge.runs.open_page import portal_url
from bridge.runs.shown_images import ShownImages
from bridge.store.one_run import get_run
from bridge.store.run_place import RunPlace

if TYPE_CHECKING:
    from typing_extensions import Self  # part of `typing` only since Python 3.11

    from bridge.environments.environment import Environment
    from bridge.handles.script_run import ScriptRun
    from bridge.launch.script import ScriptRunConfig
    from bridge.records.artifact import ArtifactRecord
    from bridge.runs.files import LocalPath
    from bridge.runs.metric_values import LoggedMetric


@with_absent_attributes
class Run(LiveInNotebooks):
    """One execution, and everything it logs. The constructor opens a run that exists.

    `Experiment.start_logging` starts a run, and `Run.get_context` returns the run that this process belongs to.

    Attributes:
        experiment: the experiment of the run.
        id: the run's id.
        place: the reference to the run in its stores. Functions of `bridge.runs` and plugins use it.
        session: the `RunSession` that captures files and output of this process for the run.

    Args:
        experiment: the experiment of the run.
        run_id: the run's id.
        outputs: a folder whose files are stored when the run is ended through this object; True is `./outputs`.

    Raises:
        NotFound: the experiment has no run with this id.

    Example:
        >>> with Experiment(ws, "digits").start_logging() as run:
        ...     run.log("loss", 0.3)
    """

    __module__ = "bridge"

    def __init__(
        self, experiment: Experiment, run_id: str, outputs: bool | str | os.PathLike[str] | None = None
    ) -> None:
        check_experiment(experiment)
        check_folder("outputs", outputs)
        record = get_run(experiment.workspace.stores.tracking, run_id, latest=False)
        if record.experiment_id != experiment.id:
            raise NotFound("run", run_id, f"experiment {experiment.name!r} does not have it")
        if record.type == SCRIPT_RUN and self.__class__ is Run:
            # The handle of a submitted run is a `ScriptRun`, as `Run.get` returns it.
            self.__class__ = _class_of(SCRIPT_RUN)
        self._set(experiment, run_id, None)
        if outputs:
            self.session.capture_folders(outputs)

    def _set(self, experiment: Experiment, run_id: str, session: RunSession | None) -> None:
        stores = experiment.workspace.stores  # opens the workspace, and thereby imports the next module
        from bridge.store.points import metric_points

        self.experiment = experiment
        self.id = run_id
        self.session = session or RunSession(RunPlace(stores, experiment.id, run_id))
        self.place = self.session.place
        tracking = stores.tracking
        self._quick_log, self._log, self._log_points = tracking.quick_log, tracking.log, tracking.log_points
        self._metric_points = metric_points
        self._described: dict[str, str | None] = {}
        self._shown_images = ShownImages()
        self._parent: Run | None = None

    @classmethod
    def wrap(
        cls, experiment: Experiment, run_id: str, type: str | None = None, session: RunSession | None = None
    ) -> Self:
        """Return the handle of a run without a check in the database. The run must exist.

        Args:
            experiment: the experiment of the run.
            run_id: the run's id.
            type: the run's type, which decides the class of the handle.
            session: the session that started the run; None creates a new session.
        """
        kind: Any = _class_of(type) if cls is Run else cls
        run: Self = kind.__new__(kind)
        run._set(experiment, run_id, session)
        return run

    @staticmethod
    def get(workspace: Workspace, run_id: str) -> Run:
        """Return the run with an id, from any experiment of the workspace.

        Raises:
            NotFound: the workspace has no run with this id.
        """
        check_workspace("workspace", workspace)
        tracking = workspace.stores.tracking
        record = get_run(tracking, run_id, latest=False)
        experiment = Experiment.wrap(workspace, tracking.get_experiment(record.experiment_id))
        return Run.wrap(experiment, run_id, record.type)

    @staticmethod
    def list(
        experiment: Experiment,
        type: str | None = None,
        tags: str | Mapping[str, object] | None = None,
        properties: str | Mapping[str, object] | None = None,
        status: str | None = None,
        include_children: bool = False,
        **ignored: object,
    ) -> Iterator[Run]:
        """Return the active runs of an experiment, newest start time first.

        The arguments are those of `Experiment.get_runs`, and `status`. Only runs with this status are returned.
        """
        from bridge.handles.run_list import runs_of_experiment

        check_experiment(experiment)
        return runs_of_experiment(experiment, tags, properties, type, status, include_children)

    @staticmethod
    def get_context(allow_offline: bool = True, **ignored: object) -> Run:
        """Return the run that this process belongs to. Every call returns the same object.

        The environment variables `BRIDGE_WORKSPACE` and `BRIDGE_RUN_ID` name the run.
        If they are not set, Azure ML's variables name it. The workspace is then
        `$BRIDGE_HOME/<AZUREML_ARM_WORKSPACE_NAME>`. The workspace and the run are created if absent.
        If no variable names a run, an offline run is started, which ends with the process. Its experiment has the name
        of the script. Its workspace is the one that `Workspace.from_config` finds, or `$BRIDGE_HOME/offline`.
        In a submitted script, `complete`, `fail` and `cancel` do not set the status. They only flush points, upload
        files and store the error. The launcher (the process that runs the script) sets the status at the end.

        Args:
            allow_offline: allow an offline run if no variable names a run.
            ignored: accepted for compatibility and ignored.

        Raises:
            NotAllowed: no variable names a run, and `allow_offline` is False.

        Source: Azure ML SDK v1, `Run.get_context`.
        """
        from bridge.handles.run_of_process import run_of_process

        return run_of_process(allow_offline)

    @staticmethod
    def get_submitted_run(**ignored: object) -> Run:
        """Return the run that this process belongs to, as `Run.get_context` does, but start no offline run.

        Raises:
            NotAllowed: no environment variable names a run.
        """
        return Run.get_context(allow_offline=False)

    # Attributes

    @property
    def run_id(self) -> str:
        """The same as `id`, under its name in MLflow."""
        return self.id

    @property
    def number(self) -> int:
        """The number of the run in its experiment, counted from 1."""
        return self.place.record().number

    @property
    def status(self) -> Status:
        """The status, read at each access."""
        return self.place.record().status

    def get_status(self) -> Status:
        """Return the status, read at each call."""
        return self.place.record().status

    def get_detailed_status(self) -> dict[str, str | None]:
        """Return a dict with `status`, and with `details`, which is None because there is no queue."""
        return {"status": self.status, "details": None}

    @property
    def type(self) -> str | None:
        """`azureml.scriptrun` for the run of a submitted script, else None."""
        return self.place.record().type

    @property
    def name(self) -> str:
        """The same as `display_name`."""
        return self.display_name

    @property
    def identity(self) -> str:
        """The name of the class of this object, `#` and the id, for example `Run#…`."""
        return f"{self.__class__.__name__}#{self.id}"

    def start(self) -> None:
        """Set the status of the run to Running. A run that is already Running is not changed.

        Raises:
            InvalidState: the run has ended.
        """
        record = self.place.record()
        if record.status != "Running":
            start_time = now_ms() if record.start_time is None else None
            self.place.update(RunChanges(status="Running", expected=OPEN_STATUSES, start_time=start_time))

    @property
    def display_name(self) -> str:
        """The name that is shown for the run; can be set."""
        return self.place.record().display_name

    @display_name.setter
    def display_name(self, name: str) -> None:
        if not isinstance(name, str) or not name:
            raise InvalidValue("display name", name, "must be text that is not empty")
        self.place.update(RunChanges(display_name=name))

    @property
    def description(self) -> str | None:
        """Free text; can be set, and None removes it."""
        return self.place.record().description or None

    @description.setter
    def description(self, text: str | None) -> None:
        self.place.update(RunChanges(description=check_text_or_none("description", text) or ""))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings: problems that did not end the run, one sentence each."""
        return self.place.record().warnings

    @property
    def error(self) -> dict[str, Any] | None:
        """The error of a failed run: `code`, `message` and more if known; None if the run did not fail."""
        import json

        record = self.place.record()
        # A client of MLflow can change the status of a failed run. The record then still contains the error.
        return dict(json.loads(record.error)) if record.error and record.status == "Failed" else None

    # Labels

    @property
    def params(self) -> dict[str, str]:
        """The params: text that is set only once."""
        return dict(self.place.record().params)

    def log_param(self, key: str, value: object) -> None:
        """Set a param; see `log_params`."""
        self.log_params({check_key(key, "param key"): value})

    def log_params(self, params: Mapping[str, object]) -> None:
        """Set params, in one transaction. A param that already has the same value is unchanged.

        Args:
            params: a dict of values. Values become text: `str(value)`, of any length.

        Raises:
            ParamChanged: a param already has another value. No param is set.
            InvalidValue: a key is not valid. No param is set.
            NotFound: the run was deleted permanently.
            InvalidState: the run is deleted.
        """
        if values := param_values(params):
            self.place.update(RunChanges(params=values))

    @property
    def tags(self) -> dict[str, str | None]:
        """The tags: labels that can be changed. MLflow's own tags (`mlflow.…`) are not included."""
        return native_tags(self.place.record().tags)

    def get_tags(self) -> dict[str, str | None]:
        """Return `tags`."""
        return self.tags

    def tag(self, key: str, value: object = None) -> None:
        """Set a tag. The value becomes text. If it is None, the tag has no value."""
        self.set_tags({check_key(key, "tag key"): value})

    def set_tags(self, tags: str | Mapping[str, object]) -> None:
        """Set tags. Other tags are not changed.

        Args:
            tags: a dict of values, or the key of one tag without a value.

        Raises:
            InvalidValue: a key is not valid. No tag is set.
        """
        self.place.update(RunChanges(tags=run_tag_values(tags)))

    def remove_tags(self, keys: str | builtins.list[str]) -> None:
        """Remove one tag or several.

        Raises:
            NotFound: at least one of the tags does not exist. In this case, no tag is removed.
        """
        self.place.update(RunChanges(removed_tags=check_keys("tag key", keys)))

    @property
    def properties(self) -> dict[str, str]:
        """The properties: labels that can be set only once."""
        return dict(self.place.record().properties)

    def get_properties(self) -> dict[str, str]:
        """Return `properties`."""
        return self.properties

    def add_properties(self, properties: Mapping[str, object]) -> None:
        """Set properties; values become text.

        Raises:
            InvalidState: a property already has another value. No property is set.
            InvalidValue: a key is not valid. No property is set.
        """
        # A value None becomes the text "None".
        values = {key: str(value) for key, value in label_values(properties, "property").items()}
        if values:
            self.place.update(RunChanges(properties=values))

    # Logging

    def log(self, name: str, value: Value, description: str | None = "", step: int | None = None) -> None:
        """Append a point to the series `name`. After the call has returned, the point is not lost if the process dies.

        Args:
            name: 1 to 255 characters without control characters.
            value: a number (NaN and ±inf included), text, a bool or None; scalars of numpy and torch are numbers.
                An int beyond ±2**53 is stored as the nearest float64, and the run gets a warning.
            description: a text that describes the metric. The same text is stored only once.
            step: a signed 64-bit integer. If it is omitted, the step is the number of points already logged to this
                series without a step.

        Raises:
            InvalidValue: the name, value, description or step is not valid.
            NotFound: the run was deleted permanently.
            InvalidState: the run is deleted.
        """
        try:
            if description:
                from bridge.runs.metrics import log_scalar

                log_scalar(self.place, self._described, name, value, description, step)
            else:
                # The next lines must be fast, so they call no further function of this package. Python calls a function
                # in a local variable faster than one in an attribute.
                timestamp, quick_log = time.time_ns() // 1_000_000, self._quick_log
                if not quick_log(self.id, name, value, timestamp, step, NATIVE):
                    self._log(self.id, name, value, timestamp, step)
        except InvalidValue as error:
            from bridge.runs.metric_points import refused_scalar

            raise refused_scalar(value, error) from None

    def log_metric(self, name: str, value: Value, description: str | None = "", step: int | None = None) -> None:
        """The same as `log`, under its name in MLflow."""
        self.log(name, value, description, step)

    def log_metrics(self, metrics: Mapping[str, Value], step: int | None = None) -> None:
        """Append a point to the series of each metric, all with the same timestamp and step.

        The numbers are written together: after a crash, either all of them are stored or none.

        Args:
            metrics: a dict from names to values, as for `log`. If it is empty, nothing is logged, and no warning is
                written. `mlflow.log_metrics` does the same.
            step: as for `log`.

        Raises:
            InvalidValue: a name, a value or the step is not valid. In this case, nothing is logged.
            NotFound: the run was deleted permanently.
            InvalidState: the run is deleted.

        Example:
            >>> run.log_metrics({"loss": 0.3, "accuracy": 0.9}, step=7)
        """
        # As in `log`, further function calls would make logging slower.
        timestamp = time.time_ns() // 1_000_000
        if type(metrics) is dict and len(metrics) == 1:
            for name, value in metrics.items():
                if not self._quick_log(self.id, name, value, timestamp, step, NATIVE):
                    self._log(self.id, name, value, timestamp, step)
        else:
            points = self._metric_points(metrics, timestamp, step)
            if points:
                self._log_points(self.id, points)

    def log_list(self, name: str, value: Iterable[Value], description: str | None = "") -> None:
        """Append a point for each element. If one of them is not valid, none is logged.

        Args:
            name: as for `log`.
            value: a list, one-dimensional array, range, generator or another iterable. If it is empty, no point
                is logged, and a warning is written to the log.
            description: as for `log`.

        Raises:
            InvalidValue: the name, an element or the description is not valid.
            NotFound: the run was deleted permanently.
            InvalidState: the run is deleted.
        """
        from bridge.runs.metrics import log_list

        log_list(self.place, self._described, name, value, description)

    def log_series(
        self,
        key: str,
        values: Iterable[Value],
        steps: Iterable[int] | None = None,
        timestamps: Iterable[int] | None = None,
    ) -> None:
        """Append a point for each value, with its own step and timestamp. This is fast for arrays of numpy.

        If one of the elements is not valid, no point is logged. If the process dies during the call, or a signal
        handler raises an exception, the first points may be stored without the others.

        Args:
            key: as for `log`.
            values: a list, one-dimensional array or tensor, or another iterable, as for `log_list`.
            steps: a signed 64-bit integer for each value. If it is omitted, steps are counted as for `log`.
            timestamps: a time for each value, in milliseconds since 1970 UTC. If it is omitted, all points have the
                time of the call.

        Raises:
            InvalidValue: the key or an element is not valid, or the numbers of elements differ.
            NotFound: the run was deleted permanently.
            InvalidState: the run is deleted.

        Example:
            >>> run.log_series("loss", numpy.array([0.5, 0.25]), steps=[10, 20])
        """
        from bridge.runs.metrics import log_series

        log_series(self.place, key, values, steps, timestamps)

    def log_row(self, /, name: str, description: str | None = None, **kwargs: Value) -> None:
        """Append a row to the table `name`.

        Args:
            name: as for `log`.
            description: as for `log`.
            kwargs: a value for each column; rows may have different columns.

        Raises:
            InvalidValue: the name, a value or the description is not valid.
            NotFound: the run was deleted permanently.
            InvalidState: the run is deleted.

        Example:
            >>> run.log_row("cosine", angle=0.5, cos=0.8776)
        """
        from bridge.runs.metrics import log_row

        log_row(self.place, self._described, name, kwargs, description)

    def log_table(self, name: str, value: Mapping[str, Any], description: str | None = "") -> None:
        """Append rows to the table `name`. If one cell is not valid, nothing is logged.

        Args:
            name: as for `log`.
            value: the rows in one of three forms. The first form is a dict with a list for each column. All lists must
                have the same length. The second form is a dict with a single value for each column, which is one row.
                The third form is a data frame. If `value` is empty, no row is logged, and a warning is written to the
                log.
            description: as for `log`.

        Raises:
            InvalidValue: the name, a cell or the description is not valid, lengths differ, or lists and single values
                are mixed.
            NotFound: the run was deleted permanently.
            InvalidState: the run is deleted.
        """
        from bridge.runs.metrics import log_table

        log_table(self.place, self._described, name, value, description)

    def log_image(
        self, name: str, path: Any = None, plot: Any = None, description: str | None = "", step: int | None = None
    ) -> None:
        """Store an image as the artifact `images/<name>+step+<step>+….<ending>`; each call stores another file.

        Args:
            name: as for `log`.
            path: the path of an image file (png, jpg, gif, bmp, tiff, webp, svg), its bytes, a binary stream, or
                anything that `plot` accepts.
            plot: a matplotlib figure, the module pyplot, a PIL image, or an array or tensor of pixels. A figure is
                stored as png, and is not closed. The shape of pixels is (height, width) or (height, width, 1, 3 or 4).
                Pixels are uint8, bool or floats within 0 and 1.
            description, step: as for `log`.

        Raises:
            InvalidValue: not exactly one of `path` and `plot` is given, or the value is not an image.
            NotFound: the file or the run does not exist.
            InvalidState: the run is deleted.
        """
        from bridge.runs.metrics import log_image

        log_image(self.place, self._described, self._shown_images, name, path, plot, description, step)

    def log_confusion_matrix(
        self, name: str, value: Mapping[str, Any] | str, description: str | None = "", step: int | None = None
    ) -> None:
        """Store a confusion matrix as the artifact `metrics/<name>_<time>_….json`.

        JSON has no NaN and no infinity: they are stored as null, with a warning in the log.

        Args:
            name: as for `log`.
            value: a dict, or the JSON text of a dict, with `schema_type` "confusion_matrix", any `schema_version`, and
                `data`. `data` is a dict with `class_labels` and `matrix`, which has a row for each true class.
            description, step: as for `log`.

        Raises:
            InvalidValue: the value does not have this form.
            NotFound: the run was deleted permanently.
            InvalidState: the run is deleted.
        """
        self._log_chart(name, CONFUSION_MATRIX, value, description, step)

    def log_accuracy_table(
        self, name: str, value: Mapping[str, Any] | str, description: str | None = "", step: int | None = None
    ) -> None:
        """Store an accuracy table, as `log_confusion_matrix` stores its matrix.

        `data` has `probability_tables`, `percentile_tables`, `probability_thresholds`, `percentile_thresholds` and
        `class_labels`. The tables contain true and false positives, and true and false negatives, at each threshold for
        each class.
        """
        self._log_chart(name, ACCURACY_TABLE, value, description, step)

    def log_residuals(
        self, name: str, value: Mapping[str, Any] | str, description: str | None = "", step: int | None = None
    ) -> None:
        """Store a histogram of residuals, as `log_confusion_matrix` stores its matrix.

        `data` has `bin_edges` and `bin_counts`.
        """
        self._log_chart(name, RESIDUALS, value, description, step)

    def log_predictions(
        self, name: str, value: Mapping[str, Any] | str, description: str | None = "", step: int | None = None
    ) -> None:
        """Store predictions against true values, as `log_confusion_matrix` stores its matrix.

        `data` has `bin_averages`, `bin_errors`, `bin_counts` and `bin_edges`.
        """
        self._log_chart(name, PREDICTIONS, value, description, step)

    def _log_chart(self, name: str, kind: int, value: object, description: str | None, step: int | None) -> None:
        from bridge.runs.metrics import log_chart

        log_chart(self.place, self._described, name, kind, value, description, step)

    def flush(self, timeout_seconds: float = 300) -> None:
        """Write all points that are still in memory, so that every reader sees what was logged before.

        Args:
            timeout_seconds: accepted for compatibility and ignored.

        Raises:
            StoreUnavailable: logged points could not be written yet, or were dropped.
        """
        self.place.stores.tracking.flush(self.id)

    # Reading metrics

    def get_metrics(
        self,
        name: str | None = None,
        recursive: bool = False,
        run_type: str | None = None,
        populate: bool = False,
    ) -> dict[str, Any]:
        """Return the logged metrics by name, as plain Python values.

        The value of a metric with one point is a single value. With several points it is a list in log order.
        The numbers of a series are ints if all of them were logged as ints, else floats.
        The value of rows and tables is a dict of columns. A column is a single value if there is one row, else a list.
        The list contains None for each row that does not have the column. Scalars can be
        logged under the name of a table. They form one more column of the table, and this column has the same name.
        The value of images or charts is the address of the first one that was logged.
        `get_metric` returns everything as it was logged, without these rules.

        Args:
            name: return only this metric. If it was not logged, the result is empty.
                Without a name, the metrics that the launcher measures (`system/…`) are excluded.
            recursive: return the metrics of this run and all its descendants, by run id. Runs without metrics are
                excluded.
            run_type: with `recursive`, only runs of this type.
            populate: return the content of images and charts, as `MetricFile`.

        Raises:
            NotFound: the run was deleted permanently.

        Source: Azure ML SDK v1, `Run.get_metrics`.
        """
        from bridge.runs.metrics import get_metrics

        return get_metrics(self.place, name, recursive, run_type, populate)

    def get_metric(self, name: str) -> LoggedMetric:
        """Return everything that was logged under a name: scalars, rows, images, charts and the description.

        Raises:
            NotFound: nothing was logged under the name.
        """
        from bridge.runs.metrics import get_metric

        return get_metric(self.place, name)

    def get_series(self, key: str) -> Series:
        """Return all scalars logged under a key, in log order, as three numpy arrays of the same length.

        `steps` and `timestamps` (milliseconds since 1970 UTC) are int64.
        `values` is int64 if all values were logged as ints, and float64 if all values are numbers. It is object if a
        value is text, a bool or None, or if an int is beyond int64.

        Raises:
            NotFound: no scalar was logged under the key.
        """
        from bridge.runs.metrics import get_series

        return get_series(self.place, key)

    # Files. All methods raise NotAllowed if the experiment was created with an artifact location of its own.

    def upload_file(self, name: str, path_or_stream: LocalPath | BinaryIO, datastore_name: None = None) -> None:
        """Store a file with the run. An existing file of the same name is replaced.

        Args:
            name: the artifact path, relative and `/`-separated.
            path_or_stream: the file, or a binary stream.
            datastore_name: must be None, because the files of a run are stored in its workspace.

        Raises:
            InvalidValue: the name leads out of the run's artifacts, the source is neither a path nor a stream, or a
                datastore is named.
            NotFound: the file does not exist.
            InvalidState: the run is deleted.
        """
        from bridge.runs.files import upload_file

        upload_file(self.place, name, path_or_stream, datastore_name)

    def upload_files(
        self,
        names: Sequence[str],
        paths: Sequence[LocalPath],
        return_artifacts: bool = False,
        timeout_seconds: float | None = None,
        datastore_name: None = None,
    ) -> dict[str, ArtifactRecord] | None:
        """Store files with the run. Existing files of the same names are replaced.

        Args:
            names: the artifact paths.
            paths: the files, one for each name.
            return_artifacts: return the size, hash and time of each file, by its artifact path.
            timeout_seconds: accepted for compatibility and ignored.
            datastore_name: as for `upload_file`.

        Raises:
            InvalidValue: the numbers of names and paths differ, a name is not valid, or a datastore is named.
            NotFound: a file does not exist. No file is uploaded.
            InvalidState: the run is deleted.
        """
        from bridge.runs.files import upload_files

        records = upload_files(self.place, names, paths, datastore_name)
        return {record.path: record for record in records} if return_artifacts else None

    def upload_folder(self, name: str, path: LocalPath, datastore_name: None = None) -> None:
        """Store every file below a folder as `name/<path below the folder>`. Links are followed.

        Raises:
            InvalidValue: the path is not a folder, a name is not valid, or a datastore is named.
            NotFound: a link is broken. Files that were stored before this error stay in the run.
            InvalidState: the run is deleted.
        """
        from bridge.runs.files import upload_folder

        upload_folder(self.place, name, path, datastore_name)

    def get_file_names(self) -> builtins.list[str]:
        """Return the artifact paths of all files of the run, sorted."""
        from bridge.runs.files import file_names

        return file_names(self.place)

    def download_file(
        self, name: str, output_file_path: LocalPath | None = None, _validate_checksum: bool = False
    ) -> None:
        """Write a file of the run to a local path.

        Args:
            name: the artifact path.
            output_file_path: the target, or an existing folder for it; None is the working folder.

        Raises:
            NotFound: the run has no such file.
        """
        from bridge.runs.files import download_file

        download_file(self.place, name, output_file_path)

    def download_files(
        self,
        prefix: str | None = None,
        output_directory: LocalPath | None = None,
        output_paths: Sequence[LocalPath] | None = None,
        batch_size: int = 100,
        append_prefix: bool = True,
        timeout_seconds: float | None = None,
    ) -> None:
        """Write all files of the run, or those of an artifact folder, to local paths. Existing files are replaced.

        Args:
            prefix: an artifact folder, matched exactly ("out" is not "outputs"); None selects all files.
            output_directory: the folder in which the files are written at their artifact paths; None is the working
                folder.
            output_paths: one target for each file, in the order of the artifact paths, relative to the output
                directory if one is given. If the number of targets differs from the number of files, they are ignored,
                and a warning is written to the log.
            append_prefix: if False, files are written to the output directory at their paths below the prefix.
            batch_size, timeout_seconds: accepted for compatibility and ignored.

        Raises:
            InvalidValue: the prefix is not valid, or the path of a target leads through an existing file.
        """
        from bridge.runs.files import download_files

        download_files(self.place, prefix, output_directory, output_paths, append_prefix)

    # Children. A child run keeps its status when its parent ends, and the parent keeps its status when a child ends.

    def child_run(
        self,
        name: str | None = None,
        run_id: str | None = None,
        outputs: bool | str | os.PathLike[str] | None = None,
    ) -> Run:
        """Start a child run of this run, as `Experiment.start_logging` starts a run.

        Args:
            name: the display name; a random name by default.
            run_id: an id of your own; 32 hex digits by default.
            outputs: a folder whose files are stored, as for `start_logging`. With None, no files are stored.

        Raises:
            AlreadyExists: another run has the id.
            InvalidValue: the id or the name is not valid.

        Example:
            >>> with run.child_run("fold 1") as fold:
            ...     fold.log("loss", 0.3)
        """
        from bridge.runs.children import start_child

        session = start_child(self.place, name, run_id, outputs)
        return Run.wrap(self.experiment, session.place.run_id, session=session)

    def create_children(
        self, count: int | None = None, tag_key: str | None = None, tag_values: Sequence[object] | None = None
    ) -> builtins.list[Run]:
        """Start several child runs of this run in one transaction.

        Args:
            count: the number of child runs. Their tag `azureml.batch_child_number` contains their numbers, from 0.
            tag_key: instead of a count, the key of a tag that has a different value in each child run.
            tag_values: the value of this tag for each child run. Values become text.

        Raises:
            InvalidValue: neither a count nor a tag with values is given, or both are given.
        """
        from bridge.runs.children import start_children

        sessions = start_children(self.place, count, tag_key, tag_values)
        return [Run.wrap(self.experiment, session.place.run_id, session=session) for session in sessions]

    def submit_child(
        self, config: ScriptRunConfig, tags: str | Mapping[str, object] | None = None, **kwargs: Any
    ) -> ScriptRun:
        """Submit a script as a child run of this run; see `Experiment.submit`."""
        return self.experiment.submit(config, tags=tags, _parent_run_id=self.id, **kwargs)

    def get_children(
        self,
        recursive: bool = False,
        tags: Labels = None,
        properties: Labels = None,
        type: str | None = None,
        status: str | None = None,
        **ignored: object,
    ) -> Iterator[Run]:
        """Return the active child runs of this run from all experiments, newest start time first.

        Args:
            recursive: return all descendants.
            tags: a key that runs must have, or a dict of tags and values they must have. Values are compared as text.
            properties: a key or a dict, as for `tags`.
            type: the run's type, or the value of its property `azureml.runsource`.
            status: the status that runs must have.
            ignored: accepted for compatibility and ignored.

        Raises:
            InvalidValue: `tags` or `properties` is neither a key nor a dict, or the status does not exist.
        """
        from bridge.handles.run_list import runs_below

        return runs_below(self, recursive, tags, properties, type, status)

    @property
    def parent(self) -> Run | None:
        """The run inside which this run was started. None if this run has no parent, or its parent no longer exists.

        The first access reads the parent from the database. Later accesses return the same object.
        """
        from bridge.handles.run_list import parent_of

        if self._parent is None:
            self._parent = parent_of(self)
        return self._parent

    # Details and logs

    def get_portal_url(self) -> str:
        """Return the address of the run's page if `runbridge ui` shows the workspace now.

        Otherwise return the terminal command that opens the page.
        """
        return portal_url(self.experiment.workspace.stores, f"runs/{self.id}")

    @property
    def input_datasets(self) -> dict[str, Any]:
        """An empty dict. A look-up raises NotFound, which names a substitute."""
        from bridge.handles.absent import NO_DATASETS, EmptyNames

        return EmptyNames("dataset", NO_DATASETS)

    @property
    def output_datasets(self) -> dict[str, Any]:
        """An empty dict. A look-up raises NotFound, which names a substitute."""
        from bridge.handles.absent import NO_DATASETS, EmptyNames

        return EmptyNames("dataset", NO_DATASETS)

    def get_environment(self) -> Environment:
        """Return the environment in which the submitted script of the run runs.

        Raises:
            NotFound: the run is not a submitted run.
        """
        from bridge.environments.environment import environment_of
        from bridge.runs.details import run_environment

        return environment_of(run_environment(self.place))

    def get_secret(self, name: str) -> str:
        """Return the value of a secret, which is in an environment variable.

        The secret `db-password` is the value of the variable `db-password`, or else of `DB_PASSWORD`.

        Raises:
            NotFound: neither variable is set.
        """
        from bridge.runs.secrets import get_secret

        return get_secret(name)

    def get_secrets(self, secrets: Iterable[str]) -> dict[str, str | None]:
        """Return the values of secrets by name, as `get_secret` does. The value is None if a secret is not set."""
        from bridge.runs.secrets import find_secrets

        return find_secrets(secrets)

    def get_details(self) -> dict[str, Any]:
        """Return the details of the run as a dict.

        The keys are `runId`, `target`, `status`, `startTimeUtc`, `endTimeUtc` (if the run has ended), `properties`,
        `inputDatasets`, `outputDatasets`, `runDefinition` (of a submitted run), `logFiles` (URLs by artifact path),
        `submittedBy`, `error` (if the run has failed) and `warnings` (if the run has any).

        Source: Azure ML SDK v1, `Run.get_details`.
        """
        from bridge.runs.details import run_details

        return run_details(self.place)

    def get_details_with_logs(self) -> dict[str, Any]:
        """Return the details of the run, with the text of each log in `logFiles`.

        Bytes that are not UTF-8 are replaced.
        """
        from bridge.runs.details import run_details_with_logs

        return run_details_with_logs(self.place)

    def get_all_logs(self, destination: LocalPath | None = None) -> builtins.list[str]:
        """Write the logs of the run below a folder and return their local paths.

        Args:
            destination: the folder, created if absent; None is `./assets/<run id>`.
        """
        from bridge.runs.logs import download_logs

        return download_logs(self.place, destination)

    def wait_for_completion(
        self, show_output: bool = False, wait_post_processing: bool = False, raise_on_error: bool = True
    ) -> dict[str, Any]:
        """Wait until the run has ended and return its details. While a server does not answer, the wait continues.

        Args:
            show_output: print the logs while they grow, and then a summary.
            wait_post_processing: accepted for compatibility and ignored: a run ends after its files are stored.
            raise_on_error: raise if the run failed.

        Raises:
            SubmitFailed: the run failed. The text of the exception then ends with the message in `Run.error`. With
                `show_output`, Ctrl-C also raises this exception. The run continues in this case.

        Source: Azure ML SDK v1, `Run.wait_for_completion`.
        """
        from bridge.runs.waiting import wait_for_end

        return wait_for_end(self.place, self.get_portal_url(), show_output, raise_on_error)

    # Source and models

    def take_snapshot(self, file_or_folder_path: str | os.PathLike[str]) -> str:
        """Store the source of the run as a snapshot. Return the snapshot's id, which is a hash of the content.

        A run can have only one snapshot.
        `docs/source.md` lists the files that are excluded. A warning of the run names the files that are too large.

        Raises:
            NotFound: the file or folder does not exist.
            InvalidState: the run already has a snapshot, or is deleted.
            InvalidValue: the folder is too large. Nothing is stored.
        """
        from bridge.runs.snapshots import snapshot_run

        return snapshot_run(self.place, file_or_folder_path)

    def get_snapshot_id(self) -> str:
        """Return the id of the snapshot of the run's source.

        Raises:
            NotFound: the run has no snapshot.
        """
        from bridge.runs.snapshots import snapshot_id

        return snapshot_id(self.place)

    def restore_snapshot(self, snapshot_id: str | None = None, path: str | os.PathLike[str] | None = None) -> str:
        """Write a snapshot as the file `<id>.zip`, and return the absolute path of the file.

        Args:
            snapshot_id: the id of a snapshot in the workspace; by default that of the run's snapshot.
            path: the folder, created if absent; the system's temporary folder by default.

        Raises:
            NotFound: the snapshot does not exist.
            InvalidState: the snapshot is damaged.
        """
        from bridge.runs.snapshots import write_snapshot

        return write_snapshot(self.place, snapshot_id, path)

    def register_model(
        self,
        model_name: str,
        model_path: str | None = None,
        tags: str | Mapping[str, object] | None = None,
        properties: Mapping[str, object] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        description: str | None = None,
        **azure: object,
    ) -> Any:
        """Register a file or folder of the run as the next version of a model, and return the `Model`.

        Args:
            model_name: letters, digits, dashes, underscores and dots, at most 255.
            model_path: the artifact path of a file or folder, or the name of a model that was logged for the run with
                MLflow; `model_name` by default.
            tags: labels of the version.
            properties: labels of the version that are set once.
            model_framework: the name of the framework, such as "ScikitLearn".
            model_framework_version: its version.
            description: free text.
            azure: other arguments of the Azure ML SDK v1, accepted for compatibility and ignored.

        Raises:
            InvalidValue: the name is not valid.
            NotFound: the run has no such file or model, or MLflow is not installed. Models are stored in MLflow's
                model registry.
        """
        from bridge.handles.models import model_class

        return model_class().register_files(
            self,
            model_name,
            model_path,
            tags=tags,
            properties=properties,
            model_framework=model_framework,
            model_framework_version=model_framework_version,
            description=description,
        )

    # Ending

    def complete(self) -> None:
        """End the run as Completed. If the run is already Completed, set its end time to the present time.

        Raises:
            StoreUnavailable: logged points could not be written yet, or were dropped. The status is not changed. If the
                points wait for a server, the status changes when the server has taken them.
            InvalidState: the run is Failed or Canceled.
        """
        self.session.end("Completed")

    def fail(self, error_details: str | BaseException | None = None, error_code: str | None = None) -> None:
        """End the run as Failed.

        The owner of the run (the process that is responsible for ending it) can also change Completed to Failed. The
        reason is that the logger of a training library can complete the run before the program fails.

        Args:
            error_details: a sentence or the exception.
            error_code: a word for the error; "UserError" by default.

        Raises:
            InvalidValue: the details are neither text nor an exception, or the code is not text.
            StoreUnavailable: as for `complete`.
            InvalidState: the run is Canceled, or it is Completed and this process does not own it.
        """
        self.session.end("Failed", failure_json(error_details, error_code))

    def cancel(self) -> None:
        """End the run as Canceled. The owner of the run can also change Completed to Canceled.

        Raises:
            StoreUnavailable: as for `complete`.
            InvalidState: the run is Failed, or it is Completed and this process does not own it.
        """
        self.session.end("Canceled")

    def __enter__(self) -> Self:
        self.session.enter()
        return self

    def __exit__(
        self, kind: builtins.type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.leave(error)

    # Pickles and representations

    def __dir__(self) -> Iterable[str]:
        return without_absent_attributes("Run", super().__dir__())

    def __reduce__(self) -> tuple[Any, ...]:
        from bridge.handles.pickles import reopen_run

        return reopen_run, (type(self), self.experiment, self.id)

    _of = wrap
    """The former name of `wrap`. Pickles of version 0.1 contain this name."""

    def __repr__(self) -> str:
        return f"Run(Experiment: {self.experiment.name},\nId: {self.id},\nType: {self.type},\nStatus: {self.status})"

    def _repr_html_(self) -> str:
        record = self.place.record()
        table = html_table(
            {
                "Experiment": self.experiment.name,
                "Id": self.id,
                "Name": record.display_name,
                "Number": str(record.number),
                "Type": record.type or "",
                "Status": record.status,
                "Details Page": self.get_portal_url(),
            }
        )
        return table + hint()


def _class_of(type: str | None) -> builtins.type[Run]:
    if type != SCRIPT_RUN:
        return Run
    from bridge.handles.script_run import ScriptRun

    return ScriptRun
