"""Counts the bytes of unfolded points.

Unfolded points are in a journal, but not in the database yet. A reader without write access cannot copy them into the
database, and does not see them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from bridge.journal.folder import JournalFolder
from bridge.journal.format import RECORDS_AT
from bridge.journal.system import is_of_handler
from bridge.store.journal_readers import JournalReaders

logger = logging.getLogger("bridge")


class UnfoldedBytes:
    """Counts the bytes of points that are only in journals. A journal is read again only after it has changed.

    Args:
        folder: the folder of journals.
        readers: the readers of the journals.
    """

    def __init__(self, folder: JournalFolder, readers: JournalReaders) -> None:
        self._folder, self._readers = folder, readers
        # By journal id: the size, the receipt (the offset up to which the points are stored) and the unfolded bytes.
        self._counted: dict[str, tuple[int, int, int]] = {}
        self._warned = False
        self.total = 0

    def count(self, sizes: Mapping[str, int], receipts: Mapping[str, int]) -> None:
        """Set `total` to the number of unfolded bytes of journals."""
        counted = {}
        for journal_id, size in sizes.items():
            state = size, receipts.get(journal_id, 0)
            known = self._counted.get(journal_id)
            is_known = known is not None and known[:2] == state
            counted[journal_id] = (*state, known[2] if is_known and known else self._point_bytes(journal_id, *state))
        self._counted = counted
        self.total = sum(found for _, _, found in counted.values())

    def warn(self) -> None:
        """Warn once that points are not visible, because this process has no write access."""
        if self.total and not self._warned:
            self._warned = True
            logger.warning(
                "%d bytes of points in the journals of %s are not in the database yet, and this process has no write "
                "access. These points are not visible until a process with write access reads the workspace.",
                self.total,
                self._folder.path,
            )

    def _point_bytes(self, journal_id: str, size: int, stored: int) -> int:
        """Return the number of bytes of a journal that belong to points that are not stored.

        If the journal cannot be read, return the size of its part after the offset `stored`. If the journal was
        removed, return 0.
        """
        for _ in range(2):
            try:
                reader = self._readers.get(journal_id)
                return 0 if reader is None else reader.point_bytes(stored, size)
            except OSError as error:
                if is_of_handler(error):
                    raise
                if isinstance(error, FileNotFoundError):
                    # The journal was removed. If its writer still runs, it may have put the journal back as a new file
                    # with the same name: read that file.
                    self._readers.forget(journal_id)
                    continue
                logger.debug("Journal %s cannot be read: %s", self._folder.path_of(journal_id), error)
                return max(0, size - max(stored, RECORDS_AT))
        return 0
