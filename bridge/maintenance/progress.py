"""The progress of a long operation, in bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], object]
"""A function that is called with the number of bytes that are done, and the total number of bytes.

The total may grow during the operation.
"""

REPORT_SECONDS = 0.05
"""The shortest time between two calls of a `Progress` function, except for the last call."""


class Meter:
    """A counter of the bytes that an operation has handled.

    Args:
        progress: the function to call; None counts without reporting.
    """

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress
        self.done = self.total = 0
        self._report_at = 0.0

    def expect(self, size_bytes: int) -> None:
        """Raise the total."""
        self.total += max(0, size_bytes)

    def add(self, size_bytes: int) -> None:
        """Count bytes that are done."""
        self.done += max(0, size_bytes)
        self.total = max(self.total, self.done)
        if self._progress is not None and time.monotonic() >= self._report_at:
            self._report_at = time.monotonic() + REPORT_SECONDS
            self._progress(self.done, self.total)

    def finish(self) -> None:
        """Report that everything is done."""
        self.done = self.total = max(self.done, self.total)
        if self._progress is not None:
            self._progress(self.done, self.total)
