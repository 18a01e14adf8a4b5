"""When to try again to reach a server that does not answer."""

from __future__ import annotations

import time
from random import SystemRandom

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""The pause after the first failure, in seconds. It doubles with each failure up to the longest pause."""


CHANCE = SystemRandom()
"""The random numbers of pauses. Numbers of the module `random` would change those of a program that has set a seed."""


class Retries:
    """Counts failures in a row, and tells when the next attempt is due. The pauses are random within bounds."""

    def __init__(self) -> None:
        self._failures = 0
        self._due = 0.0
        self._reported: set[type[Exception]] = set()

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt has failed."""
        return self._failures > 0

    def is_due(self) -> bool:
        """Return whether to try now."""
        return time.monotonic() >= self._due

    def fail(self, kind: type[Exception]) -> bool:
        """Record a failure. Return whether it is the first one of its kind in a row."""
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._failures, 10))
        # Many clients of one server do not come back at the same moment.
        self._due = time.monotonic() + CHANCE.uniform(pause / 2, pause)
        self._failures += 1
        is_first = kind not in self._reported
        self._reported.add(kind)
        return is_first

    def hurry(self) -> None:
        """Make the next attempt due, because another request was answered."""
        self._due = 0.0

    def succeed(self) -> bool:
        """Record a success. Return whether it is the first one after a failure."""
        failed, self._failures, self._due = self._failures > 0, 0, 0.0
        self._reported = set()
        return failed
