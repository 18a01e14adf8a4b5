"""A check beside eight processes that write finds nothing and changes nothing, and so does a repair."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filled import FIRST, change, files_of, fill, points_of
from longer import SCALE

from bridge.maintenance.doctor import examine
from bridge.maintenance.repair import repair

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]

WRITERS = 8
WRITER = """
import random, sys, time
from pathlib import Path
from bridge import Experiment, Workspace

folder, number = Path(sys.argv[1]), int(sys.argv[2])
draw = random.Random(number)
workspace = Workspace.open(folder)
experiment = Experiment(workspace, f"busy-{number % 3}")
logged = 0
while not (folder.parent / "stop").exists():
    run = experiment.start_logging(snapshot_directory=None)
    run.log_params({f"p{key}": draw.random() for key in range(5)})
    for step in range(draw.randrange(10, 60)):
        run.log("loss", draw.choice([draw.random(), float("nan"), -0.0, 3]), step=step)
        run.log("note", f"text {step}")
        run.log_row("table", x=step, y=str(step))
        logged += 1
        time.sleep(0.02)
        if draw.random() < 0.05:
            (folder.parent / f"file{number}").write_bytes(draw.randbytes(draw.randrange(100_000)))
            run.upload_file(f"out/{draw.randrange(3)}.bin", str(folder.parent / f"file{number}"))
        if draw.random() < 0.05:
            run.set_tags({"state": str(step)})
        while (folder.parent / "pause").exists() and not (folder.parent / "stop").exists():
            (folder.parent / f"paused{number}").touch()
            time.sleep(0.05)
    if draw.random() < 0.3:
        run.place.stores.artifacts.delete(run.place.root())
    run.complete()
workspace.close()
print(logged)
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    fill(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def writers(work: Path) -> Iterator[list[subprocess.Popen[str]]]:
    command = [sys.executable, "-c", WRITER, str(work)]
    processes = [
        subprocess.Popen([*command, str(number)], stdout=subprocess.PIPE, text=True, cwd=work.parent)
        for number in range(WRITERS)
    ]
    yield processes
    (work.parent / "stop").touch()
    for process in processes:
        process.communicate(timeout=300)


def wait_for_journals(work: Path) -> None:
    end = time.monotonic() + 120
    while len(list((work / "journal").glob("*.log"))) < WRITERS:
        assert time.monotonic() < end
        time.sleep(0.1)


@contextmanager
def stopped(work: Path, writers: list[subprocess.Popen[str]]) -> Iterator[None]:
    """Stop all writers during the block. They stop where they hold no lock of artifacts, for which a check waits."""
    (work.parent / "pause").touch()
    end = time.monotonic() + 120
    while not all((work.parent / f"paused{number}").exists() for number in range(WRITERS)):
        assert time.monotonic() < end
        time.sleep(0.1)
    for process in writers:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in writers:
            process.send_signal(signal.SIGCONT)
        (work.parent / "pause").unlink()


def test_a_check_beside_eight_writers_finds_nothing_and_changes_nothing(
    work: Path, writers: list[subprocess.Popen[str]]
) -> None:
    wait_for_journals(work)
    for _ in range(4 * SCALE):
        assert examine(work) == []
    with stopped(work, writers):
        before = files_of(work)
        assert examine(work) == []
        assert files_of(work) == before
    for _ in range(3 * SCALE):
        assert examine(work) == []
    (work.parent / "stop").touch()
    logged = [int(process.communicate(timeout=300)[0]) for process in writers]
    assert all(process.returncode == 0 for process in writers) and min(logged) > 5
    assert not (work / "repairs").exists()


def test_a_repair_beside_eight_writers_loses_no_point(work: Path, writers: list[subprocess.Popen[str]]) -> None:
    """Faults are planted in a run that no process writes, and repaired while the others write."""

    wait_for_journals(work)
    before = points_of(work)
    change(work, f"UPDATE series SET latest_step = -1 WHERE run = (SELECT key FROM run WHERE id = '{FIRST}')")
    change(work, f"UPDATE counter SET points = 7 WHERE run = (SELECT key FROM run WHERE id = '{FIRST}')")
    (work / "artifacts" / "0" / "stray.txt").write_text("stray")
    result = repair(work)
    assert {finding.code for finding in result.repaired} >= {"series.facts", "counter.wrong", "artifact.orphan"}
    assert result.left == []
    (work.parent / "stop").touch()
    logged = [int(process.communicate(timeout=300)[0]) for process in writers]
    assert all(process.returncode == 0 for process in writers) and min(logged) > 5
    assert points_of(work) == before
    assert examine(work) == []
