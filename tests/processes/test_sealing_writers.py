"""Processes that log, read and seal at the same time lose and double no point."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from forked import Fork, Say

from bridge.records.run import RunChanges, RunRecord
from bridge.store import background
from bridge.store.create import create_store
from bridge.store.one_run import create_run, get_series
from bridge.store.open import open_store
from bridge.store.sql import seal

pytestmark = pytest.mark.processes

WRITERS, POINTS = 4, 1_000


def test_writers_whose_threads_seal_keep_all_points_in_order(
    fork: Fork, tmp_path: Path, scale: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process has a thread that folds and seals, and reads a part of its own points from time to time."""
    monkeypatch.setattr(background, "FOLD_SECONDS", 0.005)
    for name, value in {"HOT_BLOCKS": 2, "MOST_POINTS": 500, "POINTS_AT_ONCE": 700}.items():
        monkeypatch.setattr(seal, name, value)
    store = create_store(tmp_path / "work", "work").tracking
    create_run(store, RunRecord("shared", "0"))
    count = POINTS * scale

    def write(say: Say, writer: int) -> None:
        own = open_store(tmp_path / "work").tracking
        own.begin_runs([RunRecord(f"r{writer}", "0", status="Running")])
        for number in range(count):
            own.log(f"r{writer}", "loss", number / 7, number, number)
            own.log("shared", f"key {writer}", number, number)
            time.sleep(0.001)
            if number % 200 == 199:
                (found,) = get_series(own, f"r{writer}", ["loss"])
                assert found.steps.tolist() == list(range(number + 1))
        own.update_runs([f"r{writer}"], RunChanges(status="Completed"))
        own.close()
        say("done")

    children = [fork(lambda say, writer=writer: write(say, writer)) for writer in range(WRITERS)]
    for child in children:
        assert child.line() == "done"
        assert child.wait() == 0
    for writer in range(WRITERS):
        (found,) = get_series(store, f"r{writer}")
        assert found.numbers is not None
        assert found.numbers.tolist() == [number / 7 for number in range(count)]
        (shared,) = get_series(store, "shared", [f"key {writer}"])
        assert shared.steps.tolist() == shared.positions.tolist() == list(range(count))
    with store.inner.database.read() as c:  # type: ignore[attr-defined]  # the inner store is an SqlBackend
        (sealed,) = c.execute("SELECT sum(points) FROM chunk").fetchone()
    assert sealed > WRITERS * count / 2
    store.close()
