"""The locations of artifacts that a server accepts from its clients.

A client can name the folder of the files of an experiment, a model or a trace. The server has rights that
its clients do not have, so it accepts a location only in the workspace itself, or below a prefix that its operator has
allowed. It never opens another location, also if an older database contains one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from bridge.address import SCHEME, folder_of_uri
from bridge.errors import InvalidValue
from bridge.records.artifact import check_artifact_path

PROXY = "mlflow-artifacts"
"""The scheme of locations that a client reaches through the server."""

FOLDER_OF_ARTIFACTS = "artifacts"

MOST_CHARACTERS = 2_048

SCHEME_NAME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")

FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\?#%]|[^\x00-\x7f]")
"""Characters that a location must not contain.

Two programs can read a location with one of them differently: an escape can be decoded twice, a letter can become a
slash or a dot when it is normalized, and what follows `?` or `#` may belong to the path or not.
"""


def check_location(
    location: str | None, address: str, allowed: Sequence[str] = (), what: str = "artifact location"
) -> str | None:
    """Check a location that a client has sent, and return it; None if it is empty.

    Args:
        location: the location.
        address: the folder of the workspace.
        allowed: the prefixes that the operator of the server has allowed, such as `s3://team/`.
        what: what the location is, for error messages.

    Raises:
        InvalidValue: the location is neither empty, nor in the workspace, nor below an allowed prefix.
    """
    if not location:
        return None
    if is_allowed(location, allowed) or path_inside(location, address) is not None:
        return location
    places = " or ".join(["be empty", "begin with mlflow-artifacts:/", *(f"begin with {one}" for one in allowed)])
    raise InvalidValue(what, location[:MOST_CHARACTERS], f"must {places}, without special characters")


def path_inside(location: str, address: str) -> str | None:
    """Return the path of a location below the artifacts folder of the workspace; None if it is elsewhere.

    The forms are `mlflow-artifacts:/<path>`, and the `bridge:` URI of the workspace's own folder.
    """
    if location.startswith(f"{SCHEME}:"):
        try:
            return _below(folder_of_uri(location), f"{address}/{FOLDER_OF_ARTIFACTS}/")
        except InvalidValue:
            return None
    parts = _parts(location)
    if parts is None or parts.netloc or parts.scheme != PROXY or location.startswith(f"{PROXY}://"):
        return None
    return _below(parts.path, "/")


def is_allowed(location: str, allowed: Sequence[str]) -> bool:
    """Return whether a location is below one of the prefixes."""
    parts = _parts(location)
    if parts is None:
        return False
    for prefix in allowed:
        wanted = urlsplit(prefix)
        if (parts.scheme, parts.netloc) != (wanted.scheme, wanted.netloc):
            continue
        if _below(parts.path, f"{wanted.path.rstrip('/')}/") is not None:
            return True
    return False


def check_prefix(prefix: str) -> str:
    """Check a prefix that the operator of a server allows, and return it with a slash at its end.

    Raises:
        InvalidValue: the prefix is not an address of object storage.
    """
    parts = _parts(prefix)
    if parts is None or not parts.netloc or parts.scheme in ("file", PROXY, SCHEME, "http", "https"):
        raise InvalidValue(
            "allowed location", prefix, "must be the address of object storage, such as s3://bucket/team/"
        )
    return f"{prefix.rstrip('/')}/"


def _parts(location: str) -> SplitResult | None:
    """Return the parts of a location; None if programs could read the location in different ways."""
    scheme = location.partition(":")[0]
    if len(location) > MOST_CHARACTERS or FORBIDDEN.search(location) or not SCHEME_NAME.fullmatch(scheme):
        return None
    try:
        parts = urlsplit(location)
        _ = parts.port  # raises an error for a port that is not a number
    except ValueError:
        return None
    if parts.scheme != scheme or "@" in parts.netloc or ":" in parts.path:
        return None
    return parts


def _below(path: str, prefix: str) -> str | None:
    """Return the part of a path after the prefix, in its normal form; None if the path is not below the prefix."""
    if not path.startswith(prefix):
        return None
    try:
        return check_artifact_path(path[len(prefix) :].rstrip("/"))
    except InvalidValue:
        return None
