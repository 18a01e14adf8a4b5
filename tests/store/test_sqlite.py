"""The SQLite store passes the conformance suite of tracking stores."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from longer import SCALE

from bridge.errors import StoreUnavailable
from bridge.records.run import RunRecord
from bridge.records.search import RunQuery
from bridge.store.backend import Backend
from bridge.store.one_run import create_run, get_run
from bridge.store.sql.database import CACHE_KIB, Database
from bridge.store.sql.latest import latest_of
from bridge.store.sql.sqlite import open_sqlite
from bridge.store.sql.time_limit import SEARCH_CACHE_KIB, limited_to
from bridge.testing.backend import BackendTests
from bridge.testing.machine import check_store
from bridge.testing.strategies import FLOATS


class TestSqliteStore(BackendTests):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Backend]:
        store = open_sqlite(tmp_path / "workspace.db")
        yield store
        store.close()

    @pytest.fixture
    def other(self, store: Backend, tmp_path: Path) -> Iterator[Backend]:
        other = open_sqlite(tmp_path / "workspace.db")
        yield other
        other.close()


def test_a_point_is_stored_as_its_64_bits(tmp_path: Path) -> None:
    store = open_sqlite(tmp_path / "workspace.db")
    create_run(store, RunRecord("r1", "0"))
    for step, value in enumerate(FLOATS):
        store.log("r1", "loss", value, 10 + step, step)
    store.close()
    raw = sqlite3.connect(tmp_path / "workspace.db")
    blocks = raw.execute('SELECT steps, timestamps, "values" FROM point_block ORDER BY id').fetchall()
    latest = raw.execute("SELECT latest_value, latest_bits, latest_timestamp, latest_step FROM series").fetchone()
    raw.close()
    steps, timestamps, values = (b"".join(column) for column in zip(*blocks, strict=True))
    count = len(FLOATS)
    assert values == struct.pack(f"<{count}d", *FLOATS)
    assert steps == struct.pack(f"<{count}q", *range(count))
    assert timestamps == struct.pack(f"<{count}q", *range(10, 10 + count))
    value, timestamp, step = latest_of(*latest)
    assert (timestamp, step) == (9 + count, count - 1)
    assert struct.pack("<d", value) == struct.pack("<d", FLOATS[-1])


def test_a_reopened_file_has_everything_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "workspace.db"
    store = open_sqlite(path)
    experiment_id = store.create_experiment("a", 1, tags={"x": None}).id
    create_run(store, RunRecord("r1", experiment_id, params={"p": "1"}))
    store.log("r1", "loss", 0.5, 1)
    experiment, run = store.get_experiment(experiment_id), get_run(store, "r1")
    store.close()
    again = open_sqlite(path)
    assert (again.get_experiment(experiment_id), get_run(again, "r1")) == (experiment, run)
    again.close()


@pytest.mark.parametrize("search", ["search_runs", "search_run_ids", "list_keys"])
def test_only_a_connection_that_searches_has_a_large_page_cache(tmp_path: Path, search: str) -> None:
    def cache() -> int:
        with store.database.read() as connection:
            return -int(connection.execute("PRAGMA cache_size").fetchone()[0])

    store = open_sqlite(tmp_path / "workspace.db")
    create_run(store, RunRecord("r1", "0"))
    store.log("r1", "loss", 0.5, 1)
    get_run(store, "r1")
    assert cache() == CACHE_KIB
    if search == "list_keys":
        store.views.list_keys(("0",))
    else:
        getattr(store, search)(RunQuery(("0",)))
    assert cache() == SEARCH_CACHE_KIB
    store.close()
    with limited_to(10, cache_kib=1_000):
        store.views.list_keys(("0",))
    assert cache() == 1_000, "a server sets another size"
    store.close()


@contextmanager
def new_store() -> Iterator[Backend]:
    with TemporaryDirectory() as folder:
        store = open_sqlite(Path(folder, "workspace.db"))
        yield store
        store.close()


@pytest.mark.slow
def test_any_order_of_calls_agrees_with_plain_dicts() -> None:
    check_store(new_store, examples=40 * SCALE)


def test_a_transaction_within_a_transaction_is_refused_and_the_outer_one_is_unaffected(tmp_path: Path) -> None:
    """A signal handler can start one while it interrupts another."""
    path = tmp_path / "workspace.db"
    open_sqlite(path).close()
    database = Database(path)
    with database.write() as outer:
        outer.execute("CREATE TABLE kept (a)")
        with pytest.raises(StoreUnavailable, match="let the handler set a flag"), database.write():
            pass
        assert outer.in_transaction
    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    database.close()
