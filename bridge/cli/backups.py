"""The output of `runbridge backup` and `runbridge restore --from`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.cli.output import print_json
from bridge.cli.progress import growing_progress
from bridge.cli.texts import escaped, plural, size_text, time_text
from bridge.maintenance.backup import back_up
from bridge.maintenance.restore import restore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.store.workspace_stores import WorkspaceStores

NAMED = 10
"""How many files a message names."""


def print_backup(stores: WorkspaceStores, folder: str, keep: int, links: bool, verify: bool, json: bool) -> None:
    """Make a backup, and print what it contains."""
    with growing_progress("Backup") as progress:
        report = back_up(
            stores.local_folder("back up"), folder, keep=keep, links=links, verify=verify, progress=progress
        )
    if json:
        print_json(
            {
                "kind": "backup",
                "path": str(report.path),
                "size_bytes": report.size_bytes,
                "copied_bytes": report.copied_bytes,
                "files": report.files,
                "missing": list(report.missing),
                "changed": list(report.changed),
            }
        )
        return
    size, copied = size_text(report.size_bytes), size_text(report.copied_bytes)
    files = plural(report.files, "file")
    print(escaped(f"Backup {report.path}: {size} in {files}, {copied} of it copied."))
    _print_files("These files are in the index but do not exist", report.missing)
    _print_files("These files do not have the hash that the index states", report.changed)


def print_restored(backup: str, target: str, json: bool) -> None:
    """Restore a workspace from a backup, and print where it is."""
    with growing_progress("Restore") as progress:
        report = restore(backup, target, progress=progress)
    created, name = int(report.facts["created"]), str(report.facts["name"])
    if json:
        facts = {"name": name, "created": created, "size_bytes": report.size_bytes, "files": report.files}
        print_json({"kind": "restored", "path": str(report.path), "backup": str(report.backup), **facts})
        return
    sizes = f"{size_text(report.size_bytes)} in {plural(report.files, 'file')}"
    print(escaped(f"Restored the workspace {name} of {time_text(created)} to {report.path}: {sizes}."))


def _print_files(what: str, paths: Sequence[str]) -> None:
    if paths:
        rest = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
        print(escaped(f"{what}: {', '.join(paths[:NAMED])}{rest}. `runbridge doctor` describes them."))
