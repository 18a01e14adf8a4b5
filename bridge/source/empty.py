"""The source of a run that has none. It is found fast, because a run is often started in an empty folder."""

from __future__ import annotations

import os

EMPTY = "c0a1f5d5-0000-8000-8000-000000000000"
"""The snapshot of a folder without files. It exists in every workspace, and nothing is stored for it."""

SNAPSHOT_PROPERTY = "ContentSnapshotId"
"""The property of a run that names its snapshot.

Source: Azure ML SDK v1, a run's properties.
"""

WRITTEN_BY_RUNS = frozenset(("outputs", "logs", "azureml-logs", "azureml-setup", "mlruns"))
"""Folders in the root of a source folder that do not belong to the source."""


def is_bare(folder: str | os.PathLike[str]) -> bool:
    """Return whether a folder contains only folders that runs write, and belongs to no git repository.

    Raises:
        OSError: it is not a folder, or is not readable.
    """
    for name in os.listdir(folder):
        if name not in WRITTEN_BY_RUNS or not os.path.isdir(os.path.join(folder, name)):
            return False
    return not any(name.startswith("AZUREML_GIT_") for name in os.environ) and not _is_in_repository(folder)


def _is_in_repository(folder: str | os.PathLike[str]) -> bool:
    place = os.path.realpath(folder)
    while not os.path.exists(os.path.join(place, ".git")):
        above = os.path.dirname(place)
        if above == place:
            return False
        place = above
    return True
