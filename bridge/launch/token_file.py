"""Gives a script the token of a server in a file, so that the token is in no environment, argument or record."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bridge.address import home_folder
from bridge.store.token import FILE_VARIABLE, MLFLOW_VARIABLE, VARIABLE, find_token, token_file


class TokenFile:
    """The file with the token of one script, which only this user can read. The launcher keeps it locked.

    Files without a lock belong to launchers that were killed. They are removed here.

    Attributes:
        path: the file; None if this process has no token for the server.

    Args:
        address: the address of the workspace.
        run_id: the run of the script.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, address: str, run_id: str) -> None:
        self._token = find_token(address)
        self.path: Path | None = None
        self._descriptor = -1
        if self._token is None:
            return
        folder = home_folder() / "tokens"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in _left_behind(folder):
            left.unlink(missing_ok=True)
        path = folder / f"{run_id}.json"
        self._descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self.path = path
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        os.write(self._descriptor, token_file(address, self._token))

    def replace_in(self, variables: dict[str, str]) -> None:
        """Remove the token from environment variables, and name the file instead."""
        for name in (VARIABLE, MLFLOW_VARIABLE):
            if self._token is not None and variables.get(name) == self._token:
                del variables[name]
        if self.path is not None:
            variables[FILE_VARIABLE] = str(self.path)

    def remove(self) -> None:
        """Remove the file; idempotent."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self.path = None


def _left_behind(folder: Path) -> Iterator[Path]:
    """Return the files of launchers that have ended without removing them."""
    for file in folder.glob("*.json"):
        with suppress(OSError):
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_size:  # an empty file is being written, and is locked in a moment
                    yield file
            finally:
                os.close(descriptor)
