"""Views in SQL agree with views that are computed from records, after any history of a store."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from longer import SCALE
from sqlite_steps import steps_of

from bridge.records.run import RunRecord
from bridge.records.search import NUMBER_COMPARATORS, Comparison, RunQuery
from bridge.records.series import BIG, Point
from bridge.records.views import Column, Numbers, Texts
from bridge.store.backend import Backend
from bridge.store.journaled import JournaledStore
from bridge.store.record_views.views import RecordViews
from bridge.store.sql import seal
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.sqlite import open_sqlite
from bridge.testing.oracle.memory import MemoryStore
from bridge.testing.views_histories import History, check_views

ALL = RunQuery(("0",))
ENTER = (
    "UPDATE series SET indexed = coalesce(latest_value, 9e999) WHERE run IN (SELECT run FROM waiting WHERE run % 2 = ?)"
    " AND name IN (SELECT id FROM name WHERE value_type = 'number')"
)


def open_backend(path: Path) -> SqlBackend:
    backend = open_sqlite(path)
    assert isinstance(backend, SqlBackend)
    return backend


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[SqlBackend]:
    backend = open_backend(tmp_path / "workspace.db")
    yield backend
    backend.close()


def enter_index(backend: SqlBackend, rest: int) -> None:
    """Let the waiting runs whose keys have a rest modulo 2 enter the index of values."""
    with backend.database.write() as c:
        c.execute(ENTER, (rest,))
        c.execute("DELETE FROM waiting WHERE run % 2 = ?", (rest,))


def forget_facts(backend: SqlBackend) -> None:
    """Remove the facts of all series, as if an earlier version had stored them."""
    with backend.database.write() as c:
        c.execute(
            "UPDATE series SET points = NULL, hot = 0, first_step = NULL, first_timestamp = NULL, first_value = NULL,"
            " minimum_step = NULL, minimum_value = NULL, maximum_step = NULL, maximum_value = NULL"
        )


def seal_some(backend: SqlBackend, random: Random) -> None:
    """Compress the points of about half of the series."""
    with backend.database.read() as c:
        series = [id for (id,) in c.execute("SELECT id FROM series ORDER BY id").fetchall()]
    series = [id for id in series if random.random() < 0.5]
    while series:
        series = seal.seal(backend.database, series)


def numbers(backend: Backend, statistic: str) -> list[float]:
    column = backend.views.get_columns(ALL, [Column("metric", "loss", statistic)]).columns[0]  # type: ignore[arg-type]
    assert isinstance(column, Numbers)
    values: list[float] = column.values.tolist()
    return values


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few points fill a chunk."""
    monkeypatch.setattr(seal, "MOST_POINTS", 4)


def check(store: Backend, backend: SqlBackend, seed: int, parts: int = 4) -> None:
    random = Random(seed)
    history = History(store, random)
    for _ in range(parts):
        history.play(12)
        history.compare()
        enter_index(backend, random.randint(0, 1))
        if seed % 4:
            seal_some(backend, random)
        elif random.random() < 0.5:
            forget_facts(backend)
        history.compare()


@contextmanager
def new_memory() -> Iterator[Backend]:
    yield MemoryStore()


def test_the_views_of_a_store_in_memory_stay_as_they_are() -> None:
    check_views(new_memory, range(1), parts=1)


@pytest.mark.usefixtures("small_chunks")
def test_any_history_gives_the_same_views(backend: SqlBackend) -> None:
    check(backend, backend, seed=1, parts=2)


@pytest.mark.slow
@pytest.mark.usefixtures("small_chunks")
def test_many_histories_give_the_same_views() -> None:
    for seed in range(8 * SCALE):
        with TemporaryDirectory() as folder:
            backend = open_backend(Path(folder, "workspace.db"))
            store: Backend = backend
            if seed % 2:
                store = JournaledStore(backend, Path(folder, "journal"))
            check(store, backend, seed)
            store.close()


def test_a_run_that_waits_for_the_index_is_shown_with_its_latest_value(backend: SqlBackend) -> None:
    backend.create_runs([RunRecord(run_id, "0", start_time=1) for run_id in "abcd"])
    for run_id, value in zip("abcd", (1.0, math.inf, math.nan, BIG), strict=True):
        backend.log(run_id, "loss", value, 1)
    enter_index(backend, 0)
    enter_index(backend, 1)
    assert repr(numbers(backend, "last")) == repr([1.0, math.inf, math.nan, BIG])
    backend.log("a", "loss", -math.inf, 2)
    backend.log("c", "loss", -BIG, 2)
    assert repr(numbers(backend, "last")) == repr([-math.inf, math.inf, -BIG, BIG])
    (key,) = backend.views.list_keys(("0",)).items
    assert (key.runs, key.minimum, key.maximum) == (4, -BIG, BIG)
    for run_id, value in zip("abcd", (1.0, 2.0, 3.0, 4.0), strict=True):
        backend.log(run_id, "loss", value, 3)
    (key,) = backend.views.list_keys(("0",)).items
    assert (key.runs, key.minimum, key.maximum) == (4, 1.0, 4.0)


def test_conditions_are_met_by_indexed_and_by_waiting_values(backend: SqlBackend) -> None:
    values = (1.0, -0.0, math.inf, -math.inf, math.nan, BIG, 2.0, 3.0)
    texts = ("a", "a" * 63, "a" * 64, "a" * 65, "", "a" * 64, "b" * 64, "é" * 64)
    ids = [f"r{number}" for number in range(len(values))]
    backend.create_runs(
        [RunRecord(id, "0", start_time=1, params={"p": text}) for id, text in zip(ids, texts, strict=True)]
    )
    for id, value in zip(ids, values, strict=True):
        backend.log(id, "loss", value, 1)
    enter_index(backend, 0)
    enter_index(backend, 1)
    backend.log("r6", "loss", -5.0, 2)
    signs: Any = NUMBER_COMPARATORS
    clauses = [Comparison("metric", "loss", sign, value) for sign in signs for value in (*values, BIG / 2)]
    clauses += [Comparison("param", "p", "=", text) for text in texts]
    queries = [RunQuery(("0",), (clause,)) for clause in clauses]
    expected = RecordViews(backend)
    assert [backend.views.match(query).ids for query in queries] == [expected.match(query).ids for query in queries]


def test_statistics_that_are_not_stored_are_computed_from_the_points(backend: SqlBackend) -> None:
    backend.create_runs([RunRecord("a", "0"), RunRecord("b", "0")])
    for step, value in ((2, 1.0), (1, 3.0), (1, 2.0), (0, math.nan)):
        backend.log("a", "loss", value, 1, step)
    backend.log("b", "loss", math.nan, 1)
    before = {name: numbers(backend, name) for name in ("first", "min", "max", "count", "last", "min_step", "max_step")}
    forget_facts(backend)
    after = {name: numbers(backend, name) for name in before}
    assert repr(after) == repr(before)
    assert [values[0] for values in after.values()] == [3.0, 1.0, 3.0, 4.0, 1.0, 2.0, 1.0]


def test_few_runs_of_many_are_looked_up_with_the_same_result(backend: SqlBackend) -> None:
    ids = [f"r{number:02}" for number in range(60)]
    backend.create_runs(
        [
            RunRecord(id, "0", start_time=1, params={"p": id * 40}, tags={"t": "x" if at % 2 else None})
            for at, id in enumerate(ids)
        ]
    )
    for at, id in enumerate(ids[::3]):
        backend.log(id, "loss", math.inf if at == 1 else at, 1)
        backend.log(id, "text", id, 1)
    backend.purge_runs(ids[7:30:2])
    backend.delete_runs(ids[8:30:2], 1)
    columns = [Column("metric", "loss"), Column("metric", "loss", "min"), Column("param", "p"), Column("tag", "t")]
    columns += [Column("tag", "text"), Column("attribute", "run_id")]
    for offset, limit in ((0, None), (30, 4), (3, 1), (36, 9)):
        found = backend.views.get_columns(ALL, columns, offset, limit)
        expected = RecordViews(backend).get_columns(ALL, columns, offset, limit)
        assert found.ids == expected.ids and len(found.ids) == min(limit or 37, 37 - offset)
        assert [plain(column) for column in found.columns] == [plain(column) for column in expected.columns]


def plain(column: Numbers | Texts) -> str:
    if isinstance(column, Numbers):
        return repr((column.values.tolist(), column.present.tolist()))
    words = [column.words[code] if column.words else "" for code in column.codes.tolist()]
    return repr([word if present else ... for word, present in zip(words, column.present.tolist(), strict=True)])


def test_a_cursor_of_another_workspace_or_of_a_later_state_asks_for_a_new_start(backend: SqlBackend) -> None:
    value, _, workspace = backend.views.get_changes().cursor.partition("@")
    for cursor in (f"{value}@other", f"{int(value) + 1}@{workspace}"):
        found = backend.views.get_changes(cursor)
        assert not found.is_complete and found.cursor == f"{value}@{workspace}"


def test_a_cursor_that_is_older_than_the_listed_removals_asks_for_a_new_start(
    backend: SqlBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.store.sql.changes.MOST_REMOVALS", 2)
    backend.create_runs([RunRecord(run_id, "0") for run_id in "abcd"])
    cursors = []
    for run_id in "abcd":
        cursors.append(backend.views.get_changes().cursor)
        backend.purge_runs((run_id,))
    assert [backend.views.get_changes(cursor).is_complete for cursor in cursors] == [False, False, False, True]
    assert backend.views.get_changes(cursors[3]).removed == ("d",)


@pytest.mark.parametrize("is_sealed", [False, True])
def test_the_series_of_a_run_are_listed_without_reading_points(backend: SqlBackend, is_sealed: bool) -> None:
    backend.create_runs([RunRecord("r", "0")])
    backend.log_points("r", [Point("loss", float(step), step, step) for step in range(100)])
    if is_sealed:
        seal_some(backend, Random(0))
    statements: list[str] = []
    with backend.database.read() as c:
        c.set_trace_callback(statements.append)
    (summary,) = backend.views.list_series("r")
    assert (summary.points, summary.last, summary.minimum, summary.maximum) == (100, 99.0, 0.0, 99.0)
    reads = [statement for statement in statements if statement.startswith("SELECT")]
    assert len(reads) == 1 and "point_block" not in reads[0] and "chunk" not in reads[0]


def test_columns_of_named_runs_cost_the_same_with_many_runs(backend: SqlBackend) -> None:
    named = [f"run-{number}" for number in range(5)]
    columns = [Column("attribute", "status"), Column("metric", "loss"), Column("param", "lr")]
    queries = [
        RunQuery(("0",), (Comparison("attribute", "run_id", "IN", tuple(named)),)),
        RunQuery(("0",), (Comparison("attribute", "run_id", "=", named[0]),)),
    ]
    steps = []
    for first, end in ((0, 50), (50, 2_000)):
        ids = [f"run-{number}" for number in range(first, end)]
        backend.create_runs([RunRecord(run_id, "0", params={"lr": "1"}) for run_id in ids])
        for query, found in zip(queries, (named, named[:1]), strict=True):
            assert sorted(backend.views.get_columns(query, columns).ids) == found
        steps.append(steps_of(backend, lambda: [backend.views.get_columns(query, columns) for query in queries]))
    assert 0 < steps[1] <= 2 * steps[0], steps


def test_a_tail_costs_the_same_after_many_appended_points(backend: SqlBackend) -> None:
    backend.create_runs([RunRecord("r", "0")])
    steps = []
    for count in (2, 60):
        for _ in range(count):
            backend.log("r", "loss", 1.0, 1)
        (last,) = backend.views.get_tail({("r", "loss"): -1})["r", "loss"]
        before = int(last.positions[-1]) - 1
        (tail,) = backend.views.get_tail({("r", "loss"): before})["r", "loss"]
        assert tail.positions.tolist() == [before + 1]
        steps.append(steps_of(backend, lambda: [backend.views.get_tail({("r", "loss"): before}) for _ in range(20)]))  # noqa: B023
    assert 0 < steps[1] <= 1.2 * steps[0], steps
