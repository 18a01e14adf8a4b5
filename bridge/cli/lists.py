"""The lists that `runbridge list` prints."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from bridge.address import home_folder
from bridge.cli.json_records import experiment_json, run_json, workspace_json
from bridge.cli.names import find_experiment, list_experiments
from bridge.cli.output import is_terminal, notice, print_json, print_table
from bridge.cli.run_rows import RUN_HEADERS, RUN_NUMBERS, run_row
from bridge.cli.texts import plural, time_text
from bridge.errors import BridgeError
from bridge.records.search import RunQuery, View
from bridge.store.layout import DATABASE

if TYPE_CHECKING:
    from bridge.store.workspace_stores import WorkspaceStores


def list_workspaces(json: bool, quiet: bool) -> None:
    """Print the workspaces in `$BRIDGE_HOME`."""
    found = _workspaces()
    if json or quiet:
        for record in found:
            print_json(record) if json else print(record["name"])
        return
    rows = [(record["name"], time_text(record["creation_time"]), record["path"]) for record in found]
    print_table(("NAME", "CREATED", "FOLDER"), rows)
    if not found:
        notice(f"No workspaces are in {home_folder()}. `runbridge init` creates one in the working folder.")


def list_experiments_of(stores: WorkspaceStores, view: View, json: bool, quiet: bool) -> None:
    """Print the experiments of a workspace, newest first."""
    experiments = list_experiments(stores, view)
    if quiet:
        print("\n".join(experiment.id for experiment in experiments))
        return
    runs = {each.id: stores.tracking.views.count_runs(RunQuery((each.id,)))[0][1] for each in experiments}
    if json:
        for experiment in experiments:
            print_json(experiment_json(experiment, runs[experiment.id]))
        return
    rows = [(each.id, each.name, str(runs[each.id]), time_text(each.creation_time)) for each in experiments]
    print_table(("ID", "EXPERIMENT", "RUNS", "CREATED"), rows, right=("RUNS",))


def list_runs_of(stores: WorkspaceStores, name: str, view: View, limit: int, json: bool, quiet: bool) -> None:
    """Print the runs of an experiment, newest first."""
    experiment = find_experiment(stores, name)
    query = RunQuery((experiment.id,), view=view, max_results=limit)
    if quiet:
        print("\n".join(stores.tracking.search_run_ids(query).items))
        return
    page = stores.tracking.search_runs(query)
    if json:
        for run in page.items:
            print_json(run_json(run, experiment.name))
        return
    print_table(RUN_HEADERS, [run_row(run, is_terminal()) for run in page.items], RUN_NUMBERS)
    if page.next_token is not None:
        total = stores.tracking.views.count_runs(RunQuery((experiment.id,), view=view))[0][1]
        notice(f"These are the newest {len(page.items)} of {plural(total, 'run')}. `--limit` shows more.")


def _workspaces() -> list[dict[str, Any]]:
    """Return the readable workspaces in `$BRIDGE_HOME`, by name. None of them is changed."""
    from bridge.store.open import open_store

    found = []
    for database in sorted(home_folder().glob(f"*/{DATABASE}")):
        try:
            stores = open_store(database.parent)
            found.append(workspace_json(stores))
            stores.close()
        except (BridgeError, OSError, sqlite3.Error) as error:
            notice(f"{database.parent} cannot be read: {error}")
    return found
