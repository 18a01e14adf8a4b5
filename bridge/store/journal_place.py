"""The folder on this computer in which points wait for a server."""

from __future__ import annotations

import os
from pathlib import Path

from bridge.address import home_folder
from bridge.errors import InvalidValue, StoreUnavailable
from bridge.journal.system import is_of_handler


def journal_folder(workspace_id: str) -> Path:
    """Return the folder of the journals of a workspace on a server: below `BRIDGE_JOURNAL`, else `$BRIDGE_HOME`.

    The folder is created if it does not exist. Only its user can read it.

    Raises:
        StoreUnavailable: the folder cannot be created.
        InvalidValue: `BRIDGE_JOURNAL` is not an absolute path.
    """
    given = os.environ.get("BRIDGE_JOURNAL")
    above = Path(given).expanduser() if given else home_folder() / "journal"
    if not above.is_absolute():
        raise InvalidValue("BRIDGE_JOURNAL", given, "must be an absolute path")
    folder = above / workspace_id
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        if is_of_handler(error):
            raise
        reason = f"the points of workspaces on servers wait here, but {(error.strerror or str(error)).lower()}"
        raise StoreUnavailable(str(folder), f"{reason}: set BRIDGE_JOURNAL to another folder") from error
    return folder
