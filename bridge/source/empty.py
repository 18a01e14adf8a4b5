"""The source of a run that has none: known at once, which is what starting in a fresh folder should cost."""

from __future__ import annotations

import os

EMPTY = "c0a1f5d5-0000-8000-8000-000000000000"
"""The snapshot of a folder without files: everybody has it, and nothing is stored."""

SNAPSHOT_PROPERTY = "ContentSnapshotId"
"""The property of a run that names its snapshot.

Source: Azure ML SDK v1, a run's properties.
"""

WRITTEN_BY_RUNS = frozenset(("outputs", "logs", "azureml-logs", "azureml-setup", "mlruns"))
"""Folders in the root of a source that are none of it."""


def is_bare(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder has nothing but what runs write into it, and belongs to no git repository.

    Raises:
        OSError: it is no folder, or may not be read.
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
