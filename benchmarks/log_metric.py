"""Measure the time for logging one number with both APIs, and compare it with a plain write and MLflow's SQLite store.

All cases are measured in turn, several times. The results are medians in microseconds for each call.
Both journals have the durability "process": a point survives the death of the process once the call has returned.
MLflow's SQLite store waits for the disk, but nearly all of its time is spent in Python.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path

REFERENCE = b"x" * 40


def measure(call: Callable[[int], object], calls: int) -> float:
    """Return the microseconds for each call."""
    begun = time.perf_counter()
    for number in range(calls):
        call(number)
    return (time.perf_counter() - begun) / calls * 1e6


def nothing_store(uri: str) -> Callable[[int], object]:
    """Return a call of `MlflowClient.log_metric` with a store whose `log_metric` does nothing."""
    from mlflow import MlflowClient
    from mlflow.store.tracking.abstract_store import AbstractStore
    from mlflow.tracking._tracking_service import utils

    class Nothing(AbstractStore):
        def log_metric(self, run_id: str, metric: object) -> None:
            return None

    utils._tracking_store_registry.register("nothing", lambda store_uri, artifact_uri=None: Nothing())
    client = MlflowClient("nothing:///")
    return lambda number: client.log_metric("0" * 32, "loss", 0.5, timestamp=1, step=number)


def mlflow_call(uri: str) -> Callable[[int], object]:
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    run = client.create_run("0")
    return lambda number: client.log_metric(run.info.run_id, "loss", 0.5, timestamp=1, step=number)


def native_call(folder: Path) -> Callable[[int], object]:
    from bridge import Experiment, Workspace

    run = Experiment(Workspace.create("bench", path=folder), "bench").start_logging(
        outputs=False, snapshot_directory=None
    )
    run.complete()  # logging still works, and no open run is left when the folder is deleted
    return lambda number: run.log("loss", 0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--folder", help="where to write; a temporary folder by default")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        descriptor = os.open(folder / "reference", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        native = native_call(folder / "native")
        (folder / "plugin").mkdir()
        from bridge import Workspace

        plugin = mlflow_call(Workspace.create("plugin", path=folder / "plugin").get_mlflow_tracking_uri())
        rows: dict[str, tuple[Callable[[int], object], int]] = {
            "os.write of 40 bytes": (lambda number: os.write(descriptor, REFERENCE), options.calls),
            "run.log": (native, options.calls),
            "MlflowClient on nothing": (nothing_store("nothing:///"), options.calls),
            "MlflowClient on bridge": (plugin, options.calls),
            "MlflowClient on SQLite": (mlflow_call(f"sqlite:///{folder / 'mlflow.db'}"), max(1, options.calls // 200)),
        }
        times: dict[str, list[float]] = {row: [] for row in rows}
        for call, _ in rows.values():
            measure(call, 10)
        for _ in range(options.repeats):
            for row, (call, calls) in rows.items():
                times[row].append(measure(call, calls))
    medians = {row: statistics.median(values) for row, values in times.items()}
    return report(medians, options.repeats)


def report(medians: dict[str, float], repeats: int) -> int:
    print(
        f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"MLflow {version('mlflow')}; medians of {repeats} alternating repeats; durability: process"
    )
    for row, value in medians.items():
        print(f"  {row:<26}{value:>12.2f} µs per call")
    write, native, nothing, plugin, sqlite = medians.values()
    promises = [
        ("run.log / os.write", native / write, "at most", 3.0),
        ("MlflowClient on bridge / on nothing", plugin / nothing, "at most", 1.7),
        ("MlflowClient on SQLite / run.log", sqlite / native, "at least", 100.0),
        ("MlflowClient on SQLite / on bridge", sqlite / plugin, "at least", 100.0),
    ]
    held = True
    for what, ratio, bound, limit in promises:
        holds = ratio <= limit if bound == "at most" else ratio >= limit
        held = held and holds
        print(f"  {what:<38}{ratio:>8.2f}   {bound} {limit:g}: {'holds' if holds else 'MISSED'}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
