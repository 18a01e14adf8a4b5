"""A process that writes while another one folds waits for one bounded transaction, however much is folded."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bridge.records.run import RunChanges, RunRecord
from bridge.store import bounds
from bridge.store.create import create_store
from bridge.store.one_run import create_run, get_run
from bridge.store.open import open_store
from bridge.store.sql.backend import SqlBackend
from bridge.store.sql.sqlite import open_sqlite
from bridge.testing.slices import Entry, make_slice

RUNS = 20_000
FACTOR = 10
"""The longest wait of a writer, in maximum appends; more than one, because the machine has other work."""

LOGS_AND_IS_KILLED = """
import os, sys
from bridge.records.run import RunRecord
from bridge.store import background
from bridge.store.open import open_store

background.FOLD_SECONDS = 3600.0  # so that all is left to the other process
tracking = open_store(sys.argv[1]).tracking
run_ids = [f"r{number}" for number in range(int(sys.argv[2]))]
for at in range(0, len(run_ids), 500):
    tracking.create_runs([RunRecord(run_id, "0") for run_id in run_ids[at : at + 500]])
for run_id in run_ids:
    tracking.log(run_id, f"key of {run_id}", 1.0, 1)
os._exit(0)
"""

FOLDS = """
import sys
import numpy
from bridge.store.open import open_store

tracking = open_store(sys.argv[1]).tracking
print("ready", flush=True)
sys.stdin.readline()
assert len(tracking.get_series_of(["r0"])["r0"]) == 1
print("folded", flush=True)
"""


def seconds_of_one_append(store: SqlBackend) -> float:
    """Return the duration of an append that stores the maximum number of new series."""
    run_ids = [f"yardstick-{number}" for number in range(bounds.MOST_SERIES)]
    store.create_runs([RunRecord(run_id, "0") for run_id in run_ids])
    piece = make_slice("yardstick", 0, 1, [Entry(run_id, f"key of {run_id}", 1.0) for run_id in run_ids])
    begun = time.perf_counter()
    store.append([piece])
    return time.perf_counter() - begun


@pytest.mark.processes
def test_a_writer_waits_for_one_transaction_of_a_fold_of_twenty_thousand_runs(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    create_store(folder, "work").tracking.close()
    subprocess.run([sys.executable, "-c", LOGS_AND_IS_KILLED, str(folder), str(RUNS)], check=True, timeout=300)
    yardstick_store = open_sqlite(tmp_path / "yardstick.db")
    yardstick = seconds_of_one_append(yardstick_store)
    yardstick_store.close()
    tracking = open_store(folder).tracking
    create_run(tracking, RunRecord("tagged", "0"))
    folding = subprocess.Popen(
        [sys.executable, "-c", FOLDS, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert folding.stdin is not None and folding.stdout is not None
    assert folding.stdout.readline() == "ready\n"
    folded = threading.Event()

    def wait_for_the_end() -> None:
        assert folding.stdout is not None
        if folding.stdout.readline() == "folded\n":
            folded.set()
        folding.stdout.close()

    watching = threading.Thread(target=wait_for_the_end)
    watching.start()
    folding.stdin.write("fold\n")
    folding.stdin.close()
    waits: list[float] = []
    while watching.is_alive():
        begun = time.perf_counter()
        tracking.update_runs(("tagged",), RunChanges(tags={"n": str(len(waits))}))
        waits.append(time.perf_counter() - begun)
    watching.join()
    assert folding.wait(60) == 0 and folded.is_set()
    assert len(waits) > RUNS / bounds.MOST_SERIES
    assert max(waits) < FACTOR * yardstick, (max(waits), yardstick)
    assert get_run(tracking, f"r{RUNS - 1}").latest.keys() == {f"key of r{RUNS - 1}"}


READS = """
import sys, time
from pathlib import Path
from bridge.journal import locks
from bridge.store import cuts, fold
from bridge.store.open import open_store
from bridge.store.sql.backend import SqlBackend

locks.WAIT_SECONDS, fold.TURN_SECONDS, cuts.FOLD_BYTES, cuts.LEAST_BYTES = 2.0, 1000.0, 1 << 12, 1 << 12
waited = Path(sys.argv[2])
append, fold_some = SqlBackend.append, fold.Folding._fold_some

def slow_append(self, slices):
    if len(list(waited.iterdir())) < 2:
        time.sleep(0.1)
    return append(self, slices)

def counted_fold_some(self, fold, wait):
    was_our_turn = fold_some(self, fold, wait)
    if wait and not was_our_turn:
        (waited / sys.argv[3]).touch()
    return was_our_turn

SqlBackend.append, fold.Folding._fold_some = slow_append, counted_fold_some
tracking = open_store(sys.argv[1]).tracking
print("ready", flush=True)
sys.stdin.readline()
print(len(tracking.get_series_of(["r0"])["r0"]), flush=True)
"""


@pytest.mark.processes
def test_a_reader_gets_a_result_even_if_others_fold_for_longer_than_its_time_limit(tmp_path: Path) -> None:
    """The limit applies to a stopped process, and a process that folds makes progress.

    The first process holds the lock until both others have reached the limit.
    """
    folder, waited = tmp_path / "work", tmp_path / "waited"
    create_store(folder, "work").tracking.close()
    waited.mkdir()
    subprocess.run([sys.executable, "-c", LOGS_AND_IS_KILLED, str(folder), str(RUNS // 4)], check=True, timeout=300)
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READS, str(folder), str(waited), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    answers = []
    try:
        for reader in readers:
            assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
        for reader in readers:
            assert reader.stdin is not None
            reader.stdin.write("read\n")
            reader.stdin.flush()
        for reader in readers:
            out, _ = reader.communicate(timeout=120)
            answers.append(out)
    finally:
        for reader in readers:
            reader.kill()
            reader.wait()
    assert answers == ["1\n"] * 3
    assert len(list(waited.iterdir())) == 2
