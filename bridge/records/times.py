"""Functions for times in milliseconds since 1970 UTC."""

from __future__ import annotations

import time

from bridge.records.limits import INT64_MAX, INT64_MIN

CYCLE_SECONDS, CYCLE_YEARS = 146_097 * 86_400, 400
"""The cycle of the Gregorian calendar, in seconds and in years. After a cycle, dates and days of the week repeat."""


def now_ms() -> int:
    """Return the current time in milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def stored_time(value: object) -> int | None:
    """Convert a stored time to milliseconds since 1970 UTC. Return None if the value is not a time.

    Versions of Runbridge before 0.2 stored the values that MLflow's clients sent: also floats, numpy integers (as
    bytes), texts and dates.
    """
    if value is None or type(value) is int:
        return value
    try:
        stored = _number_of(value)
    except (ValueError, OverflowError):
        return None
    return stored if stored is not None and INT64_MIN <= stored <= INT64_MAX else None


def _number_of(value: object) -> int | None:
    if isinstance(value, (int, float)):
        return int(value)
    if isinstance(value, bytes):
        return int.from_bytes(value, "little", signed=True) if len(value) in (1, 2, 4, 8) else None
    if not isinstance(value, str):
        return None
    try:
        return int(float(value))
    except ValueError:
        from datetime import datetime  # a process that only logs does not need this import

        return int(datetime.fromisoformat(value).timestamp() * 1000)


def utc(milliseconds: int) -> tuple[str, int]:
    """Return a time as `YYYY-MM-DDTHH:MM:SS`, and the rest in milliseconds. A year above 9999 or below 0 has a sign."""
    from datetime import datetime, timezone

    seconds, rest = divmod(milliseconds, 1000)
    cycles, within = divmod(seconds, CYCLE_SECONDS)
    date = datetime.fromtimestamp(within, timezone.utc)
    year = date.year + CYCLE_YEARS * cycles
    shown = f"{year:04d}" if 0 <= year <= 9999 else f"{year:+05d}"
    return f"{shown}-{date:%m-%dT%H:%M:%S}", rest
