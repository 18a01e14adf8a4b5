"""Counts the points that a server has not taken yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bridge.errors import BridgeError
from bridge.journal.folder import JournalFolder


def count_undelivered(folder: Path, receipts: Mapping[str, int]) -> int:
    """Return the number of points in the journals of a folder after the receipts of the journals.

    Points of journals that cannot be read are not counted.

    Args:
        folder: the folder of journals.
        receipts: the byte offsets up to which the server has stored the journals, as far as they are known.
    """
    from bridge.journal.reader import JournalReader

    journals = JournalFolder(folder)
    points = 0
    try:
        journals.look()
        for journal_id, size in journals.sizes().items():
            try:
                reader = JournalReader(journals, journal_id)
                points += len(reader.read(max(receipts.get(journal_id, 0), reader.records_at), size).rows)
            except (BridgeError, OSError):
                continue
    finally:
        journals.close()
    return points
