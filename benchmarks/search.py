"""Measure searches for the first 100 of many runs, and print the plan of each. A run has 50 values.

The yardstick is reading the same 100 runs by their ids, or the same search of a tenth of the runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from benchmarks.harness.command import Options, main
from benchmarks.harness.many_runs import fill, fill_mlflow
from benchmarks.harness.measure import Case, measure
from benchmarks.harness.places import new_mlflow_uri, new_workspace, tracking_of, used_bytes
from benchmarks.harness.rows import Bar, Row, at_most, better_than_mlflow, value_at_most
from bridge import Workspace
from bridge.records.search import RunQuery
from bridge.records.search_grammar import parse_run_filter, parse_run_order
from bridge.store.sql.database import Database
from bridge.store.sql.search.runs import answer_of

BIG, SMALL, FEW = "1", "2", 1_000
"""The experiment with many runs, the experiment with few runs that have the same keys, and the number of these runs."""

FOUND = 100


class Search(NamedTuple):
    """One search.

    Attributes:
        text: the filter.
        order: the order.
        by_id: how many times as long as reading the runs by their ids it may take.
        milliseconds: how long it may take for a million runs.
        growth: how many times as long it may take for ten times as many runs.
    """

    text: str
    order: str
    by_id: float | None = None
    milliseconds: float | None = None
    growth: float | None = None


SEARCHES = {
    "broad": Search("metrics.m00 < 0.3 and params.p00 = 'v3'", "metrics.m02", by_id=4, growth=2),
    "narrow": Search("metrics.m00 >= 0 and params.p01 = 'r0'", "metrics.m02", by_id=2, growth=2),
    "none": Search("metrics.m00 < 0.3 and params.p00 = 'absent'", "metrics.m02", growth=2),
    "middling": Search("metrics.m02 < 0.1 and params.p02 = 'x7'", "metrics.m01", milliseconds=100),
    "adverse": Search("metrics.m04 < 0.3 and params.p04 = 'v3'", "metrics.m03", milliseconds=350),
    "tied": Search("metrics.m00 < 0.3 and params.p00 = 'v3'", "metrics.m05", milliseconds=350),
    "both broad": Search("metrics.m06 < 0.5 and params.p06 = 'a0'", "metrics.m07", milliseconds=2500),
    "a key with a dot": Search("metrics.val.loss < 0.3 and params.p00 = 'v3'", "metrics.val.loss"),
    "a tag, property or text": Search("tags.t00 = 'tag-7'", "metrics.m02"),
    "ordered by a rare metric": Search("metrics.m00 < 0.3 and params.p00 = 'v3'", "metrics.m09"),
    "NaN": Search("metrics.m08 != 0.5 and params.p00 = 'v3'", "metrics.m08 DESC"),
    "no filter": Search("", "start_time DESC"),
}


def query_of(search: Search, experiment: str) -> RunQuery:
    order = parse_run_order([search.order])
    return RunQuery((experiment,), parse_run_filter(search.text), order, max_results=FOUND)


def make(options: Options, runs: int) -> Workspace:
    """Create a workspace with an experiment of `runs` runs, and one of few runs."""
    workspace = new_workspace(options)
    for name in "big", "small":
        tracking_of(workspace).create_experiment(name, 1)
    workspace.close()
    fill(workspace.path / "workspace.db", {int(BIG): runs, int(SMALL): FEW})
    opened = Workspace.open(workspace.path)
    options.ending.callback(opened.close)
    return opened


def searching(workspace: Workspace, query: RunQuery) -> Callable[[Any], object]:
    return lambda _: tracking_of(workspace).search_runs(query)


def reading(workspace: Workspace, query: RunQuery) -> Callable[[Any], object]:
    ids = tracking_of(workspace).search_run_ids(query).items
    return lambda _: tracking_of(workspace).get_runs(ids)


def plan_of(workspace: Workspace, query: RunQuery) -> str:
    database = Database(workspace.path / "workspace.db")
    with database.read() as connection:
        connection.prepare_for_searches()
        answer = answer_of(connection, query)
    database.close()
    return f"plan: {answer.plan}; {answer.looked_at:,} runs checked, {len(answer.ids)} found"


def rows_of(options: Options, workspace: Workspace, runs: int, before: dict[str, float]) -> Iterator[Row]:
    """Yield the rows of one size. `before` has the times of a tenth of the runs, and gets those of this size."""
    for name, search in SEARCHES.items():
        query = query_of(search, BIG)
        cases = {"search": Case(searching(workspace, query)), "read": Case(reading(workspace, query))}
        times = measure(cases, options.repeats(7))
        took, read = (options.seconds(times[of]) * 1e3 for of in ("search", "read"))
        shown, note = f"search, {name}: {runs:,} runs", plan_of(workspace, query)
        bar: Bar | None = None if search.by_id is None or not runs >= 10_000 else at_most(search.by_id)
        if search.milliseconds is not None:
            bar = value_at_most(search.milliseconds) if runs >= 1_000_000 else None
            took = times["search"].thread * 1e3
            shown += ", CPU time"
        yield Row("7", shown, took, "ms", "read them by id", read, bar=bar, durability="", note=note)
        if name in before:
            growth = at_most(search.growth) if search.growth is not None and runs >= 1_000_000 else None
            yield Row("7", f"{shown}, beside a tenth", took, "ms", f"{runs // 10:,} runs", before[name], bar=growth,
                      durability="")  # fmt: skip
        before[name] = took
    yield from rows_of_the_small(options, workspace, runs)
    size = used_bytes(workspace.path / "workspace.db") / (runs + FEW) / 1e3
    yield Row("7", f"database of {runs:,} runs, for each run", size, "kB", bar=value_at_most(6), durability="")


def rows_of_the_small(options: Options, workspace: Workspace, runs: int) -> Iterator[Row]:
    query = query_of(SEARCHES["broad"], SMALL)
    times = measure({"search": Case(searching(workspace, query))}, options.repeats(7))
    yield Row("7", f"search, broad: {FEW:,} runs beside {runs:,}", options.seconds(times["search"]) * 1e3, "ms",
              durability="", note=plan_of(workspace, query))  # fmt: skip


def row_beside_mlflow(options: Options, workspace: Workspace, runs: int) -> Row:
    """Return the row that compares the same call of MLflow's client on both stores."""
    from pathlib import Path

    from mlflow import MlflowClient

    uri = new_mlflow_uri(options)
    fill_mlflow(Path(uri.removeprefix("sqlite:///")), 0, runs)
    search = SEARCHES["broad"]

    def call(uri: str, experiment: str) -> Callable[[Any], object]:
        client = MlflowClient(uri)
        return lambda _: client.search_runs([experiment], search.text, 1, FOUND, [search.order])

    ours, theirs = call(workspace.get_mlflow_tracking_uri(), BIG), call(uri, "0")
    if [run.info.run_id for run in ours(0)] != [run.info.run_id for run in theirs(0)]:  # type: ignore[attr-defined]  # MLflow's page of runs
        raise RuntimeError("the two stores have found different runs")
    times = measure({"ours": Case(ours), "theirs": Case(theirs)}, options.repeats(5))
    took, took_theirs = (options.seconds(times[of]) * 1e3 for of in ("ours", "theirs"))
    bar = better_than_mlflow(30) if runs >= 10_000 else None
    return Row("7", f"MlflowClient.search_runs, broad: {runs:,} runs", took, "ms", mlflow=took_theirs, bar=bar,
               durability="")  # fmt: skip


def rows(options: Options) -> Iterator[Row]:
    sizes: tuple[int, ...] = options.pick((1_000,), (10_000, 100_000), (10_000, 100_000, 1_000_000))
    before: dict[str, float] = {}
    for runs in sizes:
        workspace = make(options, runs)
        if runs <= 10_000:
            yield row_beside_mlflow(options, workspace, runs)
        yield from rows_of(options, workspace, runs, before)
        workspace.close()


if __name__ == "__main__":
    main(__doc__, rows)
