"""Finds the token with which this process identifies itself at a server.

Tokens are never part of an address, a handle, a pickle or the details of a run.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from bridge.errors import NotAllowed
from bridge.journal.system import is_of_handler
from bridge.store.server_records import running_servers

VARIABLE, FILE_VARIABLE, MLFLOW_VARIABLE = "RUNBRIDGE_TOKEN", "RUNBRIDGE_TOKEN_FILE", "MLFLOW_TRACKING_TOKEN"

MOST_BYTES = 65_536

LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))


def find_token(address: str) -> str | None:
    """Return the token for a server; None if this process has none.

    The first of these is used: the variable `RUNBRIDGE_TOKEN`; the file that `RUNBRIDGE_TOKEN_FILE` names, if it has a
    token for this address; the variable `MLFLOW_TRACKING_TOKEN`; and the file in which a server of this user, on this
    computer, has written its token.

    Args:
        address: the address of the workspace, as `bridge.server_address.server_address` returns it.

    Raises:
        NotAllowed: other users may read the file that `RUNBRIDGE_TOKEN_FILE` names.
    """
    return (
        os.environ.get(VARIABLE)
        or _handed_over(address)
        or os.environ.get(MLFLOW_VARIABLE)
        or _of_local_server(address)
        or None
    )


def token_file(address: str, token: str) -> bytes:
    """Return the content of a file for `RUNBRIDGE_TOKEN_FILE`. The token is used only for this address."""
    return json.dumps({"address": address, "token": token}).encode()


def _handed_over(address: str) -> str | None:
    name = os.environ.get(FILE_VARIABLE)
    if not name:
        return None
    found = _read_json(Path(name))
    return found.get("token") if found.get("address") == address else None


def _of_local_server(address: str) -> str | None:
    """Return the token of a server that this user runs on this computer."""
    from urllib.parse import urlsplit

    asked = urlsplit(address)
    if asked.hostname not in LOOPBACK:
        return None
    for record in running_servers():
        served = urlsplit(record["address"])
        if (served.scheme, served.port) == (asked.scheme, asked.port):
            return str(record["token"]) or None
    return None


def _read_json(file: Path) -> dict[str, str]:
    """Return the texts in a file that only this user can read; an empty dict if there is no such file.

    Raises:
        NotAllowed: other users may read the file.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if is_of_handler(error):
            raise
        return {}
    try:
        facts = os.fstat(descriptor)
        if facts.st_uid != os.getuid() or facts.st_mode & 0o077 or not stat.S_ISREG(facts.st_mode):
            raise NotAllowed("use the token in", str(file), "other users may read it: run chmod 600 for this file")
        found = json.loads(os.read(descriptor, MOST_BYTES))
    except ValueError:
        return {}
    finally:
        os.close(descriptor)
    texts = found.items() if isinstance(found, dict) else ()
    return {key: value for key, value in texts if isinstance(value, str)}
