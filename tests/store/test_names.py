"""A connection remembers the ids of names, and never uses an id that the database does not have."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bridge.records.run import RunChanges, RunRecord
from bridge.store.one_run import get_run
from bridge.store.sql import connection, names, statements
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.names import PARAM, TAG, label_name
from bridge.store.sql.sqlite import open_sqlite
from bridge.testing.slices import Entry, make_slice


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workspace.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlBackend]:
    store = open_sqlite(path)
    store.create_runs([RunRecord("r1", "0")])
    yield store
    store.close()


def reads_of_names(store: SqlBackend) -> list[str]:
    """Return a list that gets the statements that look up names."""
    found: list[str] = []
    with store.database.read() as c:
        c.set_trace_callback(lambda statement: found.append(statement) if "JOIN name" in statement else None)
    return found


def test_a_name_is_looked_up_once(store: SqlBackend) -> None:
    store.append([make_slice("j", 0, 1, [Entry("r1", "loss", 1.0), Entry("r1", "acc", 1.0)])])
    statements = reads_of_names(store)
    for number in range(1, 4):
        store.append([make_slice("j", number, number + 1, [Entry("r1", "loss", 1.0), Entry("r1", "acc", 1.0)])])
        store.update_runs(("r1",), RunChanges(tags={"a": str(number)}))
    assert len(statements) == 1  # the tag, before its first use


def test_a_name_of_a_transaction_that_was_rolled_back_is_not_remembered(store: SqlBackend) -> None:
    with pytest.raises(ZeroDivisionError), store.database.write() as c:
        assert names.find_or_insert(c, [label_name(0, TAG, "lost")])
        1 / 0  # noqa: B018
    with store.database.read() as c:
        assert names.find(c, [label_name(0, TAG, "lost")]) == {}
    with store.database.write() as c:
        assert names.find(c, [label_name(0, TAG, "lost")]) == {}
        kept = names.find_or_insert(c, [label_name(0, PARAM, "kept")])
    with store.database.read() as c:
        assert names.find(c, [label_name(0, PARAM, "kept")]) == kept


@pytest.mark.parametrize("tags", [{"b": "3", "c": "4"}, {"c": "3", "b": "4"}], ids=["another newest name", "the same"])
def test_names_are_forgotten_if_the_content_of_the_database_was_replaced(
    store: SqlBackend, path: Path, tags: dict[str, str]
) -> None:
    """The command `.restore` of SQLite's shell copies another database into the file that this process has open.

    If another process then stores the newest name again, it can have the same id, while an earlier id belongs to
    another name.
    """
    with closing(sqlite3.connect(":memory:")) as backup, closing(sqlite3.connect(path)) as raw:
        raw.backup(backup)
        store.update_runs(("r1",), RunChanges(tags={"a": "1", "b": "2"}))
        backup.backup(raw)
    with closing(open_sqlite(path)) as other:
        other.update_runs(("r1",), RunChanges(tags=tags))
    store.update_runs(("r1",), RunChanges(tags={"a": "5"}))
    assert dict(get_run(store, "r1").tags) == {**tags, "a": "5"}


def test_few_names_are_remembered(store: SqlBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MOST_NAMES", 10)
    for number in range(30):
        store.update_runs(("r1",), RunChanges(tags={f"t{number}": "a"}))
        with store.database.read() as c:
            assert len(c.names or {}) <= 10
    store.update_runs(("r1",), RunChanges(tags={f"t{number}": "b" for number in range(30)}))
    assert dict(get_run(store, "r1").tags) == {f"t{number}": "b" for number in range(30)}


def test_labels_are_in_the_order_in_which_a_run_set_them_and_not_in_that_of_their_names(store: SqlBackend) -> None:
    store.create_runs([RunRecord("r2", "0", tags={"c": "1"})])
    for run_id, keys in (("r1", "ab"), ("r2", "ba")):
        for key in keys:
            store.update_runs((run_id,), RunChanges(tags={key: "1"}))
    assert list(get_run(store, "r2").tags) == ["c", "b", "a"]


def test_runs_of_one_experiment_share_their_names(store: SqlBackend, path: Path) -> None:
    experiment = store.create_experiment("other", 1).id
    store.create_runs([RunRecord(f"n{number}", "0", params={"a": "1"}, tags={"a": "1"}) for number in range(20)])
    store.create_runs([RunRecord("o", experiment, params={"a": "1"})])
    store.append(
        [make_slice("j", 0, 1, [Entry(f"n{number}", "a", value) for number in range(20) for value in (1, "x")])]
    )
    with closing(sqlite3.connect(path)) as raw:
        found = raw.execute("SELECT experiment, entity, key, value_type FROM name ORDER BY 1, 2, 4").fetchall()
    assert found == [
        (0, 0, "a", ""), (0, 1, "a", ""), (0, 3, "a", "number"), (0, 3, "a", "text"), (int(experiment), 0, "a", ""),
    ]  # fmt: skip


def test_a_read_within_an_interrupted_transaction_remembers_no_new_name(
    store: SqlBackend, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal handler reads directly after the insert of names, and then raises.

    Another process gives the id of the first name to another name, and the id of the second name to the same name.
    """
    first, second, other = (label_name(0, TAG, key) for key in ("first", "second", "other"))
    insert = statements.insert

    def interrupted(*arguments: Any) -> None:
        insert(*arguments)
        with store.database.read() as c:
            assert len(names.find(c, [first, second])) == 2
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(names, "insert", interrupted)
        with pytest.raises(KeyboardInterrupt), store.database.write() as c:
            names.find_or_insert(c, [first, second])
    with closing(open_sqlite(path)) as process, process.database.write() as c:
        names.find_or_insert(c, [other, second])
    with store.database.read() as c:
        assert names.find(c, [first]) == {}
