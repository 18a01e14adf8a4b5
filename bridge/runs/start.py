"""Starting an interactive run."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.address import check_folder, check_path_form
from bridge.capture.session import RunSession
from bridge.errors import BridgeError
from bridge.journal.system import is_of_handler
from bridge.records.run import RunChanges, RunRecord
from bridge.records.text import check_text_or_none
from bridge.store.run_place import RunPlace, free_run_id, new_run

if TYPE_CHECKING:
    from bridge.store.workspace_stores import WorkspaceStores

logger = logging.getLogger("bridge")


def start_run(
    stores: WorkspaceStores,
    experiment_id: str,
    name: str | None = None,
    run_id: str | None = None,
    outputs: bool | str | os.PathLike[str] | None = None,
    snapshot_directory: str | os.PathLike[str] | None = None,
    display_name: str | None = None,
    description: str | None = None,
    tags: str | Mapping[str, object] | None = None,
) -> RunSession:
    """Start an interactive run that this process owns; see `Experiment.start_logging`."""
    check_folder("outputs", outputs)
    if snapshot_directory is not None:
        check_path_form("snapshot_directory", snapshot_directory)
    name, display_name = check_text_or_none("name", name), check_text_or_none("display name", display_name)
    record = new_run(
        experiment_id,
        run_id=free_run_id(stores, run_id),
        display_name=display_name or name,
        description=check_text_or_none("description", description),
        tags=tags,
    )
    properties, warnings = _keep_source(stores, record, snapshot_directory)
    if outputs is not False:
        import bridge.capture.capture  # noqa: F401  # if this import fails, no run is created
    stores.tracking.begin_runs([replace(record, properties=properties)])
    session = RunSession(RunPlace(stores, experiment_id, record.id))
    session.own()
    if outputs is not False:
        session.capture_folders(True if outputs is None else outputs, logs=True)
    if warnings:
        session.place.update(RunChanges(warnings=warnings))
    logger.debug("Run %s is Running", record.id)
    return session


def _keep_source(
    stores: WorkspaceStores, run: RunRecord, folder: str | os.PathLike[str] | None
) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Store the source of a run before the run starts. Return properties and warnings for the run."""
    if folder is None:
        return {}, ()
    from bridge.source.empty import EMPTY, SNAPSHOT_PROPERTY, is_bare

    try:
        if is_bare(folder):
            return {SNAPSHOT_PROPERTY: EMPTY}, ()
        from bridge.source.keep import keep_source

        source = keep_source(stores.artifacts, run.artifact_root, folder, workspace_folder=stores.folder)
    except (BridgeError, OSError) as error:
        if is_of_handler(error):
            raise
        return {}, (f"No snapshot was taken of {os.fspath(folder)!r}: {error}",)
    return source.properties, source.warnings
