"""A page of results, and the opaque token that asks for the next one."""

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
    """Results in order, and a token for the page after them, None on the last page."""

    items: tuple[T, ...]
    next_token: str | None = None


def encode_token(offset: int) -> str:
    """The token of the page that begins `offset` results from the start."""
    return base64.urlsafe_b64encode(json.dumps({"offset": offset}).encode()).decode()


def decode_token(token: str | None) -> int:
    """The offset that a token stands for; None and the empty text are the start.

    Raises:
        InvalidValue: the token was not made by `encode_token`.
    """
    if not token:
        return 0
    try:
        offset = json.loads(base64.urlsafe_b64decode(token))["offset"]
    except (binascii.Error, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidValue("page_token", token, "must be a token that a page gave") from error
    if type(offset) is not int or offset < 0:
        raise InvalidValue("page_token", token, "must be a token that a page gave")
    return offset
