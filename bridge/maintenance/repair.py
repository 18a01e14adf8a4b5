"""Repairs what a check has found, as far as this is safe, and checks again.

Each fix checks the fault again under the locks of the store, so other processes may write at the same time.
A copy of everything that a fix changes is stored in the folder `repairs` of the workspace.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bridge.errors import BridgeError
from bridge.maintenance.checks.places import check_abilities
from bridge.maintenance.doctor import examine
from bridge.maintenance.examined import Progress
from bridge.maintenance.findings import Finding
from bridge.maintenance.fixes import artifacts, journals, places, rows, runs, schema
from bridge.maintenance.fixes.repair import Fix, Repair

logger = logging.getLogger("bridge")

ROUNDS = 10
"""The greatest number of rounds. A fix may show a fault that another fault has hidden."""

FIXES: dict[str, Fix] = {
    "schema.half": schema.finish_upgrade,
    "schema.older": schema.upgrade,
    "schema.missing": schema.create_missing,
    "database.index": schema.rebuild_indexes,
    "experiment.missing": rows.recover_experiments,
    "row.orphan": rows.move_orphans,
    "run.hidden": rows.finish_purge,
    "name.missing": rows.recover_names,
    "experiment.counter": rows.raise_run_counters,
    "change.behind": rows.raise_changes,
    "label.number": runs.number_labels,
    "label.prefix": runs.correct_prefixes,
    "block.count": runs.correct_blocks,
    "chunk.facts": runs.correct_chunks,
    "series.facts": runs.correct_series,
    "series.index": runs.correct_series,
    "series.blocks": runs.correct_series,
    "counter.missing": runs.create_counters,
    "counter.wrong": runs.correct_counters,
    "receipt.wrong": journals.correct_receipts,
    "journal.damaged": journals.fold_all,
    "journal.header": journals.fold_all,
    "journal.copy": journals.fold_all,
    "journal.torn": journals.fold_all,
    "journal.empty": journals.fold_all,
    "journal.unfolded": journals.fold_all,
    "lease.stale": journals.fold_all,
    "journal.kept": journals.move_damaged,
    "artifact.size": artifacts.correct_sizes,
    "artifact.missing": artifacts.restore_files,
    "artifact.content": artifacts.restore_files,
    "artifact.orphan": artifacts.move_orphans,
    "leftover.upload": artifacts.sweep,
    "leftover.part": places.move_parts,
    "permission.group": places.share,
    "permission.world": places.take_from_others,
}
"""The fix of each code that can be repaired, in the order in which they are called."""


@dataclass
class Repaired:
    """The result of a repair.

    `repaired` are the findings that are gone, and `left` those that remain.
    `copies` is the folder with a copy of what was changed, or None if nothing was copied.
    """

    repaired: list[Finding] = field(default_factory=list)
    left: list[Finding] = field(default_factory=list)
    copies: Path | None = None


def repair(path: Path, quick: bool = False, progress: Progress | None = None) -> Repaired:
    """Check a workspace, repair what is safe, and check again. Other processes may write at the same time.

    Args:
        path: the folder of the workspace.
        quick: as in `examine`.
        progress: as in `examine`.

    Raises:
        NotFound: the folder contains no workspace.
    """
    result, own = Repaired(left=examine(path, quick, progress)), Repair(path)
    try:
        for _ in range(ROUNDS):
            wanted = [finding for finding in result.left if finding.repairable]
            if not wanted:
                break
            _fix_all(own, wanted)
            result.left = examine(path, quick, progress)
            gone = _gone(wanted, result.left)
            if not gone:
                break
            result.repaired += gone
            own.copies.report(gone)
    finally:
        own.close()
    result.left += _abilities(path)
    result.copies = own.copies.folder if own.copies.exists else None
    return result


def _abilities(path: Path) -> list[Finding]:
    """Return what the file system cannot do. A check does not try it, because a check writes nothing."""
    with suppress(OSError):  # this user may not write here, which the check of permissions reports
        return list(check_abilities(path))
    return []


def _gone(wanted: Sequence[Finding], left: Sequence[Finding]) -> list[Finding]:
    """Return the findings that a second check has not found."""
    still = {(finding.code, finding.subject) for finding in left}
    return [finding for finding in wanted if (finding.code, finding.subject) not in still]


def _fix_all(own: Repair, wanted: Sequence[Finding]) -> None:
    for code in [code for code in FIXES if any(finding.code == code for finding in wanted)]:
        _fix(own, code, [finding for finding in wanted if finding.code == code])


def _fix(own: Repair, code: str, findings: Sequence[Finding]) -> None:
    """Repair findings with one code. A fix that fails leaves them as they are."""
    try:
        FIXES[code](own, findings)
    except (BridgeError, sqlite3.DatabaseError, OSError) as error:
        logger.warning("The findings with the code %s were not repaired: %s", code, error)
