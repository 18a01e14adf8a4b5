"""The SQLite store behind a journal passes the conformance suite of tracking stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from longer import SCALE

from bridge.store.journaled import JournaledStore
from bridge.store.sql.sqlite import open_sqlite
from bridge.testing.journaled import JournaledStoreTests
from bridge.testing.machine import check_store


def open_journaled(folder: Path) -> JournaledStore:
    return JournaledStore(open_sqlite(folder / "workspace.db"), folder / "journal")


class TestJournaledSqliteStore(JournaledStoreTests):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[JournaledStore]:
        store = open_journaled(tmp_path)
        yield store
        store.close()

    @pytest.fixture
    def other(self, store: JournaledStore, tmp_path: Path) -> Iterator[JournaledStore]:
        other = open_journaled(tmp_path)
        yield other
        other.close()


@contextmanager
def new_store() -> Iterator[JournaledStore]:
    with TemporaryDirectory() as folder:
        store = open_journaled(Path(folder))
        yield store
        store.close()


@pytest.mark.slow
def test_any_order_of_calls_agrees_with_plain_dicts() -> None:
    check_store(new_store, examples=40 * SCALE)
