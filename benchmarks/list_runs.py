"""Measure a native listing that matches few runs of many, and compare it with reading the records of all runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.harness.command import Options, main
from benchmarks.harness.measure import Case, measure
from benchmarks.harness.places import new_workspace, tracking_of
from benchmarks.harness.rows import Row, at_most
from bridge import Experiment
from bridge.records.run import RunRecord, new_run_id


def counted(listing: Callable[[], Iterator[object]], expected: int) -> Callable[[object], None]:
    """Return a function that reads a listing to its end."""

    def read(_: object) -> None:
        found = sum(1 for _ in listing())
        if found != expected:
            raise RuntimeError(f"{found} runs were listed, not {expected}")

    return read


def rows(options: Options) -> Iterator[Row]:
    count = options.pick(200, 5000, 50_000)
    experiment = Experiment(new_workspace(options), "many")
    records = [
        RunRecord(new_run_id(), experiment.id, start_time=number, tags={"split": str(number % 100)})
        for number in range(count)
    ]
    for at in range(0, count, 500):
        tracking_of(experiment.workspace).create_runs(records[at : at + 500])
    times = measure(
        {
            "all": Case(counted(lambda: experiment.get_runs(), count)),
            "few": Case(counted(lambda: experiment.get_runs(tags={"split": "7"}), count // 100)),
        },
        options.repeats(9),
    )
    few, everything = options.seconds(times["few"]) * 1e3, options.seconds(times["all"]) * 1e3
    yield Row("list", f"list one of a hundred of {count:,} runs by its tag", few, "ms", "list all runs", everything,
              bar=at_most(1 / 3))  # fmt: skip


if __name__ == "__main__":
    main(__doc__, rows)
