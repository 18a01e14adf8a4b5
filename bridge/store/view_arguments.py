"""Arguments and results of `RunViews` that all implementations check and build in the same way."""

from __future__ import annotations

import base64
import binascii
import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from bridge.errors import InvalidValue
from bridge.records.limits import INT64_MAX, INT64_MIN
from bridge.records.page import Page
from bridge.records.text import is_encodable
from bridge.records.views import AXES, METRIC_AXIS, Column, KeyRecord

KeyName: TypeAlias = "tuple[str, str, int, str, str]"
"""The fields of a `KeyRecord` that identify a key: entity, key, kind, column and value type."""


def check_limits(offset: int, limit: int | None, least: int = 0) -> None:
    """Raise `InvalidValue` if the offset is negative, or the limit is below the least allowed one."""
    if offset < 0:
        raise InvalidValue("offset", offset, "must not be negative")
    if limit is not None and limit < least:
        raise InvalidValue("limit", limit, f"must be at least {least}")


def end_of(offset: int, limit: int | None) -> int:
    """Return the index after the last run that a limit allows."""
    return sys.maxsize if limit is None else offset + limit


def check_groups(by: Sequence[Column], of: Sequence[Column], limit: int) -> None:
    """Raise `InvalidValue` if the arguments of `RunViews.group_runs` are not valid."""
    check_limits(0, limit, least=1)
    if not by:
        raise InvalidValue("by", by, "must have at least one column")
    for column in of:
        if not column.is_number:
            raise InvalidValue("of", column.key, "must have only columns of numbers")


def check_buckets(buckets: int, x: str, low: float | None, high: float | None) -> None:
    """Raise `InvalidValue` if the arguments of `RunViews.sample_series` are not valid."""
    if buckets < 1:
        raise InvalidValue("buckets", buckets, "must be at least 1")
    if x not in AXES and not (x.startswith(METRIC_AXIS) and x != METRIC_AXIS):
        raise InvalidValue("x", x, f"must be one of {', '.join(AXES)}, or {METRIC_AXIS} and the key of a metric")
    for name, bound in (("low", low), ("high", high)):
        if bound is not None and not math.isfinite(bound):
            raise InvalidValue(name, bound, "must be finite")


def by_frequency(counts: Mapping[str | float | None, int]) -> list[tuple[str | float | None, int]]:
    """Return the values of a column and their numbers of runs, in the order that `RunViews.count_runs` defines."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], *_rank(pair[0])))


def _rank(value: str | float | None) -> tuple[int, str | float]:
    if value is None:
        return 2, 0
    return (1, 0) if value != value else (0, value)


def name_of(key: KeyRecord) -> KeyName:
    """Return the fields by which keys are sorted."""
    return key.entity, key.key, key.kind, key.column, key.value_type


def key_page(keys: Sequence[KeyRecord], limit: int, page_token: str | None) -> Page[KeyRecord]:
    """Return a page of sorted keys."""
    after = decode_name(page_token)
    left = [key for key in keys if after is None or name_of(key) > after]
    return Page(tuple(left[:limit]), encode_name(name_of(left[limit - 1])) if len(left) > limit else None)


def encode_name(name: KeyName) -> str:
    """Return the token of the page that starts after a key."""
    return base64.urlsafe_b64encode(json.dumps(name).encode()).decode()


def decode_name(token: str | None) -> KeyName | None:
    """Return the key after which a page starts, or None for the first page.

    Raises:
        InvalidValue: `encode_name` did not create the token.
    """
    if not token:
        return None
    try:
        entity, key, kind, column, value_type = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise InvalidValue("page_token", token, "must be the `next_token` of a page") from error
    if (
        [type(part) for part in (entity, key, kind, column, value_type)] != [str, str, int, str, str]
        or not is_encodable(entity, key, column, value_type)
        or not INT64_MIN <= kind <= INT64_MAX
    ):
        raise InvalidValue("page_token", token, "must be the `next_token` of a page")
    return entity, key, kind, column, value_type
