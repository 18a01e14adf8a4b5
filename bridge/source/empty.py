"""Recognizes an empty source folder without a scan, because runs are often started in an empty folder."""

from __future__ import annotations

import os

EMPTY = "c0a1f5d5-0000-8000-8000-000000000000"
"""The id of the snapshot of a folder without files. This snapshot exists in every workspace without being stored."""

SNAPSHOT_PROPERTY = "ContentSnapshotId"
"""The property of a run that contains the id of its snapshot.

Source: Azure ML SDK v1, a run's properties.
"""

WRITTEN_BY_RUNS = frozenset(("outputs", "logs", "azureml-logs", "azureml-setup", "mlruns"))
"""Folders in a source folder that do not belong to the source, because runs write them."""


def is_bare(folder: str | os.PathLike[str]) -> bool:
    """Return whether a folder contains no source and git has no facts about it.

    Raises:
        OSError: the path is not that of a folder, or the folder is not readable.
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
