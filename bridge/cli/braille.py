"""A canvas of dots in a terminal. A braille character has two columns and four rows of dots."""

from __future__ import annotations

import math
from itertools import groupby
from operator import itemgetter

DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bit of each dot in a character, by column and row."""

EMPTY = 0x2800
"""The code of the braille character without dots."""


class Canvas:
    """A canvas of dots. The dot (0, 0) is at the lower left. Each character has the colour of its last dot.

    Args:
        width: the number of characters in a row.
        height: the number of rows.
    """

    def __init__(self, width: int, height: int) -> None:
        self.columns, self.rows = 2 * width, 4 * height
        self._bits = [[0] * width for _ in range(height)]
        self._colours = [[""] * width for _ in range(height)]

    def set(self, column: int, row: int, colour: str) -> None:
        """Set a dot."""
        down = self.rows - 1 - row
        self._bits[down // 4][column // 2] |= DOTS[column % 2][down % 4]
        self._colours[down // 4][column // 2] = colour

    def draw_line(self, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
        """Draw a straight line between two points, whose coordinates are parts of the width and the height."""
        (x, y), (to_x, to_y) = self._dot(start), self._dot(end)
        steps = max(abs(to_x - x), abs(to_y - y), 1)
        for step in range(steps + 1):
            self.set(x + round((to_x - x) * step / steps), y + round((to_y - y) * step / steps), colour)

    def line(self, row: int) -> list[tuple[str, str]]:
        """Return the texts of a row, each with its colour. Row 0 is the topmost one."""
        cells = zip(self._colours[row], self._bits[row], strict=True)
        return [
            ("".join(chr(EMPTY + bits) if bits else " " for _, bits in own), colour)
            for colour, own in groupby(cells, itemgetter(0))
        ]

    def _dot(self, point: tuple[float, float]) -> tuple[int, int]:
        x, y = point
        return _place(x, self.columns), _place(y, self.rows)


def _place(part: float, count: int) -> int:
    """Return the dot at a part of a length."""
    return min(count - 1, max(0, math.floor(part * (count - 1) + 0.5)))
