"""The file of an artifact is complete, stays in its folder, and leaves no rest after an error."""

from __future__ import annotations

import io
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from small_disk import mounted_disk

from bridge.errors import InvalidState, InvalidValue, NotAllowed, NotFound, StoreUnavailable
from bridge.records.artifact import ArtifactRecord
from bridge.store.folder.artifacts import FolderArtifacts
from bridge.store.folder.files import PENDING
from bridge.testing.oracle.memory import MemoryStore

ROOT = "1/0123456789abcdef0123456789abcdef/artifacts"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def artifacts(folder: Path) -> FolderArtifacts:
    return FolderArtifacts(MemoryStore(), folder)


def files_in(folder: Path) -> list[str]:
    """Return every file and link in a folder except the lock, so that leftovers are found."""
    found = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return sorted(path for path in found if path != f"{PENDING}/lock")


def folders_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_dir())


class Meanwhile:
    """A stream that makes another call while it is read."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self._happens, self._content = happens, io.BytesIO(b"new")

    def read(self, size: int) -> bytes:
        self._happens()
        return self._content.read(size)


# The folder and the index


def test_a_file_is_stored_under_its_own_name(artifacts: FolderArtifacts, folder: Path) -> None:
    artifacts.put(ROOT, "a b/epoch=1#2.ckpt", b"content")
    assert files_in(folder) == [f"{ROOT}/a b/epoch=1#2.ckpt"]
    assert (folder / ROOT / "a b" / "epoch=1#2.ckpt").read_bytes() == b"content"


def test_a_file_that_is_not_in_the_index_does_not_exist(artifacts: FolderArtifacts, folder: Path) -> None:
    artifacts.put(ROOT, "x", b"1")
    (folder / ROOT / "y").write_bytes(b"2")
    assert [record.path for record in artifacts.list(ROOT)] == ["x"]
    assert artifacts.stat(ROOT, "y") is None
    with pytest.raises(NotFound):
        artifacts.get(ROOT, "y")


def test_a_file_removed_by_another_program_is_not_found(artifacts: FolderArtifacts, folder: Path) -> None:
    artifacts.put(ROOT, "a/x", b"1")
    (folder / ROOT / "a" / "x").unlink()
    with pytest.raises(NotFound, match="removed"):
        artifacts.get(ROOT, "a/x")
    (folder / ROOT / "a").rmdir()
    with pytest.raises(NotFound, match="removed"):
        artifacts.get(ROOT, "a/x")
    artifacts.put(ROOT, "a/x", b"2")
    assert b"".join(artifacts.get(ROOT, "a/x")) == b"2"


def test_deleting_removes_bytes_and_empty_folders(artifacts: FolderArtifacts, folder: Path) -> None:
    for path in ("a/b/c", "a/x", "b/y/z"):
        artifacts.put(ROOT, path, b"1")
    artifacts.delete(ROOT, "a/b/c")
    assert files_in(folder) == [f"{ROOT}/a/x", f"{ROOT}/b/y/z"]
    assert f"{ROOT}/a/b" not in folders_in(folder)
    artifacts.delete(ROOT, "b")
    assert files_in(folder) == [f"{ROOT}/a/x"]
    artifacts.delete(ROOT)
    assert folders_in(folder) == [PENDING]
    assert files_in(folder) == []


def test_deleting_removes_files_that_are_not_in_the_index(artifacts: FolderArtifacts, folder: Path) -> None:
    artifacts.put(ROOT, "a/x", b"1")
    (folder / ROOT / "a" / "left").write_bytes(b"2")
    artifacts.delete(ROOT, "a/left")
    assert files_in(folder) == [f"{ROOT}/a/x"]
    (folder / ROOT / "a" / "left").write_bytes(b"2")
    artifacts.delete(ROOT)
    assert files_in(folder) == []


def test_reading_and_deleting_nothing_creates_nothing(artifacts: FolderArtifacts, folder: Path) -> None:
    artifacts.list(ROOT)
    artifacts.stat(ROOT, "x")
    artifacts.delete(ROOT)
    with pytest.raises(NotFound):
        artifacts.get(ROOT, "x")
    with pytest.raises(NotFound):
        artifacts.put(ROOT, "x", folder / "missing")
    assert not (folder / ROOT).exists()


def test_a_path_of_two_thousand_folders_works(artifacts: FolderArtifacts, folder: Path) -> None:
    path = "a/" * 2_000 + "b"
    artifacts.put(ROOT, path, b"deep")
    assert b"".join(artifacts.get(ROOT, path)) == b"deep"
    artifacts.delete(ROOT)
    assert folders_in(folder) == [PENDING]


def test_the_folder_of_all_artifacts_can_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "artifacts").symlink_to(tmp_path / "disk")
    artifacts = FolderArtifacts(MemoryStore(), tmp_path / "artifacts")
    artifacts.put(ROOT, "x", b"1")
    assert (tmp_path / "disk" / ROOT / "x").read_bytes() == b"1"


def test_the_folder_of_a_removed_workspace_is_not_recreated(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(MemoryStore(), tmp_path / "gone" / "artifacts")
    with pytest.raises(StoreUnavailable, match="no such file or directory"):
        artifacts.put(ROOT, "x", b"1")
    assert list(tmp_path.iterdir()) == []


# Links


def test_no_method_follows_a_linked_folder(artifacts: FolderArtifacts, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_bytes(b"secret")
    artifacts.put(ROOT, "a/x", b"1")
    artifacts.put(ROOT, "b", b"1")
    (folder / ROOT / "a" / "x").unlink()
    (folder / ROOT / "a").rmdir()
    (folder / ROOT / "a").symlink_to(outside)
    for refused in (
        lambda: artifacts.put(ROOT, "a/x", b"2"),
        lambda: artifacts.put(ROOT, "a/new/y", b"2"),
        lambda: artifacts.append(ROOT, "a/x", b"2"),
        lambda: artifacts.get(ROOT, "a/x"),
        lambda: artifacts.delete(ROOT, "a/x"),
    ):
        with pytest.raises(InvalidValue, match="symbolic link"):
            refused()
    assert [record.path for record in artifacts.list(ROOT, recursive=True)] == ["a/x", "b"]
    artifacts.delete(ROOT)
    assert files_in(folder) == []
    assert [path.name for path in outside.iterdir()] == ["x"]
    assert (outside / "x").read_bytes() == b"secret"


def test_a_linked_root_is_not_followed(artifacts: FolderArtifacts, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    folder.mkdir()
    (folder / "1").symlink_to(outside)
    with pytest.raises(InvalidValue, match="symbolic link"):
        artifacts.put(ROOT, "x", b"1")
    assert list(outside.iterdir()) == []
    assert artifacts.list(ROOT) == []


def test_a_linked_file_is_replaced_and_not_followed(artifacts: FolderArtifacts, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"secret")
    artifacts.put(ROOT, "x", b"1")
    (folder / ROOT / "x").unlink()
    (folder / ROOT / "x").symlink_to(outside)
    with pytest.raises(InvalidValue, match="symbolic link"):
        artifacts.get(ROOT, "x")
    with pytest.raises(InvalidValue, match="symbolic link"):
        artifacts.append(ROOT, "x", b"2")
    artifacts.put(ROOT, "x", b"2")
    assert outside.read_bytes() == b"secret"
    assert (folder / ROOT / "x").read_bytes() == b"2"
    (folder / ROOT / "y").symlink_to(outside)
    artifacts.delete(ROOT, "y")
    assert outside.read_bytes() == b"secret"
    assert files_in(folder) == [f"{ROOT}/x"]


def test_a_planted_pipe_makes_no_reader_wait(artifacts: FolderArtifacts, folder: Path) -> None:
    artifacts.put(ROOT, "x", b"1")
    (folder / ROOT / "x").unlink()
    os.mkfifo(folder / ROOT / "x")
    with pytest.raises(NotFound):
        artifacts.get(ROOT, "x")
    artifacts.delete(ROOT, "x")
    assert not (folder / ROOT).exists()


# Completely or not at all


def test_a_refusal_by_the_index_changes_nothing(folder: Path) -> None:
    tracking = MemoryStore()
    artifacts = FolderArtifacts(tracking, folder)
    artifacts.put(ROOT, "x", b"before")

    def clash() -> None:
        tracking.delete_artifacts(ROOT, "x")
        tracking.set_artifacts(ROOT, [ArtifactRecord("x/y", 1, None, 0), ArtifactRecord("new", 1, None, 0)])

    with pytest.raises(InvalidState, match="folder"):
        artifacts.put(ROOT, "x", cast(BinaryIO, Meanwhile(clash)))
    assert (folder / ROOT / "x").read_bytes() == b"before"
    with pytest.raises(InvalidValue, match="'new', which is a file"):
        artifacts.put(ROOT, "new/a/b", b"1")
    tracking.delete_artifacts(ROOT)
    with pytest.raises(InvalidState, match="file"):
        artifacts.put(ROOT, "new/a/b", cast(BinaryIO, Meanwhile(clash)))
    assert files_in(folder) == [f"{ROOT}/x"]
    assert f"{ROOT}/new" not in folders_in(folder)


def test_a_file_that_has_become_a_folder_is_refused(folder: Path) -> None:
    artifacts = FolderArtifacts(MemoryStore(), folder)
    put_below = Meanwhile(lambda: artifacts.put(ROOT, "a/b", b"1"))
    with pytest.raises(InvalidValue, match="folder"):
        artifacts.put(ROOT, "a", cast(BinaryIO, put_below))
    put_above = Meanwhile(lambda: artifacts.put(ROOT, "c", b"1"))
    with pytest.raises(InvalidValue, match="file"):
        artifacts.put(ROOT, "c/d", cast(BinaryIO, put_above))
    assert files_in(folder) == [f"{ROOT}/a/b", f"{ROOT}/c"]


@contextmanager
def file_size_limit(size_bytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_fails_midway_changes_nothing(artifacts: FolderArtifacts, folder: Path) -> None:
    artifacts.put(ROOT, "x", b"before")
    for path in ("x", "new/folder/y"):
        with file_size_limit(1_500_000), pytest.raises(StoreUnavailable, match="is not available: file too large"):
            artifacts.put(ROOT, path, b"x" * 3_000_000)
    assert files_in(folder) == [f"{ROOT}/x"]
    assert b"".join(artifacts.get(ROOT, "x")) == b"before"
    assert f"{ROOT}/new" not in folders_in(folder)


def test_an_append_that_fails_midway_changes_nothing(artifacts: FolderArtifacts, folder: Path) -> None:
    artifacts.append(ROOT, "x", b"before")
    for path in ("x", "new/y"):
        with file_size_limit(1_500_000), pytest.raises(StoreUnavailable, match="is not available: file too large"):
            artifacts.append(ROOT, path, b"x" * 3_000_000)
    assert files_in(folder) == [f"{ROOT}/x"]
    assert (folder / ROOT / "x").read_bytes() == b"before"
    artifacts.append(ROOT, "x", b" and after")
    assert b"".join(artifacts.get(ROOT, "x")) == b"before and after"


def test_an_append_that_the_index_refuses_changes_nothing(folder: Path) -> None:
    class Refusing(MemoryStore):
        refuses = False

        def set_artifacts(self, root: str, records: Sequence[ArtifactRecord]) -> None:
            if self.refuses:
                raise StoreUnavailable("the index", "it is away")
            super().set_artifacts(root, records)

    tracking = Refusing()
    artifacts = FolderArtifacts(tracking, folder)
    artifacts.append(ROOT, "x", b"before")
    tracking.refuses = True
    for path in ("x", "new/y"):
        with pytest.raises(StoreUnavailable, match="it is away"):
            artifacts.append(ROOT, path, b" and after")
    assert files_in(folder) == [f"{ROOT}/x"]
    assert (folder / ROOT / "x").read_bytes() == b"before"


def test_a_growing_file_removed_by_another_program_starts_again(artifacts: FolderArtifacts, folder: Path) -> None:
    artifacts.append(ROOT, "a/x", b"before")
    (folder / ROOT / "a" / "x").unlink()
    (folder / ROOT / "a").rmdir()
    assert artifacts.append(ROOT, "a/x", b"after").size_bytes == 5
    assert b"".join(artifacts.get(ROOT, "a/x")) == b"after"


def test_a_growing_file_is_continued_after_a_crash(artifacts: FolderArtifacts, folder: Path) -> None:
    artifacts.append(ROOT, "x", b"before")
    os.truncate(folder / ROOT / "x", 3)
    assert artifacts.append(ROOT, "x", b"after").size_bytes == 8
    assert b"".join(artifacts.get(ROOT, "x")) == b"befafter"


@contextmanager
def mounted(folder: Path, *commands: str) -> Iterator[None]:
    """Create mounts as root; other users skip the test."""
    for command in commands:
        if os.geteuid() or subprocess.run([*command.split(), str(folder)], capture_output=True).returncode:
            pytest.skip("mounting needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted_disk(tmp_path / "disk", 1) as disk:
        yield disk


def test_a_full_disk_is_reported_in_one_sentence_and_leaves_no_file(small_disk: Path) -> None:
    folder = small_disk / "artifacts"
    artifacts = FolderArtifacts(MemoryStore(), folder)
    artifacts.put(ROOT, "x", b"1" * 500_000)
    for path in ("x", "a/y"):
        with pytest.raises(StoreUnavailable) as caught:
            artifacts.put(ROOT, path, io.BytesIO(b"2" * 800_000))
        assert str(caught.value) == f"{folder} is not available: no space left on device."
        assert isinstance(caught.value.__cause__, OSError)
    assert files_in(folder) == [f"{ROOT}/x"]
    assert b"".join(artifacts.get(ROOT, "x")) == b"1" * 500_000
    artifacts.put(ROOT, "b", b"2" * 400_000)
    artifacts.delete(ROOT, "x")
    artifacts.put(ROOT, "c", b"3" * 500_000)
    assert [record.path for record in artifacts.list(ROOT)] == ["b", "c"]


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that this user cannot write. For root it is mounted read-only."""
    if os.geteuid() == 0:
        with mounted(folder, f"mount --bind {folder}", "mount -o remount,bind,ro"):
            yield
        return
    folder.chmod(0o555)
    try:
        yield
    finally:
        folder.chmod(0o755)


def test_a_read_only_folder_is_read_and_refuses_changes(folder: Path) -> None:
    tracking = MemoryStore()
    artifacts = FolderArtifacts(tracking, folder)
    artifacts.put(ROOT, "a/x", b"1")
    with read_only(folder):
        assert b"".join(artifacts.get(ROOT, "a/x")) == b"1"
        artifacts.delete(ROOT, "missing")
        with pytest.raises(NotAllowed, match=r"^Cannot write artifact '.*/a/x' in .*/artifacts: .*\.$"):
            artifacts.put(ROOT, "a/x", b"2")
        with pytest.raises(NotAllowed, match="Cannot delete artifact"):
            artifacts.delete(ROOT, "a/x")
        with pytest.raises(NotAllowed, match="Cannot delete artifact"):
            artifacts.delete(ROOT)
        assert [record.path for record in artifacts.list(ROOT, recursive=True)] == ["a/x"]
    artifacts.delete(ROOT)
    assert files_in(folder) == []


def test_bytes_that_cannot_be_removed_stay_listed(folder: Path) -> None:
    artifacts = FolderArtifacts(MemoryStore(), folder)
    artifacts.put(ROOT, "a/x", b"1")
    before = artifacts.list(ROOT, recursive=True)
    with read_only(folder / ROOT / "a"):
        with pytest.raises((NotAllowed, StoreUnavailable)):
            artifacts.delete(ROOT, "a/x")
        assert artifacts.list(ROOT, recursive=True) == before
        assert b"".join(artifacts.get(ROOT, "a/x")) == b"1"


# Permissions


def test_the_group_of_a_shared_folder_can_change_it(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        FolderArtifacts(MemoryStore(), folder, shared=True).put(ROOT, "a/x", b"1")
    finally:
        os.umask(before)
    for path in (folder, folder / PENDING, folder / "1", folder / ROOT, folder / ROOT / "a"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o2770, path
    for path in (folder / ROOT / "a" / "x", folder / PENDING / "lock"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660, path


def test_a_folder_of_one_user_follows_the_umask(folder: Path) -> None:
    before = os.umask(0o027)
    try:
        FolderArtifacts(MemoryStore(), folder).put(ROOT, "a/x", b"1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / ROOT / "a").stat().st_mode) == 0o750
    assert stat.S_IMODE((folder / ROOT / "a" / "x").stat().st_mode) == 0o640


# Large files

LARGE = """
import resource, sys
from pathlib import Path
from bridge.testing.oracle.memory import MemoryStore
from bridge.store.folder.artifacts import FolderArtifacts
folder = Path(sys.argv[1])
artifacts = FolderArtifacts(MemoryStore(), folder / "artifacts")
artifacts.put("0/run/artifacts", "small", b"1")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
artifacts.put("0/run/artifacts", "large", folder / "large")
artifacts.download("0/run/artifacts", "large", folder / "back")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // (1024 if sys.platform == "linux" else 1 << 20))
"""


@pytest.mark.slow
def test_a_large_file_needs_only_a_few_megabytes_of_memory(tmp_path: Path) -> None:
    size_bytes = 200_000_000
    with (tmp_path / "large").open("wb") as file:
        file.truncate(size_bytes)
    command = [sys.executable, "-c", LARGE, str(tmp_path)]
    megabytes = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert megabytes < 16
    assert (tmp_path / "back").stat().st_size == size_bytes
