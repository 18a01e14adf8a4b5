"""Checks a workspace, and changes nothing in it.

The checks read the database in read transactions, so that they see only complete changes of other processes.
A fault between the database and files is looked at twice, because the two do not change in the same moment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from bridge.errors import BridgeError, NotFound
from bridge.maintenance.checks.artifacts import check_artifacts
from bridge.maintenance.checks.companion import check_companion
from bridge.maintenance.checks.journals import check_journals
from bridge.maintenance.checks.leases import check_leases
from bridge.maintenance.checks.leftovers import check_leftovers
from bridge.maintenance.checks.places import check_clocks, check_file_system, check_permissions, check_space
from bridge.maintenance.checks.rows import check_rows
from bridge.maintenance.checks.runs import check_runs
from bridge.maintenance.checks.schema import blocks_checks, check_schema, check_structure
from bridge.maintenance.examined import Examined, Progress
from bridge.maintenance.findings import Finding, found
from bridge.store.layout import DATABASE

MOST_OF_A_CODE = 1_000
"""The greatest number of findings with one code. A repair checks again after it has repaired these."""


class Check(NamedTuple):
    """One check. `needs_rows` states whether it reads the rows of the database."""

    name: str
    run: Callable[[Examined], Iterable[Finding]]
    needs_rows: bool = True


CHECKS = (
    Check("permissions", check_permissions, False),
    Check("space", check_space, False),
    Check("file system", check_file_system, False),
    Check("leftovers", check_leftovers, False),
    Check("structure", check_structure),
    Check("rows", check_rows),
    Check("runs", check_runs),
    Check("journals", check_journals),
    Check("leases", check_leases),
    Check("artifacts", check_artifacts),
    Check("companion", check_companion),
    Check("clocks", check_clocks),
)


def examine(path: Path, quick: bool = False, progress: Progress | None = None) -> list[Finding]:
    """Check a workspace, and return all findings. No file is changed, and other processes may write at the same time.

    Args:
        path: the folder of the workspace.
        quick: skip the checks that read whole files: the hashes of artifacts, and SQLite's check of the database.
        progress: is called with the name of a check, the number of things that are done, and the number of all.

    Raises:
        NotFound: the folder contains no workspace.
    """
    if not (path / DATABASE).is_file():
        raise NotFound("workspace", str(path), "give the folder that Workspace.create made")
    examined = Examined(path, quick, progress)
    findings = _Findings()
    schema = check_schema(examined)
    findings.add(schema)
    can_read = not any(map(blocks_checks, schema))
    for check in CHECKS:
        if can_read or not check.needs_rows:
            examined.progress(check.name, 0, 0)
            _run(check, examined, findings)
    return findings.all


class _Findings:
    """The findings of all checks, at most `MOST_OF_A_CODE` with one code."""

    def __init__(self) -> None:
        self.all: list[Finding] = []
        self._counts: dict[str, int] = {}

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            count = self._counts[finding.code] = self._counts.get(finding.code, 0) + 1
            if count <= MOST_OF_A_CODE:
                self.all.append(finding)


def _run(check: Check, examined: Examined, findings: _Findings) -> None:
    """Run a check. A damaged database makes reads fail at any place, so this is a finding too."""
    try:
        findings.add(check.run(examined))
    except (BridgeError, sqlite3.DatabaseError, OSError) as error:
        problem = f"The check of {check.name} could not be completed: {error}"
        findings.add([found("database.damaged" if _is_of_database(error) else "check.failed", check.name, problem)])


def _is_of_database(error: BaseException) -> bool:
    return isinstance(error, sqlite3.DatabaseError) or isinstance(error.__cause__, sqlite3.DatabaseError)
