"""`vacuum` gives back space beside writers, and changes nothing for readers."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy
import pytest
from forked import Fork, Say
from namespaces import obey_file_modes
from whole_workspace import content_of

from bridge import Experiment, Run, Workspace
from bridge.maintenance import vacuum as vacuum_module
from bridge.maintenance.vacuum import VacuumReport, vacuum
from bridge.store.one_run import get_run
from bridge.store.open import open_store
from bridge.store.sql.purge import hide_runs

HOUR = 3_600.0


def logged_runs(workspace: Workspace, count: int) -> list[Run]:
    """Return ended runs with 20,000 points each, whose blocks take most of the database."""
    runs = []
    for number in range(count):
        run = Experiment(workspace, "large").start_logging(outputs=False, snapshot_directory=None)
        run.log_series("noise", numpy.random.default_rng(number).random(20_000))
        run.complete()
        runs.append(run)
    assert len(runs[0].get_series("noise").values) == 20_000
    return runs


def database_bytes(workspace: Workspace) -> int:
    return sum(path.stat().st_size for path in workspace.path.glob("workspace.db*") if path.suffix != ".db-shm")


def vacuumed(workspace: Workspace, full: bool = False) -> VacuumReport:
    return vacuum(open_store(workspace.path), full=full)


def purge(workspace: Workspace, runs: list[Run]) -> None:
    tracking = open_store(workspace.path).tracking
    tracking.delete_runs([run.id for run in runs], 1)
    tracking.purge_runs([run.id for run in runs])


def auto_vacuum(workspace: Workspace) -> int:
    with closing(sqlite3.connect(workspace.path / "workspace.db")) as connection:
        return int(connection.execute("PRAGMA auto_vacuum").fetchone()[0])


def make_earlier(workspace: Workspace) -> None:
    """Change the database as if an earlier version had created it."""
    with closing(sqlite3.connect(workspace.path / "workspace.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA auto_vacuum=NONE")
        connection.execute("VACUUM")
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (0,)


def test_points_are_compressed_and_their_space_is_given_back(workspace: Workspace, untended: None) -> None:
    logged_runs(workspace, 5)
    before, size = content_of(workspace.path), database_bytes(workspace)
    report = vacuumed(workspace)
    assert database_bytes(workspace) < 0.5 * size
    assert report.database_bytes == report.given_back_bytes > 0.5 * size
    assert report.rewrite_seconds is None
    assert content_of(workspace.path) == before
    assert vacuumed(workspace).given_back_bytes < 20_000


@pytest.mark.slow
def test_a_writer_logs_while_deleted_runs_are_given_back(
    workspace: Workspace, fork: Fork, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = logged_runs(workspace, 30)
    vacuumed(workspace)

    def write(say: Say) -> None:
        run = Experiment(Workspace.open(workspace.path), "beside").start_logging(outputs=False, snapshot_directory=None)
        say(run.id)
        count, longest_log, longest_tag = 0, 0.0, 0.0
        while not (workspace.path / "stop").exists():
            begun = time.perf_counter()
            run.log("point", count)
            logged = time.perf_counter()
            longest_log = max(longest_log, logged - begun)
            if count % 20 == 0:
                run.tag("count", str(count))
                longest_tag = max(longest_tag, time.perf_counter() - logged)
                time.sleep(0.001)
            count += 1
        run.complete()
        say(f"{count} {longest_log} {longest_tag}")

    writer = fork(write)
    run_id = writer.line()
    purge(workspace, runs[3:])
    size = database_bytes(workspace)
    report = vacuumed(workspace)
    (workspace.path / "stop").touch()
    count, longest_log, longest_tag = (float(text) for text in writer.line().split())
    assert writer.wait() == 0
    assert database_bytes(workspace) < 0.5 * size
    assert report.database_bytes > 0.4 * size
    assert Run.get(workspace, run_id).get_series("point").values.tolist() == list(range(int(count)))
    assert runs[0].get_series("noise").values.tolist() == numpy.random.default_rng(0).random(20_000).tolist()
    with capsys.disabled():
        print(
            f"\nvacuum gave back {report.database_bytes / 1e6:.1f} of {size / 1e6:.1f} MB in steps of at most "
            f"{1e3 * report.longest_wait_seconds:.0f} ms; of {count:.0f} log calls beside it the longest took "
            f"{1e3 * longest_log:.1f} ms, and the longest change of a tag {1e3 * longest_tag:.0f} ms"
        )


def test_a_new_database_gives_back_pages_in_steps(workspace: Workspace) -> None:
    assert auto_vacuum(workspace) == 2


@pytest.mark.migrations
def test_a_database_that_the_migrations_create_gives_back_pages_in_steps(workspace: Workspace) -> None:
    assert auto_vacuum(workspace) == 2


def test_a_small_database_of_an_earlier_version_is_rewritten_once(workspace: Workspace, untended: None) -> None:
    runs = logged_runs(workspace, 3)
    make_earlier(workspace)
    size = database_bytes(workspace)
    assert vacuumed(workspace).database_bytes > 0.5 * size
    assert auto_vacuum(workspace) == 2
    assert runs[0].get_series("noise").values.tolist() == numpy.random.default_rng(0).random(20_000).tolist()


def test_a_large_database_of_an_earlier_version_is_rewritten_only_on_demand(
    workspace: Workspace, untended: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged_runs(workspace, 3)
    make_earlier(workspace)
    size = (workspace.path / "workspace.db").stat().st_size
    monkeypatch.setattr(vacuum_module, "SMALL_BYTES", 0)
    report = vacuumed(workspace)
    assert report.rewrite_seconds is not None and report.rewrite_seconds >= 1
    assert (auto_vacuum(workspace), report.longest_wait_seconds) == (0, 0)
    assert (workspace.path / "workspace.db").stat().st_size >= size
    full = vacuumed(workspace, full=True)
    assert full.rewrite_seconds is None
    assert full.longest_wait_seconds > 0
    assert full.database_bytes > 0.5 * size
    assert auto_vacuum(workspace) == 2


def test_mlflows_database_is_rewritten_on_demand(workspace: Workspace) -> None:
    file = workspace.path / "mlflow.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE traces (content BLOB)")
        connection.execute("INSERT INTO traces VALUES (zeroblob(1000000))")
        connection.commit()
        connection.execute("DELETE FROM traces")
        connection.commit()
    vacuumed(workspace)
    assert file.stat().st_size > 1_000_000
    assert vacuumed(workspace, full=True).database_bytes > 900_000
    assert file.stat().st_size < 100_000


def test_an_interrupted_permanent_deletion_is_completed(workspace: Workspace, untended: None) -> None:
    runs = logged_runs(workspace, 3)
    database = open_store(workspace.path).open_store.sql_database
    hide_runs(database, [run.id for run in runs[1:]])
    vacuumed(workspace)
    with database.read() as c:
        assert c.execute("SELECT count(*) FROM run").fetchone() == (1,)
        assert c.execute("SELECT count(*) FROM chunk").fetchone() == (1,)


def old(path: Path) -> Path:
    then = time.time() - 2 * HOUR
    os.utime(path, (then, then))
    return path


def written(path: Path, size: int = 1_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def test_leftover_files_are_removed_and_all_others_stay(workspace: Workspace, run: Run) -> None:
    stores = open_store(workspace.path)
    root = get_run(stores.tracking, run.id).artifact_root
    stores.artifacts.put(root, "file", b"kept")
    artifacts, experiment = workspace.path / "artifacts", root.partition("/")[0]
    removed = [
        written(artifacts / ".pending" / "of-a-killed-upload"),
        old(written(workspace.path / "journal" / ".0123.part")),
        old(written(workspace.path / f".{'0' * 16}.part")),
        old(written(workspace.path / f".{'0' * 16}.part-wal")),
        written(artifacts / experiment / "gone" / "artifacts" / "model.bin"),
    ]
    old(artifacts / experiment / "gone")
    being_written = written(artifacts / ".pending" / "of-a-running-upload")
    kept = [
        artifacts / root / "file",
        being_written,
        written(workspace.path / f".{'1' * 16}.part"),
        written(workspace.path / "journal" / ".4567.part"),
        old(written(workspace.path / "notes.part")),
        written(artifacts / experiment / "new" / "artifacts" / "model.bin"),
        written(artifacts / experiment / "models" / "m-1" / "artifacts" / "model.bin"),
        written(artifacts / "notes" / "gone" / "artifacts" / "model.bin"),
    ]
    for path in (artifacts / experiment / "models", artifacts / "notes" / "gone", artifacts / experiment / run.id):
        old(path)
    with being_written.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        report = vacuumed(workspace)
    assert [path for path in removed if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []
    assert report.leftover_bytes == 5_000
    assert b"".join(stores.artifacts.get(root, "file")) == b"kept"


VACUUM = """
import sys
from bridge.errors import NotAllowed
from bridge.maintenance.vacuum import vacuum
from bridge.store.open import open_store
try:
    vacuum(open_store(sys.argv[1]))
except NotAllowed as error:
    print(error)
"""


def test_a_workspace_without_write_access_is_refused(workspace: Workspace) -> None:
    workspace.close()
    workspace.path.chmod(0o555)
    command = [sys.executable, "-c", VACUUM, str(workspace.path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=obey_file_modes)
    assert said.stdout == f"Cannot vacuum {workspace.path}: this process has no write access to it.\n"
    workspace.path.chmod(0o755)
