"""Backups and restores that are refused or fail end with one sentence, and leave earlier backups as they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forked import Fork
from small_disk import mounted_disk
from stored_files import put

from bridge import Run, Workspace
from bridge.errors import AlreadyExists, BridgeError, InvalidValue, NotFound, SchemaMismatch, StoreUnavailable
from bridge.maintenance.backup import back_up
from bridge.maintenance.backups import LOCK, locked_backups
from bridge.maintenance.manifest import MANIFEST
from bridge.maintenance.progress import Meter
from bridge.maintenance.restore import restore
from bridge.maintenance.verify import check_backup


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
    with mounted_disk(tmp_path / "disk", 1) as disk:
        yield disk


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
