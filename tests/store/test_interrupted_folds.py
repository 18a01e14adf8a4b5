"""An exception of a signal handler at any place of a fold leaves no lock, no transaction, and no point twice."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from interrupting import Interrupts, each_place, places
from longer import LONG

from bridge.records.run import RunRecord
from bridge.records.series import Point
from bridge.store import fold
from bridge.store.create import create_store
from bridge.store.open import open_store
from bridge.store.workspace_stores import WorkspaceStores
from bridge.testing.strategies import row

FILES = ("/store/", "/journal/")
STEP = 3 if LONG else 99
"""Interrupt at every place with one of the exceptions, or at every 33rd place."""

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # for files and connections whose opening was interrupted
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("garbage_collected"),
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with the journal of a killed process, of which nothing is folded."""
    folder = tmp_path_factory.mktemp("template") / "work"
    create_store(folder, "work").tracking.close()
    pid = os.fork()
    if pid == 0:
        try:
            tracking = open_store(folder).tracking
            tracking.begin_runs([RunRecord("r1", "0", status="Running"), RunRecord("r2", "0", status="Running")])
            for number in range(10):
                tracking.log("r1", "a", number, number, number)
                tracking.log_points("r1", [Point("note", f"text {number}", number)])
                tracking.log_points("r2", row("t", {"x": number, "y": f"cell {number}"}, number))
            tracking.release_lease("r2")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return folder


def contents(opened: WorkspaceStores) -> dict[str, object]:
    """Return what a reader sees of the two runs."""
    found: dict[str, object] = {}
    for run_id, records in opened.tracking.get_series_of(["r1", "r2"]).items():
        for one in records:
            values = one.texts if one.numbers is None else one.numbers.tolist()
            found[f"{run_id} {one.key} {one.column}"] = (one.positions.tolist(), values)
    return found


EXPECTED = {
    "r1 a ": (list(range(10)), [float(number) for number in range(10)]),
    "r1 note ": (list(range(10)), [f"text {number}" for number in range(10)]),
    "r2 t x": (list(range(10)), [float(number) for number in range(10)]),
    "r2 t y": (list(range(10)), [f"cell {number}" for number in range(10)]),
}


def in_other_thread(call: Callable[[], object]) -> object:
    """Return the result of a call in another thread, which must not wait for an abandoned lock."""
    answers: list[object] = []

    def run() -> None:
        try:
            answers.append(call())
        except BaseException as error:
            answers.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert answers, "it waits"
    return answers[0]


def open_copy(template: Path, folder: Path) -> WorkspaceStores:
    shutil.copytree(template, folder)
    return open_store(folder)


@pytest.mark.slow
def test_an_interrupt_anywhere_in_a_fold_affects_only_that_call(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fold, "SWEEP_SECONDS", 0.0)  # every fold checks for dead owners of runs
    for name in ("first", "counted"):
        opened = open_copy(template, tmp_path / name)
        count = places(FILES, partial(opened.tracking.get_series_of, ["r1"]))
        assert contents(opened) == EXPECTED
        opened.tracking.close()
    assert count > 300
    raised = 0
    for at, error in each_place(count, STEP):
        folder = tmp_path / f"{at}-{error.__name__}"
        opened = open_copy(template, folder)
        where = ""
        try:
            with Interrupts(FILES, at, error) as interrupts:
                opened.tracking.get_series_of(["r1"])
        except error:
            raised += 1
        where = f"{error.__name__} at {at}, {interrupts.where}"

        opened.tracking.log("r1", "later", 1, 1, 1)
        opened.tracking.flush()
        assert in_other_thread(partial(contents, opened)) == {**EXPECTED, "r1 later ": ([0], [1.0])}, where
        statuses = {one.id: one.status for one in opened.tracking.get_runs(["r1", "r2"]).values()}
        assert statuses == {"r1": "Failed", "r2": "Running"}, where
        assert opened.tracking.get_leases() == [], where
        opened.tracking.close()
        assert in_other_thread(partial(contents, open_store(folder))) == {**EXPECTED, "r1 later ": ([0], [1.0])}, where
        open_store(folder).tracking.close()
        shutil.rmtree(folder)
    assert raised > count // STEP // 2
