"""The charts of a run that are not lines: bands of texts, tables, matrices, curves, and images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.errors import BridgeError
from bridge.records.series import COLUMN, SCALAR
from bridge.runs.metric_values import KIND_NAMES, LoggedMetric, logged_metric
from bridge.server.portal.answers import plain

if TYPE_CHECKING:
    from bridge.records.views import SeriesSummary
    from bridge.store.run_place import RunPlace

MOST = 60
"""The greatest number of such charts in a view."""

ROWS = 1_000
"""The greatest number of rows of a table that are sent: the last ones."""

BANDS = "bands"
"""The kind of the chart of texts, bools and None: bands over the steps."""

LARGEST = 4_000_000
"""The greatest size of an image or of a logged chart that is sent, in bytes."""

IMAGES = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
}  # fmt: skip


class OtherChart(NamedTuple):
    """A chart: its key, its kind as in `LoggedMetric.kinds` or `BANDS`, and the number of values, rows or files."""

    key: str
    kind: str
    points: int

    @property
    def id(self) -> str:
        """The name by which the browser asks for the chart."""
        return f"{self.kind} {self.key}"


def other_charts(series: Sequence[SeriesSummary]) -> list[OtherChart]:
    """Return the charts of a run that are not lines, in the order in which their keys were first logged."""
    found: dict[tuple[str, str], int] = {}
    for one in series:
        if one.kind == SCALAR and one.value_type == "text" and one.points > 1:
            found[one.key, BANDS] = one.points
        elif one.kind in KIND_NAMES and one.kind != SCALAR:
            name = one.key, KIND_NAMES[one.kind]
            found[name] = max(one.points, found.get(name, 0)) if one.kind == COLUMN else one.points
    tables = {key for key, kind in found if kind == "table"}  # a text under the key of a table is part of the table
    charts = [OtherChart(*name, points) for name, points in found.items()]
    return [chart for chart in charts if chart.kind != BANDS or chart.key not in tables][:MOST]


def value_of(place: RunPlace, chart: OtherChart) -> tuple[dict[str, Any], list[bytes]]:
    """Return what a chart shows as JSON, and the bytes of an image.

    An error, for example because the file is absent or too large, is a sentence in `problem`.
    """
    records = place.stores.tracking.get_series_of([place.run_id], [chart.key]).get(place.run_id, [])
    try:
        metric = logged_metric(chart.key, records)
        if chart.kind == "table":
            return _table(metric), []
        if chart.kind == BANDS:
            points = sorted(zip(metric.points.steps.tolist(), metric.points.values.tolist(), strict=True), key=_step)
            return {
                "steps": [step for step, _ in points[-ROWS:]],
                "words": plain([word for _, word in points[-ROWS:]]),
            }, []
        return _file(place, metric, chart.kind)
    except (BridgeError, ValueError, KeyError, TypeError) as error:
        return {"problem": str(error)}, []


def _step(point: tuple[int, Any]) -> int:
    return point[0]


def _table(metric: LoggedMetric) -> dict[str, Any]:
    assert metric.table is not None
    total = len(metric.table.steps)
    columns = {name: cells[-ROWS:] for name, cells in metric.table.columns.items()}
    return {"columns": plain(columns), "steps": metric.table.steps[-ROWS:], "total": total}


def _file(place: RunPlace, metric: LoggedMetric, kind: str) -> tuple[dict[str, Any], list[bytes]]:
    last = [file for file in metric.files if file.kind == kind][-1]
    artifacts, root = place.stores.artifacts, place.root()
    assert artifacts is not None
    about = artifacts.stat(root, last.path)
    if about is not None and (about.size_bytes or 0) > LARGEST:
        return {"problem": f"The file {last.path} is too large to be shown here.", "step": last.step}, []
    content = b"".join(artifacts.get(root, last.path))
    if kind != "image":
        return {"step": last.step, "data": plain(json.loads(content)["data"])}, []
    media_type = IMAGES.get(last.path.rpartition(".")[2].lower(), "")
    if not media_type:
        return {"problem": f"{last.path} is an image that cannot be shown here.", "step": last.step}, []
    return {"step": last.step, "media": media_type}, [content]
