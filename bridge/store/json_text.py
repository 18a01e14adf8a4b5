"""JSON texts that other programs send or receive."""

from __future__ import annotations

import json
from typing import Any

from bridge.errors import InvalidValue


def as_json(value: Any) -> bytes:
    """Return a value as JSON in UTF-8. Half of a surrogate pair becomes an escape sequence."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def read_json(text: bytes | memoryview) -> Any:
    """Return the value of a JSON text.

    Raises:
        InvalidValue: the text is not JSON in UTF-8, contains NaN or an infinity, has too many levels, or an integer of
            more than 4,300 digits.
    """
    try:
        return json.loads(str(text, "utf-8"), parse_constant=_refuse)
    except RecursionError as error:
        raise InvalidValue("JSON", f"{len(text)} bytes", "must have fewer levels of lists and objects") from error
    except ValueError as error:
        raise InvalidValue("JSON", f"{len(text)} bytes", f"must be JSON in UTF-8 ({error})") from error


def _refuse(name: str) -> None:
    raise ValueError(f"it contains {name}, which is not JSON")
