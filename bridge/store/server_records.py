"""Records of the servers of this user that run now: their addresses, and the tokens with which programs reach them.

A server writes the record `<port>.json` into the folder `servers` in `$BRIDGE_HOME`, which only its user can read, and
keeps it locked. A record without a lock belongs to a server that was killed. If `$BRIDGE_HOME` is shared with other
users, each further user has the folder `servers-<user id>`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bridge.address import home_folder

FORMER_FOLDER = ".portal-{user}"
"""The folder of records of version 0.1, in which a record has one page and no address of the server."""


def records_folder() -> Path:
    """Return the folder of this user's records. It need not exist."""
    folder = home_folder() / "servers"
    try:
        return folder if folder.lstat().st_uid == os.getuid() else folder.with_name(f"servers-{os.getuid()}")
    except OSError:
        return folder


def make_records_folder() -> Path:
    """Create the folder of this user's records, which other users cannot read, and return it.

    Raises:
        OSError: the folder cannot be created, or belongs to another user.
    """
    home_folder().mkdir(parents=True, exist_ok=True)
    folder = records_folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode):
        raise PermissionError(errno.EPERM, "it belongs to another user")
    folder.chmod(0o700)
    return folder


class ServerRecord:
    """The record of a server, as a context manager. The record is removed at the end.

    Args:
        address: the address of the server, without a slash at the end.
        token: the token for programs; empty if programs need one of their own.
        pages: the address of the page of each workspace, by the address of the workspace.
        read_only: whether the pages cannot change anything.

    Raises:
        OSError: the record cannot be written.
    """

    def __init__(self, address: str, token: str, pages: Mapping[str, str], read_only: bool = False) -> None:
        self._port = urlsplit(address).port
        self._content = {
            "address": address,
            "token": token,
            "process": os.getpid(),
            "read_only": read_only,
            "pages": dict(pages),
            "computer": os.uname().nodename,
        }
        self._file: Path | None = None
        self._descriptor: int | None = None

    def __enter__(self) -> None:
        import fcntl
        import json

        folder = make_records_folder()
        self._file = folder / f"{self._port}.json"
        found = _read(self._file)
        if found is not None and found["computer"] != self._content["computer"]:  # the home folder is on a network
            self._file = folder / f"{self._port}-{self._content['computer']}.json"
        new = self._file.with_suffix(f".{os.getpid()}")
        new.unlink(missing_ok=True)
        self._descriptor = os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)  # before others can see the record
        os.write(self._descriptor, json.dumps(self._content).encode())
        new.rename(self._file)

    def __exit__(self, *raised: object) -> None:
        assert self._descriptor is not None and self._file is not None
        self._file.unlink(missing_ok=True)
        os.close(self._descriptor)


def running_servers() -> Iterator[dict[str, Any]]:
    """Yield the records of the servers that run now on this computer, also those of version 0.1."""
    former = home_folder() / FORMER_FOLDER.format(user=os.getuid())
    for file in [*sorted(records_folder().glob("*.json")), *sorted(former.glob("*.json"))]:
        record = _read(file)
        if record is not None and record["computer"] == os.uname().nodename:
            yield record


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
        return _present(json.loads(os.read(descriptor, 1 << 20)))
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _present(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record of version 0.1 in the present form."""
    if "workspace" not in record:
        return record
    page = record["address"]
    return {**record, "address": page.removesuffix("/portal/"), "pages": {record["workspace"]: page}}
