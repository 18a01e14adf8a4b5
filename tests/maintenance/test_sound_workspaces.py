"""A check finds nothing in a workspace that was made by any order of calls, or by an earlier version."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from longer import SCALE

from bridge.maintenance.doctor import examine
from bridge.maintenance.repair import repair
from bridge.records.series import NATIVE, Point
from bridge.store.backend import Backend
from bridge.store.layout import ARTIFACTS, DATABASE, JOURNAL
from bridge.store.slices import Slice
from bridge.store.sql import seal
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.sqlite import create_sqlite, open_sqlite
from bridge.testing.machine import check_store

pytestmark = pytest.mark.slow

UPGRADE = Path(__file__).resolve().parents[1] / "upgrade"
CALLS = 3
"""The number of calls after which points are sealed."""


class Sealing(SqlBackend):
    """A database in which points are sealed after every few calls that store points."""

    calls = 0

    def seal_some(self) -> None:
        self.calls += 1
        if self.calls % CALLS == 0:
            with self.database.read() as c:
                series = [id for (id,) in c.execute("SELECT id FROM series").fetchall()]
            seal.seal(self.database, series)

    def log_points(self, run_id: str, points: Sequence[Point], api: int = NATIVE) -> None:
        super().log_points(run_id, points, api)
        self.seal_some()

    def append(self, slices: Sequence[Slice]) -> dict[str, int]:
        ends = super().append(slices)
        self.seal_some()
        return ends


@contextmanager
def checked_store() -> Iterator[Backend]:
    """Yield a new store, and check its workspace at the end."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for part in (JOURNAL, ARTIFACTS):
            (folder / part).mkdir()
        create_sqlite(folder / DATABASE, {"id": "0" * 32, "name": "random", "durability": "process"})
        store = Sealing(open_sqlite(folder / DATABASE).database)
        yield store
        assert [finding for finding in examine(folder) if finding.code != "clock.future"] == []
        while store.tidy():
            continue
        store.close()
        assert [finding for finding in examine(folder) if finding.code != "clock.future"] == []


def test_any_order_of_calls_makes_a_sound_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"FEW_BLOCKS": 0, "MOST_POINTS": 4, "POINTS_AT_ONCE": 5, "SERIES_AT_ONCE": 2, "BLOCKS_AT_ONCE": 3}
    for name, value in sizes.items():
        monkeypatch.setattr(seal, name, value)
    check_store(checked_store, examples=15 * SCALE)


def test_a_workspace_of_an_earlier_version_is_sound_after_the_upgrade(tmp_path: Path) -> None:
    with tarfile.open(UPGRADE / "workspace.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    (database,) = tmp_path.rglob(DATABASE)
    path = database.parent
    codes = {finding.code for finding in examine(path)}
    assert "schema.older" in codes
    result = repair(path)
    assert [finding for finding in result.left if finding.severity == "error"] == []
    store = open_sqlite(database)
    while store.tidy():
        continue
    store.close()
    assert [finding for finding in examine(path) if finding.severity != "note"] == []
