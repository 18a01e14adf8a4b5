"""A snapshot has the folder byte by byte. An unchanged folder is not read again, and limits cause warnings."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest

from bridge import Experiment, InvalidState, InvalidValue, NotFound, Run, Workspace
from bridge.source import known_tree
from bridge.source.empty import EMPTY
from bridge.source.manifest import ROOT
from bridge.source.snapshot import restore_snapshot, take_snapshot, write_snapshot_zip
from bridge.source.tree import TreeScan
from bridge.store.artifacts import ArtifactStore


def fill(folder: Path) -> Path:
    """A folder with every kind of object that a snapshot can contain."""
    contents = {
        "train.py": b"print('training')\n",
        "empty": b"",
        "data/large.bin": os.urandom(3_000_000),
        "data/again.bin": b"same",
        "data/below/same.bin": b"same",
        "name with spaces and ü.txt": b"\xff\x00",
        "two\nlines": b"2",
    }
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / "run.sh").write_bytes(b"#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("data/again.bin")
    (folder / "data" / "up").symlink_to("../train.py")
    (folder / "folder").symlink_to("data")
    return folder


def contents_of(folder: Path) -> dict[str, tuple[str, bytes | str]]:
    """Return the kind and content of every object in a folder by path, without following links."""
    found: dict[str, tuple[str, bytes | str]] = {}
    for top, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(top) / name
            key = path.relative_to(folder).as_posix()
            if path.is_symlink():
                found[key] = "link", os.readlink(path)
            elif path.is_file():
                found[key] = "executable" if path.stat().st_mode & stat.S_IXUSR else "file", path.read_bytes()
    return found


def unzipped(archive: Path) -> dict[str, tuple[str, bytes | str]]:
    """Return the content of a zip in the form of `contents_of`."""
    found: dict[str, tuple[str, bytes | str]] = {}
    with zipfile.ZipFile(archive) as file:
        assert file.testzip() is None
        for info in file.infolist():
            mode, content = info.external_attr >> 16, file.read(info)
            if stat.S_ISLNK(mode):
                found[info.filename] = "link", content.decode()
            else:
                found[info.filename] = "executable" if mode & stat.S_IXUSR else "file", content
    return found


def states_of(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Return the size, time and hash of every file below a folder, except SQLite's shared memory."""
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith("-shm")
    }


def bytes_read() -> int:
    """Return the number of bytes that this process has read so far."""
    return int(Path("/proc/self/io").read_text().split("rchar: ")[1].split()[0])


def taken(artifacts: ArtifactStore, folder: Path) -> str:
    """Take a snapshot, check that it excludes nothing, and return its id."""
    snapshot = take_snapshot(artifacts, folder)
    assert snapshot.id is not None and snapshot.warnings == ()
    return snapshot.id


def test_a_zip_contains_the_folder_byte_by_byte(run: Run, tmp_path: Path) -> None:
    folder = fill(tmp_path / "src")
    snapshot_id = run.take_snapshot(folder)
    path = run.restore_snapshot(path=tmp_path / "snapshots")
    assert path == str(tmp_path / "snapshots" / f"{snapshot_id}.zip")
    assert unzipped(Path(path)) == contents_of(folder)
    assert run.restore_snapshot(snapshot_id, os.path.relpath(tmp_path / "snapshots")) == path


def test_a_restored_folder_is_the_folder_byte_by_byte(artifacts: ArtifactStore, tmp_path: Path) -> None:
    folder = fill(tmp_path / "src")
    snapshot_id = taken(artifacts, folder)
    for _ in range(2):
        restore_snapshot(artifacts, snapshot_id, tmp_path / "back")
        assert contents_of(tmp_path / "back") == contents_of(folder)


def test_the_id_depends_only_on_the_content(artifacts: ArtifactStore, tmp_path: Path) -> None:
    folder = fill(tmp_path / "src")
    first = taken(artifacts, folder)
    restore_snapshot(artifacts, first, tmp_path / "copy")
    other = Workspace.create("other", path=tmp_path / "other").stores.artifacts
    assert taken(artifacts, tmp_path / "copy") == taken(other, tmp_path / "copy") == first
    seen = {first}
    (folder / "train.py").chmod(0o755)
    seen.add(taken(artifacts, folder))
    (folder / "train.py").rename(folder / "test.py")
    seen.add(taken(artifacts, folder))
    (folder / "test.py").write_bytes(b"print('trainint')\n")
    seen.add(taken(artifacts, folder))
    (folder / "empty").unlink()
    seen.add(taken(artifacts, folder))
    assert len(seen) == 5


@pytest.fixture
def settled_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a file count as unchanged a moment after it was written; the tests wait a tenth of a second."""
    monkeypatch.setattr(known_tree, "SETTLED_NS", 0)


@pytest.mark.usefixtures("settled_soon")
def test_an_unchanged_folder_is_not_read_and_nothing_is_written(
    workspace: Workspace, artifacts: ArtifactStore, home: Path, tmp_path: Path
) -> None:
    folder = fill(tmp_path / "src")
    (folder / ".gitignore").write_text("*.log\n", encoding="utf-8")
    time.sleep(known_tree.SETTLED_NS / 1e9 + 0.1)
    first = taken(artifacts, folder)
    before = states_of(workspace.path), states_of(home)
    begun = bytes_read()
    assert taken(artifacts, folder) == first
    assert bytes_read() - begun < 200_000  # the files have 3 MB
    assert (states_of(workspace.path), states_of(home)) == before


def test_a_small_change_stores_only_new_content(workspace: Workspace, artifacts: ArtifactStore, tmp_path: Path) -> None:
    folder = fill(tmp_path / "src")
    taken(artifacts, folder)
    before = set(states_of(workspace.path / "artifacts"))
    (folder / "train.py").write_bytes(b"print('again')\n")
    taken(artifacts, folder)
    new = [Path(path) for path in set(states_of(workspace.path / "artifacts")) - before]
    assert sorted(path.stat().st_size for path in new if path.suffix != ".json") == [len(b"print('again')\n")]
    assert len(new) == 2


def test_changes_in_quick_succession_are_noticed(artifacts: ArtifactStore, tmp_path: Path) -> None:
    file = tmp_path / "src" / "train.py"
    file.parent.mkdir()
    with file.open("wb", buffering=0) as writing:  # the same inode and size each time
        for number in range(20):
            writing.seek(0)
            writing.write(b"%03d" % number)
            os.utime(file, ns=(1, 1))
            snapshot_id = taken(artifacts, file.parent)
            restore_snapshot(artifacts, snapshot_id, tmp_path / "back")
            assert (tmp_path / "back" / "train.py").read_bytes() == b"%03d" % number


@pytest.mark.slow
def test_a_file_that_could_change_within_its_time_stamp_is_read_again(artifacts: ArtifactStore, tmp_path: Path) -> None:
    folder = fill(tmp_path / "src")
    first = taken(artifacts, folder)
    begun = bytes_read()
    assert taken(artifacts, folder) == first
    assert bytes_read() - begun > 3_000_000
    time.sleep(known_tree.SETTLED_NS / 1e9 + 0.1)
    assert taken(artifacts, folder) == first
    begun = bytes_read()
    assert taken(artifacts, folder) == first
    assert bytes_read() - begun < 200_000


@pytest.mark.usefixtures("settled_soon")
def test_a_change_with_a_restored_time_stamp_is_noticed(artifacts: ArtifactStore, tmp_path: Path) -> None:
    file = tmp_path / "src" / "train.py"
    file.parent.mkdir()
    file.write_bytes(b"one")
    os.utime(file, ns=(1, 1))
    time.sleep(known_tree.SETTLED_NS / 1e9 + 0.1)
    first = taken(artifacts, file.parent)
    assert taken(artifacts, file.parent) == first
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert taken(artifacts, file.parent) != first


def test_a_change_of_the_ignore_file_takes_effect_at_once(artifacts: ArtifactStore, tmp_path: Path) -> None:
    folder = fill(tmp_path / "src")
    for rule in ("*.bin", "*.py", "*.sh", "# none"):
        (folder / ".amlignore").write_text(rule, encoding="utf-8")
        snapshot_id = taken(artifacts, folder)
        restore_snapshot(artifacts, snapshot_id, tmp_path / rule[2:])
        there = {Path(path).suffix for path in contents_of(tmp_path / rule[2:])}
        assert there == {"", ".txt", ".bin", ".py", ".sh"} - {rule[1:]}


@pytest.mark.usefixtures("settled_soon")
def test_a_snapshot_that_another_workspace_has_is_stored_in_this_one_too(
    artifacts: ArtifactStore, home: Path, tmp_path: Path
) -> None:
    folder = fill(tmp_path / "src")
    time.sleep(known_tree.SETTLED_NS / 1e9 + 0.1)
    taken(artifacts, folder)
    other = Workspace.create("other", path=tmp_path / "other").stores.artifacts
    restore_snapshot(other, taken(other, folder), tmp_path / "back")
    assert contents_of(tmp_path / "back") == contents_of(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format":1}', b'{"format":1,"folder":5}', b"\xff"])
def test_a_damaged_cache_of_a_folder_only_costs_time(
    artifacts: ArtifactStore, home: Path, tmp_path: Path, content: bytes
) -> None:
    folder = fill(tmp_path / "src")
    first = taken(artifacts, folder)
    (kept,) = (home / "snapshots").iterdir()
    kept.write_bytes(content)
    assert taken(artifacts, folder) == first


def test_a_read_only_home_only_costs_time(
    artifacts: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "file" / "home"))
    folder = fill(tmp_path / "src")
    assert taken(artifacts, folder) == taken(artifacts, folder)


def test_a_folder_whose_ignore_file_is_removed_meanwhile_is_only_read_again(tmp_path: Path) -> None:
    (tmp_path / ".amlignore").write_text("*.csv\n")
    tree = TreeScan(tmp_path, 10, frozenset()).run({}, "")
    (tmp_path / ".amlignore").unlink()
    known_tree.write_known(tmp_path, EMPTY, tree, {}, time.time_ns())
    assert known_tree.read_known(tmp_path).snapshot_id == ""


def test_the_cache_keeps_the_folders_used_last(
    artifacts: ArtifactStore, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_tree, "MOST_FOLDERS", 3)
    folders = [tmp_path / str(number) for number in range(5)]
    for folder in folders:
        folder.mkdir()
        (folder / "x").write_text(folder.name, encoding="utf-8")
        taken(artifacts, folder)
    kept = [json.loads(file.read_bytes())["folder"] for file in (home / "snapshots").iterdir()]
    assert sorted(kept) == [str(folder) for folder in folders[2:]]


def test_links_out_of_the_folder_become_files_or_cause_a_warning(artifacts: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "data.csv").write_text("1,2", encoding="utf-8")
    folder = tmp_path / "src"
    (folder / "below").mkdir(parents=True)
    (folder / "train.py").write_text("x", encoding="utf-8")
    (folder / "file").symlink_to("../outside/data.csv")
    (folder / "chain").symlink_to("file")
    (folder / "folder").symlink_to("../outside")
    (folder / "nowhere").symlink_to("/nowhere/at/all")
    (folder / "dangling").symlink_to("not-there")
    (folder / "below" / "absolute").symlink_to(folder / "train.py")
    (folder / "below" / "detour").symlink_to("../../src/train.py")
    snapshot = take_snapshot(artifacts, folder)
    assert snapshot.id is not None
    (warning,) = snapshot.warnings
    assert "folder (a link" in warning and "nowhere (a link" in warning and "dangling" not in warning
    restore_snapshot(artifacts, snapshot.id, tmp_path / "back")
    assert contents_of(tmp_path / "back") == {
        "train.py": ("file", b"x"),
        "file": ("file", b"1,2"),
        "chain": ("file", b"1,2"),
        "dangling": ("link", "not-there"),
        "below/absolute": ("link", "../train.py"),
        "below/detour": ("link", "../train.py"),
    }


def test_an_object_that_is_not_a_file_is_excluded_with_a_warning(artifacts: ArtifactStore, tmp_path: Path) -> None:
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "train.py").write_text("x", encoding="utf-8")
    os.mkfifo(folder / "pipe")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).write_text("x", encoding="utf-8")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(folder / "socket"))
        snapshot = take_snapshot(artifacts, folder)
    assert snapshot.id is not None
    (warning,) = snapshot.warnings
    assert "pipe (neither" in warning and "socket (neither" in warning and "(its name is not UTF-8)" in warning
    restore_snapshot(artifacts, snapshot.id, tmp_path / "back")
    assert contents_of(tmp_path / "back") == {"train.py": ("file", b"x")}


def test_an_unreadable_file_is_excluded_with_a_warning(tmp_path: Path) -> None:
    code = """
import os
from pathlib import Path
from bridge import NotAllowed, Workspace
from bridge.source.snapshot import take_snapshot
os.makedirs("first")
Path("first/.gitignore").write_text("x")
take_snapshot(Workspace.create("first", path="ws1").stores.artifacts, "first")  # all modules are loaded
Workspace.create("second", path="ws2")  # which reads files of the package
if os.geteuid() == 0:
    for folder, _, files in os.walk("ws2"):
        for place in (folder, *(os.path.join(folder, name) for name in files)):
            os.chown(place, 65534, 65534)
    os.setuid(65534)
os.environ["BRIDGE_HOME"] = os.path.abspath("home2")
os.makedirs("src/closed")
Path("src/train.py").write_text("x")
Path("src/secret").write_text("x")
os.chmod("src/secret", 0)
os.chmod("src/closed", 0)
artifacts = Workspace.open("ws2").stores.artifacts
print(*take_snapshot(artifacts, "src").warnings)
Path("src/.amlignore").write_text("x")
os.chmod("src/.amlignore", 0)
try:
    take_snapshot(artifacts, "src")
except NotAllowed as error:
    print(error)
"""
    with tempfile.TemporaryDirectory() as folder:  # other users cannot enter pytest's folders
        os.chmod(folder, 0o777)
        environment = {**os.environ, "BRIDGE_HOME": f"{folder}/home"}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        place = os.path.realpath(folder)
    assert done.stdout.splitlines() == [
        f"The snapshot of {place}/src does not contain: closed (permission denied); secret (permission denied).",
        f"Cannot read {place}/src/.amlignore: permission denied.",
    ]


def test_a_deep_folder_can_be_a_snapshot(artifacts: ArtifactStore, tmp_path: Path) -> None:
    deep = "/".join("d" * 900)
    (tmp_path / "src" / deep).mkdir(parents=True)
    (tmp_path / "src" / deep / "train.py").write_text("x", encoding="utf-8")
    restore_snapshot(artifacts, taken(artifacts, tmp_path / "src"), tmp_path / "back")
    assert (tmp_path / "back" / deep / "train.py").read_text(encoding="utf-8") == "x"


def test_beyond_the_size_limit_the_largest_files_are_excluded_without_reading_them(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_SNAPSHOT_BYTES", "1000000")
    folder = tmp_path / "src"
    folder.mkdir()
    for name, size_bytes in {"small": 10, "half": 600_000, "huge": 50_000_000_000, "large": 900_000}.items():
        with (folder / name).open("wb") as file:
            file.truncate(size_bytes)
    begun = bytes_read()
    run.take_snapshot(folder)
    assert bytes_read() - begun < 1_000_000
    assert set(unzipped(Path(run.restore_snapshot(path=tmp_path)))) == {"small", "half"}
    (warning,) = run.warnings
    assert "huge (50000.0 MB), large (0.9 MB)" in warning and "at most 1 MB and 2,000 files" in warning


def test_beyond_the_limit_of_files_the_largest_files_are_excluded(
    artifacts: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_SNAPSHOT_FILES", "4")
    for number in range(18):
        (tmp_path / f"{number}").write_bytes(b"x" * number)
    snapshot = take_snapshot(artifacts, tmp_path)
    assert snapshot.id is not None and "17 (0.0 MB)" in snapshot.warnings[0] and "4 more" in snapshot.warnings[0]
    assert set(unzipped(write_snapshot_zip(artifacts, snapshot.id, tmp_path / "zip"))) == {"0", "1", "2", "3"}
    monkeypatch.setenv("AML_SNAPSHOT_NO_FILE_LIMIT", "True")
    assert take_snapshot(artifacts, tmp_path).warnings == ()


def test_a_folder_with_too_many_entries_has_no_snapshot(
    workspace: Workspace, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_SNAPSHOT_FILES", "4")
    (tmp_path / "below").mkdir()
    for number in range(20):
        (tmp_path / "below" / f"{number}").write_bytes(b"x")
    snapshot = take_snapshot(workspace.stores.artifacts, tmp_path)
    assert snapshot.id is None
    assert "more than 20 files and folders" in snapshot.warnings[0] and ".amlignore" in snapshot.warnings[0]
    with pytest.raises(InvalidValue, match=r"\.amlignore"):
        run.take_snapshot(tmp_path)
    (tmp_path / ".amlignore").write_text("below/", encoding="utf-8")
    run.take_snapshot(tmp_path)


def test_a_limit_that_is_not_a_number_is_refused(
    artifacts: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_SNAPSHOT_BYTES", "300 MB")
    with pytest.raises(InvalidValue, match="BRIDGE_SNAPSHOT_BYTES"):
        take_snapshot(artifacts, tmp_path)


def test_a_run_has_one_snapshot(run: Run, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="the run has no snapshot"):
        run.get_snapshot_id()
    (tmp_path / "train.py").write_text("x", encoding="utf-8")
    snapshot_id = run.take_snapshot(tmp_path)
    assert run.get_snapshot_id() == run.get_properties()["ContentSnapshotId"] == snapshot_id
    with pytest.raises(InvalidState, match=snapshot_id):
        run.take_snapshot(tmp_path)


def test_a_single_file_can_be_a_snapshot(run: Run, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("x", encoding="utf-8")
    (tmp_path / "other.py").write_text("y", encoding="utf-8")
    run.take_snapshot(tmp_path / "train.py")
    assert unzipped(Path(run.restore_snapshot(path=tmp_path))) == {"train.py": ("file", b"x")}


def test_a_missing_folder_is_an_error(run: Run, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        run.take_snapshot(tmp_path / "not-there")
    for wrong in ("../../etc/passwd", "0f5b2c1e-0000-8000-8000-000000000000", ""):
        with pytest.raises(NotFound):
            run.restore_snapshot(wrong, tmp_path)


def test_an_empty_folder_stores_nothing(workspace: Workspace, run: Run, home: Path, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    assert run.take_snapshot(tmp_path) == EMPTY
    assert workspace.stores.artifacts.list(ROOT) == [] and list(home.iterdir()) == []
    assert unzipped(Path(run.restore_snapshot(path=tmp_path / "zip"))) == {}
    restore_snapshot(workspace.stores.artifacts, EMPTY, tmp_path / "back")
    assert list((tmp_path / "back").iterdir()) == []


@pytest.mark.usefixtures("settled_soon")
@pytest.mark.parametrize("files", [0, 3], ids=["empty", "unchanged"])
def test_an_unchanged_folder_loads_neither_hashes_nor_rules(workspace: Workspace, tmp_path: Path, files: int) -> None:
    for number in range(files):
        (tmp_path / f"{number}.py").write_text("x", encoding="utf-8")
        (tmp_path / ".gitignore").write_text("*.log", encoding="utf-8")
    code = f"""
import sys
from bridge.store.open import open_store
from bridge.source.snapshot import take_snapshot
print(take_snapshot(open_store({str(workspace.path)!r}).artifacts, {str(tmp_path)!r}).id)
print([name for name in ("hashlib", "_hashlib", "pathspec", "numpy", "subprocess", "tempfile") if name in sys.modules])
"""
    time.sleep(known_tree.SETTLED_NS / 1e9 + 0.1 if files else 0)
    first = take_snapshot(workspace.stores.artifacts, tmp_path)
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert printed.splitlines() == [first.id, "[]"]


def test_a_damaged_snapshot_is_reported(workspace: Workspace, run: Run, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("x" * 10, encoding="utf-8")
    run.take_snapshot(tmp_path)
    (content,) = (path for path in (workspace.path / "artifacts" / ROOT / "files").rglob("*") if path.is_file())
    content.write_text("y" * 10, encoding="utf-8")
    with pytest.raises(InvalidState, match=r"damaged \(the file 'train\.py' was changed\)"):
        run.restore_snapshot(path=tmp_path / "zip")
    assert list((tmp_path / "zip").iterdir()) == []
    workspace.stores.artifacts.delete(ROOT, "files")
    with pytest.raises(InvalidState, match=r"damaged \(the file 'train\.py' is missing\)"):
        run.restore_snapshot(path=tmp_path / "zip")


@pytest.mark.parametrize(
    "entry",
    [
        ["../out", "file", "0" * 64, 1],
        ["/out", "file", "0" * 64, 1],
        ["a//b", "file", "0" * 64, 1],
        ["a", "file", "../../workspace.db", 1],
        ["a", "link", "../../etc", 0],
        ["a", "link", "/etc/passwd", 0],
        ["a", "device", "0" * 64, 1],
        ["a\0b", "file", "0" * 64, 1],
        ["a", "link", "b\0c", 0],
        ["a"],
    ],
)
def test_a_manifest_that_leads_out_of_the_folder_is_refused(
    artifacts: ArtifactStore, tmp_path: Path, entry: list[object]
) -> None:
    snapshot_id = "0f5b2c1e-0000-8000-8000-000000000000"
    artifacts.put(ROOT, f"trees/{snapshot_id}.json", json.dumps({"format": 1, "files": [entry]}).encode())
    with pytest.raises(InvalidState, match="damaged"):
        restore_snapshot(artifacts, snapshot_id, tmp_path / "back")
    assert list((tmp_path / "back").iterdir()) == []


def test_links_that_lead_out_of_the_folder_through_each_other_are_refused(
    artifacts: ArtifactStore, tmp_path: Path
) -> None:
    """A second snapshot restored to the same folder would write its files through them."""
    snapshot_id = "0f5b2c1e-0000-8000-8000-000000000000"
    links = [["a", "link", "b/..", 4], ["b", "link", ".", 1]]
    artifacts.put(ROOT, f"trees/{snapshot_id}.json", json.dumps({"format": 1, "files": links}).encode())
    with pytest.raises(InvalidState, match="the link 'a' leads out of the folder"):
        restore_snapshot(artifacts, snapshot_id, tmp_path / "back")
    assert [path.name for path in (tmp_path / "back").iterdir()] == ["b"]


@pytest.mark.slow
def test_processes_can_take_the_same_snapshot_at_once(workspace: Workspace, tmp_path: Path) -> None:
    folder = fill(tmp_path / "src")
    code = f"""
from bridge.store.open import open_store
from bridge.source.snapshot import take_snapshot
print(take_snapshot(open_store({str(workspace.path)!r}).artifacts, {str(folder)!r}))
"""
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    printed = {process.communicate(timeout=60)[0] for process in started}
    assert printed == {f"{take_snapshot(workspace.stores.artifacts, folder)}\n"}


def test_a_started_run_stores_the_working_folder(workspace: Workspace, tmp_path: Path, working_folder: Path) -> None:
    (working_folder / "train.py").write_text("x", encoding="utf-8")
    with Experiment(workspace, "default").start_logging() as run:
        run.log("loss", 0.5)
    assert unzipped(Path(run.restore_snapshot(path=tmp_path))) == {"train.py": ("file", b"x")}
