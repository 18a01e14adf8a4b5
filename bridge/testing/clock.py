"""A clock whose time tests can set."""

from __future__ import annotations


class FakeClock:
    """A clock for tests. A call returns its time, in milliseconds since 1970 UTC.

    Example:
        clock = FakeClock(1_000)
        assert clock() == 1_000
        assert clock.tick() == 1_001
    """

    def __init__(self, now: int = 1_700_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def tick(self, milliseconds: int = 1) -> int:
        """Move the clock forward, and return the new time."""
        self.now += milliseconds
        return self.now
