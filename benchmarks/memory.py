"""Measure the peak memory of work on one run with very many points. Each work runs in a process of its own.

The yardstick is the peak of the same process before the work: Python with the modules that are imported.
`mlflow gc` is compared with the same command on a workspace whose deleted run has no points.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator

from benchmarks.harness.command import Options, main
from benchmarks.harness.places import new_run, new_workspace, peak_of_command, peaks_of_work, tracking_of
from benchmarks.harness.rows import Row, value_at_most
from bridge import Workspace

LIMIT_MB = 300
GC_LIMIT_MB = 50

# The process ends without a fold, so all points are left in its journal.
LOGS = """
import os, random, sys
from bridge.store import background
from bridge.store.open import open_store

background.FOLD_SECONDS = 3600.0
tracking, draw = open_store(sys.argv[1]).tracking, random.Random(4)
for number in range(int(sys.argv[3])):
    tracking.log(sys.argv[2], f"key_{number % 5}", draw.random(), number, number)
os._exit(0)
"""

OPENS = """
import sys
import numpy, pcodec
from bridge.store import background
from bridge.store.open import open_store

background.FOLD_SECONDS = 3600.0
tracking = open_store(sys.argv[1]).tracking
tracking.get_runs(["none"], latest=False)  # without latest values, it does not fold
"""

FOLDS = (
    OPENS
    + """
def work():
    tracking.get_runs([sys.argv[2]])
"""
)

READS_PAGES = """
import sys
from mlflow.tracking import MlflowClient

client = MlflowClient(sys.argv[1])
store = client._tracking_client.store  # the client itself collects all pages in one list

def work():
    token, points = None, 0
    while token or not points:
        page = store.get_metric_history(sys.argv[2], "key_0", max_results=25_000, page_token=token)
        token, points = page.token, points + len(page)
    assert points == int(sys.argv[3]) // 5
"""

SEALS = (
    OPENS
    + """
from bridge.records.run import RunChanges

def work():
    tracking.update_runs([sys.argv[2]], RunChanges(status="Completed"))
    while tracking.tidy():
        pass
"""
)

PURGES = (
    OPENS
    + """
def work():
    tracking.delete_runs([sys.argv[2]], 1)
    tracking.purge_runs([sys.argv[2]])
"""
)


def log(workspace: Workspace, run_id: str, points: int) -> None:
    """Log points in a process of its own, and leave them in its journal."""
    command = [sys.executable, "-c", LOGS, str(workspace.path), run_id, str(points)]
    subprocess.run(command, check=True)


def gc_peak(workspace: Workspace) -> float:
    """Return the peak memory of `mlflow gc` in MB. All deleted runs are removed permanently."""
    uri = workspace.get_mlflow_tracking_uri()
    command = os.path.join(sysconfig.get_path("scripts"), "mlflow")
    return peak_of_command([command, "gc", "--backend-store-uri", uri], {**os.environ, "MLFLOW_TRACKING_URI": uri})


def run_with_points(options: Options, points: int) -> tuple[Workspace, str]:
    """Return a workspace and the id of its run. The points are left in a journal."""
    workspace = new_workspace(options)
    run_id = new_run(workspace)
    if points:
        log(workspace, run_id, points)
    return workspace, run_id


def fold(workspace: Workspace, run_id: str) -> tuple[float, float]:
    return peaks_of_work(FOLDS, workspace.path, run_id)


def rows(options: Options) -> Iterator[Row]:
    points = options.pick(5000, 2_000_000, 10_000_000)
    workspace, run_id = run_with_points(options, points)
    uri = workspace.get_mlflow_tracking_uri()
    peaks = {"fold": fold(workspace, run_id)}
    peaks["sealing"] = peaks_of_work(SEALS, workspace.path, run_id)
    peaks["reading a history in pages, with MLflow"] = peaks_of_work(READS_PAGES, uri, run_id, points)
    peaks["purge"] = peaks_of_work(PURGES, workspace.path, run_id)
    for work, (peak, before) in peaks.items():
        yield Row("10", f"peak memory: {work} of {points:,} points", peak, "MB", "before the work", before,
                  bar=value_at_most(LIMIT_MB), durability="")  # fmt: skip
    gc_peaks = []
    for count in (points // 2, 0):
        workspace, run_id = run_with_points(options, count)
        fold(workspace, run_id)
        tracking_of(workspace).delete_runs((run_id,), 1)
        gc_peaks.append(gc_peak(workspace))
    full, empty = gc_peaks
    yield Row("10", f"memory that {points // 2:,} points add to mlflow gc", full - empty, "MB",
              "mlflow gc of a run without points", empty, bar=value_at_most(GC_LIMIT_MB), durability="")  # fmt: skip


if __name__ == "__main__":
    main(__doc__, rows)
