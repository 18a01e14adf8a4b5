"""Logging the metrics of a run, and reading them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bridge.errors import NotFound
from bridge.records.point_columns import PointColumns
from bridge.records.search import RunQuery
from bridge.records.series import IMAGE, SCALAR, Point, Series, check_key
from bridge.records.times import now_ms
from bridge.runs.metric_points import description_points, list_points, row_points, series_points, table_points
from bridge.runs.metric_values import LoggedMetric, logged_metric, metrics_by_name
from bridge.runs.shown_images import ShownImages
from bridge.store import one_run
from bridge.store.history import native_series
from bridge.store.points import check_points
from bridge.store.run_place import RunPlace

logger = logging.getLogger("bridge")

Described = dict[str, str | None]
"""The last description that one handle has logged for each metric. It is not logged again while it is unchanged."""


def log_points(
    place: RunPlace, described: Described, name: str, points: Sequence[Point], description: str | None
) -> None:
    """Log points of one metric. If the description is new, it is logged before the points.

    Raises:
        InvalidValue: the name, a value, the description or a step is not valid; nothing is logged.
        NotFound: the run was deleted permanently.
        InvalidState: the run is deleted, but can be restored.
    """
    check_key(name)
    if not points:
        logger.warning("Nothing was logged under %r: there was no value.", name)
        return
    new: list[Point] = []
    if described.get(name) != description:
        new = description_points(name, description, points[0].timestamp)
    if new and isinstance(points, PointColumns):
        place.stores.tracking.log_points(place.run_id, new)
        place.stores.tracking.log_points(place.run_id, points)
    else:
        place.stores.tracking.log_points(place.run_id, [*new, *points] if new else points)
    if new:
        described[name] = description


def log_scalar(
    place: RunPlace, described: Described, name: str, value: Any, description: str | None, step: int | None
) -> None:
    """Log a value and its description; see `log_points`."""
    log_points(place, described, name, [Point(name, value, now_ms(), step)], description)


def log_list(place: RunPlace, described: Described, name: str, values: Iterable[Any], description: str | None) -> None:
    """Log a point for each element; see `log_points`."""
    log_points(place, described, name, list_points(name, values, now_ms()), description)


def log_series(place: RunPlace, key: str, values: Any, steps: Any, timestamps: Any) -> None:
    """Log a point for each value, with its step and timestamp; see `log_points`."""
    log_points(place, {}, key, series_points(key, values, steps, timestamps, now_ms()), None)


def log_row(place: RunPlace, described: Described, name: str, row: Mapping[str, Any], description: str | None) -> None:
    """Log one row of a table; see `log_points`."""
    log_points(place, described, name, row_points(name, row, now_ms()), description)


def log_table(
    place: RunPlace, described: Described, name: str, table: Mapping[str, Any], description: str | None
) -> None:
    """Log the rows of a table; see `log_points`."""
    log_points(place, described, name, table_points(name, table, now_ms()), description)


def log_image(
    place: RunPlace,
    described: Described,
    shown: ShownImages,
    name: str,
    path: Any,
    plot: Any,
    description: str | None,
    step: int | None,
) -> None:
    """Store an image and log its artifact path.

    Raises:
        InvalidValue: not exactly one of `path` and `plot` is given, or the value is not an image.
        NotFound: the file or the run does not exist.
        InvalidState: the run is deleted.
    """
    from bridge.runs.pictures import image_name, picture_of

    picture = picture_of(path, plot)

    def named(step: int | None, timestamp: int) -> str:
        step = shown.next_step(place, name) if step is None else step
        return f"images/{image_name(name, step, timestamp, picture.ending)}"

    _log_file(place, described, name, IMAGE, picture.source, named, description, step)
    shown.show(place)


def log_chart(
    place: RunPlace,
    described: Described,
    name: str,
    kind: int,
    value: object,
    description: str | None,
    step: int | None,
) -> None:
    """Store a chart of a kind in `bridge.runs.charts.CHARTS` as JSON and log its artifact path.

    Raises:
        InvalidValue: the value is not a chart of this kind.
        NotFound: the run was deleted permanently.
        InvalidState: the run is deleted, but can be restored.
    """
    from bridge.runs.charts import chart_bytes
    from bridge.runs.pictures import file_name

    content = chart_bytes(kind, name, value)

    def named(step: int | None, timestamp: int) -> str:
        return f"metrics/{file_name(name, timestamp, 'json')}"

    _log_file(place, described, name, kind, content, named, description, step)


def _log_file(
    place: RunPlace,
    described: Described,
    name: str,
    kind: int,
    source: Path | bytes,
    named: Callable[[int | None, int], str],
    description: str | None,
    step: int | None,
) -> None:
    """Store a file and then log its path, so that no reader sees a path before its file exists.

    `named` returns the artifact path for a step and a timestamp.
    """
    timestamp = now_ms()
    point = Point(check_key(name), "path", timestamp, step, kind)
    *_, point = check_points([*description_points(name, description, timestamp), point])
    root = place.writable_root()
    point = point._replace(value=named(point.step, timestamp))
    place.stores.artifacts.put(root, str(point.value), source)
    log_points(place, described, name, [point], description)


def get_metrics(
    place: RunPlace,
    name: str | None = None,
    recursive: bool = False,
    run_type: str | None = None,
    populate: bool = False,
) -> dict[str, Any]:
    """Return the metrics of a run. With `recursive`, return those of the run and of all its descendants, by run id.

    Raises:
        NotFound: the run was deleted permanently.
    """
    runs = _with_descendants(place, run_type) if recursive else {place.run_id: place}
    found = place.stores.tracking.get_series_of(list(runs), None if name is None else [name])
    if not recursive and place.run_id not in found:
        raise NotFound("run", place.run_id)
    metrics = {}
    for run_id, own in runs.items():
        load = partial(_load, own) if populate else None
        metrics[run_id] = metrics_by_name(run_id, found.get(run_id, ()), name is not None, load)
    return {run_id: own for run_id, own in metrics.items() if own} if recursive else metrics[place.run_id]


def _with_descendants(place: RunPlace, run_type: str | None) -> dict[str, RunPlace]:
    """Return a reference to a run and to each of its descendants, by run id."""
    query = RunQuery(experiment_ids=(), below=place.run_id, recursive=True)
    records = [place.record(), *place.stores.tracking.search_runs(query).items]
    return {
        record.id: RunPlace(place.stores, record.experiment_id, record.id)
        for record in records
        if run_type in (None, record.type)
    }


def _load(place: RunPlace, path: str) -> bytes:
    return b"".join(place.stores.artifacts.get(place.root(), path))


def get_metric(place: RunPlace, name: str) -> LoggedMetric:
    """Return everything that was logged under a name.

    Raises:
        NotFound: nothing was logged under the name.
    """
    return logged_metric(name, one_run.get_series(place.stores.tracking, place.run_id, [name]))


def get_series(place: RunPlace, key: str) -> Series:
    """Return the scalars that were logged under a key.

    Raises:
        NotFound: no scalar was logged under the key.
    """
    found = [
        record for record in one_run.get_series(place.stores.tracking, place.run_id, [key]) if record.kind == SCALAR
    ]
    if not found:
        raise NotFound("series", key, f"run {place.run_id} has logged no scalar under this key")
    return native_series(found)
