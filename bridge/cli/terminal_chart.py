"""Charts in a terminal, made of braille characters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from rich.text import Text

from bridge.cli.braille import Canvas
from bridge.cli.curves import Axes, Curve
from bridge.cli.terminal import console
from bridge.cli.texts import clock_text, duration_text, escaped, number_text, plural

COLOURS = ("cyan", "yellow", "magenta", "green", "red", "blue", *(f"color({number})" for number in range(9, 232, 7)))
"""The colours of runs. No two runs have the same."""

OVER = {"step": "steps", "time": "the time", "relative": "the time since the start"}
DAY_MS = 86_400_000
LABEL_WIDTH = 12
"""The greatest width of the labels of y."""


class Scale:
    """A scale from the least to the greatest value, as parts of a length.

    Args:
        low: the least value.
        high: the greatest value.
        is_log: whether the scale is logarithmic. Both values are then positive.
    """

    def __init__(self, low: float, high: float, is_log: bool) -> None:
        self.low, self.high, self._is_log = low, high, is_log
        self._from, self._to = self._plain(low), self._plain(high)

    def part(self, value: float) -> float:
        """Return where a value is, from 0 to 1. If all values are equal, they are in the middle."""
        span = self._to / 2 - self._from / 2  # the span itself may be too large for a float64
        return (self._plain(value) / 2 - self._from / 2) / span if span > 0 else 0.5

    def value(self, part: float) -> float:
        """Return the value at a part of the length."""
        at = self._from * (1 - part) + self._to * part
        return 10**at if self._is_log and self._from < self._to else at if not self._is_log else self.low

    def _plain(self, value: float) -> float:
        return math.log10(value) if self._is_log else value


def print_chart(key: str, curves: Mapping[str, Curve], axes: Axes, height: int) -> None:
    """Print a chart of a metric, with a line of facts for each run.

    Args:
        key: the name of the metric.
        curves: the curve of each run, by its colour.
        axes: the axes.
        height: the number of rows of the chart.
    """
    own = console()
    own.print(
        Text.assemble((escaped(key), "bold"), (f"  over {OVER[axes.x]}", "dim")), no_wrap=True, overflow="ellipsis"
    )
    drawn = {colour: curve for colour, curve in curves.items() if len(curve.x)}
    for line in _chart(drawn, axes, own.width, height) if drawn else [Text("No point is on these axes.", style="dim")]:
        own.print(line, no_wrap=True, overflow="crop")
    for colour, curve in curves.items():
        own.print(Text.assemble(("━ ", colour), _facts(curve)), no_wrap=True, overflow="ellipsis")


def _chart(by_colour: Mapping[str, Curve], axes: Axes, width: int, height: int) -> list[Text]:
    """Return the lines of a chart: the canvas with labels of y, the axis of x, and its labels."""
    curves = list(by_colour.values())
    y = Scale(min(float(c.least.min()) for c in curves), max(float(c.greatest.max()) for c in curves), axes.log_y)
    x = Scale(*curves[0].bounds, axes.log_x)
    labels = [number_text(y.value(1 - row / (height - 1))) for row in range(height)]
    labels[0], labels[-1] = number_text(y.high), number_text(y.low)
    room = min(LABEL_WIDTH, max(len(label) for row, label in enumerate(labels) if _has_label(row, height)))
    canvas = Canvas(max(8, width - room - 2), height)
    for colour, curve in by_colour.items():
        _draw(canvas, curve, x, y, colour)
    lines = [
        Text.assemble((f"{labels[row] if _has_label(row, height) else '':>{room}} ┤", "dim"), *canvas.line(row))
        for row in range(height)
    ]
    return [*lines, Text(f"{'':>{room}} └{'─' * (canvas.columns // 2)}", style="dim"), _x_labels(x, axes, room, canvas)]


def _has_label(row: int, height: int) -> bool:
    return row in (0, height - 1) or (row % 4 == 0 and row < height - 3)


def _draw(canvas: Canvas, curve: Curve, x: Scale, y: Scale, colour: str) -> None:
    """Draw a line through the means, and in each bucket a line from the least to the greatest value."""
    before: tuple[float, float] | None = None
    rows = zip(*(values.tolist() for values in (curve.x, curve.least, curve.greatest, curve.mean)), strict=True)
    for at, least, greatest, mean in rows:
        place = x.part(at)
        canvas.draw_line((place, y.part(least)), (place, y.part(greatest)), colour)
        point = (place, y.part(mean))
        canvas.draw_line(before or point, point, colour)
        before = point


def _x_labels(x: Scale, axes: Axes, room: int, canvas: Canvas) -> Text:
    """Return the labels of x: the least value at the left, the greatest at the right, and one between them."""
    width = canvas.columns // 2
    text = _text_of_x(axes.x, x.high - x.low)
    left, middle, right = text(x.low), text(x.value(0.5)), text(x.high)
    between = width - len(left) - len(right)
    line = f"{left}{middle if len(middle) + 4 <= between else '':^{max(1, between)}}{right if x.low < x.high else ''}"
    return Text(f"{'':>{room + 2}}{line}", style="dim")


def _text_of_x(x: str, span: float) -> Callable[[float], str]:
    if x == "step":
        return lambda value: number_text(round(value))
    if x == "relative":
        return lambda value: duration_text(round(value))
    return lambda value: clock_text(round(value), span < DAY_MS)


def _facts(curve: Curve) -> str:
    facts = curve.facts
    parts = [
        escaped(curve.run.display_name),
        f"last {number_text(facts.last)}",
        f"least {number_text(facts.minimum)}",
        f"greatest {number_text(facts.maximum)}",
        plural(facts.points, "point"),
        f"{facts.nans:,} NaN" if facts.nans else "",
        f"{facts.infinities:,} ±inf" if facts.infinities else "",
    ]
    return "  ".join(part for part in parts if part)
