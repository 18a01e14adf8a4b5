"""Gives back the space that a workspace does not need, while other processes write to it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bridge.errors import NotAllowed
from bridge.maintenance.backup import COMPANION
from bridge.maintenance.leftovers import remove_leftovers
from bridge.maintenance.progress import Meter, Progress
from bridge.maintenance.shrink import (
    empty_log,
    file_bytes,
    is_incremental,
    rewrite,
    rewrite_other,
    shrink,
    space_of,
)
from bridge.store.layout import DATABASE
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.database_file import NO_ACCESS
from bridge.store.sql.sqlite import open_sqlite
from bridge.store.workspace_stores import WorkspaceStores

SMALL_BYTES = 32 << 20
"""The greatest content of a database that is rewritten without being asked for. It takes less than a second."""

REWRITTEN_BYTES_PER_SECOND = 50_000_000
"""About how many bytes a rewrite writes in a second. The duration of a rewrite is estimated with it."""

PAUSE_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class VacuumReport:
    """The result of a vacuum.

    Attributes:
        database_bytes: how much smaller the databases are. Negative if other processes have stored more.
        leftover_bytes: the size of the removed files.
        longest_wait_seconds: the longest time for which other processes could not write to the database. Log calls
            never wait.
        rewrite_seconds: how long a rewrite of the database would take, about, if only a rewrite gives back space;
            else None. Pass `full` to rewrite it.
    """

    database_bytes: int
    leftover_bytes: int
    longest_wait_seconds: float
    rewrite_seconds: float | None = None

    @property
    def given_back_bytes(self) -> int:
        """The bytes that the workspace needs less than before."""
        return self.database_bytes + self.leftover_bytes


def vacuum(stores: WorkspaceStores, *, full: bool = False, progress: Progress | None = None) -> VacuumReport:
    """Give back space: finish permanent deletions, compress points, remove leftover files, and shrink the database.

    Other processes may write to the workspace. They wait for short steps of about 10 ms, and log calls never wait.
    A database that an earlier version has created cannot be shrunk in steps. It is rewritten once if it is small, or if
    `full` is set. Other processes then wait for the whole rewrite before they can store anything except points.

    Args:
        stores: the workspace.
        full: rewrite the databases, also that with MLflow's tables.
        progress: called with the bytes of the database that were given back, and their total.

    Raises:
        NotAllowed: this process may not write to the workspace.
        StoreUnavailable: another process writes for too long, or the disk is full.
    """
    folder = stores.local_folder("vacuum")
    if not stores.is_writable:
        raise NotAllowed("vacuum", stores.address, NO_ACCESS)
    names = [folder / name for name in (DATABASE, COMPANION) if (folder / name).exists()]
    before = sum(map(file_bytes, names))
    stores.tracking.get_leases()  # folds the journals, and removes those of ended processes
    stores.tracking.resume_purge()
    removed = remove_leftovers(stores)
    backend = open_sqlite(folder / DATABASE)
    try:
        _tidy(backend)
        waited, rewrite_seconds = _shrink(backend, full, Meter(progress))
    finally:
        backend.close()
    if full and (folder / COMPANION).exists():
        waited = max(waited, rewrite_other(folder / COMPANION))
    after = sum(map(file_bytes, names))
    return VacuumReport(before - after, removed, waited, rewrite_seconds)


def _tidy(backend: SqlBackend) -> None:
    """Compress the points of runs that have ended, and do other work that may wait, in short steps."""
    while backend.tidy():
        time.sleep(PAUSE_SECONDS)


def _shrink(backend: SqlBackend, full: bool, meter: Meter) -> tuple[float, float | None]:
    """Give back the free pages of the database.

    Returns:
        The longest time for which other processes could not write, and the duration of a rewrite if only a rewrite
        gives back space.
    """
    database = backend.database
    space = space_of(database)
    meter.expect(space.free_bytes)
    content = space.size_bytes - space.free_bytes
    if full or (not is_incremental(database) and content <= SMALL_BYTES):
        waited = rewrite(database)
    elif is_incremental(database):
        waited = shrink(database, meter)
    else:
        empty_log(database)
        return 0.0, max(1.0, content / REWRITTEN_BYTES_PER_SECOND) if space.free_bytes else None
    empty_log(database)
    meter.finish()
    return waited, None
