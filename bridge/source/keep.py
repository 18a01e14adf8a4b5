"""What is kept of the source of a run: a snapshot of its folder, and what git knows of it."""

from __future__ import annotations

import os
from typing import NamedTuple

from bridge.source.empty import SNAPSHOT_PROPERTY
from bridge.source.git import DIFF_PATH, git_facts
from bridge.source.snapshot import take_snapshot
from bridge.store.artifacts import ArtifactStore


class Source(NamedTuple):
    """What was kept: the snapshot's id (None if there is none), properties and warnings of the run."""

    snapshot_id: str | None
    properties: dict[str, str]
    warnings: tuple[str, ...] = ()


def keep_source(
    artifacts: ArtifactStore,
    run_root: str,
    folder: str | os.PathLike[str],
    *,
    workspace_folder: str | os.PathLike[str] | None = None,
) -> Source:
    """Keep a folder's snapshot, and as an artifact of the run what is not committed to git.

    Args:
        artifacts: where.
        run_root: the run's artifact root, for the diff.
        folder: the source folder.
        workspace_folder: a folder that is left out of the snapshot.

    Raises:
        NotFound: there is no such folder.
    """
    snapshot = take_snapshot(artifacts, folder, workspace_folder=workspace_folder)
    git = git_facts(folder)
    if git.diff:
        artifacts.put(run_root, DIFF_PATH, git.diff)
    properties = dict(git.properties)
    if snapshot.id is not None:
        properties[SNAPSHOT_PROPERTY] = snapshot.id
    return Source(snapshot.id, properties, snapshot.warnings)
