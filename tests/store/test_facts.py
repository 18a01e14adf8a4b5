"""The stored facts about a series equal the facts that its points have, after every fold and after an upgrade."""

from __future__ import annotations

import math
import struct
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from bridge.records.limits import INT64_MIN
from bridge.records.run import RunRecord
from bridge.records.series import COLUMN
from bridge.store.one_run import create_run, get_run
from bridge.store.sql import facts
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.latest import latest_of
from bridge.store.sql.sqlite import open_sqlite
from bridge.store.sql.states import POINTS, STATE
from bridge.testing.slices import Entry, make_slice

SIGNALLING = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000001))[0]
"""A NaN that `numpy.fmin` does not skip."""

POINTS_OF_POOL = [
    *((value, *at) for value in (-1.0, math.inf, math.nan) for at in ((INT64_MIN, 0), (5, 0), (5, 1))),
    (SIGNALLING, 5, 0),
]
"""Values, steps and timestamps."""

SEQUENCES = tuple(product(POINTS_OF_POOL, repeat=3))
"""All sequences of three points. Each is logged under a key of its own."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlBackend]:
    store = open_sqlite(tmp_path_factory.mktemp("facts") / "workspace.db")
    yield store
    store.close()


def refill(store: SqlBackend) -> None:
    """Give the store a new run."""
    store.purge_runs(["r1"])
    store.create_runs([RunRecord("r1", "0")])


def append(store: SqlBackend, folds: Sequence[Sequence[Entry]]) -> None:
    name = str(time.monotonic_ns())
    for number, fold in enumerate(folds):
        store.append([make_slice(name, number, number + 1, fold)])


def facts_of(store: SqlBackend) -> dict[str, Any]:
    """Return the number of points, and the facts, of each scalar series of the run."""
    with store.database.read() as c:
        rows = c.execute(
            f"SELECT n.key, {', '.join(STATE)} FROM series s JOIN name n ON n.id = s.name WHERE n.value_type = 'number'"
            " ORDER BY s.id"
        ).fetchall()
    return {key: (state[POINTS], *stored_facts(state)) for key, *state in rows}


def stored_facts(state: Sequence[Any]) -> tuple[Any, ...]:
    """Return the facts of a series. If it has one point, they are those of its latest point."""
    if state[POINTS] != 1:
        return tuple(state[POINTS + 1 :])
    assert state[POINTS + 1 :] == [None] * 7
    if state[3] is None:
        return (None,) * 7
    value, timestamp, step = latest_of(state[3], state[4], state[2], state[1])
    return (step, timestamp, value, step, value, step, value)


def as_of_schema_4(store: SqlBackend) -> None:
    """Remove the facts from all series, as the migration does."""
    with store.database.write() as c:
        c.execute(f"UPDATE series SET {', '.join(f'{column} = NULL' for column in STATE[POINTS:])}, hot = 0")


def expected(folds: Sequence[Sequence[Entry]]) -> dict[str, Any]:
    """Return the facts, computed point by point."""
    points: dict[str, list[Any]] = defaultdict(list)
    for entry in [entry for fold in folds for entry in fold]:
        points[entry.key].append(entry)
    return {
        key: (len(own), *expected_of([one for one in own if one.value == one.value])) for key, own in points.items()
    }


def expected_of(numbers: Sequence[Any]) -> tuple[Any, ...]:
    if not numbers:
        return (None,) * 7
    first = min(numbers, key=lambda entry: (entry.step, entry.timestamp))
    least, most = (choose(numbers, key=lambda entry: entry.value) for choose in (min, max))
    return (first.step, first.timestamp, first.value, least.step, least.value, most.step, most.value)


@pytest.mark.parametrize("in_first_fold", [1, 2])
def test_the_facts_of_a_series_are_those_of_its_points(store: SqlBackend, in_first_fold: int) -> None:
    """The series are those of a new workspace at first, and then those of an upgraded one."""
    refill(store)
    parts = slice(None, in_first_fold), slice(in_first_fold, None)
    folds = [
        [Entry("r1", f"k{number}", *point) for number, points in enumerate(SEQUENCES) for point in points[part]]
        for part in parts
    ]
    append(store, folds)
    assert facts_of(store) == expected(folds)
    as_of_schema_4(store)
    append(store, [[Entry("r1", "k0", -5.0, 6, 0)]])
    fill_all(store)
    with store.database.read() as c:
        assert c.execute("SELECT count(*) FROM series WHERE points IS NULL").fetchone() == (0,)
    assert facts_of(store) == expected([*folds, [Entry("r1", "k0", -5.0, 6, 0)]])


def test_texts_and_columns_are_counted(store: SqlBackend) -> None:
    refill(store)
    row = [
        Entry("r1", "t", 1, 1, column="x", kind=COLUMN),
        Entry("r1", "t", "a", 1, column="y", kind=COLUMN, joined=True),
    ]
    append(store, [[*row, Entry("r1", "note", "a")], [*row, Entry("r1", "note", "b")]])
    counts = "SELECT points, hot, minimum_value FROM series ORDER BY id"
    for _ in range(2):
        with store.database.read() as c:
            assert c.execute(counts).fetchall() == [(2, 2, 1.0), (2, 2, None), (2, 2, None)]
        as_of_schema_4(store)
        fill_all(store)


def fill_all(store: SqlBackend) -> None:
    while facts.fill_some(store.database):
        pass


def test_facts_are_computed_in_several_transactions_and_from_few_blocks_at_once(
    store: SqlBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "POINTS_AT_ONCE", 3)
    monkeypatch.setattr(facts, "BLOCKS_AT_ONCE", 2)
    refill(store)
    folds = [[Entry("r1", key, float(number), number) for key in ("a", "b", "c")] for number in range(5)]
    append(store, folds)
    as_of_schema_4(store)
    assert facts.fill_some(store.database)
    with store.database.read() as c:
        assert c.execute("SELECT count(points), sum(hot) FROM series").fetchone() == (1, 5)
    assert facts.fill_some(store.database) and facts.fill_some(store.database)
    assert not facts.fill_some(store.database)
    assert facts_of(store) == expected(folds)


def test_points_that_are_stored_while_facts_are_computed_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_sqlite(tmp_path / "workspace.db")
    create_run(store, RunRecord("r1", "0"))
    append(store, [[Entry("r1", "a", 1.0, 0)]])
    as_of_schema_4(store)
    compute = facts._compute

    def slow(*arguments: object) -> facts.Computed:
        computed = compute(*arguments)  # type: ignore[arg-type]
        monkeypatch.setattr(facts, "_compute", compute)
        other = open_sqlite(tmp_path / "workspace.db")
        append(other, [[Entry("r1", "a", 2.0, 1)]])
        other.close()
        return computed

    monkeypatch.setattr(facts, "_compute", slow)
    assert facts.fill_some(store.database)
    fill_all(store)
    assert facts_of(store)["a"][0] == 2
    assert get_run(store, "r1").latest["a"].value == 2.0
    store.close()
