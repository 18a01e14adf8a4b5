"""Reports which runs a subcommand has changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bridge.cli.json_records import run_json
from bridge.cli.output import notice, print_json
from bridge.cli.texts import plural

if TYPE_CHECKING:
    from bridge.records.run import RunRecord
    from bridge.store.workspace_stores import WorkspaceStores

NAMED = 5
"""The greatest number of runs that a sentence names."""


def report(stores: WorkspaceStores, runs: Sequence[RunRecord], sentence: str, json: bool) -> None:
    """Print changed runs: with `json` as they are now, else one sentence for a person.

    Args:
        stores: the workspace.
        runs: the runs, as they were before.
        sentence: what was done, with `{}` for the names of the runs.
        json: print one line of JSON for each run.
    """
    if json:
        print_runs(stores, [run.id for run in runs])
    else:
        notice(sentence.format(names_of(runs)))


def print_runs(stores: WorkspaceStores, run_ids: Sequence[str]) -> None:
    """Print the present state of runs, one line of JSON for each."""
    names: dict[str, str] = {}
    for run in stores.tracking.get_runs(run_ids).values():
        if run.experiment_id not in names:
            names[run.experiment_id] = stores.tracking.get_experiment(run.experiment_id).name
        print_json(run_json(run, names[run.experiment_id]))


def names_of(runs: Sequence[RunRecord]) -> str:
    """Return the names of runs, or their number if they are many."""
    if len(runs) > NAMED:
        return plural(len(runs), "run")
    return ", ".join(run.display_name or run.id for run in runs)
