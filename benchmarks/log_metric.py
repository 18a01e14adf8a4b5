"""Measure one `run.log`, and compare it with a plain write of as many bytes.

A point survives the death of the process once the call has returned. With the durability "power", it is also on the
disk. TensorBoard's `add_scalar` promises neither: it puts the value into a queue.
The background thread folds during all measurements, as it does in a training.
`run.log` and `os.write` take turns alone, and then again with the others: TensorBoard's thread still writes its queue
during the turns that follow, and then takes the time of both.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count

from benchmarks.harness.command import Options, main
from benchmarks.harness.measure import Case, measure, quantile, seconds_of_each
from benchmarks.harness.places import bare_file, journal_bytes, new_mlflow_uri, new_workspace, start_run
from benchmarks.harness.rows import Row, at_most
from bridge import Run


def size_of_a_point(run: Run) -> int:
    """Return the bytes that one more point adds to the journal."""
    workspace = run.experiment.workspace
    run.log("loss", 0.5, step=1)
    before = journal_bytes(workspace)
    for number in range(10):
        run.log("loss", 0.5, step=number)
    return (journal_bytes(workspace) - before) // 10


def log(run: Run) -> Callable[[int], object]:
    return lambda number: run.log("loss", 0.5, step=number)


def write(descriptor: int, size: int) -> Callable[[int], object]:
    data = b"x" * size
    return lambda number: os.write(descriptor, data)


def write_and_fsync(descriptor: int, size: int) -> Callable[[int], object]:
    data = b"x" * size

    def call(number: int) -> None:
        os.write(descriptor, data)
        os.fsync(descriptor)

    return call


def mlflow_log(options: Options) -> Callable[[int], object]:
    from mlflow import MlflowClient

    client = MlflowClient(new_mlflow_uri(options))
    run_id = client.create_run("0").info.run_id
    return lambda number: client.log_metric(run_id, "loss", 0.5, timestamp=1, step=number)


def add_scalar(options: Options) -> Callable[[int], object]:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(options.new_folder("tensorboard")))
    return lambda number: writer.add_scalar("loss", 0.5, number)


def tail(call: Callable[[int], object], seconds: float) -> list[float]:
    """Return the microseconds of each call. Within these seconds, the background thread folds several times."""
    found: list[float] = []
    end, numbers = time.monotonic() + seconds, count()
    while time.monotonic() < end:
        found += seconds_of_each(lambda _: call(next(numbers)), 1000)
    return [each * 1e6 for each in found]


def rows(options: Options) -> Iterator[Row]:
    run = start_run(options, new_workspace(options))
    flushed = start_run(options, new_workspace(options, "power"))
    size = size_of_a_point(run)
    calls = options.pick(100, 1000, 2000)
    both = {"write": Case(write(bare_file(options), size), calls), "log": Case(log(run), calls)}
    alone = measure(both, options.repeats(41))
    others = {
        "scalar": Case(add_scalar(options), calls // 10),
        "mlflow": Case(mlflow_log(options), calls // 100),
        "fsync": Case(write_and_fsync(bare_file(options), size_of_a_point(flushed)), calls // 20),
        "flushed": Case(log(flushed), calls // 20),
    }
    times = measure(both | others, options.repeats(41))
    pair = {name: options.seconds(found) * 1e6 for name, found in alone.items()}
    of = {name: options.seconds(found) * 1e6 for name, found in times.items()}
    yield Row("1", "run.log", pair["log"], "µs", f"os.write of {size} bytes", pair["write"], bar=at_most(2.5),
              note=f"{of['log'] / of['write']:.2f} × in turns with the others")  # fmt: skip
    yield Row("1", "run.log", of["log"], "µs", "TensorBoard's add_scalar, not durable", of["scalar"], of["mlflow"],
              at_most(0.2))  # fmt: skip
    seconds = options.pick(0.1, 5.0, 20.0)
    bare, ours = tail(write(bare_file(options), size), seconds), tail(log(run), seconds)
    yield Row(
        "1", f"run.log, p99.9 of {len(ours):,} calls", quantile(ours, 0.999), "µs", "os.write, p99.9",
        quantile(bare, 0.999), note=f"p50 {statistics.median(ours):.2f} µs, longest {max(ours) / 1e3:.1f} ms "
        f"(os.write: {max(bare) / 1e3:.1f} ms); the background fold runs",
    )  # fmt: skip
    flush, fsync = times["flushed"].wall * 1e6, times["fsync"].wall * 1e6
    yield Row("1b", "run.log", flush, "µs", "os.write and fsync", fsync, bar=at_most(1.5), durability="power")


if __name__ == "__main__":
    main(__doc__, rows)
