"""Convert the series of a run to the values that `Run.get_metrics` and `Run.get_metric` return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.errors import InvalidValue, NotFound
from bridge.records.series import (
    ACCURACY_TABLE,
    COLUMN,
    CONFUSION_MATRIX,
    DESCRIPTION,
    IMAGE,
    PREDICTIONS,
    RESIDUALS,
    SCALAR,
    Series,
    SeriesRecord,
    Value,
)
from bridge.store.history import in_log_order

if TYPE_CHECKING:
    import numpy

KIND_NAMES = {
    SCALAR: "scalar",
    COLUMN: "table",
    IMAGE: "image",
    CONFUSION_MATRIX: "confusion_matrix",
    ACCURACY_TABLE: "accuracy_table",
    RESIDUALS: "residuals",
    PREDICTIONS: "predictions",
}
FILE_KINDS = frozenset(KIND_NAMES) - {SCALAR, COLUMN}

SYSTEM = "system/"
"""The prefix of the metrics that a launcher measures automatically."""


@dataclass(frozen=True)
class MetricTable:
    """The rows of a metric in log order.

    `columns` contains a list for each column, in the order in which the columns were first logged. A list has an entry
    for each row, which is None if the row does not have the column.
    So the size of a table is proportional to its rows times its columns, even if few cells were logged.
    `steps` and `timestamps` (milliseconds since 1970 UTC) have an entry for each row.
    """

    __module__ = "bridge"

    columns: dict[str, list[Value]]
    steps: list[int]
    timestamps: list[int]


@dataclass(frozen=True)
class LoggedFile:
    """A file that was logged under a metric's name.

    `kind` is "image", "confusion_matrix", "accuracy_table", "residuals" or "predictions".
    `path` is the artifact path of the file. `timestamp` is in milliseconds since 1970 UTC.
    """

    __module__ = "bridge"

    kind: str
    path: str
    step: int
    timestamp: int


@dataclass(frozen=True, eq=False)
class LoggedMetric:
    """Everything that was logged under one name, in log order.

    `kinds` lists the kinds in the order in which they were first logged: "scalar" (values and lists), "table" (rows and
    tables), or a kind of `LoggedFile`.
    `points` contains the scalars. `table` contains the rows; it is None without rows. `files` contains the images and
    charts.
    `description` is the last description, or None.
    """

    __module__ = "bridge"

    name: str
    kinds: tuple[str, ...]
    description: str | None
    points: Series
    table: MetricTable | None
    files: tuple[LoggedFile, ...]


@dataclass(frozen=True)
class MetricFile:
    """The content of an image or chart, as `get_metrics(populate=True)` returns it.

    `path` is the artifact path of the file. `data` is its content.
    """

    __module__ = "bridge"

    kind: str
    path: str
    data: bytes

    @property
    def filename(self) -> str:
        """The name of the file: the last part of its path."""
        return self.path.rpartition("/")[2]

    def convert_to_object(self) -> dict[str, Any]:
        """Return the chart that was logged.

        Raises:
            InvalidValue: the file is an image.
        """
        import json

        if self.kind == KIND_NAMES[IMAGE]:
            raise InvalidValue("file", self.path, "must be a chart, but it is an image: its bytes are in `data`")
        return dict(json.loads(self.data))


def logged_metric(name: str, records: Sequence[SeriesRecord]) -> LoggedMetric:
    """Return everything that the series of one key contain.

    Raises:
        NotFound: the series contain no scalar, row, image or chart.
    """
    kinds = _by_first(records)
    if not kinds:
        raise NotFound("metric", name, "nothing was logged under this name")
    descriptions = in_log_order([record for record in records if record.kind == DESCRIPTION])[1].values
    rows = [record for record in records if record.kind == COLUMN]
    return LoggedMetric(
        name=name,
        kinds=tuple(KIND_NAMES[kind] for kind in kinds),
        description=str(descriptions[-1]) if len(descriptions) else None,
        points=in_log_order([record for record in records if record.kind == SCALAR])[1],
        table=_table(rows) if rows else None,
        files=_files(records),
    )


def metrics_by_name(
    run_id: str,
    records: Sequence[SeriesRecord],
    named: bool = False,
    load: Callable[[str], bytes] | None = None,
) -> dict[str, Any]:
    """Return the result of `get_metrics` for the series of a run.

    Args:
        run_id: the run's id.
        records: the series of the run.
        named: whether the caller named a metric. If not, the metrics that the launcher measures are excluded.
        load: a function that returns the content of an artifact. If it is given, the value of an image or
            chart is a `MetricFile` with this content. Otherwise the value is the address of the file.
    """
    by_key: dict[str, list[SeriesRecord]] = {}
    for record in records:
        if named or not record.key.startswith(SYSTEM):
            by_key.setdefault(record.key, []).append(record)
    values: dict[str, Any] = {}
    for key, own in by_key.items():
        kinds = _by_first(own)
        if COLUMN in kinds:
            columns = _table([record for record in own if record.kind in (SCALAR, COLUMN)]).columns
            values[key] = {column: _bare(cells) for column, cells in columns.items()}
        elif SCALAR in kinds:
            values[key] = _bare(in_log_order([record for record in own if record.kind == SCALAR])[1].values.tolist())
        elif kinds:
            file = _files(own)[0]
            address = f"aml://artifactId/ExperimentRun/dcid.{run_id}/{file.path}"
            values[key] = address if load is None else MetricFile(file.kind, file.path, load(file.path))
    return values


def _bare(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _by_first(records: Sequence[SeriesRecord]) -> list[int]:
    """Return the kinds of the series of one key, in the order in which they were first logged.

    Descriptions are not included.
    """
    first: dict[int, int] = {}
    for record in records:
        if record.kind in KIND_NAMES and len(record.positions):
            at = int(record.positions.min())
            first[record.kind] = min(first.get(record.kind, at), at)
    return sorted(first, key=first.__getitem__)


def _table(records: Sequence[SeriesRecord]) -> MetricTable:
    """Return the rows of the series of one key. Scalars become a column that has the key as its name.

    All cells of a row have the same position, so there is one row for each distinct position.
    """
    import numpy

    by_column: dict[str, list[SeriesRecord]] = {}
    for record in records:
        by_column.setdefault(record.column if record.kind == COLUMN else record.key, []).append(record)
    ordered = {column: in_log_order(own) for column, own in by_column.items()}
    rows = numpy.unique(numpy.concatenate([positions for positions, _ in ordered.values()]))
    steps, timestamps = numpy.zeros(len(rows), numpy.int64), numpy.zeros(len(rows), numpy.int64)
    columns: dict[str, list[Value]] = {}
    for column, (positions, series) in ordered.items():
        at = numpy.searchsorted(rows, positions)
        steps[at], timestamps[at] = series.steps, series.timestamps
        cells: numpy.ndarray[Any, Any] = numpy.full(len(rows), None, dtype=object)
        cells[at] = series.values.astype(object)
        columns[column] = cells.tolist()
    return MetricTable(columns, steps.tolist(), timestamps.tolist())


def _files(records: Sequence[SeriesRecord]) -> tuple[LoggedFile, ...]:
    found = []
    for record in records:
        if record.kind in FILE_KINDS:
            positions, (steps, timestamps, paths) = in_log_order([record])
            rows = zip(positions.tolist(), paths.tolist(), steps.tolist(), timestamps.tolist(), strict=True)
            found += [(at, LoggedFile(KIND_NAMES[record.kind], path, step, time)) for at, path, step, time in rows]
    return tuple(file for _, file in sorted(found, key=lambda pair: pair[0]))
