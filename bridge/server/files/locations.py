"""The locations of artifacts that a server accepts from its clients.

A client can name the folder of the files of an experiment, a model or a trace. The server has rights that its clients
do not have, so it accepts a location only in the workspace itself, or below a prefix that its operator has allowed.
It never opens another location, even if an older database contains one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import SplitResult, unquote, urlsplit

from bridge.address import SCHEME, folder_of_uri
from bridge.errors import InvalidValue
from bridge.records.artifact import check_artifact_path

PROXY = "mlflow-artifacts:/"
"""The beginning of locations that a client reaches through the server."""

FOLDER_OF_ARTIFACTS = "artifacts"

MOST_CHARACTERS = 2_048

SCHEME_NAME = re.compile(r"[a-z][a-z0-9+.-]*")

AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\?#%]|[^\x00-\x7f]")
"""Characters with which two programs can read a location in different ways.

An escape can be decoded twice. A letter can become a slash or a dot when it is normalized. The text after `?` or `#`
may belong to the path or not.
"""

LOCAL = frozenset({"bridge", "dbfs", "file", "http", "https", "mlflow-artifacts", "models", "runs"})
"""Schemes that an operator cannot allow, because the server would then read its own files, or those of other hosts."""

OTHER_FOLDERS = frozenset({"environments", "models", "snapshots", "traces"})
"""Names that the first folder of an experiment's own location must not have, because other files are stored there."""


def check_location(
    location: str | None, address: str, allowed: Sequence[str] = (), what: str = "artifact location"
) -> str | None:
    """Check a location that a client has sent, and return it; None if it is empty.

    Args:
        location: the location.
        address: the folder of the workspace.
        allowed: the prefixes that the operator of the server has allowed, such as `s3://team/`.
        what: the meaning of the location, for error messages.

    Raises:
        InvalidValue: the location is neither empty, nor in the workspace, nor below an allowed prefix.
    """
    if not location:
        return None
    if is_allowed(location, allowed) or path_inside(location, address) is not None:
        return location
    raise _refused(location, allowed, what)


def check_experiment_location(location: str | None, address: str, allowed: Sequence[str] = ()) -> str | None:
    """Check the location of a new experiment, and return it; None if it is empty.

    In the workspace, it must be a folder that belongs to no other experiment.

    Raises:
        InvalidValue: as for `check_location`, or the folder is not free.
    """
    checked = check_location(location, address, allowed)
    path = path_inside(checked, address) if checked else None
    if checked and path is not None:
        first, *others = path.split("/")
        taken = first.isdecimal() or first.startswith(".") or first in OTHER_FOLDERS
        if taken or FOLDER_OF_ARTIFACTS in others or not checked.startswith(PROXY):
            rule = "must be empty, or begin with mlflow-artifacts:/ and a name that Runbridge does not use itself"
            raise InvalidValue("artifact location", checked, rule)
    return checked


def path_inside(location: str, address: str) -> str | None:
    """Return the path of a location below the artifacts folder of the workspace; None if it is elsewhere.

    The forms are `mlflow-artifacts:/<path>`, and the `bridge:` URI of the workspace's own folder.
    """
    if len(location) > MOST_CHARACTERS:
        return None
    if location.startswith(PROXY):
        path = location[len(PROXY) :].rstrip("/")
        return path if _is_safe(path) else None
    if not location.startswith(f"{SCHEME}:"):
        return None
    try:
        folder, prefix = folder_of_uri(location), f"{address}/{FOLDER_OF_ARTIFACTS}/"
    except InvalidValue:
        return None
    path = folder[len(prefix) :]
    return path if folder.startswith(prefix) and _is_safe(path) else None


def is_allowed(location: str, allowed: Sequence[str]) -> bool:
    """Return whether a location is below one of the prefixes."""
    parts = _parts(location)
    return parts is not None and any(_is_below(parts, urlsplit(prefix)) for prefix in allowed)


def check_prefix(prefix: str) -> str:
    """Check a prefix that the operator of a server allows, and return it with a slash at its end.

    Raises:
        InvalidValue: the prefix is not an address of object storage.
    """
    parts = _parts(prefix)
    if parts is None or not parts.netloc or parts.scheme in LOCAL:
        rule = "must be the address of object storage, such as s3://bucket/team/"
        raise InvalidValue("allowed location", prefix, rule)
    return f"{prefix.rstrip('/')}/"


def _parts(location: str) -> SplitResult | None:
    """Return the parts of a location; None if programs could read the location in different ways."""
    scheme = location.partition(":")[0]
    if len(location) > MOST_CHARACTERS or AMBIGUOUS.search(location) or not SCHEME_NAME.fullmatch(scheme):
        return None
    try:
        parts = urlsplit(location)
        _ = parts.port  # raises an error for a port that is not a number
    except ValueError:
        return None
    return None if "@" in parts.netloc or ":" in parts.path else parts


def _is_below(parts: SplitResult, wanted: SplitResult) -> bool:
    """Return whether a location is below a prefix, whose path ends with a slash."""
    if parts[:2] != wanted[:2] or not parts.path.startswith(wanted.path):
        return False
    return _is_safe(parts.path[len(wanted.path) :].rstrip("/"))


def _is_safe(path: str) -> bool:
    """Return whether a path stays below its folder, even if a program decodes or normalizes it several times."""
    try:
        for _ in range(MOST_CHARACTERS):
            if check_artifact_path(path) != path or "\\" in path or "?" in path or "#" in path:
                return False
            simpler = unicodedata.normalize("NFKC", unquote(path))
            if simpler == path:
                return True
            path = simpler
    except InvalidValue:
        pass
    return False


def _refused(location: str, allowed: Sequence[str], what: str) -> InvalidValue:
    places = ["be empty", "begin with mlflow-artifacts:/", *(f"begin with {prefix}" for prefix in allowed)]
    return InvalidValue(what, location[:MOST_CHARACTERS], f"must {' or '.join(places)}, without special characters")
