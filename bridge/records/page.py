"""Pages of the results of a search, and the tokens with which a caller requests the next page."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bridge.errors import InvalidValue

T = TypeVar("T")

OFFSET, AFTER = "offset", "after"
"""The content of a token: the number of results before its page, or the values of the result before its page."""

NO_TOKEN = "must be the `next_token` of a page"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of results in order. `next_token` is the token of the next page, or None on the last page."""

    items: tuple[T, ...]
    next_token: str | None = None


def encode_token(offset: int) -> str:
    """Return the token of the page that starts after the first `offset` results."""
    return token_of({OFFSET: offset})


def token_of(content: dict[str, Any]) -> str:
    """Return a token with a content that JSON can represent."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def decode_token(token: str | None) -> int:
    """Return the offset of a token.

    Args:
        token: the token; None or "" means the first page.

    Raises:
        InvalidValue: `encode_token` did not create the token.
    """
    if not token:
        return 0
    offset = token_content(token).get(OFFSET)
    if type(offset) is not int or offset < 0:
        raise InvalidValue("page_token", token, NO_TOKEN)
    return offset


def token_content(token: str) -> dict[str, Any]:
    """Return the content of a token.

    Raises:
        InvalidValue: the token is not the base64 code of a JSON object.
    """
    try:
        content = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise InvalidValue("page_token", token, NO_TOKEN) from error
    if not isinstance(content, dict):
        raise InvalidValue("page_token", token, NO_TOKEN)
    return content
