"""A database of an earlier schema opens and reads the same. A new database equals one with all migrations."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import bridge.store.sql.migrate
from bridge import Experiment, Run, Workspace
from bridge.errors import NotAllowed, StoreUnavailable
from bridge.records.run import Dataset, DatasetInput, ModelOutput, RunRecord
from bridge.records.search import RunQuery
from bridge.records.series import Latest
from bridge.store.one_run import get_run, get_series
from bridge.store.sql import seal
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.migrate import FOLDER, SCHEMA, read_schema
from bridge.store.sql.sqlite import open_sqlite
from bridge.testing.slices import Entry, make_slice

pytestmark = pytest.mark.migrations

VALUES = (0.5, float("inf"), -0.0)


def packed(code: str, *values: float) -> bytes:
    return struct.pack(f"<{len(values)}{code}", *values)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """Create a workspace folder of the first schema, with a run that has one of everything."""
    folder = tmp_path / "first"
    (folder / "journal").mkdir(parents=True)
    with closing(sqlite3.connect(folder / "workspace.db", isolation_level=None)) as database:
        database.execute("PRAGMA synchronous=OFF")
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


def test_a_database_of_the_first_schema_reads_the_same_after_its_points_are_sealed(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal, "FEW_BLOCKS", 0)  # also seal series with few points
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
        database.execute("PRAGMA synchronous=OFF")
        for number in range(begin, end + 1):
            database.executescript((FOLDER / f"{number:04}.sql").read_text())
            database.execute(f"PRAGMA user_version={number}")


def test_a_read_of_an_older_schema_within_another_read_works(first: Path) -> None:
    tracking = open_sqlite(first / "workspace.db", read_only=True)
    with tracking.database.read() as outer:
        assert get_run(tracking, "r1").status == "Completed"
        assert outer.in_transaction
    tracking.close()


@pytest.fixture
def fourth(first: Path) -> Path:
    """Upgrade the folder to schema 4, and add odd values, several experiments, and a hidden run that is purged."""
    replay(first / "workspace.db", 2, 4)
    with closing(sqlite3.connect(first / "workspace.db", isolation_level=None)) as database:
        database.execute("PRAGMA synchronous=OFF")
        insert_run = "INSERT INTO run (key, id, experiment, number, display_name, status, stage, user) VALUES "
        database.execute(insert_run + "(3, 'odd', 0, 1, 'odd', 'Running', 'active', 'ann')")
        database.execute(insert_run + "(4, ' hidden', -1, 3, 'gone', 'Completed', 'active', 'ann')")
        database.execute("INSERT INTO param (run, key, value) VALUES (3, 'b', '1'), (3, 'a', '3')")
        database.execute("INSERT INTO tag (run, key, value) VALUES (3, 'key', 'tag'), (3, 'b', NULL)")
        database.execute("INSERT INTO property (run, key, value) VALUES (3, 'key', 'property')")
        database.execute("INSERT INTO metric VALUES (3, 3, 'key', 9, 4), (4, 4, 'loss', 1, 0)")
        for id, value in ODD.items():
            insert_odd(database, id, 3, ("key", 1, f"column {id}", "number"), value)
        insert_odd(database, 20, 3, ("key", 0, "", "number"), 0.25)
        database.execute("INSERT INTO series VALUES (21, 3, 0, '', 'text', 0, 1, 2, NULL, NULL, 'true')")
        insert_odd(database, 22, 4, ("loss", 0, "", "number"), 1.0)
    return first


ODD = dict(enumerate((float("nan"), float("inf"), float("-inf"), -0.0, 0.0, 5e-324, 1.7976931348623157e308), 10))
"""Latest values of series, by the ids of the series."""


def insert_odd(
    database: sqlite3.Connection, id: int, metric: int, name: tuple[str, int, str, str], value: float
) -> None:
    """Store a series with one point as version 4 does."""
    (bits,) = struct.unpack("<q", struct.pack("<d", value))
    _, kind, column, value_type = name
    compared = None if value != value else max(-1.7976931348623157e308, min(1.7976931348623157e308, value))
    row = (id, metric, kind, column, value_type, 0, 1, 2, bits, compared, None)
    database.execute(f"INSERT INTO series VALUES ({', '.join('?' * len(row))})", row)
    block = (id, 1, packed("q", 0), packed("q", 1), packed("q", 2), packed("d", value), b"\0")
    database.execute(f"INSERT INTO point_block VALUES (NULL, {', '.join('?' * len(block))})", block)


def test_odd_values_and_orders_of_schema_4_are_kept(fourth: Path) -> None:
    tracking = open_sqlite(fourth / "workspace.db")
    check_what_is_read(tracking)
    odd = get_run(tracking, "odd")
    assert list(odd.params.items()) == [("b", "1"), ("a", "3")]
    assert list(odd.tags.items()) == [("key", "tag"), ("b", None)]
    assert dict(odd.properties) == {"key": "property"}
    assert (odd.latest, odd.latest_texts) == ({"key": Latest(0.25, 2, 1)}, {"key": True})
    found = [struct.pack("<d", latest.value) for latest in odd.latest_columns.values()]
    assert found == [struct.pack("<d", value) for value in ODD.values()]
    tracking.append([make_slice("new", 0, 1, [Entry("odd", "key", 0.5), Entry("odd", "key", 0.75)])])
    (numbers,) = [one for one in get_series(tracking, "odd", ["key"]) if one.kind == 0 and one.numbers is not None]
    assert (numbers.steps.tolist(), numbers.positions.tolist()) == ([1, 4, 5], [0, 9, 10])
    tracking.resume_purge()
    with tracking.database.read() as c:
        assert c.execute("SELECT count(*) FROM series WHERE id = 22").fetchone() == (0,)
    tracking.close()


def test_an_upgraded_database_is_consistent(fourth: Path) -> None:
    open_sqlite(fourth / "workspace.db").close()
    with closing(sqlite3.connect(fourth / "workspace.db")) as database:
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        dangling = "SELECT count(*) FROM {} WHERE name NOT IN (SELECT id FROM name)"
        for table in ("label", "series", "counter"):
            assert database.execute(dangling.format(table)).fetchone() == (0,)
        stale = "SELECT count(*) FROM series WHERE indexed IS NOT coalesce(latest_value, 9e999) AND name IN ({})"
        number = "SELECT id FROM name WHERE entity = 3 AND value_type = 'number'"
        assert database.execute(stale.format(number)).fetchone() == (0,)


def test_points_of_schema_4_are_counted_and_sealed_later(fourth: Path) -> None:
    tracking = open_sqlite(fourth / "workspace.db")
    with tracking.database.read() as c:
        assert c.execute("SELECT count(points), count(*) > 5 FROM series").fetchone() == (0, 1)
    while tracking.tidy():
        pass
    check_what_is_read(tracking)
    with tracking.database.read() as c:
        facts = "SELECT points, hot, first_value, minimum_value, maximum_step FROM series WHERE id = 1"
        assert c.execute(facts).fetchone() == (3, 2, 0.5, 0.0, 5)
    tracking.close()


@pytest.mark.processes
@pytest.mark.parametrize("steps", [100, 350, 700])
def test_a_killed_upgrade_changes_nothing(fourth: Path, steps: int) -> None:
    path = fourth / "workspace.db"
    before = content_of(path)
    killed = subprocess.run([sys.executable, "-c", KILLED_UPGRADE, str(path), str(steps)])
    assert killed.returncode == -signal.SIGKILL
    assert (schema_of(path), content_of(path)) == (4, before)
    tracking = open_sqlite(path)
    check_what_is_read(tracking)
    tracking.close()


KILLED_UPGRADE = """
import os, signal, sqlite3, sys
from bridge.store.sql.migrate import migrate
database = sqlite3.connect(sys.argv[1], isolation_level=None)
left = [int(sys.argv[2])]
def count():
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
database.set_progress_handler(count, 10)
migrate(database)
"""


def content_of(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return list(database.iterdump())


def test_a_process_waits_while_another_one_upgrades(
    fourth: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bridge.store.sql.migrate, "TRY_SECONDS", 0.01)
    path = fourth / "workspace.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    opening = threading.Thread(target=lambda: open_sqlite(path).close())
    opening.start()
    until(lambda: "Waiting for another process that upgrades" in caplog.text)
    other.rollback()
    other.close()
    opening.join()
    assert schema_of(path) == SCHEMA


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_process_does_not_wait_indefinitely_for_an_upgrade(fourth: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge.store.sql.migrate, "TRY_SECONDS", 0.01)
    monkeypatch.setattr(bridge.store.sql.migrate, "WAIT_SECONDS", 0.0)
    path = fourth / "workspace.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            open_sqlite(path)


def test_an_upgrade_of_many_runs_is_logged(
    fourth: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bridge.store.sql.migrate, "MANY_RUNS", 4)
    open_sqlite(fourth / "workspace.db").close()
    (record,) = caplog.records
    assert re.search("Upgrading .*workspace.db with 4 runs", record.getMessage())


@pytest.mark.slow
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
