"""The errors with which a server answers, or something between the client and the server."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bridge.errors import BridgeError, NotFound, StoreUnavailable
from bridge.records.wire import load_error


def error_of(address: str, status: int, headers: Mapping[str, str], content: bytes) -> BridgeError:
    """Return the error of an answer. An answer that is not in our form gets an error that describes it."""
    if headers.get("content-type", "").startswith("application/json"):
        try:
            return load_error(json.loads(content))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass
    if status == 404:
        return NotFound("workspace", address, "the server has none at this address, or is older than this client")
    if 300 <= status < 400:
        return StoreUnavailable(address, "it redirects to another address: use the address of the server itself")
    return StoreUnavailable(address, f"it has answered with the status {status}, which is not an answer of Runbridge")
