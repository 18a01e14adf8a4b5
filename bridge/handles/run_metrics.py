"""The metrics of a run: every way to log one, and to read it back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.errors import InvalidValue, NotFound
from bridge.handles.run_files import RunFiles
from bridge.records.series import (
    ACCURACY_TABLE,
    CONFUSION_MATRIX,
    IMAGE,
    PREDICTIONS,
    RESIDUALS,
    SCALAR,
    Point,
    Series,
    Value,
    check_key,
)
from bridge.records.times import now_ms
from bridge.store.one_run import get_run, get_series
from bridge.store.run_place import RunPlace

if TYPE_CHECKING:
    from bridge.runs.metrics import LoggedMetric

logger = logging.getLogger("bridge")


class RunMetrics(RunFiles):
    """What a run logs by name; a part of `Run`."""

    _log: Callable[..., None]
    _described: dict[str, str | None]

    def log(self, name: str, value: Value, description: str | None = "", step: int | None = None) -> None:
        """Append a point to the series `name`; when this returns, the point survives the process.

        Args:
            name: 1 to 255 characters without control characters.
            value: a number (NaN and ±inf too), text, a bool or None; numpy's and torch's scalars count as numbers.
                An int beyond ±2**53 is kept as the nearest float64, and a warning of the run says so.
            description: what the metric is, kept once; every `log_…` call takes it.
            step: a signed 64-bit counter; without one the point gets the number of points the series had without.

        Raises:
            InvalidValue: the name, value, description or step may not be logged.
            NotFound, InvalidState: the run was deleted.
        """
        try:
            if description:
                self._log_points(name, [Point(name, value, now_ms(), step)], description)
            else:
                self._log(self.id, name, value, time.time_ns() // 1_000_000, step)
        except InvalidValue as error:
            from bridge.runs.metrics import refused_scalar

            raise refused_scalar(value, error) from None

    def log_metric(self, name: str, value: Value, description: str | None = "", step: int | None = None) -> None:
        """The same as `log`, under the name it has in MLflow."""
        self.log(name, value, description, step)

    def log_list(self, name: str, value: Iterable[Value], description: str | None = "") -> None:
        """Append a point for each element, as `log` would one by one; all of them or, on a mistake, none.

        Args:
            name: as for `log`.
            value: a list, array of one dimension, range, generator or the like; an empty one logs nothing, and the log
                says so.
            description: as for `log`.

        Raises:
            InvalidValue: the name, an element or the description may not be logged.
            NotFound, InvalidState: the run was deleted.
        """
        from bridge.runs.metrics import list_points

        self._log_points(name, list_points(name, value, now_ms()), description)

    def log_row(self, /, name: str, description: str | None = None, **kwargs: Value) -> None:
        """Append a row to the table `name`.

        Args:
            name: as for `log`.
            description: as for `log`.
            kwargs: a value for each column; rows may have different columns.

        Raises:
            InvalidValue: the name, a value or the description may not be logged.
            NotFound, InvalidState: the run was deleted.

        Example:
            >>> run.log_row("cosine", angle=0.5, cos=0.8776)
        """
        from bridge.runs.metrics import row_points

        self._log_points(name, row_points(name, kwargs, now_ms()), description)

    def log_table(self, name: str, value: Mapping[str, Any], description: str | None = "") -> None:
        """Append rows to the table `name`; all of them or, on a mistake, none.

        Args:
            name: as for `log`.
            value: a list for each column, all of one length; or a value for each column, which is one row; or a data
                frame. An empty one logs nothing, and the log says so.
            description: as for `log`.

        Raises:
            InvalidValue: the name, a cell or the description may not be logged, lengths differ, or lists are beside
                single values.
            NotFound, InvalidState: the run was deleted.
        """
        from bridge.runs.metrics import table_points

        self._log_points(name, table_points(name, value, now_ms()), description)

    def log_image(
        self, name: str, path: Any = None, plot: Any = None, description: str | None = "", step: int | None = None
    ) -> None:
        """Keep an image with the run, as the artifact `images/<name>_<time>_….<ending>`; repeated ones are all kept.

        Args:
            name: as for `log`.
            path: the path of an image file (png, jpg, gif, bmp, tiff, webp, svg), its bytes, a binary stream, or what
                `plot` takes.
            plot: a matplotlib figure or pyplot (kept as png, and left open), a PIL image, or an array or tensor of
                pixels: (height, width) or (height, width, 1, 3 or 4), uint8, bool or floats within 0 and 1.
            description, step: as for `log`.

        Raises:
            InvalidValue: not exactly one of path and plot is given, or it is no image.
            NotFound: there is no such file, or the run.
            InvalidState: the run is deleted.
        """
        from bridge.runs.pictures import picture_of

        picture = picture_of(path, plot)
        self._log_file(name, IMAGE, "images", picture.source, picture.ending, description, step)

    def log_confusion_matrix(
        self, name: str, value: Mapping[str, Any] | str, description: str | None = "", step: int | None = None
    ) -> None:
        """Keep a confusion matrix with the run, as the artifact `metrics/<name>_<time>_….json`.

        JSON has no NaN and no infinity: they are kept as null, and the log says so.

        Args:
            name: as for `log`.
            value: a dict, or JSON text of one, with `schema_type` "confusion_matrix", any `schema_version`, and
                `data` that has `class_labels` and `matrix` (a row for each true class).
            description, step: as for `log`.

        Raises:
            InvalidValue: it is not that.
            NotFound, InvalidState: the run was deleted.
        """
        self._log_chart(name, CONFUSION_MATRIX, value, description, step)

    def log_accuracy_table(
        self, name: str, value: Mapping[str, Any] | str, description: str | None = "", step: int | None = None
    ) -> None:
        """Keep an accuracy table as `log_confusion_matrix` keeps its matrix.

        `data` has `probability_tables`, `percentile_tables` (true and false positives, true and false negatives at each
        threshold, for each class), `probability_thresholds`, `percentile_thresholds` and `class_labels`.
        """
        self._log_chart(name, ACCURACY_TABLE, value, description, step)

    def log_residuals(
        self, name: str, value: Mapping[str, Any] | str, description: str | None = "", step: int | None = None
    ) -> None:
        """Keep a histogram of residuals as `log_confusion_matrix` keeps its matrix.

        `data` has `bin_edges` and `bin_counts`.
        """
        self._log_chart(name, RESIDUALS, value, description, step)

    def log_predictions(
        self, name: str, value: Mapping[str, Any] | str, description: str | None = "", step: int | None = None
    ) -> None:
        """Keep predictions against true values as `log_confusion_matrix` keeps its matrix.

        `data` has `bin_averages`, `bin_errors`, `bin_counts` and `bin_edges`.
        """
        self._log_chart(name, PREDICTIONS, value, description, step)

    def _log_points(self, name: str, points: Sequence[Point], description: str | None) -> None:
        from bridge.runs.metrics import description_points

        check_key(name)
        if not points:
            logger.warning("Nothing was logged under %r: there was no value.", name)
            return
        described = []
        if self._described.get(name) != description:
            described = description_points(name, description, points[0].timestamp)
        self.place.stores.tracking.log_points(self.id, [*described, *points])
        if described:
            self._described[name] = description

    def _log_chart(self, name: str, kind: int, value: object, description: str | None, step: int | None) -> None:
        from bridge.runs.charts import chart_bytes

        self._log_file(name, kind, "metrics", chart_bytes(kind, name, value), "json", description, step)

    def _log_file(
        self,
        name: str,
        kind: int,
        folder: str,
        source: Path | bytes,
        ending: str,
        description: str | None,
        step: int | None,
    ) -> None:
        """Keep a file, then log where it lies: nobody reads of a file that is not there."""
        from bridge.runs.metrics import description_points
        from bridge.runs.pictures import file_name
        from bridge.store.points import check_points

        timestamp = now_ms()
        path = f"{folder}/{file_name(check_key(name), timestamp, ending)}"
        point = Point(name, path, timestamp, step, kind)
        check_points([*description_points(name, description, timestamp), point])
        self.place.stores.artifacts.put(self.place.writable_root(), path, source)
        self._log_points(name, [point], description)

    # What was logged

    def get_metrics(
        self,
        name: str | None = None,
        recursive: bool = False,
        run_type: str | None = None,
        populate: bool = False,
    ) -> dict[str, Any]:
        """What was logged by name, as plain Python values.

        A metric is a bare value if it has one point, else a list in log order.
        Numbers are ints if all of a series were logged as ints, else floats.
        Rows and tables are a dict of columns, each a bare value if there is one row, else a list, with None where a row
        does not have the column; scalars of the same name are a column of that name.
        An image or chart is the address of the first that was logged.
        `get_metric` does not guess, and leaves nothing out.

        Args:
            name: only this metric; if there is none, the answer is empty.
                Without it, what the launcher measures (`system/…`) is left out.
            recursive: for this run and all below it, by run id; those that logged nothing are left out.
            run_type: with `recursive`, only runs of this type.
            populate: give the content of images and charts, as `MetricFile`.

        Raises:
            NotFound: the run was deleted permanently.

        Source: Azure ML SDK v1, `Run.get_metrics`.
        """
        from bridge.runs.metrics import metrics_by_name

        runs = self._with_all_below(run_type) if recursive else {self.id: self.experiment.id}
        found = self.place.stores.tracking.get_series_of(list(runs), None if name is None else [name])
        if not recursive and self.id not in found:
            raise NotFound("run", self.id)
        metrics = {}
        for run_id, experiment_id in runs.items():
            load = partial(self._load, run_id, experiment_id) if populate else None
            metrics[run_id] = metrics_by_name(run_id, found.get(run_id, ()), name is not None, load)
        return {run_id: own for run_id, own in metrics.items() if own} if recursive else metrics[self.id]

    def _with_all_below(self, run_type: str | None) -> dict[str, str]:
        """The experiment ids of this run and of all below it, by run id."""
        from bridge.records.search import RunQuery

        query = RunQuery(experiment_ids=(), below=self.id, recursive=True)
        records = [
            get_run(self.place.stores.tracking, self.id, latest=False),
            *self.place.stores.tracking.search_runs(query).items,
        ]
        return {record.id: record.experiment_id for record in records if run_type in (None, record.type)}

    def _load(self, run_id: str, experiment_id: str, path: str) -> bytes:
        place = RunPlace(self.place.stores, experiment_id, run_id)
        return b"".join(self.place.stores.artifacts.get(place.root(), path))

    def get_metric(self, name: str) -> LoggedMetric:
        """Everything that was logged under a name, as it was logged: scalars, rows, images, charts, description.

        Raises:
            NotFound: nothing was.
        """
        from bridge.runs.metrics import logged_metric

        return logged_metric(name, get_series(self.place.stores.tracking, self.id, [name]))

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
        for record in get_series(self.place.stores.tracking, self.id, keys):
            if record.kind == SCALAR:
                by_key.setdefault(record.key, []).append(record)
        return {key: native_series(records) for key, records in by_key.items()}

    def flush(self, timeout_seconds: float = 300) -> None:
        """Return when everything logged is where a reader sees it.

        Args:
            timeout_seconds: taken for the sake of old scripts: in a folder there is nothing to wait for.

        Raises:
            StoreUnavailable: points are unwritten, or were dropped.
        """
        self.place.stores.tracking.flush(self.id)
