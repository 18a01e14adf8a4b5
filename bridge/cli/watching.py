"""The output of `runbridge watch`: a live table in a terminal, or a line for each change in a pipe."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bridge.cli.cells import AnyColumn, cell_text, columns_named, headers_of, is_right, values_of
from bridge.cli.json_records import run_json
from bridge.cli.live_runs import LiveRuns
from bridge.cli.output import is_terminal, print_json, print_table
from bridge.cli.texts import clock_text, escaped, number_text, plural
from bridge.records.run import OPEN_STATUSES
from bridge.records.times import now_ms
from bridge.records.views import Column

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bridge.records.experiment import ExperimentRecord
    from bridge.records.run import RunRecord
    from bridge.store.workspace_stores import WorkspaceStores

POLL_SECONDS = 0.5
METRICS = 4
"""The number of metrics in the table: those that most of the runs have."""

OTHER_LINES = 4
"""The lines of the terminal that the rows of the table do not need."""

ID = Column("attribute", "run_id")


def watch(stores: WorkspaceStores, experiment: ExperimentRecord, columns: str | None, json: bool) -> None:
    """Show the running runs of an experiment until Ctrl-C.

    Args:
        stores: the workspace.
        experiment: the experiment.
        columns: the names of the columns; None means the usual ones, and the most frequent metrics.
        json: print a JSON object for each change.
    """
    chosen = columns_named(columns) if columns else {}
    live = LiveRuns(stores, experiment)
    try:
        if is_terminal() and not json:
            _show_table(stores, experiment, live, chosen)
        else:
            _print_changes(stores, experiment, live, chosen, json)
    except KeyboardInterrupt:  # the usual end of this command
        return


def _print_changes(
    stores: WorkspaceStores, experiment: ExperimentRecord, live: LiveRuns, chosen: Mapping[str, AnyColumn], json: bool
) -> None:
    names = headers_of(chosen, False) or ["METRICS"]
    if not json:
        print_table(("TIME", "ID", "NAME", "STATUS", *names), ())
    while True:
        runs = live.update()
        if json:
            for run in runs:
                print_json(run_json(run, experiment.name))
        else:
            print_table(names, [_line(stores, run, chosen) for run in runs], has_headers=False)
        sys.stdout.flush()
        time.sleep(POLL_SECONDS)


def _line(stores: WorkspaceStores, run: RunRecord, chosen: Mapping[str, AnyColumn]) -> list[str]:
    if chosen:
        (row,) = values_of(stores, [run], list(chosen.values()))
        more = [cell_text(value, column, run, False) for value, column in zip(row, chosen.values(), strict=True)]
    else:
        more = [" ".join(f"{key}={number_text(latest.value)}" for key, latest in run.latest_metrics.items())]
    return [clock_text(now_ms()), run.id, run.display_name, run.status, *more]


def _show_table(
    stores: WorkspaceStores, experiment: ExperimentRecord, live: LiveRuns, chosen: Mapping[str, AnyColumn]
) -> None:
    from rich.live import Live

    from bridge.cli.terminal import console

    second = 0
    with Live(console=console(), auto_refresh=False) as screen:
        while True:
            changed, now = live.update(), int(time.monotonic())
            is_running = any(run.status in OPEN_STATUSES for run in live.runs)
            if changed or not second or (is_running and now != second):  # the durations change every second
                second = now
                screen.update(_table(stores, experiment, live.runs, chosen), refresh=True)
            time.sleep(POLL_SECONDS)


def _table(
    stores: WorkspaceStores, experiment: ExperimentRecord, runs: Sequence[RunRecord], chosen: Mapping[str, AnyColumn]
) -> RenderableType:
    """Return the table of runs, as high as the terminal, and a line below it."""
    from rich.console import Group
    from rich.text import Text

    from bridge.cli.terminal import console, table_of

    shown = runs[: max(1, console().height - OTHER_LINES)]
    columns = {"run_id": ID, **(chosen or _usual(shown))}
    rows = [
        [escaped(cell_text(value, column, run, True)) for value, column in zip(row, columns.values(), strict=True)]
        for run, row in zip(shown, values_of(stores, shown, list(columns.values())), strict=True)
    ]
    headers = [escaped(header) for header in headers_of(columns, True)]
    right = [header for header, column in zip(headers, columns.values(), strict=True) if is_right(column)]
    return Group(table_of(headers, rows, right), Text(_summary(experiment, runs, shown), style="dim"))


def _usual(runs: Sequence[RunRecord]) -> dict[str, AnyColumn]:
    """Return the name, the status, the duration, and the metrics that most of the runs have."""
    counted = Counter(key for run in runs for key in run.latest_metrics)
    metrics = {key: Column("metric", key) for key, _ in counted.most_common(METRICS)}
    return {**columns_named("name,status,duration"), **metrics}


def _summary(experiment: ExperimentRecord, runs: Sequence[RunRecord], shown: Sequence[RunRecord]) -> str:
    running = sum(run.status in OPEN_STATUSES for run in runs)
    counts = [f"{running:,} running", f"{plural(len(runs) - running, 'run')} ended"]
    if len(shown) < len(runs):
        counts.append(f"{len(runs) - len(shown):,} not shown")
    return f"{escaped(experiment.name)}: {', '.join(counts)}. Ctrl-C ends this."
