"""A fold uses the rows that the last fold of its connection has written, unless the database has changed since."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import StoreUnavailable
from bridge.records.run import RunChanges, RunRecord
from bridge.records.series import COLUMN
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.sqlite import create_sqlite, open_sqlite
from bridge.testing.slices import Entry, make_slice

NAMES = """SELECT id, experiment, entity, key, kind, "column", value_type FROM name"""  # without the random stamp
TABLES = ("counter", "series", "point_block", "chunk", "waiting", "unsealed", "receipt", "change")

KEYS = ("a", "b", "c")
VALUES = (0.5, 1, -0.0, float("nan"), float("inf"), "text")


class Twin:
    """A store, and another one of the same database. If `forgets` is true, each fold reads all rows again."""

    def __init__(self, path: Path, forgets: bool) -> None:
        self.path, self.forgets = path, forgets
        self.store, self.numbers = open_sqlite(path), count()
        self.other: SqlBackend | None = None
        self.store.create_runs([RunRecord(run_id, "0") for run_id in ("r1", "r2")])

    def append(self, entries: list[Entry], by_other: bool = False) -> None:
        if by_other and self.other is None:
            self.other = open_sqlite(self.path)
        store = self.other if by_other and self.other is not None else self.store
        if self.forgets:
            with store.database.read() as c:
                c.kept = None
        number = next(self.numbers)
        store.append([make_slice("j", number, number + 1, entries)])

    def fail(self, entries: list[Entry]) -> None:
        """Append points while the disk is full."""
        with self.store.database.read() as c:
            pages = c.execute("PRAGMA page_count").fetchone()[0]
            c.execute(f"PRAGMA max_page_count={pages}").fetchone()
        large = [entry for entry in entries for _ in range(2000)]
        with pytest.raises(StoreUnavailable):
            self.store.append([make_slice("k", 0, 1, large)])
        with self.store.database.read() as c:
            c.execute("PRAGMA max_page_count=1000000").fetchone()

    def tables(self) -> dict[str, list[Any]]:
        with self.store.database.read() as c:
            found = {table: c.execute(f'SELECT * FROM "{table}"').fetchall() for table in TABLES}
            found["name"] = c.execute(NAMES).fetchall()
        found["waiting"] = [row[0] for row in found["waiting"]]
        return found

    def close(self) -> None:
        self.store.close()
        if self.other is not None:
            self.other.close()


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[list[Twin]]:
    twins = [Twin(tmp_path / f"{forgets}.db", forgets) for forgets in (False, True)]
    yield twins
    for twin in twins:
        twin.close()


def drawn(random: random.Random) -> list[Entry]:
    """Return some points, often of the same series in the same order."""
    keys = random.choice((KEYS, KEYS, KEYS[:2], KEYS[::-1]))
    entries = [
        Entry("r1", key, random.choice(VALUES), random.choice((None, 0, 5)), random.choice((0, 7))) for key in keys
    ]
    if random.random() < 0.3:
        entries += [Entry("r1", "a", 1.5, 0, 0, column="x", kind=COLUMN), Entry("gone", "a", 1.0)]
    return entries


CHANGES: dict[str, Callable[[Twin, list[Entry]], object]] = {
    "nothing": lambda twin, entries: None,
    "points of another process": lambda twin, entries: twin.append(entries, by_other=True),
    "the end of the run": lambda twin, entries: twin.store.update_runs(["r1"], RunChanges(status="Completed")),
    "a purge": lambda twin, entries: (twin.store.purge_runs(["r1"]), twin.store.create_runs([RunRecord("r1", "0")])),
    "compression": lambda twin, entries: [None for _ in iter(twin.store.tidy, False)],
    "a full disk": lambda twin, entries: twin.fail(entries),
}


@pytest.mark.parametrize("seed", range(12))
def test_a_store_that_remembers_rows_stores_the_same_as_one_that_forgets_them(twins: list[Twin], seed: int) -> None:
    for twin in twins:
        source = random.Random(seed)
        for _ in range(8):
            twin.append(drawn(source))
            CHANGES[source.choice(list(CHANGES))](twin, drawn(source))
        twin.append(drawn(source))
    assert repr(twins[0].tables()) == repr(twins[1].tables())


def look_ups(store: SqlBackend, append: Callable[[], object]) -> int:
    """Return the number of statements of a call that read rows of series."""
    statements: list[str] = []
    with store.database.read() as c:
        c.set_trace_callback(statements.append)
    append()
    with store.database.read() as c:
        c.set_trace_callback(None)
    return sum("EXISTS (SELECT 1 FROM counter" in statement for statement in statements)


@pytest.mark.parametrize("change", CHANGES)
def test_rows_are_read_again_after_every_other_change(twins: list[Twin], change: str) -> None:
    twin, entries = twins[0], [Entry("r1", key, 1.0, 1) for key in KEYS]
    twin.append(entries)
    assert look_ups(twin.store, lambda: twin.append(entries)) == 0
    CHANGES[change](twin, entries)
    assert look_ups(twin.store, lambda: twin.append(entries)) == (0 if change in ("nothing", "compression") else 1)
    assert look_ups(twin.store, lambda: twin.append(entries[:2])) == 1


def test_rows_of_a_replaced_database_are_forgotten(twins: list[Twin], tmp_path: Path) -> None:
    twin, entries = twins[0], [Entry("r1", key, 1.0) for key in KEYS]
    twin.append(entries)
    twin.append(entries)
    create_sqlite(tmp_path / "new.db", {"id": "new"})
    with closing(open_sqlite(tmp_path / "new.db")) as new:
        new.create_runs([RunRecord("r1", "0")])
    for path in (twin.path.with_name(twin.path.name + end) for end in ("-wal", "-shm")):
        path.unlink(missing_ok=True)
    shutil.move(tmp_path / "new.db", twin.path)
    twin.numbers = count()
    assert look_ups(twin.store, lambda: twin.append(entries)) <= 1
    with twin.store.database.read() as c:
        assert c.execute("SELECT points FROM series").fetchall() == [(1,)] * 3


def test_a_forked_child_reads_the_rows_again(twins: list[Twin]) -> None:
    twin, entries = twins[0], [Entry("r1", key, 1.0) for key in KEYS]
    twin.append(entries)
    child = os.fork()
    if not child:
        twin.store.after_fork()
        os._exit(look_ups(twin.store, lambda: twin.append(entries)))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
