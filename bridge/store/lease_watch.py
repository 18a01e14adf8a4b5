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
from bridge.store.remote_owners import RemoteOwners


class LeaseWatch:
    """Watches the leases of a workspace, whose journals are in its folder or on the computers of clients.

    Args:
        inner: the backend.
        folder: the folder of journals.
        readers: the readers of the journals.
    """

    def __init__(self, inner: Backend, folder: JournalFolder, readers: JournalReaders) -> None:
        self._inner, self._folder, self._readers = inner, folder, readers
        self._remote = RemoteOwners()

    def seems_over(self) -> bool:
        """Return whether the owner of a run seems to have ended or is silent. A fold then calls `end_lost`."""
        leases = self._inner.get_leases()
        if self._remote.is_news(self._remote.judge(leases)):
            return True
        local = [lease for lease in leases if not lease.delivered]
        return bool(local) and self._seems_over(local)

    def end_lost(self) -> None:
        """End runs that no launcher has claimed, and runs whose owner's journal was removed.

        If the owner of a Running run is silent, the run becomes NotResponding.
        """
        self._inner.end_unclaimed(time.time_ns() // 1_000_000)
        leases = self._inner.get_leases()
        if not leases:
            return
        gone, silent = self._lost([lease for lease in leases if not lease.delivered])
        remote = self._remote.judge(leases)
        self._inner.end_leases({**gone, **remote.gone}, silent | remote.silent)
        self._remote.report(remote)

    def _seems_over(self, leases: Sequence[Lease]) -> bool:
        folder, readers = self._folder, self._readers
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

    def _lost(self, leases: Sequence[Lease]) -> tuple[dict[str, int], set[str]]:
        gone: dict[str, int] = {}
        silent: set[str] = set()
        owners = owners_of(self._folder, leases)
        for journal_id in {lease.journal_id for lease in leases}:
            try:
                with self._folder.lock_of(journal_id) as lock:
                    if owners.is_silent(journal_id, self._readers.header(journal_id), lock):
                        silent.add(journal_id)
            except FileNotFoundError as error:
                if is_of_handler(error):
                    raise
                gone[journal_id] = 0
        return gone, silent


class ClientWatch(LeaseWatch):
    """Watches the journals that a client of a server has on its computer.

    The server watches all leases; see `bridge.store.remote_owners`. Only this computer knows whether the process of a
    journal has ended: a fold delivers the rest of its journal and ends its runs.
    """

    def seems_over(self) -> bool:
        """Return whether the process of a journal in the folder seems to have ended."""
        self._folder.look()
        for journal_id in self._folder.sizes():
            try:
                with self._folder.lock_of(journal_id) as lock:
                    if lock == "free":
                        return True
            except FileNotFoundError as error:
                if is_of_handler(error):
                    raise
        return False

    def end_lost(self) -> None:
        """Do nothing: the server does this."""
