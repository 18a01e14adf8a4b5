"""A clock that tests move."""

from __future__ import annotations


class FakeClock:
    """Milliseconds since 1970 UTC, as a callable.

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
        """Move the clock, and return the new time."""
        self.now += milliseconds
        return self.now
