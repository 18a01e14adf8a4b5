"""The output of `runbridge vacuum`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.cli.output import print_json
from bridge.cli.progress import growing_progress
from bridge.cli.texts import duration_text, size_text
from bridge.maintenance.vacuum import vacuum

if TYPE_CHECKING:
    from bridge.store.workspace_stores import WorkspaceStores


def print_vacuum(stores: WorkspaceStores, full: bool, json: bool) -> None:
    """Give back the space that a workspace does not need, and print how much it was."""
    with growing_progress("Vacuum") as progress:
        report = vacuum(stores, full=full, progress=progress)
    if json:
        print_json(
            {
                "kind": "vacuum",
                "database_bytes": report.database_bytes,
                "leftover_bytes": report.leftover_bytes,
                "longest_wait_seconds": report.longest_wait_seconds,
                "rewrite_seconds": report.rewrite_seconds,
            }
        )
        return
    database, leftovers = size_text(max(0, report.database_bytes)), size_text(report.leftover_bytes)
    print(f"Gave back {database} of the database and {leftovers} of files that were left over.")
    if report.rewrite_seconds is not None:
        seconds = duration_text(round(1000 * report.rewrite_seconds))
        print(
            "An earlier version has created the database, so it becomes smaller only if it is rewritten once. "
            f"Other processes cannot create runs or set tags for about {seconds}, but they can log. "
            "`runbridge vacuum --full` rewrites it."
        )
