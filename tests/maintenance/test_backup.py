"""A backup has everything that was stored before it began, and a restored workspace reads the same, bit by bit."""

from __future__ import annotations

import math
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from forked import Fork
from whole_workspace import content_of

from bridge import Experiment, Run, Workspace
from bridge.errors import AlreadyExists, BridgeError, InvalidValue, NotFound, SchemaMismatch, StoreUnavailable
from bridge.maintenance import backup as backup_module
from bridge.maintenance import progress
from bridge.maintenance.backup import back_up
from bridge.maintenance.backups import LOCK, locked_backups
from bridge.maintenance.database_copy import RESTARTS, copy_database
from bridge.maintenance.manifest import MANIFEST
from bridge.maintenance.progress import Meter
from bridge.maintenance.restore import restore
from bridge.maintenance.verify import check_backup
from bridge.store.artifacts import ArtifactStore
from bridge.store.one_run import get_run
from bridge.store.open import open_store


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


def place_of(run: Run) -> tuple[ArtifactStore, str]:
    """Return the store and the root of the artifacts of a run."""
    stores = open_store(run.experiment.workspace.path)
    return stores.artifacts, get_run(stores.tracking, run.id).artifact_root


def put(run: Run, path: str, content: bytes | None = None) -> None:
    artifacts, root = place_of(run)
    artifacts.put(root, path, os.urandom(100_000) if content is None else content)


def append(run: Run, path: str, content: bytes) -> None:
    artifacts, root = place_of(run)
    artifacts.append(root, path, content)


def remove(run: Run, path: str) -> None:
    artifacts, root = place_of(run)
    artifacts.delete(root, path)


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


# Refusals and failures


def refused(kind: type[BridgeError], call: Callable[[], object], text: str) -> None:
    with pytest.raises(kind, match=text) as caught:
        call()
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_places_that_are_no_folders_of_backups_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    for folder in (workspace.path, workspace.path / "backups", workspace.path / "artifacts" / "b"):
        refused(InvalidValue, lambda folder=folder: back_up(workspace.path, folder), "must not be in the workspace")
    (tmp_path / "link").symlink_to(workspace.path)
    refused(InvalidValue, lambda: back_up(workspace.path, tmp_path / "link" / "b"), "must not be in the workspace")
    refused(InvalidValue, lambda: back_up(workspace.path, tmp_path), "must be a new or empty folder")
    refused(InvalidValue, lambda: back_up(workspace.path, tmp_path / "b", keep=0), "keep 0: must be at least 1")
    refused(NotFound, lambda: back_up(tmp_path / "none", tmp_path / "b"), "There is no workspace")
    assert not (workspace.path / "backups").exists()
    assert not (tmp_path / "b").exists()


def test_a_folder_has_backups_of_one_workspace(workspace: Workspace, tmp_path: Path) -> None:
    back_up(workspace.path, tmp_path / "backups")
    with Workspace.create("other", path=tmp_path / "other") as other:
        text = "it contains backups of the workspace with the id"
        refused(AlreadyExists, lambda: back_up(other.path, tmp_path / "backups"), text)


def test_a_second_backup_at_the_same_time_is_refused(workspace: Workspace, tmp_path: Path, fork: Fork) -> None:
    def hold(say: Callable[[str], None]) -> None:
        with locked_backups(tmp_path / "backups", workspace.id):
            say("locked")
            os.read(os.pipe()[0], 1)

    child = fork(hold)
    assert child.line() == "locked"
    refused(
        StoreUnavailable,
        lambda: back_up(workspace.path, tmp_path / "backups"),
        f"another backup is being written: process {child.pid} on host",
    )
    child.kill()
    child.wait()
    back_up(workspace.path, tmp_path / "backups")


def test_a_restore_needs_an_empty_target(workspace: Workspace, tmp_path: Path) -> None:
    report = back_up(workspace.path, tmp_path / "backups")
    refused(AlreadyExists, lambda: restore(report.path, workspace.path), "it is not empty")
    refused(InvalidValue, lambda: restore(report.path, report.path / "new"), "must not be in the backup")
    (tmp_path / "file").write_text("")
    refused(InvalidValue, lambda: restore(report.path, tmp_path / "file"), "must be a folder, but is a file")
    refused(NotFound, lambda: restore(tmp_path / "none", tmp_path / "new"), "There is no backup")
    refused(NotFound, lambda: restore(workspace.path, tmp_path / "new"), "There is no backup")
    assert not (tmp_path / "new").exists()
    (tmp_path / "empty").mkdir()
    assert Workspace.open(restore(report.path, tmp_path / "empty").path).id == workspace.id


def change_byte(path: Path, at: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


@pytest.mark.parametrize("ending", ["workspace.db", ".log", "file", MANIFEST])
def test_a_damaged_backup_is_not_restored(workspace: Workspace, run: Run, tmp_path: Path, ending: str) -> None:
    run.log("number", 1)
    put(run, "file")
    back_up(workspace.path, tmp_path / "backups", links=False)
    put(run, "file")
    report = back_up(workspace.path, tmp_path / "backups", links=False)
    change_byte(next(path for path in report.path.rglob("*") if path.name.endswith(ending)), at=100)
    refused(StoreUnavailable, lambda: check_backup(report.path, Meter()), "damaged|incomplete or was changed")
    refused(StoreUnavailable, lambda: restore(report.path, tmp_path / "new"), "damaged|incomplete or was changed")
    assert not (tmp_path / "new").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_backup_without_the_end_of_its_manifest_is_not_used(workspace: Workspace, run: Run, tmp_path: Path) -> None:
    first = back_up(workspace.path, tmp_path / "backups")
    second = back_up(workspace.path, tmp_path / "backups")
    manifest = second.path / MANIFEST
    lines = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(b"".join(lines[:-1]))
    assert restore(tmp_path / "backups", tmp_path / "new").backup == first.path
    refused(StoreUnavailable, lambda: restore(second.path, tmp_path / "other"), "incomplete or was changed")
    manifest.write_bytes(b'{"format":99}\n')
    refused(SchemaMismatch, lambda: restore(second.path, tmp_path / "other"), "Upgrade runbridge")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_leaves_the_earlier_backup(
    workspace: Workspace, run: Run, tmp_path: Path, small_disk: Path
) -> None:
    workspace = run.experiment.workspace
    earlier = back_up(workspace.path, small_disk / "backups")
    for number in range(10):
        put(run, f"{number}")
    is_full = "is not available: .*(space|full)"
    refused(StoreUnavailable, lambda: back_up(workspace.path, small_disk / "backups"), is_full)
    assert sorted(path.name for path in (small_disk / "backups").iterdir()) == [LOCK, earlier.path.name]
    check_backup(earlier.path, Meter())
    full = back_up(workspace.path, tmp_path / "backups")
    refused(StoreUnavailable, lambda: restore(full.path, small_disk / "new"), is_full)
    assert not (small_disk / "new").exists()
    assert [path.name for path in small_disk.iterdir()] == ["backups"]
