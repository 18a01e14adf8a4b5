"""Values as a person reads them in a terminal: times, durations, numbers and sizes."""

from __future__ import annotations

import re
import time

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that could change what a terminal shows: control characters, and marks of the writing direction."""

ID_LENGTH = 8
"""The number of characters of an id in a terminal."""

UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def escaped(text: str) -> str:
    """Return a text on one line. Characters that could change the terminal are escaped as in Python."""
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def number_text(value: float) -> str:
    """Return a number with at most six significant digits; an integer below 10**15 with all its digits."""
    if value == int(value) if abs(value) < 1e15 else False:
        return str(int(value))
    return f"{value:.6g}"


def duration_text(milliseconds: int) -> str:
    """Return a duration with its two greatest units, such as `2 h 5 min`."""
    if milliseconds < 0:
        return f"-{duration_text(-milliseconds)}"
    if milliseconds < 10_000:
        return f"{milliseconds / 1000:.1f} s"
    parts: list[str] = []
    rest = round(milliseconds / 1000)
    for unit, seconds in UNITS:
        count, rest = divmod(rest, seconds)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(part for part in parts[:2] if not part.startswith("0 "))


def time_text(milliseconds: int | None) -> str:
    """Return a time of the local time zone, such as `2026-11-27 14:05`."""
    return "" if milliseconds is None else clock_text(milliseconds, False)


def clock_text(milliseconds: int, is_short: bool = True) -> str:
    """Return a time of the local time zone: such as `14:05:31`, or with its day and without seconds."""
    try:
        return time.strftime("%H:%M:%S" if is_short else "%Y-%m-%d %H:%M", time.localtime(milliseconds / 1000))
    except (ValueError, OverflowError, OSError):  # the year does not fit
        return str(milliseconds)


def size_text(size_bytes: int | None) -> str:
    """Return a size such as `1.2 MB`."""
    if size_bytes is None:
        return ""
    size, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.3g} {unit}" if size < 1000 else f"{size:.0f} {unit}"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, such as `1 run` or `2,000 runs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
