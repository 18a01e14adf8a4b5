"""Lists of runs as handles: the runs of an experiment, the runs below a run, and a run's parent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bridge.handles.experiment import Experiment
from bridge.handles.run import Run
from bridge.records.labels import Labels
from bridge.records.run import RunRecord
from bridge.records.search import RunQuery
from bridge.runs.children import find_parent
from bridge.runs.find import find_runs


def runs_of_experiment(
    experiment: Experiment,
    tags: Labels = None,
    properties: Labels = None,
    type: str | None = None,
    status: str | None = None,
    include_children: bool = False,
) -> Iterator[Run]:
    """Return the runs of an experiment that are not deleted, newest first; see `Run.list`."""
    query = RunQuery((experiment.id,))
    records = find_runs(experiment.workspace.stores, query, tags, properties, type, status, include_children)
    return _handles(experiment, records)


def runs_below(
    run: Run,
    recursive: bool = False,
    tags: Labels = None,
    properties: Labels = None,
    type: str | None = None,
    status: str | None = None,
) -> Iterator[Run]:
    """Return the runs below a run that are not deleted, newest first; see `Run.get_children`."""
    query = RunQuery((), below=run.id, recursive=recursive)
    return _handles(run.experiment, find_runs(run.place.stores, query, tags, properties, type, status))


def parent_of(run: Run) -> Run | None:
    """Return the parent of a run; None if it does not exist. The parent may belong to another experiment."""
    record = find_parent(run.place)
    return None if record is None else next(_handles(run.experiment, [record]))


def _handles(home: Experiment, records: Iterable[RunRecord]) -> Iterator[Run]:
    """Yield the handles of runs.

    `home` is an experiment that is already open. Every other experiment is read from the store once.
    """
    workspace = home.workspace
    experiments = {home.id: home}
    for record in records:
        if record.experiment_id not in experiments:
            found = workspace.stores.tracking.get_experiment(record.experiment_id)
            experiments[found.id] = Experiment.wrap(workspace, found)
        yield Run.wrap(experiments[record.experiment_id], record.id, record.type)
