"""Metrics that are logged together as columns of points. They are checked together, which is much faster.

This module does not import MLflow.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence

from bridge.records.point_columns import PointColumns
from bridge_mlflow import rules
from bridge_mlflow.translate.refusals import Refusal

PLAIN_KEY = re.compile(r"[a-zA-Z0-9_][\w.\- ]*(?:/[a-zA-Z0-9_][\w.\- ]*)*", re.ASCII)
"""Keys of metrics that MLflow accepts, if they are not too long. It also accepts others, for example with a colon."""

MOST_VALID_KEYS = 10_000
"""The number of keys that are remembered because MLflow accepts them."""

_valid_keys: set[str] = set()


def metric_columns(
    keys: tuple[str, ...], values: Sequence[float], timestamps: Sequence[int], steps: Sequence[int]
) -> PointColumns | None:
    """Return metrics as columns of points; None if a metric may not be valid. There must be at least one metric."""
    count = len(keys)
    for column, kind in ((keys, str), (values, float), (timestamps, int), (steps, int)):
        if list(map(type, column)).count(kind) != count:
            return None
    if min(timestamps) < 0 or not _are_valid_keys(keys):
        return None
    try:
        packed = struct.pack(f"<{count}d", *values)
        return PointColumns(
            keys[:1] if keys.count(keys[0]) == count else keys, packed, _packed(timestamps), _packed(steps)
        )
    except struct.error:  # a timestamp or step does not fit into 64 bits
        return None


def _packed(numbers: Sequence[int]) -> int | bytes:
    """Return integers as a column, or the integer that all points share."""
    return numbers[0] if numbers.count(numbers[0]) == len(numbers) else struct.pack(f"<{len(numbers)}q", *numbers)


def _are_valid_keys(keys: Iterable[str]) -> bool:
    """Return whether MLflow accepts the keys of metrics. `check_metric` takes longer than logging the metrics."""
    if _valid_keys.issuperset(keys):
        return True
    new = set(keys) - _valid_keys
    if None in map(PLAIN_KEY.fullmatch, new) or max(map(len, new)) > rules.KEY_LENGTH:
        if not all(map(_is_valid_key, new)):
            return False
    if len(_valid_keys) + len(new) > MOST_VALID_KEYS:
        _valid_keys.clear()
    _valid_keys.update(new)
    return True


def _is_valid_key(key: str) -> bool:
    try:
        rules.check_metric(key, 0.0, 0, 0)
    except Refusal:
        return False
    return True
