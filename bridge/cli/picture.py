"""Charts as a picture, which matplotlib draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.cli.curves import Axes, Curve
from bridge.cli.texts import escaped
from bridge.errors import InvalidValue

if TYPE_CHECKING:
    from matplotlib.axes import Axes as MatplotlibAxes

SIZE = (8.0, 4.0)
"""The width and the height of a chart in inches."""

LABELS = {"step": "step", "time": "time (UTC)", "relative": "seconds since the start"}


def save_charts(file: Path, curves: Mapping[str, Sequence[Curve]], axes: Axes) -> None:
    """Write a picture with a chart for each metric. A file with this name is replaced.

    Raises:
        InvalidValue: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        rule = "needs matplotlib, which is not installed: `pip install matplotlib`"
        raise InvalidValue("--png", str(file), rule) from error
    runs = list(dict.fromkeys(curve.run.id for own in curves.values() for curve in own))
    colours = {run: f"C{number}" for number, run in enumerate(runs)}
    figure = Figure((SIZE[0], SIZE[1] * len(curves)), layout="constrained")
    for number, (key, own) in enumerate(curves.items(), 1):
        _draw(figure.add_subplot(len(curves), 1, number), key, own, axes, colours)
    figure.savefig(file, format="png", dpi=150)


def _draw(chart: MatplotlibAxes, key: str, curves: Sequence[Curve], axes: Axes, colours: Mapping[str, str]) -> None:
    """Draw the curves of a metric. A band is from the least to the greatest value of each bucket."""
    for curve in curves:
        x = curve.x if axes.x == "step" else curve.x.astype("datetime64[ms]") if axes.x == "time" else curve.x / 1000
        colour = colours[curve.run.id]
        chart.plot(x, curve.mean, color=colour, linewidth=1.2, label=_plain(curve.run.display_name))
        chart.fill_between(x, curve.least, curve.greatest, color=colour, alpha=0.25, linewidth=1)
    chart.set(title=_plain(key), xlabel=LABELS[axes.x])
    chart.set_xscale("log" if axes.log_x else "linear")
    chart.set_yscale("log" if axes.log_y else "linear")
    chart.grid(alpha=0.3)
    chart.legend(fontsize="small")


def _plain(text: str) -> str:
    """Return a text that matplotlib does not take as a formula, or as a curve without a legend."""
    return f"\u200b{escaped(text)}".replace("$", r"\$")
