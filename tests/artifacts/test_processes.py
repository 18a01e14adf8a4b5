"""Artifacts stay complete while several processes write, are killed, or are forked."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.errors import NotFound
from bridge.store.folder.artifacts import FolderArtifacts
from bridge.store.folder.files import PENDING
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.sqlite import open_sqlite

pytestmark = pytest.mark.processes

ROOT = "0/run/artifacts"

OPEN = """
import os, sys
from pathlib import Path
from bridge.store.folder.artifacts import FolderArtifacts
from bridge.store.sql.sqlite import open_sqlite
folder = Path(sys.argv[1])
tracking = open_sqlite(folder / "workspace.db")
artifacts = FolderArtifacts(tracking, folder / "artifacts")
root = "0/run/artifacts"
"""

STALL = """
class Stalling:
    pieces = 0
    def read(self, size):
        self.pieces += 1
        if self.pieces > 3:
            print("stalled", flush=True)
            sys.stdin.read()
        return b"x" * size
artifacts.put(root, sys.argv[2], Stalling())
"""

PUT_ENDLESSLY = """
number = 0
while True:
    content = os.urandom(8) * 40_000
    artifacts.put(root, f"{sys.argv[2]}/{number}", content)
    print(number, flush=True)
    number += 1
"""

PUT_ONE_PATH = """
for number in range(25):
    artifacts.put(root, "x", sys.argv[2].encode() * (100_000 + number))
"""

PUT_AND_DELETE = """
for number in range(25):
    artifacts.put(root, "shared/folder/x", sys.argv[2].encode())
    artifacts.put(root, f"shared/{sys.argv[2]}", b"kept")
    artifacts.delete(root, "shared/folder")
"""

APPEND_ENDLESSLY = """
number = 0
while True:
    artifacts.append(root, "log", b"%s %d\\n" % (sys.argv[2].encode(), number))
    print(number, flush=True)
    number += 1
"""

APPEND = """
for number in range(40):
    artifacts.append(root, "log", b"%s %d\\n" % (sys.argv[2].encode(), number))
"""

FORK = """
artifacts.put(root, "parent", b"1" * 3_000_000)
child = os.fork()
if child == 0:
    tracking.after_fork()
    artifacts.put(root, "child", b"2" * 3_000_000)
    os._exit(0 if b"".join(artifacts.get(root, "parent")) == b"1" * 3_000_000 else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.fixture
def tracking(tmp_path: Path) -> Iterator[SqlBackend]:
    store = open_sqlite(tmp_path / "workspace.db")
    yield store
    store.close()


@pytest.fixture
def artifacts(tracking: SqlBackend, tmp_path: Path) -> FolderArtifacts:
    return FolderArtifacts(tracking, tmp_path / "artifacts")


def start(script: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", OPEN + script, str(folder), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def kill(process: subprocess.Popen[str]) -> str:
    """Kill a process, and return the rest of its output."""
    process.send_signal(signal.SIGKILL)
    assert process.stdout is not None
    said = process.stdout.read()  # `communicate` would lose the lines that `readline` has buffered
    process.communicate()
    return said


def pending_in(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "artifacts" / PENDING).iterdir() if path.name != "lock")


def content(artifacts: FolderArtifacts, path: str) -> bytes:
    return b"".join(artifacts.get(ROOT, path))


def test_a_killed_writer_leaves_nothing_visible(artifacts: FolderArtifacts, tmp_path: Path) -> None:
    artifacts.put(ROOT, "x", b"before")
    for path in ("x", "a/y"):
        process = start(STALL, tmp_path, path)
        assert process.stdout is not None and process.stdout.readline() == "stalled\n"
        artifacts.put(ROOT, "other", b"1")
        assert len(pending_in(tmp_path)) == 1, "no other process removes a file that is being written"
        kill(process)
    assert [record.path for record in artifacts.list(ROOT, recursive=True)] == ["other", "x"]
    assert sorted(os.listdir(tmp_path / "artifacts" / ROOT)) == ["other", "x"]
    assert content(artifacts, "x") == b"before"
    with pytest.raises(NotFound):
        artifacts.get(ROOT, "a/y")
    artifacts.put(ROOT, "other", b"2")
    assert pending_in(tmp_path) == []


def test_every_file_that_is_listed_after_a_kill_is_complete(artifacts: FolderArtifacts, tmp_path: Path) -> None:
    chance = random.Random(7)
    acknowledged = []
    for attempt in range(12):
        process = start(PUT_ENDLESSLY, tmp_path, str(attempt))
        assert process.stdout is not None
        for _ in range(chance.randrange(1, 12)):
            acknowledged.append(f"{attempt}/{process.stdout.readline().strip()}")
        acknowledged += [f"{attempt}/{line}" for line in kill(process).split("\n")[:-1]]
    listed = {record.path: record for record in artifacts.list(ROOT, recursive=True)}
    assert set(acknowledged) <= set(listed)
    assert len(listed) <= len(acknowledged) + 12
    for path, record in listed.items():
        assert hashlib.sha256(content(artifacts, path)).hexdigest() == record.sha256
    artifacts.put(ROOT, "last", b"1")
    assert pending_in(tmp_path) == []


def test_exactly_the_bytes_appended_before_a_kill_are_read(artifacts: FolderArtifacts, tmp_path: Path) -> None:
    chance = random.Random(7)
    expected: list[str] = []
    for attempt in range(12):
        process = start(APPEND_ENDLESSLY, tmp_path, str(attempt))
        assert process.stdout is not None
        said = "".join(process.stdout.readline() for _ in range(chance.randrange(1, 30))) + kill(process)
        acknowledged = said.count("\n")
        lines = content(artifacts, "log").decode().splitlines()
        listed = artifacts.stat(ROOT, "log")
        assert listed is not None and listed.size_bytes == len(content(artifacts, "log"))
        assert listed.size_bytes <= (tmp_path / "artifacts" / ROOT / "log").stat().st_size
        ours = lines[len(expected) :]
        assert lines[: len(expected)] == expected
        assert ours == [f"{attempt} {number}" for number in range(len(ours))]
        assert len(ours) in (acknowledged, acknowledged + 1)
        expected = lines


def test_bytes_of_a_writer_that_died_before_the_index_was_updated_are_replaced(
    artifacts: FolderArtifacts, tmp_path: Path
) -> None:
    artifacts.append(ROOT, "log", b"one\n")
    with (tmp_path / "artifacts" / ROOT / "log").open("ab") as file:
        file.write(b"of a writer that died here\n")
    assert content(artifacts, "log") == b"one\n"
    artifacts.append(ROOT, "log", b"two\n")
    assert content(artifacts, "log") == b"one\ntwo\n"
    assert (tmp_path / "artifacts" / ROOT / "log").read_bytes() == b"one\ntwo\n"


def test_processes_can_append_to_one_file(artifacts: FolderArtifacts, tmp_path: Path) -> None:
    processes = [start(APPEND, tmp_path, letter) for letter in "abc"]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0, 0]
    lines = content(artifacts, "log").decode().splitlines()
    assert len(lines) == 120
    for letter in "abc":
        assert [line for line in lines if line[0] == letter] == [f"{letter} {number}" for number in range(40)]


def test_writers_of_one_path_leave_one_complete_file(artifacts: FolderArtifacts, tmp_path: Path) -> None:
    processes = [start(PUT_ONE_PATH, tmp_path, letter) for letter in "abc"]
    while any(process.poll() is None for process in processes):
        if artifacts.stat(ROOT, "x"):
            assert len(set(content(artifacts, "x"))) == 1
    assert [process.wait() for process in processes] == [0, 0, 0]
    for process in processes:
        process.communicate()
    (record,) = artifacts.list(ROOT)
    read = content(artifacts, "x")
    assert (len(read), hashlib.sha256(read).hexdigest()) == (record.size_bytes, record.sha256)
    assert pending_in(tmp_path) == []


def test_files_and_index_agree_after_simultaneous_changes(artifacts: FolderArtifacts, tmp_path: Path) -> None:
    processes = [start(PUT_AND_DELETE, tmp_path, letter) for letter in "abc"]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert [record.path for record in artifacts.list(ROOT, recursive=True)] == [f"shared/{letter}" for letter in "abc"]
    assert sorted(os.listdir(tmp_path / "artifacts" / ROOT / "shared")) == ["a", "b", "c"]


def test_a_forked_child_of_a_writer_can_write_and_read(artifacts: FolderArtifacts, tmp_path: Path) -> None:
    process = start(FORK, tmp_path)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert content(artifacts, "child") == b"2" * 3_000_000
