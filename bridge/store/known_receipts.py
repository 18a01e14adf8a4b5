"""Remembers receipts, so that a delivery to a server needs one request.

A receipt is the byte offset up to which a journal is stored.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from bridge.errors import InvalidState
from bridge.store.wrapper import WrappedBackend

if TYPE_CHECKING:
    from bridge.store.backend import Backend
    from bridge.store.kept_ends import KeptEnds
    from bridge.store.kept_files import KeptFiles
    from bridge.store.slices import Slice


KNOWN_SECONDS = 30.0
"""How long receipts are remembered."""


class KnownReceipts(WrappedBackend):
    """A server whose receipts this process remembers.

    Another process may deliver the same journals, or an administrator may restore a backup. The server then refuses
    slices that start at a remembered receipt, and the receipts are read again. They are also read again after
    `KNOWN_SECONDS`, so that a backup is noticed although nothing new is logged.

    Args:
        inner: the server.
        files: the captured files that wait for the server.
        ends: the ends of runs that wait for the server.
    """

    def __init__(self, inner: Backend, files: KeptFiles, ends: KeptEnds) -> None:
        super().__init__(inner)
        self._files, self._ends = files, ends
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self.receipts: dict[str, int] = {}
        self._read_at = 0.0

    def get_receipts(self, journal_ids: Sequence[str]) -> dict[str, int]:
        with self._lock:
            receipts, is_fresh = self.receipts, time.monotonic() - self._read_at < KNOWN_SECONDS
        known = {one: receipts[one] for one in journal_ids if one in receipts}
        if is_fresh and len(known) == len(set(journal_ids)):
            return {journal_id: receipt for journal_id, receipt in known.items() if receipt}
        found = self.inner.get_receipts(journal_ids)
        with self._lock:
            self.receipts = {**dict.fromkeys(journal_ids, 0), **found}
            self._read_at = time.monotonic()
        return found

    def append(self, slices: Sequence[Slice]) -> dict[str, int]:
        try:
            stored = self.inner.append(slices)
        except InvalidState:
            with self._lock:
                self.receipts = {}
            raise
        with self._lock:
            self.receipts = {**self.receipts, **stored}
        return stored

    def end_leases(self, gone: Mapping[str, int], silent: Collection[str] = ()) -> list[str]:
        """End the runs of processes that have ended, but first those runs that the processes have ended themselves."""
        if gone:
            self._files.deliver("", gone.keys())
            self._ends.deliver("", gone.keys())
        return self.inner.end_leases(gone, silent)

    def after_fork(self) -> None:
        super().after_fork()
        self._begin()
