"""Line charts as SVG: the picture of a run in a saved notebook."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bridge.records.views import SampledSeries

WIDTH, HEIGHT = 260, 132
"""The size of one chart in pixels."""

LEFT, RIGHT, TOP, BOTTOM = 52, 10, 24, 20
LIGHT = "#0072b2 #d55e00 #009e73 #c2739f #ba8100 #4794bf #6a3d9a #8c564b #139aa8 #7f7f7f".split()
DARK = "#2687be #db7626 #26ad88 #d48db4 #eaad26 #6fbfec #835eab #9d6f66 #3ac8d6 #929292".split()
"""The colours of runs on a light and on a dark ground, as on the portal page (`lib/colour.js`)."""

STYLE = (
    "text{font:11px system-ui,sans-serif;fill:#5b6570}.title{font-weight:600;fill:#1b1f24}"
    "path{fill:none;stroke-width:1.5}.axis{stroke:#e3e6ea;stroke-width:1}.ground{fill:#fff}"
    f"{''.join(f'.c{at}{{stroke:{colour}}}' for at, colour in enumerate(LIGHT))}"
    "@media(prefers-color-scheme:dark){text{fill:#9aa5b1}.title{fill:#e6eaee}.axis{stroke:#2a313a}"
    f".ground{{fill:#161b21}}{''.join(f'.c{at}{{stroke:{colour}}}' for at, colour in enumerate(DARK))}}}"
)
"""The style of an SVG image. An image does not know the theme of the notebook, so it has a ground of its own."""


class Line(NamedTuple):
    """A line of one run: its x and y in order. NaN and ±inf in y interrupt it.

    `low` and `high` are the least and the greatest value in each bucket, and `y` the mean; for points they are equal.
    `first` and `last` are the range of x of the chart.
    """

    number: int
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    first: float
    last: float


def line_of(series: SampledSeries, number: int) -> Line:
    """Return the points of a series, or the means of its buckets, as a line of the run with this number."""
    ends = float(series.edges[0]), float(series.edges[-1])
    if (buckets := series.buckets) is None:
        assert series.x is not None and series.values is not None
        values = series.values.tolist()
        return Line(number, series.x.tolist(), values, values, values, *ends)
    middles = (series.edges[:-1] + series.edges[1:]) / 2
    filled = buckets.count > 0
    columns = (middles, buckets.mean, buckets.minimum, buckets.maximum)
    x, y, low, high = (column[filled].tolist() for column in columns)
    return Line(number, x, y, low, high, *ends)


def chart_svg(title: str, lines: Sequence[Line], left: float, top: float) -> str:
    """Return a group of SVG elements: a chart with its title, its bounds and its lines, at a position."""
    ys = [y for line in lines for column in (line.low, line.high) for y in column if math.isfinite(y)]
    if not ys:
        return ""
    bounds = _Bounds(min(line.first for line in lines), max(line.last for line in lines), min(ys), max(ys))
    drawn = "".join(_line_svg(line, bounds) for line in lines)
    bottom = HEIGHT - BOTTOM
    frame = f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{WIDTH - RIGHT}"/>'
    texts = (
        f'<text class="title" x="{LEFT}" y="15">{html.escape(_cut(title, 34))}</text>'
        f'<text x="{LEFT - 4}" y="{TOP + 4}" text-anchor="end">{number_label(bounds.highest)}</text>'
        f'<text x="{LEFT - 4}" y="{bottom}" text-anchor="end">{number_label(bounds.lowest)}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 5}">{number_label(bounds.first)}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 5}" text-anchor="end">{number_label(bounds.last)}</text>'
    )
    return f'<g transform="translate({left:g} {top:g})">{frame}{texts}{drawn}</g>'


def number_label(value: float) -> str:
    """Return a number with at most four significant digits. Whole numbers below a million are exact."""
    is_whole = math.isfinite(value) and value == int(value) and abs(value) < 1e6
    return str(int(value)) if is_whole else f"{value:.4g}"


class _Bounds(NamedTuple):
    first: float
    last: float
    lowest: float
    highest: float

    def place(self, x: float, y: float) -> str:
        """Return the position of a point in pixels. A range without extent is drawn in the middle."""
        across = (x - self.first) / (self.last - self.first) if self.last > self.first else 0.5
        up = (y - self.lowest) / (self.highest - self.lowest) if self.highest > self.lowest else 0.5
        right, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return f"{LEFT + across * right:.1f} {TOP + (1 - up) * down:.1f}"


def _line_svg(line: Line, bounds: _Bounds) -> str:
    """Return a path, and below it the band of the buckets.

    A single point between two gaps is drawn as a dot, because a path of one point is invisible.
    """
    parts: list[list[str]] = [[]]
    for x, y in zip(line.x, line.y, strict=True):
        if math.isfinite(x) and math.isfinite(y):
            parts[-1].append(bounds.place(x, y))
        elif parts[-1]:
            parts.append([])
    path = "".join(f"M{'L'.join(part)}" if len(part) > 1 else f"M{part[0]}h.01" for part in parts if part)
    dot = ' stroke-width="4" stroke-linecap="round"' if all(len(part) < 2 for part in parts) else ""
    colour = f"c{line.number % len(LIGHT)}"
    band = _band_svg(line, bounds, colour) if line.low is not line.high else ""
    return f'{band}<path class="{colour}"{dot} d="{path}"/>' if path else ""


def _band_svg(line: Line, bounds: _Bounds, colour: str) -> str:
    """Return the lines from the least to the greatest value of each bucket as one wide, pale path."""
    width = (WIDTH - LEFT - RIGHT) / max(len(line.x), 1)
    ranges = zip(line.x, line.low, line.high, strict=True)
    parts = [f"M{bounds.place(x, low)}L{bounds.place(x, high)}" for x, low, high in ranges if math.isfinite(high - low)]
    return f'<path class="{colour}" stroke-opacity=".25" style="stroke-width:{width:.1f}" d="{"".join(parts)}"/>'


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
