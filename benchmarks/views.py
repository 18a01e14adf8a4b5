"""Measure reads for tables and charts of many runs. The yardstick is the same SQL without Runbridge.

MLflow has no such reads: its pages load whole runs.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from benchmarks.harness.command import Options, main
from benchmarks.harness.measure import Case, measure
from benchmarks.harness.places import fold, new_workspace, tracking_of
from benchmarks.harness.rows import Row, at_most, value_at_most
from bridge import Workspace
from bridge.records.run import RunChanges, RunRecord, new_run_id
from bridge.records.search import RunQuery
from bridge.records.search_grammar import parse_run_filter
from bridge.records.series import Point
from bridge.records.times import now_ms
from bridge.records.views import Column
from bridge.store.layout import DATABASE
from bridge.store.sql.waiting import index_some
from bridge.store.views import RunViews

METRICS = [f"metric{number}" for number in range(20)]
PARAMS = [f"param{number}" for number in range(20)]
TAGS = [f"tag{number}" for number in range(10)]

NINE = (
    *(Column("metric", key) for key in METRICS[:5]),
    *(Column("param", key) for key in PARAMS[:4]),
)
BARE_RUNS = "SELECT key, id, number FROM run WHERE experiment = 0 AND stage = 'active' ORDER BY start_time DESC, id"
BARE_METRIC = (
    "SELECT run, indexed FROM series WHERE indexed IS NOT NULL AND name ="
    " (SELECT id FROM name WHERE entity = 3 AND experiment = 0 AND key = ?)"
)
BARE_PARAM = (
    "SELECT run, prefix FROM label WHERE name = (SELECT id FROM name WHERE entity = 0 AND experiment = 0 AND key = ?)"
)
BARE_KEYS = "SELECT name, count(*), min(latest_value), max(latest_value) FROM series GROUP BY name"
CHARTED_RUNS, CHARTED_KEYS = 50, 8
"""The runs and keys whose tails are read."""


def make(options: Options, run_ids: Sequence[str]) -> Workspace:
    """Create a workspace with runs that have ended, with 20 metrics, 20 params and 10 tags each."""
    workspace = new_workspace(options)
    tracking, draw = tracking_of(workspace), random.Random(1)
    params = [{key: str(draw.randrange(10 ** (1 + at % 3))) for at, key in enumerate(PARAMS)} for _ in run_ids]
    tags = [{key: f"tag {draw.randrange(50)}" for key in TAGS} for _ in run_ids]
    records = [
        RunRecord(run_id, "0", start_time=1_700_000_000_000 + number, params=params[number], tags=tags[number])
        for number, run_id in enumerate(run_ids)
    ]
    for at in range(0, len(run_ids), 500):
        some = run_ids[at : at + 500]
        tracking.create_runs(records[at : at + 500])
        for run_id in some:
            tracking.log_points(run_id, [Point(key, draw.random(), 1, step) for step in (0, 1) for key in METRICS])
        fold(workspace)
        tracking.update_runs(some, RunChanges(status="Completed", end_time=1_700_000_100_000))
    while index_some(workspace.stores.open_store.sql_database, now_ms()):
        continue  # the background thread would do the same, in pauses
    return workspace


def bare(workspace: Workspace, options: Options) -> Callable[[object], None]:
    """Return a function that reads the nine columns with one SQL statement for each of them."""
    c = options.ending.enter_context(closing(sqlite3.connect(workspace.path / DATABASE)))

    def read(_: object) -> None:
        c.execute("BEGIN")
        c.execute(BARE_RUNS).fetchall()
        for column in NINE:
            c.execute(BARE_METRIC if column.entity == "metric" else BARE_PARAM, (column.key,)).fetchall()
        c.rollback()

    return read


def bare_keys(workspace: Workspace, options: Options) -> Callable[[object], object]:
    """Let all runs wait for the index of values, and return a function that reads each series with one statement."""
    with workspace.stores.open_store.sql_database.write() as connection:
        connection.execute("INSERT OR IGNORE INTO waiting (run, since) SELECT key, ? FROM run", (now_ms(),))
    c = options.ending.enter_context(closing(sqlite3.connect(workspace.path / DATABASE)))
    return lambda _: c.execute(BARE_KEYS).fetchall()


def reads(views: RunViews, run_ids: Sequence[str]) -> dict[str, tuple[float, Callable[[object], object]]]:
    """Return the reads with a bar in milliseconds, by what they are."""
    everything = RunQuery(("0",))
    filtered = RunQuery(("0",), parse_run_filter("metrics.metric0 < 0.3 AND params.param0 = '7'"))
    charted = {(run_id, key): 1 for run_id in run_ids[:CHARTED_RUNS] for key in METRICS[:CHARTED_KEYS]}
    if views.get_tail(charted) or not views.get_tail({(run_ids[0], METRICS[0]): 0}):
        raise RuntimeError("a tail is wrong")
    cursor = views.get_changes().cursor
    spread = [Column("metric", key) for key in METRICS[:2]]
    return {
        "match: a filter on a metric and a param": (5, lambda _: views.match(filtered)),
        "list_keys: 50 keys": (30, lambda _: views.list_keys(("0",))),
        "count_runs": (5, lambda _: views.count_runs(everything)),
        "count_runs by status": (5, lambda _: views.count_runs(everything, Column("attribute", "status"))),
        "count_runs by a param": (5, lambda _: views.count_runs(everything, Column("param", "param0"))),
        "group_runs by a param": (50, lambda _: views.group_runs(everything, [Column("param", "param0")], spread)),
        f"get_tail of {len(charted)} series, nothing new": (1, lambda _: views.get_tail(charted)),
        "get_changes, nothing new": (0.2, lambda _: views.get_changes(cursor)),
    }


def rows(options: Options) -> Iterator[Row]:
    count = options.pick(60, 10_000, 10_000)
    run_ids = [new_run_id() for _ in range(count)]
    workspace = make(options, run_ids)
    views, query = workspace.stores.tracking.views, RunQuery(("0",))
    if len(views.get_columns(query, NINE).ids) != count:
        raise RuntimeError("runs are missing")
    cases = {
        "ours": Case(lambda _: views.get_columns(query, NINE)),
        "bare": Case(bare(workspace, options)),
    }
    times = measure(cases, options.repeats(15))
    value, reference = (options.seconds(times[name]) * 1e6 / count for name in ("ours", "bare"))
    name = f"nine columns of {count:,} runs, for each run"
    for bar in (value_at_most(12), at_most(2)):
        yield Row("8", name, value, "µs", "bare SQL", reference, bar=bar, durability="")
    listed = reads(views, run_ids)
    found = measure({name: Case(call) for name, (_, call) in listed.items()}, options.repeats(15))
    for name, (limit, _) in listed.items():
        yield Row("8", name, options.seconds(found[name]) * 1e3, "ms", bar=value_at_most(limit), durability="")
    cases = {
        "ours": Case(lambda _: views.list_keys(("0",))),
        "bare": Case(bare_keys(workspace, options)),
    }
    times = measure(cases, options.repeats(15))
    value, reference = (options.seconds(times[name]) * 1e3 for name in ("ours", "bare"))
    name = "list_keys: 50 keys, while all runs wait for the index"
    yield Row("8", name, value, "ms", "bare SQL", reference, bar=at_most(2.5), durability="")


if __name__ == "__main__":
    main(__doc__, rows)
