"""The curves of `runbridge plot`: metrics of runs with at most as many points as a chart can show."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy

from bridge.cli.names import metrics_of
from bridge.cli.output import notice
from bridge.errors import NotFound

if TYPE_CHECKING:
    from bridge.records.run import RunRecord
    from bridge.records.views import Array, SampledSeries, SeriesFacts
    from bridge.store.views import RunViews
    from bridge.store.workspace_stores import WorkspaceStores

SHARPER = 4
"""How many times as many buckets a decade of a logarithmic axis has, because its buckets are equally wide."""

NAMED = 20
"""The greatest number of metrics that an error names."""


class Axes(NamedTuple):
    """The axes of a chart.

    Attributes:
        x: `step`, `time` or `relative`.
        log_x: whether x is logarithmic.
        log_y: whether y is logarithmic.
    """

    x: str = "step"
    log_x: bool = False
    log_y: bool = False


class Curve(NamedTuple):
    """A metric of a run.

    `x`, `least`, `greatest` and `mean` are arrays with an entry for each bucket that has finite values. If the series
    has few points, they are its points, and the last three are equal.
    `facts` are exact facts about all points. `bounds` are the least and the greatest x of the metric in all runs.
    """

    run: RunRecord
    key: str
    x: Array
    least: Array
    greatest: Array
    mean: Array
    facts: SeriesFacts
    bounds: tuple[float, float]


def read_curves(
    stores: WorkspaceStores, runs: Sequence[RunRecord], keys: Sequence[str], axes: Axes, buckets: int
) -> dict[str, list[Curve]]:
    """Return the curves of each metric.

    Raises:
        NotFound: none of the runs has numbers of a metric.
    """
    by_id = {run.id: run for run in runs}
    views = stores.tracking.views
    found: dict[str, list[Curve]] = {}
    for one in views.sample_series(list(by_id), list(dict.fromkeys(keys)), buckets, axes.x):
        samples = list(_decades(views, one, axes.x, buckets)) if axes.log_x else [one]
        found.setdefault(one.key, []).append(_curve(by_id[one.name], one, samples, axes))
    _check(stores, by_id, keys, found)
    return found


def _check(
    stores: WorkspaceStores, runs: Mapping[str, RunRecord], keys: Sequence[str], found: Mapping[str, list[Curve]]
) -> None:
    for key in keys:
        having = {curve.run.id for curve in found.get(key, ())}
        if not having:
            known = list(dict.fromkeys(name for id in runs for name in metrics_of(stores, id)))
            more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
            named = f"the metrics are {', '.join(known[:NAMED])}{more}" if known else "no numbers were logged"
            raise NotFound("metric", key, named)
        for id in runs.keys() - having:
            notice(f"Run {runs[id].display_name} has no metric {key}.")


def _decades(views: RunViews, one: SampledSeries, x: str, buckets: int) -> Iterator[SampledSeries]:
    """Yield the points of a series in each decade of x, so that all parts of a logarithmic axis are sharp."""
    low, high = _bounds(one, True)
    bounds = [low, *(10.0**power for power in range(math.floor(math.log10(low)) + 1, 20) if 10.0**power < high), high]
    for start, end in zip(bounds, bounds[1:], strict=False):
        share = math.log(end / start) / math.log(high / low) if high > low else 1
        yield from views.sample_series([one.name], [one.key], math.ceil(SHARPER * share * buckets), x, start, end)


def _curve(run: RunRecord, whole: SampledSeries, samples: Sequence[SampledSeries], axes: Axes) -> Curve:
    parts = [_points(one) for one in samples] or [(numpy.empty(0),) * 4]
    x, least, greatest, mean = (numpy.concatenate(columns) for columns in zip(*parts, strict=True))
    shown = numpy.isfinite(mean) & (x >= 1 if axes.log_x else True)
    least, greatest = (numpy.where(numpy.isfinite(bound), bound, mean) for bound in (least, greatest))
    if axes.log_y:
        shown &= greatest > 0
        least, mean = (numpy.where(values > 0, values, greatest) for values in (least, mean))
    return Curve(
        run, whole.key, x[shown], least[shown], greatest[shown], mean[shown], whole.facts, _bounds(whole, axes.log_x)
    )


def _bounds(one: SampledSeries, is_log: bool) -> tuple[float, float]:
    """Return the least and the greatest x. They are positive on a logarithmic axis."""
    low, high = float(one.edges[0]), float(one.edges[-1])
    return (max(low, 1.0), max(high, 1.0)) if is_log else (low, high)


def _points(one: SampledSeries) -> tuple[Array, Array, Array, Array]:
    """Return x, and the least, the greatest and the mean value of each bucket, or each point."""
    if one.buckets is None:
        assert one.x is not None and one.values is not None
        return one.x, one.values, one.values, one.values
    filled = one.buckets.count > 0
    centres = (one.edges[:-1] + one.edges[1:]) / 2
    return centres[filled], one.buckets.minimum[filled], one.buckets.maximum[filled], one.buckets.mean[filled]
