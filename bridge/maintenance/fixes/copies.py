"""The folder of a repair, which gets a copy of everything that the repair changes or moves."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from bridge.maintenance.findings import Finding

REPAIRS = "repairs"
ROWS, REPORT = "rows.db", "report.jsonl"
PAGES_AT_ONCE = 1_000


class Copies:
    """The folder `<workspace>/repairs/<time>`. It is created when it is first needed.

    It contains the former rows in `rows.db`, which has tables like those of the database, the moved files under their
    former paths, and one line for each repaired finding in `report.jsonl`.

    Args:
        workspace: the folder of the workspace.
    """

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder of this repair."""
        if self._folder is None:
            above = self.workspace / REPAIRS
            above.mkdir(exist_ok=True)
            self._share(above)
            name = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
            self._folder = _new_folder(above, name)
            self._share(self._folder)
        return self._folder

    @property
    def exists(self) -> bool:
        """Whether this repair has copied anything."""
        return self._folder is not None

    def _share(self, folder: Path) -> None:
        """Let members of the group add repairs to those of a shared workspace."""
        if self.workspace.stat().st_mode & 0o2000:
            with suppress(PermissionError):
                folder.chmod(0o2775)

    def rows(self, c: sqlite3.Connection, table: str, where: str, values: Sequence[Any]) -> int:
        """Copy rows of a table, and return their number. The copy is complete before the caller changes the rows."""
        columns = [row[1] for row in c.execute(f"PRAGMA table_info({table})").fetchall()]
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" * len(columns))
        with closing(sqlite3.connect(self.folder / ROWS)) as copy, copy:
            copy.execute("PRAGMA synchronous=OFF")  # `report` waits for the disk, while no other process waits
            copy.execute(f"CREATE TABLE IF NOT EXISTS {table} ({names})")
            rows = c.execute(f"SELECT {names} FROM {table} WHERE {where}", values)
            return copy.executemany(f"INSERT INTO {table} VALUES ({marks})", rows).rowcount

    def database(self, name: str) -> None:
        """Copy a whole database, in portions between which other processes can write."""
        with (
            closing(sqlite3.connect(self.workspace / name)) as source,
            closing(sqlite3.connect(self.folder / name)) as target,
        ):
            source.backup(target, pages=PAGES_AT_ONCE)

    def move(self, place: str) -> Path:
        """Move a file of the workspace here, and return its new path. `place` is relative to the workspace."""
        target = self._place(place)
        os.replace(self.workspace / place, target)
        return target

    def file(self, place: str) -> None:
        """Copy a file of the workspace. `place` is relative to the workspace."""
        with suppress(FileNotFoundError):
            shutil.copy2(self.workspace / place, self._place(place))

    def report(self, findings: Sequence[Finding]) -> None:
        """Add the repaired findings to the report, and wait until all copies of rows are on the disk."""
        with (self.folder / REPORT).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(finding.as_json()) + "\n" for finding in findings)
        if (self.folder / ROWS).exists():
            with (self.folder / ROWS).open("rb") as rows:
                os.fsync(rows.fileno())

    def _place(self, place: str) -> Path:
        target = self.folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


def _new_folder(above: Path, name: str) -> Path:
    """Create a folder with a free name that begins with `name`."""
    for number in range(1, 1_000):
        folder = above / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise FileExistsError(str(above / name))
