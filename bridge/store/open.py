"""From an address to the stores behind it."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.store.artifacts import ArtifactStore
from bridge.store.tracking import TrackingStore


@dataclass(frozen=True, slots=True)
class Opened:
    """An open workspace: what it is called, and the two stores that everything goes through.

    `address` is the absolute path of the folder.
    `root` is where artifacts lie, `<folder>/artifacts`.
    """

    address: str
    id: str
    name: str
    tracking: TrackingStore
    artifacts: ArtifactStore
