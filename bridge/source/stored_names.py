"""The names of the files that all snapshots share. The content of such a file determines its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bridge.errors import InvalidValue
from bridge.source.manifest import content_path, manifest_path, snapshot_id_of
from bridge.source.recorded_environment import environment_id_of, environment_path

NAMES: Mapping[str, Callable[[str], str]] = {
    "files": content_path,
    "trees": lambda sha256: manifest_path(snapshot_id_of(sha256)),
    "environments": lambda sha256: environment_path(environment_id_of(sha256)),
}
"""For each folder below the root of the snapshots, the path of a file whose content has a given SHA-256."""


def check_stored_name(path: str, sha256: str) -> None:
    """Check that a file below the root of the snapshots has the name that its content determines.

    Args:
        path: the artifact path.
        sha256: the SHA-256 of the content.

    Raises:
        InvalidValue: the content has another name, so it would replace the content of other snapshots.
    """
    name_of = NAMES.get(path.partition("/")[0])
    if name_of is None or name_of(sha256) != path:
        rule = "must be the name that the SHA-256 of its content determines, because all snapshots share their files"
        raise InvalidValue("artifact path", path, rule)
