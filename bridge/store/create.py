"""Creates a workspace in a folder."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.errors import AlreadyExists, BridgeError, InvalidValue, NotAllowed, NotFound, StoreUnavailable
from bridge.journal.system import is_of_handler
from bridge.journal.whole_file import written_whole
from bridge.records.run import new_run_id
from bridge.records.text import RULE
from bridge.store.durability import Durability, durability_of
from bridge.store.layout import ARTIFACTS, DATABASE, JOURNAL
from bridge.store.open import open_store
from bridge.store.open_stores import was_open
from bridge.store.sql.sqlite import create_sqlite
from bridge.store.workspace_stores import WorkspaceStores

logger = logging.getLogger("bridge")


def create_store(
    folder: str | Path,
    name: str,
    exist_ok: bool = False,
    shared: bool = False,
    durability: Durability | None = None,
    azure_values: Mapping[str, Any] | None = None,
) -> WorkspaceStores:
    """Create a workspace in a folder and open it.

    Args:
        folder: the folder, which is created if it does not exist. Other files in the folder are not changed.
        name: the name of the workspace.
        exist_ok: if the folder already contains a workspace, open it instead of raising an error.
        shared: members of the folder's group may write to the workspace.
        durability: the durability of points. None means `BRIDGE_DURABILITY` if it is set, else "process".
        azure_values: the values of Azure ML arguments, which are stored with the workspace as JSON.

    Raises:
        AlreadyExists: the folder contains a workspace, and `exist_ok` is not set.
        InvalidValue: the path, or a part of it, is a file, or no folder can have this path.
        NotAllowed: this process may not write to the folder.
        StoreUnavailable: the file system reports another error, or does not support file locks.
    """
    path = _folder_of(folder)
    chosen = durability_of(durability)
    if (path / DATABASE).exists():
        if not exist_ok:
            raise AlreadyExists("workspace", str(path), "open it with Workspace.open, or pass exist_ok=True")
        return open_store(path, durability)
    _make(path, name, shared, chosen, azure_values)
    return open_store(path, durability)


def ensure_store(folder: str | Path) -> WorkspaceStores:
    """Open the workspace in a folder. If the folder does not exist, create it with a workspace, and log a warning.

    If several processes call this at the same time, one of them creates the workspace.
    Other processes see no workspace until it is complete.

    Args:
        folder: the folder of the workspace. It is created only if its parent folder exists, and if this process has
            not opened a workspace in it before: a workspace that a user removed must stay removed.

    Raises:
        NotFound: the folder exists but contains no workspace, or it does not exist and one of the two conditions for
            creating it is not met.
        NotAllowed: this process may not write to the parent folder.
    """
    path = _folder_of(folder)
    if not os.path.lexists(path):
        _make_missing(path)
    return open_store(path)


def _make_missing(path: Path) -> None:
    if was_open(path) and not os.path.lexists(path):  # if the folder exists now, another thread has just created it
        raise NotFound("workspace", str(path), "its folder was removed after this process had opened it")
    if not path.parent.is_dir():
        create = f"Workspace.create({path.name!r}, path={str(path)!r})"
        raise NotFound("workspace", str(path), f"its parent folder does not exist. {create} creates both folders")
    try:
        with written_whole(path) as part:
            _make(part, path.name, False, durability_of(None), None)
        logger.warning("Created the workspace %s in %s, because this folder did not exist.", path.name, path)
    except BridgeError:
        if not os.path.lexists(path):  # if the folder exists now, another process has just created it
            raise
    except OSError as error:
        if is_of_handler(error):
            raise
        if not os.path.lexists(path):
            raise StoreUnavailable(str(path), (error.strerror or str(error)).lower()) from error


def _folder_of(folder: str | Path) -> Path:
    """Return the absolute path of a workspace's folder.

    Raises:
        InvalidValue: the path cannot be encoded, so no folder can have it.
    """
    path = Path(folder).absolute()
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        raise InvalidValue("workspace folder", str(path), RULE) from error
    return path


def _make(path: Path, name: str, shared: bool, chosen: Durability, azure_values: Mapping[str, Any] | None) -> None:
    """Create a workspace in a folder. Create the folder if it does not exist."""
    facts = {"id": new_run_id(), "name": name, "durability": chosen, "created": str(time.time_ns() // 1_000_000)}
    if azure_values:
        import json

        facts["details"] = json.dumps(azure_values)
    try:
        _make_folders(path, facts, shared)
    except OSError as error:
        if is_of_handler(error):
            raise
        rule = "must be a folder, but "
        if isinstance(error, NotADirectoryError):
            raise InvalidValue("workspace folder", str(path), rule + "a part of this path is a file") from error
        if isinstance(error, FileExistsError):
            raise InvalidValue("workspace folder", str(path), rule + "is a file") from error
        if isinstance(error, PermissionError):
            raise NotAllowed("create a workspace in", str(path), error.strerror or "permission denied") from error
        raise StoreUnavailable(str(path), error.strerror or str(error)) from error


def _make_folders(path: Path, facts: dict[str, str], shared: bool) -> None:
    path.mkdir(parents=True, exist_ok=True)
    shared = shared or bool(path.stat().st_mode & 0o2000)
    if shared:
        path.chmod(path.stat().st_mode | 0o2070)
    for part in (JOURNAL, ARTIFACTS):
        (path / part).mkdir(exist_ok=True)
        if shared:
            (path / part).chmod(0o2775)
    create_sqlite(path / DATABASE, facts, mode=0o664 if shared else 0o644)
