"""Watches leases: finds runs whose owner has ended, and runs whose owner is silent.

A lease names the process that owns a run. The owner renews the lease regularly.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from bridge.journal.folder import JournalFolder
from bridge.journal.system import is_of_handler
from bridge.records.run import Lease
from bridge.store.backend import Backend
from bridge.store.journal_readers import JournalReaders
from bridge.store.owners import owners_of


def seems_over(folder: JournalFolder, readers: JournalReaders, leases: Sequence[Lease]) -> bool:
    """Return whether one of the leases names an owner that seems to have ended or is silent."""
    folder.look()
    listed = folder.sizes()
    owners = owners_of(folder, leases)
    for journal_id in {lease.journal_id for lease in leases}:
        if journal_id not in listed or folder.may_be_closed(journal_id):
            return True
        try:
            with folder.lock_of(journal_id) as lock:
                header = readers.header(journal_id)
                if owners.look(journal_id, header, lock) == "gone":
                    return True
                if owners.is_silent(journal_id, header, lock):
                    return True
        except FileNotFoundError as error:
            if is_of_handler(error):
                raise
            return True
    return False


def end_lost_leases(inner: Backend, folder: JournalFolder, readers: JournalReaders) -> None:
    """End runs that no launcher has claimed, and runs whose owner's journal was removed.

    If the owner of a Running run is silent, the run becomes NotResponding.
    """
    inner.end_unclaimed(time.time_ns() // 1_000_000)
    leases = inner.get_leases()
    if not leases:
        return
    gone, silent = {}, set()
    owners = owners_of(folder, leases)
    for journal_id in {lease.journal_id for lease in leases}:
        try:
            with folder.lock_of(journal_id) as lock:
                if owners.is_silent(journal_id, readers.header(journal_id), lock):
                    silent.add(journal_id)
        except FileNotFoundError as error:
            if is_of_handler(error):
                raise
            gone[journal_id] = 0
    inner.end_leases(gone, silent)
