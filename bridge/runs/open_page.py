"""The addresses of the pages that show runs: of a server that runs now, or the command that starts one.

A server that shows a workspace writes a record into the folder `.portal-<user id>` in `$BRIDGE_HOME`, which only its
user can read, and keeps it locked. A record without a lock belongs to a server that was killed.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.address import home_folder

if TYPE_CHECKING:
    from bridge.store.workspace_stores import WorkspaceStores


class OpenPage(NamedTuple):
    """A server that shows a workspace now.

    Attributes:
        address: the address of its home page, which ends with a slash.
        token: the token for programs.
        process_id: its process.
        read_only: whether its page cannot change anything.
    """

    address: str
    token: str
    process_id: int
    read_only: bool


def portal_url(stores: WorkspaceStores, place: str) -> str:
    """Return the address of a page if a server shows the workspace now, else the command that opens the page.

    Args:
        stores: the workspace.
        place: the page, such as `runs/<id>`.
    """
    page = find_open_page(stores)
    return f"{page.address}{place}" if page else ui_command(stores, place)


def ui_command(stores: WorkspaceStores, place: str = "") -> str:
    """Return the terminal command that opens a page of the workspace in a browser."""
    command = f"runbridge ui {shlex.quote(stores.address)}"
    return f"{command} --page {shlex.quote(place)}" if place else command


def find_open_page(stores: WorkspaceStores, read_only: bool | None = None) -> OpenPage | None:
    """Return a server of this user that shows the workspace now on this computer.

    Args:
        stores: the workspace.
        read_only: find only a server whose page can or cannot change the workspace. None means any server.
    """
    for file in sorted(records_folder().glob(f"{stores.id}-*.json")):
        record = _read(file)
        if record is None or (record["workspace"], record["computer"]) != (stores.address, os.uname().nodename):
            continue
        if read_only is None or record["read_only"] == read_only:
            return OpenPage(record["address"], record["token"], record["process"], record["read_only"])
    return None


def records_folder() -> Path:
    """Return the folder of this user's records. It need not exist."""
    return home_folder() / f".portal-{os.getuid()}"


def make_records_folder() -> Path:
    """Create the folder of this user's records, which other users cannot read, and return it.

    Raises:
        OSError: the folder cannot be created, or belongs to another user.
    """
    folder = records_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode):
        raise PermissionError(errno.EPERM, "it belongs to another user")
    folder.chmod(0o700)
    return folder


class PageRecord:
    """The record of a server that shows a workspace, as a context manager. The record is removed at the end.

    Args:
        stores: the workspace.
        page: the server.

    Raises:
        OSError: the record cannot be written.
    """

    def __init__(self, stores: WorkspaceStores, page: OpenPage) -> None:
        port = page.address.split("/")[2].rpartition(":")[2]
        self._file = records_folder() / f"{stores.id}-{port}.json"
        self._content = {
            "address": page.address,
            "token": page.token,
            "process": page.process_id,
            "read_only": page.read_only,
            "workspace": stores.address,
            "computer": os.uname().nodename,
        }
        self._descriptor: int | None = None

    def __enter__(self) -> None:
        import fcntl
        import json

        make_records_folder()
        new = self._file.with_suffix(f".{os.getpid()}")
        new.unlink(missing_ok=True)
        self._descriptor = os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)  # before others can see the record
        os.write(self._descriptor, json.dumps(self._content).encode())
        new.rename(self._file)

    def __exit__(self, *raised: object) -> None:
        assert self._descriptor is not None
        self._file.unlink(missing_ok=True)
        os.close(self._descriptor)


def _read(file: Path) -> dict[str, Any] | None:
    """Return a record if its server runs. Otherwise remove it."""
    import fcntl
    import json

    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if os.fstat(descriptor).st_uid != os.getuid():
            return None
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        file.unlink(missing_ok=True)
        return None
    except BlockingIOError:  # its server holds the lock
        record: dict[str, Any] = json.loads(os.read(descriptor, 65_536))
        return record
    except OSError:
        return None
    finally:
        os.close(descriptor)
