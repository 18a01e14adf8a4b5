"""The access log: one line of JSON for each request."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from bridge.errors import StoreUnavailable

STANDARD_OUTPUT = "-"


class AccessLog:
    """A file to which lines are appended. If it was renamed, for example by logrotate, a new one is created.

    A line contains no query and no header. Control characters and all characters beyond ASCII are escaped.

    Args:
        path: the file; `-` is the standard output.

    Raises:
        StoreUnavailable: the file cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._path = None if path == STANDARD_OUTPUT else Path(path)
        self._identity = (0, 0)
        self._file = self._opened()

    def write(self, fields: Mapping[str, Any]) -> None:
        """Append a line. If that fails, for example because the disk is full, the line is lost."""
        try:
            self._file.write(json.dumps(fields, separators=(",", ":")) + "\n")
            self._file.flush()
        except OSError:
            return

    def reopen_if_moved(self) -> None:
        """Create the file again if it was renamed or removed. The server calls this about once a second."""
        if self._path is None:
            return
        try:
            state = os.stat(self._path)
            is_moved = (state.st_dev, state.st_ino) != self._identity
        except OSError:
            is_moved = True
        if is_moved:
            old = self._file
            try:
                self._file = self._opened()
            except StoreUnavailable:
                return
            old.close()

    def _opened(self) -> TextIO:
        if self._path is None:
            return sys.stdout
        try:
            opened = open(self._path, "a", encoding="ascii")  # it stays open
        except OSError as error:
            raise StoreUnavailable(str(self._path), error.strerror or str(error)) from error
        state = os.fstat(opened.fileno())
        self._identity = state.st_dev, state.st_ino
        return opened

    def close(self) -> None:
        """Close the file."""
        if self._path is not None:
            self._file.close()
