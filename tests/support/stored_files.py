"""Files of runs, stored and changed as a process does it."""

from __future__ import annotations

import os

from bridge import Run
from bridge.store.artifacts import ArtifactStore
from bridge.store.one_run import get_run
from bridge.store.open import open_store


def place_of(run: Run) -> tuple[ArtifactStore, str]:
    """Return the store and the root of the artifacts of a run."""
    stores = open_store(run.experiment.workspace.path)
    return stores.artifacts, get_run(stores.tracking, run.id).artifact_root


def put(run: Run, path: str, content: bytes | None = None) -> None:
    artifacts, root = place_of(run)
    artifacts.put(root, path, os.urandom(100_000) if content is None else content)


def append(run: Run, path: str, content: bytes) -> None:
    artifacts, root = place_of(run)
    artifacts.append(root, path, content)


def remove(run: Run, path: str) -> None:
    artifacts, root = place_of(run)
    artifacts.delete(root, path)
