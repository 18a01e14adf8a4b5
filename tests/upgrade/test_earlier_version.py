"""A workspace of the earlier version reads the same, and a process of that version beside new ones loses no point.

`make.py` has created the wheel of that version, the workspace and its results: schema 3, journals of format 1.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from earlier import EarlierProcess
from reading import become_nobody, read_everything

from bridge import Experiment, Run, Workspace
from bridge.records.run import TERMINAL_STATUSES
from bridge.store.sql import seal
from bridge.store.sql.sqlite import open_sqlite

pytestmark = pytest.mark.processes

HERE = Path(__file__).parent
KILLED = ("status", "end_time", "error")
"""Fields of a run of a killed process that depend on the reader, because another host cannot know them immediately."""

WAIT_SECONDS = 30.0

UPGRADED = "no such table: param|SchemaMismatch: .*upgrade"
"""The errors of the earlier version after an upgrade. It checks the schema only before writes."""


@pytest.fixture
def copy() -> Iterator[Path]:
    """A new copy of the workspace, which every user can read."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    with tarfile.open(HERE / "workspace.tar.gz") as archive:
        archive.extractall(folder / "old", filter="data")
    yield folder / "old"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """The results of the earlier version: `unfolded` as another user, `folded` as a user with write access."""
    return dict(json.loads((HERE / "read.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked earlier version."""
    folder = tmp_path_factory.mktemp("earlier")
    (wheel,) = HERE.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


@pytest.fixture
def earlier(unpacked: Path, tmp_path: Path) -> Iterator[Callable[[], EarlierProcess]]:
    """Return a function that starts processes of the earlier version on the workspace `tmp_path / "work"`."""
    started: list[EarlierProcess] = []

    def start() -> EarlierProcess:
        started.append(EarlierProcess(unpacked, tmp_path / "work"))
        assert unpacked in started[-1].loaded_from.parents
        return started[-1]

    yield start
    for process in started:
        process.close()


def journals(folder: Path) -> set[Path]:
    return set((folder / "journal").glob("*.log"))


def assert_the_same(found: dict[str, Any], expected: dict[str, Any], killed: set[str], folder: Path) -> None:
    """Compare part by part; a record may have additional fields."""
    for name, record in expected["experiments"].items():
        assert {field: found["experiments"][name][field] for field in record} == record
    assert found["runs"].keys() == expected["runs"].keys()
    for run_id, record in expected["runs"].items():
        now = dict(found["runs"][run_id])
        passed_over = (*KILLED, "warnings") if run_id in killed else ("warnings",)
        for field in record.keys() - set(passed_over):
            assert now[field] == record[field], (run_id, field)
        if run_id in killed:
            assert now["status"] in (record["status"], "NotResponding", "Failed")
        for warning in record["warnings"]:
            damage = warning.partition(" and ")[0].rpartition("/")[2]  # the end has other words in earlier versions
            assert any(damage in one for one in now["warnings"]), (warning, now["warnings"])
    assert found["series"].keys() == expected["series"].keys()
    for run_id, series in expected["series"].items():
        assert found["series"][run_id] == series, run_id
    for part in ("artifacts", "environments", "mlflow", "workspace"):
        assert found[part] == expected[part]


def killed_in(expected: dict[str, Any]) -> set[str]:
    killed = {run_id for run_id, run in expected["unfolded"]["runs"].items() if run["status"] == "Running"}
    assert len(killed) == 4
    return killed


def test_everything_reads_the_same(copy: Path, expected: dict[str, Any]) -> None:
    """The workspace is read twice: the second read uses only the database, because everything is folded."""
    killed = killed_in(expected)
    for _ in range(2):
        assert_the_same(read_everything(copy), expected["folded"], killed, copy)
        Workspace.open(copy).close()
    damaged = {"damaged", "header", "defined"}
    for run_id in expected["folded"]["runs"].keys() - killed - damaged:
        found = Run.get(Workspace.open(copy), run_id)
        assert len(found.warnings) == len(expected["folded"]["runs"][run_id]["warnings"])
    Workspace.open(copy).close()
    assert len(journals(copy)) <= 1  # the journal of the process that was killed with its runs


def test_everything_reads_the_same_after_the_points_are_sealed(
    copy: Path, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal, "FEW_BLOCKS", 0)  # also seal series with few points
    read_everything(copy)  # folds the journals
    tracking = Workspace.open(copy).stores.tracking
    while tracking.tidy():
        pass
    with open_sqlite(copy / "workspace.db").database.read() as c:
        assert c.execute("SELECT count(*) FROM point_block").fetchone()[0] == 0
        assert c.execute("SELECT count(*) FROM chunk").fetchone()[0] > 20
    assert_the_same(read_everything(copy), expected["folded"], killed_in(expected), copy)
    Workspace.open(copy).close()


def test_a_workspace_of_the_earlier_version_can_be_written(copy: Path) -> None:
    workspace = Workspace.open(copy)
    run = Run.get(workspace, "half")
    run.log("point", 150)
    run.log("text", "number 150")
    assert run.get_metrics("point") == {"point": list(range(151))}
    assert run.get_series("point").steps.tolist() == list(range(151))
    with Experiment(workspace, "old").start_logging(outputs=False, snapshot_directory=None) as new:
        new.child_run().complete()
    assert new.number > run.number
    workspace.close()


def test_a_user_who_may_not_write_reads_the_same(fork, copy, expected, tmp_path) -> None:
    """The schema and every file stay unchanged."""
    shutil.copytree(copy, tmp_path / "other")
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}

    def read(say):
        read_everything(tmp_path / "other")  # loads modules that another user cannot load
        become_nobody()
        say(json.dumps(read_everything(copy)))
        say(str(Workspace.open(copy).unfolded_bytes > 0))

    child = fork(read)
    lines = child.rest()
    assert child.wait() == 0
    assert lines[1] == "True"
    assert_the_same(json.loads(lines[0]), expected["unfolded"], killed_in(expected), copy)
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_a_read_only_file_system_reads_the_same(fork, copy, expected, tmp_path) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    subprocess.run(["mount", "--bind", str(copy), str(mounted)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(mounted)], check=True)
        child = fork(lambda say: say(json.dumps(read_everything(mounted))))
        lines = child.rest()
        assert child.wait() == 0
    finally:
        subprocess.run(["umount", "-l", str(mounted)], check=True)
    assert_the_same(json.loads(lines[0]), expected["unfolded"], killed_in(expected), mounted)


def logged(run: Run, number: int) -> None:
    """Check that a run has the points 0 to `number`, each once and in order, as `earlier.py` logs them."""
    metrics = run.get_metrics()
    numbers = list(range(number))
    assert metrics["point"] == numbers
    assert metrics["text"] == [f"number {one}" for one in numbers]
    assert metrics["row"] == {"x": numbers, "y": [one / 2 for one in numbers]}


@pytest.mark.parametrize("ends", ["itself", "killed"])
def test_a_process_of_the_earlier_version_beside_new_ones_loses_nothing(fork, earlier, tmp_path, ends) -> None:
    folder = tmp_path / "work"
    old = earlier()
    old.ask("start", "old")
    old.ask("log", "old", 0, 100)
    old.ask("log_through_mlflow", "old", 0, 20)
    of_old = journals(folder)
    assert of_old

    def write(say):
        workspace = Workspace.open(folder)  # this migrates the database
        run = Run.get(workspace, "old")
        logged(run, 100)
        new = Experiment(workspace, "beside").start_logging(run_id="new", outputs=False, snapshot_directory=None)
        for number in range(50):
            new.log("point", number)
            run.log("from the new one", number)
        say("logged")
        time.sleep(600)

    def write_and_be_killed(say):
        run = Run.get(Workspace.open(folder), "old")
        for number in range(50):
            run.log("from a killed one", number)
        os.kill(os.getpid(), signal.SIGKILL)

    beside = fork(write)
    assert beside.line() == "logged"
    beside.kill(signal.SIGSTOP)  # it folds nothing, because there are journals of its version, one locked and one not
    assert fork(write_and_be_killed).wait() == -signal.SIGKILL
    kept = {journal: journal.read_bytes() for journal in journals(folder) - of_old}
    assert len(kept) == 2
    for first in range(100, 400, 100):
        old.ask("log", "old", first, first + 100)
        old.ask("log_through_mlflow", "old", first // 5, first // 5 + 20)
        time.sleep(1.2)  # its background thread runs once
    with pytest.raises(LookupError, match=UPGRADED):
        old.ask("read", "old")
    assert {journal: journal.read_bytes() for journal in kept} == kept
    assert journals(folder) & of_old

    run = Run.get(Workspace.open(folder), "old")
    logged(run, 400)
    new = Run.get(Workspace.open(folder), "new")
    assert new.get_metrics() == {"point": list(range(50))}
    old.ask("log", "old", 400, 500)
    with pytest.raises(LookupError, match=UPGRADED):
        old.ask("complete", "old")
    beside.kill()
    assert beside.wait() == -signal.SIGKILL
    if ends == "itself":
        assert old.end() == 0
    else:
        old.kill()

    deadline = time.monotonic() + WAIT_SECONDS
    while run.status not in TERMINAL_STATUSES or journals(folder) & of_old:
        logged(run, 500)
        assert time.monotonic() < deadline, (run.status, journals(folder))
        time.sleep(0.2)
    metrics = run.get_metrics()
    assert metrics["from the new one"] == metrics["from a killed one"] == list(range(50))
    assert metrics["of MLflow"] == [*range(20), *range(20, 80)]
    assert new.get_metrics() == {"point": list(range(50))}
    logged(run, 500)


def test_a_process_of_the_earlier_version_that_opens_a_migrated_workspace_is_refused(earlier, tmp_path) -> None:
    workspace = Workspace.create("work", path=tmp_path / "work")
    run = Experiment(workspace, "beside").start_logging(run_id="new", outputs=False, snapshot_directory=None)
    run.log("point", 1)
    with pytest.raises(LookupError, match="SchemaMismatch: .*upgrade"):
        earlier().ask("status", "new")
    assert run.get_metrics() == {"point": 1}
    run.complete()
