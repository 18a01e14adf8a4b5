"""Page tokens of searches for runs. A token contains the values of the last run of its page in the query's order.

So the next page starts after this run, wherever it is then, and no page has to find the runs of the pages before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bridge.errors import InvalidValue
from bridge.records.limits import INT64_MAX, INT64_MIN
from bridge.records.page import AFTER, decode_token, token_content, token_of
from bridge.records.text import is_encodable


def encode(values: Sequence[Any]) -> str:
    """Return the token of the page that follows a run. `values` are its values in the order; the last is its id."""
    return token_of({AFTER: [{"bytes": value.hex()} if isinstance(value, bytes) else value for value in values]})


def decode(token: str | None, keys: int) -> tuple[int, list[Any] | None]:
    """Return the number of runs to skip, and the values of the run after which the page starts.

    The values are None for a token of an earlier version of Runbridge, which contains the number of runs to skip.

    Args:
        token: the token; None or "" means the first page.
        keys: the number of values in the query's order.

    Raises:
        InvalidValue: no page of a query with such an order has given the token.
    """
    listed = token_content(token).get(AFTER) if token else None
    if not token or listed is None:
        return decode_token(token), None
    values = [_read(value) for value in listed] if isinstance(listed, list) else []
    if len(values) != keys or type(values[-1]) is not str or not all(map(_is_value, values)):
        raise InvalidValue("page_token", token, "must be the `next_token` of a page of a query with the same order")
    return 0, values


def _read(value: Any) -> Any:
    """Return a value of a token. Older versions of Runbridge stored some times as bytes."""
    if not isinstance(value, dict):
        return value
    try:
        return bytes.fromhex(value["bytes"])
    except (KeyError, TypeError, ValueError):
        return math.nan


def _is_value(value: Any) -> bool:
    """Return whether the database can have a value."""
    if type(value) is int:
        return INT64_MIN <= value <= INT64_MAX
    if type(value) is str:
        return is_encodable(value)
    return value is None or type(value) is bytes or (type(value) is float and not math.isnan(value))
