"""The token in the header `Authorization`."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from bridge.server.hosts import Headers, values_of


class Sent(NamedTuple):
    """A token that a request has sent.

    Attributes:
        text: the token; empty if the header has another form.
        is_basic: whether it was the password of HTTP's basic authentication, which browsers also send automatically.
    """

    text: str
    is_basic: bool


def sent_token(headers: Headers) -> Sent | None:
    """Return the token of a request, or None if it has no such header.

    Basic authentication is for MLflow's clients, which know a user and a password. The user is ignored.
    """
    given = values_of(headers, b"authorization")
    if not given:
        return None
    scheme, _, value = given[0].decode("latin-1").partition(" ")
    if len(given) > 1:
        return Sent("", False)
    if scheme.lower() == "bearer":
        return Sent(value.strip(), False)
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            return Sent("", True)
        return Sent(decoded.partition(":")[2], True)
    return Sent("", False)
