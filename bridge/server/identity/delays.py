"""Delays of answers to wrong secrets, so that secrets cannot be guessed quickly."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

FIRST_SECONDS, MOST_SECONDS = 0.05, 2.0
"""The delay after the second failure, and the longest one. Each failure doubles the delay."""

FORGOTTEN_SECONDS = 300.0
MOST_KEYS = 10_000


class Delays:
    """Counts the failures of each sender. A sender without failures for five minutes starts again.

    The memory is bounded: if more than 10,000 senders fail, those that failed longest ago are forgotten.

    Args:
        clock: a monotonic clock in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._clock = clock

    def __len__(self) -> int:
        return len(self._failures)

    def after_failure(self, *keys: str) -> float:
        """Count a failure of a sender, and return the seconds to wait before the answer.

        Args:
            keys: names of the sender, such as its address and the id of its token. The longest delay of them counts.
        """
        now = self._clock()
        return max(self._count(key, now) for key in keys)

    def _count(self, key: str, now: float) -> float:
        count, last = self._failures.pop(key, (0, now))
        count = count + 1 if now - last < FORGOTTEN_SECONDS else 1
        self._failures[key] = (count, now)
        while len(self._failures) > MOST_KEYS:
            self._failures.popitem(last=False)
        return 0.0 if count == 1 else min(FIRST_SECONDS * 2.0 ** min(count - 2, 30), MOST_SECONDS)
