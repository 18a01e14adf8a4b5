"""The snapshot of a run's source: taking it, and writing it back."""

from __future__ import annotations

import os
import tempfile

from bridge.address import check_local_path
from bridge.errors import InvalidState, InvalidValue, NotFound
from bridge.records.run import RunChanges
from bridge.source.empty import SNAPSHOT_PROPERTY
from bridge.source.snapshot import take_snapshot, write_snapshot_zip
from bridge.store.run_place import RunPlace


def snapshot_run(place: RunPlace, file_or_folder_path: str | os.PathLike[str]) -> str:
    """Store the source of a run and return the snapshot's id; see `Run.take_snapshot`."""
    if existing := place.record().properties.get(SNAPSHOT_PROPERTY):
        rule = "without a snapshot: a run has only one"
        raise InvalidState("run", place.run_id, f"already stored with snapshot {existing}", rule)
    source = check_local_path("file_or_folder_path", file_or_folder_path)
    snapshot = take_snapshot(place.stores.artifacts, source, workspace_folder=place.stores.folder)
    if snapshot.id is None:
        raise InvalidValue("file_or_folder_path", str(file_or_folder_path), snapshot.warnings[0].rstrip("."))
    place.update(RunChanges(properties={SNAPSHOT_PROPERTY: snapshot.id}, warnings=snapshot.warnings))
    return snapshot.id


def snapshot_id(place: RunPlace) -> str:
    """Return the id of a run's snapshot.

    Raises:
        NotFound: the run has no snapshot.
    """
    found = place.record().properties.get(SNAPSHOT_PROPERTY)
    if found is None:
        raise NotFound("snapshot", place.run_id, "the run has no snapshot; take one with run.take_snapshot")
    return found


def write_snapshot(place: RunPlace, id: str | None, path: str | os.PathLike[str] | None) -> str:
    """Write a snapshot as a zip file and return its absolute path; see `Run.restore_snapshot`."""
    folder = tempfile.gettempdir() if path is None else check_local_path("path", path)
    return str(write_snapshot_zip(place.stores.artifacts, id or snapshot_id(place), folder))
