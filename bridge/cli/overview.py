"""The output of `runbridge` without a subcommand: the workspace that is used here, and its running runs."""

from __future__ import annotations

from bridge.cli.find_workspace import opened
from bridge.cli.names import experiment_ids, list_experiments
from bridge.cli.output import is_terminal, print_table
from bridge.cli.run_rows import RUN_HEADERS, RUN_NUMBERS, run_row
from bridge.cli.texts import escaped, plural
from bridge.errors import NotFound
from bridge.records.run import OPEN_STATUSES
from bridge.records.search import Comparison, RunQuery

MOST = 20
"""The greatest number of running runs that are shown."""


def print_overview(workspace: str | None) -> None:
    """Print which workspace is used here, which runs are running, and where to read on."""
    try:
        with opened(workspace) as stores:
            ids = experiment_ids(stores)
            experiments = plural(len(list_experiments(stores)), "experiment")
            runs = plural(stores.tracking.views.count_runs(RunQuery(ids))[0][1] if ids else 0, "run")
            print(escaped(f"Workspace {stores.name} in {stores.address}: {experiments}, {runs}."))
            clause = Comparison("attribute", "status", "IN", OPEN_STATUSES)
            running = stores.tracking.search_runs(RunQuery(ids, (clause,), max_results=MOST)).items
            if running:
                print_table(RUN_HEADERS, [run_row(run, is_terminal()) for run in running], RUN_NUMBERS)
            else:
                print("Nothing is running.")
    except NotFound as error:
        print(escaped(error.sentence))
    print("`runbridge --help` lists the subcommands.")
