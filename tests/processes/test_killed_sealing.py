"""`kill -9` while points are sealed loses and changes nothing."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy
import pytest
from forked import Fork, Say

from bridge.records.run import RunRecord
from bridge.records.series import Point
from bridge.store.backend import Backend
from bridge.store.one_run import create_run, get_series
from bridge.store.sql import seal
from bridge.store.sql.sqlite import open_sqlite

pytestmark = pytest.mark.processes

KILLS = 50


def contents(store: Backend) -> list[object]:
    """Return the points of a run, bit by bit."""
    return [
        (one.key, one.positions.tobytes(), one.numbers.tobytes() if one.numbers is not None else one.texts)
        for one in get_series(store, "r")
    ]


def log_more(store: Backend, start: int) -> None:
    """Log points that get many blocks."""
    values = numpy.random.default_rng(start).normal(size=50).tolist()
    for number, value in enumerate(values, start):
        store.log_points("r", [Point("loss", value, number), Point("note", f"text {number}", number)])


def test_a_killed_process_that_seals_leaves_all_points(
    fork: Fork, tmp_path: Path, scale: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill a process at random moments, and let the next one continue with the same database."""
    for name, value in {"MOST_POINTS": 32, "POINTS_AT_ONCE": 10, "BLOCKS_AT_ONCE": 10}.items():
        monkeypatch.setattr(seal, name, value)
    path, chance = tmp_path / "workspace.db", random.Random(8)
    store = open_sqlite(path)
    create_run(store, RunRecord("r", "0"))

    def seal_all(say: Say) -> None:
        own, series = open_sqlite(path), [1, 2]
        say("begins")
        while series:
            series = seal.seal(own.database, series)

    killed = 0
    for attempt in range(KILLS * scale):
        with store.database.read() as c:
            (hot,) = c.execute("SELECT count(*) FROM point_block").fetchone()
        if hot < 40:
            log_more(store, 50 * attempt)
        expected = contents(store)
        child = fork(seal_all)
        child.line()
        time.sleep(chance.random() * 0.015)
        child.kill()
        killed += child.wait() == -9
        child.close()
        assert contents(store) == expected
    assert killed > KILLS * scale / 4
    with store.database.read() as c:
        assert c.execute("SELECT count(*) FROM chunk").fetchone()[0] >= 5
    store.close()
