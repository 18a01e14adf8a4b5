"""Stores the source of a run: a snapshot of its folder, facts from git, and the environment."""

from __future__ import annotations

import os
from typing import NamedTuple

from bridge.errors import BridgeError
from bridge.journal.system import is_of_handler
from bridge.source.empty import SNAPSHOT_PROPERTY
from bridge.source.git import DIFF_PATH, git_facts
from bridge.source.recorded_environment import ENVIRONMENT_PROPERTY, keep_environment
from bridge.source.snapshot import take_snapshot
from bridge.store.artifacts import ArtifactStore


class Source(NamedTuple):
    """The stored source of a run.

    Attributes:
        snapshot_id: the id of the snapshot; None if no snapshot was stored.
        properties: the properties for the run.
        warnings: the warnings for the run.
    """

    snapshot_id: str | None
    properties: dict[str, str]
    warnings: tuple[str, ...] = ()


def keep_source(
    artifacts: ArtifactStore,
    run_root: str,
    folder: str | os.PathLike[str],
    *,
    workspace_folder: str | os.PathLike[str] | None = None,
    has_packages: bool = True,
) -> Source:
    """Store the snapshot of a folder, the environment, and the changes that are not committed to git.

    The changes are stored as an artifact of the run.

    Args:
        artifacts: the artifact store.
        run_root: the artifact root of the run. The changes are stored there.
        folder: the source folder.
        workspace_folder: a folder that is excluded from the snapshot.
        has_packages: whether the run uses the Python of this process, so that its packages are stored.

    Raises:
        NotFound: the folder does not exist.
    """
    snapshot = take_snapshot(artifacts, folder, workspace_folder=workspace_folder)
    git = git_facts(folder)
    if git.diff:
        artifacts.put(run_root, DIFF_PATH, git.diff)
    properties, warnings = dict(git.properties), snapshot.warnings
    if snapshot.id is not None:
        properties[SNAPSHOT_PROPERTY] = snapshot.id
    try:
        properties[ENVIRONMENT_PROPERTY] = keep_environment(artifacts, has_packages)
    except BridgeError as error:  # for example, the disk is full: the source is stored nevertheless
        if is_of_handler(error):
            raise
        warnings += (f"The environment was not recorded: {error}",)
    return Source(snapshot.id, properties, warnings)
