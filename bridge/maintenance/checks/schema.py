"""Checks the schema of the database: its version, its tables, indexes and triggers, and SQLite's own structures."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from typing import NamedTuple

from bridge.errors import BridgeError
from bridge.maintenance.examined import Examined
from bridge.maintenance.findings import Finding, found
from bridge.store.sql.connection import Connection
from bridge.store.sql.database_file import NOT_OURS
from bridge.store.sql.migrate import SCHEMA, migrate_to, read_schema

OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
COLUMNS = 'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?)'
MOST_FAULTS = 100
"""The greatest number of faults that SQLite's own check lists."""

BROKEN_INDEX = re.compile(r"(?:row \d+ missing from index|wrong # of entries in index|non-unique entry in index) (\S+)")

REBUILT = frozenset({"waiting", "unsealed", "removal", "sign_of_life", "change"})
"""The tables whose rows can be computed from other tables, or only save time."""


class Schema(NamedTuple):
    """The schema of a database.

    `tables` maps each table to its columns, and `others` maps each index and trigger to its SQL, without spaces.
    """

    tables: dict[str, list[tuple[object, ...]]]
    others: dict[str, str]


def schema_of(c: sqlite3.Connection) -> Schema:
    """Return the schema of a database."""
    tables, others = {}, {}
    for type, name, _, sql in c.execute(OBJECTS).fetchall():
        if type == "table":
            tables[name] = c.execute(COLUMNS, (name,)).fetchall()
        else:
            others[name] = _normal(sql or "")
    return Schema(tables, others)


def _normal(sql: str) -> str:
    """Return SQL without spaces and comments, which differ between equal statements."""
    return re.sub(r"\s+", "", re.sub(r"--[^\n]*", "", sql))


@cache
def fresh(version: int = SCHEMA) -> Schema:
    """Return the schema of a new database of a version."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as c:
        migrate_to(c, version)
        return schema_of(c)


@cache
def fresh_sql() -> dict[str, str]:
    """Return the SQL of each table, index and trigger of a new database."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as c:
        migrate_to(c, SCHEMA)
        return {name: sql for _, name, _, sql in c.execute(OBJECTS).fetchall() if sql}


def check_schema(examined: Examined) -> list[Finding]:
    """Compare the schema with that of a new database. The list is empty if the other checks can read the database."""
    try:
        return list(examined.read(lambda c: list(_faults(c))))
    except BridgeError as error:
        return [found("database.unreadable", "workspace.db", error.sentence)]
    except sqlite3.DatabaseError as error:
        return [found("database.unreadable", "workspace.db", f"SQLite cannot read it: {error}.")]


def _faults(c: Connection) -> Iterator[Finding]:
    version = read_schema(c)
    if not version:
        yield found("database.unreadable", "workspace.db", f"The file cannot be used: {NOT_OURS}.")
    elif version > SCHEMA:
        yield found("schema.newer", "workspace.db", f"Its format is {version}, and this version knows {SCHEMA}.")
    elif version < SCHEMA:
        yield _older(schema_of(c), version)
    else:
        yield from _differences(schema_of(c), fresh())


def _older(actual: Schema, version: int) -> Finding:
    """Return what is wrong with a database of an earlier version: only its age, or an upgrade that has stopped."""
    wanted = fresh(version)
    added = sorted(half_made(actual, version))
    lost = sorted(wanted.tables.keys() - actual.tables.keys())
    if lost:
        problem = f"Its format is {version}, but it lacks the tables {', '.join(lost)}."
        return found("schema.differs", "workspace.db", problem)
    if added:
        problem = f"Its format is {version}, but it has parts of a later one: {', '.join(added)}."
        return found("schema.half", "workspace.db", problem, version)
    return found("schema.older", "workspace.db", f"Its format is {version}, and the newest is {SCHEMA}.")


def half_made(actual: Schema, version: int) -> set[str]:
    """Return the tables, indexes, triggers and columns of later versions that a database already has."""
    wanted = fresh(version)
    later: set[str] = set()
    for number in range(version + 1, SCHEMA + 1):
        later |= {*fresh(number).tables, *fresh(number).others}
    later |= {"new_series"}
    added = (({*actual.tables, *actual.others}) - {*wanted.tables, *wanted.others}) & later
    for table in wanted.tables.keys() & actual.tables.keys():
        names = {column[0] for column in wanted.tables[table]}
        added |= {f"{table}.{column[0]}" for column in actual.tables[table] if column[0] not in names}
    return added


def _differences(actual: Schema, wanted: Schema) -> Iterator[Finding]:
    for name in sorted(wanted.tables.keys() - actual.tables.keys()):
        otherwise = "" if name in REBUILT else "Restore a backup that was made before the damage."
        yield found("schema.missing", f"table {name}", "The table does not exist.", name, otherwise=otherwise)
    for name in sorted(wanted.others.keys() - actual.others.keys()):
        yield found("schema.missing", name, "The index or trigger does not exist.", name)
    for name in sorted(wanted.tables.keys() & actual.tables.keys()):
        if wanted.tables[name] != actual.tables[name]:
            yield found("schema.differs", f"table {name}", "Its columns are not those of this version.")
    for name in sorted(wanted.others.keys() & actual.others.keys()):
        if wanted.others[name] != actual.others[name]:
            yield found("schema.differs", name, "Its definition is not that of this version.")
    for name in sorted({*actual.tables, *actual.others} - {*wanted.tables, *wanted.others}):
        yield found("schema.extra", name, "This version does not know it.")


def blocks_checks(finding: Finding) -> bool:
    """Return whether a finding of the schema means that the rows of the database cannot be checked."""
    is_index = finding.code == "schema.missing" and not finding.subject.startswith("table ")
    return not is_index and finding.code != "schema.extra"


def check_structure(examined: Examined) -> list[Finding]:
    """Let SQLite check the whole file: its pages, its rows and its indexes."""
    if examined.quick:
        return []
    faults = examined.read(lambda c: c.execute(f"PRAGMA integrity_check({MOST_FAULTS})").fetchall())
    texts = [str(row[0]) for row in faults if row[0] != "ok"]
    indexes = {match[1] for match in map(BROKEN_INDEX.match, texts) if match}
    others = [text for text in texts if not BROKEN_INDEX.match(text)]
    findings = [found("database.index", name, "It does not match its table.", name) for name in sorted(indexes)]
    if others:
        findings.append(found("database.damaged", "workspace.db", f"SQLite reports: {'; '.join(others[:3])}."))
    return findings
