"""Faults of artifacts, of MLflow's database, of leftovers and of the surroundings are found, and some are repaired."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from filled import FIRST, ROOT, SAME, SECOND, age, ask, change, copy_of, files_of
from forked import Fork, Say

from bridge.maintenance.checks import places
from bridge.maintenance.checks.places import check_abilities, of_space, type_of_file_system
from bridge.maintenance.doctor import examine
from bridge.maintenance.repair import repair
from bridge.store.create import create_store
from bridge.store.folder.files import Files
from bridge.store.open import open_store

WEIGHTS = f"artifacts/{ROOT}/model/weights.bin"
NOTES = f"artifacts/{ROOT}/notes.txt"
LOG = f"artifacts/{ROOT}/logs/out.txt"


def codes_of(path: Path, quick: bool = False) -> list[str]:
    return sorted(finding.code for finding in examine(path, quick))


def content_of(path: Path, root: str, name: str) -> bytes:
    stores = open_store(path)
    try:
        return b"".join(stores.artifacts.get(root, name))
    finally:
        stores.close()


# Artifacts


def test_a_lost_file_is_restored_from_a_file_with_the_same_content(work: Path) -> None:
    (work / WEIGHTS).unlink()
    assert codes_of(work) == ["artifact.missing"]
    assert repair(work).left == []
    assert content_of(work, ROOT, "model/weights.bin") == SAME


def test_a_changed_file_is_restored_and_kept(work: Path) -> None:
    (work / WEIGHTS).write_bytes(b"x" + SAME[1:])
    assert codes_of(work) == ["artifact.content"]
    result = repair(work)
    assert result.left == [] and result.copies is not None
    assert content_of(work, ROOT, "model/weights.bin") == SAME
    assert (result.copies / WEIGHTS).read_bytes() == b"x" + SAME[1:]


def test_a_file_is_not_restored_from_a_damaged_copy(work: Path) -> None:
    (work / WEIGHTS).unlink()
    (work / f"artifacts/0/{SECOND}/artifacts/weights.bin").write_bytes(b"y" + SAME[1:])
    assert codes_of(work) == ["artifact.content", "artifact.missing"]
    assert sorted(finding.code for finding in repair(work).left) == ["artifact.content", "artifact.missing"]
    assert not (work / WEIGHTS).exists()


@pytest.mark.parametrize("plant", ["lost", "changed", "cut", "a link"])
def test_a_file_without_another_copy_is_left(work: Path, plant: str) -> None:
    file = work / NOTES
    if plant == "changed":
        file.write_bytes(b"ONLY HERE")
    elif plant == "cut":
        os.truncate(file, 3)
    else:
        file.unlink()
    if plant == "a link":
        file.symlink_to(work / "workspace.db")
    (finding,) = examine(work)
    assert finding.code == ("artifact.content" if plant in ("changed", "cut") else "artifact.missing")
    assert not finding.repairable and "No other artifact has the same content" in finding.remedy
    before = files_of(work)
    assert repair(work).repaired == []
    assert files_of(work) == before


def test_a_wrong_size_is_corrected_if_the_content_is_right(work: Path) -> None:
    change(work, "UPDATE artifact SET size_bytes = 4711 WHERE path = 'notes.txt'")
    assert codes_of(work) == ["artifact.size"]
    assert repair(work).left == []
    assert ask(work, "SELECT size_bytes FROM artifact WHERE path = 'notes.txt'") == len(b"only here")


def test_a_growing_file_that_lost_bytes_is_left(work: Path) -> None:
    os.truncate(work / LOG, 5)
    assert codes_of(work) == ["artifact.short"]
    assert repair(work).repaired == []


def test_more_bytes_of_a_growing_file_are_no_fault(work: Path) -> None:
    """A process that was killed during an append leaves them, and no reader sees them."""
    with (work / LOG).open("ab") as file:
        file.write(b"half a line")
    assert codes_of(work) == []


def test_orphans_are_moved_away(work: Path) -> None:
    for place in (f"{ROOT}/stray.txt", "0/unknown/artifacts/deep/file.bin", "lonely"):
        (work / "artifacts" / place).parent.mkdir(parents=True, exist_ok=True)
        (work / "artifacts" / place).write_text(place)
    assert codes_of(work) == ["artifact.orphan"] * 3
    result = repair(work)
    assert result.left == [] and result.copies is not None
    assert (result.copies / "artifacts/0/unknown/artifacts/deep/file.bin").read_text().startswith("0/unknown")
    assert not (work / "artifacts/0/unknown").exists()
    assert content_of(work, ROOT, "notes.txt") == b"only here"


def test_quick_does_not_read_the_content_of_files(work: Path) -> None:
    (work / NOTES).write_bytes(b"ONLY HERE")
    assert codes_of(work, quick=True) == []
    assert codes_of(work) == ["artifact.content"]


# MLflow's database


def companion_of(path: Path) -> None:
    """Create MLflow's database as a small database of another program."""
    change(path, "CREATE TABLE models (id INTEGER PRIMARY KEY, name TEXT UNIQUE, filler TEXT)", file="mlflow.db")
    for number in range(200):
        change(path, "INSERT INTO models VALUES (?, ?, ?)", number, f"model {number}", "x" * 300, file="mlflow.db")


def test_an_intact_companion_is_healthy(work: Path) -> None:
    companion_of(work)
    assert codes_of(work) == []


@pytest.mark.parametrize("damage", ["a page", "the beginning", "cut"])
def test_a_damaged_companion_is_left(work: Path, damage: str) -> None:
    companion_of(work)
    file = work / "mlflow.db"
    if damage == "cut":
        os.truncate(file, file.stat().st_size // 2 + 100)
    else:
        with file.open("r+b") as opened:
            opened.seek(8192 if damage == "a page" else 0)
            opened.write(b"\xff" * 4096)
    assert codes_of(work) == ["companion.damaged"]
    assert [finding.code for finding in repair(work).left] == ["companion.damaged"]


def test_a_missing_companion_is_reported_if_runs_refer_to_models(work: Path) -> None:
    change(work, "INSERT INTO model_output (run, model_id, step) SELECT key, 'm-1', 0 FROM run WHERE id = ?", FIRST)
    assert codes_of(work) == ["companion.missing"]


# Leftovers


def test_half_an_upload_is_removed(work: Path) -> None:
    (work / "artifacts/.pending" / ("d" * 32)).write_bytes(b"half")
    assert codes_of(work) == ["leftover.upload"]
    assert repair(work).left == []
    assert os.listdir(work / "artifacts/.pending") == ["lock"]


def test_an_upload_in_progress_is_no_leftover(work: Path) -> None:
    with Files(work / "artifacts").part("0/x/artifacts/file") as part:
        part.write(b"half")
        assert codes_of(work) == []


@pytest.mark.parametrize("place", [".0123456789abcdef.part", "journal/.feedbeef.part", ".mlflow.db.part"])
def test_an_unfinished_file_is_moved_away(work: Path, place: str) -> None:
    (work / place).write_bytes(b"half")
    assert codes_of(work) == []  # a process may be writing it
    age(work / place)
    assert codes_of(work) == ["leftover.part"]
    result = repair(work)
    assert result.left == [] and result.copies is not None
    assert (result.copies / place).read_bytes() == b"half"


# Permissions, space, clocks, file systems


def test_a_workspace_that_everybody_can_change_is_closed(work: Path) -> None:
    (work / "workspace.db").chmod(0o666)
    assert codes_of(work) == ["permission.world"]
    assert repair(work).left == []
    assert (work / "workspace.db").stat().st_mode & 0o777 == 0o664


def test_a_shared_workspace_is_writable_by_its_group(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    stores = create_store(path, "shared", shared=True)
    stores.artifacts.put(ROOT, "notes.txt", b"x")
    stores.close()
    assert codes_of(path) == []
    (path / "workspace.db").chmod(0o644)
    (path / "journal").chmod(0o2755)
    assert codes_of(path) == ["permission.group"] * 2
    assert repair(path).left == []
    assert (path / "workspace.db").stat().st_mode & 0o777 == 0o664
    assert (path / "journal").stat().st_mode & 0o7777 == 0o2775


def space(**values: int) -> Any:
    return SimpleNamespace(
        **{"f_bavail": 10**6, "f_blocks": 2 * 10**6, "f_frsize": 4096, "f_files": 0, "f_favail": 0} | values
    )


def test_little_free_space_is_reported() -> None:
    assert list(of_space(space())) == []
    assert [finding.code for finding in of_space(space(f_bavail=100))] == ["space.low"]
    assert [finding.code for finding in of_space(space(f_files=10**6, f_favail=3))] == ["space.inodes"]


def test_a_write_in_the_future_shows_that_the_clock_is_behind(work: Path) -> None:
    age(work / "workspace.db", -3_600)
    assert codes_of(work) == ["clock.behind"]


def test_runs_and_points_in_the_future_are_noted(work: Path) -> None:
    future = int(time.time() * 1000) + 7 * 24 * 3_600_000
    stores = open_store(work)
    change(work, "UPDATE run SET start_time = ? WHERE id = ?", future, SECOND)
    from bridge.records.series import Point

    stores.open_store.backend.log_points(FIRST, [Point("late", 1.0, future, 9)])
    stores.close()
    found = examine(work)
    assert [(finding.code, finding.subject) for finding in found] == [
        ("clock.future", f"run {FIRST}"), ("clock.future", f"run {SECOND}")
    ]  # fmt: skip
    assert all(finding.severity == "note" for finding in found)


def test_the_type_of_a_file_system_is_that_of_the_innermost_mount() -> None:
    mounts = (
        "22 1 0:20 / / rw - ext4 /dev/sda rw\n30 22 0:30 / /data rw - nfs4 server:/x rw\n"
        "31 30 0:31 / /data/local\\040disk rw - xfs /dev/sdb rw\n"
    )
    assert type_of_file_system(Path("/data/w"), mounts) == "nfs4"
    assert type_of_file_system(Path("/data/local disk/w"), mounts) == "xfs"
    assert type_of_file_system(Path("/database"), mounts) == "ext4"


def test_a_file_system_without_hard_links_or_fsync_is_reported(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a file system is rare, so the calls of the system are replaced."""
    before = files_of(work)
    assert list(check_abilities(work)) == []

    def refuse(*arguments: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "fsync", refuse)
    assert [finding.code for finding in check_abilities(work)] == ["filesystem.links", "filesystem.sync"]
    assert [finding.code for finding in repair(work).left] == ["filesystem.links", "filesystem.sync"]
    assert files_of(work) == before


def test_a_network_file_system_is_reported(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert codes_of(work) == []
    monkeypatch.setattr(places, "type_of_file_system", lambda path: "nfs4")
    assert codes_of(work) == ["filesystem.network"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_files_that_this_user_may_not_use_are_reported(template: Path, fork: Fork) -> None:
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = copy_of(template, Path(folder, "work"))
        (path / "journal" / f"{'e' * 32}.log").touch(0o600)
        before = files_of(path)
        assert codes_of(path) == ["journal.empty"]  # loads all modules, which the other user may not read

        def check(say: Say) -> None:
            os.setuid(65_534)
            say(" ".join(f"{finding.code}:{finding.subject}" for finding in examine(path)))

        child = fork(check)
        found = child.line().split()
        assert child.wait() == 0
        assert "permission.denied:workspace.db" in found
        assert f"journal.unreadable:journal/{'e' * 32}.log" in found
        assert files_of(path) == before
