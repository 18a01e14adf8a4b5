"""The readers of the journals in a folder.

A fold copies points from the journals into the database. The readers are kept for later folds.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from bridge.errors import SchemaMismatch
from bridge.journal.folder import JournalFolder
from bridge.journal.format import Header, same_id
from bridge.store.backend import Backend

if TYPE_CHECKING:
    from bridge.journal.reader import JournalReader

logger = logging.getLogger("bridge")


class JournalReaders:
    """A reader for each journal of one workspace.

    Args:
        folder: the folder of journals.
        inner: the backend into which journals are folded.
        workspace_id: the workspace whose journals are read; empty to read the journals of every workspace.
    """

    def __init__(self, folder: JournalFolder, inner: Backend, workspace_id: str) -> None:
        self._folder, self._inner, self.workspace_id = folder, inner, workspace_id
        self._readers: dict[str, JournalReader] = {}
        self._skipped: set[str] = set()

    def get(self, journal_id: str) -> JournalReader | None:
        """Return the reader of a journal, or None for a journal that this process skips.

        Journals of another workspace or of a newer format are skipped. A warning is logged the first time.

        Raises:
            FileNotFoundError: the journal does not exist any more.
        """
        from bridge.journal.reader import JournalReader

        if journal_id in self._skipped:
            return None
        reader = self._readers.get(journal_id)
        if reader is not None:
            return reader
        try:
            reader = JournalReader(self._folder, journal_id)
        except SchemaMismatch as error:
            self._skipped.add(journal_id)
            logger.warning("A journal is skipped: %s", error)
            return None
        belongs_to = reader.header.workspace_id
        if not self._is_ours(belongs_to):
            self._skipped.add(journal_id)
            logger.warning("Journal %s is skipped: it belongs to another workspace, %s.", reader.path, belongs_to)
            return None
        self._readers[journal_id] = reader
        return reader

    def known(self, journal_id: str) -> JournalReader | None:
        """Return the reader that `get` has created for a journal, or None if `get` has created no reader."""
        return self._readers.get(journal_id)

    def header(self, journal_id: str) -> Header | None:
        """Return the header of a journal, or None if it is damaged or the journal is skipped.

        Raises:
            FileNotFoundError: the journal does not exist.
        """
        reader = self.get(journal_id)
        return None if reader is None or reader.header_damaged else reader.header

    def is_skipped(self, journal_id: str) -> bool:
        """Return whether an earlier call of `get` skipped a journal. The journal is not read."""
        return journal_id in self._skipped

    def skip(self, journal_id: str, error: Exception) -> None:
        """Skip a journal that a server refuses, until this process ends."""
        self._skipped.add(journal_id)
        self._readers.pop(journal_id, None)
        logger.warning("Journal %s of another process is not delivered: %s", self._folder.path_of(journal_id), error)

    def forget(self, journal_id: str) -> None:
        """Drop the reader of a journal, because another file may have the journal's name now."""
        self._readers.pop(journal_id, None)

    def forget_all(self) -> None:
        """Drop all readers."""
        self._readers = {}

    def _is_ours(self, belongs_to: str) -> bool:
        """Return whether a workspace id of a journal is the id of the workspace that is at the path now."""
        if not self.workspace_id or not belongs_to or same_id(belongs_to, self.workspace_id):
            return True
        found = self._inner.find_workspace_id()
        if found != self.workspace_id:
            self.workspace_id = found
            self._skipped = set()
        return same_id(belongs_to, found)
