"""Checks the database with MLflow's own tables, `mlflow.db`, if the workspace has one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from bridge.errors import BridgeError
from bridge.maintenance.examined import Examined
from bridge.maintenance.findings import Finding, found
from bridge.store.sql.database import Database

COMPANION = "mlflow.db"
REFERS = "SELECT model_id FROM model_output UNION ALL SELECT model_id FROM model_input LIMIT 1"


def check_companion(examined: Examined) -> Iterator[Finding]:
    """Check that the database with MLflow's tables is intact, and that it exists if runs refer to it."""
    file = examined.path / COMPANION
    if not file.exists():
        row = examined.read(lambda c: c.execute(REFERS).fetchone())
        if row is not None:
            yield found("companion.missing", COMPANION, f"It does not exist, but a run refers to the model {row[0]}.")
        return
    problem = _problem_of(examined, Database(file, read_only=True))
    if problem:
        yield found("companion.damaged", COMPANION, problem)


def _problem_of(examined: Examined, database: Database) -> str:
    statement = "PRAGMA quick_check(3)" if examined.quick else "PRAGMA integrity_check(3)"
    try:
        with database.peek() as c:
            rows = [str(row[0]) for row in c.execute(statement).fetchall()]
    except BridgeError as error:
        return f"It cannot be read: {error.sentence}"
    except sqlite3.DatabaseError as error:
        return f"It cannot be read: {error}."
    return "" if rows == ["ok"] else f"SQLite reports: {'; '.join(rows)}."
