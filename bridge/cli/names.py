"""Finds the run, the experiment or the metrics that the arguments of a command name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bridge.cli.texts import ID_LENGTH
from bridge.errors import InvalidValue, NotFound
from bridge.records.run import OPEN_STATUSES, RUN_ID
from bridge.records.search import Comparison, ExperimentQuery, RunQuery, View

if TYPE_CHECKING:
    from bridge.records.experiment import ExperimentRecord
    from bridge.records.run import RunRecord
    from bridge.records.views import KeyRecord, SeriesSummary
    from bridge.store.workspace_stores import WorkspaceStores

LATEST, RUNNING, CURRENT = "@latest", "@running", "@current"
SHOWN = 5
"""The number of candidates that an error names."""


def list_experiments(stores: WorkspaceStores, view: View = "active") -> list[ExperimentRecord]:
    """Return the experiments, newest first."""
    return list(stores.tracking.search_experiments(ExperimentQuery(view=view)).items)


def find_experiment(stores: WorkspaceStores, name: str, view: View = "all") -> ExperimentRecord:
    """Return the experiment with a name, or with an id.

    Raises:
        NotFound: no experiment has this name or id.
    """
    found = stores.tracking.find_experiment(name)
    if found is None:
        experiments = list_experiments(stores, view)
        found = next((each for each in experiments if each.id == name), None)
        if found is None:
            raise NotFound("experiment", name, "`runbridge list` shows the experiments")
    return found


def find_run(stores: WorkspaceStores, name: str, view: View = "all", latest: bool = True) -> RunRecord:
    """Return the run that a name means, with the latest values of its metrics.

    Args:
        stores: the workspace.
        name: an id, the start of an id, a display name, `@latest` for the run that was started last, `@running` for the
            only run that is running, or `@current` for the run of the script that runs the command.
        view: whether active or deleted runs are meant.
        latest: False omits the latest values if the name is an id, which is much quicker.

    Raises:
        NotFound: no run has this name.
        InvalidValue: several runs have it.
    """
    if name in (LATEST, RUNNING):
        return _special(stores, name)
    if name == CURRENT:
        name = _current()
    if RUN_ID.fullmatch(name):
        exact = stores.tracking.get_runs([name], latest).get(name)
        if exact is not None:
            return exact
    clauses = [Comparison("attribute", "display_name", "=", name)]
    if RUN_ID.fullmatch(name):
        clauses.insert(0, Comparison("attribute", "run_id", "LIKE", f"{name}%"))
    for clause in clauses:
        found = [run for run in _search(stores, clause, view) if clause.key != "run_id" or run.id.startswith(name)]
        if len(found) > 1:
            raise InvalidValue("run", name, f"must name one run, and {_several(found)}")
        if found:
            return found[0]
    listing = f"`runbridge list EXPERIMENT{' --deleted' if view == 'deleted' else ''}`"
    raise NotFound("deleted run" if view == "deleted" else "run", name, f"{listing} shows those of an experiment")


def find_runs(stores: WorkspaceStores, names: Sequence[str], view: View = "all") -> list[RunRecord]:
    """Return the runs that names mean, each once; see `find_run`."""
    found = [find_run(stores, name, view) for name in names]
    return list({run.id: run for run in found}.values())


def runs_that_begin_with(
    stores: WorkspaceStores, text: str, most: int, view: View = "active"
) -> list[tuple[str, RunRecord]]:
    """Return runs whose id or name begins with a text, newest first, each with its shortened id or its name."""
    ids, names = (
        Comparison("attribute", "run_id", "LIKE", f"{text}%"),
        Comparison("attribute", "display_name", "LIKE", f"{text}%"),
    )
    found = [(run.id[: max(ID_LENGTH, len(text))], run) for run in _search(stores, ids, view, most)]
    if text:
        found += [(run.display_name, run) for run in _search(stores, names, view, most)]
    return [(word, run) for word, run in found if word.startswith(text)][:most]


def tags_that_begin_with(stores: WorkspaceStores, text: str, most: int) -> list[str]:
    """Return the keys of the tags of all runs that begin with a text, without those of MLflow."""
    keys = stores.tracking.views.list_keys(experiment_ids(stores), "tag", text, limit=10 * most).items
    return [key for key in dict.fromkeys(found.key for found in keys) if not key.startswith("mlflow.")][:most]


def metrics_of(stores: WorkspaceStores, run: str | None) -> list[str]:
    """Return the names of the metrics of a run, or of all runs. A column of a table has the name `key.column`."""
    series: Iterable[SeriesSummary | KeyRecord]
    if run:
        series = stores.tracking.views.list_series(find_run(stores, run).id)
    else:
        ids = [experiment.id for experiment in list_experiments(stores)]
        series = stores.tracking.views.list_keys(ids, "metric").items
    numbers = (one for one in series if one.value_type != "text")
    return list(dict.fromkeys(f"{one.key}.{one.column}" if one.column else one.key for one in numbers))


def experiment_ids(stores: WorkspaceStores, view: View = "all") -> tuple[str, ...]:
    """Return the ids of all experiments."""
    return tuple(experiment.id for experiment in list_experiments(stores, view))


def _current() -> str:
    """Return the id of the run that the launcher of a script has stored in the environment."""
    id = os.environ.get("BRIDGE_RUN_ID")
    if not id:
        raise NotFound("run", CURRENT, "only the script of a run that was submitted has one")
    return id


def _special(stores: WorkspaceStores, name: str) -> RunRecord:
    clauses = (Comparison("attribute", "status", "IN", OPEN_STATUSES),) if name == RUNNING else ()
    query = RunQuery(experiment_ids(stores), clauses, max_results=SHOWN + 1 if clauses else 1)
    found = stores.tracking.search_runs(query).items
    if not found:
        raise NotFound("run", name, "no run is running" if clauses else "the workspace has no runs")
    if len(found) > 1:
        raise InvalidValue("run", name, f"must name one run, and {_several(found)}")
    return found[0]


def _search(stores: WorkspaceStores, clause: Comparison, view: View, most: int = SHOWN + 1) -> tuple[RunRecord, ...]:
    return stores.tracking.search_runs(RunQuery(experiment_ids(stores), (clause,), view=view, max_results=most)).items


def _several(found: list[RunRecord] | tuple[RunRecord, ...]) -> str:
    shown = ", ".join(f"{run.id} ({run.display_name})" for run in found[:SHOWN])
    return f"{'more than ' if len(found) > SHOWN else ''}{min(len(found), SHOWN)} runs have it: {shown}"
