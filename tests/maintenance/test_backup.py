"""A backup has everything that was stored before it began, and a restored workspace reads the same, bit by bit."""

from __future__ import annotations

import math
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from forked import Fork
from namespaces import obey_file_modes
from stored_files import append, put, remove
from whole_workspace import content_of

from bridge import Experiment, Run, Workspace
from bridge.maintenance import backup as backup_module
from bridge.maintenance import progress
from bridge.maintenance.backup import back_up
from bridge.maintenance.backups import LOCK
from bridge.maintenance.database_copy import RESTARTS, copy_database
from bridge.maintenance.progress import Meter
from bridge.maintenance.restore import restore
from bridge.maintenance.verify import check_backup


def fill(workspace: Workspace, tmp_path: Path) -> Run:
    """Store something of each kind, and return a run that is under way."""
    experiment = Experiment(workspace, "many-kinds")
    (tmp_path / "file.txt").write_text("a file")
    for number in range(3):
        run = experiment.start_logging(outputs=False, snapshot_directory=None)
        for step, value in enumerate((1.5, -0.0, math.nan, math.inf, 2**60)):
            run.log("number", value, step=step)
        run.log("text", "Grüße")
        run.log_row("table", x=number, y="a")
        run.log_param("lr", 0.1)
        run.tag("team", "vision")
        run.upload_file("folder/file.txt", str(tmp_path / "file.txt"))
        run.child_run("child").complete()
        run.complete()
    under_way = experiment.start_logging(outputs=False, snapshot_directory=None)
    under_way.log("number", 7)
    return under_way


def all_files(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder, without those that SQLite creates while it reads."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".db-wal", ".db-shm"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def grow_old(workspace: Workspace) -> None:
    """Give all artifacts an age at which a backup links them."""
    for path in (workspace.path / "artifacts").rglob("*"):
        if path.is_file():
            os.utime(path, ns=(10**18, 10**18))


def hook_into_databases(monkeypatch: pytest.MonkeyPatch, before: Any = None, after: Any = None) -> None:
    """Call functions just before and after the database of the workspace is copied."""
    copy = copy_database

    def call(source: Path, target: Path, meter: Meter) -> None:
        if before is not None:
            before()
        copy(source, target, meter)
        if after is not None:
            after()

    monkeypatch.setattr(backup_module, "copy_database", call)


def test_a_restored_workspace_reads_the_same(workspace: Workspace, tmp_path: Path) -> None:
    run = fill(workspace, tmp_path)
    report = back_up(workspace.path, tmp_path / "backups", verify=True)
    before = content_of(workspace.path)
    restored = restore(tmp_path / "backups", tmp_path / "restored")
    assert content_of(tmp_path / "restored") == before
    assert restored.backup == report.path
    assert (restored.size_bytes, restored.files) == (report.size_bytes, report.files)
    assert len(before["runs"]) == 7
    assert any(before["files"].values())
    run.complete()


def test_a_backup_does_not_change_the_workspace(workspace: Workspace, tmp_path: Path, untended: None) -> None:
    run = fill(workspace, tmp_path)
    before = all_files(workspace.path)
    back_up(workspace.path, tmp_path / "backups")
    assert all_files(workspace.path) == before
    run.complete()


def test_a_restored_workspace_can_be_used(workspace: Workspace, run: Run, tmp_path: Path) -> None:
    run.log("number", 1)
    run.complete()
    back_up(workspace.path, tmp_path / "backups")
    restore(tmp_path / "backups", tmp_path / "restored")
    with Workspace.open(tmp_path / "restored") as restored:
        again = restored.get_run(run.id)
        again.log("number", 2)
        assert again.get_metrics("number") == {"number": [1, 2]}
        new = Experiment(restored, "kept").start_logging(outputs=False, snapshot_directory=None)
        new.complete()
        assert new.id in {one.id for one in Experiment(restored, "kept").get_runs()}
    assert run.get_metrics("number") == {"number": 1}


def test_the_second_backup_copies_only_what_is_new(workspace: Workspace, run: Run, tmp_path: Path) -> None:
    for number in range(20):
        put(run, f"{number}")
    first = back_up(workspace.path, tmp_path / "backups")
    put(run, "new")
    second = back_up(workspace.path, tmp_path / "backups")
    assert first.copied_bytes == first.size_bytes > 2_000_000
    assert second.size_bytes > 2_100_000
    assert 100_000 <= second.copied_bytes < 500_000
    assert content_of(restore(first.path, tmp_path / "one").path)["files"][run.id].keys() == {str(n) for n in range(20)}
    assert content_of(restore(second.path, tmp_path / "two").path) == content_of(workspace.path)


def test_old_files_on_the_same_disk_are_links_that_later_changes_do_not_reach(
    workspace: Workspace, run: Run, tmp_path: Path
) -> None:
    put(run, "replaced", b"1" * 1_000)
    put(run, "extended", b"2" * 1_000)
    put(run, "deleted", b"3" * 1_000)
    append(run, "growing", b"4" * 1_000)
    grow_old(workspace)
    before = content_of(workspace.path)
    report = back_up(workspace.path, tmp_path / "backups")
    assert report.size_bytes - report.copied_bytes == 3_000
    put(run, "replaced", b"other")
    append(run, "extended", b"more")
    append(run, "growing", b"more")
    remove(run, "deleted")
    check_backup(report.path, Meter())
    assert content_of(restore(report.path, tmp_path / "restored").path)["files"] == before["files"]


def test_files_are_copied_if_links_are_not_wanted(workspace: Workspace, run: Run, tmp_path: Path) -> None:
    put(run, "file")
    grow_old(workspace)
    report = back_up(workspace.path, tmp_path / "backups", links=False)
    assert report.copied_bytes == report.size_bytes
    assert {path.stat().st_nlink for path in report.path.rglob("*") if path.is_file()} == {1}


def test_only_the_newest_backups_stay(workspace: Workspace, run: Run, tmp_path: Path) -> None:
    for number in range(4):
        run.log("number", number)
        last = back_up(workspace.path, tmp_path / "backups", keep=2)
    names = sorted(path.name for path in (tmp_path / "backups").iterdir() if path.name != LOCK)
    assert [name[:6] for name in names] == ["000003", "000004"]
    assert last.path.name == names[-1]
    restored = Workspace.open(restore(tmp_path / "backups" / names[0], tmp_path / "restored").path)
    assert restored.get_run(run.id).get_metrics("number") == {"number": [0, 1, 2]}


# Changes during a backup


def test_a_journal_that_is_folded_during_the_backup_loses_no_point(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fork: Fork, untended: None
) -> None:
    """Its points are in the copied journal, in the copied database, or in both, and are restored once."""
    run = Experiment(workspace, "kept").start_logging(outputs=False, snapshot_directory=None)

    def write(say: Callable[[str], None]) -> None:
        own = Run.get(Workspace.open(workspace.path), run.id)
        for number in range(1_000):
            own.log("point", number)

    child = fork(write)
    assert child.wait() == 0
    for number in range(1_000, 2_000):
        run.log("point", number)
    for before, after in ((None, None), (None, run.get_metrics), (run.get_metrics, None)):
        with monkeypatch.context() as patched:
            hook_into_databases(patched, before, after)
            report = back_up(workspace.path, tmp_path / "backups")
        restored = Workspace.open(restore(report.path, tmp_path / report.path.name).path)
        assert sorted(restored.get_run(run.id).get_series("point").values.tolist()) == list(range(2_000))
        restored.close()
    assert len(list((workspace.path / "journal").glob("*.log"))) == 1, "the fold has removed the journal of the child"
    run.complete()


def test_copied_journals_reach_at_least_the_receipts(
    workspace: Workspace, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fork: Fork, untended: None
) -> None:
    """Points are logged and folded after the journals were copied, and a journal ends and is removed."""

    def write(say: Callable[[str], None]) -> None:
        own = Run.get(Workspace.open(workspace.path), run.id)
        own.log("point", 1)
        say("logged")
        os.read(reading, 1)
        own.log("point", 2)

    reading, writing = os.pipe()
    child = fork(write)
    assert child.line() == "logged"
    run.log("point", 3)

    def go_on() -> None:
        os.write(writing, b"x")
        assert child.wait() == 0
        run.log("point", 4)
        while len(list((workspace.path / "journal").glob("*.log"))) > 1:  # the fold finds that the child has ended
            run.get_metrics()

    hook_into_databases(monkeypatch, before=go_on)
    report = back_up(workspace.path, tmp_path / "backups")
    copies = report.path / "workspace"
    sizes = {path.stem: path.stat().st_size for path in (copies / "journal").glob("*.log")}
    with closing(sqlite3.connect(f"file:{copies / 'workspace.db'}?immutable=1", uri=True)) as database:
        receipts = dict(database.execute("SELECT journal_id, stored FROM receipt").fetchall())
    assert len(receipts) == 2
    assert len(sizes) == 1, "the journal of the child was removed, and its points are in the database"
    assert all(size >= receipts[journal_id] for journal_id, size in sizes.items())
    restored = Workspace.open(restore(report.path, tmp_path / "restored").path)
    assert sorted(restored.get_run(run.id).get_series("point").values.tolist()) == [1, 2, 3, 4]
    restored.close()
    os.close(reading)
    os.close(writing)


def test_points_of_runs_that_start_during_the_backup_are_left_out(
    workspace: Workspace, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, untended: None, caplog: Any
) -> None:
    """The restored workspace does not know the new run, so it must not warn about its points."""
    run.log("number", 1)
    started: list[Run] = []

    def start() -> None:
        started.append(Experiment(workspace, "kept").start_logging(outputs=False, snapshot_directory=None))
        started[0].log("number", 1)
        run.log("number", 2)

    hook_into_databases(monkeypatch, after=start)
    report = back_up(workspace.path, tmp_path / "backups")
    restored = Workspace.open(restore(report.path, tmp_path / "restored").path)
    assert restored.get_run(run.id).get_metrics("number") == {"number": 1}
    restored.close()
    assert caplog.records == []
    started[0].complete()


def test_a_file_that_is_replaced_or_deleted_during_the_backup_fits_the_index(
    workspace: Workspace, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(run, "same", b"same")
    put(run, "replaced", b"before")
    put(run, "deleted", b"gone")

    def change() -> None:
        put(run, "replaced", b"after!")
        remove(run, "deleted")
        put(run, "new", b"too late")

    hook_into_databases(monkeypatch, after=change)
    report = back_up(workspace.path, tmp_path / "backups", verify=True)
    assert (report.missing, report.changed) == ((), ())
    files = content_of(restore(report.path, tmp_path / "restored").path)["files"][run.id]
    assert {path: content for path, (_, content) in files.items()} == {"same": b"same", "replaced": b"after!"}


def test_lost_and_damaged_artifacts_are_reported(workspace: Workspace, run: Run, tmp_path: Path) -> None:
    put(run, "lost")
    put(run, "damaged", b"1234")
    folder = next((workspace.path / "artifacts").rglob("lost")).parent
    (folder / "lost").unlink()
    (folder / "damaged").write_bytes(b"123x")
    report = back_up(workspace.path, tmp_path / "backups")
    assert [path.rpartition("/")[2] for path in report.missing] == ["lost"]
    assert [path.rpartition("/")[2] for path in report.changed] == ["damaged"]
    restored = restore(report.path, tmp_path / "restored").path
    assert next((restored / "artifacts").rglob("damaged")).read_bytes() == b"123x"


def test_mlflows_tables_are_in_the_backup_while_they_change(
    workspace: Workspace, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its database has no write-ahead log. A change during the copying starts it again, but not indefinitely."""
    monkeypatch.setattr(progress, "REPORT_SECONDS", 0.0)
    with closing(sqlite3.connect(workspace.path / "mlflow.db")) as connection:
        connection.execute("CREATE TABLE traces (id INTEGER PRIMARY KEY, content BLOB)")
        connection.executemany("INSERT INTO traces (content) VALUES (?)", [(os.urandom(100_000),) for _ in range(50)])
        connection.commit()
        changes = []

        def change(done: int, total: int) -> None:
            with suppress(sqlite3.OperationalError):  # after several restarts, the copying locks the database
                changes.append(connection.execute("INSERT INTO traces (content) VALUES (zeroblob(100000))").rowcount)
                connection.commit()

        connection.execute("PRAGMA busy_timeout=0")
        report = back_up(workspace.path, tmp_path / "backups", progress=change)
    assert len(changes) > RESTARTS
    with closing(sqlite3.connect(restore(report.path, tmp_path / "restored").path / "mlflow.db")) as connection:
        (count,) = connection.execute("SELECT count(*) FROM traces").fetchone()
        assert 50 <= count <= 50 + len(changes)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_progress_grows_up_to_the_total(workspace: Workspace, run: Run, tmp_path: Path) -> None:
    for number in range(10):
        put(run, f"{number}")
    seen: list[tuple[int, int]] = []
    report = back_up(workspace.path, tmp_path / "backups", progress=lambda *both: seen.append(both))
    restore(report.path, tmp_path / "restored", progress=lambda *both: seen.append(both))
    assert all(0 < done <= total for done, total in seen)
    assert seen[-1] == (report.size_bytes, report.size_bytes)


BACK_UP = """
import sys
from bridge.maintenance.backup import back_up
print(back_up(*sys.argv[1:]).files)
"""


def test_a_workspace_that_can_only_be_read_is_backed_up(workspace: Workspace, run: Run, tmp_path: Path) -> None:
    """Without a write-ahead log, SQLite reads the database as an immutable file."""
    run.log("number", 1)
    put(run, "file", b"content")
    before = content_of(workspace.path)
    run.tag("open", "again")
    for name in ("first", "second"):
        folders = [workspace.path, *(path for path in workspace.path.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        (workspace.path / "workspace.db").chmod(0o444)
        assert (workspace.path / "workspace.db-wal").exists() == (name == "first")
        command = [sys.executable, "-c", BACK_UP, str(workspace.path), str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=obey_file_modes)
        assert int(done.stdout) == 3
        for folder in folders:
            folder.chmod(0o755)
        (workspace.path / "workspace.db").chmod(0o644)
        restored = restore(tmp_path / name, tmp_path / f"restored-{name}").path
        assert content_of(restored)["points"] == before["points"]
        assert content_of(restored)["files"] == before["files"]
        workspace.close()  # the second time, no process has the database open
