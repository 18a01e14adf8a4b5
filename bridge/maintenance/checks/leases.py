"""Checks the leases of runs, which name the processes that own them: whether these processes still run."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bridge.errors import SchemaMismatch
from bridge.journal.folder import JournalFolder
from bridge.journal.reader import JournalReader
from bridge.maintenance.checks.journals import owner_of_journal
from bridge.maintenance.examined import Examined
from bridge.maintenance.findings import Finding, found
from bridge.records.run import Lease
from bridge.store.sql import leases

PAUSE_SECONDS = 0.05


def check_leases(examined: Examined) -> Iterator[Finding]:
    """Check the leases of all runs that have not ended. A lease counts only if a second look sees the same one."""
    stale = [lease for lease in examined.read(leases.read) if _has_ended(examined, lease)]
    if not stale:
        return
    time.sleep(PAUSE_SECONDS)
    again = {(lease.run_id, lease.journal_id, lease.time) for lease in examined.read(leases.read)}
    for lease in stale:
        if (lease.run_id, lease.journal_id, lease.time) in again and _has_ended(examined, lease):
            problem = f"The process that owns it and writes the journal {lease.journal_id} has ended."
            yield found("lease.stale", f"run {lease.run_id}", problem, lease.run_id)


def _has_ended(examined: Examined, lease: Lease) -> bool:
    """Return whether the process that owns a run has ended: its journal is closed or gone, or the process is gone.

    The server ends the runs of clients. Their journals are on other computers.
    """
    if lease.delivered:
        return False
    folder = JournalFolder(examined.journals)
    try:
        folder.look()
        reader = JournalReader(folder, lease.journal_id)
        age = time.time() - folder.written_at(lease.journal_id) / 1e9
        with folder.lock_of(lease.journal_id) as lock:
            owner = owner_of_journal(None if reader.header_damaged else reader.header, lock, age)
        return folder.may_be_closed(lease.journal_id) or owner == "gone"
    except FileNotFoundError:
        return True
    except (SchemaMismatch, PermissionError):
        return False
    finally:
        folder.close()
