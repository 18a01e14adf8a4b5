"""The output of `runbridge plot`: charts in a terminal, lines in a pipe, JSON, or a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bridge.cli.curves import Axes, Curve, read_curves
from bridge.cli.output import is_terminal, notice, print_json, print_table
from bridge.errors import InvalidValue

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.records.run import RunRecord
    from bridge.store.workspace_stores import WorkspaceStores

MOST_RUNS = 30
POINTS, PICTURE_POINTS = 500, 2_000
"""The greatest number of points of a curve in a pipe, and in a picture."""


def plot(
    stores: WorkspaceStores,
    runs: Sequence[RunRecord],
    keys: Sequence[str],
    axes: Axes,
    height: int,
    png: Path | None,
    json: bool,
) -> None:
    """Print or save the charts of metrics, one for each metric.

    Args:
        stores: the workspace.
        runs: the records of the runs.
        keys: the names of the metrics.
        axes: the axes.
        height: the number of rows of a chart in a terminal.
        png: the file of the picture; None means that the charts are printed.
        json: print a JSON object for each curve.

    Raises:
        NotFound: none of the runs has numbers of a metric.
        InvalidValue: very many runs are given, or matplotlib, which draws pictures, is not installed.
    """
    runs = list({run.id: run for run in runs}.values())
    if len(runs) > MOST_RUNS:
        raise InvalidValue("runs", len(runs), f"must be at most {MOST_RUNS} in one chart")
    if png is not None:
        from bridge.cli.picture import save_charts

        save_charts(png, read_curves(stores, runs, keys, axes, PICTURE_POINTS), axes)
        notice(f"The picture is in {png}.")
    elif json:
        _print_json(read_curves(stores, runs, keys, axes, POINTS), axes)
    elif is_terminal():
        _print_charts(stores, runs, keys, axes, height)
    else:
        _print_lines(read_curves(stores, runs, keys, axes, POINTS))


def _print_charts(
    stores: WorkspaceStores, runs: Sequence[RunRecord], keys: Sequence[str], axes: Axes, height: int
) -> None:
    """Print a chart of each metric. Without colours, each run has its own chart."""
    from bridge.cli.terminal import console
    from bridge.cli.terminal_chart import COLOURS, print_chart

    colours = {run.id: colour for run, colour in zip(runs, COLOURS, strict=False)}
    for key, curves in read_curves(stores, runs, keys, axes, 2 * console().width).items():
        drawn = {colours[curve.run.id]: curve for curve in curves}
        for together in [{one: drawn[one]} for one in drawn] if console().no_color else [drawn]:
            print_chart(key, together, axes, height)


def _print_json(curves: Mapping[str, Sequence[Curve]], axes: Axes) -> None:
    for key, own in curves.items():
        for curve in own:
            about = {"kind": "curve", "run": curve.run.id, "metric": key, "axis": axes.x}
            columns = {name: getattr(curve, name).tolist() for name in ("x", "least", "greatest", "mean")}
            print_json({**about, **curve.facts._asdict(), **columns})


def _print_lines(curves: Mapping[str, Sequence[Curve]]) -> None:
    rows = (
        (curve.run.id, key, *map(repr, row))
        for key, own in curves.items()
        for curve in own
        for row in zip(*(column.tolist() for column in curve[2:6]), strict=True)
    )
    print_table(("RUN", "METRIC", "X", "LEAST", "GREATEST", "MEAN"), rows)
