"""Writes the small files in which a client keeps what waits for a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bridge.journal.whole_file import written_whole


def write_json(file: Path, entry: dict[str, Any], fsync: bool) -> None:
    """Write a file that only this user can read. Other processes see all of it or nothing.

    Args:
        file: the path of the file, which is replaced if it exists.
        entry: the content.
        fsync: wait until the file is on the disk.

    Raises:
        OSError: the file cannot be written.
    """
    with written_whole(file, fsync=fsync) as part:
        part.touch(0o600)
        part.write_text(json.dumps(entry), encoding="utf-8")
