"""Repairs the schema of a database: upgrades that have stopped, and missing tables, indexes and triggers."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing

from bridge.journal.file_lock import FileLock
from bridge.maintenance.checks.rows import GREATEST_CHANGE
from bridge.maintenance.checks.schema import REBUILT, fresh_sql, half_made, schema_of
from bridge.maintenance.findings import Finding
from bridge.maintenance.fixes.repair import Repair
from bridge.records.run import TERMINAL_STATUSES
from bridge.store.layout import DATABASE
from bridge.store.sql.connection import Connection
from bridge.store.sql.migrate import migrate, read_schema
from bridge.store.sql.purge import BIN

ENDED = ", ".join(map(repr, sorted(TERMINAL_STATUSES)))
FILLS = {
    "waiting": f"INSERT INTO waiting (run, since) SELECT key, {{now}} FROM run WHERE experiment != {BIN}",
    "unsealed": f"INSERT INTO unsealed (run) SELECT key FROM run WHERE experiment != {BIN} AND status IN ({ENDED})",
    "change": f"INSERT INTO change (id, value) SELECT 1, 1 + ({GREATEST_CHANGE})",
}
"""The statements that fill a table that was created again. A table without a statement stays empty."""


def upgrade(repair: Repair, findings: Sequence[Finding]) -> None:
    """Upgrade an older database, as each process does that opens it for writing."""
    repair.copies.database(DATABASE)
    assert repair.backend


def finish_upgrade(repair: Repair, findings: Sequence[Finding]) -> None:
    """Remove what an upgrade has added before it stopped, and upgrade again. The tables with data are not changed."""
    repair.copies.database(DATABASE)
    file = repair.path / DATABASE
    lock = FileLock(file.with_suffix(".lock"), file.stat().st_mode & 0o666)
    with lock, closing(sqlite3.connect(file, isolation_level=None, timeout=10.0)) as c:
        c.execute("PRAGMA foreign_keys=OFF")
        with c:
            c.execute("BEGIN IMMEDIATE")
            _remove_added(c)
            c.execute("COMMIT")
        migrate(c, str(file))


def _remove_added(c: sqlite3.Connection) -> None:
    actual = schema_of(c)
    added = half_made(actual, read_schema(c))
    kinds = dict(c.execute("SELECT name, type FROM sqlite_master").fetchall())
    for name in sorted(added, key=lambda name: ("trigger", "index", "table").index(kinds.get(name, "table"))):
        if "." not in name:
            c.execute(f'DROP {kinds[name]} IF EXISTS "{name}"')
    for name in sorted(added):
        table, dot, column = name.partition(".")
        if dot:
            c.execute(f'ALTER TABLE "{table}" DROP COLUMN "{column}"')


def create_missing(repair: Repair, findings: Sequence[Finding]) -> None:
    """Create missing indexes, triggers and tables again. Nothing that exists is changed."""
    for finding in sorted(findings, key=lambda finding: finding.target[0] not in REBUILT):
        (name,) = finding.target
        with repair.database.write() as c:
            if c.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is None:
                _create(c, name)


def _create(c: Connection, name: str) -> None:
    c.execute(fresh_sql()[name])
    if name in FILLS:
        c.execute(FILLS[name].format(now=time.time_ns() // 1_000_000))


def rebuild_indexes(repair: Repair, findings: Sequence[Finding]) -> None:
    """Build damaged indexes again, each in one transaction."""
    for finding in findings:
        with repair.database.write() as c:
            c.execute(f'REINDEX "{finding.target[0]}"')
