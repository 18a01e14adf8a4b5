"""Repairs rows that belong to no single run, and names that are lost."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.maintenance.checks.rows import GREATEST_CHANGE, Reference
from bridge.maintenance.findings import Finding
from bridge.maintenance.fixes.repair import Repair, portions
from bridge.records.series import SCALAR
from bridge.store.sql import purge
from bridge.store.sql.changes import next_change
from bridge.store.sql.connection import Connection
from bridge.store.sql.names import SERIES, TAG

ROWS_AT_ONCE = 100
"""The number of rows that one transaction moves. A row may contain some megabytes of points."""


def move_orphans(repair: Repair, findings: Sequence[Finding]) -> None:
    """Move rows that refer to nothing to the folder of the repair, in several transactions."""
    for finding in findings:
        reference, value = finding.target
        while _move_some(repair, reference, value):
            continue


def _move_some(repair: Repair, reference: Reference, value: int) -> int:
    with repair.database.write() as c:
        if _parent_exists(c, reference, value):
            return 0
        if reference.table == "series":
            ids = [row[0] for row in c.execute("SELECT id FROM series WHERE run = ?", (value,)).fetchall()]
            if moved := sum(_move(repair, c, table, "series", id) for id in ids for table in ("chunk", "point_block")):
                return moved
        return _move(repair, c, reference.table, reference.column, value)


def _parent_exists(c: Connection, reference: Reference, value: int) -> bool:
    sql = f"SELECT 1 FROM {reference.parent} WHERE {reference.key} = ?"
    return c.execute(sql, (value,)).fetchone() is not None


def _move(repair: Repair, c: Connection, table: str, column: str, value: int) -> int:
    keys = [row[1] for row in c.execute(f"PRAGMA table_info({table})").fetchall() if row[5]]
    some = f"SELECT {', '.join(keys)} FROM {table} WHERE {column} = ? LIMIT {ROWS_AT_ONCE}"
    where = f"({', '.join(keys)}) IN ({some})"
    moved = repair.copies.rows(c, table, where, (value,))
    c.execute(f"DELETE FROM {table} WHERE {where}", (value,))
    return moved


def recover_experiments(repair: Repair, findings: Sequence[Finding]) -> None:
    """Create experiments again that have runs, each with a name that states its id."""
    now = repair.examined.now
    for some in portions(findings):
        with repair.database.write() as c:
            for finding in some:
                (id,) = finding.target
                c.execute(
                    "INSERT INTO experiment (id, name, stage, creation_time, last_update_time, runs, changed)"
                    " SELECT ?, ?, 'active', ?, ?, coalesce(max(number), 0), ? FROM run WHERE experiment = ?"
                    " ON CONFLICT DO NOTHING",
                    (id, f"recovered-{id}", now, now, next_change(c), id),
                )


def raise_run_counters(repair: Repair, findings: Sequence[Finding]) -> None:
    """Set the counters of experiments to the greatest number of their runs."""
    for some in portions(findings):
        with repair.database.write() as c:
            for finding in some:
                id = finding.target[0]
                repair.copies.rows(c, "experiment", "id = ?", (id,))
                greatest = "(SELECT max(number) FROM run WHERE experiment = ?)"
                c.execute(f"UPDATE experiment SET runs = max(runs, {greatest}) WHERE id = ?", (id, id))


def finish_purge(repair: Repair, findings: Sequence[Finding]) -> None:
    """Finish an interrupted permanent deletion."""
    purge.finish(repair.database)


def raise_changes(repair: Repair, findings: Sequence[Finding]) -> None:
    """Set the counter of changes after the newest change."""
    with repair.database.write() as c:
        c.execute(
            f"INSERT INTO change (id, value) SELECT 1, 1 + ({GREATEST_CHANGE})"
            " WHERE true ON CONFLICT (id) DO UPDATE SET value = max(value, excluded.value)"
        )


def recover_names(repair: Repair, findings: Sequence[Finding]) -> None:
    """Give lost names new keys, so that their values can be read again."""
    for some in portions(findings):
        with repair.database.write() as c:
            for finding in some:
                entity, id, experiment, *rest = finding.target
                is_series = entity == "series"
                value_type = rest[1] if is_series else ""
                c.execute(
                    'INSERT INTO name (id, experiment, entity, key, kind, "column", value_type)'
                    " VALUES (?, ?, ?, ?, ?, '', ?) ON CONFLICT DO NOTHING",
                    (id, experiment, SERIES if is_series else TAG, f"recovered-{id}", SCALAR, value_type),
                )
