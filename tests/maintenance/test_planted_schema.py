"""Upgrades that have stopped halfway, broken indexes and damaged databases are found and repaired where possible."""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest
from filled import ask, change, copy_of, fill, points_of

from bridge.maintenance.doctor import examine
from bridge.maintenance.repair import repair
from bridge.store.sql.chunks import BLOCK
from bridge.store.sql.migrate import SCHEMA, migrate_to

OLDER = 4
"""A version whose upgrade replaces tables and adds columns."""
TWO = struct.pack("<qq", 0, 1)
RUN = {"key": 1, "id": "r", "experiment": 0, "number": 1, "display_name": "r", "status": "Completed", "stage": "active"}
OLD_ROWS: list[tuple[str, dict[str, object]]] = [
    ("workspace", {"name": "id", "value": "d" * 32}),
    (
        "experiment",
        {"id": 0, "name": "Default", "stage": "active", "creation_time": 0, "last_update_time": 0, "runs": 1},
    ),
    ("run", {**RUN, "start_time": 0, "user": "u"}),
    ("metric", {"id": 1, "run": 1, "key": "loss", "points": 2}),
    (
        "series",
        {"id": 1, "metric": 1, "kind": 0, '"column"': "", "value_type": "number", "all_ints": 0, "latest_step": 1}
        | {"latest_timestamp": 1, "latest_bits": 0, "latest_value": 0.0},
    ),
    (
        "point_block",
        dict(zip(("series", *BLOCK), (1, 2, TWO, TWO, TWO, struct.pack("<dd", 1.5, 0.0), b"\0\0"), strict=True)),
    ),
    ("param", {"run": 1, "key": "lr", "value": "0.1"}),
]
"""The rows of a workspace with an earlier schema: one run with two points."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "work"
    fill(path)
    return path


def older(path: Path, version: int) -> None:
    """Create a workspace with an earlier schema, with one run and one series of two points."""
    (path / "journal").mkdir(parents=True)
    (path / "artifacts").mkdir()
    with closing(sqlite3.connect(path / "workspace.db", isolation_level=None)) as c:
        c.execute("PRAGMA journal_mode=WAL")
        migrate_to(c, version)
        for table, row in OLD_ROWS:
            marks = ", ".join("?" * len(row))
            c.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


def test_an_older_schema_is_upgraded(tmp_path: Path) -> None:
    older(tmp_path / "old", OLDER)
    assert [finding.code for finding in examine(tmp_path / "old")] == ["schema.older"]
    result = repair(tmp_path / "old")
    assert result.left == [] and [finding.code for finding in result.repaired] == ["schema.older"]
    assert len(points_of(tmp_path / "old", ("r",))) == 1


HALVES = {
    "a table": ["CREATE TABLE name (id INTEGER PRIMARY KEY)"],
    "tables and a column": [
        "CREATE TABLE name (id INTEGER PRIMARY KEY, key TEXT)",
        "INSERT INTO name VALUES (1, 'loss')",
        "ALTER TABLE run ADD COLUMN labels BIGINT NOT NULL DEFAULT 0",
        "CREATE TABLE label (run INTEGER, name INTEGER, value TEXT)",
        "CREATE INDEX label_by_value ON label (name)",
    ],
    "the new table of series": ["CREATE TABLE new_series (id INTEGER NOT NULL UNIQUE)"],
}


@pytest.mark.parametrize("name", HALVES)
def test_half_a_migration_is_undone_and_repeated(tmp_path: Path, name: str) -> None:
    path = tmp_path / "old"
    older(path, OLDER)
    for statement in HALVES[name]:
        with closing(sqlite3.connect(path / "workspace.db", isolation_level=None)) as c:
            c.execute(statement)
    assert [finding.code for finding in examine(path)] == ["schema.half"]
    result = repair(path)
    assert result.left == [] and result.copies is not None
    assert ask(result.copies, "PRAGMA user_version") == OLDER
    assert ask(path, "PRAGMA user_version") == SCHEMA
    (points,) = points_of(path, ("r",)).values()
    assert len(points[1]) == 16


def test_half_a_migration_with_lost_tables_is_left(tmp_path: Path) -> None:
    path = tmp_path / "old"
    older(path, OLDER)
    change(path, "DROP TABLE param")
    assert [finding.code for finding in repair(path).left] == ["schema.differs"]


def test_an_index_that_misses_rows_is_built_again(template: Path, tmp_path: Path) -> None:
    """The index gets other rows than its table, as after a damaged page."""
    path = copy_of(template, tmp_path / "work")
    with closing(sqlite3.connect(path / "workspace.db", isolation_level=None)) as c:
        c.execute("PRAGMA writable_schema=ON")
        sql = ask(path, "SELECT sql FROM sqlite_master WHERE name = 'run_by_start'")
        c.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'run_by_start'", (sql + " WHERE number > 1",))
    with closing(sqlite3.connect(path / "workspace.db", isolation_level=None)) as c:
        c.execute("REINDEX run_by_start")
        c.execute("PRAGMA writable_schema=ON")
        c.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'run_by_start'", (sql,))
    assert examine(path, quick=True) == []
    assert {"database.index"} == {finding.code for finding in examine(path)}
    assert repair(path).left == []
    assert points_of(path) == points_of(template)


def test_a_damaged_page_is_found_and_left(template: Path, tmp_path: Path) -> None:
    path = copy_of(template, tmp_path / "work")
    with (path / "workspace.db").open("r+b") as file:
        file.seek(ask(path, "SELECT rootpage FROM sqlite_master WHERE name = 'point_block'") * 4096 - 4096)
        file.write(b"\xff" * 512)
    codes = {finding.code for finding in examine(path)}
    assert "database.damaged" in codes
    assert "database.damaged" in {finding.code for finding in repair(path).left}


@pytest.mark.parametrize("content", [b"", b"not a database" * 1000])
def test_a_file_that_is_no_database_is_reported(template: Path, tmp_path: Path, content: bytes) -> None:
    path = copy_of(template, tmp_path / "work")
    (path / "workspace.db").write_bytes(content)
    assert [finding.code for finding in examine(path) if finding.severity == "error"] == ["database.unreadable"]
