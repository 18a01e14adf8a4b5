"""A workspace, its journal folder or a journal can be removed while a process logs to it."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge import Experiment, NotFound, Run, StoreUnavailable, Workspace

pytestmark = pytest.mark.processes


@pytest.fixture
def run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Run:
    caplog.set_level(logging.INFO, logger="bridge")
    workspace = Workspace.create("work", path=tmp_path / "work")
    run = Experiment(workspace, "removed").start_logging(outputs=False, snapshot_directory=None)
    for number in range(5):
        run.log("a", number)
    return run


def journal(run: Run) -> Path:
    return Path(run.experiment.workspace.path) / "journal"


def wait_until(holds: Callable[[], object], seconds: float = 20.0) -> None:
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < seconds
        time.sleep(0.05)


def removed_journals(run: Run) -> Callable[[], None]:
    for path in journal(run).glob("*.log"):
        path.unlink()
    return lambda: None


def removed_folder(run: Run) -> Callable[[], None]:
    shutil.rmtree(journal(run))
    return lambda: None


def moved_workspace(run: Run) -> Callable[[], None]:
    workspace = journal(run).parent
    shutil.copytree(workspace, workspace.with_name("backup"))
    shutil.rmtree(workspace)

    def restore() -> None:
        shutil.copytree(workspace.with_name("backup"), workspace)

    return restore


@pytest.mark.parametrize("remove", [removed_journals, removed_folder, moved_workspace])
def test_no_point_is_lost_when_its_journal_or_workspace_is_removed(run, remove, caplog):
    """The removal is noticed within a second and reported once. When the folder is back, every point is stored once."""
    restore = remove(run)
    for number in range(5, 10):
        run.log("a", number)
    if remove is moved_workspace:
        with pytest.raises(StoreUnavailable):
            run.flush()
        wait_until(lambda: "was removed" in caplog.text)
        for number in range(10, 12):
            run.log("a", number)
        with pytest.raises(StoreUnavailable):
            run.complete()
    restore()
    wait_until(lambda: any(journal(run).glob("*.log")))
    run.flush()
    for number in range(12, 15):
        run.log("a", number)
    logged = [*range(10), *(range(10, 12) if remove is moved_workspace else ()), *range(12, 15)]
    assert run.get_metrics()["a"] == logged
    run.complete()
    assert run.status == "Completed"
    assert caplog.text.count("was removed or cannot be written:") == (1 if remove is moved_workspace else 0)
    assert Run.get(Workspace.open(journal(run).parent), run.id).get_metrics()["a"] == logged


def other_process(fork: Callable[..., object], function: Callable[[Callable[[str], None]], object]) -> list[str]:
    child = fork(function)
    lines = child.rest()  # type: ignore[attr-defined]
    assert child.wait() == 0  # type: ignore[attr-defined]
    return list(lines)


def test_a_process_does_not_change_a_workspace_that_has_replaced_its_own(fork, run, caplog):
    """Another process removes and recreates the workspace and logs to it; all of its points stay."""
    workspace = journal(run).parent

    def replace(say: Callable[[str], None]) -> None:
        shutil.rmtree(workspace)
        other = Experiment(Workspace.create("work", path=workspace), "other").start_logging(
            outputs=False, snapshot_directory=None
        )
        say(other.id)
        for number in range(600):
            other.log("b", number)
            time.sleep(0.005)
        other.flush()
        say(repr(other.get_metrics()["b"] == list(range(600))))
        other.complete()

    child = fork(replace)
    other_id = child.line()
    for number in range(5, 200):
        run.log("a", number)
        if number % 20 == 0:
            with pytest.raises(NotFound):
                run.get_metrics()
            with pytest.raises(NotFound):
                run.tag("key", "value")
        time.sleep(0.01)
    with pytest.raises((NotFound, StoreUnavailable)):
        run.flush()
    with pytest.raises((NotFound, StoreUnavailable)):
        run.complete()
    assert child.rest() == ["True"]
    assert child.wait() == 0
    other = Run.get(Workspace.open(workspace), other_id)
    assert other.get_metrics() == {"b": list(range(600))}
    assert (other.status, other.tags) == ("Completed", {})
    assert caplog.text.count("was replaced") == 1, caplog.text
    new = Experiment(Workspace.open(workspace), "here").start_logging(outputs=False, snapshot_directory=None)
    new.log("c", 1)
    new.complete()
    assert new.get_metrics() == {"c": 1}
