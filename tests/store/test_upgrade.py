"""A database of an earlier schema opens and reads the same. A new database equals one with all migrations."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import bridge.store.sql.migrate
from bridge import Experiment, Run, Workspace
from bridge.errors import NotAllowed
from bridge.records.run import Dataset, DatasetInput, ModelOutput, RunRecord
from bridge.records.search import RunQuery
from bridge.records.series import Latest
from bridge.store.one_run import get_run, get_series
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.migrate import FOLDER, SCHEMA, read_schema
from bridge.store.sql.sqlite import open_sqlite

VALUES = (0.5, float("inf"), -0.0)


def packed(code: str, *values: float) -> bytes:
    return struct.pack(f"<{len(values)}{code}", *values)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """Create a workspace folder of the first schema, with a run that has one of everything."""
    folder = tmp_path / "first"
    (folder / "journal").mkdir(parents=True)
    with closing(sqlite3.connect(folder / "workspace.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.executescript((FOLDER / "0001.sql").read_text())
        database.execute("PRAGMA user_version=1")
        database.execute("INSERT INTO workspace VALUES ('id', 'w1'), ('name', 'first'), ('durability', 'process')")
        database.execute("INSERT INTO experiment VALUES (0, 'Default', 'active', 5, 5, NULL, 0)")
        database.execute("INSERT INTO experiment VALUES (1, 'digits', 'active', 6, 7, NULL, 2)")
        database.execute("INSERT INTO experiment_tag VALUES (1, 1, 'team', 'vision')")
        run = "'active', 10, 20, NULL, 'about', 'ann', NULL, NULL"
        database.execute(f"INSERT INTO run VALUES (1, 'r1', 1, 1, 'bold-ferry-1', 'Completed', {run})")
        database.execute(
            "INSERT INTO run VALUES (2, 'r2', 1, 2, 'calm-pier-2', 'Running', 'deleted', 11, NULL, 30, NULL, 'ann',"
            " 'r1', '{}')"
        )
        for table, value in (("param", "'0.1'"), ("tag", "NULL"), ("property", "'p'")):
            database.execute(f"INSERT INTO {table} VALUES (1, 1, 'key', {value})")
        database.execute("INSERT INTO warning VALUES (1, 1, 'a warning')")
        database.execute("INSERT INTO dataset VALUES (1, 1, 'points', 'abc', 'local', '{}', NULL, NULL)")
        database.execute('INSERT INTO dataset_input VALUES (1, 1, 1, \'{"k": "v"}\', NULL)')
        database.execute("INSERT INTO model_input VALUES (1, 1, 'm1')")
        database.execute("INSERT INTO model_output VALUES (1, 1, 'm2', 3)")
        insert_series(database)
        database.execute("INSERT INTO receipt VALUES ('j1', 100)")
        database.execute("INSERT INTO artifact VALUES ('1/r1/artifacts', 'a.txt', 5, NULL, 9)")
    return folder


def insert_series(database: sqlite3.Connection) -> None:
    (bits,) = struct.unpack("<q", struct.pack("<d", VALUES[2]))
    database.execute("INSERT INTO metric VALUES (1, 1, 'loss', 3, 1), (2, 1, 'note', 1, 1)")
    database.execute("INSERT INTO series VALUES (1, 1, 0, '', 'number', 0, 7, 3, ?, 0.0, NULL)", (bits,))
    database.execute("INSERT INTO series VALUES (2, 2, 0, '', 'text', 0, 0, 4, NULL, NULL, '\"red\"')")
    blocks = [
        (1, 1, 2, packed("q", 0, 1), packed("q", 0, 5), packed("q", 1, 2), packed("d", *VALUES[:2]), b"\0\1"),
        (2, 1, 1, packed("q", 2), packed("q", 7), packed("q", 3), packed("d", VALUES[2]), b"\0"),
        (3, 2, 1, packed("q", 0), packed("q", 0), packed("q", 4), json.dumps(["red"]).encode(), b"\0"),
    ]
    database.executemany("INSERT INTO point_block VALUES (?, ?, ?, ?, ?, ?, ?, ?)", blocks)


def schema_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return read_schema(database)


def test_a_database_of_the_first_schema_reads_the_same(first: Path) -> None:
    tracking = open_sqlite(first / "workspace.db")
    assert schema_of(first / "workspace.db") == SCHEMA
    check_what_is_read(tracking)
    tracking.close()


def test_a_database_of_the_first_schema_reads_the_same_after_its_points_are_sealed(first: Path) -> None:
    tracking = open_sqlite(first / "workspace.db")
    while tracking.tidy():
        pass
    with tracking.database.read() as c:
        counts = [c.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("point_block", "chunk")]
    assert counts == [0, 2]
    check_what_is_read(tracking)
    tracking.close()


def check_what_is_read(tracking: SqlBackend) -> None:
    assert get_run(tracking, "r1") == RunRecord(
        "r1", "1", "bold-ferry-1", 1, "Completed", "active", 10, 20, None, "about", "ann",
        params={"key": "0.1"}, tags={"key": None}, properties={"key": "p"}, warnings=("a warning",),
        latest={"loss": Latest(-0.0, 3, 7)}, latest_texts={"note": "red"},
        dataset_inputs=(DatasetInput(Dataset("points", "abc", "local", "{}"), {"k": "v"}),),
        model_inputs=("m1",), model_outputs=(ModelOutput("m2", 3),),
    )  # fmt: skip
    assert get_run(tracking, "r2") == RunRecord(
        "r2", "1", "calm-pier-2", 2, "Running", "deleted", 11, None, 30, None, "ann", "r1", "{}"
    )
    loss, note = get_series(tracking, "r1")
    assert loss.numbers is not None
    assert loss.numbers.tobytes() == packed("d", *VALUES)
    assert (loss.steps.tolist(), loss.timestamps.tolist(), loss.apis.tolist()) == ([0, 5, 7], [1, 2, 3], [0, 1, 0])
    assert note.texts == ["red"]
    assert dict(tracking.get_experiment("1").tags) == {"team": "vision"}
    assert tracking.get_receipts(["j1"]) == {"j1": 100}
    assert [record.path for record in tracking.list_artifacts("1/r1/artifacts")] == ["a.txt"]
    assert tracking.get_leases() == []


def test_a_workspace_of_the_first_schema_can_be_written(first: Path) -> None:
    workspace = Workspace.open(first)
    old = Run.get(workspace, "r1")
    old.log("loss", 1.5)
    old.log_row("table", x=1, y=2.5)
    with Experiment(workspace, "digits").start_logging(outputs=False, snapshot_directory=None) as run:
        run.child_run().complete()
    assert run.number == 3
    assert old.get_metrics("loss") == {"loss": [0.5, float("inf"), -0.0, 1.5]}
    assert old.get_series("loss").steps.tolist() == [0, 5, 7, 1]
    assert old.get_metrics("table") == {"table": {"x": 1, "y": 2.5}}


@pytest.mark.parametrize("schema", range(1, SCHEMA))
def test_a_read_only_reader_reads_an_older_schema_and_does_not_change_it(first: Path, schema: int) -> None:
    path = first / "workspace.db"
    replay(path, 2, schema)
    before = path.read_bytes()
    tracking = open_sqlite(path, read_only=True)
    check_what_is_read(tracking)
    assert tracking.search_runs(RunQuery(("1",))).items[0].id == "r1"
    with pytest.raises(NotAllowed):
        tracking.delete_runs(("r1",), 1)
    assert (path.read_bytes(), schema_of(path)) == (before, schema)
    with closing(sqlite3.connect(path)) as database:  # a process that may write has upgraded it
        database.execute("UPDATE run SET display_name = 'swift-lake-1' WHERE id = 'r1'")
        database.commit()
    assert get_run(tracking, "r1").display_name == "swift-lake-1"
    replay(path, schema + 1, SCHEMA)
    assert get_run(tracking, "r1").display_name == "swift-lake-1"
    tracking.close()


def replay(path: Path, begin: int, end: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for number in range(begin, end + 1):
            database.executescript((FOLDER / f"{number:04}.sql").read_text())
            database.execute(f"PRAGMA user_version={number}")


def test_a_read_of_an_older_schema_within_another_read_works(first: Path) -> None:
    tracking = open_sqlite(first / "workspace.db", read_only=True)
    with tracking.database.read() as outer:
        assert get_run(tracking, "r1").status == "Completed"
        assert outer.in_transaction
    tracking.close()


def test_processes_can_open_a_database_of_the_first_schema_at_once(first: Path) -> None:
    code = f"from bridge import Run, Workspace\nprint(Run.get(Workspace.open({str(first)!r}), 'r1').status)"
    opening = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=60)[0].strip() for process in opening] == ["Completed"] * 4


@pytest.fixture
def dumped(tmp_path: Path) -> Iterator[list[str]]:
    """Return the schema of a database that went through all migrations, one after the other."""
    with closing(sqlite3.connect(tmp_path / "replayed.db")) as database:
        for number in range(1, SCHEMA + 1):
            database.executescript((FOLDER / f"{number:04}.sql").read_text())
        yield statements_of(database)


def statements_of(database: sqlite3.Connection) -> list[str]:
    return [row[0] for row in database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")]


def test_a_fresh_schema_equals_the_replayed_migrations(tmp_path: Path, dumped: list[str]) -> None:
    workspace = Workspace.create("work", path=tmp_path / "work")
    with closing(sqlite3.connect(workspace.path / "workspace.db")) as database:
        assert statements_of(database) == dumped
    numbers = sorted(int(path.stem) for path in Path(os.fspath(bridge.store.sql.migrate.FOLDER)).glob("*.sql"))
    assert numbers == list(range(1, SCHEMA + 1))
