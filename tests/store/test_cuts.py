"""A fold of many journals stores their points in the order of logging, and its time grows with their number."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from random import Random

import pytest

from bridge import Experiment, Run, Workspace
from bridge.journal.writer import JournalWriter
from bridge.records.series import Point
from bridge.store import cuts
from bridge.store.bounds import last_moment
from bridge.store.cuts import Cut, Cutter, FoldProgress
from bridge.store.sql.backend import SqlBackend

pytestmark = pytest.mark.usefixtures("untended")


def started(path: Path) -> Run:
    workspace = Workspace.create("work", path=path)
    return Experiment(workspace, "cuts").start_logging(snapshot_directory=None, outputs=False)


def writer_of(run: Run) -> JournalWriter:
    """Return a writer, which has a journal of its own, like that of another process."""
    workspace = run.experiment.workspace
    return JournalWriter(Path(workspace.path) / "journal", workspace_id=workspace.id)


def naive_next_cuts(self: Cutter, progress: FoldProgress, receipts: Mapping[str, int]) -> tuple[list[Cut], int | None]:
    """Limit each transaction by every journal that was not read to its last byte, closing records included."""
    left, found, times = progress.left, list[Cut](), list[int]()
    share = max(cuts.LEAST_BYTES, cuts.FOLD_BYTES // len(left))
    for journal_id, size in list(left.items()):
        start = receipts.get(journal_id, 0)
        cut = self._cut(progress, journal_id, start, share)
        if cut is None or cut.stretch.end <= start:
            if cut is None:
                self.seen[journal_id] = size
            del left[journal_id]
            continue
        found.append(cut)
        if cut.stretch.end < size and len(cut.stretch.rows):
            times.append(int(cut.stretch.rows["time"][-1]) + cut.clock)
    return found, min(times, default=None)


def log_at_random(run: Run, chance: Random) -> tuple[int, list[JournalWriter]]:
    """Log points with many writers in turn, and return their number and the writers that are still open."""
    writers, count = [writer_of(run)], 0
    for _ in range(chance.randrange(40, 160)):
        if chance.random() < 0.3 and len(writers) < 8:
            writers.append(writer_of(run))
        writer = chance.choice(writers)
        points = [
            Point("loss", float(count + n), 1, chance.choice([None, 0, 1])) for n in range(chance.choice([1, 1, 3, 40]))
        ]
        if chance.random() < 0.2:
            writer.log(run.id, [Point(f"key{count}", 1.0, 1)], 0)
        writer.log(run.id, points, 0)
        count += len(points)
        if chance.random() < 0.2 and len(writers) > 1:
            writer.close()
            writers.remove(writer)
    return count, writers


def stored(folder: Path, run_id: str, monkeypatch: pytest.MonkeyPatch) -> tuple[list[object], int]:
    """Fold a workspace; return the values in the order of their positions, and the number of transactions."""
    append, transactions = SqlBackend.append, []

    def count(self: SqlBackend, slices: list[object]) -> Mapping[str, int]:
        transactions.append(len(slices))
        return append(self, slices)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(SqlBackend, "append", count)
        values = Run.get(Workspace.open(folder), run_id).get_metrics()["loss"]
    return values if isinstance(values, list) else [values], len(transactions)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_points_of_random_journals_are_stored_in_the_order_of_logging(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = Random(seed)
    run = started(tmp_path / "work")
    count, open_writers = log_at_random(run, chance)
    for name in ("naive", "new"):
        shutil.copytree(tmp_path / "work", tmp_path / name)
    for writer in open_writers:
        writer.close()
    run.complete()
    monkeypatch.setattr(cuts, "FOLD_BYTES", chance.choice([300, 2_000, 1 << 20]))
    monkeypatch.setattr(cuts, "LEAST_BYTES", chance.choice([200, 1_000]))
    monkeypatch.setattr(cuts, "last_moment", partial(last_moment, most_points=chance.choice([5, 100, 10_000])))
    new, transactions = stored(tmp_path / "new", run.id, monkeypatch)
    monkeypatch.setattr(Cutter, "_next_cuts", naive_next_cuts)
    naive, more_transactions = stored(tmp_path / "naive", run.id, monkeypatch)
    assert new == naive == [float(number) for number in range(count)]
    assert transactions <= more_transactions


@pytest.mark.slow
def test_a_fold_of_four_times_as_many_closed_journals_takes_about_four_times_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds, transactions = {}, {}
    for journals in (200, 800):
        run = started(tmp_path / str(journals))
        for number in range(journals):
            writer = writer_of(run)
            writer.log(run.id, [Point("loss", float(number), 1, number)], 0)
            writer.close()
        begun = time.process_time()
        values, transactions[journals] = stored(tmp_path / str(journals), run.id, monkeypatch)
        seconds[journals] = time.process_time() - begun
        assert values == list(range(journals))
        run.complete()
    assert transactions[800] == transactions[200] <= 3
    assert seconds[800] <= 8 * seconds[200] + 0.2, seconds
