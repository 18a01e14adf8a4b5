"""Sparklines: the course of metrics in one line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.records.views import SampledSeries
    from bridge.store.workspace_stores import WorkspaceStores

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 24
"""The greatest number of bars in a sparkline."""


def sparklines(stores: WorkspaceStores, run_id: str, keys: list[str]) -> dict[str, str]:
    """Return the sparkline of each metric that has numbers."""
    return {one.key: sparkline(_means(one)) for one in stores.tracking.views.sample_series([run_id], keys, WIDTH)}


def sparkline(values: list[float]) -> str:
    """Return a bar for each value, from the least to the greatest. A value that is not finite is a blank."""
    finite = [value for value in values if abs(value) != float("inf") and value == value]
    if not finite:
        return ""
    low, span = min(finite), max(finite) - min(finite)
    return "".join(_bar(value, low, span) for value in values)


def _bar(value: float, low: float, span: float) -> str:
    if not low <= value <= low + span:
        return " "
    return BARS[min(len(BARS) - 1, int((value - low) / span * len(BARS)))] if span > 0 else BARS[0]


def _means(one: SampledSeries) -> list[float]:
    values: Any = one.values if one.buckets is None else one.buckets.mean
    return [float(value) for value in values]
