"""Repairs journals and leases with a fold, which is what the next reader of the workspace would do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bridge.journal.folder import DAMAGED, JournalFolder
from bridge.journal.format import SUFFIX
from bridge.maintenance.findings import Finding
from bridge.maintenance.fixes.repair import Repair
from bridge.maintenance.fixes.stored_points import stored_end
from bridge.store.fold import Folding
from bridge.store.layout import JOURNAL

COPIED = frozenset({"journal.torn", "journal.empty", "journal.copy", "journal.damaged", "journal.header"})
"""The codes of findings whose journals are copied before the fold, because the fold removes or renames them."""


def fold_all(repair: Repair, findings: Sequence[Finding]) -> None:
    """Fold all journals, end the runs of processes that have ended, and move damaged journals away."""
    for finding in findings:
        if finding.code in COPIED:
            repair.copies.file(finding.subject)
    with folding(repair) as fold:
        fold.fold()
        fold.look_after_leases()
    move_damaged(repair, findings)


@contextmanager
def folding(repair: Repair) -> Iterator[Folding]:
    """Yield an object that folds the journals of the workspace."""
    workspace_id = repair.examined.facts.get("id", "")
    fold = Folding(repair.backend, repair.examined.journals, repair.shared, False, workspace_id)
    try:
        yield fold
    finally:
        fold.close()


def move_damaged(repair: Repair, findings: Sequence[Finding]) -> None:
    """Move the damaged journals that folds have kept, unless their processes still use them."""
    for path in sorted(repair.examined.journals.glob(f"*{DAMAGED}")):
        if not path.with_suffix(SUFFIX).exists():
            repair.copies.move(f"{JOURNAL}/{path.name}")


def correct_receipts(repair: Repair, findings: Sequence[Finding]) -> None:
    """Set the receipts of journals after their last stored point. No other process folds at the same time."""
    folder = JournalFolder(repair.examined.journals, repair.shared)
    folder.look()
    try:
        with folder.folding(wait=True):
            for finding in findings:
                (journal_id,) = finding.target
                with repair.database.read() as c:
                    stored = stored_end(c, folder, journal_id)
                with repair.database.write() as c:
                    repair.copies.rows(c, "receipt", "journal_id = ?", (journal_id,))
                    c.execute("UPDATE receipt SET stored = ? WHERE journal_id = ?", (stored, journal_id))
    finally:
        folder.close()
