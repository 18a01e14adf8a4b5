"""Paths of this computer, as a caller gives them."""

from __future__ import annotations

import os
from pathlib import Path

from bridge.errors import InvalidValue

NAME_BYTES, PATH_BYTES = 255, 4_096


def check_local_path(what: str, path: object) -> Path:
    """Return the path, if something can be read or written there.

    Raises:
        InvalidValue: as for `check_path_form`, or it is relative to a working folder that was removed.
    """
    checked = check_path_form(what, path)
    if not checked.is_absolute():
        try:
            os.getcwd()
        except OSError:
            raise InvalidValue(what, str(checked), "must be absolute: the working folder does not exist") from None
    return checked


def check_path_form(what: str, path: object) -> Path:
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
