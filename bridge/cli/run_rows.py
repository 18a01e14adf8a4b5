"""Runs as rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.cli.texts import ID_LENGTH, duration_text, time_text
from bridge.records.run import TERMINAL_STATUSES
from bridge.records.times import now_ms

if TYPE_CHECKING:
    from bridge.records.run import RunRecord

RUN_HEADERS = ("ID", "NAME", "STATUS", "STARTED", "DURATION", "USER")
RUN_NUMBERS = ("DURATION",)


def run_row(run: RunRecord, is_short: bool) -> tuple[str, ...]:
    """Return the texts of a run. The id is shortened for a terminal."""
    id = run.id[:ID_LENGTH] if is_short else run.id
    return (id, run.display_name, run.status, time_text(run.start_time), lasted(run), run.user)


def lasted(run: RunRecord) -> str:
    """Return how long a run took, or how long it has been running. An ended run without times has no duration."""
    end = run.end_time if run.status in TERMINAL_STATUSES else now_ms()
    if run.start_time is None or end is None:
        return ""
    return duration_text(end - run.start_time)
