"""Paths of this computer, as a caller gives them."""

from __future__ import annotations

import os
from pathlib import Path

from bridge.errors import InvalidValue

NAME_BYTES, PATH_BYTES = 255, 4_096


def check_local_path(what: str, path: object) -> Path:
    """Return the path, if a file system can have it.

    Raises:
        InvalidValue: it is neither text nor a path, holds a null character, is too long, or cannot be spelled here.
    """
    try:
        text = os.fspath(path)  # type: ignore[call-overload]  # what else it may be is refused
    except TypeError:
        raise InvalidValue(what, path, "must be a path") from None
    if not isinstance(text, str):
        raise InvalidValue(what, path, "must be a path, as text")
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError:
        raise InvalidValue(what, text, "must be a path that this computer can spell") from None
    if b"\0" in encoded:
        raise InvalidValue(what, text, "must not have a null character in it")
    if len(encoded) >= PATH_BYTES or any(len(name) > NAME_BYTES for name in encoded.split(b"/")):
        raise InvalidValue(what, text, f"must have less than {PATH_BYTES} bytes, and names of at most {NAME_BYTES}")
    return Path(text)
