"""Pages of the results of a search, and the tokens with which a caller requests the next page."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Generic, TypeVar

from bridge.errors import InvalidValue

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of results in order. `next_token` is the token of the next page, or None on the last page."""

    items: tuple[T, ...]
    next_token: str | None = None


def encode_token(offset: int) -> str:
    """Return the token of the page that starts after the first `offset` results."""
    return base64.urlsafe_b64encode(json.dumps({"offset": offset}).encode()).decode()


def decode_token(token: str | None) -> int:
    """Return the offset of a token.

    Args:
        token: the token; None or "" means the first page.

    Raises:
        InvalidValue: `encode_token` did not create the token.
    """
    if not token:
        return 0
    try:
        offset = json.loads(base64.urlsafe_b64decode(token))["offset"]
    except (binascii.Error, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidValue("page_token", token, "must be the `next_token` of a page") from error
    if type(offset) is not int or offset < 0:
        raise InvalidValue("page_token", token, "must be the `next_token` of a page")
    return offset
